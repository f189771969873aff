//! Users, roles, policies and access keys, and the sessions that STS gives.

use super::policy::{Document, Party, policy_arn, role_arn, user_arn};
use super::{Call, Identity, Model, Pinned, Refused, Verdict, Who};
use crate::action::{Action, Holder};
use serde_json::Value;

/// Most access keys of a user.
const ACCESS_KEYS_MAX: usize = 2;

impl Model {
    pub(super) fn predict_iam(&self, who: &Who, call: &Call) -> Result<(), Refused> {
        match &call.action {
            Action::WhoAmI => self.documents(who).map(drop),
            Action::AssumeRole(role) => self.predict_assume_role(who, role),
            Action::CreateUser(name) => {
                self.require(who, "iam:CreateUser", &user_arn(name))?;
                if self.users.contains_key(name) { Err("AlreadyExists") } else { Ok(()) }
            }
            Action::DeleteUser(name) => {
                let user = self.user(who, "iam:DeleteUser", name)?;
                let bare = user.attached.is_empty() && user.inline.is_empty() && user.access_keys.is_empty();
                if bare { Ok(()) } else { Err("DeleteConflict") }
            }
            Action::CreateRole(name, trusted) => {
                self.require(who, "iam:CreateRole", &role_arn(name))?;
                self.pin(trusted).ok_or("MalformedPolicy")?;
                if self.roles.contains_key(name) { Err("AlreadyExists") } else { Ok(()) }
            }
            Action::DeleteRole(name) => {
                let role = self.role(who, "iam:DeleteRole", name)?;
                if role.attached.is_empty() && role.inline.is_empty() {
                    Ok(())
                } else {
                    Err("DeleteConflict")
                }
            }
            Action::CreatePolicy(name, _) => {
                self.require(who, "iam:CreatePolicy", &policy_arn(name))?;
                if self.policies.contains_key(name) { Err("AlreadyExists") } else { Ok(()) }
            }
            Action::DeletePolicy(name) => {
                self.require(who, "iam:DeletePolicy", &policy_arn(name))?;
                if !self.policies.contains_key(name) {
                    return Err("NoSuchEntity");
                }
                let mut holders = self.users.values().chain(self.roles.values());
                if holders.any(|holder| holder.attached.contains(name)) {
                    Err("DeleteConflict")
                } else {
                    Ok(())
                }
            }
            Action::Attach(holder, policy) => {
                self.holder(who, "Attach%Policy", holder)?;
                if self.policies.contains_key(policy) { Ok(()) } else { Err("NoSuchEntity") }
            }
            Action::Detach(holder, policy) => {
                let held = &self.holder(who, "Detach%Policy", holder)?.attached;
                if held.contains(policy) { Ok(()) } else { Err("NoSuchEntity") }
            }
            Action::PutInline(holder, ..) => self.holder(who, "Put%Policy", holder).map(drop),
            Action::DeleteInline(holder, name) => {
                let held = &self.holder(who, "Delete%Policy", holder)?.inline;
                if held.contains_key(name) { Ok(()) } else { Err("NoSuchEntity") }
            }
            Action::CreateAccessKey(name) => {
                let user = self.user(who, "iam:CreateAccessKey", name)?;
                if user.access_keys.len() < ACCESS_KEYS_MAX { Ok(()) } else { Err("LimitExceeded") }
            }
            Action::UpdateAccessKey(name, id, _) => {
                let user = self.user(who, "iam:UpdateAccessKey", name)?;
                if user.access_keys.contains_key(id) { Ok(()) } else { Err("NoSuchEntity") }
            }
            Action::DeleteAccessKey(name, id) => {
                let user = self.user(who, "iam:DeleteAccessKey", name)?;
                if user.access_keys.contains_key(id) { Ok(()) } else { Err("NoSuchEntity") }
            }
            other => unreachable!("{other:?} is of KMS"),
        }
    }

    pub(super) fn apply_iam(&mut self, call: &Call, response: &Value) {
        match &call.action {
            Action::WhoAmI | Action::AssumeRole(_) => {}
            Action::CreateUser(name) => {
                let serial = self.next_serial();
                self.users.insert(name.clone(), Identity { serial, ..Identity::default() });
            }
            Action::DeleteUser(name) => drop(self.users.remove(name)),
            Action::CreateRole(name, trusted) => {
                let trust = self.pin(trusted);
                let serial = self.next_serial();
                self.roles.insert(name.clone(), Identity { serial, trust, ..Identity::default() });
            }
            Action::DeleteRole(name) => drop(self.roles.remove(name)),
            Action::CreatePolicy(name, document) => {
                drop(self.policies.insert(name.clone(), document.clone()))
            }
            Action::DeletePolicy(name) => drop(self.policies.remove(name)),
            Action::Attach(holder, policy) => {
                let attached = &mut self.holder_mut(holder).attached;
                if !attached.contains(policy) {
                    attached.push(policy.clone());
                }
            }
            Action::Detach(holder, policy) => self.holder_mut(holder).attached.retain(|held| held != policy),
            Action::PutInline(holder, name, document) => {
                let document: Document = document.clone();
                self.holder_mut(holder).inline.insert(name.clone(), document);
            }
            Action::DeleteInline(holder, name) => drop(self.holder_mut(holder).inline.remove(name)),
            Action::CreateAccessKey(name) => {
                let id = response["accessKey"]["accessKeyId"].as_str().unwrap().to_owned();
                self.users.get_mut(name).unwrap().access_keys.insert(id, true);
            }
            Action::UpdateAccessKey(name, id, active) => {
                self.users.get_mut(name).unwrap().access_keys.insert(id.clone(), *active);
            }
            Action::DeleteAccessKey(name, id) => {
                self.users.get_mut(name).unwrap().access_keys.remove(id);
            }
            other => unreachable!("{other:?} is of KMS"),
        }
    }

    fn predict_assume_role(&self, who: &Who, name: &str) -> Result<(), Refused> {
        if *who == Who::Root {
            return Err("AccessDenied");
        }
        let role = self.roles.get(name).ok_or("AccessDenied")?;
        let own = self.by_identity(who, "sts:AssumeRole", &role_arn(name), None)?;
        let trusted = match role.trust.as_ref().unwrap() {
            Pinned::Everyone => true,
            Pinned::Account => own.allowed,
            Pinned::Serial(serial) => who.serial() == Some(*serial),
        };
        if trusted && !own.denied { Ok(()) } else { Err("AccessDenied") }
    }

    fn user(&self, who: &Who, action: &str, name: &str) -> Result<&Identity, Refused> {
        self.require(who, action, &user_arn(name))?;
        self.users.get(name).ok_or("NoSuchEntity")
    }

    fn role(&self, who: &Who, action: &str, name: &str) -> Result<&Identity, Refused> {
        self.require(who, action, &role_arn(name))?;
        self.roles.get(name).ok_or("NoSuchEntity")
    }

    /// The user or role; `%` in the action stands for its kind.
    fn holder(&self, who: &Who, action: &str, holder: &Holder) -> Result<&Identity, Refused> {
        let action = format!("iam:{}", action.replace('%', holder.kind()));
        match holder {
            Holder::User(name) => self.user(who, &action, name),
            Holder::Role(name) => self.role(who, &action, name),
        }
    }

    fn holder_mut(&mut self, holder: &Holder) -> &mut Identity {
        match holder {
            Holder::User(name) => self.users.get_mut(name).unwrap(),
            Holder::Role(name) => self.roles.get_mut(name).unwrap(),
        }
    }

    /// Whether a grant or policy could name the party now.
    pub(super) fn exists(&self, party: &Party) -> bool {
        self.pin(party).is_some()
    }

    /// Whether what the caller holds as an account, it may use.
    pub(super) fn speaks_for_account(
        &self,
        who: &Who,
        action: &str,
        resource: &str,
        app: Option<&str>,
    ) -> Result<bool, Refused> {
        let Verdict { allowed, denied } = self.by_identity(who, action, resource, app)?;
        Ok(allowed && !denied)
    }
}
