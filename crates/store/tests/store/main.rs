//! One set of tests run over every engine, and tests of what happens when disks fail and systems go down.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "that is how a test fails")]
#![expect(clippy::cast_possible_truncation, reason = "small numbers")]

mod crash;
mod damage;
mod flips;
mod forge;
mod image;
mod losers;
mod notes;
mod parallel;
mod room;
mod stats;
mod suite;
mod verify;

use std::sync::Arc;

use aws_lc_rs::hmac;
use simdisk as sim;
use store::{Embedded, Memory, Sizes, Store, Witness};

/// Proves by a code under a key that whoever tampers in a test does not use.
#[derive(Debug)]
struct Keyed(hmac::Key);

impl Witness for Keyed {
    fn attest(&self, statement: &[u8]) -> Result<Vec<u8>, String> {
        Ok(hmac::sign(&self.0, statement).as_ref().to_vec())
    }

    fn confirms(&self, statement: &[u8], proof: &[u8]) -> bool {
        hmac::verify(&self.0, statement, proof).is_ok()
    }
}

fn witness() -> Arc<dyn Witness> {
    Arc::new(Keyed(hmac::Key::new(hmac::HMAC_SHA256, b"one store's own")))
}

/// Sizes so small that segments end and checkpoints happen all the time.
const TINY: Sizes =
    Sizes { segment_bytes: 4096, changed_bytes: 1024, table_cache_bytes: 1 << 20, reserve_bytes: RESERVE };
/// What is kept free of a disk.
const RESERVE: u64 = 1000;

fn simulated(disk: &sim::SimDisk) -> Store {
    Store::open(Embedded::open_on(Arc::new(disk.clone()), TINY, witness()).unwrap()).unwrap()
}

store_suite!(memory: |_| Store::open(Memory::new()).unwrap());
store_suite!(directory: |path: &std::path::Path| Store::open(Embedded::create(path, witness()).unwrap()).unwrap());
store_suite!(simulated: |_| simulated(&sim::SimDisk::new(1)));
