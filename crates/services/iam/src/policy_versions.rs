//! Versions of managed policies.

use crate::access::Ask;
use crate::account::Account;
use crate::entity::Entity;
use crate::errors::{delete_conflict, limit_exceeded, no_such_entity};
use crate::page::Pager;
use crate::policies::{self, ManagedPolicy, Version};
use crate::{Iam, api, api::ops, documents, limits};
use platform::{Cx, Fault, Handle};
use wire::Unit;

fn version<'p>(policy: &'p ManagedPolicy, id: &str) -> Result<&'p Version, Fault> {
    let missing = || {
        let arn = policy.arn();
        no_such_entity(format!("Policy {arn} version {id} does not exist or is not attachable."))
    };
    policy.version(id).ok_or_else(missing)
}

impl Handle<ops::CreatePolicyVersion> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::CreatePolicyVersionRequest,
    ) -> Result<api::CreatePolicyVersionResponse, Fault> {
        let policy = policies::fetch_own(cx, Ask::to("iam:CreatePolicyVersion"), &input.policy_arn)?;
        let document = documents::managed(&input.policy_document)?;
        if policy.versions().len() >= limits::VERSIONS_PER_POLICY {
            return Err(limit_exceeded(format!(
                "A managed policy can have up to {} versions. Before you create a new version, you must delete an \
                 existing version.",
                limits::VERSIONS_PER_POLICY
            )));
        }
        let mut policy = ManagedPolicy::clone(&policy);
        let now = cx.now().0;
        let number = policy.add_version(document, now);
        if input.set_as_default.unwrap_or_default() {
            policy.set_default(number, now);
        }
        policy.save(cx)?;
        let account = cx.account();
        Account::add_version(&mut cx.tx, account, &format!("{}/{number}", input.policy_arn))?;
        let added = policy.versions().last().map(|version| policy.answer_version(version, false));
        Ok(api::CreatePolicyVersionResponse { policy_version: added })
    }
}

impl Handle<ops::GetPolicyVersion> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::GetPolicyVersionRequest,
    ) -> Result<api::GetPolicyVersionResponse, Fault> {
        let policy = policies::fetch(cx, Ask::to("iam:GetPolicyVersion"), &input.policy_arn)?;
        let version = version(&policy, &input.version_id)?;
        Ok(api::GetPolicyVersionResponse { policy_version: Some(policy.answer_version(version, true)) })
    }
}

impl Handle<ops::ListPolicyVersions> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListPolicyVersionsRequest,
    ) -> Result<api::ListPolicyVersionsResponse, Fault> {
        let policy = policies::fetch(cx, Ask::to("iam:ListPolicyVersions"), &input.policy_arn)?;
        let list = format!("versions/{}", policy.head().id);
        let mut pager = Pager::begin(cx, &list, input.marker.as_ref(), input.max_items)?;
        // Newest first.
        pager.entries(0, policy.versions().iter().rev().map(|version| policy.answer_version(version, false)));
        let page = pager.end(cx)?;
        Ok(api::ListPolicyVersionsResponse {
            versions: Some(page.items),
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::SetDefaultPolicyVersion> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::SetDefaultPolicyVersionRequest) -> Result<Unit, Fault> {
        let policy = policies::fetch_own(cx, Ask::to("iam:SetDefaultPolicyVersion"), &input.policy_arn)?;
        let number = version(&policy, &input.version_id)?.number;
        let mut policy = ManagedPolicy::clone(&policy);
        policy.set_default(number, cx.now().0);
        policy.save(cx)?;
        Ok(Unit)
    }
}

impl Handle<ops::DeletePolicyVersion> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DeletePolicyVersionRequest) -> Result<Unit, Fault> {
        let policy = policies::fetch_own(cx, Ask::to("iam:DeletePolicyVersion"), &input.policy_arn)?;
        let version = version(&policy, &input.version_id)?;
        if policy.is_default(version) {
            return Err(delete_conflict("Cannot delete the default version of a policy."));
        }
        let number = version.number;
        let mut policy = ManagedPolicy::clone(&policy);
        policy.remove_version(number, cx.now().0);
        policy.save(cx)?;
        let account = cx.account();
        Account::take_version(&mut cx.tx, account, &format!("{}/{number}", input.policy_arn))?;
        Ok(Unit)
    }
}
