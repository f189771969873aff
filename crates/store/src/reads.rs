use bytes::BufMut;

use crate::{KEY_BYTES_MAX, KeyRange, StoreError, TXN_READS_BYTES_MAX};

/// What a transaction read. The keys are one after another in one buffer, each behind its length: most transactions
/// read a few, and the recording must cost next to nothing.
#[derive(Debug, Default)]
pub(crate) struct ReadSet {
    keys: Vec<u8>,
    ranges: Vec<KeyRange>,
}

/// What the first key makes room for.
const KEYS_BYTES_AT_FIRST: usize = 512;

impl ReadSet {
    pub(crate) fn key(&mut self, key: &[u8]) -> Result<(), StoreError> {
        let Ok(len) = u16::try_from(key.len()) else { return Ok(()) };
        if key.len() > KEY_BYTES_MAX {
            return Ok(()); // there is no such row and can be none
        }
        self.room_for(key.len())?;
        if self.keys.capacity() == 0 {
            self.keys.reserve(KEYS_BYTES_AT_FIRST);
        }
        self.keys.put_u16_ne(len);
        self.keys.put_slice(key);
        Ok(())
    }

    pub(crate) fn range(&mut self, range: KeyRange) -> Result<(), StoreError> {
        self.room_for(RANGE_BYTES)?;
        self.ranges.push(range);
        Ok(())
    }

    fn room_for(&self, more: usize) -> Result<(), StoreError> {
        let size = self.keys.len() + self.ranges.len() * RANGE_BYTES + more;
        if size > TXN_READS_BYTES_MAX {
            return Err(StoreError::TooLarge {
                what: "what a transaction read",
                size,
                max: TXN_READS_BYTES_MAX,
            });
        }
        Ok(())
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.keys[..];
        std::iter::from_fn(move || {
            let (len, after) = rest.split_first_chunk()?;
            let (key, after) = after.split_at_checked(usize::from(u16::from_ne_bytes(*len)))?;
            rest = after;
            Some(key)
        })
    }

    pub(crate) fn ranges(&self) -> &[KeyRange] {
        &self.ranges
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.ranges.is_empty()
    }
}

/// What a range counts, its bounds included: most are short.
const RANGE_BYTES: usize = 256;
