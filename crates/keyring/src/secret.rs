//! Key material in memory.

use crate::Random;
use std::fmt;
use zeroize::Zeroize;

/// Bytes of every key here: AES-256 and HMAC-SHA-256.
pub(crate) const KEY_BYTES: usize = 32;

/// A 256-bit key: in one place of the heap, so that moving it leaves no copies behind, and wiped when dropped. It cannot be
/// copied, compared or printed, and only this crate sees its bytes.
pub struct Secret(Box<[u8; KEY_BYTES]>);

impl Secret {
    pub(crate) fn random(random: &dyn Random) -> Self {
        let mut secret = Self::zero();
        random.fill(&mut *secret.0);
        secret
    }

    /// A copy of `bytes`, if they are as many as a key has.
    pub(crate) fn copy_of(bytes: &[u8]) -> Option<Self> {
        let mut secret = Self::zero();
        (bytes.len() == KEY_BYTES).then(|| {
            secret.0.copy_from_slice(bytes);
            secret
        })
    }

    /// A key of zeros, to be filled through [`Self::bytes_mut`].
    pub(crate) fn zero() -> Self {
        Self(Box::new([0; KEY_BYTES]))
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8; KEY_BYTES] {
        &mut self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
