//! What grants permit.
//!
//! Whoever needs a grant is let in by what their identities hold on the key. That is read by point gets of rows that hold a
//! limited number of grants each, so that neither a call nor a new grant grows with all the grants of a key.

use super::party::{identities, is_account};
use super::told::{Asking, Fit, Looked};
use super::{Constraints, Grant, told};
use crate::api::GrantOperation;
use crate::authorize::Use;
use crate::context::Pairs;
use crate::key::Key;
use crate::limits::{GRANTS_PER_ROW, HOLDINGS_DELETED};
use crate::text::Text;
use platform::{Cx, Fault, Granted, Principal, Table};
use policy::key;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// `[account, region, key id, grantee, number]`, numbered from 0 without gaps.
const HELD: Table<Holding> = Table::new("kms/held-grants");

/// Some of the grants that a grantee holds on a key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Holding {
    pub(super) grants: Vec<Held>,
}

/// What matters of a grant when it is used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) operations: Vec<Text<GrantOperation>>,
    #[serde(default)]
    pub(super) constraints: Constraints,
}

/// What a grant is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked<'a> {
    /// This operation, with the encryption context of the use.
    Operation(GrantOperation),
    /// To pass on permissions: a new grant of these.
    Delegation(Delegation<'a>),
    /// To end this grant.
    Retirement(Retirement<'a>),
}

/// A grant that is to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delegation<'a> {
    pub(super) operations: &'a [GrantOperation],
    pub(super) constraints: &'a Constraints,
}

/// A grant that is to be ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retirement<'a>(pub(super) &'a Grant);

/// Whether a grant permits the use, and if not, what was looked at.
pub(crate) fn covers(cx: &mut Cx<'_>, asks: &Use<'_>, asked: &Asked<'_>) -> Result<Granted, Fault> {
    let principal = &cx.caller().principal;
    let names = identities(principal);
    if let Asked::Retirement(Retirement(grant)) = asked {
        return retires(cx, asks, grant, &names);
    }
    let source = cx.source_arn().map(str::to_owned);
    let asking = Asking { asked, pairs: asks.pairs(), source: source.as_deref() };
    let mut looked = Looked::default();
    for name in &names {
        let mut number = 0;
        while let Some(holding) = holding(cx, asks.key(), name, number)? {
            number += 1;
            let permits = holding.grants.iter().enumerate().find(|(place, held)| {
                let fit = asking.fit(held);
                if fit != Fit::Permits {
                    looked.note(fit, name, &holding, *place);
                }
                fit == Fit::Permits
            });
            if let Some((place, _)) = permits {
                if speaks_for(cx, asks, name)? {
                    return Ok(Granted::Covered);
                }
                // Neither may the caller use what else it holds.
                looked.note(Fit::Permits, name, &holding, place);
                break;
            }
        }
    }
    Ok(Granted::Not(looked.told(cx, asks, &asking)?))
}

/// Whether the caller may use what `name`, one of the caller's identities, holds.
///
/// What an account holds is its root user's; others of the account need its permission, by their own policies. What a role holds is
/// used within the limits of the session, and what a user holds within those of a federated session, as it is where a key policy
/// names them.
pub(super) fn speaks_for(cx: &mut Cx<'_>, asks: &Use<'_>, name: &str) -> Result<bool, Fault> {
    if is_account(name) {
        let root = matches!(cx.caller().principal, Principal::Root { .. });
        return Ok(root || asks.is_allowed_by_identity(cx)?);
    }
    Ok(name == cx.caller().principal.user_id() || asks.is_within_limits(cx, name)?)
}

/// A grant may be retired by its retiring principal, by its grantee if it permits that, and by the account that made it.
fn retires(cx: &mut Cx<'_>, asks: &Use<'_>, grant: &Grant, names: &[String]) -> Result<Granted, Fault> {
    let grantee_may = grant.operations.contains(&Text(GrantOperation::RetireGrant));
    let retiring = grant.retiring.as_ref().map(|party| &party.id);
    for name in names {
        let may =
            retiring == Some(name) || *name == grant.issuer || (grantee_may && *name == grant.grantee.id);
        if may && speaks_for(cx, asks, name)? {
            return Ok(Granted::Covered);
        }
    }
    Ok(Granted::Not(told::not_retired(grant, names)))
}

impl Constraints {
    pub(super) fn admit(&self, pairs: &Pairs) -> bool {
        self.equals.as_ref().is_none_or(|equals| equals.len() == pairs.len() && includes(pairs, equals))
            && self.subset.as_ref().is_none_or(|subset| includes(pairs, subset))
    }

    pub(super) fn admit_source(&self, source: Option<&str>) -> bool {
        self.source_arn.as_deref().is_none_or(|wanted| source == Some(wanted))
    }

    /// Whether every request that these admit is one that `outer` admits.
    pub(super) fn are_within(&self, outer: &Constraints) -> bool {
        (outer.source_arn.is_none() || self.source_arn == outer.source_arn) && self.context_is_within(outer)
    }

    /// Whether every encryption context that these admit is one that `outer` admits.
    pub(super) fn context_is_within(&self, outer: &Constraints) -> bool {
        if let Some(equals) = &self.equals {
            return outer.admit(equals);
        }
        outer.equals.is_none()
            && outer
                .subset
                .as_ref()
                .is_none_or(|outer| self.subset.as_ref().is_some_and(|subset| includes(subset, outer)))
    }
}

/// Whether `pairs` has all of `wanted`. Keys are compared without regard to case here, values exactly.
fn includes(pairs: &Pairs, wanted: &Pairs) -> bool {
    wanted.iter().all(|(name, value)| {
        pairs.get(name) == Some(value)
            || pairs.iter().any(|(other, same)| key::same(other, name) && same == value)
    })
}

/// The holding of that number, if there is one.
fn holding(cx: &mut Cx<'_>, key: &Key, grantee: &str, number: usize) -> Result<Option<Arc<Holding>>, Fault> {
    HELD.get(&mut cx.tx, &[&key.account, &key.region, &key.id, grantee, &number.to_string()])
}

/// Ids of the grants of this name that a grantee holds.
pub(super) fn named(cx: &mut Cx<'_>, key: &Key, grantee: &str, name: &str) -> Result<Vec<String>, Fault> {
    let mut ids = Vec::new();
    let mut number = 0;
    while let Some(holding) = holding(cx, key, grantee, number)? {
        let same = holding.grants.iter().filter(|held| held.name.as_deref() == Some(name));
        ids.extend(same.map(|held| held.id.clone()));
        number += 1;
    }
    Ok(ids)
}

/// Adds a grant to the first holding that has room.
pub(super) fn add(cx: &mut Cx<'_>, key: &Key, grant: &Grant) -> Result<(), Fault> {
    let grantee = &grant.grantee.id;
    let mut number = 0;
    let mut room = Holding::default();
    while let Some(holding) = holding(cx, key, grantee, number)? {
        if holding.grants.len() < GRANTS_PER_ROW {
            room = (*holding).clone();
            break;
        }
        number += 1;
    }
    room.grants.push(Held {
        id: grant.id.clone(),
        name: grant.name.clone(),
        operations: grant.operations.clone(),
        constraints: grant.constraints.clone(),
    });
    put(cx, key, grantee, number, &room)
}

/// Removes a grant. The last holding fills the place of one that becomes empty, so that there are no gaps.
pub(super) fn remove(cx: &mut Cx<'_>, key: &Key, grant: &Grant) -> Result<(), Fault> {
    let grantee = &grant.grantee.id;
    let mut number = 0;
    let mut place = None;
    let mut last = None;
    while let Some(holding) = holding(cx, key, grantee, number)? {
        if holding.grants.iter().any(|held| held.id == grant.id) {
            place = Some((number, Arc::clone(&holding)));
        }
        last = Some((number, holding));
        number += 1;
    }
    let (Some((place, holding)), Some((last, moved))) = (place, last) else { return Ok(()) };
    let mut rest = (*holding).clone();
    rest.grants.retain(|held| held.id != grant.id);
    if !rest.grants.is_empty() {
        return put(cx, key, grantee, place, &rest);
    }
    if place != last {
        put(cx, key, grantee, place, &moved)?;
    }
    HELD.delete(&mut cx.tx, &[&key.account, &key.region, &key.id, grantee, &last.to_string()]);
    Ok(())
}

/// Removes some holdings of a key that is deleted: the ids of their grants, and whether there are more.
pub(super) fn take_some(cx: &mut Cx<'_>, key: &Key) -> Result<(Vec<String>, bool), Fault> {
    let rows = HELD.scan(&mut cx.tx, &key.path(), None, HOLDINGS_DELETED)?;
    for (name, _) in &rows {
        if let Some((grantee, number)) = name.split_once('\0') {
            HELD.delete(&mut cx.tx, &[&key.account, &key.region, &key.id, grantee, number]);
        }
    }
    let more = rows.len() == HOLDINGS_DELETED;
    let ids = rows.iter().flat_map(|(_, row)| row.grants.iter().map(|held| held.id.clone()));
    Ok((ids.collect(), more))
}

fn put(cx: &mut Cx<'_>, key: &Key, grantee: &str, number: usize, row: &Holding) -> Result<(), Fault> {
    HELD.put(&mut cx.tx, &[&key.account, &key.region, &key.id, grantee, &number.to_string()], row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Pairs {
        text.split_whitespace()
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    fn constraints(text: &str) -> Constraints {
        match text.split_once(' ').unwrap_or((text, "")) {
            ("none", _) => Constraints::default(),
            ("equals", of) => Constraints { equals: Some(pairs(of)), ..Constraints::default() },
            ("subset", of) => Constraints { subset: Some(pairs(of)), ..Constraints::default() },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn contexts_that_constraints_admit() {
        for (of, context, admitted) in [
            ("none", "", true),
            ("none", "a=1", true),
            ("equals a=1", "a=1", true),
            ("equals a=1", "A=1", true),
            ("equals a=x", "a=X", false),
            ("equals a=1", "a=1 b=2", false),
            ("equals a=1 b=2", "a=1", false),
            ("equals a=1", "", false),
            ("subset a=1", "a=1 b=2", true),
            ("subset A=1", "a=1", true),
            ("subset a=1", "b=1", false),
            ("subset a=1", "", false),
        ] {
            assert_eq!(constraints(of).admit(&pairs(context)), admitted, "{of}: {context}");
        }
    }

    #[test]
    fn constraints_that_are_as_strict() {
        for (inner, outer, within) in [
            ("none", "none", true),
            ("none", "equals a=1", false),
            ("none", "subset a=1", false),
            ("equals a=1", "none", true),
            ("equals a=1", "equals a=1", true),
            ("equals a=1 b=2", "equals a=1", false),
            ("equals a=1 b=2", "subset a=1", true),
            ("equals b=2", "subset a=1", false),
            ("subset a=1", "equals a=1", false),
            ("subset a=1 b=2", "subset a=1", true),
            ("subset a=1", "subset a=1 b=2", false),
            ("subset a=2", "subset a=1", false),
        ] {
            assert_eq!(constraints(inner).are_within(&constraints(outer)), within, "{inner} in {outer}");
        }
    }
}
