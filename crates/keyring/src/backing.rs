//! The backing keys of symmetric KMS keys: the 256-bit roots from which each ciphertext's key is derived (AWS KMS Cryptographic Details,
//! "Encrypt").

use crate::message::{Apart, MESSAGE_OVERHEAD_BYTES, open_apart, open_message, seal_apart, seal_message};
use crate::secret::Secret;
use crate::{KeyringError, PLAINTEXT_BYTES_MAX, Random};
use std::fmt;
use zeroize::Zeroizing;

const LABEL: &str = "fastness backing key message";

/// Messages in parts have keys of their own, so that they and other ciphertexts are never taken for each other.
const APART_LABEL: &str = "fastness backing key message apart";

/// The form of a ciphertext, in its first byte.
const VERSION: u8 = 1;

/// A ciphertext that this key did not make, or not with this additional data, or that was altered: which of them is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid ciphertext")]
pub struct InvalidCiphertext;

/// One version of a symmetric KMS key's material, open for use and wiped when dropped.
pub struct BackingKey(Secret);

impl BackingKey {
    /// Bytes that a ciphertext has over its plaintext.
    pub const OVERHEAD_BYTES: usize = 1 + MESSAGE_OVERHEAD_BYTES;

    pub(crate) fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// Encrypts under a key derived for this message, bound to `aad`: the canonical encryption context and the key's id.
    ///
    /// The result is `version (1) ‖ N (16) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`.
    ///
    /// # Errors
    /// The plaintext is longer than [`PLAINTEXT_BYTES_MAX`].
    pub fn encrypt(
        &self,
        random: &dyn Random,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, KeyringError> {
        if plaintext.len() > PLAINTEXT_BYTES_MAX {
            return Err(KeyringError::TooLong);
        }
        let mut blob = Vec::with_capacity(Self::OVERHEAD_BYTES + plaintext.len());
        blob.push(VERSION);
        seal_message(self.0.bytes(), LABEL, random, aad, plaintext, &mut blob)?;
        Ok(blob)
    }

    /// Decrypts what [`Self::encrypt`] made with the same `aad`.
    ///
    /// # Errors
    /// Whatever is wrong, the same error.
    pub fn decrypt(&self, aad: &[u8], blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, InvalidCiphertext> {
        let (&[version], sealed) = blob.split_first_chunk().ok_or(InvalidCiphertext)?;
        if version != VERSION {
            return Err(InvalidCiphertext);
        }
        open_message(self.0.bytes(), LABEL, aad, sealed).map_err(|_| InvalidCiphertext)
    }

    /// Encrypts into parts, for those who keep them in a form of their own, such as an external key store. `aad` makes what it is bound
    /// to of the message's number.
    ///
    /// # Errors
    /// The plaintext is longer than [`PLAINTEXT_BYTES_MAX`].
    pub fn encrypt_apart(
        &self,
        random: &dyn Random,
        aad: impl FnOnce(&[u8; 16]) -> Vec<u8>,
        plaintext: &[u8],
    ) -> Result<Apart, KeyringError> {
        if plaintext.len() > PLAINTEXT_BYTES_MAX {
            return Err(KeyringError::TooLong);
        }
        seal_apart(self.0.bytes(), APART_LABEL, random, aad, plaintext)
    }

    /// Decrypts what [`Self::encrypt_apart`] made.
    ///
    /// # Errors
    /// Whatever is wrong, the same error.
    pub fn decrypt_apart(&self, aad: &[u8], sealed: &Apart) -> Result<Zeroizing<Vec<u8>>, InvalidCiphertext> {
        open_apart(self.0.bytes(), APART_LABEL, aad, sealed).map_err(|_| InvalidCiphertext)
    }
}

impl fmt::Debug for BackingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackingKey(..)")
    }
}
