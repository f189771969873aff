use crate::{KEY_BYTES_MAX, KeyRange, StoreError, TXN_READS_BYTES_MAX};

/// What a transaction read: the keys one after another in one buffer, since most transactions read a few keys and
/// the recording must cost next to nothing.
#[derive(Debug, Default)]
pub(crate) struct ReadSet {
    keys: Vec<u8>,
    ends: Vec<usize>,
    ranges: Vec<KeyRange>,
    range_bytes: usize,
}

impl ReadSet {
    pub(crate) fn key(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.room_for(key.len())?;
        self.keys.extend_from_slice(key);
        self.ends.push(self.keys.len());
        Ok(())
    }

    pub(crate) fn range(&mut self, range: KeyRange) -> Result<(), StoreError> {
        let size = size_of::<KeyRange>() + 2 * KEY_BYTES_MAX.min(64);
        self.room_for(size)?;
        self.range_bytes += size;
        self.ranges.push(range);
        Ok(())
    }

    fn room_for(&self, more: usize) -> Result<(), StoreError> {
        let size = self.keys.len() + self.ends.len() * size_of::<usize>() + self.range_bytes + more;
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
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).filter_map(|(start, end)| self.keys.get(start..*end))
    }

    pub(crate) fn ranges(&self) -> &[KeyRange] {
        &self.ranges
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.ranges.is_empty()
    }
}
