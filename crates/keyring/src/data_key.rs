//! Data keys of envelope encryption: a service gets one from KMS, encrypts with it here, and keeps it as KMS encrypted it.

use crate::backing::InvalidCiphertext;
use crate::message::{open_message, seal_message};
use crate::secret::Secret;
use crate::{KeyringError, PLAINTEXT_BYTES_MAX, Random};
use zeroize::Zeroizing;

const LABEL: &str = "fastness data key message";

/// A 256-bit data key, open for use and wiped when dropped.
#[derive(Debug)]
pub struct DataKey(Secret);

impl DataKey {
    /// Takes the bytes of a key; none if they are not 32.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        Secret::copy_of(bytes).map(Self)
    }

    /// Encrypts, bound to `aad`.
    ///
    /// The result is `N (16) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`.
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
        let mut sealed = Vec::new();
        seal_message(self.0.bytes(), LABEL, random, aad, plaintext, &mut sealed)?;
        Ok(sealed)
    }

    /// Decrypts what [`Self::encrypt`] made with the same `aad`.
    ///
    /// # Errors
    /// Whatever is wrong, the same error.
    pub fn decrypt(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, InvalidCiphertext> {
        open_message(self.0.bytes(), LABEL, aad, sealed).map_err(|_| InvalidCiphertext)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    #[test]
    fn only_the_key_opens_and_only_what_it_is_bound_to() {
        let (key, other) = (DataKey::new(&[7; 32]).unwrap(), DataKey::new(&[8; 32]).unwrap());
        let sealed = key.encrypt(&SystemRandom, b"place", b"value").unwrap();
        assert_eq!(&*key.decrypt(b"place", &sealed).unwrap(), b"value");
        assert_ne!(sealed, key.encrypt(&SystemRandom, b"place", b"value").unwrap());
        assert_eq!(other.decrypt(b"place", &sealed), Err(InvalidCiphertext));
        assert_eq!(key.decrypt(b"elsewhere", &sealed), Err(InvalidCiphertext));
        for end in 0..sealed.len() {
            assert_eq!(key.decrypt(b"place", &sealed[..end]), Err(InvalidCiphertext));
        }
        assert!(DataKey::new(&[7; 31]).is_none());
    }
}
