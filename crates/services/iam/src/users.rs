//! Users.

use crate::access::Ask;
use crate::account::Account;
use crate::attachments::{Grants, Holder};
use crate::boundaries::{self, Bounded};
use crate::entity::{self, Entity, Head, Kind, seconds};
use crate::errors::delete_conflict;
use crate::{Iam, api, api::ops, credentials, limits, tags};
use platform::{Cx, Fault, Handle, Principal, Table};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wire::Unit;

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    head: Head,
    #[serde(default)]
    boundary: Option<String>,
    grants: Grants,
    /// Unique ids of the groups that the user is in.
    pub(crate) groups: Vec<String>,
    /// Ids of the user's access keys.
    pub(crate) access_keys: Vec<String>,
}

impl Entity for User {
    const KIND: Kind = Kind::User;
    const TABLE: Table<Self> = Table::new("iam/users");

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

impl Holder for User {
    const ATTACHED_QUOTA: &'static str = "PoliciesPerUser";
    const INLINE_CHARS: usize = limits::USER_INLINE_CHARS;

    fn grants(&self) -> &Grants {
        &self.grants
    }

    fn grants_mut(&mut self) -> &mut Grants {
        &mut self.grants
    }
}

impl Bounded for User {
    fn boundary_mut(&mut self) -> &mut Option<String> {
        &mut self.boundary
    }
}

impl User {
    /// The user as lists show it.
    pub(crate) fn brief(&self) -> api::User {
        api::User {
            path: self.head.path.clone(),
            user_name: self.head.name.clone(),
            user_id: self.head.id.clone(),
            arn: self.arn(),
            create_date: self.head.create_date(),
            ..Default::default()
        }
    }

    fn whole(&self) -> api::User {
        api::User {
            permissions_boundary: boundaries::answer(self),
            tags: tags::answer(&self.head.tags),
            ..self.brief()
        }
    }
}

/// Whom an operation concerns that may leave the user's name out.
pub(crate) enum Subject {
    /// The root user of the caller's account.
    Root,
    /// A user.
    User(Arc<User>),
}

impl Subject {
    /// The user; none for the root user.
    pub(crate) fn head(&self) -> Option<&Head> {
        match self {
            Self::Root => None,
            Self::User(user) => Some(user.head()),
        }
    }

    /// The user's name; the root user has none.
    pub(crate) fn name(&self) -> String {
        self.head().map(|head| head.name.clone()).unwrap_or_default()
    }
}

/// The user of this name or, without a name, whoever calls: a user or the root user.
pub(crate) fn subject(cx: &mut Cx<'_>, ask: Ask<'_>, name: Option<&str>) -> Result<Subject, Fault> {
    if let Some(name) = name {
        return Ok(Subject::User(entity::fetch::<User>(cx, ask, name)?));
    }
    match &cx.caller().principal {
        Principal::Root { account } => {
            ask.authorize(cx, &format!("arn:aws:iam::{account}:root"), None)?;
            Ok(Subject::Root)
        }
        Principal::User { id, name, .. } => {
            let user = User::TABLE.get(&mut cx.tx, &[id])?.ok_or_else(|| Kind::User.missing(name))?;
            entity::authorize(cx, ask, &*user, name)?;
            Ok(Subject::User(user))
        }
        _ => Err(entity::name_needed()),
    }
}

impl Handle<ops::CreateUser> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::CreateUserRequest,
    ) -> Result<api::CreateUserResponse, Fault> {
        let (path, boundary) = (input.path.as_deref(), input.permissions_boundary.as_deref());
        let tags = input.tags.as_ref();
        let ask = Ask::to("iam:CreateUser").boundary(boundary).new_tags("iam:TagUser", tags);
        entity::authorize_new::<User>(cx, ask, path, &input.user_name)?;
        let head = Head::new(cx, Kind::User, path, &input.user_name, tags::of_new(tags)?)?;
        let mut user = User {
            head,
            boundary: None,
            grants: Grants::default(),
            groups: Vec::new(),
            access_keys: Vec::new(),
        };
        boundaries::set(&mut cx.tx, &mut user, boundary)?;
        entity::create(cx, &user)?;
        Ok(api::CreateUserResponse { user: Some(user.whole()) })
    }
}

impl Handle<ops::GetUser> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::GetUserRequest) -> Result<api::GetUserResponse, Fault> {
        let user = match subject(cx, Ask::to("iam:GetUser"), input.user_name.as_deref())? {
            Subject::User(user) => user.whole(),
            // The root user has neither name nor path.
            Subject::Root => api::User {
                user_id: cx.account().to_owned(),
                arn: cx.caller().principal.arn(),
                create_date: seconds(Account::of_caller(cx)?.created()),
                ..Default::default()
            },
        };
        Ok(api::GetUserResponse { user })
    }
}

impl Handle<ops::ListUsers> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListUsersRequest,
    ) -> Result<api::ListUsersResponse, Fault> {
        let (prefix, marker) = (input.path_prefix.as_deref(), input.marker.as_ref());
        let page = entity::list(cx, "iam:ListUsers", prefix, marker, input.max_items, |user: &User, _| {
            Ok(user.brief())
        })?;
        Ok(api::ListUsersResponse {
            users: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::UpdateUser> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::UpdateUserRequest) -> Result<Unit, Fault> {
        let action = "iam:UpdateUser";
        let ask = match (&input.new_path, &input.new_user_name) {
            (None, None) => Ask::to(action),
            _ => Ask::to(action).before(action, "the user by its new path and name"),
        };
        let user = entity::fetch::<User>(cx, ask, &input.user_name)?;
        entity::rename(cx, action, &*user, input.new_path.as_deref(), input.new_user_name.as_deref())?;
        Ok(Unit)
    }
}

impl Handle<ops::DeleteUser> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DeleteUserRequest) -> Result<Unit, Fault> {
        let user = entity::fetch::<User>(cx, Ask::to("iam:DeleteUser"), &input.user_name)?;
        let first = match &*user {
            user if !user.grants.attached.is_empty() => Some("detach all policies"),
            user if !user.grants.inline.is_empty() => Some("delete policies"),
            user if !user.access_keys.is_empty() => Some("delete access keys"),
            user if !user.groups.is_empty() => Some("remove users from group"),
            _ => None,
        };
        if let Some(first) = first {
            return Err(delete_conflict(format!("Cannot delete entity, must {first} first.")));
        }
        credentials::refuse_if_any(&mut cx.tx, &user)?;
        let mut user = User::clone(&user);
        boundaries::set(&mut cx.tx, &mut user, None)?;
        entity::remove(cx, &user)?;
        Ok(Unit)
    }
}
