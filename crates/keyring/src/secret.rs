//! Key material in memory.

use crate::Random;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use memory::Guarded;
use std::fmt;

/// Bytes of every key here: AES-256 and HMAC-SHA-256.
pub(crate) const KEY_BYTES: usize = memory::SLOT_BYTES;

/// A 256-bit key, in guarded memory: moving it leaves no copies behind, and it is wiped when dropped. It cannot be copied or printed.
/// Only seals see the bytes of one that they did not make themselves.
pub struct Secret(Guarded);

impl Secret {
    /// A new random key.
    pub fn random(random: &dyn Random) -> Self {
        let mut secret = Self::zero();
        random.fill(secret.bytes_mut());
        secret
    }

    /// A copy of `bytes`, if they are as many as a key has.
    pub fn copy_of(bytes: &[u8]) -> Option<Self> {
        let mut secret = Self::zero();
        (bytes.len() == KEY_BYTES).then(|| {
            secret.bytes_mut().copy_from_slice(bytes);
            secret
        })
    }

    /// A key of zeros, to be filled through [`Self::bytes_mut`].
    pub(crate) fn zero() -> Self {
        Self(Guarded::zeroed())
    }

    /// The key itself, for whoever wraps it.
    pub fn bytes(&self) -> &[u8; KEY_BYTES] {
        self.0.bytes()
    }

    /// Whether it is the same key, in constant time.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        verify_slices_are_equal(self.bytes(), other.bytes()).is_ok()
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8; KEY_BYTES] {
        self.0.bytes_mut()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
