//! Instance profiles: the way in which a role is given to a virtual machine.

use crate::access::Ask;
use crate::entity::{self, Entity, Head, Kind};
use crate::errors::{delete_conflict, no_such_entity, quota};
use crate::page::Pager;
use crate::roles::Role;
use crate::{Iam, api, api::ops, tags};
use platform::{Cx, Fault, Handle, Table, Tx};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wire::Unit;

/// By unique ids of role and instance profile.
const OF_ROLE: Table<()> = Table::new("iam/role-profiles");

/// An instance profile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct InstanceProfile {
    head: Head,
    /// The unique id of its role; it can have one.
    role: Option<String>,
}

impl Entity for InstanceProfile {
    const KIND: Kind = Kind::InstanceProfile;
    const TABLE: Table<Self> = Table::new("iam/instance-profiles");

    fn head(&self) -> &Head {
        &self.head
    }

    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }
}

impl InstanceProfile {
    fn brief(&self, tx: &mut Tx<'_>) -> Result<api::InstanceProfile, Fault> {
        let roles = match &self.role {
            Some(id) => vec![entity::referred::<Role>(tx, id)?.brief(tx)?],
            None => Vec::new(),
        };
        Ok(api::InstanceProfile {
            path: self.head.path.clone(),
            instance_profile_name: self.head.name.clone(),
            instance_profile_id: self.head.id.clone(),
            arn: self.arn(),
            create_date: self.head.create_date(),
            roles,
            tags: None,
        })
    }

    fn whole(&self, tx: &mut Tx<'_>) -> Result<api::InstanceProfile, Fault> {
        Ok(api::InstanceProfile { tags: tags::answer(&self.head.tags), ..self.brief(tx)? })
    }
}

/// Whether any instance profile holds the role.
pub(crate) fn hold(tx: &mut Tx<'_>, role: &Role) -> Result<bool, Fault> {
    OF_ROLE.any(tx, &[&role.head().id])
}

/// At most `most` instance profiles that hold the role.
pub(crate) fn of_role(tx: &mut Tx<'_>, role: &Role, most: usize) -> Result<Vec<api::InstanceProfile>, Fault> {
    let rows = OF_ROLE.scan(tx, &[&role.head().id], None, most)?;
    rows.iter().map(|(id, _)| entity::referred::<InstanceProfile>(tx, id)?.brief(tx)).collect()
}

impl Handle<ops::CreateInstanceProfile> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::CreateInstanceProfileRequest,
    ) -> Result<api::CreateInstanceProfileResponse, Fault> {
        let (path, name) = (input.path.as_deref(), &input.instance_profile_name);
        let given = input.tags.as_ref();
        let ask = Ask::to("iam:CreateInstanceProfile").new_tags("iam:TagInstanceProfile", given);
        entity::authorize_new::<InstanceProfile>(cx, ask, path, name)?;
        let tags = tags::of_new(given)?;
        let profile =
            InstanceProfile { head: Head::new(cx, Kind::InstanceProfile, path, name, tags)?, role: None };
        entity::create(cx, &profile)?;
        Ok(api::CreateInstanceProfileResponse { instance_profile: profile.whole(&mut cx.tx)? })
    }
}

impl Handle<ops::GetInstanceProfile> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::GetInstanceProfileRequest,
    ) -> Result<api::GetInstanceProfileResponse, Fault> {
        let ask = Ask::to("iam:GetInstanceProfile");
        let profile = entity::fetch::<InstanceProfile>(cx, ask, &input.instance_profile_name)?;
        let tags = Some(tags::list_of(&profile.head.tags));
        let answer = api::InstanceProfile { tags, ..profile.brief(&mut cx.tx)? };
        Ok(api::GetInstanceProfileResponse { instance_profile: answer })
    }
}

impl Handle<ops::ListInstanceProfiles> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListInstanceProfilesRequest,
    ) -> Result<api::ListInstanceProfilesResponse, Fault> {
        let (prefix, marker) = (input.path_prefix.as_deref(), input.marker.as_ref());
        let action = "iam:ListInstanceProfiles";
        let page = entity::list(cx, action, prefix, marker, input.max_items, InstanceProfile::brief)?;
        Ok(api::ListInstanceProfilesResponse {
            instance_profiles: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::ListInstanceProfilesForRole> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListInstanceProfilesForRoleRequest,
    ) -> Result<api::ListInstanceProfilesForRoleResponse, Fault> {
        let role = entity::fetch::<Role>(cx, Ask::to("iam:ListInstanceProfilesForRole"), &input.role_name)?;
        let id = &role.head().id;
        let mut pager = Pager::begin(cx, &format!("profiles/{id}"), input.marker.as_ref(), input.max_items)?;
        pager.rows(&mut cx.tx, 0, &OF_ROLE, &[id], |tx, profile, ()| {
            entity::referred::<InstanceProfile>(tx, profile)?.brief(tx).map(Some)
        })?;
        let page = pager.end(cx)?;
        Ok(api::ListInstanceProfilesForRoleResponse {
            instance_profiles: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::AddRoleToInstanceProfile> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::AddRoleToInstanceProfileRequest) -> Result<Unit, Fault> {
        let ask = Ask::to("iam:AddRoleToInstanceProfile").before("iam:PassRole", &input.role_name);
        let profile = entity::fetch::<InstanceProfile>(cx, ask, &input.instance_profile_name)?;
        let account = cx.account();
        let role = entity::find::<Role>(&mut cx.tx, account, &input.role_name)?;
        let role = passed(cx, role, &input.role_name)?;
        if profile.role.is_some() {
            return Err(quota("InstanceSessionsPerInstanceProfile", 1));
        }
        let mut profile = InstanceProfile::clone(&profile);
        profile.role = Some(role.head().id.clone());
        OF_ROLE.put(&mut cx.tx, &[&role.head().id, &profile.head.id], &())?;
        profile.save(cx)?;
        Ok(Unit)
    }
}

/// The role, if the caller may pass it to EC2. `iam:PassRole` knows no resource tags (Service Authorization Reference).
fn passed(cx: &mut Cx<'_>, role: Option<Arc<Role>>, name: &str) -> Result<Arc<Role>, Fault> {
    let arn = role.as_ref().map_or_else(|| Kind::Role.arn(cx.account(), "/", name), |role| role.arn());
    let called = Kind::Role.arn(cx.account(), "/", name);
    Ask::to("iam:PassRole").passed_to("ec2.amazonaws.com").called(&called).authorize(cx, &arn, None)?;
    role.ok_or_else(|| Kind::Role.missing(name))
}

impl Handle<ops::RemoveRoleFromInstanceProfile> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::RemoveRoleFromInstanceProfileRequest,
    ) -> Result<Unit, Fault> {
        let ask = Ask::to("iam:RemoveRoleFromInstanceProfile");
        let profile = entity::fetch::<InstanceProfile>(cx, ask, &input.instance_profile_name)?;
        let account = cx.account();
        let role = entity::find::<Role>(&mut cx.tx, account, &input.role_name)?;
        let role = role.ok_or_else(|| Kind::Role.missing(&input.role_name))?;
        let mut profile = InstanceProfile::clone(&profile);
        if profile.role.as_ref() != Some(&role.head().id) {
            let (role, profile) = (&input.role_name, &input.instance_profile_name);
            return Err(no_such_entity(format!(
                "The role with name {role} is not in instance profile {profile}."
            )));
        }
        profile.role = None;
        OF_ROLE.delete(&mut cx.tx, &[&role.head().id, &profile.head.id]);
        profile.save(cx)?;
        Ok(Unit)
    }
}

impl Handle<ops::DeleteInstanceProfile> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DeleteInstanceProfileRequest) -> Result<Unit, Fault> {
        let ask = Ask::to("iam:DeleteInstanceProfile");
        let profile = entity::fetch::<InstanceProfile>(cx, ask, &input.instance_profile_name)?;
        if profile.role.is_some() {
            return Err(delete_conflict(
                "Cannot delete entity, must remove roles from instance profile first.",
            ));
        }
        entity::remove(cx, &*profile)?;
        Ok(Unit)
    }
}
