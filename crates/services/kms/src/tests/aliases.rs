use super::{denied, refused};
use crate::api::{
    CreateAliasRequest, DeleteAliasRequest, DescribeKeyRequest, KeySpec, KeyUsageType, ListAliasesRequest,
    UpdateAliasRequest, ops,
};
use crate::testing::{ACCOUNT, OTHER, REGION, START, World, allow};
use platform::{Caller, Fault};
use wire::Timestamp;

fn create(world: &World, caller: &Caller, name: &str, key: &str) -> Result<(), Fault> {
    let input = CreateAliasRequest { alias_name: name.to_owned(), target_key_id: key.to_owned() };
    world.call::<ops::CreateAlias>(caller, input).map(drop)
}

fn arn(name: &str) -> String {
    format!("arn:aws:kms:{REGION}:{ACCOUNT}:{name}")
}

#[test]
fn an_alias_moves_from_key_to_key() {
    let world = World::new();
    let root = world.root();
    let (a, b) = (world.key(), world.key());
    let target = |world: &World| {
        let input = DescribeKeyRequest { key_id: "alias/x".to_owned(), ..DescribeKeyRequest::default() };
        world.call::<ops::DescribeKey>(&root, input).map(|output| output.key_metadata.unwrap().arn.unwrap())
    };
    create(&world, &root, "alias/x", &a).unwrap();
    assert_eq!(target(&world).unwrap(), a);
    world.wait(1000);
    let update = UpdateAliasRequest { alias_name: "alias/x".to_owned(), target_key_id: b.clone() };
    world.call::<ops::UpdateAlias>(&root, update).unwrap();
    assert_eq!(target(&world).unwrap(), b);
    let listed = |key: Option<&str>| {
        let input = ListAliasesRequest { key_id: key.map(str::to_owned), ..ListAliasesRequest::default() };
        let mut aliases = world.call::<ops::ListAliases>(&root, input).unwrap().aliases.unwrap();
        aliases.retain(|alias| alias.target_key_id.is_some());
        aliases
    };
    assert!(listed(Some(&a)).is_empty());
    for aliases in [listed(Some(&b)), listed(None)] {
        let [alias] = aliases.as_slice() else { panic!("{aliases:?}") };
        assert_eq!(alias.alias_name.as_deref(), Some("alias/x"));
        assert_eq!(alias.alias_arn, Some(arn("alias/x")));
        assert_eq!(alias.target_key_id.as_deref(), b.rsplit('/').next());
        assert_eq!(alias.creation_date, Some(Timestamp(START)));
        assert_eq!(alias.last_updated_date, Some(Timestamp(START + 1000)));
    }
    let delete = DeleteAliasRequest { alias_name: "alias/x".to_owned() };
    world.call::<ops::DeleteAlias>(&root, delete.clone()).unwrap();
    let gone = format!("Alias {} is not found.", arn("alias/x"));
    refused(target(&world), "NotFoundException", &gone);
    refused(world.call::<ops::DeleteAlias>(&root, delete), "NotFoundException", &gone);
    let update = UpdateAliasRequest { alias_name: "alias/x".to_owned(), target_key_id: b };
    refused(world.call::<ops::UpdateAlias>(&root, update), "NotFoundException", &gone);
}

/// API Reference, UpdateAlias: a key of another type or usage needs a new alias.
#[test]
fn an_alias_stays_with_its_kind_of_key() {
    let world = World::new();
    let root = world.root();
    let (symmetric, signing) = (world.key(), world.key_of(KeySpec::EccNistP256, KeyUsageType::SignVerify));
    let encrypting = world.key_of(KeySpec::Sm2, KeyUsageType::EncryptDecrypt);
    create(&world, &root, "alias/x", &symmetric).unwrap();
    for other in [signing, encrypting] {
        let update = UpdateAliasRequest { alias_name: "alias/x".to_owned(), target_key_id: other };
        refused(
            world.call::<ops::UpdateAlias>(&root, update),
            "ValidationException",
            "The current and the new KMS key must have the same type and key usage.",
        );
    }
}

#[test]
fn names_that_are_refused() {
    let world = World::new();
    let root = world.root();
    let key = world.key();
    create(&world, &root, "alias/x", &key).unwrap();
    let exists = format!("An alias with the name {} already exists", arn("alias/x"));
    for (name, code, message) in [
        (
            "x",
            "ValidationException",
            "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ),
        ("alias/aws/s3", "NotAuthorizedException", ""),
        ("alias/a:b", "ValidationException", "alias/a:b contains invalid characters for an alias"),
        ("alias/", "InvalidAliasNameException", "Invalid alias name."),
        ("alias/x", "AlreadyExistsException", &exists),
    ] {
        refused(create(&world, &root, name, &key), code, message);
    }
    let message = "Aliases must refer to keys. Not aliases";
    refused(create(&world, &root, "alias/y", "alias/x"), "ValidationException", message);
    refused(create(&world, &root, "alias/y", &arn("alias/x")), "ValidationException", message);
}

#[test]
fn alias_and_key_must_both_be_allowed() {
    let world = World::new();
    let key = world.key();
    let statement = |resource: &str| {
        format!(r#"{{"Effect":"Allow","Action":"kms:CreateAlias","Resource":"{resource}"}}"#)
    };
    let alias_only = world.user(ACCOUNT, "alias-only", &statement("arn:aws:kms:*:*:alias/*"));
    denied(create(&world, &alias_only, "alias/x", &key), &format!("on resource: {key}"));
    let key_only = world.user(ACCOUNT, "key-only", &statement("arn:aws:kms:*:*:key/*"));
    denied(create(&world, &key_only, "alias/x", &key), &format!("on resource: {}", arn("alias/x")));
    let both = world.user(ACCOUNT, "both", &statement("*"));
    create(&world, &both, "alias/x", &key).unwrap();
    let stranger = world.user(OTHER, "stranger", &allow("kms:*"));
    denied(create(&world, &stranger, "alias/x", &key), "the resource does not exist in this Region");
}

#[test]
fn a_key_has_fifty_aliases_listed_in_pages() {
    let world = World::new();
    let root = world.root();
    let key = world.key();
    let names: Vec<_> = (0..50).map(|number| format!("alias/{number:02}")).collect();
    for name in &names {
        create(&world, &root, name, &key).unwrap();
    }
    refused(
        create(&world, &root, "alias/50", &key),
        "LimitExceededException",
        &format!("{key} already has 50 aliases."),
    );
    let all: Vec<_> = names.iter().cloned().chain(crate::managed::aliases()).collect();
    for (key_id, names) in [(None, &all), (Some(key.clone()), &names)] {
        let mut listed = Vec::new();
        let mut marker = None;
        loop {
            let input = ListAliasesRequest { key_id: key_id.clone(), limit: Some(20), marker };
            let page = world.call::<ops::ListAliases>(&root, input).unwrap();
            listed.extend(page.aliases.unwrap().into_iter().map(|alias| alias.alias_name.unwrap()));
            assert_eq!(page.truncated, Some(page.next_marker.is_some()));
            marker = page.next_marker;
            if marker.is_none() {
                break;
            }
        }
        assert_eq!(&listed, names);
    }
}
