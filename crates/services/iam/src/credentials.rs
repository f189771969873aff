//! Credentials of one kind, and what they have in common: whoever has them has a few, each with an id of its own, in a row below the owner's unique id.

use crate::entity::Entity;
use crate::errors::{delete_conflict, quota};
use crate::users::{Subject, User};
use crate::{api, login_profiles, mfa_assignments, service_credentials, signing_certificates, ssh_keys};
use platform::{Cx, Fault, Table, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Whose credentials they are.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    /// The account's 12 digits.
    pub(crate) account: String,
    /// The user's unique id; of the root user the account's digits.
    pub(crate) id: String,
}

impl Owner {
    /// A user.
    pub(crate) fn user(user: &User) -> Self {
        let head = user.head();
        Self { account: head.account.clone(), id: head.id.clone() }
    }

    /// Whom an operation concerns.
    pub(crate) fn of(cx: &Cx<'_>, subject: &Subject) -> Self {
        match subject {
            Subject::Root => Self { account: cx.account().to_owned(), id: cx.account().to_owned() },
            Subject::User(user) => Self::user(user),
        }
    }
}

/// A row that knows when it was made.
pub(crate) trait Dated {
    /// In milliseconds since the epoch.
    fn created(&self) -> i64;
}

/// Credentials of one kind.
pub(crate) struct Kept<R> {
    /// By account, owner and id.
    pub(crate) table: Table<R>,
    /// The most that one owner has.
    pub(crate) most: usize,
    /// The quota's name.
    pub(crate) quota: &'static str,
}

impl<R: Dated + Clone + Serialize + DeserializeOwned + Send + Sync + 'static> Kept<R> {
    pub(crate) const fn new(table: &'static str, most: usize, quota: &'static str) -> Self {
        Self { table: Table::new(table), most, quota }
    }

    /// All of an owner with their ids, in the order in which they were made.
    pub(crate) fn all(&self, tx: &mut Tx<'_>, owner: &Owner) -> Result<Vec<(String, Arc<R>)>, Fault> {
        let mut rows = self.table.scan(tx, &[&owner.account, &owner.id], None, self.most)?;
        rows.sort_by_key(|(_, row)| row.created());
        Ok(rows)
    }

    pub(crate) fn any(&self, tx: &mut Tx<'_>, owner: &Owner) -> Result<bool, Fault> {
        self.table.any(tx, &[&owner.account, &owner.id])
    }

    pub(crate) fn get(&self, tx: &mut Tx<'_>, owner: &Owner, id: &str) -> Result<Option<R>, Fault> {
        let row = self.table.get(tx, &[&owner.account, &owner.id, id])?;
        Ok(row.map(|row| R::clone(&row)))
    }

    /// Adds one, if the quota allows it.
    pub(crate) fn add(&self, tx: &mut Tx<'_>, owner: &Owner, id: &str, row: &R) -> Result<(), Fault> {
        if self.all(tx, owner)?.len() >= self.most {
            return Err(quota(self.quota, self.most));
        }
        self.put(tx, owner, id, row)
    }

    pub(crate) fn put(&self, tx: &mut Tx<'_>, owner: &Owner, id: &str, row: &R) -> Result<(), Fault> {
        self.table.put(tx, &[&owner.account, &owner.id, id], row)
    }

    pub(crate) fn delete(&self, tx: &mut Tx<'_>, owner: &Owner, id: &str) {
        self.table.delete(tx, &[&owner.account, &owner.id, id]);
    }
}

/// Active or Inactive.
pub(crate) fn status(active: bool) -> api::StatusType {
    if active { api::StatusType::Active } else { api::StatusType::Inactive }
}

/// Tells whether a status that a caller gives is Active; none for Expired, which nobody can give.
pub(crate) fn is_active(status: api::StatusType) -> Option<bool> {
    match status {
        api::StatusType::Active => Some(true),
        api::StatusType::Inactive => Some(false),
        api::StatusType::Expired => None,
    }
}

/// Refuses to delete a user who has credentials other than access keys.
pub(crate) fn refuse_if_any(tx: &mut Tx<'_>, user: &User) -> Result<(), Fault> {
    let owner = Owner::user(user);
    let first = if login_profiles::find(tx, &owner)?.is_some() {
        "delete login profile"
    } else if mfa_assignments::ASSIGNED.any(tx, &owner)? {
        "delete MFA device"
    } else if signing_certificates::CERTIFICATES.any(tx, &owner)? {
        "delete certificates"
    } else if ssh_keys::KEYS.any(tx, &owner)? || service_credentials::CREDENTIALS.any(tx, &owner)? {
        "remove referenced objects"
    } else {
        return Ok(());
    };
    Err(delete_conflict(format!("Cannot delete entity, must {first} first.")))
}
