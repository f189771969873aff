//! The search for the least change.

use super::amend::{Decided, World};
use super::candidates::{Candidate, candidates};
use super::change::Change;
use crate::document::PolicyKind;
use crate::key;
use crate::request::Principal;

/// Most obstacles that are taken away one after the other.
const OBSTACLES_MAX: usize = 16;

/// The least change that allows a denied request. Everything in the answer is needed.
///
/// A policy is detached whole only where nothing less leads on; where that comes to no end, as with very many denials in one
/// document, detaching is tried as anything else.
pub(super) fn change(world: &World<'_>) -> Option<Vec<Change>> {
    let changes = search(world, Detaching::Last).or_else(|| search(world, Detaching::Freely))?;
    let changes = needed(world, changes);
    let joined = joined(&changes);
    Some(if allowed(world, &joined) { joined } else { changes })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Detaching {
    Last,
    Freely,
}

/// Takes one obstacle away after the other.
fn search(world: &World<'_>, detaching: Detaching) -> Option<Vec<Change>> {
    let mut changes: Vec<Change> = Vec::new();
    let mut now = world.clone();
    for _ in 0..OBSTACLES_MAX {
        let decided = now.evaluate();
        if decided.allowed {
            return Some(changes);
        }
        if now.meter.is_spent() {
            return None;
        }
        let mut candidates = candidates(&now, &decided);
        let detachments = match detaching {
            Detaching::Freely => Vec::new(),
            Detaching::Last => candidates.extract_if(.., |changes| detaches(changes)).collect(),
        };
        let (mut change, next) = [candidates, detachments]
            .into_iter()
            .find_map(|candidates| first_that_helps(&now, &decided, candidates))?;
        changes.append(&mut change);
        now = next;
    }
    now.evaluate().allowed.then_some(changes)
}

/// Whether a policy goes whole, be it that another comes in its place.
fn detaches(candidate: &[Change]) -> bool {
    let whole = |change: &Change| {
        matches!(change, Change::Detach { .. } | Change::NewPolicy { kind: PolicyKind::Boundary, .. })
    };
    candidate.iter().any(whole)
}

/// The first candidate that allows the request, or else the first that leads to the next obstacle.
fn first_that_helps<'a>(
    now: &World<'a>,
    decided: &Decided,
    candidates: Vec<Candidate>,
) -> Option<(Candidate, World<'a>)> {
    let mut chosen = None;
    for candidate in candidates {
        let Some(next) = applied(now, &candidate) else { continue };
        let then = next.evaluate();
        if then.allowed {
            return Some((candidate, next));
        }
        // What is removed is gone, though another statement may have come into its place.
        let removed = candidate
            .iter()
            .any(|change| matches!(change, Change::RemoveStatement { .. } | Change::Detach { .. }));
        if chosen.is_none() && (removed || then != *decided) {
            chosen = Some((candidate, next));
        }
    }
    chosen
}

fn applied<'a>(world: &World<'a>, changes: &[Change]) -> Option<World<'a>> {
    changes.iter().try_fold(world.clone(), |world, change| world.apply(change))
}

/// Whether the request is allowed with these changes made.
pub(super) fn allowed(world: &World<'_>, changes: &[Change]) -> bool {
    applied(world, changes).is_some_and(|world| world.evaluate().allowed)
}

/// The changes with one call in the place of several.
fn joined(changes: &[Change]) -> Vec<Change> {
    let mut joined: Vec<Change> = Vec::new();
    for change in changes {
        let first = joined.iter_mut().find_map(|change| match change {
            Change::Call(call) => Some(call),
            _ => None,
        });
        match (change, first) {
            (Change::Call(more), Some(call)) => {
                let others = |key: &String| {
                    let same = |other: &String| key::same(other, key);
                    !more.with.iter().any(|chosen| same(&chosen.key)) && !more.without.iter().any(same)
                };
                call.with.retain(|chosen| others(&chosen.key));
                call.without.retain(others);
                call.with.extend(more.with.iter().cloned());
                call.without.extend(more.without.iter().cloned());
                call.of_ciphertext |= more.of_ciphertext;
            }
            _ => joined.push(change.clone()),
        }
    }
    joined
}

/// Leaves out what the others do not need.
fn needed(world: &World<'_>, mut changes: Vec<Change>) -> Vec<Change> {
    let mut index = 0;
    while index < changes.len() && changes.len() > 1 {
        let mut without = changes.clone();
        without.remove(index);
        if allowed(world, &without) {
            changes = without;
        } else {
            index += 1;
        }
    }
    changes
}

/// Why there is no change to suggest.
pub(super) fn excuse(world: &World<'_>) -> &'static str {
    let request = world.request;
    let away = request.principal.account().is_some_and(|account| account != request.resource_account);
    match request.principal {
        Principal::Anonymous => "only making the resource public would allow an unsigned request",
        _ if away && request.action.eq_ignore_ascii_case("iam:PassRole") => {
            "a role cannot be passed across accounts, whatever policies say"
        }
        _ if world.meter.is_spent() => "looking for one takes more work than an explanation may",
        _ => "no change of the kinds that are tried allows it",
    }
}
