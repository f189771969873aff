//! Keys in stores, and what uses of them come to.

use super::{CLUSTER, RELATED, cloudhsm, external, world};
use crate::api::{self, ops};
use crate::testing::DAY;
use crate::tests::refused;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use platform::Trouble;
use serde_json::json;

#[test]
fn keys_of_a_cluster() {
    let (world, behind) = world();
    let id = world.store(cloudhsm()).unwrap();
    assert_eq!(world.key_in(&id, None).unwrap_err().code(), "CustomKeyStoreInvalidStateException");
    world.connect(&id).unwrap();
    world.run_timers();
    let made = world.key_in(&id, None).unwrap();
    assert_eq!(made.custom_key_store_id.as_deref(), Some(id.as_str()));
    assert_eq!(made.cloud_hsm_cluster_id.as_deref(), Some(CLUSTER));
    assert_eq!((made.origin.unwrap().as_str(), made.current_key_material_id), ("AWS_CLOUDHSM", None));
    let key = made.arn.unwrap();
    assert!(behind.keys.lock().unwrap().contains(&key), "its label is its ARN");

    behind.uses.lock().unwrap().clear();
    let blob = world.encrypt(&key).unwrap();
    let opened = world.decrypt(&blob).unwrap();
    assert_eq!((opened.plaintext.unwrap().0.as_slice(), opened.key_material_id), (&b"text"[..], None));
    let input =
        api::GenerateDataKeyRequest { key_id: key.clone(), number_of_bytes: Some(16), ..Default::default() };
    let data_key = world.call::<ops::GenerateDataKey>(&world.root(), input).unwrap();
    assert_eq!(data_key.plaintext.unwrap().0, [7; 16], "random bytes of the device");
    let own = world.key();
    let input = api::ReEncryptRequest {
        ciphertext_blob: Some(blob.as_slice().into()),
        destination_key_id: own,
        ..Default::default()
    };
    let moved = world.call::<ops::ReEncrypt>(&world.root(), input).unwrap();
    assert!(moved.source_key_material_id.is_none() && moved.destination_key_material_id.is_some());
    let used = behind.uses.lock().unwrap().clone();
    assert_eq!(used, ["Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKey", "ReEncryptFrom"]);

    let mut altered = blob.clone();
    *altered.last_mut().unwrap() ^= 0x40;
    refused(world.decrypt(&altered), "InvalidCiphertextException", "");
    let random = api::GenerateRandomRequest {
        number_of_bytes: Some(4),
        custom_key_store_id: Some(id.clone()),
        ..Default::default()
    };
    let random = world.call::<ops::GenerateRandom>(&world.root(), random).unwrap();
    assert_eq!(random.plaintext.unwrap().0, [7; 4]);

    *behind.trouble.lock().unwrap() = Some(Trouble::NoHsms);
    refused(
        world.encrypt(&key),
        "KMSInvalidStateException",
        "KMS cannot communicate with your CloudHSM cluster",
    );
    *behind.trouble.lock().unwrap() = None;

    let only = format!("{key} origin is AWS_CLOUDHSM which is not valid for this operation.");
    let input = api::EnableKeyRotationRequest { key_id: key.clone(), ..Default::default() };
    refused(
        world.call::<ops::EnableKeyRotation>(&world.root(), input),
        "UnsupportedOperationException",
        &only,
    );
    let input = api::GetKeyRotationStatusRequest { key_id: key.clone() };
    refused(
        world.call::<ops::GetKeyRotationStatus>(&world.root(), input),
        "UnsupportedOperationException",
        &only,
    );

    // Out of reach while the store is not connected; what it was before shows again after.
    let input = api::DisableKeyRequest { key_id: key.clone() };
    world.call::<ops::DisableKey>(&world.root(), input).unwrap();
    assert_eq!(world.key_state(&key), ("Disabled", false));
    world.disconnect(&id).unwrap();
    assert_eq!(world.key_state(&key), ("Unavailable", false));
    refused(world.encrypt(&key), "KMSInvalidStateException", &format!("{key} is unavailable."));
    let input = api::EnableKeyRequest { key_id: key.clone() };
    world.call::<ops::EnableKey>(&world.root(), input).unwrap();
    assert_eq!(world.key_state(&key), ("Unavailable", false));
    world.run_timers();
    assert_eq!(world.delete(&id).unwrap_err().code(), "CustomKeyStoreHasCMKsException");
    world.connect(&id).unwrap();
    world.run_timers();
    assert_eq!(world.key_state(&key), ("Enabled", true));
    assert_eq!(world.decrypt(&blob).unwrap().plaintext.unwrap().0, b"text");

    let input = api::ScheduleKeyDeletionRequest { key_id: key.clone(), ..Default::default() };
    world.call::<ops::ScheduleKeyDeletion>(&world.root(), input).unwrap();
    world.disconnect(&id).unwrap();
    world.run_timers();
    assert_eq!(world.key_state(&key), ("PendingDeletion", false));
    world.connect(&id).unwrap();
    world.run_timers();
    world.wait(30 * DAY);
    world.run_timers();
    assert!(behind.keys.lock().unwrap().is_empty(), "the key is gone from the device too");
    world.disconnect(&id).unwrap();
    world.run_timers();
    world.delete(&id).unwrap();
}

#[test]
fn keys_of_an_external_manager() {
    let (world, behind) = world();
    let id = world.connected(external());
    let made = world.key_in(&id, Some("their-key")).unwrap();
    assert_eq!(made.xks_key_configuration.unwrap().id.as_deref(), Some("their-key"));
    assert_eq!((made.cloud_hsm_cluster_id, made.current_key_material_id), (None, None));
    let key = made.arn.unwrap();
    refused(
        world.key_in(&id, Some("their-key")),
        "XksKeyAlreadyInUseException",
        &format!(
            "The external key their-key is already associated with another KMS key in the external key store {id}."
        ),
    );
    let blob = world.encrypt(&key).unwrap();
    let (_, _, inner) = behind.sealed.lock().unwrap().values().next().unwrap().clone();
    assert!(inner.len() > 4 && !inner.windows(4).any(|part| part == b"text"), "encrypted by KMS before");
    assert_eq!(world.decrypt(&blob).unwrap().plaintext.unwrap().0, b"text");
    for (trouble, code) in [
        (Trouble::KeyNotFound, "XksKeyNotFoundException"),
        (Trouble::KeyUnfit, "XksKeyInvalidConfigurationException"),
        (Trouble::InvalidCredentials, "CustomKeyStoreInvalidStateException"),
        (Trouble::DependencyTimedOut, "CustomKeyStoreInvalidStateException"),
        (Trouble::Internal, "CustomKeyStoreInvalidStateException"),
    ] {
        *behind.trouble.lock().unwrap() = Some(trouble);
        assert_eq!(world.key_in(&id, Some("another")).unwrap_err().code(), code);
        assert_eq!(world.encrypt(&key).unwrap_err().code(), "KMSInvalidStateException");
    }
    let random = api::GenerateRandomRequest {
        number_of_bytes: Some(4),
        custom_key_store_id: Some(id),
        ..Default::default()
    };
    let random = world.call::<ops::GenerateRandom>(&world.root(), random);
    assert_eq!(random.unwrap_err().code(), "UnsupportedOperationException");
}

#[test]
fn keys_that_no_store_takes() {
    let (world, _) = world();
    let id = world.connected(cloudhsm());
    let code = |input| world.call::<ops::CreateKey>(&world.root(), input).unwrap_err().code().to_owned();
    let input = || api::CreateKeyRequest {
        origin: Some(api::OriginType::AwsCloudhsm),
        custom_key_store_id: Some(id.clone()),
        ..Default::default()
    };
    assert_eq!(code(api::CreateKeyRequest { origin: None, ..input() }), "ValidationException");
    assert_eq!(code(api::CreateKeyRequest { custom_key_store_id: None, ..input() }), "ValidationException");
    assert_eq!(
        code(api::CreateKeyRequest { xks_key_id: Some("a".to_owned()), ..input() }),
        "ValidationException"
    );
    let multi = api::CreateKeyRequest { multi_region: Some(true), ..input() };
    assert_eq!(code(multi), "UnsupportedOperationException");
    let rsa = api::CreateKeyRequest {
        key_spec: Some(api::KeySpec::Rsa2048),
        key_usage: Some(api::KeyUsageType::EncryptDecrypt),
        ..input()
    };
    assert_eq!(code(rsa), "UnsupportedOperationException");
    let nowhere = api::CreateKeyRequest { custom_key_store_id: Some("cks-1".to_owned()), ..input() };
    assert_eq!(code(nowhere), "CustomKeyStoreNotFoundException");
}

/// What a cluster does not do in time, or cannot do, when something new is asked of it.
#[test]
fn clusters_in_trouble() {
    let (world, behind) = world();
    let id = world.store(cloudhsm()).unwrap();
    let random = || {
        let input = api::GenerateRandomRequest {
            number_of_bytes: Some(4),
            custom_key_store_id: Some(id.clone()),
            ..Default::default()
        };
        world.call::<ops::GenerateRandom>(&world.root(), input).unwrap_err().code().to_owned()
    };
    assert_eq!(random(), "CustomKeyStoreInvalidStateException");
    world.connect(&id).unwrap();
    world.run_timers();
    for (trouble, code) in [
        (Trouble::TimedOut, "DependencyTimeoutException"),
        (Trouble::DependencyTimedOut, "DependencyTimeoutException"),
        (Trouble::Internal, "KMSInternalException"),
    ] {
        *behind.trouble.lock().unwrap() = Some(trouble);
        assert_eq!(world.key_in(&id, None).unwrap_err().code(), code);
        assert_eq!(random(), code);
    }
    *behind.trouble.lock().unwrap() = None;
    let change = |cluster: &str, zones: usize, active| {
        let mut clusters = behind.clusters.lock().unwrap();
        let cluster = clusters.get_mut(cluster).unwrap();
        cluster.zones.truncate(zones);
        cluster.active = active;
    };
    change(CLUSTER, 1, true);
    assert_eq!(world.key_in(&id, None).unwrap_err().code(), "CloudHsmClusterInvalidConfigurationException");
    world.disconnect(&id).unwrap();
    world.run_timers();
    let moved = || {
        let input = api::UpdateCustomKeyStoreRequest {
            custom_key_store_id: id.clone(),
            cloud_hsm_cluster_id: Some(RELATED.to_owned()),
            ..Default::default()
        };
        world.update(input).unwrap_err().code().to_owned()
    };
    change(RELATED, 1, true);
    assert_eq!(moved(), "CloudHsmClusterInvalidConfigurationException");
    change(RELATED, 1, false);
    assert_eq!(moved(), "CloudHsmClusterNotActiveException");
}

/// A cluster that does not answer in time is not one that is away: whoever calls may try again.
#[test]
fn uses_of_a_cluster_that_does_not_answer_time_out() {
    let (world, behind) = world();
    let id = world.connected(cloudhsm());
    let key = world.key_in(&id, None).unwrap().key_id;
    let blob = BASE64_STANDARD.encode(world.encrypt(&key).unwrap());
    *behind.trouble.lock().unwrap() = Some(Trouble::TimedOut);
    for (operation, input) in [
        ("Encrypt", json!({ "KeyId": key, "Plaintext": "eA==" })),
        ("Decrypt", json!({ "CiphertextBlob": blob })),
        ("ReEncrypt", json!({ "CiphertextBlob": blob, "DestinationKeyId": key })),
        ("GenerateDataKey", json!({ "KeyId": key, "KeySpec": "AES_256" })),
        ("GenerateDataKeyWithoutPlaintext", json!({ "KeyId": key, "KeySpec": "AES_256" })),
    ] {
        let message = "The key store did not respond to the request in the time allotted. Retry the request.";
        refused(world.ask(&world.root(), operation, &input), "DependencyTimeoutException", message);
    }
    assert_eq!(world.connection(&id), ("CONNECTED", None), "what it was when it was last asked");
    assert_eq!(world.key_state(&key), ("Enabled", true));
    world.disconnect(&id).unwrap();
    world.run_timers();
    world.connect(&id).unwrap();
    world.run_timers();
    assert_eq!(world.connection(&id), ("FAILED", Some("NETWORK_ERRORS")));
    world.disconnect(&id).unwrap();
    world.run_timers();
    *behind.trouble.lock().unwrap() = None;
    world.connect(&id).unwrap();
    world.run_timers();
    assert!(world.encrypt(&key).is_ok());
}

#[test]
fn uses_of_a_store_count_against_its_own_quota_too() {
    let (world, _) = world();
    let (hsm, xks) = (world.connected(cloudhsm()), world.connected(external()));
    let one = world.key_in(&hsm, None).unwrap().key_id;
    let other = world.key_in(&xks, Some("key")).unwrap().key_id;
    world.counted();
    let blob = world.encrypt(&one).unwrap();
    assert_eq!(world.counted(), ["symmetric 1".to_owned(), format!("custom-key-store of {hsm} 1")]);
    let input = api::ReEncryptRequest {
        ciphertext_blob: Some(blob[..].into()),
        destination_key_id: other.clone(),
        ..Default::default()
    };
    world.call::<ops::ReEncrypt>(&world.root(), input).unwrap();
    assert_eq!(
        world.counted(),
        [
            "symmetric 1".to_owned(),
            format!("custom-key-store of {xks} 1"),
            format!("custom-key-store of {hsm} 1")
        ]
    );
    let random = |store: &str| {
        let input = api::GenerateRandomRequest {
            number_of_bytes: Some(1),
            custom_key_store_id: Some(store.to_owned()),
            ..Default::default()
        };
        world.call::<ops::GenerateRandom>(&world.root(), input)
    };
    random(&hsm).unwrap();
    assert_eq!(world.counted(), ["symmetric 1".to_owned(), format!("custom-key-store of {hsm} 1")]);
    random("cks-00000000000000000").unwrap_err();
    assert_eq!(world.counted(), ["symmetric 1"], "a store that is not there has no quota");
    *world.tally.used_up.lock().unwrap() = "custom-key-store";
    assert_eq!(world.encrypt(&one).unwrap_err().code(), "ThrottlingException");
    world.described(&hsm);
}
