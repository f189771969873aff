//! Decoded rows, shared between transactions.
//!
//! An entry says: from version `since` until now, the row of this key is this. The committing thread keeps that
//! true by replacing or voiding the entries of written keys before it makes their new version visible; a reader adds
//! an entry only while it can tell, under the same lock, that the row was not written since its snapshot.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

/// A decoded row of some type.
pub(crate) type Decoded = Arc<dyn Any + Send + Sync>;

#[derive(Debug)]
pub(crate) struct Cache {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
    shard_bytes_max: usize,
}

#[derive(Debug, Default)]
struct Shard {
    /// By the hash of the key: 64 bits are enough for a cache, where two keys of one hash take turns.
    entries: HashMap<u64, Entry, BuildHasherDefault<Unhashed>>,
    /// The hashes of all entries, each once, in the order of the next check for eviction.
    clock: VecDeque<u64>,
    bytes: usize,
    hits: u64,
    misses: u64,
}

#[derive(Debug)]
struct Entry {
    key: Box<[u8]>,
    since: u64,
    row: CachedRow,
    bytes: usize,
    used: bool,
}

#[derive(Debug)]
enum CachedRow {
    Present(Decoded),
    Absent,
    Void,
}

const SHARDS: usize = 64;
/// What an entry takes besides its key and row.
const ENTRY_OVERHEAD_BYTES: usize = 160;

impl Cache {
    pub(crate) fn new(bytes_max: usize) -> Cache {
        Cache {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
            shard_bytes_max: bytes_max / SHARDS,
        }
    }

    /// The row of a key at a version: `Some(None)` if it is known that there is none, `None` if nothing is known.
    pub(crate) fn get(&self, key: &[u8], version: u64) -> Option<Option<Decoded>> {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shard(hash);
        let found = shard.entries.get_mut(&hash).filter(|entry| entry.since <= version && *entry.key == *key);
        let row = found.and_then(|entry| {
            entry.used = true;
            match &entry.row {
                CachedRow::Present(row) => Some(Some(row.clone())),
                CachedRow::Absent => Some(None),
                CachedRow::Void => None,
            }
        });
        match row {
            Some(_) => shard.hits += 1,
            None => shard.misses += 1,
        }
        row
    }

    /// Adds what a transaction read at `since`, if `unchanged` says that it is still so. `row_bytes` is the size of
    /// the row's stored form.
    pub(crate) fn offer(
        &self,
        key: &[u8],
        since: u64,
        row: Option<Decoded>,
        row_bytes: usize,
        unchanged: impl FnOnce() -> bool,
    ) {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shard(hash);
        // Checked under the lock: the committing thread makes a write known first, then voids the entry under this
        // lock. Either it comes after and voids what is added here, or the check sees the write.
        if unchanged() {
            let row = row.map_or(CachedRow::Absent, CachedRow::Present);
            shard.insert(hash, key, since, row, row_bytes, self.shard_bytes_max);
        }
    }

    /// Takes note that a key was written: by the committing thread, before `since` becomes visible.
    pub(crate) fn written(&self, key: &[u8], since: u64, row: Option<Decoded>, row_bytes: usize) {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shard(hash);
        match row {
            Some(row) => {
                shard.insert(hash, key, since, CachedRow::Present(row), row_bytes, self.shard_bytes_max)
            }
            None => {
                if let Some(entry) = shard.entries.get_mut(&hash).filter(|entry| *entry.key == *key) {
                    entry.row = CachedRow::Void;
                }
            }
        }
    }

    /// Look-ups that found and did not find their row, and the bytes held.
    pub(crate) fn stats(&self) -> (u64, u64, usize) {
        self.shards.iter().fold((0, 0, 0), |(hits, misses, bytes), shard| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            (hits + shard.hits, misses + shard.misses, bytes + shard.bytes)
        })
    }

    fn shard(&self, hash: u64) -> std::sync::MutexGuard<'_, Shard> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::indexing_slicing,
            reason = "the remainder is below SHARDS"
        )]
        let shard = &self.shards[(hash % SHARDS as u64) as usize];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn insert(
        &mut self,
        hash: u64,
        key: &[u8],
        since: u64,
        row: CachedRow,
        row_bytes: usize,
        bytes_max: usize,
    ) {
        let bytes = key.len() + row_bytes + ENTRY_OVERHEAD_BYTES;
        if self.entries.get(&hash).is_some_and(|entry| entry.since > since) {
            return;
        }
        if bytes > bytes_max / 2 {
            // Too large to keep; what was there is outdated.
            if let Some(entry) = self.entries.get_mut(&hash) {
                entry.row = CachedRow::Void;
            }
            return;
        }
        let entry = Entry { key: key.into(), since, row, bytes, used: false };
        match self.entries.insert(hash, entry) {
            Some(previous) => self.bytes -= previous.bytes,
            None => self.clock.push_back(hash),
        }
        self.bytes += bytes;
        // Second chance: an entry used since the last check goes round once more.
        while self.bytes > bytes_max
            && let Some(hash) = self.clock.pop_front()
        {
            match self.entries.get_mut(&hash) {
                Some(entry) if entry.used && !matches!(entry.row, CachedRow::Void) => {
                    entry.used = false;
                    self.clock.push_back(hash);
                }
                _ => self.bytes -= self.entries.remove(&hash).map_or(0, |entry| entry.bytes),
            }
        }
    }
}

/// Takes a hash for a hash.
#[derive(Debug, Default)]
struct Unhashed(u64);

impl Hasher for Unhashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        // The low bits chose the shard, so they are the same in all of its entries.
        self.0 = hash.rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(n: u32) -> Option<Decoded> {
        Some(Arc::new(n))
    }

    fn get(cache: &Cache, key: &str, version: u64) -> Option<Option<u32>> {
        cache.get(key.as_bytes(), version).map(|row| row.map(|row| *row.downcast::<u32>().unwrap()))
    }

    #[test]
    fn an_entry_holds_from_its_version_until_it_is_written() {
        let cache = Cache::new(1 << 20);
        cache.offer(b"k", 5, row(1), 10, || true);
        assert_eq!(get(&cache, "k", 4), None);
        assert_eq!(get(&cache, "k", 5), Some(Some(1)));
        assert_eq!(get(&cache, "k", 9), Some(Some(1)));
        cache.written(b"k", 10, None, 0);
        assert_eq!(get(&cache, "k", 9), None);
        assert_eq!(get(&cache, "k", 10), None);
        cache.offer(b"k", 9, row(1), 10, || false);
        assert_eq!(get(&cache, "k", 10), None);
        cache.written(b"k", 11, row(2), 10);
        assert_eq!(get(&cache, "k", 10), None);
        assert_eq!(get(&cache, "k", 11), Some(Some(2)));
        cache.offer(b"none", 11, None, 0, || true);
        assert_eq!(get(&cache, "none", 11), Some(None));
        assert_eq!(cache.stats().0, 4);
    }

    #[test]
    fn it_stays_within_its_bytes_and_keeps_what_is_used() {
        let cache = Cache::new(SHARDS * 10_000);
        cache.offer(b"hot", 1, row(7), 100, || true);
        for n in 0..100_000u32 {
            cache.offer(&n.to_be_bytes(), 1, row(n), 100, || true);
            assert_eq!(get(&cache, "hot", 1), Some(Some(7)), "after {n}");
        }
        let (_, _, bytes) = cache.stats();
        assert!(bytes <= SHARDS * 10_000, "{bytes}");
        for shard in &cache.shards {
            let shard = shard.lock().unwrap();
            assert_eq!(shard.clock.len(), shard.entries.len());
            assert_eq!(shard.bytes, shard.entries.values().map(|entry| entry.bytes).sum::<usize>());
        }
        cache.offer(b"hot", 1, row(8), 9_000, || true);
        assert_eq!(get(&cache, "hot", 1), None, "too large for a place");
    }
}
