//! Which operations reach the keys of other accounts, and by which names (API Reference, each operation's "Cross-account use").

use super::scene::{Scene, names};
use super::{denied, refused};
use crate::api::{self, CreateKeyRequest, ops};
use crate::testing::{ACCOUNT, OTHER, REGION, key_policy};
use Reach::{ByAnyName, ByKeyArn, NoKey, OwnOnly};
use serde_json::json;
use std::collections::BTreeSet;

/// How far an operation reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Keys of other accounts, by key ARN and alias ARN.
    ByAnyName,
    /// Keys of other accounts, by key ARN alone.
    ByKeyArn,
    /// Keys of the caller's account alone.
    OwnOnly,
    /// It names no key.
    NoKey,
}

const TABLE: [(Reach, &[&str]); 4] = [
    (
        ByAnyName,
        &[
            "Decapsulate",
            "Decrypt",
            "DeriveSharedSecret",
            "DescribeKey",
            "Encapsulate",
            "Encrypt",
            "GenerateDataKey",
            "GenerateDataKeyPair",
            "GenerateDataKeyPairWithoutPlaintext",
            "GenerateDataKeyWithoutPlaintext",
            "GenerateMac",
            "GetPublicKey",
            "ReEncrypt",
            "Sign",
            "Verify",
            "VerifyMac",
        ],
    ),
    (ByKeyArn, &["CreateGrant", "GetKeyRotationStatus", "ListGrants", "RetireGrant", "RevokeGrant"]),
    (
        OwnOnly,
        &[
            "CancelKeyDeletion",
            "CreateAlias",
            "DeleteImportedKeyMaterial",
            "DisableKey",
            "DisableKeyRotation",
            "EnableKey",
            "EnableKeyRotation",
            "GetKeyLastUsage",
            "GetKeyPolicy",
            "GetParametersForImport",
            "ImportKeyMaterial",
            "ListAliases",
            "ListKeyPolicies",
            "ListKeyRotations",
            "ListResourceTags",
            "PutKeyPolicy",
            "ReplicateKey",
            "RotateKeyOnDemand",
            "ScheduleKeyDeletion",
            "TagResource",
            "UntagResource",
            "UpdateAlias",
            "UpdateKeyDescription",
            "UpdatePrimaryRegion",
        ],
    ),
    (
        NoKey,
        &[
            "ConnectCustomKeyStore",
            "CreateCustomKeyStore",
            "CreateKey",
            "DeleteAlias",
            "DeleteCustomKeyStore",
            "DescribeCustomKeyStores",
            "DisconnectCustomKeyStore",
            "GenerateRandom",
            "ListKeys",
            "ListRetirableGrants",
            "UpdateCustomKeyStore",
        ],
    ),
];

fn on_keys() -> impl Iterator<Item = (Reach, &'static str)> {
    let rows = TABLE.into_iter().filter(|(reach, _)| *reach != NoKey);
    rows.flat_map(|(reach, operations)| operations.iter().map(move |operation| (reach, *operation)))
}

/// A scene whose key lets the other account do all, if `open`; that account has a key and an alias of its own too.
fn scene(operation: &'static str, open: bool) -> Scene {
    let statement = format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{OTHER}:root"}},"Action":"kms:*","Resource":"*"}}"#
    );
    let policy = Some(key_policy(if open { &statement } else { "" }));
    let multi_region = matches!(operation, "ReplicateKey" | "UpdatePrimaryRegion").then_some(true);
    let scene = Scene::with(operation, CreateKeyRequest { policy, multi_region, ..Default::default() });
    let stranger = scene.world.root_of(OTHER);
    let target_key_id = scene.world.create_key(&stranger, CreateKeyRequest::default()).key_id;
    let alias = api::CreateAliasRequest { alias_name: "alias/of-other".to_owned(), target_key_id };
    scene.world.call::<ops::CreateAlias>(&stranger, alias).unwrap();
    scene
}

#[test]
fn every_operation_is_in_the_table() {
    let rows = TABLE.iter().flat_map(|(_, operations)| operations.iter().copied());
    assert_eq!(rows.clone().count(), rows.clone().collect::<BTreeSet<_>>().len());
    assert_eq!(rows.collect::<BTreeSet<_>>(), names().collect());
    for (reach, operations) in TABLE {
        for operation in operations {
            assert_eq!(Scene::of(operation).names_key().is_none(), reach == NoKey, "{operation}");
        }
    }
}

#[test]
fn by_key_arn() {
    for (reach, operation) in on_keys() {
        let scene = scene(operation, true);
        let stranger = scene.world.root_of(OTHER);
        // The destination is a key that only the first account may use.
        let destination = (operation == "ReEncrypt").then_some(&scene.key);
        let changes = destination.map_or(json!({}), |key| json!({ "DestinationKeyId": key }));
        let result = scene.call(&stranger, &scene.input_with(&changes));
        match reach {
            OwnOnly => denied(result, "is not authorized to perform"),
            _ => assert!(result.is_ok(), "{operation}: {result:?}"),
        }
    }
}

/// A bare key id is one of the caller's own account, where there is no such key.
#[test]
fn by_key_id() {
    for (_, operation) in on_keys() {
        let scene = scene(operation, true);
        let stranger = scene.world.root_of(OTHER);
        let (_, id) = scene.key.split_once(":key/").unwrap();
        let input = scene.input_with(&json!({ scene.names_key().unwrap(): id }));
        let message = format!("Key 'arn:aws:kms:{REGION}:{OTHER}:key/{id}' does not exist");
        refused(scene.call(&stranger, &input), "NotFoundException", &message);
    }
}

#[test]
fn by_alias_arn() {
    for (reach, operation) in on_keys() {
        let scene = scene(operation, true);
        let stranger = scene.world.root_of(OTHER);
        let alias = format!("arn:aws:kms:{REGION}:{ACCOUNT}:alias/of-key");
        let mut changes = json!({ scene.names_key().unwrap(): alias });
        if operation == "ReEncrypt" {
            changes["DestinationKeyId"] = alias.clone().into();
        }
        let result = scene.call(&stranger, &scene.input_with(&changes));
        match (reach, operation) {
            (ByAnyName, _) => assert!(result.is_ok(), "{operation}: {result:?}"),
            (_, "CreateAlias" | "UpdateAlias") => {
                refused(result, "ValidationException", "Aliases must refer to keys. Not aliases");
            }
            _ => {
                let message = format!("{alias} is an alias ARN. Aliases are not valid for this operation.");
                refused(result, "InvalidArnException", &message);
            }
        }
    }
}

/// A ciphertext of a symmetric key names its key, whichever account that is of.
#[test]
fn by_ciphertext() {
    for (operation, names) in [("Decrypt", "KeyId"), ("ReEncrypt", "SourceKeyId")] {
        let scene = scene(operation, true);
        let changes = match operation {
            "ReEncrypt" => json!({ names: null, "DestinationKeyId": scene.key }),
            _ => json!({ names: null }),
        };
        let result = scene.call(&scene.world.root_of(OTHER), &scene.input_with(&changes));
        assert!(result.is_ok(), "{operation}: {result:?}");
    }
}

/// The own account's permission is not enough: the key's policy has to allow it.
#[test]
fn keys_that_do_not_let_the_other_account() {
    for (_, operation) in on_keys() {
        let scene = scene(operation, false);
        denied(scene.call(&scene.world.root_of(OTHER), &scene.input()), "is not authorized to perform");
    }
}
