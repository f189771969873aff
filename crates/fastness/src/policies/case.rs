//! The request that a test case describes.

use super::suite::Case;
use crate::Failure;
use crate::yaml::at;
use policy::lint::{Vocabulary, unknown_key};
use policy::{Context, Principal, Request, Values, key};
use serde_json::Value;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use std::path::Path;

/// Stands for the unique id of a user or role, which a test does not know.
const UNIQUE_ID: &str = "AIDATESTTESTTESTTEST1";

/// The name of a session of a role that is given as principal.
const SESSION: &str = "test-session";

/// A caller with all that the policy engine asks of it.
#[derive(Debug, PartialEq, Eq)]
enum Caller {
    Anonymous,
    Service(String),
    Root { account: String },
    User { account: String, arn: String },
    Session { account: String, arn: String, role: String, name: String },
    Federated { account: String, arn: String },
}

impl Caller {
    /// Reads `anonymous`, the name of a service, an account's twelve digits, or the ARN of an account's root, a user, a role (for a
    /// session of it), a session of a role or a federated user.
    fn parse(text: &str) -> Option<Self> {
        if text == "anonymous" {
            return Some(Self::Anonymous);
        }
        let digits = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits(text) {
            return Some(Self::Root { account: text.to_owned() });
        }
        let mut parts = text.splitn(6, ':');
        if !text.starts_with("arn:") {
            let domain = text.contains('.') && !text.contains([':', '/', '*']);
            return domain.then(|| Self::Service(text.to_owned()));
        }
        let (Some("arn"), Some(partition), Some(service), Some(""), Some(account), Some(name)) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        if !digits(account) {
            return None;
        }
        let (account, arn) = (account.to_owned(), text.to_owned());
        match (service, name.split_once('/')) {
            ("iam", None) if name == "root" => Some(Self::Root { account }),
            ("iam", Some(("user", _))) => Some(Self::User { account, arn }),
            ("iam", Some(("role", path))) => {
                let role = path.rsplit('/').next()?;
                let session = format!("arn:{partition}:sts::{account}:assumed-role/{role}/{SESSION}");
                Some(Self::Session { account, arn: session, role: arn, name: SESSION.to_owned() })
            }
            ("sts", Some(("assumed-role", rest))) => {
                let (role, session) = rest.split_once('/')?;
                let role = format!("arn:{partition}:iam::{account}:role/{role}");
                Some(Self::Session { account, arn, role, name: session.to_owned() })
            }
            ("sts", Some(("federated-user", _))) => Some(Self::Federated { account, arn }),
            _ => None,
        }
    }

    fn principal(&self) -> Principal<'_> {
        match self {
            Self::Anonymous => Principal::Anonymous,
            Self::Service(name) => Principal::Service { name },
            Self::Root { account } => Principal::Root { account },
            Self::User { account, arn } => Principal::User { account, arn, id: UNIQUE_ID },
            Self::Session { account, arn, role, name } => Principal::RoleSession {
                account,
                session_arn: arn,
                role_arn: role,
                role_id: UNIQUE_ID,
                session_name: name,
            },
            Self::Federated { account, arn } => {
                Principal::Federated { account, arn, user_arn: "", user_id: UNIQUE_ID }
            }
        }
    }

    fn account(&self) -> Option<&str> {
        self.principal().account()
    }

    /// The condition keys that follow from who the caller is.
    fn keys(&self) -> Vec<(&'static str, String)> {
        let kind = match self {
            Self::Anonymous => "Anonymous",
            Self::Service(_) => "Service",
            Self::Root { .. } => "Account",
            Self::User { .. } => "User",
            Self::Session { .. } => "AssumedRole",
            Self::Federated { .. } => "FederatedUser",
        };
        let service = matches!(self, Self::Service(_));
        let mut keys = vec![
            ("aws:principaltype", kind.to_owned()),
            ("aws:principalisawsservice", service.to_string()),
            ("aws:viaawsservice", "false".to_owned()),
        ];
        if let Some(account) = self.account() {
            keys.push(("aws:principalaccount", account.to_owned()));
        }
        match self {
            Self::Anonymous | Self::Service(_) => {}
            Self::Root { account } => {
                keys.push(("aws:principalarn", format!("arn:aws:iam::{account}:root")));
                keys.push(("aws:userid", account.clone()));
            }
            Self::User { arn, .. } => {
                keys.push(("aws:principalarn", arn.clone()));
                keys.push(("aws:username", arn.rsplit('/').next().unwrap_or_default().to_owned()));
            }
            Self::Session { role, .. } => keys.push(("aws:principalarn", role.clone())),
            Self::Federated { arn, .. } => keys.push(("aws:principalarn", arn.clone())),
        }
        keys
    }
}

/// A case that can be tried: what it names is there to be named. A name that means nothing would be denied whatever the policies say, and
/// so pass where a denial is expected.
pub(super) struct Asked<'c> {
    pub(super) case: &'c Case,
    caller: Caller,
    keys: Keys,
    /// The account that owns the resource.
    owner: String,
}

impl<'c> Asked<'c> {
    /// Reads a case of the file at `suite`.
    pub(super) fn of(
        case: &'c Spanned<Case>,
        suite: &Path,
        vocabulary: &Vocabulary,
    ) -> Result<Self, Failure> {
        let (here, case) = (case.referenced, &case.value);
        let wrong = |place, message: String| at(suite, place, format!("case `{}`: {message}", case.name));
        let Case { principal, action, resource, .. } = case;
        let caller = Caller::parse(&principal.value).ok_or_else(|| {
            let message = format!(
                "`{}` is no principal: give the ARN of a user, role, session or root, an account, a service or `anonymous`",
                principal.value
            );
            wrong(principal.referenced, message)
        })?;
        if !is_action(&action.value) {
            let message = format!("`{}` is no action: give one as `kms:Decrypt`", action.value);
            return Err(wrong(action.referenced, message));
        }
        if let Some(message) = vocabulary.unknown_action(&action.value) {
            return Err(wrong(action.referenced, message));
        }
        if resource.value != "*" && !is_arn(&resource.value) {
            let message = format!("`{}` is no resource: give an ARN or `*`", resource.value);
            return Err(wrong(resource.referenced, message));
        }
        if let Some(message) = case.context.keys().find_map(|key| unknown_key(key)) {
            return Err(wrong(here, message));
        }
        if let Some(key) = key::repeated(case.context.keys().map(String::as_str)) {
            return Err(wrong(
                here,
                format!("{key} is there twice: names that differ by case alone are the same"),
            ));
        }
        let owner = account_of(case, &caller);
        let keys = Keys::of(case, &caller, &owner)
            .map_err(|key| wrong(here, format!("{key} needs a text or a list of texts")))?;
        Ok(Self { case, caller, keys, owner })
    }

    pub(super) fn request(&self) -> Request<'_> {
        Request {
            action: &self.case.action.value,
            resource: &self.case.resource.value,
            resource_account: &self.owner,
            principal: self.caller.principal(),
            context: &self.keys,
        }
    }
}

/// Whether a text has the form of one action.
fn is_action(text: &str) -> bool {
    text.split_once(':').is_some_and(|(prefix, name)| {
        let dashed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !prefix.is_empty() && prefix.bytes().all(dashed) && !name.is_empty() && name.bytes().all(dashed)
    })
}

/// Whether a text has the form of an ARN: `arn:partition:service:region:account:resource`, region and account of which some have not.
fn is_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(*parts, ["arn", partition, service, _, _, resource] if ![partition, service, resource].contains(&""))
}

/// The condition keys of a case: those that it gives, and those that follow from its caller.
#[derive(Debug)]
struct Keys(BTreeMap<String, Given>);

#[derive(Debug)]
enum Given {
    One(String),
    Many(Vec<String>),
}

impl Keys {
    /// Fails with the key whose value is none.
    fn of<'c>(case: &'c Case, caller: &Caller, owner: &str) -> Result<Self, &'c str> {
        let mut keys: BTreeMap<String, Given> =
            caller.keys().into_iter().map(|(key, value)| (key.to_owned(), Given::One(value))).collect();
        if case.resource.value != "*" {
            keys.insert("aws:resourceaccount".to_owned(), Given::One(owner.to_owned()));
        }
        for (key, value) in &case.context {
            let given = match value {
                Value::Array(list) => {
                    Some(Given::Many(list.iter().map(scalar).collect::<Option<_>>().ok_or(key.as_str())?))
                }
                // What the caller would have, it has not.
                Value::Null => None,
                value => Some(Given::One(scalar(value).ok_or(key.as_str())?)),
            };
            let folded = key::fold(key);
            match given {
                Some(given) => keys.insert(folded.into_owned(), given),
                None => keys.remove(&*folded),
            };
        }
        Ok(Self(keys))
    }
}

/// The account that owns the resource: the one that is given, the one in its ARN, or the caller's.
fn account_of(case: &Case, caller: &Caller) -> String {
    let named = case.resource.value.split(':').nth(4).filter(|account| !account.is_empty());
    let account = case.resource_account.as_deref().or(named).or_else(|| caller.account());
    account.unwrap_or_default().to_owned()
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

impl Context for Keys {
    fn get(&self, key: &str) -> Option<Values<'_>> {
        Some(match self.0.get(key)? {
            Given::One(value) => Values::One(value),
            Given::Many(values) => Values::Owned(values),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, action, arn) in [
            ("kms:Decrypt", true, false),
            ("Decrypt", false, false),
            ("kms:", false, false),
            (":Decrypt", false, false),
            ("kms:Dec*", false, false),
            ("kms: Decrypt", false, false),
            ("a4b:x:y", false, false),
            ("arn:aws:kms:us-east-1:111122223333:key/k", false, true),
            ("arn:aws:s3:::bucket/k:y", false, true),
            ("arn:aws:s3:::", false, false),
            ("arn:aws:s3::bucket", false, false),
            ("arn::s3:::b", false, false),
            ("nonsense", false, false),
            ("", false, false),
        ] {
            assert_eq!((is_action(text), is_arn(text)), (action, arn), "{text}");
        }
    }

    #[test]
    fn callers() {
        for (text, expected) in [
            ("anonymous", Some("anonymous")),
            ("111122223333", Some("arn:aws:iam::111122223333:root")),
            ("arn:aws:iam::111122223333:root", Some("arn:aws:iam::111122223333:root")),
            ("arn:aws:iam::111122223333:user/p/alice", Some("arn:aws:iam::111122223333:user/p/alice")),
            (
                "arn:aws:iam::111122223333:role/p/app",
                Some("arn:aws:sts::111122223333:assumed-role/app/test-session"),
            ),
            (
                "arn:aws:sts::111122223333:assumed-role/app/s",
                Some("arn:aws:sts::111122223333:assumed-role/app/s"),
            ),
            (
                "arn:aws:sts::111122223333:federated-user/f",
                Some("arn:aws:sts::111122223333:federated-user/f"),
            ),
            ("cloudtrail.amazonaws.com", Some("cloudtrail.amazonaws.com")),
            ("alice", None),
            ("1111", None),
            ("arn:aws:iam::1:user/a", None),
            ("arn:aws:s3:::bucket", None),
            ("arn:aws:iam::111122223333:group/g", None),
        ] {
            let found = Caller::parse(text).map(|caller| caller.principal().to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
