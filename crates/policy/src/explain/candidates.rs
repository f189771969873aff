//! The changes that could take one obstacle away, from the least to the greatest.
//!
//! What is not tried: widening comparisons (dates, numbers, `Bool`, `Null`), which would defeat what they are for, and making
//! something public.

use super::amend::{Decided, World, literal};
use super::change::{Call, Change, Chosen, Place, Target};
use super::chosen;
use super::look::{Looked, look};
use crate::decision::Reason;
use crate::document::{Policy, PolicyKind, Version};
use crate::key;
use crate::request::Principal;
use crate::source::Tested;
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

/// Most values that a change adds to a list, and most keys that a suggested call has others of.
const ADDED_MAX: usize = 32;

/// Changes that are made together.
pub(super) type Candidate = Vec<Change>;

/// The candidates against what denies the request now.
pub(super) fn candidates(world: &World<'_>, decided: &Decided) -> Vec<Candidate> {
    match (decided.reason, decided.statement) {
        (Reason::ExplicitDeny { .. }, Some((kind, index, number))) => {
            against_deny(world, kind, index, number).unwrap_or_default()
        }
        (Reason::Implicit { missing }, _) => {
            let calls = world.known.grants.looked.iter().filter_map(|grant| grant.call.clone());
            let calls = calls.filter_map(|call| chosen::possible(world.request, call));
            calls.map(|call| vec![Change::Call(call)]).chain(for_missing(world, missing)).collect()
        }
        _ => Vec::new(),
    }
}

fn target(world: &World<'_>, kind: PolicyKind, index: usize) -> Target {
    Target { kind, index, policy: world.name(kind, index) }
}

/// What lets a request past a statement that denies it.
fn against_deny(world: &World<'_>, kind: PolicyKind, index: usize, number: usize) -> Option<Vec<Candidate>> {
    let policy = world.policy(kind, index)?;
    let target = target(world, kind, index);
    // Another boundary is still one. A key has a policy always, and a role a trust policy.
    let instead = allowing(world, kind)
        .filter(|_| kind == PolicyKind::Boundary)
        .map(|statement| Change::NewPolicy { kind, statement });
    let detach = (!matches!(kind, PolicyKind::Key | PolicyKind::Trust))
        .then(|| Change::Detach { from: target.clone() });
    let whole = instead.into_iter().chain(detach).map(|change| vec![change]);
    if !target.policy.editable {
        return Some(whole.collect());
    }
    let source = world.source(policy.text())?;
    let written = source.statements().nth(number)?;
    let at = Place { target: target.clone(), statement: number, sid: written.text("Sid").map(str::to_owned) };
    let literal = |text: &str| literal(text, policy.version());
    let mut changes = Vec::new();
    for tested in written.conditions() {
        changes.extend(other_call(world, &tested, true).map(Change::Call));
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
    let request = world.request;
    let resource = world.resource_named(policy.version());
    for (patterns, asked, named) in [
        (written.resources(), request.resource, resource),
        (written.actions(), request.action, Some(request.action.to_owned())),
    ] {
        let Some(patterns) = patterns else { continue };
        let element = patterns.name.to_owned();
        if patterns.except {
            let add =
                |value| Change::AddValues { at: at.clone(), element: vec![element], values: vec![value] };
            changes.extend(named.map(add));
        } else if let Some(value) =
            patterns.texts().into_iter().find(|text| text.eq_ignore_ascii_case(asked) && text != "*")
        {
            changes.push(Change::RemoveValue { at: at.clone(), element, value });
        }
    }
    let remove = Change::RemoveStatement { at };
    changes.push(remove.clone());
    let mut candidates: Vec<Candidate> = changes.into_iter().map(|change| vec![change]).collect();
    // A document keeps a statement. What is the caller's own and does nothing but deny can go.
    let only = source.statements().count() == 1;
    if (only && kind != PolicyKind::Identity)
        && let Some(statement) = allowing(world, kind)
    {
        candidates.push(vec![Change::AddStatement { to: target, statement }, remove]);
    }
    candidates.extend(whole);
    Some(candidates)
}

/// What lets a policy of a kind allow the request.
fn for_missing(world: &World<'_>, kind: PolicyKind) -> Vec<Candidate> {
    alone_for_missing(world, kind).into_iter().map(|change| vec![change]).collect()
}

fn alone_for_missing(world: &World<'_>, kind: PolicyKind) -> Vec<Change> {
    if kind == PolicyKind::Boundary && world.is_dangling() {
        let instead = allowing(world, kind).map(|statement| Change::NewPolicy { kind, statement });
        let detach = Change::Detach { from: target(world, kind, 0) };
        return instead.into_iter().chain([detach]).collect();
    }
    let own = matches!(kind, PolicyKind::Resource | PolicyKind::Trust | PolicyKind::Key);
    let mut conditions = Vec::new();
    let mut exact = Vec::new();
    let mut added = Vec::new();
    for (index, policy) in world.read(kind) {
        let target = target(world, kind, index);
        let Some(source) = world.source(policy.text()) else { continue };
        for looked in look(policy, &source, world.request, world.is_bounded(), world.meter) {
            let failed = looked.failed();
            if looked.statement.effect == Effect::Allow
                && (failed == 1 || (failed > 1 && failed == looked.conditions.len()))
            {
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
    if !looked.conditions.is_empty() {
        let numbered = written.conditions().enumerate();
        let failed: Vec<_> = numbered
            .filter(|(number, _)| looked.failed_on(*number))
            .map(|(_, tested)| tested)
            .take(ADDED_MAX + 1)
            .collect();
        if failed.len() > ADDED_MAX {
            return (None, None);
        }
        // All that failed in one call.
        let calls = failed.iter().map(|tested| other_call(world, tested, false));
        let call = calls.collect::<Option<Vec<Call>>>().map(|calls| {
            let of_ciphertext = calls.iter().any(|call| call.of_ciphertext);
            let with = calls.into_iter().flat_map(|call| call.with).collect();
            Change::Call(Call { with, without: Vec::new(), of_ciphertext })
        });
        let widen = match failed.as_slice() {
            [tested] => widened(world, &at, policy, tested, POSITIVE),
            _ => None,
        };
        return (call, widen);
    }
    // A wider statement must not allow more than this request.
    let is_exactly = |patterns: Option<crate::source::Patterns<'_, '_>>, text: &str| {
        patterns.is_some_and(|patterns| {
            let texts = patterns.texts();
            !patterns.except && texts.len() == 1 && texts.iter().all(|held| held.eq_ignore_ascii_case(text))
        })
    };
    let exact_action = is_exactly(written.actions(), request.action);
    let element = |patterns: Option<crate::source::Patterns<'_, '_>>| {
        patterns.filter(|patterns| !patterns.except).map(|patterns| patterns.name.to_owned())
    };
    let add = |element: Option<String>, value: Option<String>| {
        Some(Change::AddValues { at: at.clone(), element: vec![element?], values: vec![value?] })
    };
    let widen = if !looked.resource && exact_action {
        add(element(written.resources()), world.resource_named(policy.version()))
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
    let key = key::fold(tested.key);
    let (set, base) = parts(tested.operator);
    if FLEETING.contains(&&*key) || !operators.contains(&base) {
        return None;
    }
    let values = world.request.context.get(&key)?;
    let mut wanted: Vec<String> = values.iter().take(ADDED_MAX + 1).map(str::to_owned).collect();
    if wanted.is_empty() || wanted.len() > ADDED_MAX {
        return None;
    }
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

/// The call in which a condition holds, or does not, by a value that the caller chooses.
fn other_call(world: &World<'_>, tested: &Tested<'_, '_>, negated: bool) -> Option<Call> {
    let (set, base) = parts(tested.operator);
    let plain = |text: &String| !text.contains(['*', '?']) && !text.contains("${");
    let value = tested.json.texts().into_iter().find(plain)?;
    let value = match base {
        _ if set.is_some() => return None,
        "Bool" if negated => (value != "true").to_string(),
        "Bool" => value,
        "StringEquals" | "StringEqualsIgnoreCase" | "StringLike" | "ArnEquals" | "ArnLike" if !negated => {
            value
        }
        "StringNotEquals" | "StringNotEqualsIgnoreCase" | "StringNotLike" | "ArnNotEquals" | "ArnNotLike"
            if negated =>
        {
            value
        }
        _ => return None,
    };
    let chosen = Chosen { key: tested.key.to_owned(), value };
    chosen::possible(world.request, Call { with: vec![chosen], ..Call::default() })
}

/// An operator without its set operator and `IfExists`.
fn parts(operator: &str) -> (Option<&str>, &str) {
    let (set, rest) = match operator.split_once(':') {
        Some((set, rest)) => (Some(set), rest),
        None => (None, operator),
    };
    (set, rest.strip_suffix("IfExists").unwrap_or(rest))
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
            let resource = world.resource_named(Version::V2012)?;
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
