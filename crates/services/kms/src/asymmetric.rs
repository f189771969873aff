//! The ciphertexts of key pairs: those of RSAES-OAEP and SM2, nothing added.

use crate::api::EncryptionAlgorithmSpec;
use crate::context::Pairs;
use crate::cryptographic::unexpected;
use crate::errors::{invalid_ciphertext, validation};
use crate::key::Key;
use crate::kinds::plaintext_max;
use platform::{Cx, Fault};
use primitives::{EncryptionAlgorithm, Error};
use zeroize::Zeroizing;

/// Nothing binds such a ciphertext to an encryption context.
pub(crate) fn require_no_context(algorithm: EncryptionAlgorithmSpec, pairs: &Pairs) -> Result<(), Fault> {
    if algorithm == EncryptionAlgorithmSpec::SymmetricDefault || pairs.is_empty() {
        return Ok(());
    }
    Err(validation(format!("An encryption context is not supported with algorithm {algorithm}.")))
}

/// Encrypts to the key's public key.
pub(crate) fn encrypt(
    cx: &Cx<'_>,
    key: &Key,
    (name, algorithm): (EncryptionAlgorithmSpec, EncryptionAlgorithm),
    plaintext: &[u8],
) -> Result<Vec<u8>, Fault> {
    let (spec, max) = (key.spec.0, plaintext_max(key.spec.0, algorithm));
    if plaintext.len() > max {
        return Err(validation(format!(
            "Algorithm {name} and key spec {spec} cannot encrypt data larger than {max} bytes."
        )));
    }
    let open = key.open(cx)?;
    open.pair()?.public_key().encrypt(algorithm, plaintext).map_err(|error| unexpected(key, error))
}

/// Decrypts with the key's private key.
pub(crate) fn decrypt(
    cx: &Cx<'_>,
    key: &Key,
    algorithm: EncryptionAlgorithm,
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let open = key.open(cx)?;
    let pair = open.pair()?;
    key.work(cx, || pair.decrypt(algorithm, ciphertext))?.map_err(|error| match error {
        Error::Ciphertext => invalid_ciphertext(),
        other => unexpected(key, other),
    })
}
