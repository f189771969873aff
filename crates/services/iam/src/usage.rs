//! Which users, groups and roles use a managed policy, and how: the other direction of what stands in their rows.

use crate::entity::Kind;
use crate::errors::no_such_entity;
use crate::policies::{self, ManagedPolicy};
use platform::{Fault, Table, Tx};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// By account, policy ARN, usage, kind and unique id of the user, group or role.
pub(crate) const USES: Table<()> = Table::new("iam/policy-uses");

/// By account and policy ARN.
const COUNTS: Table<Counts> = Table::new("iam/policy-use-counts");

/// How a managed policy can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// Attached.
    Permissions,
    /// As the permissions boundary of a user or role.
    Boundary,
}

impl Usage {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Permissions => "permissions",
            Self::Boundary => "boundary",
        }
    }
}

/// How often a policy is used in an account.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) permissions: i32,
    pub(crate) boundary: i32,
}

impl Counts {
    pub(crate) fn of(tx: &mut Tx<'_>, account: &str, arn: &str) -> Result<Self, Fault> {
        Ok(COUNTS.get(tx, &[account, arn])?.map(|counts| *counts).unwrap_or_default())
    }

    pub(crate) fn get(self, usage: Usage) -> i32 {
        match usage {
            Usage::Permissions => self.permissions,
            Usage::Boundary => self.boundary,
        }
    }

    /// Whether the policy is used at all.
    pub(crate) fn any(self) -> bool {
        self.permissions > 0 || self.boundary > 0
    }
}

/// One use of a policy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use<'u> {
    pub(crate) account: &'u str,
    pub(crate) policy_arn: &'u str,
    pub(crate) usage: Usage,
    pub(crate) kind: Kind,
    /// The unique id of the user, group or role.
    pub(crate) id: &'u str,
}

impl Use<'_> {
    pub(crate) fn begin(self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        USES.put(tx, &self.path(), &())?;
        self.count(tx, 1)
    }

    pub(crate) fn end(self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        USES.delete(tx, &self.path());
        self.count(tx, -1)
    }

    pub(crate) fn exists(self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
        Ok(USES.get(tx, &self.path())?.is_some())
    }

    fn path(&self) -> [&str; 5] {
        [self.account, self.policy_arn, self.usage.name(), self.kind.noun(), self.id]
    }

    fn count(self, tx: &mut Tx<'_>, step: i32) -> Result<(), Fault> {
        let mut counts = Counts::of(tx, self.account, self.policy_arn)?;
        match self.usage {
            Usage::Permissions => counts.permissions = counts.permissions.saturating_add(step),
            Usage::Boundary => counts.boundary = counts.boundary.saturating_add(step),
        }
        if counts.any() {
            COUNTS.put(tx, &[self.account, self.policy_arn], &counts)
        } else {
            COUNTS.delete(tx, &[self.account, self.policy_arn]);
            Ok(())
        }
    }
}

/// The managed policy with an ARN that a caller wants to use.
pub(crate) fn usable(
    tx: &mut Tx<'_>,
    account: &str,
    arn: &str,
    usage: Usage,
) -> Result<Arc<ManagedPolicy>, Fault> {
    policies::check_arn(arn)?;
    let found = policies::find(tx, account, arn)?;
    found.ok_or_else(|| {
        no_such_entity(match usage {
            Usage::Permissions => format!("Policy {arn} does not exist or is not attachable."),
            Usage::Boundary => format!("Scope ARN: {arn} does not exist or is not attachable."),
        })
    })
}
