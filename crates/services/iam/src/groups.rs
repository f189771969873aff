//! Groups and their members.

use crate::access::Ask;
use crate::attachments::{Grants, Holder};
use crate::entity::{self, Entity, Head, Kind};
use crate::errors::{delete_conflict, quota};
use crate::page::Pager;
use crate::tags::Tags;
use crate::users::User;
use crate::{Iam, api, api::ops, limits};
use platform::{Cx, Fault, Handle, Table};
use serde::{Deserialize, Serialize};
use wire::Unit;

/// By unique ids of group and user.
const MEMBERS: Table<()> = Table::new("iam/group-members");

/// A group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    head: Head,
    grants: Grants,
}

impl Entity for Group {
    const KIND: Kind = Kind::Group;
    const TABLE: Table<Self> = Table::new("iam/groups");

    fn head(&self) -> &Head {
        &self.head
    }

    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }
}

impl Holder for Group {
    const ATTACHED_QUOTA: &'static str = "PoliciesPerGroup";
    const INLINE_CHARS: usize = limits::GROUP_INLINE_CHARS;

    fn grants(&self) -> &Grants {
        &self.grants
    }

    fn grants_mut(&mut self) -> &mut Grants {
        &mut self.grants
    }
}

impl Group {
    fn answer(&self) -> api::Group {
        api::Group {
            path: self.head.path.clone(),
            group_name: self.head.name.clone(),
            group_id: self.head.id.clone(),
            arn: self.arn(),
            create_date: self.head.create_date(),
        }
    }
}

impl Handle<ops::CreateGroup> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::CreateGroupRequest,
    ) -> Result<api::CreateGroupResponse, Fault> {
        let path = input.path.as_deref();
        entity::authorize_new::<Group>(cx, Ask::to("iam:CreateGroup"), path, &input.group_name)?;
        let head = Head::new(cx, Kind::Group, path, &input.group_name, Tags::new())?;
        let group = Group { head, grants: Grants::default() };
        entity::create(cx, &group)?;
        Ok(api::CreateGroupResponse { group: group.answer() })
    }
}

impl Handle<ops::GetGroup> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::GetGroupRequest) -> Result<api::GetGroupResponse, Fault> {
        let group = entity::fetch::<Group>(cx, Ask::to("iam:GetGroup"), &input.group_name)?;
        let id = &group.head.id;
        let mut pager = Pager::begin(cx, &format!("members/{id}"), input.marker.as_ref(), input.max_items)?;
        pager.rows(&mut cx.tx, 0, &MEMBERS, &[id], |tx, user, ()| {
            Ok(Some(entity::referred::<User>(tx, user)?.brief()))
        })?;
        let page = pager.end(cx)?;
        Ok(api::GetGroupResponse {
            group: group.answer(),
            users: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::ListGroups> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListGroupsRequest,
    ) -> Result<api::ListGroupsResponse, Fault> {
        let (prefix, marker) = (input.path_prefix.as_deref(), input.marker.as_ref());
        let page =
            entity::list(cx, "iam:ListGroups", prefix, marker, input.max_items, |group: &Group, _| {
                Ok(group.answer())
            })?;
        Ok(api::ListGroupsResponse {
            groups: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::UpdateGroup> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::UpdateGroupRequest) -> Result<Unit, Fault> {
        let action = "iam:UpdateGroup";
        let ask = match (&input.new_path, &input.new_group_name) {
            (None, None) => Ask::to(action),
            _ => Ask::to(action).before(action, "the group by its new path and name"),
        };
        let group = entity::fetch::<Group>(cx, ask, &input.group_name)?;
        entity::rename(cx, action, &*group, input.new_path.as_deref(), input.new_group_name.as_deref())?;
        Ok(Unit)
    }
}

impl Handle<ops::DeleteGroup> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DeleteGroupRequest) -> Result<Unit, Fault> {
        let group = entity::fetch::<Group>(cx, Ask::to("iam:DeleteGroup"), &input.group_name)?;
        let first = if !group.grants.attached.is_empty() {
            Some("detach all policies")
        } else if !group.grants.inline.is_empty() {
            Some("delete policies")
        } else if MEMBERS.any(&mut cx.tx, &[&group.head.id])? {
            Some("remove users from group")
        } else {
            None
        };
        if let Some(first) = first {
            return Err(delete_conflict(format!("Cannot delete entity, must {first} first.")));
        }
        entity::remove(cx, &*group)?;
        Ok(Unit)
    }
}

impl Handle<ops::AddUserToGroup> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::AddUserToGroupRequest) -> Result<Unit, Fault> {
        let group = entity::fetch::<Group>(cx, Ask::to("iam:AddUserToGroup"), &input.group_name)?;
        let mut user = member(cx, &input.user_name)?;
        let id = &group.head.id;
        if user.groups.contains(id) {
            return Ok(Unit);
        }
        if user.groups.len() >= limits::GROUPS_PER_USER {
            return Err(quota("GroupsPerUser", limits::GROUPS_PER_USER));
        }
        MEMBERS.put(&mut cx.tx, &[id, &user.head().id], &())?;
        user.groups.push(id.clone());
        user.save(cx)?;
        Ok(Unit)
    }
}

impl Handle<ops::RemoveUserFromGroup> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::RemoveUserFromGroupRequest) -> Result<Unit, Fault> {
        let group = entity::fetch::<Group>(cx, Ask::to("iam:RemoveUserFromGroup"), &input.group_name)?;
        let mut user = member(cx, &input.user_name)?;
        let id = &group.head.id;
        if user.groups.contains(id) {
            user.groups.retain(|held| held != id);
            MEMBERS.delete(&mut cx.tx, &[id, &user.head().id]);
            user.save(cx)?;
        }
        Ok(Unit)
    }
}

impl Handle<ops::ListGroupsForUser> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListGroupsForUserRequest,
    ) -> Result<api::ListGroupsForUserResponse, Fault> {
        let user = entity::fetch::<User>(cx, Ask::to("iam:ListGroupsForUser"), &input.user_name)?;
        let list = format!("groups/{}", user.head().id);
        let mut pager = Pager::begin(cx, &list, input.marker.as_ref(), input.max_items)?;
        let mut groups = Vec::with_capacity(user.groups.len());
        for id in &user.groups {
            groups.push(entity::referred::<Group>(&mut cx.tx, id)?.answer());
        }
        pager.entries(0, groups);
        let page = pager.end(cx)?;
        Ok(api::ListGroupsForUserResponse {
            groups: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

fn member(cx: &mut Cx<'_>, name: &str) -> Result<User, Fault> {
    let account = cx.account();
    let user = entity::find::<User>(&mut cx.tx, account, name)?;
    user.map(|user| User::clone(&user)).ok_or_else(|| Kind::User.missing(name))
}
