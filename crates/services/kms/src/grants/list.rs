//! ListGrants and ListRetirableGrants.

use super::party::{Party, is_account};
use super::{GRANTS, RETIREES};
use crate::Kms;
use crate::api::{GrantListEntry, ListGrantsRequest, ListGrantsResponse, ListRetirableGrantsRequest, ops};
use crate::authorize::Use;
use crate::authorize::access;
use crate::errors::validation;
use crate::limits::GRANTS_SCANNED;
use crate::names::{Takes, find};
use crate::pages;
use platform::{Cx, Fault, Handle, Principal, page};

impl Handle<ops::ListGrants> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &ListGrantsRequest) -> Result<ListGrantsResponse, Fault> {
        let found = find(cx, "kms:ListGrants", &input.key_id, Takes::Keys)?;
        let key = &found.key;
        Use::of(&found, "kms:ListGrants")
            .across_accounts()
            .with("kms:GrantIsForAWSResource", super::is_for_service(cx))
            .authorize(cx)?;
        if input.grantee_principal.is_some() && input.grantee_service_principal.is_some() {
            return Err(validation(
                "You can specify either GranteePrincipal or GranteeServicePrincipal, but not both.",
            ));
        }
        require_service(cx, "GranteeServicePrincipal", input.grantee_service_principal.as_ref())?;
        if let Some(id) = &input.grant_id {
            super::retire::check_id(id)?;
        }
        let size = pages::SMALL.of(input.limit);
        let list = format!("kms:ListGrants/{}", key.arn);
        let mut after = pages::after(cx, &list, input.marker.as_deref())?;
        let wanted = |entry: &GrantListEntry| {
            (input.grantee_principal.is_none() || entry.grantee_principal == input.grantee_principal)
                && (input.grantee_service_principal.is_none()
                    || entry.grantee_service_principal == input.grantee_service_principal)
        };
        let mut grants = Vec::new();
        let mut next = None;
        if let Some(id) = &input.grant_id {
            let path = [key.account.as_str(), &key.region, &key.id, id];
            if let Some(grant) = GRANTS.get(&mut cx.tx, &path)? {
                grants.extend(Some(grant.listed(cx)?).filter(wanted));
            }
        } else {
            let rows = GRANTS.scan(&mut cx.tx, &key.path(), after.as_deref(), GRANTS_SCANNED)?;
            let mut more = rows.len() == GRANTS_SCANNED;
            for (id, grant) in rows {
                if grants.len() == size {
                    more = true;
                    break;
                }
                grants.extend(Some(grant.listed(cx)?).filter(wanted));
                after = Some(id);
            }
            if more && let Some(last) = &after {
                next = Some(page::marker(cx, &list, last)?);
            }
        }
        Ok(ListGrantsResponse { grants: Some(grants), truncated: Some(next.is_some()), next_marker: next })
    }
}

impl Handle<ops::ListRetirableGrants> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &ListRetirableGrantsRequest,
    ) -> Result<ListGrantsResponse, Fault> {
        let one = "You must specify either RetiringPrincipal or RetiringServicePrincipal, but not both.";
        let text = match (&input.retiring_principal, &input.retiring_service_principal) {
            (Some(text), None) => text.as_str(),
            (None, Some(_)) => return of_service(cx, input),
            _ => return Err(validation(one)),
        };
        let account = cx.account();
        cx.authorize(&access(cx, "kms:ListRetirableGrants", text))?;
        let named = if is_account(text) { Some(text) } else { text.split(':').nth(4) };
        if named != Some(account) {
            return Err(Fault::new(
                "InvalidArnException",
                format!("{text} is not a principal of account {account}."),
            ));
        }
        let retiring = Party::find(cx, text)?;
        retirable(cx, input, account, &retiring)
    }
}

/// A service lists what it may retire itself, which concerns nobody else.
fn of_service(cx: &mut Cx<'_>, input: &ListRetirableGrantsRequest) -> Result<ListGrantsResponse, Fault> {
    let name = input.retiring_service_principal.as_ref();
    let retiring = Party::service(&cx.caller().principal.user_id());
    if name == Some(&retiring.id) && matches!(cx.caller().principal, Principal::Service { .. }) {
        cx.authorize_everyone();
        return retirable(cx, input, &retiring.id, &retiring);
    }
    cx.authorize(&access(cx, "kms:ListRetirableGrants", "*"))?;
    require_service(cx, "RetiringServicePrincipal", name)?;
    Err(validation("A service can list its own retirable grants only."))
}

/// These filters are for services of AWS.
fn require_service(cx: &Cx<'_>, parameter: &str, given: Option<&String>) -> Result<(), Fault> {
    if given.is_none() || matches!(cx.caller().principal, Principal::Service { .. }) {
        return Ok(());
    }
    Err(validation(format!("{parameter} can be used by AWS service principals only.")))
}

fn retirable(
    cx: &mut Cx<'_>,
    input: &ListRetirableGrantsRequest,
    account: &str,
    retiring: &Party,
) -> Result<ListGrantsResponse, Fault> {
    let size = pages::SMALL.of(input.limit);
    let list = format!("kms:ListRetirableGrants/{}", retiring.id);
    let after = pages::after(cx, &list, input.marker.as_deref())?;
    let prefix = [account, cx.region(), &retiring.id];
    let mut rows = RETIREES.scan(&mut cx.tx, &prefix, after.as_deref(), size.saturating_add(1))?;
    let next = pages::cut(cx, &list, &mut rows, size, |(name, _)| name)?;
    let mut grants = Vec::with_capacity(rows.len());
    for (_, row) in rows {
        let path = [row.account.as_str(), cx.region(), &row.key, &row.grant];
        if let Some(grant) = GRANTS.get(&mut cx.tx, &path)? {
            grants.push(grant.listed(cx)?);
        }
    }
    Ok(ListGrantsResponse { grants: Some(grants), truncated: Some(next.is_some()), next_marker: next })
}
