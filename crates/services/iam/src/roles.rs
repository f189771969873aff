//! Roles.

use crate::access::Ask;
use crate::attachments::{Grants, Holder};
use crate::boundaries::{self, Bounded};
use crate::entity::{self, Entity, Head, Kind};
use crate::errors::delete_conflict;
use crate::{Iam, api, api::ops, documents, instance_profiles, limits, tags, trust};
use platform::{Cx, Document, Fault, Handle, Table, Tx};
use serde::{Deserialize, Serialize};
use wire::Unit;

/// A role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Role {
    head: Head,
    /// Who may assume it, with users and roles pinned to their unique ids.
    pub(crate) trust: Document,
    #[serde(default)]
    description: Option<String>,
    /// The longest session, in seconds.
    pub(crate) max_session_seconds: i32,
    #[serde(default)]
    boundary: Option<String>,
    grants: Grants,
}

impl Entity for Role {
    const KIND: Kind = Kind::Role;
    const TABLE: Table<Self> = Table::new("iam/roles");

    fn head(&self) -> &Head {
        &self.head
    }

    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }

    fn boundary(&self) -> Option<&str> {
        self.boundary.as_deref()
    }
}

impl Holder for Role {
    const ATTACHED_QUOTA: &'static str = "PoliciesPerRole";
    const INLINE_CHARS: usize = limits::ROLE_INLINE_CHARS;

    fn grants(&self) -> &Grants {
        &self.grants
    }

    fn grants_mut(&mut self) -> &mut Grants {
        &mut self.grants
    }
}

impl Bounded for Role {
    fn boundary_mut(&mut self) -> &mut Option<String> {
        &mut self.boundary
    }
}

impl Role {
    /// The role as others show it that hold it: without its longest session, as AWS does.
    pub(crate) fn brief(&self, tx: &mut Tx<'_>) -> Result<api::Role, Fault> {
        Ok(api::Role {
            path: self.head.path.clone(),
            role_name: self.head.name.clone(),
            role_id: self.head.id.clone(),
            arn: self.arn(),
            create_date: self.head.create_date(),
            assume_role_policy_document: Some(documents::encoded(&trust::shown(tx, self.trust.text())?)),
            description: self.description.clone(),
            ..Default::default()
        })
    }

    /// The role as lists show it.
    fn listed(&self, tx: &mut Tx<'_>) -> Result<api::Role, Fault> {
        Ok(api::Role { max_session_duration: Some(self.max_session_seconds), ..self.brief(tx)? })
    }

    fn whole(&self, tx: &mut Tx<'_>) -> Result<api::Role, Fault> {
        Ok(api::Role {
            permissions_boundary: boundaries::answer(self),
            tags: tags::answer(&self.head.tags),
            ..self.brief(tx)?
        })
    }
}

impl Handle<ops::CreateRole> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::CreateRoleRequest,
    ) -> Result<api::CreateRoleResponse, Fault> {
        let (path, boundary) = (input.path.as_deref(), input.permissions_boundary.as_deref());
        let tags = input.tags.as_ref();
        let ask = Ask::to("iam:CreateRole").boundary(boundary).new_tags("iam:TagRole", tags);
        entity::authorize_new::<Role>(cx, ask, path, &input.role_name)?;
        let mut role = Role {
            head: Head::new(cx, Kind::Role, path, &input.role_name, tags::of_new(tags)?)?,
            trust: trust::pinned(&mut cx.tx, &input.assume_role_policy_document)?,
            description: input.description.clone(),
            max_session_seconds: input.max_session_duration.unwrap_or(limits::MAX_SESSION_DEFAULT_SECONDS),
            boundary: None,
            grants: Grants::default(),
        };
        boundaries::set(&mut cx.tx, &mut role, boundary)?;
        entity::create(cx, &role)?;
        // The answer repeats the document as it was given.
        let given = Some(documents::encoded(&input.assume_role_policy_document));
        let role = api::Role { assume_role_policy_document: given, ..role.whole(&mut cx.tx)? };
        Ok(api::CreateRoleResponse { role })
    }
}

impl Handle<ops::GetRole> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::GetRoleRequest) -> Result<api::GetRoleResponse, Fault> {
        let role = entity::fetch::<Role>(cx, Ask::to("iam:GetRole"), &input.role_name)?;
        let role_last_used = Some(api::RoleLastUsed::default());
        let max_session_duration = Some(role.max_session_seconds);
        let role = api::Role { role_last_used, max_session_duration, ..role.whole(&mut cx.tx)? };
        Ok(api::GetRoleResponse { role })
    }
}

impl Handle<ops::ListRoles> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListRolesRequest,
    ) -> Result<api::ListRolesResponse, Fault> {
        let (prefix, marker) = (input.path_prefix.as_deref(), input.marker.as_ref());
        let page = entity::list(cx, "iam:ListRoles", prefix, marker, input.max_items, Role::listed)?;
        Ok(api::ListRolesResponse {
            roles: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::UpdateRole> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::UpdateRoleRequest,
    ) -> Result<api::UpdateRoleResponse, Fault> {
        let role = entity::fetch::<Role>(cx, Ask::to("iam:UpdateRole"), &input.role_name)?;
        let mut role = Role::clone(&role);
        if let Some(description) = &input.description {
            role.description = Some(description.clone());
        }
        if let Some(seconds) = input.max_session_duration {
            role.max_session_seconds = seconds;
        }
        role.save(cx)?;
        Ok(api::UpdateRoleResponse::default())
    }
}

impl Handle<ops::UpdateRoleDescription> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::UpdateRoleDescriptionRequest,
    ) -> Result<api::UpdateRoleDescriptionResponse, Fault> {
        let role = entity::fetch::<Role>(cx, Ask::to("iam:UpdateRoleDescription"), &input.role_name)?;
        let mut role = Role::clone(&role);
        role.description = Some(input.description.clone());
        role.save(cx)?;
        Ok(api::UpdateRoleDescriptionResponse { role: Some(role.whole(&mut cx.tx)?) })
    }
}

impl Handle<ops::UpdateAssumeRolePolicy> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::UpdateAssumeRolePolicyRequest) -> Result<Unit, Fault> {
        let role = entity::fetch::<Role>(cx, Ask::to("iam:UpdateAssumeRolePolicy"), &input.role_name)?;
        let mut role = Role::clone(&role);
        role.trust = trust::pinned(&mut cx.tx, &input.policy_document)?;
        role.save(cx)?;
        Ok(Unit)
    }
}

impl Handle<ops::DeleteRole> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DeleteRoleRequest) -> Result<Unit, Fault> {
        let role = entity::fetch::<Role>(cx, Ask::to("iam:DeleteRole"), &input.role_name)?;
        let first = if !role.grants.attached.is_empty() {
            Some("detach all policies")
        } else if !role.grants.inline.is_empty() {
            Some("delete policies")
        } else if instance_profiles::hold(&mut cx.tx, &role)? {
            Some("remove roles from instance profile")
        } else {
            None
        };
        if let Some(first) = first {
            return Err(delete_conflict(format!("Cannot delete entity, must {first} first.")));
        }
        let mut role = Role::clone(&role);
        boundaries::set(&mut cx.tx, &mut role, None)?;
        entity::remove(cx, &role)?;
        Ok(Unit)
    }
}
