//! Permissions boundaries of users and roles.

use crate::access::Ask;
use crate::attachments::use_of;
use crate::entity::{Entity, fetch};
use crate::errors::no_such_entity;
use crate::roles::Role;
use crate::usage::{Usage, usable};
use crate::users::User;
use crate::{Iam, api, api::ops};
use platform::{Cx, Fault, Handle, Tx};
use wire::Unit;

/// An entity that can have a permissions boundary.
pub(crate) trait Bounded: Entity {
    fn boundary_mut(&mut self) -> &mut Option<String>;
}

/// A boundary as answers show it.
pub(crate) fn answer<T: Entity>(row: &T) -> Option<api::AttachedPermissionsBoundary> {
    row.boundary().map(|arn| api::AttachedPermissionsBoundary {
        permissions_boundary_type: Some(api::PermissionsBoundaryAttachmentType::PermissionsBoundaryPolicy),
        permissions_boundary_arn: Some(arn.to_owned()),
    })
}

/// Gives a row that is about to be saved a boundary, or takes it away.
pub(crate) fn set<T: Bounded>(tx: &mut Tx<'_>, row: &mut T, arn: Option<&str>) -> Result<(), Fault> {
    if let Some(arn) = arn {
        let account = row.head().account.clone();
        usable(tx, &account, arn, Usage::Boundary)?;
    }
    if row.boundary() == arn {
        return Ok(());
    }
    if let Some(old) = row.boundary() {
        use_of(row, old, Usage::Boundary).end(tx)?;
    }
    if let Some(new) = arn {
        use_of(row, new, Usage::Boundary).begin(tx)?;
    }
    *row.boundary_mut() = arn.map(str::to_owned);
    Ok(())
}

fn put<T: Bounded>(cx: &mut Cx<'_>, action: &'static str, name: &str, arn: &str) -> Result<Unit, Fault> {
    let row = fetch::<T>(cx, Ask::to(action).boundary(Some(arn)), name)?;
    let mut row = T::clone(&row);
    set(&mut cx.tx, &mut row, Some(arn))?;
    row.save(cx)?;
    Ok(Unit)
}

fn delete<T: Bounded>(cx: &mut Cx<'_>, action: &'static str, name: &str) -> Result<Unit, Fault> {
    let row = fetch::<T>(cx, Ask::to(action).with_own_boundary(), name)?;
    if row.boundary().is_none() {
        let noun = T::KIND.noun();
        return Err(no_such_entity(format!(
            "The permissions boundary of the {noun} with name {name} cannot be found."
        )));
    }
    let mut row = T::clone(&row);
    set(&mut cx.tx, &mut row, None)?;
    row.save(cx)?;
    Ok(Unit)
}

impl Handle<ops::PutUserPermissionsBoundary> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::PutUserPermissionsBoundaryRequest) -> Result<Unit, Fault> {
        put::<User>(cx, "iam:PutUserPermissionsBoundary", &input.user_name, &input.permissions_boundary)
    }
}

impl Handle<ops::DeleteUserPermissionsBoundary> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::DeleteUserPermissionsBoundaryRequest,
    ) -> Result<Unit, Fault> {
        delete::<User>(cx, "iam:DeleteUserPermissionsBoundary", &input.user_name)
    }
}

impl Handle<ops::PutRolePermissionsBoundary> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::PutRolePermissionsBoundaryRequest) -> Result<Unit, Fault> {
        put::<Role>(cx, "iam:PutRolePermissionsBoundary", &input.role_name, &input.permissions_boundary)
    }
}

impl Handle<ops::DeleteRolePermissionsBoundary> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::DeleteRolePermissionsBoundaryRequest,
    ) -> Result<Unit, Fault> {
        delete::<Role>(cx, "iam:DeleteRolePermissionsBoundary", &input.role_name)
    }
}
