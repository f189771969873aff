use super::{denied, refused};
use crate::api::{
    CancelKeyDeletionRequest, CreateKeyRequest, CustomerMasterKeySpec, DecryptRequest, DescribeKeyRequest,
    EnableKeyRequest, EncryptRequest, EncryptionAlgorithmSpec, KeyManagerType, KeySpec, KeyState,
    KeyUsageType, ListKeysRequest, OriginType, ResourceOwnerType, ScheduleKeyDeletionRequest, Tag,
    UpdateKeyDescriptionRequest, ops,
};
use crate::testing::{ACCOUNT, DAY, REGION, START, World, allow};
use wire::Timestamp;

#[test]
fn a_new_key_is_described_as_aws_does() {
    let world = World::new();
    let input = CreateKeyRequest { description: Some("for tests".to_owned()), ..CreateKeyRequest::default() };
    let made = world.create_key(&world.root(), input);
    let described = world
        .call::<ops::DescribeKey>(
            &world.root(),
            DescribeKeyRequest { key_id: made.key_id.clone(), ..DescribeKeyRequest::default() },
        )
        .unwrap()
        .key_metadata
        .unwrap();
    assert_eq!(format!("{made:?}"), format!("{described:?}"));
    assert_eq!(described.aws_account_id.as_deref(), Some(ACCOUNT));
    assert_eq!(described.arn, Some(format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{}", made.key_id)));
    assert_eq!(described.creation_date, Some(Timestamp(START)));
    assert_eq!(described.enabled, Some(true));
    assert_eq!(described.description.as_deref(), Some("for tests"));
    assert_eq!(described.key_usage, Some(KeyUsageType::EncryptDecrypt));
    assert_eq!(described.key_state, Some(KeyState::Enabled));
    assert_eq!(described.origin, Some(OriginType::AwsKms));
    assert_eq!(described.key_manager, Some(KeyManagerType::Customer));
    assert_eq!(described.customer_master_key_spec, Some(CustomerMasterKeySpec::SymmetricDefault));
    assert_eq!(described.key_spec, Some(KeySpec::SymmetricDefault));
    assert_eq!(described.encryption_algorithms, Some(vec![EncryptionAlgorithmSpec::SymmetricDefault]));
    assert_eq!(described.multi_region, Some(false));
    assert_eq!(described.current_key_material_id.map(|id| id.len()), Some(64));
    assert_eq!(described.deletion_date, None);
}

#[test]
fn kinds_of_keys_that_are_not_made() {
    let world = World::new();
    let default = CreateKeyRequest::default;
    let cases = [
        (
            CreateKeyRequest { key_spec: Some(KeySpec::Hmac256), ..default() },
            "ValidationException",
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
        ),
        (
            CreateKeyRequest {
                key_spec: Some(KeySpec::SymmetricDefault),
                customer_master_key_spec: Some(CustomerMasterKeySpec::SymmetricDefault),
                ..default()
            },
            "ValidationException",
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
        ),
        (
            CreateKeyRequest { key_usage: Some(KeyUsageType::SignVerify), ..default() },
            "ValidationException",
            "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT",
        ),
        (
            CreateKeyRequest { custom_key_store_id: Some("cks-1".to_owned()), ..default() },
            "ValidationException",
            "Origin AWS_KMS is not valid for a key in a custom key store.",
        ),
    ];
    for (input, code, message) in cases {
        refused(world.call::<ops::CreateKey>(&world.root(), input), code, message);
    }
    assert!(world.rows().is_empty());
}

#[test]
fn permissions_to_make_a_key() {
    let world = World::new();
    let tagged = || CreateKeyRequest {
        tags: Some(vec![Tag { tag_key: "team".to_owned(), tag_value: "red".to_owned() }]),
        ..CreateKeyRequest::default()
    };
    let nobody = world.user(ACCOUNT, "nobody", "");
    denied(
        world.call::<ops::CreateKey>(&nobody, CreateKeyRequest::default()),
        "is not authorized to perform: kms:CreateKey on resource: * because no identity-based policy allows",
    );
    let maker = world.user(ACCOUNT, "maker", &allow("kms:CreateKey"));
    world.call::<ops::CreateKey>(&maker, CreateKeyRequest::default()).unwrap();
    denied(world.call::<ops::CreateKey>(&maker, tagged()), "kms:TagResource");
    let tagger = world.user(ACCOUNT, "tagger", &allow("kms:CreateKey kms:TagResource"));
    world.call::<ops::CreateKey>(&tagger, tagged()).unwrap();
    for (number, (condition, allowed)) in [
        (r#""StringEquals":{"aws:RequestTag/team":"red"}"#, true),
        (r#""StringEquals":{"aws:RequestTag/team":"blue"}"#, false),
        (r#""ForAllValues:StringEquals":{"aws:TagKeys":["team"]}"#, true),
        (r#""StringEquals":{"kms:KeySpec":"SYMMETRIC_DEFAULT","kms:KeyOrigin":"AWS_KMS"}"#, true),
        (r#""Bool":{"kms:BypassPolicyLockoutSafetyCheck":"true"}"#, false),
        (r#""Bool":{"kms:MultiRegion":"false"}"#, true),
    ]
    .into_iter()
    .enumerate()
    {
        let statements = format!(
            r#"{{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*","Condition":{{{condition}}}}},{}"#,
            allow("kms:TagResource")
        );
        let user = world.user(ACCOUNT, &format!("u{number}"), &statements);
        assert_eq!(world.call::<ops::CreateKey>(&user, tagged()).is_ok(), allowed, "{condition}");
    }
}

#[test]
fn keys_are_listed_in_pages() {
    let world = World::new();
    let root = world.root();
    let mut all: Vec<_> = (0..7).map(|_| world.key()).collect();
    all.sort();
    let mut listed = Vec::new();
    let mut marker = None;
    loop {
        let input = ListKeysRequest { limit: Some(3), marker, ..ListKeysRequest::default() };
        let page = world.call::<ops::ListKeys>(&root, input).unwrap();
        let keys = page.keys.unwrap();
        assert!(keys.len() <= 3);
        listed.extend(keys.into_iter().map(|key| key.key_arn.unwrap()));
        assert_eq!(page.truncated, Some(page.next_marker.is_some()));
        marker = page.next_marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(listed, all);
    let input = ListKeysRequest { marker: Some("forged".to_owned()), ..ListKeysRequest::default() };
    refused(world.call::<ops::ListKeys>(&root, input), "InvalidMarkerException", "Invalid marker.");
    let input = ListKeysRequest {
        resource_owners: Some(vec![ResourceOwnerType::OtherAccountsViaRam]),
        ..ListKeysRequest::default()
    };
    assert!(world.call::<ops::ListKeys>(&root, input).unwrap().keys.unwrap().is_empty());
    world.go_to("eu-west-1");
    assert!(world.call::<ops::ListKeys>(&root, ListKeysRequest::default()).unwrap().keys.unwrap().is_empty());
    let nobody = world.user(ACCOUNT, "nobody", "");
    denied(world.call::<ops::ListKeys>(&nobody, ListKeysRequest::default()), "kms:ListKeys");
}

#[test]
fn names_of_no_key() {
    let world = World::new();
    let root = world.root();
    let missing = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let arn = format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{missing}");
    let not_there = format!("Key '{arn}' does not exist");
    let alias = format!("Alias arn:aws:kms:{REGION}:{ACCOUNT}:alias/no is not found.");
    let elsewhere = format!("arn:aws:kms:us-west-2:{ACCOUNT}:key/{missing}");
    for (name, message) in [
        (missing, not_there.as_str()),
        (&arn, &not_there),
        ("alias/no", &alias),
        (&elsewhere, "Invalid arn us-west-2"),
        ("no", "Invalid keyId 'no'"),
    ] {
        let input = DescribeKeyRequest { key_id: name.to_owned(), ..DescribeKeyRequest::default() };
        refused(world.call::<ops::DescribeKey>(&root, input), "NotFoundException", message);
    }
    // Managing operations take no aliases.
    let input = EnableKeyRequest { key_id: "alias/no".to_owned() };
    refused(world.call::<ops::EnableKey>(&root, input), "NotFoundException", "Invalid keyId 'alias/no'");
}

#[test]
fn descriptions() {
    let world = World::new();
    let root = world.root();
    let key_id = world.key();
    let input = UpdateKeyDescriptionRequest { key_id: key_id.clone(), description: "new".to_owned() };
    world.call::<ops::UpdateKeyDescription>(&root, input.clone()).unwrap();
    let described = DescribeKeyRequest { key_id, ..DescribeKeyRequest::default() };
    let described = world.call::<ops::DescribeKey>(&root, described).unwrap().key_metadata.unwrap();
    assert_eq!(described.description.as_deref(), Some("new"));
    let reader = world.user(ACCOUNT, "reader", &allow("kms:DescribeKey"));
    denied(world.call::<ops::UpdateKeyDescription>(&reader, input), "kms:UpdateKeyDescription");
}

fn schedule(key_id: &str, days: Option<i32>) -> ScheduleKeyDeletionRequest {
    ScheduleKeyDeletionRequest { key_id: key_id.to_owned(), pending_window_in_days: days }
}

#[test]
fn deletion_takes_all_of_a_key() {
    let world = World::new();
    let root = world.root();
    let stays = world.key();
    // What is sealed under a shred goes with it, also for other keys.
    let rows = || world.rows().into_iter().filter(|row| !row.starts_with("kms/shreds")).collect::<Vec<_>>();
    let before = rows();
    let key = world.key();
    for name in ["alias/a", "alias/b"] {
        let input =
            crate::api::CreateAliasRequest { alias_name: name.to_owned(), target_key_id: key.clone() };
        world.call::<ops::CreateAlias>(&root, input).unwrap();
    }
    let input = crate::api::EnableKeyRotationRequest { key_id: key.clone(), ..Default::default() };
    world.call::<ops::EnableKeyRotation>(&root, input).unwrap();
    for _ in 0..3 {
        let input = crate::api::CreateGrantRequest {
            key_id: key.clone(),
            grantee_principal: Some(ACCOUNT.to_owned()),
            retiring_principal: Some(ACCOUNT.to_owned()),
            operations: vec![crate::api::GrantOperation::Decrypt],
            ..Default::default()
        };
        world.call::<ops::CreateGrant>(&root, input).unwrap();
    }
    let encrypt =
        EncryptRequest { key_id: key.clone(), plaintext: b"x"[..].into(), ..EncryptRequest::default() };
    let blob = world.call::<ops::Encrypt>(&root, encrypt).unwrap().ciphertext_blob;

    let output = world.call::<ops::ScheduleKeyDeletion>(&root, schedule(&key, Some(7))).unwrap();
    assert_eq!(output.key_id.as_ref(), Some(&key));
    assert_eq!(output.deletion_date, Some(Timestamp(START + 7 * DAY)));
    assert_eq!(output.key_state, Some(KeyState::PendingDeletion));
    assert_eq!(output.pending_window_in_days, Some(7));
    let describe = DescribeKeyRequest { key_id: key.clone(), ..DescribeKeyRequest::default() };
    let described = world.call::<ops::DescribeKey>(&root, describe.clone()).unwrap().key_metadata.unwrap();
    assert_eq!(described.deletion_date, Some(Timestamp(START + 7 * DAY)));
    assert_eq!(described.enabled, Some(false));

    world.wait(7 * DAY - 1);
    assert_eq!(world.run_timers(), 0);
    world.wait(1);
    assert_eq!(world.run_timers(), 1);
    refused(
        world.call::<ops::DescribeKey>(&root, describe),
        "NotFoundException",
        &format!("Key '{key}' does not exist"),
    );
    let input = DecryptRequest { ciphertext_blob: blob, ..DecryptRequest::default() };
    denied(world.call::<ops::Decrypt>(&root, input), "on the resource associated with this ciphertext");
    assert_eq!(rows(), before);
    assert!(!world.rows().iter().any(|row| row.contains(&key)));
    let events = world.events();
    assert_eq!(events.iter().map(|event| event.name).collect::<Vec<_>>(), ["DeleteKey"]);
    assert_eq!(events[0].resource.arn, key);
    // Neither does a rotation come for it.
    world.wait(400 * DAY);
    assert_eq!(world.run_timers(), 0);
    world
        .call::<ops::DescribeKey>(&root, DescribeKeyRequest { key_id: stays, ..Default::default() })
        .unwrap();
}

#[test]
fn deletion_can_be_cancelled() {
    let world = World::new();
    let root = world.root();
    let key = world.key();
    let output = world.call::<ops::ScheduleKeyDeletion>(&root, schedule(&key, None)).unwrap();
    assert_eq!(output.deletion_date, Some(Timestamp(START + 30 * DAY)));
    let cancel = CancelKeyDeletionRequest { key_id: key.clone() };
    let output = world.call::<ops::CancelKeyDeletion>(&root, cancel).unwrap();
    assert_eq!(output.key_id.as_ref(), Some(&key));
    let describe = DescribeKeyRequest { key_id: key.clone(), ..DescribeKeyRequest::default() };
    let described = world.call::<ops::DescribeKey>(&root, describe.clone()).unwrap().key_metadata.unwrap();
    assert_eq!((described.key_state, described.deletion_date), (Some(KeyState::Disabled), None));
    world.wait(31 * DAY);
    assert_eq!(world.run_timers(), 0);
    world.call::<ops::DescribeKey>(&root, describe).unwrap();
}

#[test]
fn waiting_periods() {
    let world = World::new();
    let root = world.root();
    for (days, accepted) in [(6, false), (7, true), (30, true), (31, false)] {
        let result = world.call::<ops::ScheduleKeyDeletion>(&root, schedule(&world.key(), Some(days)));
        if accepted {
            result.unwrap();
        } else {
            let message = format!("PendingWindowInDays must be between 7 and 30, but is {days}.");
            refused(result, "ValidationException", &message);
        }
    }
    let statement = r#"{"Effect":"Allow","Action":"kms:ScheduleKeyDeletion","Resource":"*","Condition":{"NumericGreaterThanEquals":{"kms:ScheduleKeyDeletionPendingWindowInDays":20}}}"#;
    let patient = world.user(ACCOUNT, "patient", statement);
    denied(
        world.call::<ops::ScheduleKeyDeletion>(&patient, schedule(&world.key(), Some(19))),
        "kms:ScheduleKeyDeletion",
    );
    world.call::<ops::ScheduleKeyDeletion>(&patient, schedule(&world.key(), None)).unwrap();
}
