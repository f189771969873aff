//! Seals: what wraps the root key when it leaves the process.

use crate::aead::{Aead, NONCE_BYTES, Refused, TAG_BYTES};
use crate::header::hex_bytes;
use crate::secret::{KEY_BYTES, Secret};
use crate::{KeyringError, Random};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Something that can wrap the root key and give it back later.
pub trait Seal: Send + Sync {
    /// The name of this kind of seal, as slots name theirs.
    fn kind(&self) -> &'static str;

    /// The file that this seal's secret lies in, if it lies in one: it must not be among the data.
    fn location(&self) -> Option<&Path>;

    /// Wraps the root key, bound to `place`: the keyring and slot it is for.
    ///
    /// # Errors
    /// The seal cannot be used.
    fn wrap(&self, place: &[u8], root: &Secret, random: &dyn Random) -> Result<Wrapping, KeyringError>;

    /// Gives the root key back.
    ///
    /// # Errors
    /// [`KeyringError::Refused`] if the wrapping is not of this kind, not made with this seal's secret, or altered.
    fn unwrap(&self, place: &[u8], wrapping: &Wrapping) -> Result<Secret, KeyringError>;
}

/// A root key wrapped by a seal, with what its kind of seal needs to unwrap it, all of it public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Wrapping {
    /// Wrapped under a key derived from a key file's.
    KeyFile {
        /// Makes the wrapping key another one each time.
        #[serde(with = "hex_bytes")]
        salt: [u8; 16],
        /// The root key.
        wrapped: WrappedKey,
    },
    /// Wrapped under a key derived from a passphrase by Argon2id (RFC 9106), version 0x13.
    Passphrase {
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes over the memory.
        passes: u32,
        /// Lanes.
        lanes: u32,
        /// The salt.
        #[serde(with = "hex_bytes")]
        salt: [u8; 16],
        /// The root key.
        wrapped: WrappedKey,
    },
}

impl Wrapping {
    /// The kind of seal that made this.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::KeyFile { .. } => crate::key_file::KIND,
            Self::Passphrase { .. } => crate::passphrase::KIND,
        }
    }
}

/// A key sealed with AES-256-GCM: `nonce (12) ‖ ciphertext (32) ‖ tag (16)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WrappedKey(#[serde(with = "hex_bytes")] [u8; NONCE_BYTES + KEY_BYTES + TAG_BYTES]);

impl WrappedKey {
    pub(crate) fn wrap(
        wrapping_key: &Secret,
        place: &[u8],
        secret: &Secret,
        random: &dyn Random,
    ) -> Result<Self, KeyringError> {
        let mut nonce = [0; NONCE_BYTES];
        random.fill(&mut nonce);
        let mut wrapped = nonce.to_vec();
        Aead::new(wrapping_key.bytes())?.seal(nonce, place, secret.bytes(), &mut wrapped)?;
        wrapped.try_into().map(Self).map_err(|_| KeyringError::Cryptography)
    }

    pub(crate) fn unwrap(&self, wrapping_key: &Secret, place: &[u8]) -> Result<Secret, Refused> {
        let (nonce, sealed) = self.0.split_first_chunk::<NONCE_BYTES>().ok_or(Refused)?;
        let aead = Aead::new(wrapping_key.bytes()).map_err(|_| Refused)?;
        Secret::copy_of(&aead.open(*nonce, place, sealed)?).ok_or(Refused)
    }
}
