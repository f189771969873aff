//! What the table tests share: a context made from text, and the callers the tables name.

use std::collections::BTreeMap;

use policy::{Context, Principal, Values};

/// The account that owns the resources of the tables, unless a case says otherwise.
pub(crate) const HOME: &str = "111122223333";
/// The other account.
pub(crate) const AWAY: &str = "444455556666";

/// Condition keys in lower case, each with one value or a list.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    single: BTreeMap<String, String>,
    many: BTreeMap<String, Vec<String>>,
}

impl Keys {
    /// `key=value; key=[a,b]`
    pub(crate) fn parse(text: &str) -> Self {
        let mut keys = Keys::default();
        for pair in text.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').expect("key=value");
            match value.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
                Some("") => keys.list(key, Vec::new()),
                Some(list) => keys.list(key, list.split(',').map(|value| value.trim().to_owned()).collect()),
                None => keys.one(key, value),
            }
        }
        keys
    }

    pub(crate) fn one(&mut self, key: &str, value: &str) {
        self.single.insert(key.to_lowercase(), value.to_owned());
    }

    pub(crate) fn list(&mut self, key: &str, values: Vec<String>) {
        self.many.insert(key.to_lowercase(), values);
    }
}

impl Context for Keys {
    fn get(&self, key: &str) -> Option<Values<'_>> {
        assert_eq!(key, key.to_lowercase(), "keys are looked up in lower case");
        let one = self.single.get(key).map(|value| Values::One(value));
        one.or_else(|| self.many.get(key).map(|values| Values::Owned(values)))
    }
}

pub(crate) fn caller(name: &str) -> Principal<'static> {
    match name {
        "anonymous" => Principal::Anonymous,
        "service" => Principal::Service { name: "cloudtrail.amazonaws.com" },
        "provider" => Principal::Provider { name: "accounts.google.com" },
        "root" => Principal::Root { account: HOME },
        "far-root" => Principal::Root { account: AWAY },
        "alice" => Principal::User {
            account: HOME,
            arn: "arn:aws:iam::111122223333:user/team/alice",
            id: "AIDAALICEALICEALICE1",
        },
        "bob" => Principal::User {
            account: AWAY,
            arn: "arn:aws:iam::444455556666:user/bob",
            id: "AIDABOBBOBBOBBOBBOB1",
        },
        "session" => Principal::RoleSession {
            account: HOME,
            session_arn: "arn:aws:sts::111122223333:assumed-role/app/s1",
            role_arn: "arn:aws:iam::111122223333:role/path/app",
            role_id: "AROAAPPAPPAPPAPPAPP1",
            session_name: "s1",
        },
        "far-session" => Principal::RoleSession {
            account: AWAY,
            session_arn: "arn:aws:sts::444455556666:assumed-role/ops/s2",
            role_arn: "arn:aws:iam::444455556666:role/ops",
            role_id: "AROAOPSOPSOPSOPSOPS1",
            session_name: "s2",
        },
        "federated" => Principal::Federated {
            account: HOME,
            arn: "arn:aws:sts::111122223333:federated-user/fred",
            user_arn: "arn:aws:iam::111122223333:user/team/alice",
            user_id: "AIDAALICEALICEALICE1",
        },
        other => panic!("no caller {other}"),
    }
}
