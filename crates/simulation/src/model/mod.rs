//! What a deployment should be and do, as simply as it can be said: maps and loops, one call after the other.
//!
//! [`Model::predict`] tells what a call will be answered, [`Model::apply`] what is so after it succeeded. Nothing here is taken from
//! the code of the server; where AWS's documents leave the order of checks open, it is the one that the server has.

mod iam;
pub mod kms;
pub mod policy;

pub use kms::{Due, Key, State};

use crate::action::{Action, Signature};
use policy::{Document, Party};
use serde_json::Value;
use std::collections::BTreeMap;

/// The error of a prediction, in the spelling of [`crate::request::plain`].
pub type Refused = &'static str;

/// The whole state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// KMS keys by id.
    pub keys: BTreeMap<String, Key>,
    /// The ids of keys by alias, `alias/…`.
    pub aliases: BTreeMap<String, String>,
    /// Users by name.
    pub users: BTreeMap<String, Identity>,
    /// Roles by name.
    pub roles: BTreeMap<String, Identity>,
    /// Managed policies by name.
    pub policies: BTreeMap<String, Document>,
    /// How many users and roles there have ever been.
    born: u64,
}

/// A user or a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Tells it from others of the same name, before and after.
    pub serial: u64,
    /// A user's access keys by id, and whether they are active.
    pub access_keys: BTreeMap<String, bool>,
    /// Whom a role trusts, by serial number where it is a user.
    trust: Option<Pinned>,
    inline: BTreeMap<String, Document>,
    attached: Vec<String>,
}

/// A party as a policy keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pinned {
    /// Everybody.
    Everyone,
    /// The account.
    Account,
    /// The user or role of this serial number.
    Serial(u64),
}

/// Whoever calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// The root user.
    Root,
    /// The user of this name and serial number.
    User(String, u64),
    /// A session of the role of this name and serial number.
    Session(String, u64),
}

/// A call as the model sees it.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is asked.
    pub action: Action,
    /// Who signed.
    pub by: Signature,
    /// When it arrived, in milliseconds since the epoch.
    pub now: i64,
    /// When a waiting period begins that it sets: then, or when the store knows that it is later.
    pub waits_from: i64,
}

impl Model {
    /// Whether the call succeeds, or its error.
    ///
    /// # Errors
    /// The refusal that is predicted.
    pub fn predict(&self, call: &Call) -> Result<(), Refused> {
        let who = self.identify(call)?;
        if call.action.is_of_kms() { self.predict_kms(&who, call) } else { self.predict_iam(&who, call) }
    }

    /// Takes over the effect of a call that succeeded. `response` is the record's `responseElements`. Gives the names of the events
    /// that the service records beside the call.
    pub fn apply(&mut self, call: &Call, response: &Value) -> Vec<&'static str> {
        if call.action.is_of_kms() {
            self.apply_kms(call, response)
        } else {
            self.apply_iam(call, response);
            Vec::new()
        }
    }

    /// Who calls, if the signature is good.
    fn identify(&self, call: &Call) -> Result<Who, Refused> {
        match &call.by {
            Signature::Root => Ok(Who::Root),
            Signature::User { key, .. } => {
                let holder = self.users.iter().find(|(_, user)| user.access_keys.get(key) == Some(&true));
                let (name, user) = holder.ok_or("InvalidClientTokenId")?;
                Ok(Who::User(name.clone(), user.serial))
            }
            Signature::Session { expires, .. } if *expires <= call.now => Err("ExpiredToken"),
            Signature::Session { role, serial, .. } => Ok(Who::Session(role.clone(), *serial)),
        }
    }

    /// The policies of whoever calls.
    fn documents(&self, who: &Who) -> Result<Vec<&Document>, Refused> {
        let (found, serial) = match who {
            Who::Root => return Ok(Vec::new()),
            Who::User(name, serial) => (self.users.get(name), serial),
            Who::Session(role, serial) => (self.roles.get(role), serial),
        };
        let identity = found.filter(|found| found.serial == *serial).ok_or("InvalidClientTokenId")?;
        let attached = identity.attached.iter().map(|name| &self.policies[name]);
        Ok(identity.inline.values().chain(attached).collect())
    }

    /// Whether the caller's own policies allow it, and none denies.
    fn by_identity(
        &self,
        who: &Who,
        action: &str,
        resource: &str,
        app: Option<&str>,
    ) -> Result<Verdict, Refused> {
        let documents = self.documents(who)?;
        let statements = || documents.iter().flat_map(|document| document.iter());
        let about = |allow| {
            statements()
                .any(|statement| statement.allow == allow && statement.is_about(action, resource, app))
        };
        Ok(Verdict { allowed: *who == Who::Root || about(true), denied: about(false) })
    }

    /// Requires that the caller's own policies allow it.
    fn require(&self, who: &Who, action: &str, resource: &str) -> Result<(), Refused> {
        let Verdict { allowed, denied } = self.by_identity(who, action, resource, None)?;
        if allowed && !denied { Ok(()) } else { Err("AccessDenied") }
    }

    /// The party as a policy keeps it, if it exists.
    fn pin(&self, party: &Party) -> Option<Pinned> {
        Some(match party {
            Party::Everyone => Pinned::Everyone,
            Party::Account => Pinned::Account,
            Party::User(name) => Pinned::Serial(self.users.get(name)?.serial),
            Party::Role(name) => Pinned::Serial(self.roles.get(name)?.serial),
        })
    }

    fn next_serial(&mut self) -> u64 {
        self.born += 1;
        self.born
    }
}

/// What policies say, before a deny wins.
#[derive(Clone, Copy, Debug)]
struct Verdict {
    allowed: bool,
    denied: bool,
}

impl Who {
    fn serial(&self) -> Option<u64> {
        match self {
            Self::Root => None,
            Self::User(_, serial) | Self::Session(_, serial) => Some(*serial),
        }
    }
}
