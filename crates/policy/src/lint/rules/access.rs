//! What gives more than is wise.

use super::{identity, resource, trust};
use crate::document::PolicyKind;
use crate::lint::subject::{fault, is_star};
use crate::lint::{Level, Rule};
use crate::principal::PrincipalField;
use crate::source::Written;

/// Condition keys that tell for whom a service acts, in lower case.
const ON_BEHALF: &[&str] =
    &["aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceowner"];

/// Services that act for the owner of a role alone, and do not say for whom.
const ON_OWN_BEHALF: &[&str] = &["ec2.amazonaws.com", "lambda.amazonaws.com"];

fn all_resources(statement: Written<'_, '_>) -> bool {
    statement.listed_resources().iter().any(|(text, _)| is_star(text))
}

pub(super) const FULL_ACCESS: Rule = Rule {
    code: "FULL_ACCESS",
    level: Level::Warning,
    doc: "Everything is allowed on everything. Name the services that are needed, or attach AdministratorAccess so that it is seen for \
          what it is. For a boundary it is no limit at all, which is sound where `Deny` statements follow.",
    bad: identity(r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:*","sqs:*"],"Resource":"*"}}"#,
    ),
    check: |subject, found| {
        if subject.kind == PolicyKind::Boundary || subject.kind == PolicyKind::Session {
            return;
        }
        for statement in
            subject.allows().filter(|statement| statement.is_unconditional() && all_resources(*statement))
        {
            for (text, json) in statement.listed_actions() {
                if is_star(&text) || text == "*:*" {
                    found.push(fault(json.span.start, "everything is allowed on everything"));
                }
            }
        }
    },
};

pub(super) const ALLOW_WITH_NOT_ACTION: Rule = Rule {
    code: "ALLOW_WITH_NOT_ACTION",
    level: Level::Warning,
    doc: "`Allow` with `NotAction` allows all that is not listed, also what services add later. List what is allowed with `Action`, or \
          deny with `NotAction`.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotAction":"iam:*","Resource":"*"}}"#,
    ),
    check: |subject, found| {
        for statement in subject.allows() {
            if statement.actions().is_some_and(|actions| actions.except) {
                found
                    .push(fault(statement.place("NotAction"), "this allows every action that is not listed"));
            }
        }
    },
};

pub(super) const ALLOW_WITH_NOT_RESOURCE: Rule = Rule {
    code: "ALLOW_WITH_NOT_RESOURCE",
    level: Level::Warning,
    doc: "`Allow` with `NotResource` allows the actions on all that is not listed, also on resources of other accounts and those made \
          later.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","NotResource":"arn:aws:s3:::secret/*"}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:GetObject","NotResource":"arn:aws:s3:::public/*"}}"#,
    ),
    check: |subject, found| {
        for statement in subject.allows() {
            if statement.resources().is_some_and(|resources| resources.except) {
                found.push(fault(
                    statement.place("NotResource"),
                    "this reaches every resource that is not listed",
                ));
            }
        }
    },
};

pub(super) const ALLOW_WITH_NOT_PRINCIPAL: Rule = Rule {
    code: "ALLOW_WITH_NOT_PRINCIPAL",
    level: Level::Warning,
    doc: "`Allow` with `NotPrincipal` allows everybody who is not listed, anonymous callers and other accounts among them.",
    bad: resource(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"111122223333"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}"#,
    ),
    good: resource(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}"#,
    ),
    check: |subject, found| {
        for statement in subject.allows() {
            if statement.principals().is_some_and(|who| who.except) {
                found.push(fault(statement.place("NotPrincipal"), "this allows everybody who is not listed"));
            }
        }
    },
};

pub(super) const DENY_WITH_NOT_PRINCIPAL: Rule = Rule {
    code: "DENY_WITH_NOT_PRINCIPAL",
    level: Level::Warning,
    doc: "`Deny` with `NotPrincipal` spares a session only if the session, its role and its account are all listed, and nobody who has a \
          permissions boundary. Deny everybody, with `ArnNotEquals` on `aws:PrincipalArn` for those who are spared.",
    bad: resource(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::111122223333:role/app"},"Action":"s3:*","Resource":"arn:aws:s3:::b/*"}}"#,
    ),
    good: resource(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/*","Condition":{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/app"}}}}"#,
    ),
    check: |subject, found| {
        for statement in subject.denies() {
            if statement.principals().is_some_and(|who| who.except) {
                let message = "this also denies those who are listed unless session, role and account all are: use ArnNotEquals on \
                               aws:PrincipalArn";
                found.push(fault(statement.place("NotPrincipal"), message));
            }
        }
    },
};

pub(super) const PUBLIC_PRINCIPAL: Rule = Rule {
    code: "PUBLIC_PRINCIPAL",
    level: Level::Warning,
    doc: "Everybody is allowed, of every account, and no condition limits it.",
    bad: resource(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"*"}}"#,
    ),
    good: resource(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalAccount":"111122223333"}}}}"#,
    ),
    check: |subject, found| {
        for statement in subject.allows().filter(Written::is_unconditional) {
            let Some(who) = statement.principals().filter(|who| !who.except) else { continue };
            if who.named().iter().any(|(_, name)| is_star(name)) {
                found.push(fault(who.json.span.start, "everybody is allowed, of every account"));
            }
        }
    },
};

pub(super) const PASS_ROLE_WITH_STAR_IN_RESOURCE: Rule = Rule {
    code: "PASS_ROLE_WITH_STAR_IN_RESOURCE",
    level: Level::Warning,
    doc: "`iam:PassRole` on every role lets its holder put any role to work, the most powerful too. Name the roles, or the services with \
          `iam:PassedToService`.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:PassRole","Resource":"*"}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::111122223333:role/app"}}"#,
    ),
    check: |subject, found| {
        if matches!(subject.kind, PolicyKind::Boundary | PolicyKind::Session) || subject.is_owners() {
            return;
        }
        for statement in subject.allows() {
            if !all_resources(statement)
                || statement.asks_for(&["iam:passedtoservice", "iam:associatedresourcearn"])
            {
                continue;
            }
            for (text, json) in statement.listed_actions() {
                if matches!(text.to_ascii_lowercase().as_str(), "iam:passrole" | "iam:pass*" | "iam:*") {
                    found.push(fault(
                        json.span.start,
                        "any role may be passed to any service: name the roles",
                    ));
                }
            }
        }
    },
};

pub(super) const DECRYPT_WITH_STAR_IN_RESOURCE: Rule = Rule {
    code: "DECRYPT_WITH_STAR_IN_RESOURCE",
    level: Level::Warning,
    doc: "`kms:Decrypt` on every key reaches all that is encrypted in the account, and keys of other accounts that allow it. Name the \
          keys, or what they are used for with `kms:ViaService`, `kms:EncryptionContext:…` or `aws:ResourceTag/…`.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt"],"Resource":"*"}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt"],"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"web"}}}}"#,
    ),
    check: |subject, found| {
        if matches!(subject.kind, PolicyKind::Boundary | PolicyKind::Session) || subject.is_owners() {
            return;
        }
        for statement in
            subject.allows().filter(|statement| statement.is_unconditional() && all_resources(*statement))
        {
            for (text, json) in statement.listed_actions() {
                if matches!(
                    text.to_ascii_lowercase().as_str(),
                    "kms:decrypt" | "kms:de*" | "kms:d*" | "kms:*"
                ) {
                    found.push(fault(
                        json.span.start,
                        "everything that any key encrypted may be decrypted: name the keys",
                    ));
                }
            }
        }
    },
};

pub(super) const RESTRICT_ACCESS_TO_SERVICE_PRINCIPAL: Rule = Rule {
    code: "RESTRICT_ACCESS_TO_SERVICE_PRINCIPAL",
    level: Level::Warning,
    doc: "A service is allowed whoever it acts for, so that others can make it act against this account (the confused deputy). Say for \
          whom with `aws:SourceArn` or `aws:SourceAccount`. EC2 and Lambda, which act for the role's account alone, need not say.",
    bad: trust(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"sts:AssumeRole"}}"#,
    ),
    good: trust(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:SourceAccount":"111122223333"}}}}"#,
    ),
    check: |subject, found| {
        for statement in subject.allows().filter(|statement| !statement.asks_for(ON_BEHALF)) {
            let Some(who) = statement.principals().filter(|who| !who.except) else { continue };
            for (field, name) in who.named() {
                if field == PrincipalField::Service && !ON_OWN_BEHALF.contains(&name.as_str()) {
                    let message = format!(
                        "{name} is allowed whoever it acts for: add aws:SourceArn or aws:SourceAccount"
                    );
                    found.push(fault(who.json.span.start, message));
                }
            }
        }
    },
};
