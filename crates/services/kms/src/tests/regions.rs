use super::{denied, refused};
use crate::api::{
    CancelKeyDeletionRequest, CreateKeyRequest, DecryptRequest, DisableKeyRequest, EnableKeyRequest,
    EnableKeyRotationRequest, EncryptRequest, GetKeyRotationStatusRequest, IncludeKeyMaterial,
    KeyMaterialState, KeyState, ListKeyRotationsRequest, MultiRegionKeyType, ReplicateKeyRequest,
    ReplicateKeyResponse, RotateKeyOnDemandRequest, ScheduleKeyDeletionRequest, Tag,
    UpdatePrimaryRegionRequest, ops,
};
use crate::testing::{ACCOUNT, DAY, OTHER_REGION, REGION, START, World, allow, key_policy};
use platform::{Caller, Fault};
use wire::{Blob, Timestamp};

const THIRD_REGION: &str = "ap-southeast-2";

fn encrypt(world: &World, key: &str) -> Blob {
    let input =
        EncryptRequest { key_id: key.to_owned(), plaintext: b"x"[..].into(), ..EncryptRequest::default() };
    world.call::<ops::Encrypt>(&world.root(), input).unwrap().ciphertext_blob.unwrap()
}

/// The key and material that decrypted it.
fn decrypt(world: &World, blob: &Blob) -> (String, String) {
    let input = DecryptRequest { ciphertext_blob: Some(blob.clone()), ..DecryptRequest::default() };
    let output = world.call::<ops::Decrypt>(&world.root(), input).unwrap();
    assert_eq!(output.plaintext.unwrap().0, b"x");
    (output.key_id.unwrap(), output.key_material_id.unwrap())
}

fn replicate(world: &World, caller: &Caller, key: &str, region: &str) -> Result<ReplicateKeyResponse, Fault> {
    let input = ReplicateKeyRequest {
        key_id: key.to_owned(),
        replica_region: region.to_owned(),
        ..ReplicateKeyRequest::default()
    };
    world.call::<ops::ReplicateKey>(caller, input)
}

fn update_primary(world: &World, caller: &Caller, key: &str, region: &str) -> Result<(), Fault> {
    let input = UpdatePrimaryRegionRequest { key_id: key.to_owned(), primary_region: region.to_owned() };
    world.call::<ops::UpdatePrimaryRegion>(caller, input).map(drop)
}

fn schedule_deletion(world: &World, key: &str, days: i32) -> (KeyState, Option<Timestamp>) {
    let input = ScheduleKeyDeletionRequest { key_id: key.to_owned(), pending_window_in_days: Some(days) };
    let output = world.call::<ops::ScheduleKeyDeletion>(&world.root(), input).unwrap();
    (output.key_state.unwrap(), output.deletion_date)
}

/// What a key is, the ARN of its primary and those of its replicas.
fn configuration(world: &World, key: &str) -> (MultiRegionKeyType, String, Vec<String>) {
    let configuration = world.describe(key).multi_region_configuration.unwrap();
    let replicas = configuration.replica_keys.unwrap().into_iter().map(|key| key.arn.unwrap()).collect();
    (configuration.multi_region_key_type.unwrap(), configuration.primary_key.unwrap().arn.unwrap(), replicas)
}

fn enable_rotation(world: &World, key: &str) -> Result<(), Fault> {
    let input = EnableKeyRotationRequest { key_id: key.to_owned(), rotation_period_in_days: Some(90) };
    world.call::<ops::EnableKeyRotation>(&world.root(), input).map(drop)
}

fn next_rotation(world: &World, key: &str) -> Option<Timestamp> {
    let input = GetKeyRotationStatusRequest { key_id: key.to_owned() };
    world.call::<ops::GetKeyRotationStatus>(&world.root(), input).unwrap().next_rotation_date
}

/// The ids of a key's materials and the states of these.
fn materials(world: &World, key: &str) -> Vec<(String, KeyMaterialState)> {
    let input = ListKeyRotationsRequest {
        key_id: key.to_owned(),
        include_key_material: Some(IncludeKeyMaterial::AllKeyMaterial),
        ..ListKeyRotationsRequest::default()
    };
    let output = world.call::<ops::ListKeyRotations>(&world.root(), input).unwrap();
    let rotations = output.rotations.unwrap().into_iter();
    rotations.map(|entry| (entry.key_material_id.unwrap(), entry.key_material_state.unwrap())).collect()
}

#[test]
fn the_same_ciphertext_in_every_region() {
    let world = World::new();
    let primary = world.multi_region_key();
    let made = world.describe(&primary);
    let id = made.key_id.clone();
    assert!(id.len() == 36 && id.starts_with("mrk-"), "{id}");
    assert_eq!(made.multi_region, Some(true));
    assert_eq!(configuration(&world, &primary), (MultiRegionKeyType::Primary, primary.clone(), Vec::new()));
    let here = encrypt(&world, &primary);

    let input = ReplicateKeyRequest {
        key_id: id.clone(),
        replica_region: OTHER_REGION.to_owned(),
        description: Some("there".to_owned()),
        tags: Some(vec![Tag { tag_key: "a".to_owned(), tag_value: "b".to_owned() }]),
        ..ReplicateKeyRequest::default()
    };
    let output = world.call::<ops::ReplicateKey>(&world.root(), input).unwrap();
    assert_eq!(output.replica_tags.unwrap()[0].tag_key, "a");
    assert!(output.replica_policy.unwrap().contains("Enable IAM User Permissions"));
    let made = output.replica_key_metadata.unwrap();
    let replica = made.arn.clone().unwrap();
    assert_eq!(replica, format!("arn:aws:kms:{OTHER_REGION}:{ACCOUNT}:key/{id}"));
    assert_eq!(format!("{made:?}"), format!("{:?}", world.describe(&replica)));
    assert_eq!(made.description.as_deref(), Some("there"));
    for (key, kind) in [(&primary, MultiRegionKeyType::Primary), (&replica, MultiRegionKeyType::Replica)] {
        assert_eq!(configuration(&world, key), (kind, primary.clone(), vec![replica.clone()]));
    }
    let events = world.events();
    let events: Vec<_> = events.iter().map(|event| (event.name, event.resource.arn.as_str())).collect();
    assert_eq!(events, [("CreateKey", replica.as_str())]);

    world.go_to(OTHER_REGION);
    let (key, material) = decrypt(&world, &here);
    assert_eq!(key, replica);
    let there = encrypt(&world, &id);
    // Where there is no replica there is no key.
    world.go_to(THIRD_REGION);
    let input = DecryptRequest { ciphertext_blob: Some(here.clone()), ..DecryptRequest::default() };
    denied(world.call::<ops::Decrypt>(&world.root(), input), "the resource associated with this ciphertext");
    world.go_to(REGION);
    assert_eq!(decrypt(&world, &there), (primary, material));
}

#[test]
fn who_may_replicate() {
    let world = World::new();
    let primary = world.multi_region_key();
    let only = |statement: &str| world.user(ACCOUNT, "user", statement);
    let there = |operator: &str| {
        format!(
            r#"{{"Effect":"Allow","Action":"kms:ReplicateKey","Resource":"*","Condition":{{"{operator}":{{"kms:ReplicaRegion":"{OTHER_REGION}"}}}}}}"#
        )
    };
    let create = |key: &str, value: &str| {
        format!(
            r#"{{"Effect":"Allow","Action":["kms:CreateKey","kms:TagResource"],"Resource":"*","Condition":{{"StringEquals":{{"{key}":"{value}"}}}}}}"#
        )
    };
    let user = only(&allow("kms:CreateKey"));
    denied(replicate(&world, &user, &primary, OTHER_REGION), "kms:ReplicateKey");
    let user = only(&format!("{},{}", there("StringNotEquals"), allow("kms:CreateKey")));
    denied(replicate(&world, &user, &primary, OTHER_REGION), "kms:ReplicateKey");
    let user = only(&there("StringEquals"));
    denied(replicate(&world, &user, &primary, OTHER_REGION), "kms:CreateKey");
    for (key, value) in
        [("aws:RequestedRegion", REGION), ("kms:MultiRegionKeyType", "PRIMARY"), ("kms:MultiRegion", "false")]
    {
        let user = only(&format!("{},{}", there("StringEquals"), create(key, value)));
        denied(replicate(&world, &user, &primary, OTHER_REGION), "kms:CreateKey");
    }
    for (region, key, value) in [
        (OTHER_REGION, "aws:RequestedRegion", OTHER_REGION),
        (OTHER_REGION, "kms:MultiRegionKeyType", "REPLICA"),
        (OTHER_REGION, "kms:MultiRegion", "true"),
    ] {
        let primary = world.multi_region_key();
        let user = only(&format!("{},{}", there("StringEquals"), create(key, value)));
        replicate(&world, &user, &primary, region).unwrap();
    }
    let tagged = |world: &World, caller: &Caller| {
        let input = ReplicateKeyRequest {
            key_id: primary.clone(),
            replica_region: OTHER_REGION.to_owned(),
            tags: Some(vec![Tag { tag_key: "a".to_owned(), tag_value: "b".to_owned() }]),
            ..ReplicateKeyRequest::default()
        };
        world.call::<ops::ReplicateKey>(caller, input)
    };
    let user = only(&allow("kms:ReplicateKey kms:CreateKey"));
    denied(tagged(&world, &user), "kms:TagResource");
    let user = only(&allow("kms:ReplicateKey kms:CreateKey kms:TagResource"));
    tagged(&world, &user).unwrap();
    // A policy of its own, by which it can still be managed.
    let input = ReplicateKeyRequest {
        key_id: primary.clone(),
        replica_region: THIRD_REGION.to_owned(),
        policy: Some(key_policy("").replace(ACCOUNT, "222222222222")),
        ..ReplicateKeyRequest::default()
    };
    refused(
        world.call::<ops::ReplicateKey>(&user, input),
        "MalformedPolicyDocumentException",
        "The new key policy will not allow you to update the key policy in the future.",
    );
}

#[test]
fn what_cannot_be_replicated() {
    let world = World::new();
    let root = world.root();
    let single = world.key();
    let message = format!("{single} is not a multi-region primary key.");
    refused(replicate(&world, &root, &single, OTHER_REGION), "UnsupportedOperationException", &message);
    refused(update_primary(&world, &root, &single, OTHER_REGION), "UnsupportedOperationException", &message);
    let primary = world.multi_region_key();
    let replica = world.replicate(&primary, OTHER_REGION);
    let message = format!("Key {replica} already exists");
    refused(replicate(&world, &root, &primary, OTHER_REGION), "AlreadyExistsException", &message);
    let message = format!("Key {primary} already exists");
    refused(replicate(&world, &root, &primary, REGION), "AlreadyExistsException", &message);
    for number in 2..64 {
        world.replicate(&primary, &format!("eu-north-{number}"));
    }
    refused(
        replicate(&world, &root, &primary, THIRD_REGION),
        "LimitExceededException",
        "A multi-Region key cannot be in more than 64 Regions.",
    );
    world.go_to(OTHER_REGION);
    let message = format!("{replica} is not a multi-region primary key.");
    refused(replicate(&world, &root, &replica, THIRD_REGION), "UnsupportedOperationException", &message);
    refused(update_primary(&world, &root, &replica, REGION), "UnsupportedOperationException", &message);
    refused(enable_rotation(&world, &replica), "UnsupportedOperationException", &message);
    let input = RotateKeyOnDemandRequest { key_id: replica.clone() };
    refused(world.call::<ops::RotateKeyOnDemand>(&root, input), "UnsupportedOperationException", &message);
}

#[test]
fn replicas_rotate_with_their_primary() {
    let world = World::new();
    let primary = world.multi_region_key();
    enable_rotation(&world, &primary).unwrap();
    let first = encrypt(&world, &primary);
    let replica = world.replicate(&primary, OTHER_REGION);
    world.events();
    world.wait(90 * DAY);
    assert_eq!(world.run_timers(), 1);
    let input = RotateKeyOnDemandRequest { key_id: primary.clone() };
    world.call::<ops::RotateKeyOnDemand>(&world.root(), input).unwrap();
    let events = world.events();
    let events: Vec<_> = events.iter().map(|event| (event.name, event.resource.arn.as_str())).collect();
    let each = [("RotateKey", primary.as_str()), ("SynchronizeMultiRegionKey", primary.as_str())];
    assert_eq!(events, each.repeat(2));
    let last = encrypt(&world, &primary);
    let (at_primary, next) = (materials(&world, &primary), next_rotation(&world, &primary));
    assert_eq!(next, Some(Timestamp(START + 180 * DAY)));

    world.go_to(OTHER_REGION);
    assert_eq!(materials(&world, &replica), at_primary);
    assert_eq!(at_primary.len(), 3);
    assert_eq!(next_rotation(&world, &replica), next);
    assert_eq!(decrypt(&world, &first).1, at_primary[0].0);
    assert_eq!(decrypt(&world, &last).1, at_primary[2].0);
    let there = encrypt(&world, &replica);
    assert_eq!(decrypt(&world, &there).1, at_primary[2].0);
    // A replica made later has all of it.
    world.go_to(REGION);
    let third = world.replicate(&primary, THIRD_REGION);
    let input = crate::api::DisableKeyRotationRequest { key_id: primary.clone() };
    world.call::<ops::DisableKeyRotation>(&world.root(), input).unwrap();
    world.go_to(THIRD_REGION);
    assert_eq!(materials(&world, &third), at_primary);
    assert_eq!(next_rotation(&world, &third), None);
    assert_eq!(decrypt(&world, &there).0, third);
}

/// The time of a rotation passes while neither the primary nor its replica is enabled: it is the primary that rotates, once it is.
#[test]
fn a_replica_that_is_enabled_does_not_rotate_by_itself() {
    let world = World::new();
    let root = world.root();
    let switch = |key: &str, region, on: bool| {
        world.go_to(region);
        let key_id = key.to_owned();
        if on {
            world.call::<ops::EnableKey>(&root, EnableKeyRequest { key_id }).map(drop).unwrap();
        } else {
            world.call::<ops::DisableKey>(&root, DisableKeyRequest { key_id }).map(drop).unwrap();
        }
    };
    let primary = world.multi_region_key();
    enable_rotation(&world, &primary).unwrap();
    let replica = world.replicate(&primary, OTHER_REGION);
    switch(&replica, OTHER_REGION, false);
    switch(&primary, REGION, false);
    world.wait(91 * DAY);
    world.run_timers();
    world.events();
    switch(&replica, OTHER_REGION, true);
    assert!(world.events().is_empty());
    assert_eq!(materials(&world, &replica).len(), 1);
    let before = encrypt(&world, &replica);
    switch(&primary, REGION, true);
    let at_primary = materials(&world, &primary);
    assert_eq!(at_primary.len(), 2);
    assert_eq!(decrypt(&world, &before).1, at_primary[0].0);
    world.go_to(OTHER_REGION);
    assert_eq!(materials(&world, &replica), at_primary);
}

#[test]
fn another_primary() {
    let world = World::new();
    let root = world.root();
    let first = world.multi_region_key();
    let second = world.replicate(&first, OTHER_REGION);
    let third = world.replicate(&first, THIRD_REGION);
    enable_rotation(&world, &first).unwrap();
    refused(
        update_primary(&world, &root, &first, "eu-south-1"),
        "NotFoundException",
        &format!("Key '{}' does not exist", first.replace(REGION, "eu-south-1")),
    );
    refused(
        update_primary(&world, &root, &first, REGION),
        "UnsupportedOperationException",
        &format!("{first} is the primary key already."),
    );
    world.go_to(OTHER_REGION);
    world.call::<ops::DisableKey>(&root, DisableKeyRequest { key_id: second.clone() }).unwrap();
    world.go_to(REGION);
    let message = format!("{second} is disabled.");
    refused(update_primary(&world, &root, &first, OTHER_REGION), "DisabledException", &message);
    world.go_to(OTHER_REGION);
    world.call::<ops::EnableKey>(&root, EnableKeyRequest { key_id: second.clone() }).unwrap();
    world.go_to(REGION);
    world.events();
    update_primary(&world, &root, &first, OTHER_REGION).unwrap();
    let events = world.events();
    let events: Vec<_> = events.iter().map(|event| (event.name, event.resource.arn.as_str())).collect();
    assert_eq!(
        events,
        [("SynchronizeMultiRegionKey", second.as_str()), ("UpdatePrimaryRegion", second.as_str())]
    );
    for (key, kind) in [
        (&first, MultiRegionKeyType::Replica),
        (&second, MultiRegionKeyType::Primary),
        (&third, MultiRegionKeyType::Replica),
    ] {
        assert_eq!(configuration(&world, key), (kind, second.clone(), vec![third.clone(), first.clone()]));
    }
    // The new one rotates, and the old one's timer is gone.
    world.wait(90 * DAY);
    assert_eq!(world.run_timers(), 1);
    let events = world.events();
    let events: Vec<_> = events.iter().map(|event| (event.name, event.resource.arn.as_str())).collect();
    assert_eq!(events, [("RotateKey", second.as_str()), ("SynchronizeMultiRegionKey", second.as_str())]);
    assert_eq!(materials(&world, &first).len(), 2);
}

/// Permission is needed on both keys, whose policies differ.
#[test]
fn who_may_change_the_primary() {
    let world = World::new();
    let statement = |region: &str| {
        format!(
            r#"{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:user/user"}},"Action":"kms:UpdatePrimaryRegion","Resource":"*","Condition":{{"StringEquals":{{"kms:PrimaryRegion":"{region}"}}}}}}"#
        )
    };
    let user = world.user(ACCOUNT, "user", "");
    let input = CreateKeyRequest {
        multi_region: Some(true),
        policy: Some(key_policy(&statement(OTHER_REGION))),
        ..CreateKeyRequest::default()
    };
    let primary = world.create_key(&world.root(), input).arn.unwrap();
    let replica = world.replicate(&primary, OTHER_REGION);
    world.replicate(&primary, THIRD_REGION);
    denied(update_primary(&world, &user, &primary, THIRD_REGION), &primary);
    denied(update_primary(&world, &user, &primary, OTHER_REGION), &replica);
    world.go_to(OTHER_REGION);
    let input = crate::api::PutKeyPolicyRequest {
        key_id: replica.clone(),
        policy: key_policy(&statement(OTHER_REGION)),
        ..Default::default()
    };
    world.call::<ops::PutKeyPolicy>(&world.root(), input).unwrap();
    world.go_to(REGION);
    update_primary(&world, &user, &primary, OTHER_REGION).unwrap();
}

#[test]
fn a_primary_key_goes_after_its_last_replica() {
    let world = World::new();
    let root = world.root();
    let primary = world.multi_region_key();
    let second = world.replicate(&primary, OTHER_REGION);
    let third = world.replicate(&primary, THIRD_REGION);
    let blob = encrypt(&world, &primary);
    let pending = |key: &str| {
        let metadata = world.describe(key);
        (metadata.key_state.unwrap(), metadata.pending_deletion_window_in_days, metadata.deletion_date)
    };
    assert_eq!(schedule_deletion(&world, &primary, 10), (KeyState::PendingReplicaDeletion, None));
    assert_eq!(pending(&primary), (KeyState::PendingReplicaDeletion, Some(10), None));
    refused(
        replicate(&world, &root, &primary, "eu-south-1"),
        "KMSInvalidStateException",
        &format!("{primary} is pending deletion."),
    );
    let cancel = CancelKeyDeletionRequest { key_id: primary.clone() };
    world.call::<ops::CancelKeyDeletion>(&root, cancel).unwrap();
    assert_eq!(pending(&primary), (KeyState::Disabled, None, None));
    schedule_deletion(&world, &primary, 10);
    world.wait(100 * DAY);
    assert_eq!(world.run_timers(), 0);

    world.go_to(OTHER_REGION);
    let at = Timestamp(START + 107 * DAY);
    assert_eq!(schedule_deletion(&world, &second, 7), (KeyState::PendingDeletion, Some(at)));
    world.wait(7 * DAY);
    assert_eq!(world.run_timers(), 1);
    assert_eq!(
        configuration(&world, &third),
        (MultiRegionKeyType::Replica, primary.clone(), vec![third.clone()])
    );
    assert_eq!(pending(&primary).0, KeyState::PendingReplicaDeletion);
    world.go_to(THIRD_REGION);
    // One replica is still there, and in use.
    assert_eq!(decrypt(&world, &blob).0, third);
    schedule_deletion(&world, &third, 8);
    world.wait(8 * DAY);
    assert_eq!(world.run_timers(), 1);
    let at = Timestamp(START + 125 * DAY);
    assert_eq!(pending(&primary), (KeyState::PendingDeletion, None, Some(at)));
    world.wait(10 * DAY);
    assert_eq!(world.run_timers(), 1);
    assert!(world.rows().is_empty(), "{:?}", world.rows());
}
