//! Request quotas (KMS Developer Guide, "Request quotas", the table "Request quotas for each AWS KMS API operation").

use platform::{Quota, ServiceQuotas};

/// The quotas of KMS. Some of AWS's depend on the key spec as well, which is not known yet when a call is counted. So calls that use
/// key pairs share what AWS gives to those with RSA, with ECC and SM2, and with ML-DSA each; Encrypt, Decrypt and ReEncrypt with key pairs
/// count as symmetric; and data key pairs have the highest rate of their specs, that of P-256.
pub(crate) static QUOTAS: ServiceQuotas = ServiceQuotas {
    code: "ThrottlingException",
    // KMS Developer Guide, "Throttling AWS KMS requests".
    message: "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
    list: &[
        Quota::shared("symmetric", SYMMETRIC, 10_000.0).in_regions(&[
            ("ap-northeast-1", 20_000.0),
            ("ap-southeast-1", 20_000.0),
            ("ap-southeast-2", 20_000.0),
            ("eu-central-1", 20_000.0),
            ("eu-west-1", 100_000.0),
            ("eu-west-2", 20_000.0),
            ("us-east-1", 100_000.0),
            ("us-east-2", 20_000.0),
            ("us-west-2", 100_000.0),
        ]),
        Quota::shared("asymmetric", ASYMMETRIC, 1000.0),
        Quota::shared("data-key-pairs", DATA_KEY_PAIRS, 25.0),
        Quota::operation("CancelKeyDeletion", 5.0),
        Quota::operation("ConnectCustomKeyStore", 5.0),
        Quota::operation("CreateAlias", 5.0),
        Quota::operation("CreateCustomKeyStore", 5.0),
        Quota::operation("CreateGrant", 50.0),
        Quota::operation("CreateKey", 5.0),
        Quota::operation("DeleteAlias", 15.0),
        Quota::operation("DeleteCustomKeyStore", 5.0),
        Quota::operation("DeleteImportedKeyMaterial", 15.0),
        Quota::operation("DescribeCustomKeyStores", 5.0),
        Quota::operation("DescribeKey", 2000.0),
        Quota::operation("DisableKey", 5.0),
        Quota::operation("DisableKeyRotation", 5.0),
        Quota::operation("DisconnectCustomKeyStore", 5.0),
        Quota::operation("EnableKey", 5.0),
        Quota::operation("EnableKeyRotation", 15.0),
        Quota::operation("GetKeyLastUsage", 5.0),
        Quota::operation("GetKeyPolicy", 1000.0),
        Quota::operation("GetKeyRotationStatus", 1000.0),
        Quota::operation("GetParametersForImport", 1.0),
        Quota::operation("GetPublicKey", 2000.0),
        Quota::operation("ImportKeyMaterial", 15.0),
        Quota::operation("ListAliases", 500.0),
        Quota::operation("ListGrants", 100.0),
        Quota::operation("ListKeyPolicies", 100.0),
        Quota::operation("ListKeyRotations", 100.0),
        Quota::operation("ListKeys", 500.0),
        Quota::operation("ListResourceTags", 2000.0),
        Quota::operation("ListRetirableGrants", 100.0),
        Quota::operation("PutKeyPolicy", 15.0),
        Quota::operation("ReplicateKey", 5.0),
        Quota::operation("RetireGrant", 50.0),
        Quota::operation("RevokeGrant", 50.0),
        Quota::operation("RotateKeyOnDemand", 5.0),
        Quota::operation("ScheduleKeyDeletion", 15.0),
        Quota::operation("TagResource", 10.0),
        Quota::operation("UntagResource", 5.0),
        Quota::operation("UpdateAlias", 5.0),
        Quota::operation("UpdateCustomKeyStore", 5.0),
        Quota::operation("UpdateKeyDescription", 5.0),
        Quota::operation("UpdatePrimaryRegion", 5.0),
    ],
    // The most common value of the table.
    rest: Quota::rest("rest", 5.0),
};

/// What "Cryptographic operations (symmetric) request rate" applies to.
const SYMMETRIC: &[&str] = &[
    "Decrypt",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GenerateRandom",
    "ReEncrypt",
    "VerifyMac",
];

/// What "Cryptographic operations (RSA) request rate", and those of ECC and ML-DSA, apply to.
const ASYMMETRIC: &[&str] = &["Decapsulate", "DeriveSharedSecret", "Encapsulate", "Sign", "Verify"];

/// What the rates of data key pairs apply to.
const DATA_KEY_PAIRS: &[&str] = &["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kms, api::MODEL};
    use platform::Service as _;
    use std::sync::Arc;

    /// A new operation needs its row; a row needs its operation.
    #[test]
    fn rows_and_operations_match() {
        for operation in Arc::new(Kms::default()).operations() {
            let name = operation.model().name;
            assert!(QUOTAS.index(name, false) < QUOTAS.list.len(), "{name} has no row");
        }
        for quota in &QUOTAS.list[3..] {
            assert!(MODEL.operation(quota.name).is_some(), "{}", quota.name);
        }
        for name in SYMMETRIC.iter().chain(ASYMMETRIC).chain(DATA_KEY_PAIRS) {
            assert!(MODEL.operation(name).is_some(), "{name}");
        }
    }
}
