//! The backing keys of KMS: the 256-bit roots from which each ciphertext's key is derived (AWS KMS Cryptographic Details,
//! "Encrypt").

use crate::barrier::Barrier;
use crate::message::{MESSAGE_OVERHEAD_BYTES, open_message, seal_message};
use crate::secret::Secret;
use crate::shreds::{ID_BYTES as SHRED_ID_BYTES, Shreds};
use crate::{KeyringError, PLAINTEXT_BYTES_MAX, Random};
use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

const LABEL: &str = "fastness backing key message";

/// The form of a ciphertext, in its first byte.
const VERSION: u8 = 1;

/// How many backing keys stay open.
const OPEN_MAX: usize = 16_384;

/// A backing key as it may be stored: sealed, and of use at its own place only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedKey(pub Vec<u8>);

/// A ciphertext that this key did not make, or not with this additional data, or that was altered: which of them is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid ciphertext")]
pub struct InvalidCiphertext;

/// One version of a KMS key's material, open for use and wiped when dropped.
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
}

impl fmt::Debug for BackingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackingKey(..)")
    }
}

/// The backing keys of a keyring: sealed by a barrier of their own, and kept open for a while once used.
pub(crate) struct BackingKeys {
    barrier: Barrier,
    pub(crate) shreds: Shreds,
    open: Cache<Location<Vec<u8>>, Arc<BackingKey>>,
}

/// Which key is meant: the very bytes it is sealed in, at their place, so that what is open cannot be had for less than what
/// opened it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Location<T> {
    place: T,
    sealed: T,
}

impl Equivalent<Location<Vec<u8>>> for Location<&[u8]> {
    fn equivalent(&self, other: &Location<Vec<u8>>) -> bool {
        self.place == other.place && self.sealed == other.sealed
    }
}

impl BackingKeys {
    pub(crate) fn new(barrier: Barrier, shreds: Shreds) -> Self {
        Self { barrier, shreds, open: Cache::new(OPEN_MAX) }
    }

    pub(crate) fn generate(&self, place: &[u8], random: &dyn Random) -> Result<SealedKey, KeyringError> {
        self.seal(place, Secret::random(random).bytes())
    }

    pub(crate) fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Arc<BackingKey>, KeyringError> {
        if let Some(key) = self.open.get(&Location { place, sealed }) {
            return Ok(key);
        }
        let secret = Secret::copy_of(&self.unseal(place, sealed)?).ok_or(KeyringError::Refused)?;
        let key = Arc::new(BackingKey::new(secret));
        self.open.insert(Location { place: place.to_vec(), sealed: sealed.to_vec() }, key.clone());
        Ok(key)
    }

    /// Seals twice: under the owner's shred, and what that gives by the barrier, so that neither is enough without the other.
    fn seal(&self, place: &[u8], plaintext: &[u8]) -> Result<SealedKey, KeyringError> {
        let shredded = self.shreds.seal(owner(place)?, place, plaintext)?;
        let (id, rest) = shredded.split_first_chunk::<SHRED_ID_BYTES>().ok_or(KeyringError::Cryptography)?;
        Ok(SealedKey([&id[..], &self.barrier.seal(place, rest)?].concat()))
    }

    fn unseal(&self, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        let (id, rest) = sealed.split_first_chunk::<SHRED_ID_BYTES>().ok_or(KeyringError::Refused)?;
        let shredded = [&id[..], &self.barrier.open(place, rest)?].concat();
        self.shreds.open_sealed(owner(place)?, place, &shredded)
    }

    /// Nothing stays open of what was sealed before, as its owner may have been destroyed.
    pub(crate) fn close(&self) {
        self.open.clear();
    }

    pub(crate) fn renew(&self) -> Result<(), KeyringError> {
        self.barrier.renew()
    }
}

/// Whose a backing key is, by its place: of `kind NUL owner NUL …` the second part, of a place without parts all of it.
fn owner(place: &[u8]) -> Result<&str, KeyringError> {
    let mut parts = place.split(|byte| *byte == 0);
    let first = parts.next().unwrap_or_default();
    str::from_utf8(parts.next().unwrap_or(first)).map_err(|_| KeyringError::Refused)
}
