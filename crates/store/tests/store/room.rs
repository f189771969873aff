//! A disk that is nearly full.

use simdisk::SimDisk;
use store::{CommitError, LogId, Store, StoreError};

use crate::{RESERVE, simulated};

fn put(store: &Store, key: &[u8], reserve: bool) -> Result<(), CommitError> {
    let mut txn = store.begin();
    let count = txn.get(key)?.map_or(0, |count| count[0]);
    txn.put(key, vec![count + 1]);
    txn.append(LogId(0), "put");
    if reserve {
        txn.use_reserve();
    }
    store.commit_blocking(txn).map(drop)
}

/// The journal's files. What a checkpoint writes at the same time are others.
fn journal(disk: &SimDisk) -> Vec<Vec<u8>> {
    let names = disk.names().into_iter().filter(|name| name.ends_with(".journal"));
    names.map(|name| disk.contents(&name)).collect()
}

#[test]
fn without_room_nothing_is_begun_and_nothing_has_to_be_opened_anew() {
    let disk = SimDisk::new(1);
    let store = simulated(&disk);
    put(&store, b"a", false).unwrap();
    for _ in 0..3 {
        disk.set_free(RESERVE - 1);
        let journal = journal(&disk);
        for _ in 0..5 {
            let refused = put(&store, b"a", false);
            assert!(matches!(refused, Err(CommitError::Failed(StoreError::Full { .. }))), "{refused:?}");
        }
        assert!(store.is_full() && !store.has_failed());
        assert!(journal == self::journal(&disk), "something was written");
        assert!(store.begin().get(b"a").unwrap().is_some(), "reads go on");
        // Operators have the reserve.
        put(&store, b"a", true).unwrap();
        disk.set_free(RESERVE);
        assert!(store.is_full(), "until somebody looks");
        assert!(!store.room().is_short() && !store.is_full());
        put(&store, b"a", false).unwrap();
    }
    assert_eq!(store.begin().get(b"a").unwrap().unwrap()[0], 7);
    assert_eq!(store.log().bounds(LogId(0)), (0, 7));
    disk.set_free(0);
    store.close_blocking().unwrap();
    let store = simulated(&disk);
    assert_eq!(store.begin().get(b"a").unwrap().unwrap()[0], 7);
}
