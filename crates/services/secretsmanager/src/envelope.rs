//! Encryption of values: each version has a data key of its own, which KMS made and keeps encrypted (Secrets Manager User Guide, "Secret
//! encryption and decryption").
//!
//! KMS is called on the caller's behalf, so the caller needs permission for the key as well. A rotation calls as Secrets Manager itself.

use crate::errors::{self, Kms, invalid_request};
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyring::DataKey;
use kms_api::{DataKeySpec, DecryptRequest, GenerateDataKeyRequest, ops};
use platform::{As, Cx, Fault, Principal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wire::Blob;
use zeroize::Zeroizing;

/// An encrypted value, as its row has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sealed {
    /// The KMS key, by ARN.
    pub(crate) key: String,
    /// The data key, encrypted by KMS; in base 64.
    data_key: String,
    /// The value, encrypted under the data key; in base 64.
    value: String,
    /// Whether it is bytes rather than text.
    pub(crate) binary: bool,
}

/// The context of a call that tests whether a key can be used (there, "What is encrypted?").
const TEST: &str = "RequestToValidateKeyAccess";

/// Encrypts the value of a version.
pub(crate) fn seal(
    cx: &mut Cx<'_>,
    secret: &Secret,
    version: &str,
    (value, binary): (&[u8], bool),
) -> Result<Sealed, Fault> {
    let arn = secret.arn();
    let (key, plain, encrypted) = generate(cx, secret, context(&arn, version))?;
    let data_key =
        DataKey::new(&plain.0).ok_or_else(|| Fault::bug("KMS made a data key of another length"))?;
    let sealed = data_key.encrypt(cx.random(), bound_to(&arn, version).as_bytes(), value)?;
    Ok(Sealed {
        key,
        data_key: STANDARD.encode(encrypted.0.as_slice()),
        value: STANDARD.encode(sealed),
        binary,
    })
}

/// Decrypts the value of a version.
pub(crate) fn open(
    cx: &mut Cx<'_>,
    secret: &Secret,
    version: &str,
    sealed: &Sealed,
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let arn = secret.arn();
    let damaged = || Fault::bug(format!("the value of {version} of {arn} is damaged"));
    let encrypted = STANDARD.decode(&sealed.data_key).map_err(|_| damaged())?;
    let plain = decrypt(cx, secret, context(&arn, version), Some(&sealed.key), encrypted)?;
    let data_key = DataKey::new(&plain.0).ok_or_else(damaged)?;
    let value = STANDARD.decode(&sealed.value).map_err(|_| damaged())?;
    data_key.decrypt(bound_to(&arn, version).as_bytes(), &value).map_err(|_| damaged())
}

/// Requires that the caller can encrypt and decrypt with the secret's key.
pub(crate) fn test_key(cx: &mut Cx<'_>, secret: &Secret) -> Result<(), Fault> {
    let (key, _, encrypted) = generate(cx, secret, context(TEST, TEST))?;
    decrypt(cx, secret, context(TEST, TEST), Some(&key), encrypted.into_vec()).map(drop)
}

fn generate(
    cx: &mut Cx<'_>,
    secret: &Secret,
    context: BTreeMap<String, String>,
) -> Result<(String, Blob, Blob), Fault> {
    require_reach(cx, secret, secret.kms_key.is_none())?;
    let input = GenerateDataKeyRequest {
        key_id: secret.key_arn(),
        key_spec: Some(DataKeySpec::Aes256),
        encryption_context: Some(context),
        ..GenerateDataKeyRequest::default()
    };
    let (arn, account) = (secret.arn(), secret.account.as_str());
    let made = cx.call_in::<ops::GenerateDataKey>(&secret.region, identity(cx, &arn, account), &input);
    let made = made.map_err(|fault| errors::of_kms(Kms::Encrypts, fault))?;
    match (made.key_id, made.plaintext, made.ciphertext_blob) {
        (Some(key), Some(plain), Some(encrypted)) => Ok((key, plain, encrypted)),
        _ => Err(Fault::bug("KMS gave no data key")),
    }
}

fn decrypt(
    cx: &mut Cx<'_>,
    secret: &Secret,
    context: BTreeMap<String, String>,
    key: Option<&str>,
    encrypted: Vec<u8>,
) -> Result<Blob, Fault> {
    let input = DecryptRequest {
        ciphertext_blob: Some(encrypted.into()),
        encryption_context: Some(context),
        key_id: key.map(str::to_owned),
        ..DecryptRequest::default()
    };
    let (arn, account) = (secret.arn(), secret.account.as_str());
    let opened = cx.call_in::<ops::Decrypt>(&secret.region, identity(cx, &arn, account), &input);
    let opened = opened.map_err(|fault| errors::of_kms(Kms::Decrypts, fault))?;
    opened.plaintext.ok_or_else(|| Fault::bug("KMS gave no plaintext"))
}

/// Callers of other accounts do not reach the key that AWS manages.
pub(crate) fn require_reach(cx: &Cx<'_>, secret: &Secret, default_key: bool) -> Result<(), Fault> {
    let service = matches!(cx.caller().principal, Principal::Service { .. });
    if !default_key || service || secret.account == cx.account() {
        return Ok(());
    }
    Err(invalid_request(
        "You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key.",
    ))
}

fn identity<'a>(cx: &Cx<'_>, arn: &'a str, account: &'a str) -> As<'a> {
    match cx.caller().principal {
        Principal::Service { .. } => As::Service { source_arn: arn, source_account: account },
        _ => As::Caller,
    }
}

fn context(arn: &str, version: &str) -> BTreeMap<String, String> {
    [("SecretARN", arn), ("SecretVersionId", version)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// The additional data of a value: ARNs have no space.
fn bound_to(arn: &str, version: &str) -> String {
    format!("{arn} {version}")
}
