//! Request quotas and numbers that a secret may not exceed (Secrets Manager User Guide, "Quotas").

use platform::{Quota, ServiceQuotas};

/// Secrets of an account in a Region.
pub(crate) const SECRETS_MAX: u32 = 500_000;

/// Versions without labels that are kept, newest first.
pub(crate) const DEPRECATED_MAX: usize = 100;

/// The age below which no version is removed, in milliseconds.
pub(crate) const KEPT_MS: i64 = 24 * 3_600_000;

/// Versions of a secret, of whatever age. AWS names no number; this one bounds the secret's row.
pub(crate) const VERSIONS_MAX: usize = 500;

/// Labels of a version.
pub(crate) const LABELS_MAX: usize = 20;

/// Tags of a secret.
pub(crate) const TAGS_MAX: usize = 50;

pub(crate) static QUOTAS: ServiceQuotas = ServiceQuotas {
    code: "ThrottlingException",
    message: "Rate exceeded",
    list: &[
        Quota::shared("DescribeSecret and GetSecretValue", &["DescribeSecret", "GetSecretValue"], 10_000.0),
        Quota::shared(
            "resource policies",
            &[
                "DeleteResourcePolicy",
                "GetResourcePolicy",
                "ListResourcePolicies",
                "PutResourcePolicy",
                "ValidateResourcePolicy",
            ],
            50.0,
        ),
        Quota::shared(
            "values and replicas",
            &[
                "AssociateCrossAccountReplica",
                "DisassociateCrossAccountReplica",
                "PutSecretValue",
                "RemoveRegionsFromReplication",
                "ReplicateSecretToRegions",
                "StopReplicationToReplica",
                "UpdateSecret",
                "UpdateSecretVersionStage",
            ],
            50.0,
        ),
        Quota::shared("tags", &["TagResource", "UntagResource"], 50.0),
        Quota::shared("rotation", &["CancelRotateSecret", "RotateSecret"], 50.0),
        Quota::operation("BatchGetSecretValue", 100.0),
        Quota::operation("CreateSecret", 50.0),
        Quota::operation("DeleteSecret", 50.0),
        Quota::operation("GetRandomPassword", 50.0),
        Quota::operation("ListSecretVersionIds", 50.0),
        Quota::operation("ListSecrets", 100.0),
        Quota::operation("RestoreSecret", 50.0),
    ],
    rest: Quota::rest("rest", 50.0),
};
