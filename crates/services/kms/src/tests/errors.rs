//! Every error that the model documents for an operation, in AWS's words. A pair of the two is reached here, in another test, or not at
//! all, for a reason.

use super::refused;
use super::scene::{Scene, names};
use crate::api::{KeySpec, KeyUsageType, MODEL};
use crate::key::State;
use crate::state::{Cell, TABLE};
use crate::testing::{ACCOUNT, DAY, OTHER, REGION, key_policy};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use platform::Fault;
use serde_json::{Value, json};

type Reached = (Result<Value, Fault>, String);

/// Has an operation fail with an error, where there is a cause for it here: its result, and the message that it should have.
fn reach(operation: &'static str, error: &str) -> Option<Reached> {
    let scene = Scene::of(operation);
    let key = scene.key.clone();
    let names_key = scene.names_key();
    let symmetric = super::scene::kind(operation).0 == KeySpec::SymmetricDefault;
    let with = |changes: Value, message: &str| Some((scene.call_with(&changes), message.to_owned()));
    match (error, operation) {
        ("NotFoundException", "DeleteAlias") => {
            let arn = format!("arn:aws:kms:{REGION}:{ACCOUNT}:alias/none");
            with(json!({ "AliasName": "alias/none" }), &format!("Alias {arn} is not found."))
        }
        ("NotFoundException", "ListRetirableGrants") => None,
        ("NotFoundException", _) => {
            let none = format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-4000-8000-000000000000");
            with(json!({ names_key?: none }), &format!("Key '{none}' does not exist"))
        }
        ("InvalidArnException", "DescribeKey" | "GetPublicKey") => None,
        ("InvalidArnException", "ListRetirableGrants") => {
            let message = format!("{OTHER} is not a principal of account {ACCOUNT}.");
            with(json!({ "RetiringPrincipal": OTHER }), &message)
        }
        ("InvalidArnException", _) => {
            let alias = format!("arn:aws:kms:{REGION}:{ACCOUNT}:alias/of-key");
            let message = format!("{alias} is an alias ARN. Aliases are not valid for this operation.");
            with(json!({ names_key?: alias }), &message)
        }
        ("InvalidMarkerException", _) => with(json!({ "Marker": "x" }), "Invalid marker."),
        ("InvalidGrantTokenException", "RetireGrant") => {
            with(json!({ "GrantToken": "x", "KeyId": null, "GrantId": null }), "Invalid grant token.")
        }
        ("InvalidGrantTokenException", _) => with(json!({ "GrantTokens": ["x"] }), "Invalid grant token."),
        ("InvalidGrantIdException", _) => with(json!({ "GrantId": "x" }), "Invalid grant ID x"),
        ("DryRunOperationException", _) => {
            let message = "The request would have succeeded, but the DryRun option is set.";
            with(json!({ "DryRun": true }), message)
        }
        ("DisabledException", _) => {
            scene.world.put_into(&key, State::Disabled);
            with(json!({}), &format!("{key} is disabled."))
        }
        ("KMSInvalidStateException", "CancelKeyDeletion") => {
            with(json!({}), &format!("{key} is not pending deletion."))
        }
        ("KMSInvalidStateException", "DeleteImportedKeyMaterial") => {
            scene.world.put_into(&key, State::Creating);
            with(json!({}), &format!("{key} is creating."))
        }
        ("KMSInvalidStateException", _) => {
            let row = TABLE.iter().find(|row| row.operations.contains(&operation))?;
            let [_, _, Cell::IsPendingDeletion, ..] = row.cells else { return None };
            scene.world.put_into(&key, State::PendingDeletion { at: i64::MAX });
            with(json!({}), &format!("{key} is pending deletion."))
        }
        ("InvalidKeyUsageException", "GetPublicKey") => None,
        ("InvalidKeyUsageException", _) => {
            let (spec, usage) = if symmetric {
                (KeySpec::EccNistP256, KeyUsageType::SignVerify)
            } else {
                (KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt)
            };
            let wrong = scene.world.key_of(spec, usage);
            let message = format!("{wrong} key usage is {usage} which is not valid for {operation}.");
            let changes = match operation {
                "ReEncrypt" => json!({ "DestinationKeyId": wrong }),
                "Decrypt" => json!({ "KeyId": wrong, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256" }),
                _ => json!({ "KeyId": wrong }),
            };
            with(changes, &message)
        }
        ("TagException", _) => {
            let tags = json!({ "Tags": [{ "TagKey": "aws:x", "TagValue": "" }] });
            let keys = json!({ "TagKeys": ["aws:x"] });
            let changes = if operation == "UntagResource" { keys } else { tags };
            with(changes, "Tags beginning with aws: are reserved")
        }
        ("MalformedPolicyDocumentException", _) => {
            let nobody = r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:user/nobody"},"Action":"kms:*","Resource":"*"}"#;
            let message = "Policy contains a statement with one or more invalid principals.";
            with(json!({ "Policy": key_policy(nobody) }), message)
        }
        ("LimitExceededException", "CreateKey" | "PutKeyPolicy" | "ReplicateKey") => {
            let long = key_policy(&" ".repeat(32 * 1024));
            with(json!({ "Policy": long }), "A key policy cannot exceed 32768 bytes.")
        }
        ("LimitExceededException", "TagResource") => {
            let tag = |number| json!({ "TagKey": format!("key-{number}"), "TagValue": "" });
            let full = json!({ "KeyId": scene.key, "Tags": (0..50).map(tag).collect::<Vec<_>>() });
            scene.world.ask(&scene.world.root(), "TagResource", &full).unwrap();
            with(json!({}), "A KMS key cannot have more than 50 tags.")
        }
        ("LimitExceededException", "CreateAlias" | "UpdateAlias") => {
            for number in 1..50 {
                let input =
                    json!({ "AliasName": format!("alias/number-{number}"), "TargetKeyId": scene.key });
                scene.world.ask(&scene.world.root(), "CreateAlias", &input).unwrap();
            }
            with(json!({}), &format!("{key} already has 50 aliases."))
        }
        ("UnsupportedOperationException", "GetPublicKey") => {
            let wrong = scene.world.key();
            let message =
                format!("{wrong} key spec is SYMMETRIC_DEFAULT which is not valid for GetPublicKey.");
            with(json!({ "KeyId": wrong }), &message)
        }
        ("UnsupportedOperationException", "ReplicateKey" | "UpdatePrimaryRegion") => {
            let wrong = scene.world.key();
            with(json!({ "KeyId": wrong }), &format!("{wrong} is not a multi-region primary key."))
        }
        (
            "UnsupportedOperationException",
            "GetParametersForImport" | "ImportKeyMaterial" | "DeleteImportedKeyMaterial",
        ) => {
            let wrong = scene.world.key();
            let message = format!("{wrong} origin is AWS_KMS which is not valid for this operation.");
            with(json!({ "KeyId": wrong }), &message)
        }
        ("UnsupportedOperationException", _)
            if operation.contains("Rotat") && operation != "GetKeyRotationStatus" =>
        {
            let wrong = scene.world.key_of(KeySpec::EccNistP256, KeyUsageType::SignVerify);
            let message = format!("{wrong} key spec is ECC_NIST_P256 which is not valid for this operation.");
            with(json!({ "KeyId": wrong }), &message)
        }
        ("AlreadyExistsException", "CreateAlias") => {
            let arn = format!("arn:aws:kms:{REGION}:{ACCOUNT}:alias/of-key");
            let message = format!("An alias with the name {arn} already exists");
            with(json!({ "AliasName": "alias/of-key" }), &message)
        }
        ("AlreadyExistsException", "ReplicateKey") => {
            with(json!({ "ReplicaRegion": REGION }), &format!("Key {key} already exists"))
        }
        ("InvalidAliasNameException", _) => with(json!({ "AliasName": "alias/" }), "Invalid alias name."),
        ("InvalidCiphertextException", "Decapsulate") => {
            with(json!({ "SharedSecretCiphertextBlob": "eA==" }), "")
        }
        ("InvalidCiphertextException", "ImportKeyMaterial") => {
            with(json!({ "EncryptedKeyMaterial": BASE64_STANDARD.encode([1; 256]) }), "")
        }
        ("InvalidCiphertextException", _) => with(json!({ "CiphertextBlob": "eA==" }), ""),
        ("IncorrectKeyException", _) => {
            let message =
                "The key ID in the request does not identify a CMK that can perform this operation.";
            with(json!({ names_key?: scene.other }), message)
        }
        ("InvalidImportTokenException", _) => with(json!({ "ImportToken": "eA==" }), ""),
        ("ExpiredImportTokenException", _) => {
            scene.world.wait(DAY + 1);
            with(json!({}), "")
        }
        ("KMSInvalidMacException", _) => with(json!({ "Mac": "eA==" }), ""),
        ("KMSInvalidSignatureException", _) => with(json!({ "Signature": "eA==" }), ""),
        ("CustomKeyStoreNotFoundException", "CreateKey" | "GenerateRandom") => None,
        ("CustomKeyStoreNotFoundException", _) => {
            let id = "cks-1234567890abcdef0";
            let message = format!("Custom key store with ID {id} is not found.");
            with(json!({ "CustomKeyStoreId": id }), &message)
        }
        _ => None,
    }
}

const ALL: &[&str] = &[];

/// What other tests reach, with these sources.
const ELSEWHERE: &[(&str, &[&str], &str)] = &[
    ("CloudHsmClusterInUseException", ALL, STORES),
    ("CloudHsmClusterInvalidConfigurationException", ALL, STORES),
    ("CloudHsmClusterNotActiveException", ALL, STORES),
    ("CloudHsmClusterNotFoundException", ALL, STORES),
    ("CloudHsmClusterNotRelatedException", ALL, STORES),
    ("ConflictException", ALL, include_str!("rotation.rs")),
    ("CustomKeyStoreHasCMKsException", ALL, STORES),
    ("CustomKeyStoreInvalidStateException", ALL, STORES),
    ("CustomKeyStoreNameInUseException", ALL, STORES),
    ("CustomKeyStoreNotFoundException", &["CreateKey"], STORES),
    ("CustomKeyStoreNotFoundException", &["GenerateRandom"], include_str!("encryption.rs")),
    (
        "DependencyTimeoutException",
        &[
            "CreateKey",
            "Decrypt",
            "Encrypt",
            "GenerateDataKey",
            "GenerateDataKeyWithoutPlaintext",
            "GenerateRandom",
            "ReEncrypt",
        ],
        STORES,
    ),
    ("IncorrectKeyMaterialException", ALL, include_str!("import.rs")),
    ("IncorrectTrustAnchorException", ALL, STORES),
    ("KMSInternalException", ALL, include_str!("../../../../server/tests/pipeline/guard.rs")),
    ("LimitExceededException", &["CreateCustomKeyStore"], STORES),
    ("LimitExceededException", &["CreateGrant"], include_str!("grants.rs")),
    ("LimitExceededException", &["RotateKeyOnDemand"], include_str!("rotation.rs")),
    (
        "UnsupportedOperationException",
        &[
            "CreateKey",
            "GenerateDataKeyPair",
            "GenerateDataKeyPairWithoutPlaintext",
            "GenerateRandom",
            "GetKeyRotationStatus",
        ],
        STORES,
    ),
    ("XksKeyAlreadyInUseException", ALL, STORES),
    ("XksKeyInvalidConfigurationException", ALL, STORES),
    ("XksKeyNotFoundException", ALL, STORES),
    ("XksProxyIncorrectAuthenticationCredentialException", ALL, STORES),
    ("XksProxyInvalidConfigurationException", ALL, STORES),
    ("XksProxyInvalidResponseException", ALL, STORES),
    ("XksProxyUriEndpointInUseException", ALL, STORES),
    ("XksProxyUriInUseException", ALL, STORES),
    ("XksProxyUriUnreachableException", ALL, STORES),
    ("XksProxyVpcEndpointServiceInUseException", ALL, STORES),
    ("XksProxyVpcEndpointServiceNotFoundException", ALL, STORES),
];

const STORES: &str = concat!(
    include_str!("stores/keys.rs"),
    include_str!("stores/lifecycle.rs"),
    include_str!("stores/orphans.rs")
);

/// What cannot occur, and why.
const CANNOT: &[(&str, &[&str], &str)] = &[
    (
        "DependencyTimeoutException",
        ALL,
        "nothing but a key store's device can time out, and others are not asked",
    ),
    (
        "KeyUnavailableException",
        ALL,
        "material is where the key is; keys of a store that is away are in an invalid state",
    ),
    (
        "KMSInvalidStateException",
        &[
            "DeleteAlias",
            "GetKeyPolicy",
            "GetKeyRotationStatus",
            "ListGrants",
            "ListKeyPolicies",
            "ListKeyRotations",
            "PutKeyPolicy",
            "RetireGrant",
            "RevokeGrant",
        ],
        "these work in every state of a key",
    ),
    (
        "InvalidArnException",
        &["CreateKey"],
        "it takes no ARN but those within a policy, which are malformed then",
    ),
    (
        "InvalidArnException",
        &["DescribeKey", "GetPublicKey"],
        "they take names of every form, and others are not found",
    ),
    (
        "NotFoundException",
        &["ListRetirableGrants"],
        "it names no key, and a principal that does not exist is an invalid ARN",
    ),
    ("InvalidKeyUsageException", &["GetPublicKey"], "a key pair of every usage has a public key"),
    ("LimitExceededException", &["EnableKey"], "disabled keys count against the quota too"),
    ("UnsupportedOperationException", &["PutKeyPolicy"], "every key has a key policy"),
    (
        "XksProxyVpcEndpointServiceInvalidConfigurationException",
        ALL,
        "an endpoint service is a name for an address here, and has no configuration",
    ),
];

fn listed(list: &[(&str, &[&str], &str)], error: &str, operation: &str) -> Option<usize> {
    list.iter().position(|(listed, operations, _)| {
        *listed == error && (operations.is_empty() || operations.contains(&operation))
    })
}

#[test]
fn every_documented_error() {
    let (mut elsewhere, mut cannot) = (vec![false; ELSEWHERE.len()], vec![false; CANNOT.len()]);
    let mut missing = Vec::new();
    for operation in names() {
        let model = MODEL.operations.iter().find(|model| model.name == operation).unwrap();
        for error in model.errors.iter().map(|error| error.shape) {
            if let Some((result, message)) = reach(operation, error) {
                refused(result, error, &message);
            } else if let Some(row) = listed(ELSEWHERE, error, operation) {
                elsewhere[row] = true;
            } else if let Some(row) = listed(CANNOT, error, operation) {
                cannot[row] = true;
            } else {
                missing.push(format!("{operation}: {error}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    let unused = ELSEWHERE.iter().zip(elsewhere).chain(CANNOT.iter().zip(cannot)).find(|(_, used)| !used);
    assert_eq!(unused.map(|((error, operations, _), _)| (*error, *operations)), None);
    for (error, _, source) in ELSEWHERE {
        assert!(source.contains(&format!("\"{error}\"")), "{error} is not in the test that should reach it");
    }
}
