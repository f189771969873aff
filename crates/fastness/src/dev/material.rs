//! Key material of a seed, wrapped for ImportKeyMaterial (AWS KMS Developer Guide, "Encrypting key material").

use crate::Failure;
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded as _};
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use keyring::{Random as _, SystemRandom};

/// The wrapping key that material is wrapped for.
pub(super) const WRAPPING_KEY_SPEC: &str = "RSA_2048";

/// What RSAES_OAEP_SHA_256 can encrypt under it, in bytes (RFC 8017, 7.1.1).
const OAEP_BYTES_MAX: usize = 2048 / 8 - 2 * 32 - 2;

/// What AES key wrap with padding adds at most, in bytes (RFC 5649).
const KEY_WRAP_BYTES: usize = 16;

/// The wrapping algorithm for material of a length.
pub(super) fn algorithm(material: &[u8]) -> &'static str {
    if material.len() <= OAEP_BYTES_MAX { "RSAES_OAEP_SHA_256" } else { "RSA_AES_KEY_WRAP_SHA_256" }
}

/// The material as that algorithm has it, for a public key in DER.
pub(super) fn wrap(material: &[u8], public_key: &[u8]) -> Result<Vec<u8>, Failure> {
    let unusable = |_| Failure("the material cannot be wrapped".to_owned());
    let key = PublicEncryptingKey::from_der(public_key).map_err(|error| Failure(error.to_string()))?;
    let key = OaepPublicEncryptingKey::new(key).map_err(unusable)?;
    let encrypt = |bytes: &[u8]| {
        let mut sealed = vec![0; key.ciphertext_size()];
        key.encrypt(&OAEP_SHA256_MGF1SHA256, bytes, &mut sealed, None).map_err(unusable)?;
        Ok::<_, Failure>(sealed)
    };
    if material.len() <= OAEP_BYTES_MAX {
        return encrypt(material);
    }
    let mut kek = [0; 32];
    SystemRandom.fill(&mut kek);
    let mut room = vec![0; material.len() + KEY_WRAP_BYTES];
    let wrapping = AesKek::new(&AES_256, &kek).map_err(unusable)?;
    let wrapped = wrapping.wrap_with_padding(material, &mut room).map_err(unusable)?;
    Ok([&encrypt(&kek)?, &*wrapped].concat())
}
