//! One set of tests run over every engine, and tests of what happens when disks fail and systems go down.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "that is how a test fails")]
#![expect(clippy::cast_possible_truncation, reason = "small numbers")]

mod crash;
mod damage;
mod parallel;
mod suite;

use std::sync::Arc;

use simdisk as sim;
use store::{Embedded, Memory, Sizes, Store};

/// Sizes so small that segments end and checkpoints happen all the time.
const TINY: Sizes = Sizes { segment_bytes: 4096, changed_bytes: 1024, table_cache_bytes: 1 << 20 };

fn simulated(disk: &sim::SimDisk) -> Store {
    Store::open(Embedded::open_on(Arc::new(disk.clone()), TINY).unwrap()).unwrap()
}

store_suite!(memory: |_| Store::open(Memory::new()).unwrap());
store_suite!(directory: |path: &std::path::Path| Store::open(Embedded::open(path).unwrap()).unwrap());
store_suite!(simulated: |_| simulated(&sim::SimDisk::new(1)));
