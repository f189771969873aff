//! Grants: permissions on one key for one principal, given without touching the key policy (KMS Developer Guide, "Grants in AWS
//! KMS").
//!
//! A grant is valid from the transaction that makes it and gone with the one that ends it. Grant tokens are therefore never
//! needed; they are accepted wherever AWS takes them.

mod count;
mod create;
mod held;
mod list;
mod party;
mod retire;
mod token;
mod told;

#[cfg(test)]
pub(crate) use count::pretend;
pub(crate) use held::{Asked, covers};
pub(crate) use token::check as check_tokens;

use crate::api::{GrantConstraints, GrantListEntry, GrantOperation};
use crate::authorize::Use;
use crate::context::{NO_PAIRS, Pairs};
use crate::key::Key;
use crate::text::Text;
use party::Party;
use platform::{Cx, Fault, Principal, Table};
use serde::{Deserialize, Serialize};
use wire::Timestamp;

/// `[account, region, key id, grant id]`
const GRANTS: Table<Grant> = Table::new("kms/grants");

/// `[account of the retiring principal, region, retiring principal, account of the key, key id, grant id]`
const RETIREES: Table<Retiree> = Table::new("kms/retirees");

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Grant {
    /// 64 hexadecimal digits.
    id: String,
    key_arn: String,
    name: Option<String>,
    /// In milliseconds since the epoch.
    created: i64,
    grantee: Party,
    retiring: Option<Party>,
    /// The account of the caller who made it.
    issuer: String,
    operations: Vec<Text<GrantOperation>>,
    constraints: Constraints,
}

/// What a request has to be like: its encryption context, and the resource on whose behalf a service makes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Constraints {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    equals: Option<Pairs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subset: Option<Pairs>,
}

/// Points from a retiring principal to a grant.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Retiree {
    account: String,
    key: String,
    grant: String,
}

impl Constraints {
    /// The values of `kms:GrantConstraintType`.
    fn kinds(&self) -> Vec<String> {
        let kinds = [
            (self.equals.is_some(), "EncryptionContextEquals"),
            (self.subset.is_some(), "EncryptionContextSubset"),
            (self.source_arn.is_some(), "SourceArn"),
        ];
        kinds.iter().filter(|(has, _)| *has).map(|(_, kind)| (*kind).to_owned()).collect()
    }

    /// Tells policies which constraints these are.
    fn told<'a>(&'a self, asks: Use<'a>) -> Use<'a> {
        let asks = match self.kinds().as_slice() {
            [] => asks,
            [kind] => asks.with("kms:GrantConstraintType", kind.clone()),
            kinds => asks.with_all("kms:GrantConstraintType", kinds.to_vec()),
        };
        match &self.source_arn {
            Some(arn) => asks.with("kms:GrantConstraintSourceArn", arn.as_str()),
            None => asks,
        }
    }

    /// The pairs of either constraint, of which a grant has one at most.
    fn pairs(&self) -> &Pairs {
        self.equals.as_ref().or(self.subset.as_ref()).unwrap_or(&NO_PAIRS)
    }
}

impl Grant {
    /// Writes the grant and all that points to it.
    fn put(&self, cx: &mut Cx<'_>, key: &Key) -> Result<(), Fault> {
        GRANTS.put(&mut cx.tx, &[&key.account, &key.region, &key.id, &self.id], self)?;
        held::add(cx, key, self)?;
        if let Some(retiring) = &self.retiring {
            let row = Retiree { account: key.account.clone(), key: key.id.clone(), grant: self.id.clone() };
            RETIREES.put(&mut cx.tx, &retiree_path(retiring, key, &self.id), &row)?;
        }
        Ok(())
    }

    /// Removes the grant and all that points to it.
    fn delete(&self, cx: &mut Cx<'_>, key: &Key) -> Result<(), Fault> {
        GRANTS.delete(&mut cx.tx, &[&key.account, &key.region, &key.id, &self.id]);
        held::remove(cx, key, self)?;
        if let Some(retiring) = &self.retiring {
            RETIREES.delete(&mut cx.tx, &retiree_path(retiring, key, &self.id));
        }
        count::take(cx, key)
    }

    fn listed(&self, cx: &mut Cx<'_>) -> Result<GrantListEntry, Fault> {
        let constraints = GrantConstraints {
            encryption_context_subset: self.constraints.subset.clone(),
            encryption_context_equals: self.constraints.equals.clone(),
            source_arn: self.constraints.source_arn.clone(),
        };
        let constrained = self.constraints != Constraints::default();
        Ok(GrantListEntry {
            key_id: Some(self.key_arn.clone()),
            grant_id: Some(self.id.clone()),
            // Without a name AWS gives the empty one.
            name: Some(self.name.clone().unwrap_or_default()),
            creation_date: Some(Timestamp(self.created)),
            grantee_principal: self.grantee.principal(cx)?,
            retiring_principal: match &self.retiring {
                Some(party) => party.principal(cx)?,
                None => None,
            },
            issuing_account: Some(format!("arn:aws:iam::{}:root", self.issuer)),
            operations: Some(self.operations.iter().map(|operation| operation.0).collect()),
            constraints: constrained.then_some(constraints),
            grantee_service_principal: self.grantee.service_name(),
            retiring_service_principal: self.retiring.as_ref().and_then(Party::service_name),
        })
    }
}

/// The value of `kms:GrantIsForAWSResource`: whether a service makes the call, for itself or on a caller's behalf.
fn is_for_service(cx: &Cx<'_>) -> &'static str {
    let service = cx.via().is_some() || matches!(cx.caller().principal, Principal::Service { .. });
    if service { "true" } else { "false" }
}

fn retiree_path<'a>(retiring: &'a Party, key: &'a Key, grant: &'a str) -> [&'a str; 6] {
    [retiring.account(), &key.region, &retiring.id, &key.account, &key.id, grant]
}

/// Removes grants of a key that is deleted: whether none is left.
pub(crate) fn delete_some(cx: &mut Cx<'_>, key: &Key) -> Result<bool, Fault> {
    let (ids, more) = held::take_some(cx, key)?;
    for id in ids {
        let path = [key.account.as_str(), &key.region, &key.id, &id];
        if let Some(retiring) = GRANTS.get(&mut cx.tx, &path)?.and_then(|grant| grant.retiring.clone()) {
            RETIREES.delete(&mut cx.tx, &retiree_path(&retiring, key, &id));
        }
        GRANTS.delete(&mut cx.tx, &path);
    }
    if !more {
        count::forget(cx, key);
    }
    Ok(!more)
}
