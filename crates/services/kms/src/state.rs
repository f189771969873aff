//! Which operation is possible in which state of a key (KMS Developer Guide, "Key states of AWS KMS keys").

use crate::key::{Key, State};
use platform::Fault;

/// What happens when an operation meets a key in a certain state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Works,
    /// `DisabledException`
    IsDisabled,
    /// `KMSInvalidStateException`
    IsPendingDeletion,
    /// `KMSInvalidStateException`
    IsNotPendingDeletion,
}

/// A row of the table: operations that behave alike, and their cells for Enabled, Disabled and PendingDeletion.
#[derive(Debug)]
pub(crate) struct Row {
    #[cfg_attr(not(test), expect(dead_code, reason = "names the row, and is what its test runs"))]
    pub(crate) operations: &'static [&'static str],
    pub(crate) cells: [Cell; 3],
}

use Cell::{IsDisabled, IsNotPendingDeletion, IsPendingDeletion, Works};

pub(crate) static USE: Row = Row {
    operations: &[
        "Encrypt",
        "Decrypt",
        "ReEncrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "CreateGrant",
    ],
    cells: [Works, IsDisabled, IsPendingDeletion],
};

/// Operations that no state keeps from working.
#[cfg(test)]
pub(crate) static LOOK: Row = Row {
    operations: &[
        "DescribeKey",
        "GetKeyPolicy",
        "PutKeyPolicy",
        "ListAliases",
        "ListGrants",
        "ListKeyPolicies",
        "ListResourceTags",
        "ListKeyRotations",
        "GetKeyRotationStatus",
        "RetireGrant",
        "RevokeGrant",
        "DeleteAlias",
    ],
    cells: [Works, Works, Works],
};

pub(crate) static CHANGE: Row = Row {
    operations: &[
        "CreateAlias",
        "UpdateAlias",
        "TagResource",
        "UntagResource",
        "UpdateKeyDescription",
        "EnableKey",
        "DisableKey",
        "ScheduleKeyDeletion",
    ],
    cells: [Works, Works, IsPendingDeletion],
};

pub(crate) static ROTATE: Row = Row {
    operations: &["EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"],
    cells: [Works, IsDisabled, IsPendingDeletion],
};

pub(crate) static CANCEL_DELETION: Row =
    Row { operations: &["CancelKeyDeletion"], cells: [IsNotPendingDeletion, IsNotPendingDeletion, Works] };

#[cfg(test)]
pub(crate) static TABLE: [&Row; 5] = [&USE, &LOOK, &CHANGE, &ROTATE, &CANCEL_DELETION];

impl Row {
    /// Requires that the key is in a state in which the row's operations work.
    pub(crate) fn require(&self, key: &Key) -> Result<(), Fault> {
        let [enabled, disabled, pending_deletion] = self.cells;
        let cell = match key.state {
            State::Enabled => enabled,
            State::Disabled => disabled,
            State::PendingDeletion { .. } => pending_deletion,
        };
        let arn = &key.arn;
        match cell {
            Works => Ok(()),
            IsDisabled => Err(Fault::new("DisabledException", format!("{arn} is disabled."))),
            IsPendingDeletion => {
                Err(Fault::new("KMSInvalidStateException", format!("{arn} is pending deletion.")))
            }
            IsNotPendingDeletion => {
                Err(Fault::new("KMSInvalidStateException", format!("{arn} is not pending deletion.")))
            }
        }
    }
}
