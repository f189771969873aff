use crate::Kms;
use crate::api::{self, KeySpec, KeyUsageType, ops};
use crate::key::State;
use crate::state::{Cell, TABLE};
use crate::testing::{ACCOUNT, OTHER_REGION, World};
use platform::{Fault, Service as _};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Calls an operation on a key with input that is otherwise right.
fn call(world: &World, operation: &str, key: &str, ready: &Ready) -> Result<(), Fault> {
    let root = world.root();
    let id = || key.to_owned();
    macro_rules! call {
        ($operation:ident, $input:expr) => {
            world.call::<ops::$operation>(&root, $input).map(drop)
        };
    }
    match operation {
        "Encrypt" => call!(
            Encrypt,
            api::EncryptRequest { key_id: id(), plaintext: b"x"[..].into(), ..Default::default() }
        ),
        "Decrypt" => call!(
            Decrypt,
            api::DecryptRequest { ciphertext_blob: Some(ready.blob.as_slice().into()), ..Default::default() }
        ),
        "ReEncrypt" => call!(
            ReEncrypt,
            api::ReEncryptRequest {
                ciphertext_blob: Some(ready.blob.as_slice().into()),
                destination_key_id: ready.other.clone(),
                ..Default::default()
            }
        ),
        "GenerateDataKey" => call!(
            GenerateDataKey,
            api::GenerateDataKeyRequest { key_id: id(), number_of_bytes: Some(1), ..Default::default() }
        ),
        "GenerateDataKeyWithoutPlaintext" => call!(
            GenerateDataKeyWithoutPlaintext,
            api::GenerateDataKeyWithoutPlaintextRequest {
                key_id: id(),
                number_of_bytes: Some(1),
                ..Default::default()
            }
        ),
        "GenerateDataKeyPair" => call!(
            GenerateDataKeyPair,
            api::GenerateDataKeyPairRequest {
                key_id: id(),
                key_pair_spec: api::DataKeyPairSpec::EccNistP256,
                ..Default::default()
            }
        ),
        "GenerateDataKeyPairWithoutPlaintext" => call!(
            GenerateDataKeyPairWithoutPlaintext,
            api::GenerateDataKeyPairWithoutPlaintextRequest {
                key_id: id(),
                key_pair_spec: api::DataKeyPairSpec::EccNistP256,
                ..Default::default()
            }
        ),
        "GetPublicKey" => {
            call!(GetPublicKey, api::GetPublicKeyRequest { key_id: id(), ..Default::default() })
        }
        "Sign" => call!(
            Sign,
            api::SignRequest {
                key_id: id(),
                message: b"x"[..].into(),
                signing_algorithm: api::SigningAlgorithmSpec::EcdsaSha256,
                ..Default::default()
            }
        ),
        "Verify" => call!(
            Verify,
            api::VerifyRequest {
                key_id: id(),
                message: b"x"[..].into(),
                signature: ready.blob.as_slice().into(),
                signing_algorithm: api::SigningAlgorithmSpec::EcdsaSha256,
                ..Default::default()
            }
        ),
        "GenerateMac" => call!(
            GenerateMac,
            api::GenerateMacRequest {
                key_id: id(),
                message: b"x"[..].into(),
                mac_algorithm: api::MacAlgorithmSpec::HmacSha256,
                ..Default::default()
            }
        ),
        "VerifyMac" => call!(
            VerifyMac,
            api::VerifyMacRequest {
                key_id: id(),
                message: b"x"[..].into(),
                mac: ready.blob.as_slice().into(),
                mac_algorithm: api::MacAlgorithmSpec::HmacSha256,
                ..Default::default()
            }
        ),
        "DeriveSharedSecret" => call!(
            DeriveSharedSecret,
            api::DeriveSharedSecretRequest {
                key_id: id(),
                public_key: ready.blob.as_slice().into(),
                ..Default::default()
            }
        ),
        "Encapsulate" => call!(Encapsulate, api::EncapsulateRequest { key_id: id(), ..Default::default() }),
        "Decapsulate" => call!(
            Decapsulate,
            api::DecapsulateRequest {
                key_id: id(),
                shared_secret_ciphertext_blob: ready.blob.as_slice().into(),
                ..Default::default()
            }
        ),
        "CreateGrant" => call!(
            CreateGrant,
            api::CreateGrantRequest {
                key_id: id(),
                grantee_principal: Some(ACCOUNT.to_owned()),
                operations: vec![api::GrantOperation::Encrypt],
                ..Default::default()
            }
        ),
        "DescribeKey" => call!(DescribeKey, api::DescribeKeyRequest { key_id: id(), ..Default::default() }),
        "GetKeyPolicy" => {
            call!(GetKeyPolicy, api::GetKeyPolicyRequest { key_id: id(), ..Default::default() })
        }
        "PutKeyPolicy" => call!(
            PutKeyPolicy,
            api::PutKeyPolicyRequest {
                key_id: id(),
                policy: crate::testing::key_policy(""),
                ..Default::default()
            }
        ),
        "ListAliases" => {
            call!(ListAliases, api::ListAliasesRequest { key_id: Some(id()), ..Default::default() })
        }
        "ListGrants" => call!(ListGrants, api::ListGrantsRequest { key_id: id(), ..Default::default() }),
        "ListKeyPolicies" => {
            call!(ListKeyPolicies, api::ListKeyPoliciesRequest { key_id: id(), ..Default::default() })
        }
        "ListResourceTags" => {
            call!(ListResourceTags, api::ListResourceTagsRequest { key_id: id(), ..Default::default() })
        }
        "GetKeyLastUsage" => call!(GetKeyLastUsage, api::GetKeyLastUsageRequest { key_id: id() }),
        "ListKeyRotations" => {
            call!(ListKeyRotations, api::ListKeyRotationsRequest { key_id: id(), ..Default::default() })
        }
        "GetKeyRotationStatus" => {
            call!(GetKeyRotationStatus, api::GetKeyRotationStatusRequest { key_id: id() })
        }
        "RetireGrant" => call!(
            RetireGrant,
            api::RetireGrantRequest { grant_token: Some(ready.grant.0.clone()), ..Default::default() }
        ),
        "RevokeGrant" => call!(
            RevokeGrant,
            api::RevokeGrantRequest { key_id: id(), grant_id: ready.grant.1.clone(), ..Default::default() }
        ),
        "DeleteAlias" => {
            call!(DeleteAlias, api::DeleteAliasRequest { alias_name: "alias/of-key".to_owned() })
        }
        "CreateAlias" => call!(
            CreateAlias,
            api::CreateAliasRequest { alias_name: "alias/new".to_owned(), target_key_id: id() }
        ),
        "UpdateAlias" => call!(
            UpdateAlias,
            api::UpdateAliasRequest { alias_name: "alias/of-other".to_owned(), target_key_id: id() }
        ),
        "TagResource" => call!(
            TagResource,
            api::TagResourceRequest {
                key_id: id(),
                tags: vec![api::Tag { tag_key: "a".to_owned(), tag_value: "b".to_owned() }]
            }
        ),
        "UntagResource" => {
            call!(UntagResource, api::UntagResourceRequest { key_id: id(), tag_keys: vec!["a".to_owned()] })
        }
        "UpdateKeyDescription" => call!(
            UpdateKeyDescription,
            api::UpdateKeyDescriptionRequest { key_id: id(), description: "d".to_owned() }
        ),
        "EnableKey" => call!(EnableKey, api::EnableKeyRequest { key_id: id() }),
        "DisableKey" => call!(DisableKey, api::DisableKeyRequest { key_id: id() }),
        "ScheduleKeyDeletion" => {
            call!(ScheduleKeyDeletion, api::ScheduleKeyDeletionRequest { key_id: id(), ..Default::default() })
        }
        "EnableKeyRotation" => {
            call!(EnableKeyRotation, api::EnableKeyRotationRequest { key_id: id(), ..Default::default() })
        }
        "DisableKeyRotation" => call!(DisableKeyRotation, api::DisableKeyRotationRequest { key_id: id() }),
        "RotateKeyOnDemand" => call!(RotateKeyOnDemand, api::RotateKeyOnDemandRequest { key_id: id() }),
        "GetParametersForImport" => call!(
            GetParametersForImport,
            api::GetParametersForImportRequest {
                key_id: id(),
                wrapping_algorithm: api::AlgorithmSpec::Sm2pke,
                wrapping_key_spec: api::WrappingKeySpec::Sm2,
            }
        ),
        "ImportKeyMaterial" => call!(ImportKeyMaterial, ready.import.clone().unwrap()),
        "DeleteImportedKeyMaterial" => call!(
            DeleteImportedKeyMaterial,
            api::DeleteImportedKeyMaterialRequest { key_id: id(), ..Default::default() }
        ),
        "ReplicateKey" => call!(
            ReplicateKey,
            api::ReplicateKeyRequest {
                key_id: id(),
                replica_region: "eu-south-1".to_owned(),
                ..Default::default()
            }
        ),
        "UpdatePrimaryRegion" => call!(
            UpdatePrimaryRegion,
            api::UpdatePrimaryRegionRequest { key_id: id(), primary_region: OTHER_REGION.to_owned() }
        ),
        "CancelKeyDeletion" => call!(CancelKeyDeletion, api::CancelKeyDeletionRequest { key_id: id() }),
        other => panic!("no call of {other}"),
    }
}

/// The kind of key that an operation is for.
fn kind(operation: &str) -> (KeySpec, KeyUsageType) {
    match operation {
        "Sign" | "Verify" | "GetPublicKey" => (KeySpec::EccNistP256, KeyUsageType::SignVerify),
        "GenerateMac" | "VerifyMac" => (KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac),
        "DeriveSharedSecret" => (KeySpec::EccNistP256, KeyUsageType::KeyAgreement),
        "Encapsulate" | "Decapsulate" => (KeySpec::MlKem512, KeyUsageType::EncapsulateDecapsulate),
        _ => (KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt),
    }
}

/// What was made while the key was enabled.
struct Ready {
    /// A ciphertext, signature, code or public key, whichever the key's operations take.
    blob: Vec<u8>,
    other: String,
    /// Token and id.
    grant: (String, String),
    /// Material that the key has already, for keys that material is imported into.
    import: Option<api::ImportKeyMaterialRequest>,
}

fn prepare(world: &World, key: &str) -> Ready {
    let root = world.root();
    let other = world.key();
    let (blob, granted) = make_blob(world, key);
    for (name, target) in [("alias/of-key", key), ("alias/of-other", &other)] {
        let input = api::CreateAliasRequest { alias_name: name.to_owned(), target_key_id: target.to_owned() };
        world.call::<ops::CreateAlias>(&root, input).unwrap();
    }
    let grant = api::CreateGrantRequest {
        key_id: key.to_owned(),
        grantee_principal: Some(ACCOUNT.to_owned()),
        operations: vec![granted],
        ..Default::default()
    };
    let grant = world.call::<ops::CreateGrant>(&root, grant).unwrap();
    Ready { blob, other, grant: (grant.grant_token.unwrap(), grant.grant_id.unwrap()), import: None }
}

/// What the key's operations take, and an operation to grant.
fn make_blob(world: &World, key: &str) -> (Vec<u8>, api::GrantOperation) {
    let root = world.root();
    let describe = api::DescribeKeyRequest { key_id: key.to_owned(), ..Default::default() };
    let metadata = world.call::<ops::DescribeKey>(&root, describe).unwrap().key_metadata.unwrap();
    let key_id = key.to_owned();
    let (blob, granted) = match metadata.key_usage.unwrap() {
        KeyUsageType::EncryptDecrypt => {
            let input = api::EncryptRequest { key_id, plaintext: b"x"[..].into(), ..Default::default() };
            let made = world.call::<ops::Encrypt>(&root, input).unwrap();
            (made.ciphertext_blob, api::GrantOperation::Decrypt)
        }
        KeyUsageType::SignVerify => {
            let input = api::SignRequest {
                key_id,
                message: b"x"[..].into(),
                signing_algorithm: api::SigningAlgorithmSpec::EcdsaSha256,
                ..Default::default()
            };
            (world.call::<ops::Sign>(&root, input).unwrap().signature, api::GrantOperation::Sign)
        }
        KeyUsageType::GenerateVerifyMac => {
            let input = api::GenerateMacRequest {
                key_id,
                message: b"x"[..].into(),
                mac_algorithm: api::MacAlgorithmSpec::HmacSha256,
                ..Default::default()
            };
            (world.call::<ops::GenerateMac>(&root, input).unwrap().mac, api::GrantOperation::GenerateMac)
        }
        KeyUsageType::KeyAgreement => {
            let input = api::GetPublicKeyRequest { key_id, ..Default::default() };
            let made = world.call::<ops::GetPublicKey>(&root, input).unwrap();
            (made.public_key, api::GrantOperation::DeriveSharedSecret)
        }
        KeyUsageType::EncapsulateDecapsulate => {
            let input = api::EncapsulateRequest { key_id, ..Default::default() };
            let made = world.call::<ops::Encapsulate>(&root, input).unwrap();
            (made.shared_secret_ciphertext_blob, api::GrantOperation::Encapsulate)
        }
    };
    (blob.unwrap().into_vec(), granted)
}

/// Every state that a key can be in, in the order of the table's cells.
const STATES: [State; 7] = [
    State::Enabled,
    State::Disabled,
    State::PendingDeletion { at: i64::MAX },
    State::PendingImport,
    State::Unavailable,
    State::Creating,
    State::Updating,
];

fn expected(cell: Cell, key: &str) -> Option<(&'static str, String)> {
    let invalid = |state: &str| Some(("KMSInvalidStateException", format!("{key} is {state}.")));
    match cell {
        Cell::Works => None,
        Cell::IsDisabled => Some(("DisabledException", format!("{key} is disabled."))),
        Cell::IsPendingDeletion => invalid("pending deletion"),
        Cell::IsNotPendingDeletion => invalid("not pending deletion"),
        Cell::IsPendingImport => invalid("pending import"),
        Cell::IsUnavailable => invalid("unavailable"),
        Cell::IsCreating => invalid("creating"),
        Cell::IsUpdating => invalid("updating"),
    }
}

fn implemented() -> BTreeSet<&'static str> {
    Arc::new(Kms::default()).operations().iter().map(|operation| operation.model().name).collect()
}

/// Every cell of the table of key states.
#[test]
fn every_cell() {
    let implemented = implemented();
    for row in TABLE {
        for operation in row.operations.iter().filter(|name| implemented.contains(*name)) {
            for (state, cell) in STATES.into_iter().zip(row.cells) {
                let world = World::new();
                let (spec, usage) = kind(operation);
                let mut import = None;
                let key = match *operation {
                    "ReplicateKey" | "UpdatePrimaryRegion" => world.replicated_key(),
                    "GetParametersForImport" | "ImportKeyMaterial" | "DeleteImportedKeyMaterial" => {
                        let key = world.external_key();
                        let input = world.wrapped(&key, &[7; 32]);
                        world.call::<ops::ImportKeyMaterial>(&world.root(), input.clone()).unwrap();
                        import = Some(input);
                        key
                    }
                    _ => world.key_of(spec, usage),
                };
                let ready = Ready { import, ..prepare(&world, &key) };
                world.put_into(&key, state);
                let result = call(&world, operation, &key, &ready);
                let got = result.as_ref().err().map(|fault| (fault.code(), fault.message().to_owned()));
                assert_eq!(got, expected(cell, &key), "{operation} on a key that is {state:?}");
            }
        }
    }
}

#[test]
fn every_operation_on_a_key_is_in_the_table() {
    let in_table: Vec<_> = TABLE.iter().flat_map(|row| row.operations).copied().collect();
    let unique: BTreeSet<_> = in_table.iter().copied().collect();
    assert_eq!(unique.len(), in_table.len(), "an operation is in two rows");
    let without_key = ["CreateKey", "GenerateRandom", "ListKeys", "ListRetirableGrants"];
    let on_keys: BTreeSet<_> = crate::api::MODEL
        .operations
        .iter()
        .map(|model| model.name)
        .filter(|name| !without_key.contains(name) && !name.contains("CustomKeyStore"))
        .collect();
    assert_eq!(on_keys, unique);
}

/// An alias may be taken from a key that is pending deletion.
#[test]
fn the_key_that_loses_an_alias_may_be_pending_deletion() {
    let world = World::new();
    let root = world.root();
    let key = world.key();
    let ready = prepare(&world, &key);
    let input = api::ScheduleKeyDeletionRequest { key_id: key, ..Default::default() };
    world.call::<ops::ScheduleKeyDeletion>(&root, input).unwrap();
    let input = api::UpdateAliasRequest { alias_name: "alias/of-key".to_owned(), target_key_id: ready.other };
    world.call::<ops::UpdateAlias>(&root, input).unwrap();
}

/// Every operation that counts as use is noted, for every key that it uses; others, dry runs and failures are not.
#[test]
fn last_usage() {
    let world = World::new();
    let root = world.root();
    let last = |key: &str| {
        let input = api::GetKeyLastUsageRequest { key_id: key.to_owned() };
        world.call::<ops::GetKeyLastUsage>(&root, input).unwrap()
    };
    for operation in api::KeyLastUsageTrackingOperation::ALL {
        let (spec, usage) = kind(operation.as_str());
        let input =
            api::CreateKeyRequest { key_spec: Some(spec), key_usage: Some(usage), ..Default::default() };
        let key = world.create_key(&root, input).arn.unwrap();
        let unused = last(&key);
        assert!(
            unused.key_last_usage.is_some_and(|usage| usage.operation.is_none() && usage.timestamp.is_none())
        );
        assert_eq!(unused.key_id.as_deref(), key.rsplit('/').next());
        assert_eq!(unused.tracking_start_date, unused.key_creation_date);
        let (blob, _) = make_blob(&world, &key);
        let ready = Ready { blob, other: world.key(), grant: Default::default(), import: None };
        world.wait(1000);
        call(&world, operation.as_str(), &key, &ready).unwrap();
        let used = last(&key).key_last_usage.unwrap();
        assert_eq!(used.operation, Some(*operation));
        assert_eq!(used.timestamp, Some(wire::Timestamp(world.now())));
        assert_eq!(used.kms_request_id.as_deref(), Some("request"));
        if *operation == api::KeyLastUsageTrackingOperation::ReEncrypt {
            let other = last(&ready.other).key_last_usage.unwrap();
            assert_eq!(
                other.cloud_trail_event_id, used.cloud_trail_event_id,
                "the destination is used as well"
            );
        }
        let event = used.cloud_trail_event_id.clone();
        call(&world, "DescribeKey", &key, &ready).unwrap();
        let dry = api::EncryptRequest {
            key_id: key.clone(),
            plaintext: b"x"[..].into(),
            dry_run: Some(true),
            ..Default::default()
        };
        world.call::<ops::Encrypt>(&root, dry).unwrap_err();
        assert_eq!(last(&key).key_last_usage.unwrap().cloud_trail_event_id, event);
    }
}
