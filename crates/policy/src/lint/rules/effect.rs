//! What has no effect.

use super::identity;
use crate::action::{Action, ActionPattern};
use crate::context::NoContext;
use crate::glob::{Pattern, Scope, Syntax, Unset};
use crate::json::Json;
use crate::lint::subject::{Subject, fault, is_star};
use crate::lint::{Fault, Level, Rule};
use crate::meter::{DECISION_STEPS_MAX, Meter};
use crate::source::Written;
use crate::truth::Truth;

/// Actions that have no resource: only `*` allows them (Service Authorization Reference, empty "Resource types").
const WITHOUT_RESOURCE: &[&str] = &[
    "cloudtrail:lookupevents",
    "iam:getaccountauthorizationdetails",
    "iam:getaccountsummary",
    "iam:listaccountaliases",
    "kms:createkey",
    "kms:generaterandom",
    "kms:listaliases",
    "kms:listkeys",
    "sts:decodeauthorizationmessage",
    "sts:getcalleridentity",
];

pub(super) const UNSUPPORTED_RESOURCE: Rule = Rule {
    code: "UNSUPPORTED_RESOURCE",
    level: Level::Error,
    doc: "The action cannot have any of the statement's resources: it has none at all and needs `*`, or they are another service's. The \
          statement has no effect on it.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:CreateKey","kms:Encrypt"],"Resource":"arn:aws:kms:*:111122223333:key/*"}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*"},{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:*:111122223333:key/*"}]}"#,
    ),
    check: |subject, found| {
        for statement in subject.statements() {
            let resources = statement.listed_resources();
            if resources.is_empty() || resources.iter().any(|(text, _)| is_star(text)) {
                continue;
            }
            for (action, json) in statement.listed_actions() {
                let lower = action.to_ascii_lowercase();
                let Some((prefix, _)) = lower.split_once(':') else { continue };
                if WITHOUT_RESOURCE.contains(&lower.as_str()) {
                    found.push(fault(json.span.start, format!("{action} has no resource: it needs \"*\"")));
                } else if subject.vocabulary.knows(prefix)
                    && !resources.iter().any(|(text, _)| may_be_of(text, prefix))
                {
                    let message = format!("{action} has no resource of these: none is of {prefix}");
                    found.push(fault(json.span.start, message));
                }
            }
        }
    },
};

pub(super) const ALIAS_IS_NO_RESOURCE: Rule = Rule {
    code: "ALIAS_IS_NO_RESOURCE",
    level: Level::Warning,
    doc: "Keys are matched by their own ARN, also where a request names them by an alias, so that the ARN of an alias matches no key. Name \
          the key, or allow keys by their aliases with the condition keys `kms:RequestAlias` and `kms:ResourceAliases`. Aliases are \
          resources of `kms:CreateAlias`, `kms:UpdateAlias` and `kms:DeleteAlias` alone.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:*:111122223333:alias/app"}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:*:111122223333:key/*","Condition":{"StringEquals":{"kms:RequestAlias":"alias/app"}}}}"#,
    ),
    check: |subject, found| {
        for statement in subject.statements() {
            let (aliases, others): (Vec<_>, Vec<_>) =
                statement.listed_resources().into_iter().partition(|(text, _)| is_alias(text));
            let on_kms = statement.listed_actions().into_iter().filter(|(text, _)| {
                let lower = text.to_ascii_lowercase();
                lower.starts_with("kms:") && !WITHOUT_RESOURCE.contains(&lower.as_str())
            });
            let (on_aliases, on_keys): (Vec<_>, Vec<_>) =
                on_kms.partition(|(text, _)| may_be_on_aliases(text));
            if on_aliases.is_empty() {
                for (text, json) in aliases.iter().filter(|_| !on_keys.is_empty()) {
                    let message = format!("{text} matches no key: name the key, or ask for kms:RequestAlias");
                    found.push(fault(json.span.start, message));
                }
            } else if others.is_empty() && !aliases.is_empty() {
                for (action, json) in on_keys {
                    let message = format!("{action} is on keys, which aliases do not match: name the key");
                    found.push(fault(json.span.start, message));
                }
            }
        }
    },
};

/// Whether a resource pattern is of KMS aliases alone.
fn is_alias(pattern: &str) -> bool {
    let mut parts = pattern.splitn(6, ':');
    parts.nth(2) == Some("kms") && parts.nth(2).is_some_and(|name| name.starts_with("alias/"))
}

/// Whether an action pattern can match one that is on aliases (Service Authorization Reference, "Actions defined by AWS Key Management
/// Service").
fn may_be_on_aliases(pattern: &str) -> bool {
    let on_aliases = ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"];
    let meter = Meter::new(DECISION_STEPS_MAX);
    let may = |pattern: ActionPattern| {
        on_aliases.iter().any(|action| pattern.matches(&Action::new(action), &meter) != Truth::False)
    };
    ActionPattern::parse(pattern).is_ok_and(may)
}

/// Whether a resource pattern can match a resource that actions of a service have. Actions of STS are on roles and users too.
fn may_be_of(pattern: &str, prefix: &str) -> bool {
    match pattern.split(':').nth(2) {
        None => true,
        Some(service) if service.contains(['*', '?', '$']) => true,
        Some("iam") if prefix == "sts" => true,
        Some(service) => service == prefix,
    }
}

/// Whether `wide` matches all that `narrow` does, as far as texts tell. Never claimed wrongly: a wide pattern with `?` is left out.
fn covers(wide: &str, narrow: &str, fold: bool, meter: &Meter) -> bool {
    if meter.spend(wide.len() + narrow.len()).is_err() {
        return false;
    }
    let (wide, narrow) = if fold {
        (wide.to_ascii_lowercase(), narrow.to_ascii_lowercase())
    } else {
        (wide.to_owned(), narrow.to_owned())
    };
    if wide == narrow || is_star(&wide) {
        return true;
    }
    // A star in the narrow text is matched as a character, which the stars of the wide one take in as they do all it stands for.
    !wide.contains('?') && !wide.contains("${") && wide.contains('*') && glob(&wide, &narrow, meter)
}

fn glob(pattern: &str, text: &str, meter: &Meter) -> bool {
    let syntax = Syntax { wildcards: true, variables: false };
    let scope = Scope { context: &NoContext, meter, unset: Unset::Nothing };
    Pattern::parse(pattern, syntax).is_ok_and(|pattern| pattern.matches(text, &scope) == Truth::True)
}

/// Whether each text of `narrow` is covered by one of `wide`.
fn all_covered(
    wide: &[(String, &Json<'_>)],
    narrow: &[(String, &Json<'_>)],
    fold: bool,
    meter: &Meter,
) -> bool {
    !narrow.is_empty()
        && narrow.iter().all(|(text, _)| wide.iter().any(|(other, _)| covers(other, text, fold, meter)))
}

/// Whether `wide`, without conditions, applies wherever `narrow` does.
fn swallows(subject: &Subject<'_>, wide: Written<'_, '_>, narrow: Written<'_, '_>) -> bool {
    let meter = subject.meter;
    if meter.spend(wide.0.span.len() + narrow.0.span.len()).is_err() {
        return false;
    }
    let same_who = match (wide.principals(), narrow.principals()) {
        (None, None) => true,
        (Some(wide), Some(narrow)) if !wide.except && !narrow.except => {
            let all = wide.named();
            let everybody = all.iter().any(|(_, name)| is_star(name));
            everybody && wide.json.text().is_some() || narrow.named().iter().all(|name| all.contains(name))
        }
        _ => false,
    };
    // A trust policy speaks of its role, and other policies of resources may leave them out.
    let same_resources = match (wide.resources(), narrow.resources()) {
        (None, None) => subject.is_owners(),
        _ => all_covered(&wide.listed_resources(), &narrow.listed_resources(), false, meter),
    };
    wide.is_unconditional()
        && same_who
        && same_resources
        && all_covered(&wide.listed_actions(), &narrow.listed_actions(), true, meter)
}

fn called(statement: Written<'_, '_>, number: usize) -> String {
    statement
        .text("Sid")
        .map_or_else(|| format!("statement {}", number + 1), |sid| format!("statement {sid}"))
}

/// Looks for statements that others swallow.
fn swallowed(subject: &Subject<'_>, found: &mut Vec<Fault>, by: &str, of: &str, words: &str) {
    let all: Vec<_> = subject.statements().enumerate().collect();
    let effect = |statement: &Written<'_, '_>, effect: &str| statement.text("Effect") == Some(effect);
    for &(index, narrow) in all.iter().filter(|(_, statement)| effect(statement, of)) {
        let wider = all.iter().find(|&&(other, wide)| {
            let back = || swallows(subject, narrow, wide);
            // Of two that say the same, the second is redundant.
            other != index
                && effect(&wide, by)
                && swallows(subject, wide, narrow)
                && (by != of || other < index || !back())
        });
        if let Some(&(number, wide)) = wider {
            found.push(fault(narrow.0.span.start, format!("{} {words}", called(wide, number))));
        }
    }
}

pub(super) const ALLOW_UNDER_DENY: Rule = Rule {
    code: "ALLOW_UNDER_DENY",
    level: Level::Warning,
    doc: "Another statement of the document denies all that this one allows, without conditions. A deny wins, so that this one has no \
          effect.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"},{"Effect":"Deny","Action":"iam:*","Resource":"*"}]}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"},{"Effect":"Deny","Action":"iam:CreateUser","Resource":"*"}]}"#,
    ),
    check: |subject, found| swallowed(subject, found, "Deny", "Allow", "denies all that this one allows"),
};

pub(super) const REDUNDANT_STATEMENT: Rule = Rule {
    code: "REDUNDANT_STATEMENT",
    level: Level::Suggestion,
    doc: "Another statement of the document has the same effect on all that this one concerns. It can go.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"},{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}"#,
    ),
    check: |subject, found| {
        for effect in ["Allow", "Deny"] {
            swallowed(subject, found, effect, effect, "says all that this one does");
        }
    },
};

fn redundant(list: &[(String, &Json<'_>)], fold: bool, meter: &Meter, found: &mut Vec<Fault>) {
    for (index, (text, json)) in list.iter().enumerate() {
        let wider = list.iter().enumerate().find(|(other, (wide, _))| {
            *other != index
                && covers(wide, text, fold, meter)
                && (*other < index || !covers(text, wide, fold, meter))
        });
        if let Some((_, (wide, _))) = wider {
            found.push(fault(json.span.start, format!("{wide} covers {text}")));
        }
    }
}

pub(super) const REDUNDANT_ACTION: Rule = Rule {
    code: "REDUNDANT_ACTION",
    level: Level::Suggestion,
    doc: "Another pattern of the list covers this one.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:Get*","s3:GetObject"],"Resource":"*"}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:Get*","s3:PutObject"],"Resource":"*"}}"#,
    ),
    check: |subject, found| {
        for statement in subject.statements() {
            let actions = statement.listed_actions();
            if actions.iter().all(|(text, _)| ActionPattern::parse(text).is_ok()) {
                redundant(&actions, true, subject.meter, found);
            }
        }
    },
};

pub(super) const REDUNDANT_RESOURCE: Rule = Rule {
    code: "REDUNDANT_RESOURCE",
    level: Level::Suggestion,
    doc: "Another pattern of the list covers this one.",
    bad: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::b/*","arn:aws:s3:::b/k"]}}"#,
    ),
    good: identity(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::b/*","arn:aws:s3:::c/k"]}}"#,
    ),
    check: |subject, found| {
        for statement in subject.statements() {
            redundant(&statement.listed_resources(), false, subject.meter, found);
        }
    },
};
