//! Which operation is possible in which state of a key (KMS Developer Guide, "Key states of AWS KMS keys").
//!
//! What depends on a key's kind and not on its state (origin, spec, usage, store) is checked by the operations themselves, after this.

use crate::key::{Key, State};
use platform::Fault;

/// What happens when an operation meets a key in a certain state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Works,
    /// `DisabledException`; all others are `KMSInvalidStateException`
    IsDisabled,
    IsPendingDeletion,
    IsNotPendingDeletion,
    IsPendingImport,
    IsUnavailable,
    IsCreating,
    IsUpdating,
}

/// A row of the table: operations that behave alike, and their cells for Enabled, Disabled, PendingDeletion (and
/// PendingReplicaDeletion), PendingImport, Unavailable, Creating and Updating.
#[derive(Debug)]
pub(crate) struct Row {
    #[cfg_attr(not(test), expect(dead_code, reason = "names the row, and is what its test runs"))]
    pub(crate) operations: &'static [&'static str],
    pub(crate) cells: [Cell; 7],
}

use Cell::{
    IsCreating, IsDisabled, IsNotPendingDeletion, IsPendingDeletion, IsPendingImport, IsUnavailable,
    IsUpdating, Works,
};

pub(crate) static USE: Row = Row {
    operations: &[
        "Decapsulate",
        "Decrypt",
        "DeriveSharedSecret",
        "Encapsulate",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "GetPublicKey",
        "ReEncrypt",
        "Sign",
        "Verify",
        "VerifyMac",
    ],
    cells: [Works, IsDisabled, IsPendingDeletion, IsPendingImport, IsUnavailable, IsCreating, Works],
};

pub(crate) static GRANT: Row = Row {
    operations: &["CreateGrant"],
    cells: [Works, IsDisabled, IsPendingDeletion, IsPendingImport, Works, IsCreating, Works],
};

/// Operations that no state keeps from working.
#[cfg(test)]
pub(crate) static LOOK: Row = Row {
    operations: &[
        "DescribeKey",
        "GetKeyLastUsage",
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
    cells: [Works; 7],
};

pub(crate) static LABEL: Row = Row {
    operations: &["CreateAlias", "UpdateAlias", "TagResource", "UntagResource", "UpdateKeyDescription"],
    cells: [Works, Works, IsPendingDeletion, Works, Works, Works, Works],
};

pub(crate) static SWITCH: Row = Row {
    operations: &["EnableKey", "DisableKey"],
    cells: [Works, Works, IsPendingDeletion, IsPendingImport, Works, IsCreating, IsUpdating],
};

pub(crate) static ROTATE: Row = Row {
    operations: &["EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"],
    cells: [Works, IsDisabled, IsPendingDeletion, IsPendingImport, IsUnavailable, IsCreating, Works],
};

pub(crate) static IMPORT: Row = Row {
    operations: &["ImportKeyMaterial"],
    cells: [Works, Works, IsPendingDeletion, Works, Works, IsCreating, Works],
};

pub(crate) static PREPARE_IMPORT: Row = Row {
    operations: &["GetParametersForImport"],
    cells: [Works, Works, IsPendingDeletion, Works, Works, IsCreating, IsUpdating],
};

pub(crate) static DELETE_MATERIAL: Row = Row {
    operations: &["DeleteImportedKeyMaterial"],
    cells: [Works, Works, Works, Works, Works, IsCreating, IsUpdating],
};

pub(crate) static SCHEDULE_DELETION: Row = Row {
    operations: &["ScheduleKeyDeletion"],
    cells: [Works, Works, IsPendingDeletion, Works, Works, Works, IsUpdating],
};

pub(crate) static CANCEL_DELETION: Row = Row {
    operations: &["CancelKeyDeletion"],
    cells: [
        IsNotPendingDeletion,
        IsNotPendingDeletion,
        Works,
        IsNotPendingDeletion,
        IsNotPendingDeletion,
        IsNotPendingDeletion,
        IsNotPendingDeletion,
    ],
};

pub(crate) static REPLICATE: Row = Row {
    operations: &["ReplicateKey"],
    cells: [Works, IsDisabled, IsPendingDeletion, IsPendingImport, IsUnavailable, IsCreating, IsUpdating],
};

pub(crate) static UPDATE_PRIMARY: Row = Row {
    operations: &["UpdatePrimaryRegion"],
    cells: [Works, IsDisabled, IsPendingDeletion, IsPendingImport, IsUnavailable, IsCreating, Works],
};

/// The key lacks imported material.
pub(crate) fn imports_pending(key: &Key) -> Fault {
    Fault::new("KMSInvalidStateException", format!("{} is pending import.", key.arn))
}

#[cfg(test)]
pub(crate) static TABLE: [&Row; 13] = [
    &USE,
    &GRANT,
    &LOOK,
    &LABEL,
    &SWITCH,
    &ROTATE,
    &IMPORT,
    &PREPARE_IMPORT,
    &DELETE_MATERIAL,
    &SCHEDULE_DELETION,
    &CANCEL_DELETION,
    &REPLICATE,
    &UPDATE_PRIMARY,
];

impl Row {
    /// Requires that the key is in a state in which the row's operations work.
    pub(crate) fn require(&self, key: &Key) -> Result<(), Fault> {
        let [enabled, disabled, pending_deletion, pending_import, unavailable, creating, updating] =
            self.cells;
        let cell = match key.state_now() {
            State::Enabled => enabled,
            State::Disabled => disabled,
            State::PendingDeletion { .. } | State::PendingReplicaDeletion { .. } => pending_deletion,
            State::PendingImport => pending_import,
            State::Unavailable => unavailable,
            State::Creating => creating,
            State::Updating => updating,
        };
        let (code, state) = match cell {
            Works => return Ok(()),
            IsPendingImport => return Err(imports_pending(key)),
            IsDisabled => ("DisabledException", "disabled"),
            IsPendingDeletion => ("KMSInvalidStateException", "pending deletion"),
            IsNotPendingDeletion => ("KMSInvalidStateException", "not pending deletion"),
            IsUnavailable => ("KMSInvalidStateException", "unavailable"),
            IsCreating => ("KMSInvalidStateException", "creating"),
            IsUpdating => ("KMSInvalidStateException", "updating"),
        };
        Err(Fault::new(code, format!("{} is {state}.", key.arn)))
    }
}
