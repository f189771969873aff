//! Writers: who seals values under a key of its own, so that nonces can be counted instead of drawn.

use crate::aead::{Aead, NONCE_BYTES};
use crate::derive::derive;
use crate::secret::{KEY_BYTES, Secret};
use crate::{KeyringError, Random};
use std::sync::atomic::{AtomicU64, Ordering};
use zeroize::Zeroizing;

/// Bytes of a writer's random id. That two of 2^40 writers of an epoch get the same one has a probability below 2^-48.
pub(crate) const WRITER_ID_BYTES: usize = 16;

/// How much a writer seals before another takes its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriterLimits {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl WriterLimits {
    /// With nonces that are counted GCM stays far from its bounds here: 2^36 bytes are 2^32 blocks, which leaves an advantage
    /// below 2^-64 in telling the blocks of a key from random ones.
    pub(crate) const STANDARD: Self = Self { messages: 1 << 32, bytes: 1 << 36 };
}

/// One writer: its key, and how much it has sealed. There is one a process, kind of value and epoch, and a new one at each
/// start, so that a counter is never resumed.
pub(crate) struct Writer {
    pub(crate) epoch: u32,
    pub(crate) id: [u8; WRITER_ID_BYTES],
    pub(crate) key: Aead,
    limits: WriterLimits,
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Writer {
    /// A new writer under a domain key.
    pub(crate) fn draw(
        label: &str,
        epoch: u32,
        domain: &Secret,
        limits: WriterLimits,
        random: &dyn Random,
    ) -> Result<Self, KeyringError> {
        let mut id = [0; WRITER_ID_BYTES];
        random.fill(&mut id);
        let key = writer_key(label, epoch, domain, &id)?;
        Ok(Self { epoch, id, key, limits, messages: AtomicU64::new(0), bytes: AtomicU64::new(0) })
    }

    /// Takes the next nonce for a value of `length` bytes; none, if this writer has written its share.
    pub(crate) fn next_nonce(&self, length: usize) -> Option<[u8; NONCE_BYTES]> {
        // Every caller gets another number, whatever the order in which threads see them.
        let number = self.messages.fetch_add(1, Ordering::Relaxed);
        let before = self.bytes.fetch_add(u64::try_from(length).ok()?, Ordering::Relaxed);
        (number < self.limits.messages && before < self.limits.bytes)
            .then(|| u128::from(number).to_be_bytes())
            .and_then(|wide| wide.last_chunk().copied())
    }
}

/// The key of a writer, which its readers derive again from the id beside the value.
pub(crate) fn writer_key(
    label: &str,
    epoch: u32,
    domain: &Secret,
    id: &[u8; WRITER_ID_BYTES],
) -> Result<Aead, KeyringError> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    derive(domain.bytes(), label, &[&epoch.to_be_bytes(), id], &mut key)?;
    Aead::new(&key)
}
