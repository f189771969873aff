//! Values of SecureStrings: KMS encrypts and decrypts them on the caller's behalf, bound to the parameter's ARN (Systems Manager User Guide,
//! "AWS KMS encryption for AWS Systems Manager Parameter Store SecureString parameters").
//!
//! In the standard tier KMS encrypts the value itself. In the advanced tier, whose values KMS would find too long, it makes a data key. AWS
//! then has the AWS Encryption SDK's message format. Here the two parts lie one after the other, which only Parameter Store reads:
//!
//! ```text
//! version (1) ‖ length of the encrypted data key (2, big endian) ‖ encrypted data key ‖ what is sealed under it (keyring::DataKey)
//! ```

use crate::errors::validation;
use crate::names::Place;
use crate::parameter::{Value, Version};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use keyring::DataKey;
use kms_api::{DataKeySpec, DecryptRequest, EncryptRequest, GenerateDataKeyRequest, ops};
use platform::{As, Blame, Cx, Fault};
use std::collections::BTreeMap;
use wire::Blob;
use zeroize::Zeroizing;

/// The key of those who name none.
pub(crate) const DEFAULT_KEY: &str = "alias/aws/ssm";

const VERSION: u8 = 1;

/// How a value is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Direct,
    Enveloped,
}

fn context(place: &Place) -> Option<BTreeMap<String, String>> {
    Some([("PARAMETER_ARN".to_owned(), place.arn())].into())
}

/// Encrypts the value of a parameter.
///
/// # Errors
/// KMS does not serve the caller.
pub(crate) fn encrypt(
    cx: &mut Cx<'_>,
    place: &Place,
    key: &str,
    text: &str,
    form: Form,
) -> Result<Value, Fault> {
    let (encryption_context, key_id) = (context(place), key.to_owned());
    if form == Form::Direct {
        let input = EncryptRequest {
            key_id,
            plaintext: text.as_bytes().into(),
            encryption_context,
            ..EncryptRequest::default()
        };
        let output = cx.call::<ops::Encrypt>(As::Caller, &input).map_err(in_own_words)?;
        let blob = output.ciphertext_blob.ok_or_else(incomplete)?;
        return Ok(Value::Direct(BASE64_STANDARD.encode(&blob)));
    }
    let input = GenerateDataKeyRequest {
        key_id,
        encryption_context,
        key_spec: Some(DataKeySpec::Aes256),
        ..GenerateDataKeyRequest::default()
    };
    let output = cx.call::<ops::GenerateDataKey>(As::Caller, &input).map_err(in_own_words)?;
    let (Some(plaintext), Some(encrypted)) = (output.plaintext, output.ciphertext_blob) else {
        return Err(incomplete());
    };
    let key = DataKey::new(plaintext.as_ref()).ok_or_else(incomplete)?;
    let sealed = key.encrypt(cx.random(), place.arn().as_bytes(), text.as_bytes())?;
    let length = u16::try_from(encrypted.as_ref().len()).map_err(|_| incomplete())?;
    let mut blob = vec![VERSION];
    blob.extend_from_slice(&length.to_be_bytes());
    blob.extend_from_slice(encrypted.as_ref());
    blob.extend_from_slice(&sealed);
    Ok(Value::Enveloped(BASE64_STANDARD.encode(blob)))
}

/// The value of a version as it was put, if `decrypts`; else as it is kept.
///
/// # Errors
/// KMS does not serve the caller.
pub(crate) fn read(
    cx: &mut Cx<'_>,
    place: &Place,
    version: &Version,
    decrypts: bool,
) -> Result<String, Fault> {
    let shown = version.value.shown();
    match &version.value {
        Value::Direct(_) if decrypts => {
            let plaintext = decrypt(cx, place, decoded(shown)?)?;
            text(plaintext.as_ref())
        }
        Value::Enveloped(_) if decrypts => {
            let blob = decoded(shown)?;
            let (encrypted, sealed) = parts(&blob).ok_or_else(damaged)?;
            let key = decrypt(cx, place, encrypted.to_vec())?;
            let key = DataKey::new(key.as_ref()).ok_or_else(damaged)?;
            let plaintext = key.decrypt(place.arn().as_bytes(), sealed).map_err(|_| damaged())?;
            text(&plaintext)
        }
        _ => Ok(shown.to_owned()),
    }
}

fn decrypt(cx: &mut Cx<'_>, place: &Place, blob: Vec<u8>) -> Result<Blob, Fault> {
    let input = DecryptRequest {
        ciphertext_blob: Some(blob.into()),
        encryption_context: context(place),
        ..DecryptRequest::default()
    };
    let output = cx.call::<ops::Decrypt>(As::Caller, &input).map_err(in_own_words)?;
    output.plaintext.ok_or_else(incomplete)
}

fn parts(blob: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[version], rest) = blob.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    (version == VERSION).then(|| rest.split_at_checked(u16::from_be_bytes(*length).into())).flatten()
}

fn decoded(text: &str) -> Result<Vec<u8>, Fault> {
    BASE64_STANDARD.decode(text).map_err(|_| damaged())
}

fn text(plaintext: &[u8]) -> Result<String, Fault> {
    let plaintext = Zeroizing::new(plaintext.to_vec());
    std::str::from_utf8(&plaintext).map(str::to_owned).map_err(|_| damaged())
}

fn damaged() -> Fault {
    Fault::bug("the value of a parameter is damaged")
}

fn incomplete() -> Fault {
    Fault::bug("an answer of KMS lacks what it must have")
}

/// What KMS says, as Parameter Store passes it on: denials as they are, the rest as a key that cannot be used.
fn in_own_words(fault: Fault) -> Fault {
    if fault.blame() != Blame::Sender {
        return fault;
    }
    let told =
        format!("{} (Service: AWSKMS; Status Code: 400; Error Code: {})", fault.message(), fault.code());
    fault.named("InvalidKeyId", &told)
}

/// # Errors
/// A key is named for a value that is not encrypted.
pub(crate) fn no_key(key: Option<&str>) -> Result<(), Fault> {
    match key {
        Some(_) => Err(validation("KeyId is required for SecureString type parameter only.")),
        None => Ok(()),
    }
}
