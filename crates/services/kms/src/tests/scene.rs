//! For each operation a world in which a call of it succeeds, and the input of that call: what the tables of tests start from.

use crate::Kms;
use crate::api::{self, CreateKeyRequest, KeySpec, KeyUsageType, MODEL, OriginType, ops};
use crate::key::State;
use crate::testing::{ACCOUNT, OTHER_REGION, World};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use platform::{AnyOperation, Caller, Counted, Cx, Fault, Service as _, Tx};
use serde_json::{Value, json};
use std::sync::Arc;
use wire::Protocol;

/// All operations that are served.
pub(super) fn operations() -> Vec<Box<dyn AnyOperation>> {
    Arc::new(Kms::default()).operations()
}

/// Their names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    operations().into_iter().map(|operation| operation.model().name)
}

/// A world that is ready for an operation.
pub(super) struct Scene {
    pub(super) world: World,
    operation: &'static str,
    /// The key that the operation is about.
    pub(super) key: String,
    /// Another key of its kind.
    pub(super) other: String,
    /// A ciphertext, signature, code or public key, whichever the key's operations take.
    blob: String,
    /// Token and id.
    grant: (String, String),
    /// Material that the key has already, for keys that material is imported into.
    import: Option<api::ImportKeyMaterialRequest>,
}

impl Scene {
    /// The scene of an operation with a key of one Region, where it is for such keys.
    pub(super) fn of(operation: &'static str) -> Self {
        let multi_region = matches!(operation, "ReplicateKey" | "UpdatePrimaryRegion");
        Self::with(operation, CreateKeyRequest { multi_region: Some(multi_region), ..Default::default() })
    }

    /// The scene of an operation with a key that was asked for like this.
    pub(super) fn with(operation: &'static str, input: CreateKeyRequest) -> Self {
        let world = World::new();
        let (spec, usage) = kind(operation);
        let external =
            matches!(operation, "GetParametersForImport" | "ImportKeyMaterial" | "DeleteImportedKeyMaterial");
        let root = world.root();
        let input = CreateKeyRequest { key_spec: Some(spec), key_usage: Some(usage), ..input };
        let other = world.create_key(&root, input.clone()).arn.unwrap();
        let input = CreateKeyRequest { origin: external.then_some(OriginType::External), ..input };
        let key = world.create_key(&root, input).arn.unwrap();
        let import = external.then(|| {
            let input = world.wrapped(&key, &[7; 32]);
            world.call::<ops::ImportKeyMaterial>(&root, input.clone()).unwrap();
            input
        });
        if operation == "UpdatePrimaryRegion" {
            world.replicate(&key, OTHER_REGION);
        }
        for (name, target) in [("alias/of-key", &key), ("alias/of-other", &other)] {
            let input =
                api::CreateAliasRequest { alias_name: name.to_owned(), target_key_id: target.clone() };
            world.call::<ops::CreateAlias>(&root, input).unwrap();
        }
        let (blob, granted) = make_blob(&world, &key, usage);
        let grant = api::CreateGrantRequest {
            key_id: key.clone(),
            grantee_principal: Some(ACCOUNT.to_owned()),
            operations: vec![granted],
            constraints: (operation == "RetireGrant").then(|| api::GrantConstraints {
                encryption_context_equals: Some([("purpose".to_owned(), "test".to_owned())].into()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let grant = world.call::<ops::CreateGrant>(&root, grant).unwrap();
        let grant = (grant.grant_token.unwrap(), grant.grant_id.unwrap());
        Self { world, operation, key, other, blob, grant, import }
    }

    /// The input of a call that succeeds while the key is enabled.
    pub(super) fn input(&self) -> Value {
        let (key, blob) = (&self.key, &self.blob);
        match self.operation {
            "Encrypt" => json!({ "KeyId": key, "Plaintext": "eA==" }),
            "Decrypt" => json!({ "KeyId": key, "CiphertextBlob": blob }),
            "ReEncrypt" => {
                json!({ "SourceKeyId": key, "CiphertextBlob": blob, "DestinationKeyId": self.other })
            }
            "GenerateDataKey" | "GenerateDataKeyWithoutPlaintext" => {
                json!({ "KeyId": key, "NumberOfBytes": 1 })
            }
            "GenerateDataKeyPair" | "GenerateDataKeyPairWithoutPlaintext" => {
                json!({ "KeyId": key, "KeyPairSpec": "ECC_NIST_P256" })
            }
            "Sign" => json!({ "KeyId": key, "Message": "eA==", "SigningAlgorithm": "ECDSA_SHA_256" }),
            "Verify" => json!({
                "KeyId": key, "Message": "eA==", "Signature": blob, "SigningAlgorithm": "ECDSA_SHA_256"
            }),
            "GenerateMac" => json!({ "KeyId": key, "Message": "eA==", "MacAlgorithm": "HMAC_SHA_256" }),
            "VerifyMac" => {
                json!({ "KeyId": key, "Message": "eA==", "Mac": blob, "MacAlgorithm": "HMAC_SHA_256" })
            }
            "DeriveSharedSecret" => {
                json!({ "KeyId": key, "PublicKey": blob, "KeyAgreementAlgorithm": "ECDH" })
            }
            "Encapsulate" => json!({ "KeyId": key, "EncapsulationAlgorithm": "ML_KEM" }),
            "Decapsulate" => json!({
                "KeyId": key, "SharedSecretCiphertextBlob": blob, "EncapsulationAlgorithm": "ML_KEM"
            }),
            "CreateGrant" => json!({
                "KeyId": key, "GranteePrincipal": ACCOUNT, "Operations": ["Encrypt"]
            }),
            "PutKeyPolicy" => json!({ "KeyId": key, "Policy": crate::testing::key_policy("") }),
            "RetireGrant" | "RevokeGrant" => json!({ "KeyId": key, "GrantId": self.grant.1 }),
            "DeleteAlias" => json!({ "AliasName": "alias/of-key" }),
            "CreateAlias" => json!({ "AliasName": "alias/new", "TargetKeyId": key }),
            "UpdateAlias" => json!({ "AliasName": "alias/of-other", "TargetKeyId": key }),
            "TagResource" => json!({ "KeyId": key, "Tags": [{ "TagKey": "a", "TagValue": "b" }] }),
            "UntagResource" => json!({ "KeyId": key, "TagKeys": ["a"] }),
            "UpdateKeyDescription" => json!({ "KeyId": key, "Description": "d" }),
            "GetParametersForImport" => {
                json!({ "KeyId": key, "WrappingAlgorithm": "SM2PKE", "WrappingKeySpec": "SM2" })
            }
            "ImportKeyMaterial" => {
                let import = self.import.as_ref().unwrap();
                json!({
                    "KeyId": key,
                    "ImportToken": BASE64_STANDARD.encode(&import.import_token.0),
                    "EncryptedKeyMaterial": BASE64_STANDARD.encode(&import.encrypted_key_material.0),
                    "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
                })
            }
            "ReplicateKey" => json!({ "KeyId": key, "ReplicaRegion": "eu-south-1" }),
            "UpdatePrimaryRegion" => json!({ "KeyId": key, "PrimaryRegion": OTHER_REGION }),
            "CreateKey" | "ListKeys" | "DescribeCustomKeyStores" => json!({}),
            "GenerateRandom" => json!({ "NumberOfBytes": 1 }),
            "ListRetirableGrants" => json!({ "RetiringPrincipal": ACCOUNT }),
            "CreateCustomKeyStore" => json!({
                "CustomKeyStoreName": "store",
                "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
                "XksProxyUriEndpoint": "https://proxy.example.com",
                "XksProxyUriPath": "/kms/xks/v1",
                "XksProxyConnectivity": "PUBLIC_ENDPOINT",
                "XksProxyAuthenticationCredential": {
                    "AccessKeyId": "ABCDEFGHIJKLMNOPQRST",
                    "RawSecretAccessKey": "0123456789012345678901234567890123456789012",
                },
            }),
            "ConnectCustomKeyStore"
            | "DisconnectCustomKeyStore"
            | "DeleteCustomKeyStore"
            | "UpdateCustomKeyStore" => json!({ "CustomKeyStoreId": "cks-1234567890abcdef0" }),
            _ => json!({ "KeyId": key }),
        }
    }

    /// The input, with these members changed or, where null, left out.
    pub(super) fn input_with(&self, changes: &Value) -> Value {
        let mut input = self.input();
        let members = input.as_object_mut().unwrap();
        for (name, value) in changes.as_object().unwrap() {
            members.insert(name.clone(), value.clone());
        }
        members.retain(|_, value| !value.is_null());
        input
    }

    /// The member of the input that names the key, if one does.
    pub(super) fn names_key(&self) -> Option<&'static str> {
        let input = self.input();
        let names = ["KeyId", "TargetKeyId", "SourceKeyId"];
        names.into_iter().find(|name| input.get(name).is_some())
    }

    /// Calls the operation.
    pub(super) fn call(&self, caller: &Caller, input: &Value) -> Result<Value, Fault> {
        self.world.ask(caller, self.operation, input)
    }

    /// What the operation would answer; nothing is changed.
    pub(super) fn would(&self, caller: &Caller, input: &Value) -> Result<Value, Fault> {
        self.world.try_out(caller, self.operation, input).map(|(answer, _)| answer)
    }

    /// Calls the operation as the root user of the key's account.
    pub(super) fn call_with(&self, changes: &Value) -> Result<Value, Fault> {
        self.call(&self.world.root(), &self.input_with(changes))
    }
}

impl World {
    /// Makes a call as it comes over the wire, checked against the model, with its answer as it goes there.
    pub(super) fn ask(&self, caller: &Caller, operation: &str, input: &Value) -> Result<Value, Fault> {
        let (answer, txn) = self.try_out(caller, operation, input)?;
        self.store.commit_blocking(txn).unwrap();
        Ok(answer)
    }

    /// As [`ask`](Self::ask), with the transaction not committed.
    fn try_out(&self, caller: &Caller, operation: &str, input: &Value) -> Result<(Value, store::Txn), Fault> {
        let operations = operations();
        let operation = operations.iter().find(|known| known.model().name == operation).unwrap();
        let (parts, ()) = http::Request::new(()).into_parts();
        let body = input.to_string();
        let decoded = operation.decode(Protocol::Json11, &MODEL, &parts, body.as_bytes());
        let decoded = decoded.unwrap_or_else(|rejection| panic!("{input}: {}", rejection.answer().message));
        let call = self.call_facts();
        let tx = Tx::begin(&self.store, &self.env.keyring);
        let mut cx = Cx::new(tx, &self.env, &call, caller).metered(&self.tally, Counted::default());
        let output = decoded.run(&mut cx)?;
        let (authorized, _, _, tx) = cx.finish();
        assert!(authorized, "{} succeeded without authorization", operation.model().name);
        let (model, schema) = (operation.model(), output.schema());
        let answer = wire::encode(Protocol::Json11, &MODEL, model, output.field(), schema, "");
        Ok((serde_json::from_slice(&answer.body).unwrap_or_default(), tx.into_txn()))
    }
}

/// The kind of key that an operation is for.
pub(super) fn kind(operation: &str) -> (KeySpec, KeyUsageType) {
    match operation {
        "Sign" | "Verify" | "GetPublicKey" => (KeySpec::EccNistP256, KeyUsageType::SignVerify),
        "GenerateMac" | "VerifyMac" => (KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac),
        "DeriveSharedSecret" => (KeySpec::EccNistP256, KeyUsageType::KeyAgreement),
        "Encapsulate" | "Decapsulate" => (KeySpec::MlKem512, KeyUsageType::EncapsulateDecapsulate),
        _ => (KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt),
    }
}

/// What the key's operations take, in base64, and an operation to grant.
fn make_blob(world: &World, key: &str, usage: KeyUsageType) -> (String, api::GrantOperation) {
    use api::GrantOperation;
    let (operation, mut input, member, granted) = match usage {
        KeyUsageType::EncryptDecrypt => {
            ("Encrypt", json!({ "Plaintext": "eA==" }), "CiphertextBlob", GrantOperation::Decrypt)
        }
        KeyUsageType::SignVerify => (
            "Sign",
            json!({ "Message": "eA==", "SigningAlgorithm": "ECDSA_SHA_256" }),
            "Signature",
            GrantOperation::Sign,
        ),
        KeyUsageType::GenerateVerifyMac => (
            "GenerateMac",
            json!({ "Message": "eA==", "MacAlgorithm": "HMAC_SHA_256" }),
            "Mac",
            GrantOperation::GenerateMac,
        ),
        KeyUsageType::KeyAgreement => {
            ("GetPublicKey", json!({}), "PublicKey", GrantOperation::DeriveSharedSecret)
        }
        KeyUsageType::EncapsulateDecapsulate => (
            "Encapsulate",
            json!({ "EncapsulationAlgorithm": "ML_KEM" }),
            "SharedSecretCiphertextBlob",
            GrantOperation::Encapsulate,
        ),
    };
    input.as_object_mut().unwrap().insert("KeyId".to_owned(), key.into());
    let made = world.ask(&world.root(), operation, &input).unwrap();
    (made.get(member).unwrap().as_str().unwrap().to_owned(), granted)
}

/// Every operation's scene is one in which it succeeds, but for custom key stores, which need something outside.
#[test]
fn every_scene_is_ready() {
    for operation in names().filter(|name| !name.contains("CustomKeyStore")) {
        let scene = Scene::of(operation);
        if operation == "CancelKeyDeletion" {
            scene.world.put_into(&scene.key, State::PendingDeletion { at: i64::MAX });
        }
        let result = scene.call_with(&json!({}));
        assert!(result.is_ok(), "{operation}: {result:?}");
    }
}
