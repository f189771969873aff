//! Encrypt and Decrypt.

use super::api::{DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, ops};
use super::{XksProxy, found, told};
use crate::api::{EncryptionAlgorithmSpec, GrantOperation, OriginType};
use crate::authorize::Use;
use crate::errors::invalid_ciphertext;
use crate::key::Key;
use crate::material::MaterialId;
use aws_lc_rs::digest;
use keyring::Apart;
use platform::{Cx, Fault, Handle};
use wire::Blob;

/// The most that is encrypted, in bytes: more than the 4300 that a proxy has to take.
const PLAINTEXT_BYTES_MAX: usize = 8192;

/// The longest additional authenticated data, in bytes, which a proxy has to take.
const ADDITIONAL_BYTES_MAX: usize = 8192;

/// The form of ciphertext metadata, in its first byte.
const VERSION: u8 = 1;

/// Bytes of a material's id that metadata have. Materials of a key that begin alike are tried in turn.
const HINT_BYTES: usize = 3;

const ALGORITHM: EncryptionAlgorithmSpec = EncryptionAlgorithmSpec::SymmetricDefault;

impl Handle<ops::Encrypt> for XksProxy {
    fn handle(&self, cx: &mut Cx<'_>, input: &EncryptRequest) -> Result<EncryptResponse, Fault> {
        let found = found(cx, "kms:Encrypt", &input.path, &input.external_key_id)?;
        Use::of(&found, "kms:Encrypt")
            .or_grant(GrantOperation::Encrypt)
            .with_algorithm(ALGORITHM)
            .authorize(cx)?;
        let key = &*found.key;
        require_ours(cx, key, "Encrypt")?;
        let additional = additional(input.additional_authenticated_data.as_ref())?;
        if input.plaintext.0.len() > PLAINTEXT_BYTES_MAX {
            return Err(too_long("plaintext", PLAINTEXT_BYTES_MAX));
        }
        let material = key.current()?;
        let open = material.open(cx, key)?;
        let backing = open.symmetric()?;
        let bound = |number: &[u8; 16]| bound(key, additional, &metadata(material.id, number));
        let sealed = backing.encrypt_apart(cx.random(), bound, &input.plaintext.0)?;
        let metadata = metadata(material.id, &sealed.number);
        // The sum first, then the proof that what was summed up can be decrypted ("Appendix C").
        let integrity = input
            .ciphertext_data_integrity_value_algorithm
            .map(|_| Blob(integrity(additional, &metadata, &sealed).as_ref().to_vec()));
        let opened = backing.decrypt_apart(&self::bound(key, additional, &metadata), &sealed);
        if !opened.is_ok_and(|opened| *opened == input.plaintext.0) {
            return Err(Fault::unavailable("a ciphertext for a proxy's caller did not decrypt"));
        }
        Ok(EncryptResponse {
            ciphertext: Blob(sealed.ciphertext),
            ciphertext_metadata: Some(Blob(metadata)),
            initialization_vector: Blob(sealed.nonce.to_vec()),
            authentication_tag: Blob(sealed.tag.to_vec()),
            ciphertext_data_integrity_value: integrity,
        })
    }
}

impl Handle<ops::Decrypt> for XksProxy {
    fn handle(&self, cx: &mut Cx<'_>, input: &DecryptRequest) -> Result<DecryptResponse, Fault> {
        let found = found(cx, "kms:Decrypt", &input.path, &input.external_key_id)?;
        Use::of(&found, "kms:Decrypt")
            .or_grant(GrantOperation::Decrypt)
            .with_algorithm(ALGORITHM)
            .authorize(cx)?;
        let key = &*found.key;
        require_ours(cx, key, "Decrypt")?;
        let additional = additional(input.additional_authenticated_data.as_ref())?;
        if input.ciphertext.0.len() > PLAINTEXT_BYTES_MAX {
            return Err(too_long("ciphertext", PLAINTEXT_BYTES_MAX));
        }
        let metadata = input.ciphertext_metadata.as_ref().map_or(&[][..], |metadata| metadata.0.as_slice());
        let (hint, sealed) = parts(input, metadata).ok_or_else(invalid_ciphertext)?;
        let bound = bound(key, additional, metadata);
        for material in key.materials.iter().rev().filter(|material| material.id.0.starts_with(&hint)) {
            let open = material.open(cx, key)?;
            if let Ok(mut plaintext) = open.symmetric()?.decrypt_apart(&bound, &sealed) {
                return Ok(DecryptResponse { plaintext: Blob(std::mem::take(&mut *plaintext)) });
            }
        }
        Err(invalid_ciphertext())
    }
}

/// Whether the key's material is here, where it is encrypted with, and not in a key store.
pub(super) fn is_ours(key: &Key) -> bool {
    matches!(key.origin.0, OriginType::AwsKms | OriginType::External)
}

/// Requires a symmetric key that is here and can be used.
fn require_ours(cx: &mut Cx<'_>, key: &Key, operation: &str) -> Result<(), Fault> {
    if !is_ours(key) {
        let message = format!("{} is in a custom key store, and cannot be an external key.", key.arn);
        return Err(Fault::new("UnsupportedOperationException", message));
    }
    key.require(cx, operation, ALGORITHM).map_err(told)
}

fn additional(data: Option<&Blob>) -> Result<&[u8], Fault> {
    match data {
        None => Ok(&[]),
        Some(data) if data.0.len() > ADDITIONAL_BYTES_MAX => {
            Err(too_long("additionalAuthenticatedData", ADDITIONAL_BYTES_MAX))
        }
        Some(data) => Ok(&data.0),
    }
}

fn too_long(what: &str, most: usize) -> Fault {
    Fault::new("UnsupportedOperationException", format!("At most {most} bytes of {what} are supported."))
}

/// `version (1) ‖ beginning of the material's id (3) ‖ N (16)`: the 20 bytes that a proxy may have kept with a ciphertext.
fn metadata(material: MaterialId, number: &[u8; 16]) -> Vec<u8> {
    let mut metadata = vec![VERSION];
    metadata.extend_from_slice(material.0.first_chunk::<HINT_BYTES>().unwrap_or(&[0; HINT_BYTES]));
    metadata.extend_from_slice(number);
    metadata
}

/// The beginning of the material's id and the message, if they have the form of those that are made here.
fn parts(input: &DecryptRequest, metadata: &[u8]) -> Option<([u8; HINT_BYTES], Apart)> {
    let (&[version], rest) = metadata.split_first_chunk()?;
    let (hint, number) = rest.split_first_chunk::<HINT_BYTES>()?;
    let sealed = Apart {
        number: number.try_into().ok()?,
        nonce: input.initialization_vector.0.as_slice().try_into().ok()?,
        ciphertext: input.ciphertext.0.clone(),
        tag: input.authentication_tag.0.as_slice().try_into().ok()?,
    };
    (version == VERSION).then_some((*hint, sealed))
}

/// What a ciphertext is bound to: the data and metadata, each after its length ("Encrypt", `ciphertextMetadata`), and the key, since
/// two keys can have the same imported material.
fn bound(key: &Key, additional: &[u8], metadata: &[u8]) -> Vec<u8> {
    // Neither length can be too long for its place: both have been looked at.
    let data_length = u16::try_from(additional.len()).unwrap_or(u16::MAX).to_be_bytes();
    let metadata_length = u8::try_from(metadata.len()).unwrap_or(u8::MAX);
    [&data_length, additional, &[metadata_length], metadata, key.id.as_bytes()].concat()
}

/// The ciphertext data integrity value ("Appendix C").
fn integrity(additional: &[u8], metadata: &[u8], sealed: &Apart) -> digest::Digest {
    let mut sum = digest::Context::new(&digest::SHA256);
    for part in [additional, metadata, &sealed.nonce, &sealed.ciphertext, &sealed.tag] {
        sum.update(part);
    }
    sum.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    /// The example of the specification's Encrypt.
    #[test]
    fn integrity_value_of_the_specification() {
        let bytes = |text: &str| STANDARD.decode(text).unwrap();
        let sealed = Apart {
            number: [0; 16],
            nonce: bytes("HMrlRw85cAJUd5Ax").try_into().unwrap(),
            ciphertext: bytes("ghxkK1txeDNn3q8Y"),
            tag: bytes("vBxN2ncH1oEkR8WVXpmyYQ==").try_into().unwrap(),
        };
        let sum = integrity(b"project=nile,department=marketing", b"key_version=1", &sealed);
        assert_eq!(STANDARD.encode(sum), "qHA/ImC9h5HsLRXqCyPmWgYx7tzyoTplzILbP0fPXsc=");
    }
}
