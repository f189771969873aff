//! What the table tests share: a context made from text, and the callers the tables name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use policy::{Context, Mode, Policies, Policy, PolicyKind, Principal, Request, Values, evaluate};

/// The account that owns the resources of the tables, unless a case says otherwise.
pub(crate) const HOME: &str = "111122223333";
/// The other account.
pub(crate) const AWAY: &str = "444455556666";

/// Condition keys in lower case, each with one value or a list.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    single: BTreeMap<String, String>,
    many: BTreeMap<String, Vec<String>>,
    unknown: BTreeSet<String>,
}

impl Keys {
    /// `key=value; key=[a,b]; key=?`, the last one that cannot be told.
    pub(crate) fn parse(text: &str) -> Self {
        let mut keys = Keys::default();
        for pair in text.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').expect("key=value");
            match value.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
                None if value == "?" => {
                    keys.unknown.insert(policy::key::fold(key).into_owned());
                }
                Some("") => keys.list(key, Vec::new()),
                Some(list) => keys.list(key, list.split(',').map(|value| value.trim().to_owned()).collect()),
                None => keys.one(key, value),
            }
        }
        keys
    }

    pub(crate) fn one(&mut self, key: &str, value: &str) {
        self.single.insert(policy::key::fold(key).into_owned(), value.to_owned());
    }

    pub(crate) fn list(&mut self, key: &str, values: Vec<String>) {
        self.many.insert(policy::key::fold(key).into_owned(), values);
    }
}

impl Context for Keys {
    fn get(&self, key: &str) -> Option<Values<'_>> {
        assert_eq!(key, policy::key::fold(key), "keys are looked up folded");
        if self.unknown.contains(key) {
            return Some(Values::Unknown);
        }
        let one = self.single.get(key).map(|value| Values::One(value));
        one.or_else(|| self.many.get(key).map(|values| Values::Owned(values)))
    }
}

/// What a statement of these elements does with a request: `y` if it applies, with either effect; `n` if it does not; `?` if a `Deny`
/// applies and an `Allow` does not. `!` would be the opposite.
pub(crate) fn applies(elements: &str, kind: PolicyKind, request: &Request<'_>) -> char {
    let decides = |effect: &str| {
        let statement = format!(r#"{{"Effect":"{effect}",{elements}}}"#);
        let parse = |text: &str, kind| {
            Policy::parse(text, kind).unwrap_or_else(|error| panic!("{text}: {error} at {}", error.path()))
        };
        // A denial shows beside what allows everything.
        let everybody = if kind == PolicyKind::Identity { "" } else { r#""Principal":"*","# };
        let all = format!(r#",{{"Effect":"Allow",{everybody}"Action":"*","Resource":"*"}}"#);
        let all = if effect == "Deny" { all.as_str() } else { "" };
        let policy =
            Arc::new(parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{statement}{all}]}}"#), kind));
        let identity = [Arc::clone(&policy)];
        let policies = match kind {
            PolicyKind::Identity => Policies { identity: &identity, ..Policies::default() },
            _ => Policies { resource: Some(&policy), ..Policies::default() },
        };
        evaluate(request, &policies, Mode::Standard).allowed == (effect == "Allow")
    };
    match (decides("Allow"), decides("Deny")) {
        (true, true) => 'y',
        (false, false) => 'n',
        (false, true) => '?',
        (true, false) => '!',
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
