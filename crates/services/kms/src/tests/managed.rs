use super::{denied, refused};
use crate::api::{
    CancelKeyDeletionRequest, CreateAliasRequest, CreateGrantRequest, CreateKeyRequest, DecryptRequest,
    DeleteAliasRequest, DescribeKeyRequest, DisableKeyRequest, DisableKeyRotationRequest,
    EnableKeyRotationRequest, EncryptRequest, GenerateRandomRequest, GetKeyPolicyRequest,
    GetKeyRotationStatusRequest, KeyManagerType, KeyMetadata, ListAliasesRequest, ListKeysRequest,
    ListResourceTagsRequest, PutKeyPolicyRequest, ReplicateKeyRequest, RotateKeyOnDemandRequest,
    ScheduleKeyDeletionRequest, Tag, TagResourceRequest, UpdateAliasRequest, UpdateKeyDescriptionRequest,
    ops,
};
use crate::testing::{ACCOUNT, DAY, OTHER, REGION, START, World, allow, key_policy};
use platform::{Caller, Fault};
use wire::Timestamp;

const S3: &str = "alias/aws/s3";

fn describe(world: &World, caller: &Caller, name: &str) -> Result<KeyMetadata, Fault> {
    let input = DescribeKeyRequest { key_id: name.to_owned(), ..DescribeKeyRequest::default() };
    world.call::<ops::DescribeKey>(caller, input).map(|output| output.key_metadata.unwrap())
}

fn encrypt(world: &World, caller: &Caller, name: &str) -> Result<String, Fault> {
    let input =
        EncryptRequest { key_id: name.to_owned(), plaintext: b"x"[..].into(), ..EncryptRequest::default() };
    world.call::<ops::Encrypt>(caller, input).map(|output| output.key_id.unwrap())
}

#[test]
fn a_predefined_alias_gets_its_key_when_it_is_described() {
    let world = World::new();
    let root = world.root();
    let key = describe(&world, &root, S3).unwrap();
    assert_eq!(key.key_manager, Some(KeyManagerType::Aws));
    assert_eq!(key.enabled, Some(true));
    let made: Vec<_> = world.events().iter().map(|event| (event.name, event.resource.arn.clone())).collect();
    assert_eq!(made, [("CreateKey", key.arn.clone().unwrap())]);
    // From then on it is this one.
    let arn = format!("arn:aws:kms:{REGION}:{ACCOUNT}:{S3}");
    for name in [S3, &arn, key.arn.as_deref().unwrap()] {
        assert_eq!(describe(&world, &root, name).unwrap().arn, key.arn);
    }
    assert!(world.events().is_empty());
    let listed = world.call::<ops::ListKeys>(&root, ListKeysRequest::default()).unwrap().keys.unwrap();
    assert_eq!(
        listed.iter().map(|entry| entry.key_id.as_deref().unwrap()).collect::<Vec<_>>(),
        [key.key_id.as_str()]
    );
    let aliases = world.call::<ops::ListAliases>(&root, ListAliasesRequest::default()).unwrap();
    for alias in aliases.aliases.unwrap() {
        let is_s3 = alias.alias_name.as_deref() == Some(S3);
        assert_eq!(alias.target_key_id, is_s3.then(|| key.key_id.clone()), "{:?}", alias.alias_name);
    }
    // Each account and Region has its own.
    let others = describe(&world, &world.root_of(OTHER), S3).unwrap();
    world.go_to("us-west-2");
    let elsewhere = describe(&world, &root, S3).unwrap();
    assert!(others.arn != key.arn && elsewhere.arn != key.arn && elsewhere.arn != others.arn);
}

#[test]
fn nothing_else_makes_a_key() {
    let world = World::new();
    let (root, user) = (world.root(), world.user(ACCOUNT, "nobody", ""));
    let stranger = world.user(OTHER, "stranger", &allow("kms:*"));
    let not_found = |alias: &str| format!("Alias arn:aws:kms:{REGION}:{ACCOUNT}:{alias} is not found.");
    for alias in ["alias/aws/mine", "alias/s3", "alias/aws/S3"] {
        refused(describe(&world, &root, alias), "NotFoundException", &not_found(alias));
    }
    refused(encrypt(&world, &root, S3), "NotFoundException", &not_found(S3));
    denied(describe(&world, &user, S3), "because no identity-based policy allows the kms:DescribeKey action");
    let arn = format!("arn:aws:kms:{REGION}:{ACCOUNT}:{S3}");
    denied(describe(&world, &stranger, &arn), "because the resource does not exist in this Region");
    assert_eq!(world.rows(), Vec::<String>::new());
}

#[test]
fn nobody_manages_it() {
    let world = World::new();
    let root = world.root();
    let key_id = describe(&world, &root, S3).unwrap().arn.unwrap();
    let own = world.key();
    macro_rules! denied {
        ($($op:ident, $input:expr;)+) => {
            $({
                let refusal = concat!("because no resource-based policy allows the kms:", stringify!($op), " action");
                denied(world.call::<ops::$op>(&root, $input), refusal);
            })+
        };
    }
    let key_id = || key_id.clone();
    let tag = Tag { tag_key: "a".to_owned(), tag_value: "b".to_owned() };
    let policy = key_policy("");
    denied! {
        PutKeyPolicy, PutKeyPolicyRequest { key_id: key_id(), policy, ..Default::default() };
        TagResource, TagResourceRequest { key_id: key_id(), tags: vec![tag] };
        CreateAlias, CreateAliasRequest { alias_name: "alias/a".to_owned(), target_key_id: key_id() };
        DisableKey, DisableKeyRequest { key_id: key_id() };
        EnableKeyRotation, EnableKeyRotationRequest { key_id: key_id(), ..Default::default() };
        DisableKeyRotation, DisableKeyRotationRequest { key_id: key_id() };
        RotateKeyOnDemand, RotateKeyOnDemandRequest { key_id: key_id() };
        UpdateKeyDescription, UpdateKeyDescriptionRequest { key_id: key_id(), description: "mine".to_owned() };
        ScheduleKeyDeletion, ScheduleKeyDeletionRequest { key_id: key_id(), ..Default::default() };
        CancelKeyDeletion, CancelKeyDeletionRequest { key_id: key_id() };
        ReplicateKey, ReplicateKeyRequest {
            key_id: key_id(),
            replica_region: "us-west-2".to_owned(),
            ..Default::default()
        };
        CreateGrant, CreateGrantRequest {
            key_id: key_id(),
            grantee_principal: Some(format!("arn:aws:iam::{ACCOUNT}:root")),
            operations: vec![crate::api::GrantOperation::Encrypt],
            ..Default::default()
        };
    }
    let update = UpdateAliasRequest { alias_name: S3.to_owned(), target_key_id: own };
    refused(world.call::<ops::UpdateAlias>(&root, update), "NotAuthorizedException", "");
    let delete = DeleteAliasRequest { alias_name: S3.to_owned() };
    refused(world.call::<ops::DeleteAlias>(&root, delete), "NotAuthorizedException", "");
    // The account may look at it.
    let input = ListResourceTagsRequest { key_id: key_id(), ..Default::default() };
    assert!(world.call::<ops::ListResourceTags>(&root, input).unwrap().tags.unwrap().is_empty());
    let input = GetKeyPolicyRequest { key_id: key_id(), policy_name: None };
    let policy = world.call::<ops::GetKeyPolicy>(&root, input).unwrap().policy.unwrap();
    assert!(policy.contains(&format!(r#""kms:ViaService" : "s3.{REGION}.amazonaws.com""#)), "{policy}");
}

#[test]
fn it_is_rotated_every_year() {
    let world = World::new();
    let root = world.root();
    let key = describe(&world, &root, S3).unwrap();
    let input = GetKeyRotationStatusRequest { key_id: key.key_id.clone() };
    let status = world.call::<ops::GetKeyRotationStatus>(&root, input).unwrap();
    assert_eq!(status.key_rotation_enabled, Some(true));
    assert_eq!(status.next_rotation_date, Some(Timestamp(START + 365 * DAY)));
    world.wait(365 * DAY);
    assert_eq!(world.run_timers(), 1);
    let rotated = describe(&world, &root, S3).unwrap();
    assert_ne!(rotated.current_key_material_id, key.current_key_material_id);
}

#[test]
fn only_its_service_uses_it_and_for_its_own_account() {
    let world = World::new();
    let (root, user) = (world.root(), world.user(ACCOUNT, "nobody", ""));
    world.call_through(Some("s3.amazonaws.com"));
    // Whom the service may serve needs no permission of KMS; a use makes the key.
    let key = encrypt(&world, &user, S3).unwrap();
    let input = EncryptRequest { key_id: S3.to_owned(), plaintext: b"x"[..].into(), ..Default::default() };
    let sealed = world.call::<ops::Encrypt>(&user, input).unwrap();
    assert_eq!(sealed.key_id.as_deref(), Some(key.as_str()));
    let decrypt = DecryptRequest { ciphertext_blob: sealed.ciphertext_blob, ..Default::default() };
    world.call::<ops::Decrypt>(&user, decrypt.clone()).unwrap();
    let stranger = world.user(OTHER, "stranger", &allow("kms:*"));
    denied(encrypt(&world, &stranger, &key), "because the resource does not exist in this Region");
    for service in [None, Some("sqs.amazonaws.com")] {
        world.call_through(service);
        denied(encrypt(&world, &root, S3), "because no resource-based policy allows the kms:Encrypt action");
        denied(
            world.call::<ops::Decrypt>(&root, decrypt.clone()),
            "is not authorized to perform: kms:Decrypt",
        );
    }
    // EBS is a part of EC2.
    world.call_through(Some("ec2.amazonaws.com"));
    encrypt(&world, &user, "alias/aws/ebs").unwrap();
}

#[test]
fn every_call_tells_through_which_service_it_comes() {
    let world = World::new();
    let key = world.key();
    let condition = format!(
        r#""StringEquals":{{"kms:ViaService":"s3.{REGION}.amazonaws.com","aws:CalledViaFirst":"s3.amazonaws.com"}},"ForAllValues:StringEquals":{{"aws:CalledVia":"s3.amazonaws.com"}},"Bool":{{"aws:ViaAWSService":"true"}}"#
    );
    let via = world.user(
        ACCOUNT,
        "via",
        &format!(r#"{{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{{{condition}}}}}"#),
    );
    let direct = world.user(
        ACCOUNT,
        "direct",
        r#"{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"Null":{"kms:ViaService":"true","aws:CalledVia":"true"},"Bool":{"aws:ViaAWSService":"false"}}}"#,
    );
    for (service, allowed, other) in [(Some("s3.amazonaws.com"), &via, &direct), (None, &direct, &via)] {
        world.call_through(service);
        for (caller, expected) in [(allowed, true), (other, false)] {
            let alias = format!("alias/{}", service.unwrap_or("direct").replace('.', "-"));
            let alias = CreateAliasRequest { alias_name: alias, target_key_id: key.clone() };
            let number = GenerateRandomRequest { number_of_bytes: Some(1), ..Default::default() };
            let tag = Tag { tag_key: "a".to_owned(), tag_value: "b".to_owned() };
            let create = CreateKeyRequest { tags: Some(vec![tag]), ..Default::default() };
            for (name, went) in [
                ("Encrypt", encrypt(&world, caller, &key).map(drop)),
                ("CreateKey", world.call::<ops::CreateKey>(caller, create).map(drop)),
                ("CreateAlias", world.call::<ops::CreateAlias>(caller, alias).map(drop)),
                ("ListKeys", world.call::<ops::ListKeys>(caller, Default::default()).map(drop)),
                ("ListAliases", world.call::<ops::ListAliases>(caller, Default::default()).map(drop)),
                ("GenerateRandom", world.call::<ops::GenerateRandom>(caller, number).map(drop)),
                (
                    "DescribeCustomKeyStores",
                    world.call::<ops::DescribeCustomKeyStores>(caller, Default::default()).map(drop),
                ),
            ] {
                let code = went.as_ref().err().map(Fault::code);
                assert_eq!(code, (!expected).then_some("AccessDenied"), "{name} through {service:?}");
            }
        }
    }
}
