//! The state of a deployment as its root user sees it, through the API.

use crate::action::{Action, Blob, KeyName, Proof, Tampering};
use crate::clients::Clients;
use crate::model::policy::twin;
use crate::model::{Model, State};
use crate::request::{Request, error, json};
use crate::world::{AWAY, Credentials, Server, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use store::Engine;

/// What could be seen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    keys: BTreeSet<String>,
    aliases: BTreeMap<String, String>,
    users: BTreeSet<String>,
    roles: BTreeSet<String>,
    policies: BTreeSet<String>,
    access_keys: BTreeSet<String>,
}

impl Seen {
    /// Requires that it is what the model says.
    pub(crate) fn assert_is(&self, model: &Model) {
        let expected = Self {
            keys: model.keys.keys().cloned().collect(),
            aliases: model.aliases.clone(),
            users: model.users.keys().cloned().collect(),
            roles: model.roles.keys().cloned().collect(),
            policies: model.policies.keys().cloned().collect(),
            access_keys: model.users.values().flat_map(|user| user.access_keys.keys().cloned()).collect(),
        };
        assert_eq!(*self, expected);
    }
}

/// Looks at everything.
pub(crate) fn look<E: Engine>(world: &World, server: &mut Server<E>) -> Seen {
    let mut ask = |request: Request| {
        let (parts, body) = request.sign(&Credentials::root(), world.now(), "look");
        let answer = server.call(parts, body);
        assert_eq!(error(&answer), None, "{request:?}");
        answer
    };
    let list = |answer: &Value, list: &str, member: &str| -> Vec<String> {
        let items = answer[list].as_array().unwrap();
        items.iter().map(|item| item[member].as_str().unwrap().to_owned()).collect()
    };
    let mut keys = BTreeSet::new();
    for place in ["", &format!("@{AWAY}")] {
        let found = json(&ask(Request::kms("ListKeys", &json!({"Limit": 1000})).at(place)));
        keys.extend(list(&found, "Keys", "KeyId").into_iter().map(|id| id + place));
    }
    let aliases = json(&ask(Request::kms("ListAliases", &json!({"Limit": 100}))));
    // Those that AWS has predefined have no key.
    let pair = |item: &Value| {
        let name = item["AliasName"].as_str().unwrap().to_owned();
        item["TargetKeyId"].as_str().map(|key| (name, key.to_owned()))
    };
    let aliases = aliases["Aliases"].as_array().unwrap().iter().filter_map(pair).collect();
    let mut xml = |operation: &str, parameters: &[(&str, &str)], element: &str| -> BTreeSet<String> {
        let answer = ask(Request::iam(operation, parameters));
        let text = String::from_utf8(answer.body).unwrap();
        let opening = format!("<{element}>");
        let parts = text.split(opening.as_str()).skip(1);
        parts.map(|part| part.split('<').next().unwrap().to_owned()).collect()
    };
    let users = xml("ListUsers", &[("MaxItems", "1000")], "UserName");
    let mut access_keys = BTreeSet::new();
    for user in &users {
        access_keys.extend(xml("ListAccessKeys", &[("UserName", user)], "AccessKeyId"));
    }
    Seen {
        keys,
        aliases,
        roles: xml("ListRoles", &[("MaxItems", "1000")], "RoleName"),
        policies: xml("ListPolicies", &[("Scope", "Local"), ("MaxItems", "1000")], "PolicyName"),
        users,
        access_keys,
    }
}

/// Requires that the root user can open every ciphertext ever given, and verify every signature and code, wherever the model says so, and
/// not elsewhere.
pub(crate) fn use_all<E: Engine>(world: &World, server: &mut Server<E>, model: &Model, clients: &Clients) {
    let mut succeeds = |key: &str, action: Action| {
        let (parts, body) = action.request().sign(&Credentials::root(), world.now(), "look");
        let answer = server.call(parts, body);
        let usable = model.keys.get(key).is_some_and(|key| key.state == State::Enabled);
        let code = error(&answer);
        // A key policy can shut out the root user.
        let shut_out = code.as_deref() == Some("AccessDenied");
        assert_eq!(code.is_none(), usable && !shut_out, "{code:?} for what {key} made: {action:?}");
        code.is_none().then(|| json(&answer))
    };
    for blob in &clients.blobs {
        for key in [blob.key.clone(), twin(&blob.key)] {
            let action = Action::Decrypt {
                blob: Blob { key: key.clone(), ..blob.clone() },
                key: Some(KeyName::Arn(key.clone())),
                app: blob.app.clone(),
                tampering: Tampering::None,
            };
            if let Some(answer) = succeeds(&key, action) {
                assert_eq!(STANDARD.decode(answer["Plaintext"].as_str().unwrap()).unwrap(), blob.plaintext);
            }
        }
    }
    type Verify = fn(Proof, KeyName, Tampering) -> Action;
    for (proofs, verify) in [(&clients.signed, Action::Verify as Verify), (&clients.coded, Action::VerifyMac)]
    {
        for proof in proofs {
            let name = KeyName::Arn(proof.key.clone());
            succeeds(&proof.key, verify(proof.clone(), name, Tampering::None));
        }
    }
}
