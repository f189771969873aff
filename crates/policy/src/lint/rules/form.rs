//! Whether the document is one, and names what there is.

use super::{identity, trust};
use crate::condition::Operator;
use crate::document::PolicyKind;
use crate::glob::{Pattern, Syntax};
use crate::grammar::SAME_SID;
use crate::lint::names::{meant, nearest};
use crate::lint::subject::{fault, items};
use crate::lint::{Fault, Level, Rule};

/// Every condition operator, without set operator and `IfExists`.
const OPERATORS: &[&str] = &[
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "BinaryEquals",
    "Bool",
    "DateEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateNotEquals",
    "IpAddress",
    "NotIpAddress",
    "Null",
    "NumericEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericNotEquals",
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "StringNotEquals",
    "StringNotEqualsIgnoreCase",
    "StringNotLike",
];

pub(super) const SYNTAX_ERROR: Rule = Rule {
    code: "SYNTAX_ERROR",
    level: Level::Error,
    doc: "The document is not JSON, or not a policy of its kind: a service would not save it. The message is the service's own, with \
          the element at fault.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:*:111122223333:key/k","Condition":{"StringEqual":{"aws:username":"alice"}}}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:*:111122223333:key/k","Condition":{"StringEquals":{"aws:username":"alice"}}}}"#,
    ),
    check: |subject, found| {
        if let Some(offset) = subject.syntax {
            found.push(fault(offset, "the text is not JSON from here on, or a member is there twice"));
            return;
        }
        let Some(error) = subject.refused else { return };
        if error.message() == SAME_SID {
            return;
        }
        let operator = error.path().rsplit_once(".Condition.").map(|(_, name)| name);
        let operator = operator.filter(|name| Operator::parse(name).is_none()).map(|name| {
            let base = name.rsplit(':').next().unwrap_or(name);
            meant(nearest(base, OPERATORS.iter().copied()).map(str::to_owned))
        });
        let place = if error.path().is_empty() { String::new() } else { format!(" (at {})", error.path()) };
        let message = error.message().trim_end_matches('.');
        found.push(fault(error.offset(), format!("{message}{}{place}", operator.unwrap_or_default())));
    },
};

pub(super) const DUPLICATE_SID: Rule = Rule {
    code: "DUPLICATE_SID",
    level: Level::Error,
    doc: "Two statements have the same `Sid`, which has to be unique in its document.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":"iam:GetUser","Resource":"*"},{"Sid":"A","Effect":"Allow","Action":"iam:ListUsers","Resource":"*"}]}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":"iam:GetUser","Resource":"*"},{"Sid":"B","Effect":"Allow","Action":"iam:ListUsers","Resource":"*"}]}"#,
    ),
    check: |subject, found| {
        let mut seen = Vec::new();
        for statement in subject.statements() {
            let Some(sid) = statement.text("Sid").filter(|sid| !sid.is_empty()) else { continue };
            if seen.contains(&sid) {
                found.push(fault(
                    statement.place("Sid"),
                    format!("another statement is called {sid} as well"),
                ));
            }
            seen.push(sid);
        }
    },
};

pub(super) const INVALID_ACTION: Rule = Rule {
    code: "INVALID_ACTION",
    level: Level::Error,
    doc: "An action, or a pattern of actions, matches none that its service has. Nothing is allowed or denied by it. Some operations \
          are authorized under other names: `ReEncrypt` of KMS as `kms:ReEncryptFrom` and `kms:ReEncryptTo`.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Decript","Resource":"arn:aws:kms:*:111122223333:key/k"}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:kms:*:111122223333:key/k"}}"#,
    ),
    check: |subject, found| {
        for statement in subject.statements() {
            let Some(actions) = statement.actions() else { continue };
            for (text, json) in items(actions.json) {
                if let Some(message) = subject.vocabulary.unknown_action(&text) {
                    found.push(fault(json.span.start, message));
                }
            }
        }
    },
};

/// How much of a document counts against a quota, and the largest (IAM User Guide, "IAM and AWS STS quotas"; KMS Developer Guide,
/// "Resource quotas"). White space counts for keys alone.
fn quota(kind: PolicyKind) -> Option<(usize, &'static str)> {
    Some(match kind {
        PolicyKind::Identity => (10_240, "the inline policies of a role, the largest place there is for it"),
        PolicyKind::Boundary => (6_144, "a managed policy"),
        PolicyKind::Session => (2_048, "a session policy"),
        PolicyKind::Trust => (2_048, "a trust policy"),
        PolicyKind::Key => (32_768, "a key policy"),
        PolicyKind::Resource => return None,
    })
}

/// A trust policy of more characters than it may have, most of them in names of accounts.
const LONG_TRUST: &str = concat!(
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"111122223333"},"Condition":{"StringEquals":{"sts:ExternalId":["#,
    "\"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\",",
    "\"1123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\",",
    "\"2123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\",",
    "\"3123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\",",
    "\"4123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\",",
    "\"5123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\",",
    "\"6123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\",",
    "\"7123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\",",
    "\"8123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\",",
    "\"9123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\",",
    "\"a123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\",",
    "\"b123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\",",
    "\"c123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\",",
    "\"d123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\",",
    "\"e123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"",
    "]}}}}"
);

pub(super) const POLICY_SIZE_EXCEEDS_QUOTA: Rule = Rule {
    code: "POLICY_SIZE_EXCEEDS_QUOTA",
    level: Level::Error,
    doc: "The document is longer than its kind may be: 10,240 characters for identity policies (and less for most: 2,048 inline in a \
          user, 5,120 in a group, 6,144 managed), 6,144 for boundaries, 2,048 for trust and session policies, white space not \
          counted; 32 KiB for key policies.",
    bad: trust(LONG_TRUST),
    good: trust(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"111122223333"},"Condition":{"StringEquals":{"sts:ExternalId":"agreed"}}}}"#,
    ),
    check: |subject, found| {
        let Some((most, place)) = quota(subject.kind) else { return };
        let size = match subject.kind {
            PolicyKind::Key => subject.text.len(),
            _ => subject.text.chars().filter(|c| !c.is_whitespace()).count(),
        };
        if size > most {
            found.push(fault(0, format!("{size} characters are more than the {most} of {place}")));
        }
    },
};

pub(super) const MISSING_VERSION: Rule = Rule {
    code: "MISSING_VERSION",
    level: Level::Warning,
    doc: "Without `Version` the document is in the language of 2008, in which policy variables are plain text.",
    bad: identity(r#"{"Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"}}"#),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"}}"#,
    ),
    check: |subject, found| {
        if subject.source.member("Statement").is_some() && subject.source.member("Version").is_none() {
            found.push(fault(subject.source.root.span.start, "add \"Version\": \"2012-10-17\""));
        }
    },
};

pub(super) const POLICY_VARIABLES_NEED_VERSION: Rule = Rule {
    code: "POLICY_VARIABLES_NEED_VERSION",
    level: Level::Warning,
    doc: "A policy variable such as `${aws:username}` is plain text, and matches nothing that is meant, in a document whose version is \
          not 2012-10-17.",
    bad: identity(
        r#"{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"arn:aws:iam::111122223333:user/${aws:username}"}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"arn:aws:iam::111122223333:user/${aws:username}"}}"#,
    ),
    check: |subject, found| {
        let version = subject.source.member("Version").and_then(crate::json::Json::text);
        if version.as_deref() == Some("2012-10-17") {
            return;
        }
        let syntax = Syntax { wildcards: true, variables: true };
        let is_variable = |text: &str| {
            text.contains("${") && Pattern::parse(text, syntax).is_ok_and(|p| p.literal().is_none())
        };
        for statement in subject.statements() {
            let resources = statement.resources().map(|patterns| items(patterns.json)).unwrap_or_default();
            let conditions = statement.conditions().flat_map(|tested| items(tested.json));
            for (text, json) in resources.into_iter().chain(conditions) {
                if is_variable(&text) {
                    let message =
                        "the variable is plain text in a document without \"Version\": \"2012-10-17\"";
                    found.push(Fault { offset: json.span.start, message: message.to_owned() });
                }
            }
        }
    },
};
