//! Managed policies attached to users, groups and roles.

use crate::access::Ask;
use crate::entity::{Entity, fetch};
use crate::errors::{no_such_entity, quota};
use crate::groups::Group;
use crate::page::{Page, Pager};
use crate::policies::{self, ManagedPolicy};
use crate::roles::Role;
use crate::usage::{Usage, Use, usable};
use crate::users::User;
use crate::{Iam, api, api::ops, inline::Inline, limits};
use platform::{Cx, Fault, Handle, Tx};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wire::Unit;

/// The permissions of a user, group or role.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Grants {
    /// ARNs of the managed policies, in the order in which they were attached.
    pub(crate) attached: Vec<String>,
    /// Inline policies by name.
    pub(crate) inline: Inline,
}

/// An entity that policies can be attached to.
pub(crate) trait Holder: Entity {
    /// The name of the quota on attached policies.
    const ATTACHED_QUOTA: &'static str;
    /// All inline policies together, in characters other than white space.
    const INLINE_CHARS: usize;

    fn grants(&self) -> &Grants;
    fn grants_mut(&mut self) -> &mut Grants;
}

/// A row's use of a policy.
pub(crate) fn use_of<'u, T: Entity>(row: &'u T, policy_arn: &'u str, usage: Usage) -> Use<'u> {
    let head = row.head();
    Use { account: &head.account, policy_arn, usage, kind: T::KIND, id: &head.id }
}

/// The managed policies attached to an entity.
pub(crate) fn attached<T: Holder>(tx: &mut Tx<'_>, row: &T) -> Result<Vec<Arc<ManagedPolicy>>, Fault> {
    let mut policies = Vec::with_capacity(row.grants().attached.len());
    for arn in &row.grants().attached {
        policies.push(policies::referred(tx, arn)?);
    }
    Ok(policies)
}

/// Attached policies as answers list them.
pub(crate) fn answer<T: Holder>(tx: &mut Tx<'_>, row: &T) -> Result<Vec<api::AttachedPolicy>, Fault> {
    let policies = attached(tx, row)?;
    Ok(policies.iter().map(|policy| attached_policy(policy)).collect())
}

fn attached_policy(policy: &ManagedPolicy) -> api::AttachedPolicy {
    api::AttachedPolicy { policy_name: Some(policy.head().name.clone()), policy_arn: Some(policy.arn()) }
}

fn attach<T: Holder>(cx: &mut Cx<'_>, action: &'static str, name: &str, arn: &str) -> Result<Unit, Fault> {
    let row = fetch::<T>(cx, Ask::to(action).policy_arn(arn).with_own_boundary(), name)?;
    let account = cx.account();
    usable(&mut cx.tx, account, arn, Usage::Permissions)?;
    let mut row = T::clone(&row);
    let attached = &mut row.grants_mut().attached;
    if attached.iter().any(|held| held == arn) {
        return Ok(Unit);
    }
    if attached.len() >= limits::ATTACHED_POLICIES {
        return Err(quota(T::ATTACHED_QUOTA, limits::ATTACHED_POLICIES));
    }
    attached.push(arn.to_owned());
    row.save(cx)?;
    use_of(&row, arn, Usage::Permissions).begin(&mut cx.tx)?;
    Ok(Unit)
}

fn detach<T: Holder>(cx: &mut Cx<'_>, action: &'static str, name: &str, arn: &str) -> Result<Unit, Fault> {
    let row = fetch::<T>(cx, Ask::to(action).policy_arn(arn).with_own_boundary(), name)?;
    policies::check_arn(arn)?;
    let mut row = T::clone(&row);
    let attached = &mut row.grants_mut().attached;
    let held = attached.len();
    attached.retain(|held| held != arn);
    if attached.len() == held {
        return Err(no_such_entity(format!("Policy {arn} was not found.")));
    }
    row.save(cx)?;
    use_of(&row, arn, Usage::Permissions).end(&mut cx.tx)?;
    Ok(Unit)
}

fn list<T: Holder>(
    cx: &mut Cx<'_>,
    action: &'static str,
    name: &str,
    path_prefix: Option<&String>,
    marker: Option<&String>,
    max_items: Option<i32>,
) -> Result<Page<api::AttachedPolicy>, Fault> {
    let row = fetch::<T>(cx, Ask::to(action), name)?;
    let prefix = path_prefix.map_or("/", String::as_str);
    let list = format!("attached/{}/{prefix}", row.head().id);
    let mut pager = Pager::begin(cx, &list, marker, max_items)?;
    let policies = attached(&mut cx.tx, &*row)?;
    let listed = policies.iter().filter(|policy| policy.head().path.starts_with(prefix));
    pager.entries(0, listed.map(|policy| attached_policy(policy)));
    pager.end(cx)
}

impl Handle<ops::AttachUserPolicy> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::AttachUserPolicyRequest) -> Result<Unit, Fault> {
        attach::<User>(cx, "iam:AttachUserPolicy", &input.user_name, &input.policy_arn)
    }
}

impl Handle<ops::DetachUserPolicy> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DetachUserPolicyRequest) -> Result<Unit, Fault> {
        detach::<User>(cx, "iam:DetachUserPolicy", &input.user_name, &input.policy_arn)
    }
}

impl Handle<ops::ListAttachedUserPolicies> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListAttachedUserPoliciesRequest,
    ) -> Result<api::ListAttachedUserPoliciesResponse, Fault> {
        let action = "iam:ListAttachedUserPolicies";
        let (prefix, marker) = (input.path_prefix.as_ref(), input.marker.as_ref());
        let page = list::<User>(cx, action, &input.user_name, prefix, marker, input.max_items)?;
        Ok(api::ListAttachedUserPoliciesResponse {
            attached_policies: Some(page.items),
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::AttachGroupPolicy> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::AttachGroupPolicyRequest) -> Result<Unit, Fault> {
        attach::<Group>(cx, "iam:AttachGroupPolicy", &input.group_name, &input.policy_arn)
    }
}

impl Handle<ops::DetachGroupPolicy> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DetachGroupPolicyRequest) -> Result<Unit, Fault> {
        detach::<Group>(cx, "iam:DetachGroupPolicy", &input.group_name, &input.policy_arn)
    }
}

impl Handle<ops::ListAttachedGroupPolicies> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListAttachedGroupPoliciesRequest,
    ) -> Result<api::ListAttachedGroupPoliciesResponse, Fault> {
        let action = "iam:ListAttachedGroupPolicies";
        let (prefix, marker) = (input.path_prefix.as_ref(), input.marker.as_ref());
        let page = list::<Group>(cx, action, &input.group_name, prefix, marker, input.max_items)?;
        Ok(api::ListAttachedGroupPoliciesResponse {
            attached_policies: Some(page.items),
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::AttachRolePolicy> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::AttachRolePolicyRequest) -> Result<Unit, Fault> {
        attach::<Role>(cx, "iam:AttachRolePolicy", &input.role_name, &input.policy_arn)
    }
}

impl Handle<ops::DetachRolePolicy> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DetachRolePolicyRequest) -> Result<Unit, Fault> {
        detach::<Role>(cx, "iam:DetachRolePolicy", &input.role_name, &input.policy_arn)
    }
}

impl Handle<ops::ListAttachedRolePolicies> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListAttachedRolePoliciesRequest,
    ) -> Result<api::ListAttachedRolePoliciesResponse, Fault> {
        let action = "iam:ListAttachedRolePolicies";
        let (prefix, marker) = (input.path_prefix.as_ref(), input.marker.as_ref());
        let page = list::<Role>(cx, action, &input.role_name, prefix, marker, input.max_items)?;
        Ok(api::ListAttachedRolePoliciesResponse {
            attached_policies: Some(page.items),
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}
