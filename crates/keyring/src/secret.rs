//! Key material in memory.

use crate::Random;
use memory::Guarded;
use std::fmt;

/// Bytes of every key here: AES-256 and HMAC-SHA-256.
pub(crate) const KEY_BYTES: usize = memory::SLOT_BYTES;

/// A 256-bit key, in guarded memory: moving it leaves no copies behind, and it is wiped when dropped. It cannot be copied, compared or
/// printed, and only this crate sees its bytes.
pub struct Secret(Guarded);

impl Secret {
    pub(crate) fn random(random: &dyn Random) -> Self {
        let mut secret = Self::zero();
        random.fill(secret.bytes_mut());
        secret
    }

    /// A copy of `bytes`, if they are as many as a key has.
    pub(crate) fn copy_of(bytes: &[u8]) -> Option<Self> {
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

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        self.0.bytes()
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
