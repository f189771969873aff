use super::{denied, refused};
use crate::api::{
    DecryptRequest, DisableKeyRequest, DisableKeyRotationRequest, EnableKeyRequest, EnableKeyRotationRequest,
    EncryptRequest, GetKeyRotationStatusRequest, GetKeyRotationStatusResponse, IncludeKeyMaterial,
    KeyMaterialState, ListKeyRotationsRequest, RotateKeyOnDemandRequest, RotationType, RotationsListEntry,
    ScheduleKeyDeletionRequest, ops,
};
use crate::testing::{ACCOUNT, DAY, START, World};
use platform::Fault;
use wire::{Blob, Timestamp};

fn enable(world: &World, key: &str, days: Option<i32>) -> Result<(), Fault> {
    let input = EnableKeyRotationRequest { key_id: key.to_owned(), rotation_period_in_days: days };
    world.call::<ops::EnableKeyRotation>(&world.root(), input).map(drop)
}

fn status(world: &World, key: &str) -> GetKeyRotationStatusResponse {
    let input = GetKeyRotationStatusRequest { key_id: key.to_owned() };
    world.call::<ops::GetKeyRotationStatus>(&world.root(), input).unwrap()
}

fn on_demand(world: &World, key: &str) -> Result<(), Fault> {
    let input = RotateKeyOnDemandRequest { key_id: key.to_owned() };
    world.call::<ops::RotateKeyOnDemand>(&world.root(), input).map(drop)
}

fn rotations(world: &World, key: &str, include: Option<IncludeKeyMaterial>) -> Vec<RotationsListEntry> {
    let mut all = Vec::new();
    let mut marker = None;
    loop {
        let input = ListKeyRotationsRequest {
            key_id: key.to_owned(),
            include_key_material: include,
            limit: Some(2),
            marker,
        };
        let page = world.call::<ops::ListKeyRotations>(&world.root(), input).unwrap();
        all.extend(page.rotations.unwrap());
        marker = page.next_marker;
        if marker.is_none() {
            return all;
        }
    }
}

fn encrypt(world: &World, key: &str) -> Blob {
    let input =
        EncryptRequest { key_id: key.to_owned(), plaintext: b"x"[..].into(), ..EncryptRequest::default() };
    world.call::<ops::Encrypt>(&world.root(), input).unwrap().ciphertext_blob.unwrap()
}

fn material_of(world: &World, blob: &Blob) -> String {
    let input = DecryptRequest { ciphertext_blob: Some(blob.clone()), ..DecryptRequest::default() };
    let output = world.call::<ops::Decrypt>(&world.root(), input).unwrap();
    assert_eq!(output.plaintext.unwrap().0, b"x");
    output.key_material_id.unwrap()
}

#[test]
fn keys_rotate_by_themselves() {
    let world = World::new();
    let key = world.key();
    let before = status(&world, &key);
    assert_eq!((before.key_rotation_enabled, before.next_rotation_date), (Some(false), None));
    enable(&world, &key, Some(90)).unwrap();
    let during = status(&world, &key);
    assert_eq!(during.key_rotation_enabled, Some(true));
    assert_eq!(during.rotation_period_in_days, Some(90));
    assert_eq!(during.next_rotation_date, Some(Timestamp(START + 90 * DAY)));
    let mut blobs = vec![encrypt(&world, &key)];
    for rotated in 1..=3 {
        world.wait(90 * DAY);
        assert_eq!(world.run_timers(), 1);
        let next = status(&world, &key).next_rotation_date;
        assert_eq!(next, Some(Timestamp(START + (rotated + 1) * 90 * DAY)));
        blobs.push(encrypt(&world, &key));
    }
    // Each ciphertext is of the material of its time, and all are still decrypted.
    let materials: Vec<_> = blobs.iter().map(|blob| material_of(&world, blob)).collect();
    let listed = rotations(&world, &key, Some(IncludeKeyMaterial::AllKeyMaterial));
    let ids: Vec<_> = listed.iter().map(|entry| entry.key_material_id.clone().unwrap()).collect();
    assert_eq!(ids, materials);
    let states: Vec<_> = listed.iter().map(|entry| entry.key_material_state.unwrap()).collect();
    assert_eq!(
        states,
        [
            KeyMaterialState::NonCurrent,
            KeyMaterialState::NonCurrent,
            KeyMaterialState::NonCurrent,
            KeyMaterialState::Current
        ]
    );
    assert_eq!((listed[0].rotation_date, listed[0].rotation_type), (None, None));
    assert_eq!(listed[1].rotation_date, Some(Timestamp(START + 90 * DAY)));
    assert_eq!(listed[1].rotation_type, Some(RotationType::Automatic));
    assert_eq!(rotations(&world, &key, None).len(), 3);
    let events = world.events();
    assert_eq!(events.len(), 3);
    assert_eq!(events[0].name, "RotateKey");
    assert_eq!(events[0].details["rotationType"], "AUTOMATIC");
    assert_eq!(events[0].details["currentKeyMaterialId"], materials[1]);

    let input = DisableKeyRotationRequest { key_id: key.clone() };
    world.call::<ops::DisableKeyRotation>(&world.root(), input).unwrap();
    assert_eq!(status(&world, &key).key_rotation_enabled, Some(false));
    world.wait(1000 * DAY);
    assert_eq!(world.run_timers(), 0);
}

#[test]
fn the_period_counts_from_the_call_that_sets_it() {
    let world = World::new();
    let key = world.key();
    enable(&world, &key, None).unwrap();
    world.wait(DAY);
    enable(&world, &key, None).unwrap();
    assert_eq!(status(&world, &key).next_rotation_date, Some(Timestamp(START + 365 * DAY)));
    enable(&world, &key, Some(100)).unwrap();
    assert_eq!(status(&world, &key).next_rotation_date, Some(Timestamp(START + 101 * DAY)));
    world.wait(100 * DAY);
    assert_eq!(world.run_timers(), 1);
    world.wait(264 * DAY);
    assert_eq!(rotations(&world, &key, None).len(), 1);
}

#[test]
fn a_disabled_key_catches_up() {
    let world = World::new();
    let root = world.root();
    let key = world.key();
    enable(&world, &key, Some(90)).unwrap();
    world.call::<ops::DisableKey>(&root, DisableKeyRequest { key_id: key.clone() }).unwrap();
    world.wait(89 * DAY);
    world.call::<ops::EnableKey>(&root, EnableKeyRequest { key_id: key.clone() }).unwrap();
    assert!(rotations(&world, &key, None).is_empty());
    world.call::<ops::DisableKey>(&root, DisableKeyRequest { key_id: key.clone() }).unwrap();
    world.wait(200 * DAY);
    world.run_timers();
    assert!(rotations(&world, &key, None).is_empty());
    assert_eq!(status(&world, &key).key_rotation_enabled, Some(true));
    world.call::<ops::EnableKey>(&root, EnableKeyRequest { key_id: key.clone() }).unwrap();
    assert_eq!(rotations(&world, &key, None).len(), 1);
    assert_eq!(status(&world, &key).next_rotation_date, Some(Timestamp(START + 379 * DAY)));
    world.wait(90 * DAY);
    assert_eq!(world.run_timers(), 1);
    assert_eq!(rotations(&world, &key, None).len(), 2);
}

#[test]
fn pending_deletion_hides_rotation() {
    let world = World::new();
    let root = world.root();
    let key = world.key();
    enable(&world, &key, None).unwrap();
    let input = ScheduleKeyDeletionRequest { key_id: key.clone(), ..ScheduleKeyDeletionRequest::default() };
    world.call::<ops::ScheduleKeyDeletion>(&root, input).unwrap();
    let hidden = status(&world, &key);
    assert_eq!((hidden.key_rotation_enabled, hidden.rotation_period_in_days), (Some(false), None));
    let cancel = crate::api::CancelKeyDeletionRequest { key_id: key.clone() };
    world.call::<ops::CancelKeyDeletion>(&root, cancel).unwrap();
    assert_eq!(status(&world, &key).key_rotation_enabled, Some(true));
}

#[test]
fn rotation_on_demand() {
    let world = World::new();
    let key = world.key();
    enable(&world, &key, Some(90)).unwrap();
    let old = encrypt(&world, &key);
    for _ in 0..25 {
        on_demand(&world, &key).unwrap();
    }
    let message = format!(
        "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for \
         this key: {key}"
    );
    refused(on_demand(&world, &key), "LimitExceededException", &message);
    assert_eq!(rotations(&world, &key, None).len(), 25);
    assert_eq!(rotations(&world, &key, None)[0].rotation_type, Some(RotationType::OnDemand));
    assert_ne!(material_of(&world, &old), material_of(&world, &encrypt(&world, &key)));
    // The schedule stays.
    assert_eq!(status(&world, &key).next_rotation_date, Some(Timestamp(START + 90 * DAY)));

    let soon = world.key();
    enable(&world, &soon, Some(90)).unwrap();
    world.wait(90 * DAY - 20 * 60 * 1000);
    let message = "An automatic rotation of this key is currently in progress or scheduled to begin within the next 20 minutes.";
    refused(on_demand(&world, &soon), "ConflictException", message);
}

#[test]
fn permissions() {
    let world = World::new();
    let key_id = world.key();
    let statement = r#"{"Effect":"Allow","Action":"kms:EnableKeyRotation","Resource":"*","Condition":{"NumericLessThanEquals":{"kms:RotationPeriodInDays":180}}}"#;
    let user = world.user(ACCOUNT, "user", statement);
    let input =
        |days| EnableKeyRotationRequest { key_id: key_id.clone(), rotation_period_in_days: Some(days) };
    denied(world.call::<ops::EnableKeyRotation>(&user, input(181)), "kms:EnableKeyRotation");
    world.call::<ops::EnableKeyRotation>(&user, input(180)).unwrap();
    let input = RotateKeyOnDemandRequest { key_id: key_id.clone() };
    denied(world.call::<ops::RotateKeyOnDemand>(&user, input), "kms:RotateKeyOnDemand");
}
