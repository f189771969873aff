//! Policies as the model knows them: a list of statements, gone through one by one.

use crate::world::{ACCOUNT, AWAY, REGION};
use serde_json::{Value, json};

/// Sets of actions that statements name.
const ACTIONS: [&[&str]; 10] = [
    &["*"],
    &["kms:*"],
    &["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:ReEncrypt*"],
    &["kms:Describe*", "kms:List*", "kms:Get*"],
    &["kms:CreateKey", "kms:*Alias", "kms:TagResource", "KMS:putkeypolicy"],
    &["kms:CreateGrant", "kms:Re?okeGrant", "kms:RetireGrant"],
    &["kms:Decrypt", "kms:Sign", "kms:*Mac", "kms:ReplicateKey"],
    &["iam:*"],
    &["iam:*AccessKey", "iam:CreateUser", "iam:PutUserPolicy"],
    &["sts:*", "kms:EnableKey*", "kms:*Deletion", "kms:*Import*", "kms:UpdatePrimaryRegion"],
];

/// Whom a statement of a key policy, a trust policy or a grant names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// Everybody.
    Everyone,
    /// The account.
    Account,
    /// A user, by name.
    User(String),
    /// A role, by name.
    Role(String),
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Whether it allows, or denies.
    pub allow: bool,
    /// Whom it names, in a policy that names somebody.
    pub party: Option<Party>,
    /// Which of the sets of actions.
    pub actions: usize,
    /// The pattern of resources.
    pub resource: String,
    /// The value that `app` in the encryption context must have.
    pub app: Option<String>,
}

/// A policy document.
pub type Document = Vec<Statement>;

impl Party {
    /// The principal as policies and grants write it.
    pub fn arn(&self) -> String {
        match self {
            Self::Everyone => "*".to_owned(),
            Self::Account => format!("arn:aws:iam::{ACCOUNT}:root"),
            Self::User(name) => user_arn(name),
            Self::Role(name) => role_arn(name),
        }
    }
}

/// A document as JSON text.
pub fn text(document: &Document) -> String {
    let statements: Vec<Value> = document.iter().map(Statement::json).collect();
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

impl Statement {
    fn json(&self) -> Value {
        let mut json = json!({
            "Effect": if self.allow { "Allow" } else { "Deny" },
            "Action": ACTIONS[self.actions % ACTIONS.len()],
        });
        json["Resource"] = json!(self.resource);
        if let Some(party) = &self.party {
            json["Principal"] = json!({"AWS": party.arn()});
        }
        if let Some(app) = &self.app {
            json["Condition"] = json!({"StringEquals": {"kms:EncryptionContext:app": app}});
        }
        json
    }

    /// Whether it is about this action on this resource, whoever asks.
    pub fn is_about(&self, action: &str, resource: &str, app: Option<&str>) -> bool {
        let actions = ACTIONS[self.actions % ACTIONS.len()];
        actions.iter().any(|pattern| matches(&pattern.to_lowercase(), &action.to_lowercase()))
            && matches(&self.resource, resource)
            && self.app.as_deref().is_none_or(|wanted| app == Some(wanted))
    }
}

/// Whether a text matches a pattern with `*` and `?`, found by trying everything.
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    let mut chars = text.chars();
    match (first, chars.next()) {
        ('*', None) => matches(rest, ""),
        ('*', Some(_)) => matches(rest, text) || matches(pattern, chars.as_str()),
        ('?', Some(_)) => matches(rest, chars.as_str()),
        (expected, Some(found)) => expected == found && matches(rest, chars.as_str()),
        (_, None) => false,
    }
}

/// A user's ARN.
pub fn user_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:user/{name}")
}

/// A role's ARN.
pub fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// A managed policy's ARN.
pub fn policy_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:policy/{name}")
}

/// A key's ARN.
pub fn key_arn(name: &str) -> String {
    let (id, region) = place(name);
    format!("arn:aws:kms:{region}:{ACCOUNT}:key/{id}")
}

/// The id of a key, and its region: a key that is not in [`REGION`] is named `id@region` throughout.
pub fn place(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, REGION))
}

/// The name of the key of this ARN.
pub fn name_of(arn: &str) -> String {
    let id = arn.rsplit('/').next().unwrap_or_default();
    if arn.contains(AWAY) { format!("{id}@{AWAY}") } else { id.to_owned() }
}

/// The name of the key of the same id in the other region.
pub fn twin(name: &str) -> String {
    match place(name) {
        (id, REGION) => format!("{id}@{AWAY}"),
        (id, _) => id.to_owned(),
    }
}

/// The ARN of an alias, `alias/…`.
pub fn alias_arn(name: &str) -> String {
    format!("arn:aws:kms:{REGION}:{ACCOUNT}:{name}")
}
