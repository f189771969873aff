//! Which condition keys policies may ask of each action (Service Authorization Reference, "Actions, resources, and condition keys for AWS
//! Key Management Service"; KMS Developer Guide, "AWS KMS condition keys").
//!
//! Not in the table: `kms:ViaService`, which direct calls lack, and `kms:RecipientAttestation:…`, for which an attested environment has to
//! call.

use super::scene::{Scene, names};
use crate::api::{CreateKeyRequest, Tag};
use crate::testing::{ACCOUNT, allow};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What every action on a key can ask: here the key has a tag and an alias, and is of several Regions.
const OF_KEYS: [&str; 10] = [
    "aws:ResourceTag/team",
    "kms:CallerAccount",
    "kms:CustomerMasterKeySpec",
    "kms:CustomerMasterKeyUsage",
    "kms:KeyOrigin",
    "kms:KeySpec",
    "kms:KeyUsage",
    "kms:MultiRegion",
    "kms:MultiRegionKeyType",
    "kms:ResourceAliases",
];

const CONTEXT: [&str; 2] = ["kms:EncryptionContext:purpose", "kms:EncryptionContextKeys"];

/// An action, as a call of its operation asks for it.
struct Row {
    operation: &'static str,
    action: &'static str,
    /// Changes of the operation's plainest input.
    changes: Value,
    keys: BTreeSet<&'static str>,
}

fn row(operation: &'static str, changes: Value, keys: &[&[&'static str]]) -> Row {
    let keys = keys.concat().into_iter().collect();
    Row { operation, action: operation, changes, keys }
}

/// Operations that policies ask nothing of but what they ask of every key.
const PLAIN: [&str; 18] = [
    "CancelKeyDeletion",
    "CreateAlias",
    "DeleteAlias",
    "DeleteImportedKeyMaterial",
    "DisableKey",
    "DisableKeyRotation",
    "EnableKey",
    "GetKeyLastUsage",
    "GetKeyRotationStatus",
    "ListKeyPolicies",
    "ListKeyRotations",
    "ListResourceTags",
    "RotateKeyOnDemand",
    "UpdateAlias",
    "UpdateKeyDescription",
    "GetKeyPolicy",
    "ListGrants",
    "RevokeGrant",
];

fn table() -> Vec<Row> {
    let alias = || json!("alias/of-key");
    let pairs = || json!({ "purpose": "test" });
    let mut rows = Vec::new();
    for operation in PLAIN {
        let more: &[&str] = match operation {
            "GetKeyPolicy" => &["kms:PolicyName"],
            "ListGrants" | "RevokeGrant" => &["kms:GrantIsForAWSResource"],
            _ => &[],
        };
        rows.push(row(operation, json!({}), &[&OF_KEYS, more]));
    }
    for operation in ["DescribeKey", "GetPublicKey", "Encapsulate", "Decapsulate"] {
        rows.push(row(operation, json!({ "KeyId": alias() }), &[&OF_KEYS, &["kms:RequestAlias"]]));
    }
    for (operation, more) in [
        ("Encrypt", &[][..]),
        ("Decrypt", &[]),
        ("GenerateDataKey", &[]),
        ("GenerateDataKeyWithoutPlaintext", &[]),
        ("GenerateDataKeyPair", &["kms:DataKeyPairSpec"]),
        ("GenerateDataKeyPairWithoutPlaintext", &["kms:DataKeyPairSpec"]),
    ] {
        let changes = json!({ "KeyId": alias(), "EncryptionContext": pairs() });
        let keys = [&OF_KEYS, &CONTEXT[..], &["kms:RequestAlias", "kms:EncryptionAlgorithm"], more];
        rows.push(row(operation, changes, &keys));
    }
    for action in ["ReEncryptFrom", "ReEncryptTo"] {
        let changes = json!({
            "SourceKeyId": alias(),
            "SourceEncryptionContext": pairs(),
            "DestinationKeyId": "alias/of-other",
            "DestinationEncryptionContext": pairs(),
        });
        let more = ["kms:RequestAlias", "kms:EncryptionAlgorithm", "kms:ReEncryptOnSameKey"];
        rows.push(Row { action, ..row("ReEncrypt", changes, &[&OF_KEYS, &CONTEXT, &more]) });
    }
    for operation in ["Sign", "Verify"] {
        let more = ["kms:RequestAlias", "kms:SigningAlgorithm", "kms:MessageType"];
        rows.push(row(operation, json!({ "KeyId": alias() }), &[&OF_KEYS, &more]));
    }
    for operation in ["GenerateMac", "VerifyMac"] {
        let more = ["kms:RequestAlias", "kms:MacAlgorithm"];
        rows.push(row(operation, json!({ "KeyId": alias() }), &[&OF_KEYS, &more]));
    }
    let more = ["kms:RequestAlias", "kms:KeyAgreementAlgorithm"];
    rows.push(row("DeriveSharedSecret", json!({ "KeyId": alias() }), &[&OF_KEYS, &more]));
    let constraints = json!({ "EncryptionContextEquals": pairs() });
    let changes = json!({ "Constraints": constraints, "RetiringPrincipal": ACCOUNT });
    let more = [
        "kms:GrantConstraintType",
        "kms:GranteePrincipal",
        "kms:GrantIsForAWSResource",
        "kms:GrantOperations",
        "kms:RetiringPrincipal",
    ];
    rows.push(row("CreateGrant", changes, &[&OF_KEYS, &CONTEXT, &more]));
    let more = ["kms:GrantConstraintType"];
    rows.push(row("RetireGrant", json!({}), &[&OF_KEYS, &CONTEXT, &more]));
    let changes = json!({ "BypassPolicyLockoutSafetyCheck": true });
    let more = ["kms:BypassPolicyLockoutSafetyCheck", "kms:PolicyName"];
    rows.push(row("PutKeyPolicy", changes, &[&OF_KEYS, &more]));
    let changes = json!({ "RotationPeriodInDays": 90 });
    rows.push(row("EnableKeyRotation", changes, &[&OF_KEYS, &["kms:RotationPeriodInDays"]]));
    let changes = json!({ "PendingWindowInDays": 7 });
    rows.push(row(
        "ScheduleKeyDeletion",
        changes,
        &[&OF_KEYS, &["kms:ScheduleKeyDeletionPendingWindowInDays"]],
    ));
    let more = ["kms:WrappingAlgorithm", "kms:WrappingKeySpec"];
    rows.push(row("GetParametersForImport", json!({}), &[&OF_KEYS, &more]));
    let changes = json!({ "ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": 1_800_000_000 });
    rows.push(row("ImportKeyMaterial", changes, &[&OF_KEYS, &["kms:ExpirationModel", "kms:ValidTo"]]));
    rows.push(row("ReplicateKey", json!({}), &[&OF_KEYS, &["kms:ReplicaRegion"]]));
    // The replica that becomes the primary is asked about too. It has neither tags nor aliases.
    let mut primary = row("UpdatePrimaryRegion", json!({}), &[&OF_KEYS, &["kms:PrimaryRegion"]]);
    primary.keys.retain(|key| !["aws:ResourceTag/team", "kms:ResourceAliases"].contains(key));
    rows.push(primary);
    let tags = json!({ "Tags": [{ "TagKey": "team", "TagValue": "blue" }] });
    let tag_keys = ["aws:RequestTag/team", "aws:TagKeys"];
    rows.push(row("TagResource", tags.clone(), &[&OF_KEYS, &tag_keys]));
    rows.push(row("UntagResource", json!({}), &[&OF_KEYS, &["aws:TagKeys"]]));
    let mut changes = tags;
    changes["MultiRegion"] = true.into();
    let new = [
        "kms:BypassPolicyLockoutSafetyCheck",
        "kms:CallerAccount",
        "kms:CustomerMasterKeySpec",
        "kms:CustomerMasterKeyUsage",
        "kms:KeyOrigin",
        "kms:KeySpec",
        "kms:KeyUsage",
        "kms:MultiRegion",
        "kms:MultiRegionKeyType",
    ];
    rows.push(row("CreateKey", changes, &[&new, &tag_keys]));
    for operation in [
        "ConnectCustomKeyStore",
        "CreateCustomKeyStore",
        "DeleteCustomKeyStore",
        "DescribeCustomKeyStores",
        "DisconnectCustomKeyStore",
        "GenerateRandom",
        "ListAliases",
        "ListKeys",
        "ListRetirableGrants",
        "UpdateCustomKeyStore",
    ] {
        rows.push(row(operation, json!({}), &[&["kms:CallerAccount"]]));
    }
    rows
}

#[test]
fn every_operation_is_in_the_table() {
    let in_table: BTreeSet<_> = table().iter().map(|row| row.operation).collect();
    assert_eq!(in_table, names().collect());
}

/// A user who may do all is denied an action for want of a condition key exactly where the action does not have the key.
#[test]
fn every_action_has_its_keys_and_no_other() {
    let table = table();
    let all: BTreeSet<_> = table.iter().flat_map(|row| row.keys.iter().copied()).collect();
    let mut wrong = Vec::new();
    for Row { operation, action, changes, keys } in &table {
        let tag = Tag { tag_key: "team".to_owned(), tag_value: "red".to_owned() };
        let input =
            CreateKeyRequest { tags: Some(vec![tag]), multi_region: Some(true), ..Default::default() };
        let scene = Scene::with(operation, input);
        let input = scene.input_with(changes);
        // The alias of an alias operation is a resource of its own, which has fewer keys.
        let resource = if operation.ends_with("Alias") { "arn:aws:kms:*:*:key/*" } else { "*" };
        for key in &all {
            let deny = json!({
                "Effect": "Deny",
                "Action": format!("kms:{action}"),
                "Resource": resource,
                "Condition": { "Null": { *key: "true" } },
            });
            let statements = format!("{},{deny}", allow("kms:*"));
            let user = scene.world.user(ACCOUNT, "ann", &statements);
            let result = scene.would(&user, &input);
            let has = !result.as_ref().is_err_and(|fault| fault.code() == "AccessDenied");
            if has != keys.contains(key) {
                wrong.push(format!("{action} {} {key}: {result:?}", if has { "has" } else { "lacks" }));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
