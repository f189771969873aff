//! `GetAccountAuthorizationDetails`: all that decides permissions in an account, in one list.

use crate::access::Ask;
use crate::attachments::{self, Holder};
use crate::entity::{self, Entity, NAMES};
use crate::groups::Group;
use crate::page::Pager;
use crate::policies::ManagedPolicy;
use crate::roles::Role;
use crate::usage::Counts;
use crate::users::User;
use crate::{Iam, api, api::EntityType, api::ops, aws_managed, boundaries, inline, instance_profiles, tags};
use platform::{Cx, Fault, Handle, Tx};

/// The most entries of one page, whatever the caller asks for: each can hold several documents. The API lets a page hold fewer
/// than asked for.
const PAGE_ITEMS_MAX: i32 = 200;

/// Instance profiles of one role that are shown with it.
const INSTANCE_PROFILES_SHOWN: usize = 100;

enum Detail {
    User(api::UserDetail),
    Group(api::GroupDetail),
    Role(Box<api::RoleDetail>),
    Policy(api::ManagedPolicyDetail),
}

fn user(tx: &mut Tx<'_>, user: &User) -> Result<Detail, Fault> {
    let head = user.head();
    let mut groups = Vec::with_capacity(user.groups.len());
    for id in &user.groups {
        groups.push(entity::referred::<Group>(tx, id)?.head().name.clone());
    }
    Ok(Detail::User(api::UserDetail {
        path: Some(head.path.clone()),
        user_name: Some(head.name.clone()),
        user_id: Some(head.id.clone()),
        arn: Some(user.arn()),
        create_date: Some(head.create_date()),
        user_policy_list: Some(inline::answer(&user.grants().inline)),
        group_list: Some(groups),
        attached_managed_policies: Some(attachments::answer(tx, user)?),
        permissions_boundary: boundaries::answer(user),
        tags: tags::answer(&head.tags),
    }))
}

fn group(tx: &mut Tx<'_>, group: &Group) -> Result<Detail, Fault> {
    let head = group.head();
    Ok(Detail::Group(api::GroupDetail {
        path: Some(head.path.clone()),
        group_name: Some(head.name.clone()),
        group_id: Some(head.id.clone()),
        arn: Some(group.arn()),
        create_date: Some(head.create_date()),
        group_policy_list: Some(inline::answer(&group.grants().inline)),
        attached_managed_policies: Some(attachments::answer(tx, group)?),
    }))
}

fn role(tx: &mut Tx<'_>, role: &Role) -> Result<Detail, Fault> {
    let brief = role.brief(tx)?;
    Ok(Detail::Role(Box::new(api::RoleDetail {
        path: Some(brief.path),
        role_name: Some(brief.role_name),
        role_id: Some(brief.role_id),
        arn: Some(brief.arn),
        create_date: Some(brief.create_date),
        assume_role_policy_document: brief.assume_role_policy_document,
        instance_profile_list: Some(instance_profiles::of_role(tx, role, INSTANCE_PROFILES_SHOWN)?),
        role_policy_list: Some(inline::answer(&role.grants().inline)),
        attached_managed_policies: Some(attachments::answer(tx, role)?),
        permissions_boundary: boundaries::answer(role),
        tags: tags::answer(&role.head().tags),
        role_last_used: Some(api::RoleLastUsed::default()),
    })))
}

fn section<T: Entity>(
    cx: &mut Cx<'_>,
    pager: &mut Pager<Detail>,
    number: u8,
    detail: impl Fn(&mut Tx<'_>, &T) -> Result<Detail, Fault>,
) -> Result<(), Fault> {
    let below = [cx.account(), T::KIND.noun()];
    pager.rows(&mut cx.tx, number, &NAMES, &below, |tx, _, key| {
        let row = entity::referred::<T>(tx, key)?;
        detail(tx, &row).map(Some)
    })
}

impl Handle<ops::GetAccountAuthorizationDetails> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::GetAccountAuthorizationDetailsRequest,
    ) -> Result<api::GetAccountAuthorizationDetailsResponse, Fault> {
        let action = "iam:GetAccountAuthorizationDetails";
        Ask::to(action).authorize(cx, "*", None)?;
        let account = cx.account();
        let filter = input.filter.as_deref().unwrap_or_default();
        let wanted = |kind: EntityType| filter.is_empty() || filter.contains(&kind);
        let list = format!("{action}/{filter:?}");
        let max_items = input.max_items.map(|items| items.min(PAGE_ITEMS_MAX));
        let mut pager = Pager::begin(cx, &list, input.marker.as_ref(), max_items)?;
        if wanted(EntityType::User) {
            section::<User>(cx, &mut pager, 0, user)?;
        }
        if wanted(EntityType::Group) {
            section::<Group>(cx, &mut pager, 1, group)?;
        }
        if wanted(EntityType::Role) {
            section::<Role>(cx, &mut pager, 2, role)?;
        }
        let policy = |tx: &mut Tx<'_>, policy: &ManagedPolicy| {
            let used = Counts::of(tx, account, &policy.arn())?;
            Ok::<_, Fault>((used, Detail::Policy(policy.detail(used))))
        };
        if wanted(EntityType::LocalManagedPolicy) {
            section::<ManagedPolicy>(cx, &mut pager, 3, |tx, row| Ok(policy(tx, row)?.1))?;
        }
        if wanted(EntityType::AWSManagedPolicy) {
            // Of AWS's own policies, those that the account uses.
            let mut listed = Vec::new();
            for row in aws_managed::all() {
                let (used, detail) = policy(&mut cx.tx, row)?;
                listed.extend(used.any().then_some(detail));
            }
            pager.entries(4, listed);
        }
        let page = pager.end(cx)?;
        let (mut users, mut groups, mut roles, mut policies) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for item in page.items {
            match item {
                Detail::User(user) => users.push(user),
                Detail::Group(group) => groups.push(group),
                Detail::Role(role) => roles.push(*role),
                Detail::Policy(policy) => policies.push(policy),
            }
        }
        Ok(api::GetAccountAuthorizationDetailsResponse {
            user_detail_list: Some(users),
            group_detail_list: Some(groups),
            role_detail_list: Some(roles),
            policies: Some(policies),
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}
