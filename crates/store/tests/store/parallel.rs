//! Many threads at once, and what must still be true.

use std::sync::atomic::{AtomicBool, Ordering};

use store::{CommitError, KeyRange, LogId, LogRead, Order, Store, StoreError, Txn};

use crate::sim::Random;

const THREADS: u64 = 8;
const LOG: LogId = LogId(1);

/// Runs a transaction until it does not conflict.
fn run<T>(store: &Store, mut act: impl FnMut(&mut Txn) -> T) -> T {
    loop {
        let mut txn = store.begin();
        let result = act(&mut txn);
        match store.commit_blocking(txn) {
            Ok(_) => return result,
            Err(CommitError::Conflict) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn number(txn: &mut Txn, key: &[u8]) -> i64 {
    let value = txn.get(key).unwrap();
    value.map_or(0, |value| String::from_utf8(value.to_vec()).unwrap().parse().unwrap())
}

fn in_threads(act: impl Fn(Random) + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let act = &act;
            scope.spawn(move || act(Random(thread)));
        }
    });
}

pub(crate) fn transfers_keep_the_sum(store: Store) {
    const ACCOUNTS: u64 = 6;
    let account = |n: u64| format!("account/{n}").into_bytes();
    run(&store, |txn| (0..ACCOUNTS).for_each(|n| txn.put(&account(n), "100")));
    let sum = |store: &Store| {
        let rows = store.begin().scan(&KeyRange::prefix(b"account/"), Order::Forward, 100).unwrap();
        rows.iter().map(|(_, v)| std::str::from_utf8(v).unwrap().parse::<i64>().unwrap()).sum::<i64>()
    };
    in_threads(|mut random| {
        for _ in 0..100 {
            let (from, to, amount) =
                (random.below(ACCOUNTS), random.below(ACCOUNTS), random.below(20) as i64);
            run(&store, |txn| {
                let balance = number(txn, &account(from)) - amount;
                if balance >= 0 {
                    txn.put(&account(from), balance.to_string());
                    let balance = number(txn, &account(to)) + amount;
                    txn.put(&account(to), balance.to_string());
                }
            });
            assert_eq!(sum(&store), 100 * ACCOUNTS as i64);
        }
    });
    assert_eq!(sum(&store), 100 * ACCOUNTS as i64);
}

pub(crate) fn counters_count_everything(store: Store) {
    in_threads(|mut random| {
        for _ in 0..100 {
            let key = [b'c', random.below(3) as u8];
            run(&store, |txn| {
                let count = number(txn, &key) + 1;
                txn.put(&key, count.to_string());
                // As many rows as the counters say, which a reader of a range checks below.
                txn.put(format!("each/{}/{count:04}", key[1]).as_bytes(), "");
            });
            let mut txn = store.begin();
            let rows = txn.scan(&KeyRange::prefix(b"each/"), Order::Reverse, 10_000).unwrap().len();
            let counted: i64 = (0..3).map(|n| number(&mut txn, &[b'c', n])).sum();
            assert_eq!(rows as i64, counted);
        }
    });
    let mut txn = store.begin();
    assert_eq!((0..3).map(|n| number(&mut txn, &[b'c', n])).sum::<i64>(), 100 * THREADS as i64);
}

/// Strict serializability of transactions that read and append: the log has the order of the commits, so a record
/// that says what its transaction read must agree with the last change before it in the log.
pub(crate) fn the_log_tells_what_was_true(store: Store) {
    in_threads(|mut random| {
        for _ in 0..150 {
            let changes = random.one_in(6);
            let value = random.below(1_000_000);
            run(&store, |txn| {
                let decoded = txn.get_decoded(b"k", |bytes| Ok::<_, StoreError>(bytes.to_vec())).unwrap();
                let read = decoded.map_or_else(Vec::new, |value| value.to_vec());
                if changes {
                    txn.put(b"k", value.to_string());
                    txn.append(LOG, format!("set {value}"));
                } else {
                    txn.append(LOG, [b"saw ", &read[..]].concat());
                }
            });
        }
    });
    let mut now = String::new();
    let mut position = 0;
    loop {
        let records = store.log().read(LOG, LogRead::forward(position, 100)).unwrap();
        let Some((last, _)) = records.last() else { break };
        position = last + 1;
        for (at, record) in &records {
            match std::str::from_utf8(record).unwrap().split_once(' ').unwrap() {
                ("set", value) => now = value.into(),
                (_, value) => assert_eq!(value, now, "record {at}"),
            }
        }
    }
    assert_eq!(position, 150 * THREADS);
}

/// Whatever the cache gives must be what the engine has at the same snapshot, also in transactions that will conflict.
pub(crate) fn the_cache_never_disagrees(store: Store) {
    let done = AtomicBool::new(false);
    let keys: Vec<Vec<u8>> = (0..5).map(|n| vec![b'k', n]).collect();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (store, keys, done) = (&store, &keys, &done);
            scope.spawn(move || {
                let mut random = Random(thread);
                for n in 0..400u64 {
                    let key = &keys[random.below(keys.len() as u64) as usize];
                    run(store, |txn| match random.below(4) {
                        0 => txn.delete(key),
                        1 => txn.put_decoded(
                            key,
                            n.to_string(),
                            std::sync::Arc::new(n.to_string().into_bytes()),
                        ),
                        _ => txn.put(key, (n * 2 + thread).to_string()),
                    });
                }
                done.store(true, Ordering::Release);
            });
        }
        for thread in 0..3 {
            let (store, keys, done) = (&store, &keys, &done);
            scope.spawn(move || {
                let mut random = Random(100 + thread);
                let mut held = store.begin();
                while !done.load(Ordering::Acquire) {
                    if random.one_in(4) {
                        held = store.begin();
                    }
                    let key = &keys[random.below(keys.len() as u64) as usize];
                    let cached = held.get_decoded(key, |bytes| Ok::<_, StoreError>(bytes.to_vec())).unwrap();
                    let stored = held.get(key).unwrap();
                    assert_eq!(cached.as_deref().map(Vec::as_slice), stored.as_deref());
                }
            });
        }
    });
}
