//! Inline policies of users, groups and roles.

use crate::access::Ask;
use crate::attachments::Holder;
use crate::entity::fetch;
use crate::errors::{limit_exceeded, no_such_entity};
use crate::groups::Group;
use crate::page::{Page, Pager};
use crate::roles::Role;
use crate::users::User;
use crate::{Iam, api, api::ops, documents};
use platform::{Cx, Document, Fault, Handle};
use std::collections::BTreeMap;
use wire::Unit;

/// Inline policies by name.
pub(crate) type Inline = BTreeMap<String, Document>;

/// Inline policies with their documents, as answers list them.
pub(crate) fn answer(inline: &Inline) -> Vec<api::PolicyDetail> {
    let detail = |(name, document): (&String, &Document)| api::PolicyDetail {
        policy_name: Some(name.clone()),
        policy_document: Some(documents::encoded(document.text())),
    };
    inline.iter().map(detail).collect()
}

fn missing<T: Holder>(policy_name: &str) -> Fault {
    no_such_entity(format!("The {} policy with name {policy_name} cannot be found.", T::KIND.noun()))
}

fn put<T: Holder>(
    cx: &mut Cx<'_>,
    ask: Ask<'_>,
    name: &str,
    policy: &str,
    text: &str,
) -> Result<Unit, Fault> {
    let row = fetch::<T>(cx, ask, name)?;
    let document = documents::inline(text)?;
    let mut row = T::clone(&row);
    let inline = &mut row.grants_mut().inline;
    inline.insert(policy.to_owned(), document);
    let chars: usize = inline.values().map(|document| documents::counted(document.text())).sum();
    if chars > T::INLINE_CHARS {
        let (most, noun) = (T::INLINE_CHARS, T::KIND.noun());
        return Err(limit_exceeded(format!(
            "Maximum policy size of {most} bytes exceeded for {noun} {name}"
        )));
    }
    row.save(cx)?;
    Ok(Unit)
}

fn get<T: Holder>(cx: &mut Cx<'_>, ask: Ask<'_>, name: &str, policy: &str) -> Result<String, Fault> {
    let row = fetch::<T>(cx, ask, name)?;
    let document = row.grants().inline.get(policy).ok_or_else(|| missing::<T>(policy))?;
    Ok(documents::encoded(document.text()))
}

fn delete<T: Holder>(cx: &mut Cx<'_>, ask: Ask<'_>, name: &str, policy: &str) -> Result<Unit, Fault> {
    let row = fetch::<T>(cx, ask, name)?;
    let mut row = T::clone(&row);
    row.grants_mut().inline.remove(policy).ok_or_else(|| missing::<T>(policy))?;
    row.save(cx)?;
    Ok(Unit)
}

fn list<T: Holder>(
    cx: &mut Cx<'_>,
    ask: Ask<'_>,
    name: &str,
    marker: Option<&String>,
    max_items: Option<i32>,
) -> Result<Page<String>, Fault> {
    let row = fetch::<T>(cx, ask, name)?;
    let mut pager = Pager::begin(cx, &format!("inline/{}", row.head().id), marker, max_items)?;
    pager.entries(0, row.grants().inline.keys().cloned());
    pager.end(cx)
}

impl Handle<ops::PutUserPolicy> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::PutUserPolicyRequest) -> Result<Unit, Fault> {
        let ask = Ask::to("iam:PutUserPolicy").with_own_boundary();
        put::<User>(cx, ask, &input.user_name, &input.policy_name, &input.policy_document)
    }
}

impl Handle<ops::GetUserPolicy> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::GetUserPolicyRequest,
    ) -> Result<api::GetUserPolicyResponse, Fault> {
        Ok(api::GetUserPolicyResponse {
            policy_document: get::<User>(
                cx,
                Ask::to("iam:GetUserPolicy"),
                &input.user_name,
                &input.policy_name,
            )?,
            user_name: input.user_name.clone(),
            policy_name: input.policy_name.clone(),
        })
    }
}

impl Handle<ops::DeleteUserPolicy> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DeleteUserPolicyRequest) -> Result<Unit, Fault> {
        let ask = Ask::to("iam:DeleteUserPolicy").with_own_boundary();
        delete::<User>(cx, ask, &input.user_name, &input.policy_name)
    }
}

impl Handle<ops::ListUserPolicies> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListUserPoliciesRequest,
    ) -> Result<api::ListUserPoliciesResponse, Fault> {
        let ask = Ask::to("iam:ListUserPolicies");
        let page = list::<User>(cx, ask, &input.user_name, input.marker.as_ref(), input.max_items)?;
        Ok(api::ListUserPoliciesResponse {
            policy_names: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::PutGroupPolicy> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::PutGroupPolicyRequest) -> Result<Unit, Fault> {
        let ask = Ask::to("iam:PutGroupPolicy");
        put::<Group>(cx, ask, &input.group_name, &input.policy_name, &input.policy_document)
    }
}

impl Handle<ops::GetGroupPolicy> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::GetGroupPolicyRequest,
    ) -> Result<api::GetGroupPolicyResponse, Fault> {
        Ok(api::GetGroupPolicyResponse {
            policy_document: get::<Group>(
                cx,
                Ask::to("iam:GetGroupPolicy"),
                &input.group_name,
                &input.policy_name,
            )?,
            group_name: input.group_name.clone(),
            policy_name: input.policy_name.clone(),
        })
    }
}

impl Handle<ops::DeleteGroupPolicy> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DeleteGroupPolicyRequest) -> Result<Unit, Fault> {
        delete::<Group>(cx, Ask::to("iam:DeleteGroupPolicy"), &input.group_name, &input.policy_name)
    }
}

impl Handle<ops::ListGroupPolicies> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListGroupPoliciesRequest,
    ) -> Result<api::ListGroupPoliciesResponse, Fault> {
        let ask = Ask::to("iam:ListGroupPolicies");
        let page = list::<Group>(cx, ask, &input.group_name, input.marker.as_ref(), input.max_items)?;
        Ok(api::ListGroupPoliciesResponse {
            policy_names: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::PutRolePolicy> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::PutRolePolicyRequest) -> Result<Unit, Fault> {
        let ask = Ask::to("iam:PutRolePolicy").with_own_boundary();
        put::<Role>(cx, ask, &input.role_name, &input.policy_name, &input.policy_document)
    }
}

impl Handle<ops::GetRolePolicy> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::GetRolePolicyRequest,
    ) -> Result<api::GetRolePolicyResponse, Fault> {
        Ok(api::GetRolePolicyResponse {
            policy_document: get::<Role>(
                cx,
                Ask::to("iam:GetRolePolicy"),
                &input.role_name,
                &input.policy_name,
            )?,
            role_name: input.role_name.clone(),
            policy_name: input.policy_name.clone(),
        })
    }
}

impl Handle<ops::DeleteRolePolicy> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DeleteRolePolicyRequest) -> Result<Unit, Fault> {
        let ask = Ask::to("iam:DeleteRolePolicy").with_own_boundary();
        delete::<Role>(cx, ask, &input.role_name, &input.policy_name)
    }
}

impl Handle<ops::ListRolePolicies> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListRolePoliciesRequest,
    ) -> Result<api::ListRolePoliciesResponse, Fault> {
        let ask = Ask::to("iam:ListRolePolicies");
        let page = list::<Role>(cx, ask, &input.role_name, input.marker.as_ref(), input.max_items)?;
        Ok(api::ListRolePoliciesResponse {
            policy_names: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}
