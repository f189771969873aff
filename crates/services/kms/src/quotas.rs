//! Request quotas (KMS Developer Guide, "Request quotas", the table "Request quotas for each AWS KMS API operation").

use crate::api::{DataKeyPairSpec, KeySpec};
use crate::key::Key;
use platform::{Cx, Fault, Quota, ServiceQuotas, Whose};

/// The quotas of KMS. Of those that share operations the first counts what ends before the key is known.
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
        Quota::shared("rsa", &["Decrypt", "Encrypt", "ReEncrypt", "Sign", "Verify"], 1000.0),
        Quota::shared("ml-dsa", &["Sign", "Verify"], 1000.0),
        Quota::shared(
            "ecc",
            &["Decrypt", "DeriveSharedSecret", "Encrypt", "ReEncrypt", "Sign", "Verify"],
            1000.0,
        ),
        // Not in the table: as the other key pairs.
        Quota::shared("ml-kem", &["Decapsulate", "Encapsulate"], 1000.0),
        // Of each store, and besides that of symmetric keys ("Custom key store request quotas").
        Quota::shared(STORE, STORED, 1800.0),
        Quota::shared("data-key-pairs-ECC_NIST_P256", DATA_KEY_PAIRS, 100.0),
        Quota::shared("data-key-pairs-ECC_NIST_P384", DATA_KEY_PAIRS, 100.0),
        Quota::shared("data-key-pairs-ECC_NIST_P521", DATA_KEY_PAIRS, 100.0),
        Quota::shared("data-key-pairs-ECC_SECG_P256K1", DATA_KEY_PAIRS, 100.0),
        Quota::shared("data-key-pairs-ECC_NIST_EDWARDS25519", DATA_KEY_PAIRS, 100.0),
        Quota::shared("data-key-pairs-RSA_2048", DATA_KEY_PAIRS, 20.0).in_regions(CHINA_1),
        Quota::shared("data-key-pairs-RSA_3072", DATA_KEY_PAIRS, 4.0).in_regions(CHINA_HALF),
        Quota::shared("data-key-pairs-RSA_4096", DATA_KEY_PAIRS, 1.0).in_regions(CHINA_TENTH),
        Quota::shared("data-key-pairs-SM2", DATA_KEY_PAIRS, 25.0),
        // Not in the table: as the quickest of the others.
        Quota::shared("data-key-pairs-ML_KEM_512", DATA_KEY_PAIRS, 100.0),
        Quota::shared("data-key-pairs-ML_KEM_768", DATA_KEY_PAIRS, 100.0),
        Quota::shared("data-key-pairs-ML_KEM_1024", DATA_KEY_PAIRS, 100.0),
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

/// What a custom key store's own rate applies to.
const STORED: &[&str] = &[
    "Decrypt",
    "DeriveSharedSecret",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateRandom",
    "ReEncrypt",
];

/// What the rates of data key pairs apply to.
const DATA_KEY_PAIRS: &[&str] = &["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"];

const CHINA_1: &[(&str, f64)] = &[("cn-north-1", 1.0), ("cn-northwest-1", 1.0)];
const CHINA_HALF: &[(&str, f64)] = &[("cn-north-1", 0.5), ("cn-northwest-1", 0.5)];
const CHINA_TENTH: &[(&str, f64)] = &[("cn-north-1", 0.1), ("cn-northwest-1", 0.1)];

const SERVICE: (&str, &ServiceQuotas) = ("kms", &QUOTAS);

/// The quota of each custom key store.
const STORE: &str = "custom-key-store";

/// Counts a use of a key. An operation that uses keys of two kinds counts against the quotas of both.
pub(crate) fn count_use(cx: &mut Cx<'_>, key: &Key, operation: &str) -> Result<(), Fault> {
    // These count by what they make.
    if !DATA_KEY_PAIRS.contains(&operation) {
        cx.count(SERVICE, of_keys(key.spec.0), Whose::Caller, 1)?;
    }
    match &key.placed {
        Some(placed) => count_store(cx, &placed.store),
        None => Ok(()),
    }
}

/// Counts a call that makes a data key pair.
pub(crate) fn count_pair(cx: &mut Cx<'_>, spec: DataKeyPairSpec) -> Result<(), Fault> {
    cx.count(SERVICE, of_pairs(spec), Whose::Caller, 1)
}

/// Counts a call for random bytes.
pub(crate) fn count_random(cx: &mut Cx<'_>) -> Result<(), Fault> {
    cx.count(SERVICE, "symmetric", Whose::Caller, 1)
}

/// Counts a call about a custom key store that is there.
pub(crate) fn count_store(cx: &mut Cx<'_>, store: &str) -> Result<(), Fault> {
    cx.count(SERVICE, STORE, Whose::Resource(store), 1)
}

/// Counts what a change in another Region counts for there: a replica counts as two new keys, and a new primary as a change of both
/// Regions.
pub(crate) fn count_elsewhere(
    cx: &mut Cx<'_>,
    quota: &'static str,
    region: &str,
    calls: u32,
) -> Result<(), Fault> {
    cx.count(SERVICE, quota, Whose::Region(region), calls)
}

fn of_keys(spec: KeySpec) -> &'static str {
    match spec {
        KeySpec::SymmetricDefault
        | KeySpec::Hmac224
        | KeySpec::Hmac256
        | KeySpec::Hmac384
        | KeySpec::Hmac512 => "symmetric",
        KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => "rsa",
        KeySpec::EccNistP256
        | KeySpec::EccNistP384
        | KeySpec::EccNistP521
        | KeySpec::EccSecgP256k1
        | KeySpec::EccNistEdwards25519
        | KeySpec::Sm2 => "ecc",
        KeySpec::MlDsa44 | KeySpec::MlDsa65 | KeySpec::MlDsa87 => "ml-dsa",
        KeySpec::MlKem512 | KeySpec::MlKem768 | KeySpec::MlKem1024 => "ml-kem",
    }
}

fn of_pairs(spec: DataKeyPairSpec) -> &'static str {
    match spec {
        DataKeyPairSpec::Rsa2048 => "data-key-pairs-RSA_2048",
        DataKeyPairSpec::Rsa3072 => "data-key-pairs-RSA_3072",
        DataKeyPairSpec::Rsa4096 => "data-key-pairs-RSA_4096",
        DataKeyPairSpec::EccNistP256 => "data-key-pairs-ECC_NIST_P256",
        DataKeyPairSpec::EccNistP384 => "data-key-pairs-ECC_NIST_P384",
        DataKeyPairSpec::EccNistP521 => "data-key-pairs-ECC_NIST_P521",
        DataKeyPairSpec::EccSecgP256k1 => "data-key-pairs-ECC_SECG_P256K1",
        DataKeyPairSpec::EccNistEdwards25519 => "data-key-pairs-ECC_NIST_EDWARDS25519",
        DataKeyPairSpec::Sm2 => "data-key-pairs-SM2",
        DataKeyPairSpec::MlKem512 => "data-key-pairs-ML_KEM_512",
        DataKeyPairSpec::MlKem768 => "data-key-pairs-ML_KEM_768",
        DataKeyPairSpec::MlKem1024 => "data-key-pairs-ML_KEM_1024",
    }
}

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
        for quota in QUOTAS.list.iter().filter(|quota| quota.name.starts_with(char::is_uppercase)) {
            assert!(MODEL.operation(quota.name).is_some(), "{}", quota.name);
        }
        for name in SYMMETRIC.iter().chain(STORED).chain(DATA_KEY_PAIRS) {
            assert!(MODEL.operation(name).is_some(), "{name}");
        }
    }
}
