//! The two ways to end a grant: RetireGrant, by those that the grant names, and RevokeGrant, by those in charge of the key.

use super::held::Retirement;
use super::{Asked, GRANTS, Grant, token};
use crate::Kms;
use crate::api::{RetireGrantRequest, RevokeGrantRequest, ops};
use crate::authorize::Use;
use crate::errors::{dry_run, validation};
use crate::key::Key;
use crate::names::{Takes, find, key_arn};
use platform::{Cx, Fault, Handle};
use std::borrow::Cow;
use std::sync::Arc;
use wire::Unit;

impl Handle<ops::RetireGrant> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &RetireGrantRequest) -> Result<Unit, Fault> {
        let (key_id, grant_id) = match (&input.grant_token, &input.key_id, &input.grant_id) {
            (Some(token), None, None) => {
                let token = token::open(cx, token)?;
                (Cow::Owned(key_arn(&token.region, &token.account, &token.key)), Cow::Owned(token.grant))
            }
            (None, Some(key_id), Some(grant_id)) => {
                (Cow::Borrowed(key_id.as_str()), Cow::Borrowed(grant_id.as_str()))
            }
            _ => {
                return Err(validation(
                    "You must specify either a grant token, or both a key ID and a grant ID, but not all of them.",
                ));
            }
        };
        check_id(&grant_id)?;
        let found = find(cx, "kms:RetireGrant", &key_id, Takes::Keys)?;
        let key = &found.key;
        let grant = get(cx, key, &grant_id)?;
        let asks = Use::of(&found, "kms:RetireGrant").across_accounts();
        // Whoever may not retire a grant does not learn whether it exists.
        let asks = match &grant {
            Some(grant) => {
                let asks = grant.constraints.told(asks.with_context(grant.constraints.pairs()));
                asks.or_grant_for(Asked::Retirement(Retirement(grant)))
            }
            None => asks,
        };
        asks.authorize(cx)?;
        end(cx, key, &grant_id, grant, input.dry_run)
    }
}

impl Handle<ops::RevokeGrant> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &RevokeGrantRequest) -> Result<Unit, Fault> {
        check_id(&input.grant_id)?;
        let found = find(cx, "kms:RevokeGrant", &input.key_id, Takes::Keys)?;
        Use::of(&found, "kms:RevokeGrant")
            .across_accounts()
            .with("kms:GrantIsForAWSResource", super::is_for_service(cx))
            .authorize(cx)?;
        let grant = get(cx, &found.key, &input.grant_id)?;
        end(cx, &found.key, &input.grant_id, grant, input.dry_run)
    }
}

fn get(cx: &mut Cx<'_>, key: &Key, id: &str) -> Result<Option<Arc<Grant>>, Fault> {
    GRANTS.get(&mut cx.tx, &[&key.account, &key.region, &key.id, id])
}

fn end(
    cx: &mut Cx<'_>,
    key: &Key,
    id: &str,
    grant: Option<Arc<Grant>>,
    dry: Option<bool>,
) -> Result<Unit, Fault> {
    let grant = grant.ok_or_else(|| Fault::new("NotFoundException", format!("Grant ID {id} not found")))?;
    if dry == Some(true) {
        return Err(dry_run());
    }
    grant.delete(cx, key)?;
    Ok(Unit)
}

/// The form of grant ids.
pub(super) fn check_id(id: &str) -> Result<(), Fault> {
    if id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    Err(Fault::new("InvalidGrantIdException", format!("Invalid grant ID {id}")))
}
