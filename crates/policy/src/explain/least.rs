//! The search for the least change.

use super::amend::World;
use super::candidates::candidates;
use super::change::Change;
use crate::request::Principal;

/// Most obstacles that are taken away one after the other.
const OBSTACLES_MAX: usize = 16;

/// The least change that allows a denied request: of the candidates against each obstacle the first that does, one that allows
/// the request at once before one that only leads to the next obstacle. Everything in the answer is needed.
pub(super) fn change(world: &World<'_>) -> Option<Vec<Change>> {
    let mut changes: Vec<Change> = Vec::new();
    let mut now = world.clone();
    for _ in 0..OBSTACLES_MAX {
        let decided = now.evaluate();
        if decided.allowed {
            return Some(needed(world, changes));
        }
        let mut chosen = None;
        for change in candidates(&now, &decided) {
            let Some(next) = now.apply(&change) else { continue };
            let then = next.evaluate();
            if then.allowed {
                chosen = Some((change, next));
                break;
            }
            // What is removed is gone, though another statement may have come into its place.
            let removed = matches!(change, Change::RemoveStatement { .. } | Change::Detach { .. });
            if chosen.is_none() && (removed || then != decided) {
                chosen = Some((change, next));
            }
        }
        let (change, next) = chosen?;
        changes.push(change);
        now = next;
    }
    now.evaluate().allowed.then(|| needed(world, changes))
}

/// Leaves out what the others do not need.
fn needed(world: &World<'_>, mut changes: Vec<Change>) -> Vec<Change> {
    let allowed = |changes: &[Change]| {
        let amended = changes.iter().try_fold(world.clone(), |world, change| world.apply(change));
        amended.is_some_and(|world| world.evaluate().allowed)
    };
    let mut index = 0;
    while index < changes.len() && changes.len() > 1 {
        let mut without = changes.clone();
        without.remove(index);
        if allowed(&without) {
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
        _ => "no change of the kinds that are tried allows it",
    }
}
