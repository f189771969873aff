//! What every store does, whatever its engine.

use std::sync::Arc;

use bytes::Bytes;
use store::{
    CommitError, KEY_BYTES_MAX, KeyRange, LogId, LogRead, Order, RECORD_BYTES_MAX, Store, StoreError,
    TXN_BYTES_MAX, Txn, VALUE_BYTES_MAX,
};

/// Runs all tests of this file, and those of `parallel`, over the stores that an expression makes.
#[macro_export]
macro_rules! store_suite {
    ($engine:ident: $open:expr) => {
        mod $engine {
            use super::*;
            $crate::store_suite!(@tests $open;
                suite::snapshots_do_not_change, suite::own_writes_come_first, suite::scans_merge_and_page,
                suite::conflicts_are_found, suite::only_what_was_walked_conflicts, suite::write_skew_is_refused,
                suite::blind_writes_and_appends_never_conflict, suite::logs_are_read_both_ways,
                suite::old_records_are_let_go, suite::decoded_rows_are_those_of_the_snapshot,
                suite::what_is_too_large_is_refused, suite::a_closed_store_refuses_commits,
                suite::a_full_queue_makes_callers_wait,
                parallel::transfers_keep_the_sum, parallel::counters_count_everything,
                parallel::the_log_tells_what_was_true, parallel::the_cache_never_disagrees
            );
        }
    };
    (@tests $open:expr; $($module:ident::$test:ident),*) => {$(
        #[test]
        fn $test() {
            let scratch = tempfile::tempdir().unwrap();
            let open: fn(&std::path::Path) -> store::Store = $open;
            $crate::$module::$test(open(&scratch.path().join("data")));
        }
    )*};
}

const LOG: LogId = LogId(7);

/// Commits what a closure does.
pub(crate) fn commit(store: &Store, act: impl FnOnce(&mut Txn)) -> Result<store::Committed, CommitError> {
    let mut txn = store.begin();
    act(&mut txn);
    store.commit_blocking(txn)
}

fn scan(txn: &mut Txn, range: &KeyRange, order: Order, limit: usize) -> String {
    let rows = txn.scan(range, order, limit).unwrap();
    let show = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    rows.iter().map(|(key, value)| format!("{}={}", show(key), show(value))).collect::<Vec<_>>().join(" ")
}

pub(crate) fn snapshots_do_not_change(store: Store) {
    commit(&store, |txn| txn.put(b"a", "1")).unwrap();
    let mut before = store.begin();
    let committed = commit(&store, |txn| {
        txn.put(b"a", "2");
        txn.put(b"b", "2");
    });
    for n in 0..200 {
        commit(&store, |txn| txn.put(b"a", vec![b'x'; n])).unwrap();
    }
    commit(&store, |txn| txn.delete(b"a")).unwrap();
    assert_eq!(before.get(b"a").unwrap().as_deref(), Some(&b"1"[..]));
    assert_eq!(before.get(b"b").unwrap(), None);
    assert_eq!(scan(&mut before, &KeyRange::all(), Order::Forward, 9), "a=1");
    let mut after = store.begin();
    assert_eq!(after.get(b"a").unwrap(), None);
    assert_eq!(scan(&mut after, &KeyRange::all(), Order::Reverse, 9), "b=2");
    assert!(before.version() < committed.unwrap().version && after.version() > before.version());
    let version = after.version();
    assert_eq!(store.commit_blocking(after).unwrap().version, version, "reads alone need no commit");
    assert_eq!(store.commit_blocking(before).unwrap().positions, []);
}

pub(crate) fn own_writes_come_first(store: Store) {
    commit(&store, |txn| {
        txn.put(b"a", "old");
        txn.put(b"b", "old");
    })
    .unwrap();
    let mut txn = store.begin();
    txn.put(b"a", "new");
    txn.delete(b"b");
    txn.put_decoded(b"c", "3", Arc::new(3u8));
    assert_eq!(txn.get(b"a").unwrap().as_deref(), Some(&b"new"[..]));
    assert_eq!(txn.get(b"b").unwrap(), None);
    let decode = |bytes: &[u8]| Ok::<_, StoreError>(bytes.len());
    assert_eq!(txn.get_decoded(b"a", decode).unwrap().as_deref(), Some(&3));
    assert_eq!(txn.get_decoded(b"b", decode).unwrap(), None);
    let decoded = txn.get_decoded(b"c", |_| -> Result<u8, StoreError> { panic!("it is at hand") });
    assert_eq!(decoded.unwrap().as_deref(), Some(&3));
    // Another changes the same rows: nothing of them was read, so there is no conflict, and the later commit holds.
    commit(&store, |txn| txn.put(b"a", "other")).unwrap();
    store.commit_blocking(txn).unwrap();
    assert_eq!(scan(&mut store.begin(), &KeyRange::all(), Order::Forward, 9), "a=new c=3");
}

pub(crate) fn scans_merge_and_page(store: Store) {
    for key in ["a", "b", "c", "d", "e", "f"] {
        commit(&store, |txn| txn.put(key.as_bytes(), "0")).unwrap();
    }
    commit(&store, |txn| txn.delete(b"d")).unwrap();
    let mut txn = store.begin();
    txn.put(b"bb", "1");
    txn.put(b"c", "1");
    txn.delete(b"e");
    txn.put(b"g", "1");
    let all = KeyRange::all();
    assert_eq!(scan(&mut txn, &all, Order::Forward, 9), "a=0 b=0 bb=1 c=1 f=0 g=1");
    assert_eq!(scan(&mut txn, &all, Order::Reverse, 9), "g=1 f=0 c=1 bb=1 b=0 a=0");
    assert_eq!(scan(&mut txn, &all, Order::Forward, 3), "a=0 b=0 bb=1");
    assert_eq!(scan(&mut txn, &all.clone().after(b"bb"), Order::Forward, 2), "c=1 f=0");
    assert_eq!(scan(&mut txn, &all.clone().before(b"f"), Order::Reverse, 2), "c=1 bb=1");
    assert_eq!(scan(&mut txn, &KeyRange::prefix(b"b"), Order::Forward, 9), "b=0 bb=1");
    assert_eq!(scan(&mut txn, &KeyRange::between(b"b", b"f"), Order::Forward, 9), "b=0 bb=1 c=1");
    assert_eq!(scan(&mut txn, &KeyRange::between(b"f", b"b"), Order::Forward, 9), "");
    assert_eq!(scan(&mut txn, &all, Order::Forward, 0), "");
}

pub(crate) fn conflicts_are_found(store: Store) {
    commit(&store, |txn| txn.put(b"k5", "v")).unwrap();
    type Act = fn(&mut Txn);
    let cases: [(&str, Act, Act, bool); 9] = [
        ("same key", |t| drop(t.get(b"k5")), |t| t.put(b"k5", "w"), true),
        ("absent key", |t| drop(t.get(b"k6")), |t| t.put(b"k6", "w"), true),
        ("deleted key", |t| drop(t.get(b"k5")), |t| t.delete(b"k5"), true),
        ("other key", |t| drop(t.get(b"k5")), |t| t.put(b"k7", "w"), false),
        (
            "new in range",
            |t| drop(t.scan(&KeyRange::prefix(b"k"), Order::Forward, 99)),
            |t| t.put(b"k1", "w"),
            true,
        ),
        (
            "outside range",
            |t| drop(t.scan(&KeyRange::prefix(b"k"), Order::Forward, 99)),
            |t| t.put(b"l", "w"),
            false,
        ),
        ("append", |t| drop(t.get(b"k5")), |t| t.append(LOG, "r"), false),
        (
            "decoded",
            |t| drop(t.get_decoded(b"k5", |b| Ok::<_, StoreError>(b.len()))),
            |t| t.put(b"k5", "ww"),
            true,
        ),
        ("own write", |t| t.put(b"k5", "mine"), |t| t.put(b"k5", "theirs"), false),
    ];
    for (name, read, write, conflicts) in cases {
        let mut txn = store.begin();
        read(&mut txn);
        txn.put(b"result", name.to_owned());
        let append_only = {
            let mut txn = store.begin();
            read(&mut txn);
            txn.append(LOG, name.to_owned());
            txn
        };
        let records = store.log().bounds(LOG).1;
        commit(&store, write).unwrap();
        let own = u64::from(name == "append");
        for txn in [txn, append_only] {
            let result = store.commit_blocking(txn);
            match result {
                Err(CommitError::Conflict) => assert!(conflicts, "{name}"),
                result => assert!(!conflicts && result.is_ok(), "{name}: {result:?}"),
            }
        }
        let written = store.begin().get(b"result").unwrap().is_some_and(|value| *value == *name.as_bytes());
        assert_eq!(written, !conflicts, "{name}");
        assert_eq!(store.log().bounds(LOG).1 - records - own, u64::from(!conflicts), "{name}");
    }
    assert_eq!(store.stats().conflicts, 10);
}

pub(crate) fn only_what_was_walked_conflicts(store: Store) {
    for key in ["a", "c", "e", "g"] {
        commit(&store, |txn| txn.put(key.as_bytes(), "0")).unwrap();
    }
    for (order, write, conflicts) in [
        (Order::Forward, "b", true),
        (Order::Forward, "c", true),
        (Order::Forward, "d", false),
        (Order::Reverse, "f", true),
        (Order::Reverse, "e", true),
        (Order::Reverse, "d", false),
    ] {
        let mut txn = store.begin();
        assert_eq!(txn.scan(&KeyRange::all(), order, 2).unwrap().len(), 2);
        txn.append(LOG, "read");
        let undo = store.begin().get(write.as_bytes()).unwrap();
        commit(&store, |txn| txn.put(write.as_bytes(), "1")).unwrap();
        let result = store.commit_blocking(txn);
        assert_eq!(matches!(result, Err(CommitError::Conflict)), conflicts, "{order:?} {write}: {result:?}");
        commit(&store, |txn| match undo {
            Some(value) => txn.put(write.as_bytes(), value),
            None => txn.delete(write.as_bytes()),
        })
        .unwrap();
    }
}

pub(crate) fn write_skew_is_refused(store: Store) {
    // Two on duty, each leaves if the other stays: one of them must stay.
    commit(&store, |txn| ["x", "y"].iter().for_each(|k| txn.put(k.as_bytes(), "on"))).unwrap();
    let leave = |who: &[u8], other: &[u8]| {
        let mut txn = store.begin();
        if txn.get(other).unwrap().as_deref() == Some(b"on") {
            txn.put(who, "off");
        }
        txn
    };
    let (x, y) = (leave(b"x", b"y"), leave(b"y", b"x"));
    store.commit_blocking(x).unwrap();
    assert!(matches!(store.commit_blocking(y), Err(CommitError::Conflict)));
}

pub(crate) fn blind_writes_and_appends_never_conflict(store: Store) {
    let txns: Vec<_> = (0..20u32)
        .map(|n| {
            let mut txn = store.begin();
            txn.put(b"k", n.to_string());
            txn.append(LOG, n.to_string());
            txn.append(LogId(8), "x");
            txn.append(LOG, "second");
            txn
        })
        .collect();
    let mut version = 0;
    for (n, txn) in (0..).zip(txns) {
        let committed = store.commit_blocking(txn).unwrap();
        assert_eq!(committed.positions, [(LOG, 2 * n), (LogId(8), n), (LOG, 2 * n + 1)]);
        assert!(committed.version > version);
        version = committed.version;
    }
    assert_eq!(store.begin().get(b"k").unwrap().as_deref(), Some(&b"19"[..]));
    assert_eq!(store.log().bounds(LOG), (0, 40));
}

pub(crate) fn logs_are_read_both_ways(store: Store) {
    let record = |n: u64| format!("{n:0>width$}", width = 1 + (n as usize * 37) % 300);
    for n in 0..300 {
        commit(&store, |txn| {
            txn.append(LOG, record(n));
            if n % 3 == 0 {
                txn.append(LogId(1), "noise");
                txn.put(format!("row{n}").as_bytes(), "row");
            }
        })
        .unwrap();
    }
    let txn = store.begin();
    assert_eq!(txn.log_bounds(LOG), (0, 300));
    assert_eq!(txn.log_bounds(LogId(99)), (0, 0));
    let positions = |read| {
        let found = txn.read_log(LOG, read).unwrap();
        found.iter().for_each(|(at, bytes)| assert_eq!(*bytes, record(*at)));
        found.into_iter().map(|(at, _)| at).collect::<Vec<_>>()
    };
    assert_eq!(positions(LogRead::forward(0, 1000)), (0..300).collect::<Vec<_>>());
    assert_eq!(positions(LogRead::reverse(u64::MAX, 1000)), (0..300).rev().collect::<Vec<_>>());
    assert_eq!(positions(LogRead::forward(123, 3)), [123, 124, 125]);
    assert_eq!(positions(LogRead::reverse(123, 3)), [123, 122, 121]);
    assert_eq!(positions(LogRead::reverse(1, 3)), [1, 0]);
    assert_eq!(positions(LogRead::forward(300, 3)), [] as [u64; 0]);
    assert_eq!(positions(LogRead::forward(5, 0)), [] as [u64; 0]);
    let bytes = record(10).len() + record(11).len();
    assert_eq!(positions(LogRead { bytes_max: bytes, ..LogRead::forward(10, 9) }), [10, 11]);
    assert_eq!(positions(LogRead { bytes_max: bytes, ..LogRead::reverse(11, 9) }), [11, 10]);
    assert_eq!(positions(LogRead { bytes_max: 0, ..LogRead::forward(20, 9) }), [20]);
    assert_eq!(store.log().read(LogId(99), LogRead::reverse(5, 9)).unwrap(), []);
}

pub(crate) fn old_records_are_let_go(store: Store) {
    for n in 0..200u32 {
        commit(&store, |txn| txn.append(LOG, vec![n as u8; 100])).unwrap();
    }
    commit(&store, |txn| txn.retain_log(LOG, 120)).unwrap();
    commit(&store, |txn| txn.retain_log(LOG, 50)).unwrap();
    let log = store.log();
    assert_eq!(log.bounds(LOG), (120, 200));
    assert_eq!(log.read(LOG, LogRead::forward(0, 1)).unwrap().first().map(|(at, _)| *at), Some(120));
    assert_eq!(log.read(LOG, LogRead::reverse(120, 9)).unwrap().len(), 1);
    assert_eq!(log.read(LOG, LogRead::reverse(119, 9)).unwrap(), []);
    let committed = commit(&store, |txn| {
        txn.append(LOG, "last");
        txn.retain_log(LOG, u64::MAX);
    });
    assert_eq!(committed.unwrap().positions, [(LOG, 200)]);
    assert_eq!(log.bounds(LOG), (201, 201));
    assert_eq!(log.read(LOG, LogRead::reverse(u64::MAX, 9)).unwrap(), []);
    assert_eq!(commit(&store, |txn| txn.append(LOG, "next")).unwrap().positions, [(LOG, 201)]);
}

pub(crate) fn decoded_rows_are_those_of_the_snapshot(store: Store) {
    let read = |txn: &mut Txn| {
        let row =
            txn.get_decoded(b"k", |bytes| Ok::<_, StoreError>(String::from_utf8(bytes.to_vec()).unwrap()));
        row.unwrap().map(|row| (*row).clone())
    };
    let mut empty = store.begin();
    assert_eq!(read(&mut empty), None);
    commit(&store, |txn| txn.put(b"k", "one")).unwrap();
    let mut first = store.begin();
    commit(&store, |txn| txn.put_decoded(b"k", "two", Arc::new("two".to_owned()))).unwrap();
    let mut second = store.begin();
    for _ in 0..2 {
        assert_eq!(read(&mut second).as_deref(), Some("two"));
        assert_eq!(read(&mut first).as_deref(), Some("one"));
        assert_eq!(read(&mut empty), None);
    }
    let again = second.get_decoded(b"k", |_| -> Result<String, StoreError> { panic!("it is cached") });
    assert_eq!(again.unwrap().as_deref().map(String::as_str), Some("two"));
    // Asked for as another type, it is decoded again.
    let len = second.get_decoded(b"k", |bytes| Ok::<_, StoreError>(bytes.len()));
    assert_eq!(len.unwrap().as_deref(), Some(&3));
    #[derive(Debug)]
    struct Bad;
    impl From<StoreError> for Bad {
        fn from(_: StoreError) -> Bad {
            Bad
        }
    }
    commit(&store, |txn| txn.put(b"bad", "?")).unwrap();
    assert!(store.begin().get_decoded(b"bad", |_| Err::<u8, _>(Bad)).is_err());
    assert_eq!(store.begin().get_decoded(b"bad", |_| Ok::<_, Bad>(1u8)).unwrap().as_deref(), Some(&1));
    assert!(store.stats().cache_hits >= 2);
}

pub(crate) fn what_is_too_large_is_refused(store: Store) {
    let refused = |act: &dyn Fn(&mut Txn)| {
        let result = commit(&store, |txn| {
            txn.put(b"other", "1");
            act(txn);
        });
        matches!(result, Err(CommitError::Failed(StoreError::TooLarge { .. })))
    };
    assert!(refused(&|txn| txn.put(&[0; KEY_BYTES_MAX + 1], "")));
    assert!(refused(&|txn| txn.put(b"k", vec![0; VALUE_BYTES_MAX + 1])));
    assert!(refused(&|txn| txn.append(LOG, vec![0; RECORD_BYTES_MAX + 1])));
    assert!(refused(&|txn| (0..5u8).for_each(|n| txn.put(&[n], vec![0; TXN_BYTES_MAX / 5 + 1]))));
    assert_eq!(store.begin().get(b"other").unwrap(), None);
    let (key, value) = (vec![1; KEY_BYTES_MAX], vec![2; VALUE_BYTES_MAX]);
    commit(&store, |txn| {
        txn.put(&key, value.clone());
        txn.append(LOG, vec![3; RECORD_BYTES_MAX]);
        for _ in 0..3 {
            txn.put(b"again", vec![4; VALUE_BYTES_MAX]); // only the last counts
        }
        txn.put(b"", "the empty key");
    })
    .unwrap();
    let mut txn = store.begin();
    assert_eq!(txn.get(&key).unwrap().as_deref(), Some(&value[..]));
    assert_eq!(txn.get(b"").unwrap().as_deref(), Some(&b"the empty key"[..]));
    assert_eq!(txn.read_log(LOG, LogRead::forward(0, 1)).unwrap()[0].1.len(), RECORD_BYTES_MAX);
}

pub(crate) fn a_closed_store_refuses_commits(store: Store) {
    commit(&store, |txn| txn.put(b"k", "v")).unwrap();
    let mut txn = store.begin();
    assert_eq!(txn.get(b"k").unwrap().as_deref(), Some(&b"v"[..]));
    txn.put(b"k", "w");
    store.clone().close_blocking().unwrap();
    assert!(matches!(store.commit_blocking(txn), Err(CommitError::Failed(StoreError::Closed))));
    assert!(matches!(store.clone().close_blocking(), Err(StoreError::Closed)));
    assert_eq!(store.begin().get(b"k").unwrap().as_deref(), Some(&b"v"[..]), "reads go on");
}

pub(crate) fn a_full_queue_makes_callers_wait(store: Store) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut waiting = Vec::new();
        for n in 0..6000u32 {
            let store = store.clone();
            waiting.push(tokio::spawn(async move {
                let mut txn = store.begin();
                txn.append(LOG, n.to_string());
                store.commit(txn).await.unwrap().positions
            }));
        }
        let mut positions = Vec::new();
        for task in waiting {
            positions.push(task.await.unwrap()[0].1);
        }
        positions.sort_unstable();
        assert_eq!(positions, (0..6000).collect::<Vec<_>>());
    });
    assert_eq!(store.stats().commits, 6000);
    assert!(store.stats().groups < 6000, "commits share synchronizations");
}
