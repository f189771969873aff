//! The changes that could take one obstacle away, from the least to the greatest.
//!
//! What is not tried: widening comparisons (dates, numbers, `Bool`, `Null`), which would defeat what they are for, and making
//! something public.

use super::amend::{Decided, World};
use super::change::{Change, Place, Target};
use super::look::{Looked, look, values};
use crate::decision::Reason;
use crate::document::{Policy, PolicyKind, Version};
use crate::request::Principal;
use crate::source::{Source, Tested};
use crate::statement::Effect;
use serde_json::{Value, json};

/// Operators whose lists may be added to, without set operator and `IfExists`: positive ones in an `Allow`, negated ones in a
/// `Deny`.
const POSITIVE: &[&str] = &[
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "ArnEquals",
    "ArnLike",
    "IpAddress",
    "NumericEquals",
    "BinaryEquals",
];
const NEGATED: &[&str] = &[
    "StringNotEquals",
    "StringNotEqualsIgnoreCase",
    "StringNotLike",
    "ArnNotEquals",
    "ArnNotLike",
    "NotIpAddress",
    "NumericNotEquals",
];

/// Keys whose value is another at the next call.
const FLEETING: &[&str] =
    &["aws:currenttime", "aws:epochtime", "aws:tokenissuetime", "aws:multifactorauthage"];

/// Keys whose value the caller chooses with each call, by their beginnings, in lower case.
const CHOSEN: &[&str] = &[
    "kms:encryptioncontext:",
    "aws:requesttag/",
    "aws:securetransport",
    "aws:multifactorauthpresent",
    "iam:permissionsboundary",
    "sts:externalid",
    "sts:rolesessionname",
    "sts:sourceidentity",
];

/// The candidates against what denies the request now.
pub(super) fn candidates(world: &World<'_>, decided: &Decided) -> Vec<Change> {
    match (decided.reason, decided.statement) {
        (Reason::ExplicitDeny { .. }, Some((kind, index, number))) => {
            against_deny(world, kind, index, number).unwrap_or_default()
        }
        (Reason::Implicit { missing }, _) => for_missing(world, missing),
        _ => Vec::new(),
    }
}

fn target(world: &World<'_>, kind: PolicyKind, index: usize) -> Target {
    Target { kind, index, policy: world.name(kind, index) }
}

/// What lets a request past a statement that denies it.
fn against_deny(world: &World<'_>, kind: PolicyKind, index: usize, number: usize) -> Option<Vec<Change>> {
    let policy = world.policy(kind, index)?;
    let target = target(world, kind, index);
    let detach = Change::Detach { from: target.clone() };
    if !target.policy.editable {
        return Some(vec![detach]);
    }
    let source = Source::read(policy.text()).ok()?;
    let written = source.statements().nth(number)?;
    let at = Place { target, statement: number, sid: written.text("Sid").map(str::to_owned) };
    let literal = |text: &str| literal(text, policy.version());
    let mut changes = Vec::new();
    for tested in written.conditions() {
        if let Some(value) = chosen_value(&tested, true) {
            changes.push(Change::Call { key: tested.key.to_owned(), value });
        }
        changes.extend(widened(world, &at, policy, &tested, NEGATED));
    }
    let own = matches!(kind, PolicyKind::Resource | PolicyKind::Trust | PolicyKind::Key);
    let arn = world.request.context.get("aws:principalarn").and_then(|values| values.single());
    if own && let Some(arn) = arn {
        let operator = "ArnNotEquals".to_owned();
        let value = literal(arn);
        changes.extend(value.map(|value| Change::AddCondition {
            at: at.clone(),
            operator,
            key: "aws:PrincipalArn".to_owned(),
            value,
        }));
    }
    for (patterns, asked) in
        [(written.resources(), world.request.resource), (written.actions(), world.request.action)]
    {
        let Some(patterns) = patterns else { continue };
        let element = patterns.name.to_owned();
        if patterns.except {
            let add =
                |value| Change::AddValues { at: at.clone(), element: vec![element], values: vec![value] };
            changes.extend(literal(asked).map(add));
        } else if let Some(value) =
            patterns.texts().into_iter().find(|text| text.eq_ignore_ascii_case(asked) && text != "*")
        {
            changes.push(Change::RemoveValue { at: at.clone(), element, value });
        }
    }
    changes.push(Change::RemoveStatement { at });
    changes.push(detach);
    Some(changes)
}

/// What lets a policy of a kind allow the request.
fn for_missing(world: &World<'_>, kind: PolicyKind) -> Vec<Change> {
    if kind == PolicyKind::Boundary && world.is_dangling() {
        return vec![Change::Detach { from: target(world, kind, 0) }];
    }
    let own = matches!(kind, PolicyKind::Resource | PolicyKind::Trust | PolicyKind::Key);
    let mut conditions = Vec::new();
    let mut exact = Vec::new();
    let mut added = Vec::new();
    for (index, policy) in world.read(kind) {
        let target = target(world, kind, index);
        let Ok(source) = Source::read(policy.text()) else { continue };
        for looked in look(policy, &source, world.request, world.is_bounded()) {
            if looked.statement.effect == Effect::Allow && looked.failed() == 1 {
                let sid = looked.statement.sid.as_deref().map(str::to_owned);
                let at = Place { target: target.clone(), statement: looked.number, sid };
                let (call, widen) = near(world, at, policy, &looked);
                conditions.extend(call);
                if target.policy.editable {
                    exact.extend(widen);
                }
            }
        }
        if target.policy.editable {
            added.push(target);
        }
    }
    let mut changes = conditions;
    changes.append(&mut exact);
    let Some(statement) = allowing(world, kind) else { return changes };
    // The caller's own before what others share.
    added.sort_by_key(|target| target.policy.shared);
    let new = Change::NewPolicy { kind, statement: statement.clone() };
    let mut new = (kind != PolicyKind::Boundary || added.is_empty()).then_some(new);
    for to in added {
        if to.policy.shared && !own {
            changes.extend(new.take());
        }
        changes.push(Change::AddStatement { to, statement: statement.clone() });
    }
    changes.extend(new);
    changes
}

/// What makes an `Allow` statement apply of which one element failed: another call, and a wider statement.
fn near(
    world: &World<'_>,
    at: Place,
    policy: &Policy,
    looked: &Looked<'_, '_, '_>,
) -> (Option<Change>, Option<Change>) {
    let request = world.request;
    let written = looked.written;
    if let Some(&failed) = looked.conditions.first() {
        let Some(tested) = written.conditions().nth(failed) else { return (None, None) };
        let call =
            chosen_value(&tested, false).map(|value| Change::Call { key: tested.key.to_owned(), value });
        return (call, widened(world, &at, policy, &tested, POSITIVE));
    }
    // A wider statement must not allow more than this request.
    let is_exactly = |patterns: Option<crate::source::Patterns<'_, '_>>, text: &str| {
        patterns.is_some_and(|patterns| {
            let texts = patterns.texts();
            !patterns.except && texts.len() == 1 && texts.iter().all(|held| held.eq_ignore_ascii_case(text))
        })
    };
    let literal = |text: &str| literal(text, policy.version());
    let exact_action = is_exactly(written.actions(), request.action);
    let element = |patterns: Option<crate::source::Patterns<'_, '_>>| {
        patterns.filter(|patterns| !patterns.except).map(|patterns| patterns.name.to_owned())
    };
    let add = |element: Option<String>, value: Option<String>| {
        Some(Change::AddValues { at: at.clone(), element: vec![element?], values: vec![value?] })
    };
    let widen = if !looked.resource && exact_action {
        add(element(written.resources()), literal(request.resource))
    } else if !looked.action && is_exactly(written.resources(), request.resource) {
        add(element(written.actions()), Some(request.action.to_owned()))
    } else if !looked.principal && exact_action && element(written.principals()).is_some() {
        principal(&request.principal).map(|(entry, name)| Change::AddValues {
            at: at.clone(),
            element: vec!["Principal".to_owned(), entry.to_owned()],
            values: vec![name],
        })
    } else {
        None
    };
    (None, widen)
}

/// The list of a condition with the request's values added.
fn widened(
    world: &World<'_>,
    at: &Place,
    policy: &Policy,
    tested: &Tested<'_, '_>,
    operators: &[&str],
) -> Option<Change> {
    let key = tested.key.to_lowercase();
    let (set, base) = parts(tested.operator);
    if FLEETING.contains(&key.as_str()) || !operators.contains(&base) {
        return None;
    }
    let mut wanted = values(world.request, tested.key)?;
    if set == Some("ForAnyValue") && operators == POSITIVE {
        wanted.truncate(1);
    }
    let patterns = base.contains("Like") || base.contains("Arn");
    let escape = |value: String| match (patterns, value.contains("${")) {
        (false, false) => Some(value),
        _ => literal(&value, policy.version()),
    };
    let values = wanted.into_iter().map(escape).collect::<Option<Vec<String>>>()?;
    let element = ["Condition", tested.operator, tested.key].map(str::to_owned).to_vec();
    Some(Change::AddValues { at: at.clone(), element, values })
}

/// A value that the caller could choose so that a condition holds, or does not.
fn chosen_value(tested: &Tested<'_, '_>, negated: bool) -> Option<String> {
    let key = tested.key.to_lowercase();
    let (set, base) = parts(tested.operator);
    if set.is_some() || !CHOSEN.iter().any(|chosen| key.starts_with(chosen)) {
        return None;
    }
    let plain = |text: &String| !text.contains(['*', '?']) && !text.contains("${");
    let value = tested.json.texts().into_iter().find(plain);
    match base {
        "Bool" if negated => value.map(|value| (value != "true").to_string()),
        "Bool" => value,
        "StringEquals" | "StringEqualsIgnoreCase" | "StringLike" | "ArnEquals" | "ArnLike" if !negated => {
            value
        }
        "StringNotEquals" | "StringNotEqualsIgnoreCase" | "StringNotLike" | "ArnNotEquals" | "ArnNotLike"
            if negated =>
        {
            value
        }
        _ => None,
    }
}

/// An operator without its set operator and `IfExists`.
fn parts(operator: &str) -> (Option<&str>, &str) {
    let (set, rest) = match operator.split_once(':') {
        Some((set, rest)) => (Some(set), rest),
        None => (None, operator),
    };
    (set, rest.strip_suffix("IfExists").unwrap_or(rest))
}

/// A pattern that matches this text alone; none if the version of the language has no way to write it.
fn literal(text: &str, version: Version) -> Option<String> {
    if text == "*" || !(text.contains(['*', '?']) || text.contains("${")) {
        return Some(text.to_owned());
    }
    if version < Version::V2012 {
        return None;
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' => out.extend(["${", c.encode_utf8(&mut [0; 4]), "}"]),
            '$' if chars.peek() == Some(&'{') => out.push_str("${$}"),
            c => out.push(c),
        }
    }
    Some(out)
}

/// A statement that allows this request and no other; none for callers whom nothing short of the public names.
fn allowing(world: &World<'_>, kind: PolicyKind) -> Option<Value> {
    let request = world.request;
    let mut statement = json!({"Effect": "Allow", "Action": request.action});
    let members = statement.as_object_mut()?;
    match kind {
        PolicyKind::Identity | PolicyKind::Boundary | PolicyKind::Session => {}
        PolicyKind::Resource | PolicyKind::Trust | PolicyKind::Key => {
            let (entry, name) = principal(&request.principal)?;
            members.insert("Principal".to_owned(), json!({entry: name}));
        }
    }
    match kind {
        PolicyKind::Trust => {}
        // A key policy speaks of its own key alone.
        PolicyKind::Key => {
            members.insert("Resource".to_owned(), json!("*"));
        }
        _ => {
            let resource = literal(request.resource, Version::V2012)?;
            members.insert("Resource".to_owned(), json!(resource));
        }
    }
    Some(statement)
}

/// The caller as a `Principal` element names it: a session by its role, which outlives it.
fn principal(caller: &Principal<'_>) -> Option<(&'static str, String)> {
    Some(match *caller {
        Principal::Anonymous => return None,
        Principal::Service { name } => ("Service", name.to_owned()),
        Principal::Provider { name } => ("Federated", name.to_owned()),
        Principal::Root { account } => ("AWS", format!("arn:aws:iam::{account}:root")),
        Principal::User { arn, .. } | Principal::Federated { arn, .. } => ("AWS", arn.to_owned()),
        Principal::RoleSession { role_arn, .. } => ("AWS", role_arn.to_owned()),
    })
}
