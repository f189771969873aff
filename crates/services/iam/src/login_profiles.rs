//! Login profiles: users' passwords, of which hashes are kept. There is no console to sign in to yet, so that nothing asks for them but changing
//! them.

use crate::access::Ask;
use crate::credentials::Owner;
use crate::entity::{self, Entity, seconds};
use crate::errors::{already_exists, no_such_entity, validation};
use crate::passwords::{self, PasswordPolicy, authorize_own, violation};
use crate::quotas::QUOTAS;
use crate::users::{Subject, User, subject};
use crate::{Iam, api, api::ops, limits};
use keyring::PasswordHash;
use platform::{Cx, Fault, Handle, Principal, Table, Tx};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wire::Unit;

/// By account and the user's unique id.
const PROFILES: Table<LoginProfile> = Table::new("iam/login-profiles");

/// A user's password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LoginProfile {
    /// In milliseconds since the epoch.
    created: i64,
    /// When the password was last changed, in milliseconds since the epoch.
    pub(crate) changed: i64,
    reset_required: bool,
    /// The password and those before it, newest first.
    hashes: Vec<PasswordHash>,
}

impl LoginProfile {
    fn answer(&self, user: &User) -> api::LoginProfile {
        api::LoginProfile {
            user_name: user.head().name.clone(),
            create_date: seconds(self.created),
            password_reset_required: Some(self.reset_required),
        }
    }
}

/// The login profile of a user, if there is one.
pub(crate) fn find(tx: &mut Tx<'_>, owner: &Owner) -> Result<Option<Arc<LoginProfile>>, Fault> {
    PROFILES.get(tx, &[&owner.account, &owner.id])
}

fn save(tx: &mut Tx<'_>, owner: &Owner, profile: &LoginProfile) -> Result<(), Fault> {
    PROFILES.put(tx, &[&owner.account, &owner.id], profile)
}

/// The login profile of a user that has to have one.
fn existing(tx: &mut Tx<'_>, user: &User) -> Result<(Owner, LoginProfile), Fault> {
    let owner = Owner::user(user);
    let name = &user.head().name;
    let missing = || no_such_entity(format!("Login Profile for User {name} cannot be found."));
    let profile = find(tx, &owner)?.ok_or_else(missing)?;
    Ok((owner, LoginProfile::clone(&profile)))
}

/// The user of this name, or who calls.
fn user(cx: &mut Cx<'_>, action: &'static str, name: Option<&String>) -> Result<Arc<User>, Fault> {
    match subject(cx, Ask::to(action), name.map(String::as_str))? {
        Subject::User(user) => Ok(user),
        Subject::Root => Err(entity::name_needed()),
    }
}

/// Puts a password before those that were, if the account's policy admits it.
fn set(cx: &mut Cx<'_>, hashes: &[PasswordHash], password: &str) -> Result<Vec<PasswordHash>, Fault> {
    let account = cx.account();
    let policy = PasswordPolicy::of(&mut cx.tx, account)?;
    passwords::check(cx, policy.as_deref(), password)?;
    let guarded = policy.map_or(0, |policy| policy.reuse_prevention());
    let random = cx.random();
    let hashed = cx.aside_in_turn(|| {
        for earlier in hashes.iter().take(guarded) {
            if earlier.is_of(password)? {
                return Ok(None);
            }
        }
        PasswordHash::new(password, random).map(Some)
    })?;
    let hash = hashed.ok_or_else(|| Fault::throttled(&QUOTAS))??.ok_or_else(violation)?;
    let earlier = hashes.iter().take(limits::PASSWORDS_REMEMBERED - 1).cloned();
    Ok(std::iter::once(hash).chain(earlier).collect())
}

impl Handle<ops::CreateLoginProfile> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::CreateLoginProfileRequest,
    ) -> Result<api::CreateLoginProfileResponse, Fault> {
        let user = user(cx, "iam:CreateLoginProfile", input.user_name.as_ref())?;
        let owner = Owner::user(&user);
        if find(&mut cx.tx, &owner)?.is_some() {
            let name = &user.head().name;
            return Err(already_exists(format!("Login Profile for user {name} already exists.")));
        }
        let password = input.password.as_deref().ok_or_else(|| validation("Must specify a password"))?;
        let hashes = set(cx, &[], password)?;
        let now = cx.now().0;
        let reset_required = input.password_reset_required.unwrap_or(false);
        let profile = LoginProfile { created: now, changed: now, reset_required, hashes };
        save(&mut cx.tx, &owner, &profile)?;
        Ok(api::CreateLoginProfileResponse { login_profile: profile.answer(&user) })
    }
}

impl Handle<ops::GetLoginProfile> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::GetLoginProfileRequest,
    ) -> Result<api::GetLoginProfileResponse, Fault> {
        let user = user(cx, "iam:GetLoginProfile", input.user_name.as_ref())?;
        let (_, profile) = existing(&mut cx.tx, &user)?;
        Ok(api::GetLoginProfileResponse { login_profile: profile.answer(&user) })
    }
}

impl Handle<ops::UpdateLoginProfile> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::UpdateLoginProfileRequest) -> Result<Unit, Fault> {
        let user = entity::fetch::<User>(cx, Ask::to("iam:UpdateLoginProfile"), &input.user_name)?;
        let (owner, mut profile) = existing(&mut cx.tx, &user)?;
        if let Some(password) = &input.password {
            profile.hashes = set(cx, &profile.hashes, password)?;
            profile.changed = cx.now().0;
        }
        if let Some(reset_required) = input.password_reset_required {
            profile.reset_required = reset_required;
        }
        save(&mut cx.tx, &owner, &profile)?;
        Ok(Unit)
    }
}

impl Handle<ops::DeleteLoginProfile> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DeleteLoginProfileRequest) -> Result<Unit, Fault> {
        let user = user(cx, "iam:DeleteLoginProfile", input.user_name.as_ref())?;
        let (owner, _) = existing(&mut cx.tx, &user)?;
        PROFILES.delete(&mut cx.tx, &[&owner.account, &owner.id]);
        Ok(Unit)
    }
}

impl Handle<ops::ChangePassword> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::ChangePasswordRequest) -> Result<Unit, Fault> {
        let (action, arn) = ("iam:ChangePassword", cx.caller().principal.arn());
        let Principal::User { id, .. } = &cx.caller().principal else {
            Ask::to(action).authorize(cx, &arn, None)?;
            let message = "Only IAM Users can change their own password";
            return Err(Fault::new("InvalidUserTypeException", message));
        };
        let user = if authorize_own(cx, action, &arn)? {
            entity::referred::<User>(&mut cx.tx, id)?
        } else {
            user(cx, action, None)?
        };
        let (owner, mut profile) = existing(&mut cx.tx, &user)?;
        let Some(current) = profile.hashes.first() else {
            return Err(Fault::bug("a profile without password"));
        };
        let right = self.attempts.check(&format!("password of {id}"), cx.now(), || {
            let checked = cx.aside_in_turn(|| current.is_of(&input.old_password))?;
            Ok::<_, Fault>(checked.ok_or_else(|| Fault::throttled(&QUOTAS))??)
        })?;
        if !right {
            return Err(Fault::denied("The old password was incorrect."));
        }
        profile.hashes = set(cx, &profile.hashes, &input.new_password)?;
        profile.changed = cx.now().0;
        profile.reset_required = false;
        save(&mut cx.tx, &owner, &profile)?;
        Ok(Unit)
    }
}
