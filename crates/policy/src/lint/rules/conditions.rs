//! Whether conditions ask what there is to ask, in the way it has to be asked.

use super::{identity, resource};
use crate::glob::{self, Syntax, Token};
use crate::json::Json;
use crate::key;
use crate::lint::keys::{self, Type};
use crate::lint::subject::{Subject, fault, items};
use crate::lint::{Fault, Level, Rule};
use crate::source::{Tested, Written};
use crate::variable::Variable;

pub(super) const INVALID_GLOBAL_CONDITION_KEY: Rule = Rule {
    code: "INVALID_GLOBAL_CONDITION_KEY",
    level: Level::Error,
    doc: "There is no such `aws:` condition key, so that no request ever has it.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*","Condition":{"IpAddress":{"aws:SourceIpp":"203.0.113.0/24"}}}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}}"#,
    ),
    check: |subject, found| unknown_keys(subject, found, |prefix| prefix == "aws"),
};

pub(super) const INVALID_SERVICE_CONDITION_KEY: Rule = Rule {
    code: "INVALID_SERVICE_CONDITION_KEY",
    level: Level::Error,
    doc: "The service has no such condition key, so that no request ever has it.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:kms:*:111122223333:key/k","Condition":{"StringEquals":{"kms:EncryptionContex:app":"prod"}}}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:kms:*:111122223333:key/k","Condition":{"StringEquals":{"kms:EncryptionContext:app":"prod"}}}}"#,
    ),
    check: |subject, found| {
        unknown_keys(subject, found, |prefix| prefix != "aws");
    },
};

pub(super) const INVALID_CONDITION_KEY_FORMAT: Rule = Rule {
    code: "INVALID_CONDITION_KEY_FORMAT",
    level: Level::Error,
    doc: "A condition key begins with the prefix of a service, or with `aws:`. IAM saves one that does not, and no request ever has it.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*","Condition":{"IpAddress":{"SourceIp":"203.0.113.0/24"}}}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}}"#,
    ),
    check: |subject, found| {
        let tested = subject.statements().flat_map(|statement| statement.conditions());
        for tested in tested.filter(|tested| !tested.key.contains(':')) {
            let message = format!("{} is no condition key: it has no service before a colon", tested.key);
            found.push(fault(tested.json.span.start, message));
        }
    },
};

pub(super) const EMPTY_ARRAY_CONDITION: Rule = Rule {
    code: "EMPTY_ARRAY_CONDITION",
    level: Level::Warning,
    doc: "A condition has no value to compare with. AWS saves it and does not say what it means, so that an `Allow` does not apply, and a \
          `Deny` does.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":[]}}}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":["203.0.113.0/24"]}}}}"#,
    ),
    check: |subject, found| {
        let tested = subject.statements().flat_map(|statement| statement.conditions());
        for tested in tested.filter(|tested| tested.json.items().is_empty()) {
            found.push(fault(tested.json.span.start, format!("{} has no value to compare with", tested.key)));
        }
    },
};

fn unknown_keys(subject: &Subject<'_>, found: &mut Vec<Fault>, concerns: impl Fn(&str) -> bool) {
    for statement in subject.statements() {
        for tested in statement.conditions() {
            if concerns(&keys::prefix(tested.key))
                && let Some(message) = keys::unknown(tested.key)
            {
                found.push(fault(tested.json.span.start, message));
            }
        }
    }
}

pub(super) const UNKNOWN_POLICY_VARIABLE: Rule = Rule {
    code: "UNKNOWN_POLICY_VARIABLE",
    level: Level::Warning,
    doc: "A policy variable is named by a condition key, and there is none of this name. Where no request has the key the text matches \
          nothing, or only what the default says.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"arn:aws:iam::111122223333:user/${aws:usernme}"}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"arn:aws:iam::111122223333:user/${aws:username}"}}"#,
    ),
    check: |subject, found| {
        for (variable, json) in subject.statements().flat_map(|statement| variables(subject, statement)) {
            let message = match variable.key().contains(':') {
                true => keys::unknown(variable.key()),
                false => Some(format!("there is no condition key {}", variable.key())),
            };
            found.extend(message.map(|message| fault(json.span.start, message)));
        }
    },
};

pub(super) const MULTIVALUED_POLICY_VARIABLE: Rule = Rule {
    code: "MULTIVALUED_POLICY_VARIABLE",
    level: Level::Warning,
    doc: "A policy variable names a key that has several values in a request, of which none can stand in its place. An `Allow` does not \
          apply then, and a `Deny` does.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"arn:aws:iam::111122223333:user/${aws:TagKeys}"}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"arn:aws:iam::111122223333:user/${aws:username}"}}"#,
    ),
    check: |subject, found| {
        for (variable, json) in subject.statements().flat_map(|statement| variables(subject, statement)) {
            if let Some(key) = keys::find(variable.key()).filter(|key| key.many) {
                let message = format!("{} has several values, of which none can stand here", key.name);
                found.push(fault(json.span.start, message));
            }
        }
    },
};

pub(super) const VARIABLE_MAY_BE_ABSENT: Rule = Rule {
    code: "VARIABLE_MAY_BE_ABSENT",
    level: Level::Warning,
    doc: "Not every request has the key that a variable in `NotResource`, or in the `Resource` of a `Deny`, names. One without it could be \
          about any resource: an `Allow` does not apply then, and a `Deny` does. Give a default, `${key, 'none'}`, or ask for the key with \
          `\"Null\": {\"KEY\": \"false\"}`.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"iam:GetUser","Resource":"arn:aws:iam::111122223333:user/${aws:PrincipalTag/team}/*"}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"iam:GetUser","Resource":"arn:aws:iam::111122223333:user/${aws:PrincipalTag/team, 'none'}/*"}}"#,
    ),
    check: |subject, found| {
        for statement in subject.statements() {
            let Some(resources) = statement.resources() else { continue };
            if !resources.except && statement.text("Effect") != Some("Deny") {
                continue;
            }
            for (variable, json) in variables_of(subject, items(resources.json)) {
                let required = statement.conditions().any(|other| key::same(other.key, variable.key()));
                let may_be_absent = !ALWAYS_THERE.contains(&variable.key()) && !variable.has_default();
                if may_be_absent && !required && keys::find(variable.key()).is_none_or(|key| !key.many) {
                    let message = format!(
                        "a request without {} could be about any resource: give a default, or ask for the key",
                        variable.key()
                    );
                    found.push(fault(json.span.start, message));
                }
            }
        }
    },
};

/// Keys that every signed request has (IAM User Guide, "AWS global condition context keys").
const ALWAYS_THERE: &[&str] = &[
    "aws:currenttime",
    "aws:epochtime",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principaltype",
    "aws:requestedregion",
    "aws:securetransport",
    "aws:userid",
];

/// The variables in the resources and conditions of a statement, each with the text that it is in.
fn variables<'s>(subject: &Subject<'s>, statement: Written<'s, 's>) -> Vec<(Variable, &'s Json<'s>)> {
    let resources = statement.resources().map(|patterns| items(patterns.json)).unwrap_or_default();
    let compared = statement.conditions().filter(|tested| {
        let base = base(tested);
        base.starts_with("String") || base.starts_with("Arn") || base == "Bool"
    });
    let texts = resources.into_iter().chain(compared.flat_map(|tested| items(tested.json)));
    variables_of(subject, texts)
}

/// The variables in texts; none in a version of the language that has none.
fn variables_of<'s>(
    subject: &Subject<'_>,
    texts: impl IntoIterator<Item = (String, &'s Json<'s>)>,
) -> Vec<(Variable, &'s Json<'s>)> {
    let version = subject.source.member("Version").and_then(Json::text);
    if version.as_deref() != Some("2012-10-17") {
        return Vec::new();
    }
    let syntax = Syntax { wildcards: true, variables: true };
    let mut found = Vec::new();
    for (text, json) in texts {
        for token in glob::tokens(&text, syntax).unwrap_or_default() {
            if let Token::Variable(variable) = token {
                found.push((variable, json));
            }
        }
    }
    found
}

/// The operator without set operator, `IfExists` and negation.
fn base<'o>(tested: &Tested<'o, '_>) -> &'o str {
    let name = tested.operator.rsplit(':').next().unwrap_or(tested.operator);
    name.strip_suffix("IfExists").unwrap_or(name)
}

fn set<'o>(tested: &Tested<'o, '_>) -> Option<&'o str> {
    tested.operator.split_once(':').map(|(set, _)| set)
}

pub(super) const TYPE_MISMATCH: Rule = Rule {
    code: "TYPE_MISMATCH",
    level: Level::Warning,
    doc: "The operator compares values as another type than the key has: an address as text matches only when it is written the same \
          way and never by its network, a number as text not by its size.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*","Condition":{"StringEquals":{"aws:SourceIp":"203.0.113.0/24"}}}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}}"#,
    ),
    check: |subject, found| {
        for statement in subject.statements() {
            for tested in statement.conditions() {
                let Some(key) = keys::find(tested.key) else { continue };
                let base = base(&tested);
                let fits = match key.kind {
                    _ if base == "Null" => true,
                    Type::Arn => base.starts_with("Arn") || base.starts_with("String"),
                    Type::Bool => base == "Bool" || base.starts_with("String"),
                    Type::Date => base.starts_with("Date") || base.starts_with("Numeric"),
                    Type::Ip => base.ends_with("IpAddress"),
                    Type::Number => base.starts_with("Numeric"),
                    Type::Text => base.starts_with("String") || base.starts_with("Arn"),
                };
                let wanted = match key.kind {
                    Type::Arn => "ArnLike",
                    Type::Bool => "Bool",
                    Type::Date => "DateGreaterThan, DateLessThan or another Date",
                    Type::Ip => "IpAddress or NotIpAddress",
                    Type::Number => "NumericLessThan or another Numeric",
                    Type::Text => "StringEquals or another String",
                };
                if !fits {
                    let message =
                        format!("{} does not fit {}: use the operator {wanted}", tested.operator, key.name);
                    found.push(fault(tested.json.span.start, message));
                }
            }
        }
    },
};

pub(super) const WILDCARD_WITHOUT_LIKE: Rule = Rule {
    code: "WILDCARD_WITHOUT_LIKE",
    level: Level::Warning,
    doc: "`StringEquals` and its kin compare `*` and `?` as they are written. As patterns they work with `StringLike`.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"web-*"}}}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*","Condition":{"StringLike":{"aws:PrincipalTag/team":"web-*"}}}}"#,
    ),
    check: |subject, found| {
        for statement in subject.statements() {
            for tested in statement.conditions() {
                let base = base(&tested);
                if !base.starts_with("String") || base.ends_with("Like") {
                    continue;
                }
                for (text, json) in items(tested.json) {
                    // `${*}` is how a star is written where it could be mistaken.
                    if text.replace("${*}", "").replace("${?}", "").contains(['*', '?']) {
                        let like = if base.contains("Not") { "StringNotLike" } else { "StringLike" };
                        let message =
                            format!("{base} takes {text} as it is written: use {like} for a pattern");
                        found.push(fault(json.span.start, message));
                    }
                }
            }
        }
    },
};

pub(super) const MISSING_SET_OPERATOR: Rule = Rule {
    code: "MISSING_SET_OPERATOR",
    level: Level::Warning,
    doc: "The key has several values in a request. What a condition on it without `ForAnyValue:` or `ForAllValues:` means is not \
          documented: an `Allow` with it never applies, and a `Deny` applies if one of the values matches.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"iam:*","Resource":"*","Condition":{"StringEquals":{"aws:TagKeys":"owner"}}}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"iam:*","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"aws:TagKeys":"owner"}}}}"#,
    ),
    check: |subject, found| {
        for statement in subject.statements() {
            for tested in statement.conditions() {
                if keys::find(tested.key).is_some_and(|key| key.many)
                    && set(&tested).is_none()
                    && base(&tested) != "Null"
                {
                    let message = format!(
                        "{} has several values: use ForAnyValue:{operator} or ForAllValues:{operator}",
                        tested.key,
                        operator = tested.operator
                    );
                    found.push(fault(tested.json.span.start, message));
                }
            }
        }
    },
};

pub(super) const FORALLVALUES_WITH_ALLOW: Rule = Rule {
    code: "FORALLVALUES_WITH_ALLOW",
    level: Level::Warning,
    doc: "`ForAllValues:` holds where the request does not have the key at all, so that an `Allow` with it alone allows those requests. \
          Require the key with `\"Null\": {\"KEY\": \"false\"}` beside it.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:CreateUser","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["owner"]}}}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:CreateUser","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["owner"]},"Null":{"aws:TagKeys":"false"}}}}"#,
    ),
    check: |subject, found| {
        for statement in subject.allows() {
            for tested in statement.conditions().filter(|tested| set(tested) == Some("ForAllValues")) {
                let required = statement.conditions().any(|other| {
                    key::same(other.key, tested.key)
                        && (other.operator == "Null" || set(&other) == Some("ForAnyValue"))
                });
                if !required {
                    let message = format!(
                        "this holds where a request has no {} at all: add \"Null\": {{\"{}\": \"false\"}}",
                        tested.key, tested.key
                    );
                    found.push(fault(tested.json.span.start, message));
                }
            }
        }
    },
};

pub(super) const MFA_KEY_MAY_BE_ABSENT: Rule = Rule {
    code: "MFA_KEY_MAY_BE_ABSENT",
    level: Level::Warning,
    doc: "Requests with long-term access keys have no `aws:MultiFactorAuthPresent`, so that a `Deny` on its being false does not reach \
          them. `BoolIfExists` does.",
    bad: resource(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}}"#,
    ),
    good: resource(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}}"#,
    ),
    check: |subject, found| {
        for statement in subject.denies() {
            for tested in statement.conditions() {
                let mfa = key::same(tested.key, "aws:MultiFactorAuthPresent");
                let no = tested.json.texts().iter().any(|text| text.eq_ignore_ascii_case("false"));
                if mfa && no && tested.operator == "Bool" {
                    let message =
                        "requests with long-term access keys do not have this key: use BoolIfExists";
                    found.push(fault(tested.json.span.start, message));
                }
            }
        }
    },
};
