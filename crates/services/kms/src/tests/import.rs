use super::{denied, refused};
use crate::api::{
    AlgorithmSpec, CancelKeyDeletionRequest, CreateKeyRequest, DecryptRequest,
    DeleteImportedKeyMaterialRequest, DisableKeyRequest, EnableKeyRotationRequest, EncryptRequest,
    ExpirationModelType, GenerateMacRequest, GetKeyRotationStatusRequest, GetParametersForImportRequest,
    GetPublicKeyRequest, ImportKeyMaterialRequest, ImportState, ImportType, IncludeKeyMaterial,
    KeyMaterialState, KeySpec, KeyState, KeyUsageType, ListKeyRotationsRequest, MacAlgorithmSpec, OriginType,
    RotateKeyOnDemandRequest, RotationsListEntry, ScheduleKeyDeletionRequest, WrappingKeySpec, ops,
};
use crate::testing::{ACCOUNT, DAY, OTHER_REGION, REGION, START, World, allow};
use platform::Fault;
use primitives::{KeyPair, MacKey, MacSpec, PairSpec};
use wire::{Blob, Timestamp};

const NEW: ImportType = ImportType::NewKeyMaterial;
const EXISTING: ImportType = ImportType::ExistingKeyMaterial;

fn import(world: &World, input: ImportKeyMaterialRequest) -> Result<Option<String>, Fault> {
    world.call::<ops::ImportKeyMaterial>(&world.root(), input).map(|output| output.key_material_id)
}

fn delete(world: &World, key: &str, id: Option<&str>) -> Result<Option<String>, Fault> {
    let input =
        DeleteImportedKeyMaterialRequest { key_id: key.to_owned(), key_material_id: id.map(str::to_owned) };
    let output = world.call::<ops::DeleteImportedKeyMaterial>(&world.root(), input)?;
    assert_eq!(output.key_id.as_deref(), Some(key));
    Ok(output.key_material_id)
}

fn encrypt(world: &World, key: &str) -> Result<Blob, Fault> {
    let input =
        EncryptRequest { key_id: key.to_owned(), plaintext: b"x"[..].into(), ..EncryptRequest::default() };
    world.call::<ops::Encrypt>(&world.root(), input).map(|output| output.ciphertext_blob.unwrap())
}

/// The id of the material that decrypted it.
fn decrypt(world: &World, blob: &Blob) -> Result<String, Fault> {
    let input = DecryptRequest { ciphertext_blob: Some(blob.clone()), ..DecryptRequest::default() };
    let output = world.call::<ops::Decrypt>(&world.root(), input)?;
    assert_eq!(output.plaintext.unwrap().0, b"x");
    Ok(output.key_material_id.unwrap())
}

fn rotate(world: &World, key: &str) -> Result<(), Fault> {
    let input = RotateKeyOnDemandRequest { key_id: key.to_owned() };
    world.call::<ops::RotateKeyOnDemand>(&world.root(), input).map(drop)
}

fn materials(world: &World, key: &str) -> Vec<RotationsListEntry> {
    let input = ListKeyRotationsRequest {
        key_id: key.to_owned(),
        include_key_material: Some(IncludeKeyMaterial::AllKeyMaterial),
        ..ListKeyRotationsRequest::default()
    };
    world.call::<ops::ListKeyRotations>(&world.root(), input).unwrap().rotations.unwrap()
}

fn states(world: &World, key: &str) -> Vec<(KeyMaterialState, ImportState)> {
    let entries = materials(world, key).into_iter();
    entries.map(|entry| (entry.key_material_state.unwrap(), entry.import_state.unwrap())).collect()
}

fn state(world: &World, key: &str) -> KeyState {
    world.describe(key).key_state.unwrap()
}

#[test]
fn from_nothing_to_use() {
    let world = World::new();
    let key = world.external_key();
    let made = world.describe(&key);
    assert_eq!(made.key_state, Some(KeyState::PendingImport));
    assert_eq!((made.origin, made.enabled), (Some(OriginType::External), Some(false)));
    assert_eq!((made.expiration_model, made.valid_to, made.current_key_material_id), (None, None, None));
    refused(encrypt(&world, &key), "KMSInvalidStateException", &format!("{key} is pending import."));
    assert!(materials(&world, &key).is_empty());
    assert_eq!(delete(&world, &key, None).unwrap(), None);

    let input = ImportKeyMaterialRequest {
        key_material_description: Some("first".to_owned()),
        ..world.wrapped(&key, &[1; 32])
    };
    let id = import(&world, input).unwrap().unwrap();
    let now = world.describe(&key);
    assert_eq!(now.key_state, Some(KeyState::Enabled));
    assert_eq!(now.expiration_model, Some(ExpirationModelType::KeyMaterialDoesNotExpire));
    assert_eq!(now.current_key_material_id.as_deref(), Some(id.as_str()));
    let blob = encrypt(&world, &key).unwrap();
    assert_eq!(decrypt(&world, &blob).unwrap(), id);

    // The same bytes in another key are another material, and open nothing of this one's.
    let other = world.external_key();
    assert_ne!(world.import(&other, &[1; 32], NEW).unwrap(), id);
    let input = DecryptRequest {
        ciphertext_blob: Some(blob.clone()),
        key_id: Some(other),
        ..DecryptRequest::default()
    };
    let message = "The key ID in the request does not identify a CMK that can perform this operation.";
    refused(world.call::<ops::Decrypt>(&world.root(), input), "IncorrectKeyException", message);

    assert_eq!(delete(&world, &key, None).unwrap(), Some(id.clone()));
    assert_eq!(state(&world, &key), KeyState::PendingImport);
    refused(decrypt(&world, &blob), "KMSInvalidStateException", &format!("{key} is pending import."));
    let listed = materials(&world, &key);
    assert_eq!(listed[0].import_state, Some(ImportState::PendingImport));
    assert_eq!(listed[0].key_material_description.as_deref(), Some("first"));
    assert_eq!((listed[0].expiration_model, listed[0].valid_to), (None, None));
    assert_eq!(delete(&world, &key, Some(&id)).unwrap(), Some(id.clone()));

    refused(
        import(&world, world.wrapped(&key, &[2; 32])),
        "IncorrectKeyMaterialException",
        "The key material is not the same as any that was imported before.",
    );
    assert_eq!(import(&world, world.wrapped(&key, &[1; 32])).unwrap(), Some(id.clone()));
    assert_eq!(decrypt(&world, &blob).unwrap(), id);
    assert_eq!(materials(&world, &key)[0].key_material_description.as_deref(), Some("first"));
}

#[test]
fn what_is_not_imported() {
    let world = World::new();
    let key = world.external_key();
    let other = world.external_key();
    let good = || world.wrapped(&key, &[1; 32]);
    let made_by_kms = world.key();
    refused(
        import(&world, ImportKeyMaterialRequest { key_id: made_by_kms.clone(), ..good() }),
        "UnsupportedOperationException",
        &format!("{made_by_kms} origin is AWS_KMS which is not valid for this operation."),
    );
    let mut altered = good();
    let last = altered.import_token.0.last_mut().unwrap();
    *last ^= 1;
    let swapped = ImportKeyMaterialRequest { import_token: good().import_token, ..good() };
    let expires = |valid_to| ImportKeyMaterialRequest { expiration_model: None, valid_to, ..good() };
    let short = || {
        let mut input = good();
        input.encrypted_key_material.0.pop();
        input
    };
    let cases = [
        (altered, "InvalidImportTokenException", ""),
        (ImportKeyMaterialRequest { key_id: other.clone(), ..good() }, "InvalidImportTokenException", ""),
        (swapped, "InvalidCiphertextException", ""),
        (short(), "ValidationException", "Invalid encrypted key size."),
        (
            world.wrapped(&key, &[1; 31]),
            "IncorrectKeyMaterialException",
            "The key material is not valid for a key of the key spec SYMMETRIC_DEFAULT.",
        ),
        (
            expires(None),
            "ValidationException",
            "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES",
        ),
        (expires(Some(Timestamp(START))), "ValidationException", "ValidTo must be in the future"),
        (
            expires(Some(Timestamp(START + 365 * DAY + 1))),
            "ValidationException",
            "ValidTo must be within 365 days",
        ),
        (
            ImportKeyMaterialRequest { valid_to: Some(Timestamp(START + DAY)), ..good() },
            "ValidationException",
            "The parameter ValidTo cannot be specified for a key with an expiration model of KEY_MATERIAL_DOES_NOT_EXPIRE",
        ),
        (
            ImportKeyMaterialRequest { import_type: Some(EXISTING), ..good() },
            "IncorrectKeyMaterialException",
            "The key material is not the same as any that was imported before.",
        ),
        (
            ImportKeyMaterialRequest {
                import_type: Some(NEW),
                key_material_id: Some("0".repeat(64)),
                ..good()
            },
            "ValidationException",
            "KeyMaterialId cannot be specified when ImportType is NEW_KEY_MATERIAL.",
        ),
    ];
    for (input, code, message) in cases {
        refused(import(&world, input), code, message);
    }
    assert_eq!(state(&world, &key), KeyState::PendingImport);
    // A token is good for its key for a day.
    let token = good();
    world.wait(DAY - 1);
    import(&world, token.clone()).unwrap();
    world.wait(1);
    refused(import(&world, token), "ExpiredImportTokenException", "");
    let wrong = ImportKeyMaterialRequest { key_material_id: Some("0".repeat(64)), ..good() };
    let message = "The key material does not have the KeyMaterialId of the request.";
    refused(import(&world, wrong), "IncorrectKeyMaterialException", message);
    let absent = "0".repeat(64);
    let message = format!("Key material '{absent}' does not exist");
    refused(delete(&world, &key, Some(&absent)), "NotFoundException", &message);
}

#[test]
fn wrappings() {
    let world = World::new();
    let key = world.external_key();
    let ask = |key: &str, algorithm, spec| {
        let input = GetParametersForImportRequest {
            key_id: key.to_owned(),
            wrapping_algorithm: algorithm,
            wrapping_key_spec: spec,
        };
        world.call::<ops::GetParametersForImport>(&world.root(), input)
    };
    let output = ask(&key, AlgorithmSpec::RsaesOaepSha1, WrappingKeySpec::Rsa2048).unwrap();
    assert_eq!(output.key_id, Some(key.clone()));
    assert_eq!(output.parameters_valid_to, Some(Timestamp(START + DAY)));
    refused(
        ask(&key, AlgorithmSpec::RsaAesKeyWrapSha256, WrappingKeySpec::Rsa3072),
        "ValidationException",
        "Wrapping algorithm RSA_AES_KEY_WRAP_SHA_256 and wrapping key spec RSA_3072 cannot be used to import a \
         SYMMETRIC_DEFAULT key.",
    );
    refused(
        ask(&key, AlgorithmSpec::Sm2pke, WrappingKeySpec::Rsa3072),
        "ValidationException",
        "Wrapping algorithm SM2PKE and wrapping key spec RSA_3072 cannot be used to import a SYMMETRIC_DEFAULT key.",
    );
    refused(
        ask(&key, AlgorithmSpec::RsaesPkcs1V15, WrappingKeySpec::Rsa3072),
        "UnsupportedOperationException",
        "The wrapping algorithm RSAES_PKCS1_V1_5 is not supported.",
    );
    let made_by_kms = world.key();
    refused(
        ask(&made_by_kms, AlgorithmSpec::RsaesOaepSha1, WrappingKeySpec::Rsa2048),
        "UnsupportedOperationException",
        &format!("{made_by_kms} origin is AWS_KMS which is not valid for this operation."),
    );
}

#[test]
fn material_expires() {
    let world = World::new();
    let key = world.external_key();
    let at = |days| ImportKeyMaterialRequest {
        expiration_model: Some(ExpirationModelType::KeyMaterialExpires),
        valid_to: Some(Timestamp(START + days * DAY)),
        ..world.wrapped(&key, &[1; 32])
    };
    let id = import(&world, at(10)).unwrap().unwrap();
    let now = world.describe(&key);
    assert_eq!(now.expiration_model, Some(ExpirationModelType::KeyMaterialExpires));
    assert_eq!(now.valid_to, Some(Timestamp(START + 10 * DAY)));
    let blob = encrypt(&world, &key).unwrap();
    // Imported anew, it has another time.
    import(&world, at(2)).unwrap();
    world.wait(2 * DAY - 1);
    assert_eq!(world.run_timers(), 0);
    decrypt(&world, &blob).unwrap();
    world.wait(1);
    // Even before the timer has run.
    refused(decrypt(&world, &blob), "KMSInvalidStateException", &format!("{key} is pending import."));
    world.events();
    assert_eq!(world.run_timers(), 1);
    assert_eq!(state(&world, &key), KeyState::PendingImport);
    let events = world.events();
    assert_eq!((events.len(), events[0].name), (1, "DeleteExpiredKeyMaterial"));
    assert_eq!(events[0].details["keyMaterialId"], id);
    let row = world.row(&key);
    assert!(row.materials.iter().all(|material| material.sealed.is_empty()));
    world.wait(20 * DAY);
    assert_eq!(world.run_timers(), 0);

    import(&world, world.wrapped(&key, &[1; 32])).unwrap();
    assert_eq!(decrypt(&world, &blob).unwrap(), id);
    assert_eq!(world.describe(&key).valid_to, None);
    // A key that is deleted leaves no timer behind.
    let now = world.now();
    let input = ImportKeyMaterialRequest {
        expiration_model: None,
        valid_to: Some(Timestamp(now + 300 * DAY)),
        ..world.wrapped(&key, &[1; 32])
    };
    import(&world, input).unwrap();
    let input = ScheduleKeyDeletionRequest { key_id: key, ..ScheduleKeyDeletionRequest::default() };
    world.call::<ops::ScheduleKeyDeletion>(&world.root(), input).unwrap();
    world.wait(30 * DAY);
    assert_eq!(world.run_timers(), 1);
    world.wait(300 * DAY);
    assert_eq!(world.run_timers(), 0);
    assert!(world.rows().is_empty());
}

#[test]
fn several_materials() {
    let world = World::new();
    let key = world.external_key();
    let first = world.import(&key, &[1; 32], NEW).unwrap();
    let old = encrypt(&world, &key).unwrap();
    refused(
        rotate(&world, &key),
        "KMSInvalidStateException",
        &format!("No available key material pending rotation for the key: {key}."),
    );
    refused(
        world.import(&key, &[1; 32], NEW),
        "IncorrectKeyMaterialException",
        "The key material is already associated with the KMS key.",
    );
    let second = world.import(&key, &[2; 32], NEW).unwrap();
    assert_eq!(
        states(&world, &key),
        [
            (KeyMaterialState::Current, ImportState::Imported),
            (KeyMaterialState::PendingRotation, ImportState::Imported)
        ]
    );
    let third = world.import(&key, &[3; 32], NEW).unwrap_err();
    assert_eq!(third.code(), "KMSInvalidStateException");
    assert!(
        third.message().ends_with(&format!("(id: {second}) is pending rotation.")),
        "{}",
        third.message()
    );
    // What is pending can be deleted, and makes room.
    delete(&world, &key, Some(&second)).unwrap();
    assert_eq!(state(&world, &key), KeyState::Enabled);
    assert_eq!(states(&world, &key).len(), 1);
    let second = world.import(&key, &[3; 32], NEW).unwrap();
    world.events();
    rotate(&world, &key).unwrap();
    let events = world.events();
    assert_eq!((events[0].name, events[0].details["keyOrigin"].as_str()), ("RotateKey", Some("EXTERNAL")));
    let new = encrypt(&world, &key).unwrap();
    assert_eq!(decrypt(&world, &old).unwrap(), first);
    assert_eq!(decrypt(&world, &new).unwrap(), second);
    assert_eq!(
        states(&world, &key),
        [
            (KeyMaterialState::NonCurrent, ImportState::Imported),
            (KeyMaterialState::Current, ImportState::Imported)
        ]
    );
    assert_eq!(materials(&world, &key)[1].rotation_date, Some(Timestamp(START)));

    // All of it has to be there.
    delete(&world, &key, Some(&first)).unwrap();
    delete(&world, &key, None).unwrap();
    world.import(&key, &[3; 32], EXISTING).unwrap();
    assert_eq!(state(&world, &key), KeyState::PendingImport);
    assert_eq!(world.import(&key, &[1; 32], EXISTING).unwrap(), first);
    assert_eq!(state(&world, &key), KeyState::Enabled);
    assert_eq!(decrypt(&world, &old).unwrap(), first);
}

#[test]
fn no_schedule_for_imported_material() {
    let world = World::new();
    let key = world.external_key();
    let message = format!("{key} origin is EXTERNAL which is not valid for this operation.");
    let enable = || EnableKeyRotationRequest { key_id: key.clone(), ..EnableKeyRotationRequest::default() };
    for _ in 0..2 {
        let result = world.call::<ops::EnableKeyRotation>(&world.root(), enable());
        refused(result, "UnsupportedOperationException", &message);
        let input = GetKeyRotationStatusRequest { key_id: key.clone() };
        let status = world.call::<ops::GetKeyRotationStatus>(&world.root(), input).unwrap();
        assert_eq!((status.key_rotation_enabled, status.next_rotation_date), (Some(false), None));
        import(&world, world.wrapped(&key, &[1; 32])).unwrap();
    }
}

#[test]
fn states_of_keys_without_their_material() {
    let world = World::new();
    let root = world.root();
    let key = world.external_key();
    import(&world, world.wrapped(&key, &[1; 32])).unwrap();
    world.call::<ops::DisableKey>(&root, DisableKeyRequest { key_id: key.clone() }).unwrap();
    // Imported anew, it is as disabled as before.
    import(&world, world.wrapped(&key, &[1; 32])).unwrap();
    assert_eq!(state(&world, &key), KeyState::Disabled);
    let schedule = || ScheduleKeyDeletionRequest { key_id: key.clone(), ..Default::default() };
    let cancel = || CancelKeyDeletionRequest { key_id: key.clone() };
    world.call::<ops::ScheduleKeyDeletion>(&root, schedule()).unwrap();
    world.call::<ops::CancelKeyDeletion>(&root, cancel()).unwrap();
    assert_eq!(state(&world, &key), KeyState::Disabled);
    world.call::<ops::ScheduleKeyDeletion>(&root, schedule()).unwrap();
    delete(&world, &key, None).unwrap();
    assert_eq!(state(&world, &key), KeyState::PendingDeletion);
    world.call::<ops::CancelKeyDeletion>(&root, cancel()).unwrap();
    assert_eq!(state(&world, &key), KeyState::PendingImport);
}

#[test]
fn the_same_material_in_every_region() {
    let world = World::new();
    let input = CreateKeyRequest {
        origin: Some(OriginType::External),
        multi_region: Some(true),
        ..CreateKeyRequest::default()
    };
    let primary = world.create_key(&world.root(), input).arn.unwrap();
    let first = world.import(&primary, &[1; 32], NEW).unwrap();
    let old = encrypt(&world, &primary).unwrap();
    let replica = world.replicate(&primary, OTHER_REGION);
    assert_eq!(state(&world, &replica), KeyState::PendingImport);

    world.go_to(OTHER_REGION);
    let pending = format!("{replica} is pending import.");
    refused(decrypt(&world, &old), "KMSInvalidStateException", &pending);
    assert_eq!(states(&world, &replica), [(KeyMaterialState::Current, ImportState::PendingImport)]);
    refused(
        import(&world, world.wrapped(&replica, &[2; 32])),
        "IncorrectKeyMaterialException",
        "The key material is not the same as any that was imported before.",
    );
    let message =
        format!("New key material cannot be imported into {replica}. Import it into the primary key first.");
    refused(world.import(&replica, &[2; 32], NEW), "UnsupportedOperationException", &message);
    assert_eq!(import(&world, world.wrapped(&replica, &[1; 32])).unwrap(), Some(first.clone()));
    assert_eq!(decrypt(&world, &old).unwrap(), first);

    // New material: into the primary, into each replica, and then rotated to in all.
    world.go_to(REGION);
    let second = world.import(&primary, &[2; 32], NEW).unwrap();
    let waits = KeyMaterialState::PendingMultiRegionImportAndRotation;
    assert_eq!(states(&world, &primary)[1], (waits, ImportState::Imported));
    let message = format!("No available key material pending rotation for the key: {primary}.");
    refused(rotate(&world, &primary), "KMSInvalidStateException", &message);
    world.go_to(OTHER_REGION);
    assert_eq!(states(&world, &replica)[1], (waits, ImportState::PendingImport));
    assert_eq!(world.import(&replica, &[2; 32], EXISTING).unwrap(), second);
    let ready = (KeyMaterialState::PendingRotation, ImportState::Imported);
    assert_eq!(states(&world, &replica)[1], ready);
    world.go_to(REGION);
    assert_eq!(states(&world, &primary)[1], ready);
    // Deleted from the replica it is missing there; from the primary it is gone everywhere.
    world.go_to(OTHER_REGION);
    delete(&world, &replica, Some(&second)).unwrap();
    assert_eq!(states(&world, &replica)[1], (waits, ImportState::PendingImport));
    world.import(&replica, &[2; 32], EXISTING).unwrap();
    world.go_to(REGION);
    delete(&world, &primary, Some(&second)).unwrap();
    assert_eq!(states(&world, &primary).len(), 1);
    world.go_to(OTHER_REGION);
    assert_eq!(states(&world, &replica).len(), 1);
    world.go_to(REGION);
    let second = world.import(&primary, &[2; 32], NEW).unwrap();
    world.go_to(OTHER_REGION);
    world.import(&replica, &[2; 32], EXISTING).unwrap();
    world.go_to(REGION);
    rotate(&world, &primary).unwrap();
    let new = encrypt(&world, &primary).unwrap();
    world.go_to(OTHER_REGION);
    assert_eq!(decrypt(&world, &new).unwrap(), second);
    assert_eq!(decrypt(&world, &old).unwrap(), first);
    let all = materials(&world, &replica);
    assert_eq!(all[1].key_material_state, Some(KeyMaterialState::Current));
    // Each has its material, and expiration, for itself.
    delete(&world, &replica, Some(&first)).unwrap();
    assert_eq!(state(&world, &replica), KeyState::PendingImport);
    assert_eq!(state(&world, &primary), KeyState::Enabled);
}

/// Of other keys there is one material for good, which has no name for callers.
#[test]
fn keys_of_one_material() {
    let world = World::new();
    let root = world.root();
    let make = |spec, usage| {
        let input = CreateKeyRequest {
            origin: Some(OriginType::External),
            key_spec: Some(spec),
            key_usage: Some(usage),
            multi_region: Some(true),
            ..CreateKeyRequest::default()
        };
        let made = world.create_key(&root, input);
        assert_eq!((made.key_state, made.current_key_material_id), (Some(KeyState::PendingImport), None));
        made.arn.unwrap()
    };
    let key = make(KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac);
    for changed in [
        ImportKeyMaterialRequest { import_type: Some(NEW), ..world.wrapped(&key, &[1; 32]) },
        ImportKeyMaterialRequest { key_material_id: Some("0".repeat(64)), ..world.wrapped(&key, &[1; 32]) },
        ImportKeyMaterialRequest {
            key_material_description: Some("a".to_owned()),
            ..world.wrapped(&key, &[1; 32])
        },
    ] {
        assert_eq!(import(&world, changed).unwrap_err().code(), "UnsupportedOperationException");
    }
    assert_eq!(
        import(&world, world.wrapped(&key, &[1; 33])).unwrap_err().code(),
        "IncorrectKeyMaterialException"
    );
    assert_eq!(import(&world, world.wrapped(&key, &[1; 32])).unwrap(), None);
    let mac = |key: &str| {
        let input = GenerateMacRequest {
            key_id: key.to_owned(),
            message: b"x"[..].into(),
            mac_algorithm: MacAlgorithmSpec::HmacSha256,
            ..GenerateMacRequest::default()
        };
        world.call::<ops::GenerateMac>(&root, input).unwrap().mac.unwrap().into_vec()
    };
    let expected = MacKey::read(MacSpec::Hmac256, &[1; 32]).unwrap().mac(b"x");
    assert_eq!(mac(&key), expected);
    let replica = world.replicate(&key, OTHER_REGION);
    world.go_to(OTHER_REGION);
    let other = import(&world, world.wrapped(&replica, &[2; 32])).unwrap_err();
    assert_eq!(other.code(), "IncorrectKeyMaterialException");
    import(&world, world.wrapped(&replica, &[1; 32])).unwrap();
    assert_eq!(mac(&replica), expected);
    world.go_to(REGION);
    assert_eq!(delete(&world, &key, None).unwrap(), None);
    assert_eq!(state(&world, &key), KeyState::PendingImport);
    import(&world, world.wrapped(&key, &[1; 32])).unwrap();
    assert_eq!(mac(&key), expected);

    let key = make(KeySpec::EccNistP256, KeyUsageType::SignVerify);
    let pair = KeyPair::generate(PairSpec::P256).unwrap();
    import(&world, world.wrapped(&key, &pair.to_pkcs8().unwrap())).unwrap();
    let input = GetPublicKeyRequest { key_id: key.clone(), ..GetPublicKeyRequest::default() };
    let public = world.call::<ops::GetPublicKey>(&root, input).unwrap().public_key.unwrap();
    assert_eq!(public.0, pair.public_key().spki());
    let other = KeyPair::generate(PairSpec::P256).unwrap();
    let other = import(&world, world.wrapped(&key, &other.to_pkcs8().unwrap())).unwrap_err();
    assert_eq!(other.code(), "IncorrectKeyMaterialException");
}

#[test]
fn permissions() {
    let world = World::new();
    let key = world.external_key();
    let when = |action: &str, operator: &str, name: &str, value: &str| {
        let statement = format!(
            r#"{{"Effect":"Allow","Action":"{action}","Resource":"*","Condition":{{"{operator}":{{"{name}":"{value}"}}}}}}"#
        );
        world.user(ACCOUNT, "user", &statement)
    };
    let ask = || GetParametersForImportRequest {
        key_id: key.clone(),
        wrapping_algorithm: AlgorithmSpec::RsaesOaepSha256,
        wrapping_key_spec: WrappingKeySpec::Rsa2048,
    };
    let action = "kms:GetParametersForImport";
    for (name, value, right) in [
        ("kms:WrappingAlgorithm", "RSAES_OAEP_SHA_1", false),
        ("kms:WrappingAlgorithm", "RSAES_OAEP_SHA_256", true),
        ("kms:WrappingKeySpec", "RSA_4096", false),
        ("kms:WrappingKeySpec", "RSA_2048", true),
    ] {
        let user = when(action, "StringEquals", name, value);
        let result = world.call::<ops::GetParametersForImport>(&user, ask());
        if right { drop(result.unwrap()) } else { denied(result, action) }
    }
    let expires = ImportKeyMaterialRequest {
        expiration_model: None,
        valid_to: Some(Timestamp(START + 2 * DAY)),
        ..world.wrapped(&key, &[1; 32])
    };
    let action = "kms:ImportKeyMaterial";
    let limit = |days: i64| Timestamp(START + days * DAY).rfc3339();
    for (operator, name, value, right) in [
        ("StringEquals", "kms:ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE".to_owned(), false),
        ("StringEquals", "kms:ExpirationModel", "KEY_MATERIAL_EXPIRES".to_owned(), true),
        ("DateLessThanEquals", "kms:ValidTo", limit(1), false),
        ("DateLessThanEquals", "kms:ValidTo", limit(2), true),
    ] {
        let user = when(action, operator, name, &value);
        let result = world.call::<ops::ImportKeyMaterial>(&user, expires.clone());
        if right { drop(result.unwrap()) } else { denied(result, action) }
    }
    let user = world.user(ACCOUNT, "user", &allow("kms:ImportKeyMaterial"));
    let input =
        DeleteImportedKeyMaterialRequest { key_id: key, ..DeleteImportedKeyMaterialRequest::default() };
    denied(world.call::<ops::DeleteImportedKeyMaterial>(&user, input), "kms:DeleteImportedKeyMaterial");
}
