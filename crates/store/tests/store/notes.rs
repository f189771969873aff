//! Notes: what is known from a commit on, and no longer than the process lives.

use std::sync::Arc;

use store::{Memory, Store, Txn};

fn noted(txn: &Txn, key: &str) -> Option<u32> {
    txn.noted::<u32>(key.as_bytes()).map(|note| *note)
}

#[test]
fn a_note_is_known_from_its_commit_on_and_no_row() {
    let store = Store::open(Memory::new()).unwrap();
    let mut txn = store.begin();
    txn.note(b"k", Some(Arc::new(1_u32)));
    assert_eq!(noted(&txn, "k"), Some(1), "its own transaction knows it");
    assert_eq!(noted(&store.begin(), "k"), None, "others do not yet");
    let dropped = store.begin();
    store.commit_blocking(txn).unwrap();
    assert_eq!(noted(&dropped, "k"), Some(1));
    assert_eq!(store.begin().get(b"k").unwrap(), None);
    let mut txn = store.begin();
    txn.note(b"k", None::<Arc<u32>>);
    store.commit_blocking(txn).unwrap();
    assert_eq!(noted(&store.begin(), "k"), None);
}

#[test]
fn nothing_is_noted_of_a_transaction_that_conflicts() {
    let store = Store::open(Memory::new()).unwrap();
    let mut late = store.begin();
    late.get(b"row").unwrap();
    late.put(b"other", "1");
    late.note(b"k", Some(Arc::new(1_u32)));
    let mut first = store.begin();
    first.put(b"row", "1");
    store.commit_blocking(first).unwrap();
    store.commit_blocking(late).unwrap_err();
    assert_eq!(noted(&store.begin(), "k"), None);
}

#[test]
fn the_note_of_the_later_transaction_stays() {
    let store = Store::open(Memory::new()).unwrap();
    let note = |value: u32, writes: bool| {
        let mut txn = store.begin();
        if writes {
            txn.put(b"row", value.to_string());
        }
        txn.note(b"k", Some(Arc::new(value)));
        txn
    };
    let early = note(1, false);
    store.commit_blocking(note(2, true)).unwrap();
    store.commit_blocking(early).unwrap();
    assert_eq!(noted(&store.begin(), "k"), Some(2));
}
