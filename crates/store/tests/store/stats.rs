//! What a store tells of itself.

use store::{CommitError, Stats, Store, StoreError};

use crate::sim::{Failure, SimDisk};
use crate::simulated;

fn commit(store: &Store, n: u32) -> Result<(), CommitError> {
    let mut txn = store.begin();
    txn.put(&n.to_be_bytes(), vec![7; 300]);
    txn.append(store::LogId(1), vec![8; 300]);
    store.commit_blocking(txn).map(drop)
}

#[test]
fn journal_and_checkpoints_are_told() {
    let disk = SimDisk::new(1);
    let store = simulated(&disk);
    assert_eq!((store.stats().engine.journal_segments, store.stats().engine.unsaved_bytes), (0, 0));
    commit(&store, 0).unwrap();
    let engine = store.stats().engine;
    assert_eq!((engine.journal_segments, engine.checkpoints), (1, 0));
    assert!(engine.journal_bytes > 600 && engine.journal_bytes < 1000, "{engine:?}");
    assert!(engine.unsaved_bytes >= 300, "{engine:?}");
    let mut most = 0;
    for n in 1..100 {
        commit(&store, n).unwrap();
        most = most.max(store.stats().engine.unsaved_bytes);
    }
    let Stats { engine, commits, groups, group_sizes, group_micros, waiting, poisoned, .. } = store.stats();
    // All of it is in the journal, as its records are; most rows are in the tables.
    assert!(engine.journal_bytes > 100 * 600 && engine.journal_segments > 10, "{engine:?}");
    assert!(engine.checkpoints > 3 && most < 20_000, "{engine:?}, {most}");
    assert_eq!((commits, groups, group_sizes.sum, waiting, poisoned), (100, 100, 100, 0, false));
    assert_eq!(group_sizes.classes[0], (1, 100));
    assert_eq!(group_micros.classes.iter().map(|(_, count)| count).sum::<u64>(), 100);
    drop(store);
    // What a start reads again is told as well.
    let store = simulated(&disk);
    let again = store.stats().engine;
    assert_eq!(again.journal_segments, engine.journal_segments);
    assert_eq!((again.checkpoints, store.stats().commits), (0, 0));
}

#[test]
fn a_failed_write_is_told() {
    let disk = SimDisk::new(2);
    let store = simulated(&disk);
    commit(&store, 0).unwrap();
    assert!(!store.stats().poisoned);
    disk.fail_after(0, Failure::DiskFull);
    assert!(commit(&store, 1).is_err());
    assert!(store.stats().poisoned);
    assert!(matches!(commit(&store, 2), Err(CommitError::Failed(StoreError::Poisoned(_)))));
    assert_eq!((store.stats().commits, store.stats().groups), (1, 1));
}
