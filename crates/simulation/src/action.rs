//! What clients ask for.

use crate::model::kms::GRANTED;
use crate::model::policy::{self, Document, Party, place, policy_arn, role_arn, twin};
use crate::request::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use primitives::{EncryptionAlgorithm, PairSpec, PublicKey};
use serde_json::{Value, json};

/// One call, with all that the model needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is the operation of its name, with its parameters in the order of the API's"
)]
pub enum Action {
    CreateKey(Kind, Option<Document>, bool),
    DescribeKey(KeyName),
    EnableKey(String),
    DisableKey(String),
    ScheduleKeyDeletion(String, i32),
    CancelKeyDeletion(String),
    CreateAlias(String, String),
    UpdateAlias(String, String),
    DeleteAlias(String),
    TagResource(String, String, String),
    UntagResource(String, String),
    PutKeyPolicy(String, Document, bool),
    CreateGrant {
        key: String,
        grantee: Party,
        retiring: Option<Party>,
        operations: Vec<usize>,
    },
    RevokeGrant(String, String),
    RetireGrant(String, String),
    Encrypt(KeyName, Vec<u8>, Option<String>),
    GenerateDataKey(KeyName, Option<String>),
    Decrypt {
        blob: Blob,
        key: Option<KeyName>,
        app: Option<String>,
        tampering: Tampering,
    },
    ReEncrypt {
        blob: Blob,
        app: Option<String>,
        to: KeyName,
        to_app: Option<String>,
    },
    Sign(KeyName),
    Verify(Proof, KeyName, Tampering),
    GenerateMac(KeyName),
    VerifyMac(Proof, KeyName, Tampering),
    GetParametersForImport(String),
    ImportKeyMaterial {
        key: String,
        parameters: Parameters,
        material: u8,
        valid_to: Option<i64>,
        new: Option<bool>,
    },
    DeleteImportedKeyMaterial(String),
    ReplicateKey(String),
    UpdatePrimaryRegion(String, &'static str),
    EnableKeyRotation(String, i64),
    DisableKeyRotation(String),
    RotateKeyOnDemand(String),
    CreateUser(String),
    DeleteUser(String),
    CreateRole(String, Party),
    DeleteRole(String),
    CreatePolicy(String, Document),
    DeletePolicy(String),
    Attach(Holder, String),
    Detach(Holder, String),
    PutInline(Holder, String, Document),
    DeleteInline(Holder, String),
    CreateAccessKey(String),
    UpdateAccessKey(String, String, bool),
    DeleteAccessKey(String, String),
    AssumeRole(String),
    WhoAmI,
}

/// What kind of key is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// That encrypts.
    Symmetric,
    /// The same, with imported material.
    Imported,
    /// The same, to be replicated to the other region.
    MultiRegion,
    /// A key pair that signs.
    Signing,
    /// That makes codes of HMAC.
    Mac,
}

/// A signature or a code of a message that is always the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The name of its key.
    pub key: String,
    /// What proves it.
    pub bytes: Vec<u8>,
}

/// What a client was given to wrap material with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// The name of the key to import into.
    pub key: String,
    /// The token.
    pub token: Vec<u8>,
    /// The public key that wraps.
    pub public_key: Vec<u8>,
    /// Until when they can be used, in milliseconds since the epoch.
    pub valid_to: i64,
}

/// What is signed.
const MESSAGE: &[u8] = b"message";

/// How a request names a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyName {
    /// By its id.
    Id(String),
    /// By its ARN.
    Arn(String),
    /// By an alias, `alias/…`.
    Alias(String),
}

/// What policies are attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A user, by name.
    User(String),
    /// A role, by name.
    Role(String),
}

/// A ciphertext that a client was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The name of its key, or of a related one.
    pub key: String,
    /// How many materials the key had when it was made, of a key with imported material.
    pub materials: usize,
    /// The value of `app` in its encryption context.
    pub app: Option<String>,
    /// What it holds.
    pub plaintext: Vec<u8>,
    /// The ciphertext.
    pub bytes: Vec<u8>,
}

/// What a client does to a ciphertext before it sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tampering {
    /// Nothing.
    None,
    /// It flips a bit of the header.
    Header,
    /// It flips a bit of the rest.
    Envelope,
}

/// Whose signature a request carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// The root user's.
    Root,
    /// That of a user's access key.
    User {
        /// The access key's id.
        key: String,
    },
    /// That of temporary credentials.
    Session {
        /// The role's name.
        role: String,
        /// The role's serial number in the model.
        serial: u64,
        /// When they expire, in milliseconds since the epoch.
        expires: i64,
    },
}

impl KeyName {
    fn text(&self) -> String {
        match self {
            Self::Id(id) => place(id).0.to_owned(),
            Self::Arn(id) => policy::key_arn(id),
            Self::Alias(alias) => alias.clone(),
        }
    }
}

impl KeyName {
    /// The name of the key, or one that has its region.
    fn place(&self) -> &str {
        match self {
            Self::Id(name) | Self::Arn(name) => name,
            Self::Alias(_) => "",
        }
    }

    /// Whether a request can name it beside this key: whether they are in one region.
    pub fn is_beside(&self, key: &str) -> bool {
        place(self.place()).1 == place(key).1
    }
}

impl Holder {
    /// Its kind as operations name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "User",
            Self::Role(_) => "Role",
        }
    }

    fn parameter(&self) -> (&'static str, &str) {
        match self {
            Self::User(name) => ("UserName", name),
            Self::Role(name) => ("RoleName", name),
        }
    }
}

impl Action {
    /// Whether it is a call of KMS, and otherwise of IAM or STS.
    pub fn is_of_kms(&self) -> bool {
        use Action::{
            AssumeRole, Attach, CreateAccessKey, CreatePolicy, CreateRole, CreateUser, DeleteAccessKey,
            DeleteInline, DeletePolicy, DeleteRole, DeleteUser, Detach, PutInline, UpdateAccessKey, WhoAmI,
        };
        !matches!(
            self,
            CreateUser(_)
                | DeleteUser(_)
                | CreateRole(..)
                | DeleteRole(_)
                | CreatePolicy(..)
                | DeletePolicy(_)
                | Attach(..)
                | Detach(..)
                | PutInline(..)
                | DeleteInline(..)
                | CreateAccessKey(_)
                | UpdateAccessKey(..)
                | DeleteAccessKey(..)
                | AssumeRole(_)
                | WhoAmI
        )
    }

    /// The request for it.
    pub fn request(&self) -> Request {
        if self.is_of_kms() { self.kms() } else { self.iam() }
    }

    /// A key that is in the region of the call.
    fn place(&self) -> &str {
        match self {
            Self::DescribeKey(name)
            | Self::Encrypt(name, ..)
            | Self::GenerateDataKey(name, _)
            | Self::Sign(name)
            | Self::Verify(_, name, _)
            | Self::GenerateMac(name)
            | Self::VerifyMac(_, name, _) => name.place(),
            Self::Decrypt { blob, .. } | Self::ReEncrypt { blob, .. } => &blob.key,
            Self::EnableKey(key)
            | Self::DisableKey(key)
            | Self::ScheduleKeyDeletion(key, _)
            | Self::CancelKeyDeletion(key)
            | Self::TagResource(key, ..)
            | Self::UntagResource(key, _)
            | Self::PutKeyPolicy(key, ..)
            | Self::CreateGrant { key, .. }
            | Self::RevokeGrant(key, _)
            | Self::RetireGrant(key, _)
            | Self::GetParametersForImport(key)
            | Self::ImportKeyMaterial { key, .. }
            | Self::DeleteImportedKeyMaterial(key)
            | Self::ReplicateKey(key)
            | Self::UpdatePrimaryRegion(key, _)
            | Self::EnableKeyRotation(key, _)
            | Self::DisableKeyRotation(key)
            | Self::RotateKeyOnDemand(key) => key,
            _ => "",
        }
    }

    fn kms(&self) -> Request {
        let (operation, mut input) = match self {
            Self::CreateKey(kind, document, bypass) => {
                let mut input = kind.input();
                if let Some(document) = document {
                    input["Policy"] = json!(policy::text(document));
                    input["BypassPolicyLockoutSafetyCheck"] = json!(bypass);
                }
                ("CreateKey", input)
            }
            Self::DescribeKey(name) => ("DescribeKey", json!({"KeyId": name.text()})),
            Self::EnableKey(id) => ("EnableKey", json!({"KeyId": id})),
            Self::DisableKey(id) => ("DisableKey", json!({"KeyId": id})),
            Self::ScheduleKeyDeletion(id, days) => {
                ("ScheduleKeyDeletion", json!({"KeyId": id, "PendingWindowInDays": days}))
            }
            Self::CancelKeyDeletion(id) => ("CancelKeyDeletion", json!({"KeyId": id})),
            Self::CreateAlias(alias, id) => ("CreateAlias", json!({"AliasName": alias, "TargetKeyId": id})),
            Self::UpdateAlias(alias, id) => ("UpdateAlias", json!({"AliasName": alias, "TargetKeyId": id})),
            Self::DeleteAlias(alias) => ("DeleteAlias", json!({"AliasName": alias})),
            Self::TagResource(id, tag, value) => {
                ("TagResource", json!({"KeyId": id, "Tags": [{"TagKey": tag, "TagValue": value}]}))
            }
            Self::UntagResource(id, tag) => ("UntagResource", json!({"KeyId": id, "TagKeys": [tag]})),
            Self::PutKeyPolicy(id, document, bypass) => (
                "PutKeyPolicy",
                json!({"KeyId": id, "Policy": policy::text(document), "BypassPolicyLockoutSafetyCheck": bypass}),
            ),
            Self::CreateGrant { key, grantee, retiring, operations } => {
                let operations: Vec<_> = operations.iter().map(|operation| GRANTED[*operation]).collect();
                let mut input =
                    json!({"KeyId": key, "GranteePrincipal": grantee.arn(), "Operations": operations});
                if let Some(retiring) = retiring {
                    input["RetiringPrincipal"] = json!(retiring.arn());
                }
                ("CreateGrant", input)
            }
            Self::RevokeGrant(id, grant) => ("RevokeGrant", json!({"KeyId": id, "GrantId": grant})),
            Self::RetireGrant(id, grant) => ("RetireGrant", json!({"KeyId": id, "GrantId": grant})),
            Self::Encrypt(name, plaintext, app) => (
                "Encrypt",
                in_context(
                    json!({"KeyId": name.text(), "Plaintext": STANDARD.encode(plaintext)}),
                    "EncryptionContext",
                    app,
                ),
            ),
            Self::GenerateDataKey(name, app) => (
                "GenerateDataKey",
                in_context(json!({"KeyId": name.text(), "KeySpec": "AES_256"}), "EncryptionContext", app),
            ),
            Self::Decrypt { blob, key, app, tampering } => {
                let mut input = json!({"CiphertextBlob": STANDARD.encode(tampering.apply(&blob.bytes))});
                if let Some(name) = key {
                    input["KeyId"] = json!(name.text());
                }
                ("Decrypt", in_context(input, "EncryptionContext", app))
            }
            Self::ReEncrypt { blob, app, to, to_app } => {
                let input =
                    json!({"CiphertextBlob": STANDARD.encode(&blob.bytes), "DestinationKeyId": to.text()});
                let input = in_context(input, "SourceEncryptionContext", app);
                ("ReEncrypt", in_context(input, "DestinationEncryptionContext", to_app))
            }
            Self::Sign(name) => ("Sign", signing(name)),
            Self::Verify(proof, name, tampering) => {
                ("Verify", proof.given(signing(name), "Signature", *tampering))
            }
            Self::GenerateMac(name) => ("GenerateMac", coding(name)),
            Self::VerifyMac(proof, name, tampering) => {
                ("VerifyMac", proof.given(coding(name), "Mac", *tampering))
            }
            Self::GetParametersForImport(id) => (
                "GetParametersForImport",
                json!({"KeyId": id, "WrappingAlgorithm": "SM2PKE", "WrappingKeySpec": "SM2"}),
            ),
            Self::ImportKeyMaterial { key, parameters, material, valid_to, new } => {
                let mut input = json!({
                    "KeyId": key,
                    "ImportToken": STANDARD.encode(&parameters.token),
                    "EncryptedKeyMaterial": STANDARD.encode(parameters.wrap(*material)),
                    "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
                });
                if let Some(valid_to) = valid_to {
                    input["ExpirationModel"] = json!("KEY_MATERIAL_EXPIRES");
                    input["ValidTo"] = json!(valid_to / 1000);
                }
                if let Some(new) = new {
                    input["ImportType"] =
                        json!(if *new { "NEW_KEY_MATERIAL" } else { "EXISTING_KEY_MATERIAL" });
                }
                ("ImportKeyMaterial", input)
            }
            Self::DeleteImportedKeyMaterial(id) => ("DeleteImportedKeyMaterial", json!({"KeyId": id})),
            Self::ReplicateKey(id) => {
                ("ReplicateKey", json!({"KeyId": id, "ReplicaRegion": place(&twin(id)).1}))
            }
            Self::UpdatePrimaryRegion(id, region) => {
                ("UpdatePrimaryRegion", json!({"KeyId": id, "PrimaryRegion": region}))
            }
            Self::EnableKeyRotation(id, days) => {
                ("EnableKeyRotation", json!({"KeyId": id, "RotationPeriodInDays": days}))
            }
            Self::DisableKeyRotation(id) => ("DisableKeyRotation", json!({"KeyId": id})),
            Self::RotateKeyOnDemand(id) => ("RotateKeyOnDemand", json!({"KeyId": id})),
            other => unreachable!("{other:?} is not of KMS"),
        };
        for member in ["KeyId", "TargetKeyId"] {
            if let Some(name) = input[member].as_str() {
                input[member] = json!(place(name).0);
            }
        }
        Request::kms(operation, &input).at(self.place())
    }

    fn iam(&self) -> Request {
        match self {
            Self::CreateUser(name) => Request::iam("CreateUser", &[("UserName", name)]),
            Self::DeleteUser(name) => Request::iam("DeleteUser", &[("UserName", name)]),
            Self::CreateRole(name, trusted) => {
                let trust = json!({"Version": "2012-10-17", "Statement": [{
                    "Effect": "Allow", "Principal": {"AWS": trusted.arn()}, "Action": "sts:AssumeRole",
                }]});
                Request::iam(
                    "CreateRole",
                    &[("RoleName", name), ("AssumeRolePolicyDocument", &trust.to_string())],
                )
            }
            Self::DeleteRole(name) => Request::iam("DeleteRole", &[("RoleName", name)]),
            Self::CreatePolicy(name, document) => Request::iam(
                "CreatePolicy",
                &[("PolicyName", name), ("PolicyDocument", &policy::text(document))],
            ),
            Self::DeletePolicy(name) => Request::iam("DeletePolicy", &[("PolicyArn", &policy_arn(name))]),
            Self::Attach(holder, name) => {
                let operation = format!("Attach{}Policy", holder.kind());
                Request::iam(&operation, &[holder.parameter(), ("PolicyArn", &policy_arn(name))])
            }
            Self::Detach(holder, name) => {
                let operation = format!("Detach{}Policy", holder.kind());
                Request::iam(&operation, &[holder.parameter(), ("PolicyArn", &policy_arn(name))])
            }
            Self::PutInline(holder, name, document) => {
                let text = policy::text(document);
                let operation = format!("Put{}Policy", holder.kind());
                Request::iam(
                    &operation,
                    &[holder.parameter(), ("PolicyName", name), ("PolicyDocument", &text)],
                )
            }
            Self::DeleteInline(holder, name) => {
                let operation = format!("Delete{}Policy", holder.kind());
                Request::iam(&operation, &[holder.parameter(), ("PolicyName", name)])
            }
            Self::CreateAccessKey(name) => Request::iam("CreateAccessKey", &[("UserName", name)]),
            Self::UpdateAccessKey(name, id, active) => {
                let status = if *active { "Active" } else { "Inactive" };
                Request::iam(
                    "UpdateAccessKey",
                    &[("UserName", name), ("AccessKeyId", id), ("Status", status)],
                )
            }
            Self::DeleteAccessKey(name, id) => {
                Request::iam("DeleteAccessKey", &[("UserName", name), ("AccessKeyId", id)])
            }
            Self::AssumeRole(name) => {
                Request::sts("AssumeRole", &[("RoleArn", &role_arn(name)), ("RoleSessionName", "session")])
            }
            Self::WhoAmI => Request::sts("GetCallerIdentity", &[]),
            other => unreachable!("{other:?} is of KMS"),
        }
    }
}

impl Kind {
    /// Whether keys of the kind encrypt.
    pub fn encrypts(self) -> bool {
        matches!(self, Self::Symmetric | Self::Imported | Self::MultiRegion)
    }

    fn input(self) -> Value {
        match self {
            Self::Symmetric => json!({}),
            Self::Imported => json!({"Origin": "EXTERNAL"}),
            Self::MultiRegion => json!({"MultiRegion": true}),
            Self::Signing => json!({"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}),
            Self::Mac => json!({"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}),
        }
    }
}

impl Parameters {
    /// Material that is this byte throughout, wrapped.
    fn wrap(&self, material: u8) -> Vec<u8> {
        let key = PublicKey::from_spki(PairSpec::Sm2, self.public_key.clone()).unwrap();
        key.encrypt(EncryptionAlgorithm::Sm2Pke, &[material; 32]).unwrap()
    }
}

impl Proof {
    fn given(&self, mut input: Value, member: &str, tampering: Tampering) -> Value {
        input[member] = json!(STANDARD.encode(tampering.apply(&self.bytes)));
        input
    }
}

fn signing(name: &KeyName) -> Value {
    json!({"KeyId": name.text(), "Message": STANDARD.encode(MESSAGE), "SigningAlgorithm": "ECDSA_SHA_256"})
}

fn coding(name: &KeyName) -> Value {
    json!({"KeyId": name.text(), "Message": STANDARD.encode(MESSAGE), "MacAlgorithm": "HMAC_SHA_256"})
}

impl Tampering {
    fn apply(self, blob: &[u8]) -> Vec<u8> {
        let mut blob = blob.to_vec();
        let at = match self {
            Self::None => return blob,
            Self::Header => 12,
            Self::Envelope => blob.len() - 3,
        };
        blob[at] ^= 0x10;
        blob
    }
}

fn in_context(mut input: Value, member: &str, app: &Option<String>) -> Value {
    if let Some(app) = app {
        input[member] = json!({"app": app});
    }
    input
}
