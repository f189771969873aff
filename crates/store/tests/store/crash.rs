//! Whatever fails and whenever the power goes: what was acknowledged is there, the rest wholly or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use store::{CommitError, Embedded, KeyRange, LogId, LogRead, Order, Store, StoreError};

use crate::sim::{Failure, Random, SimDisk};
use crate::{TINY, witness};

/// What should be in a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Model {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    logs: BTreeMap<u32, Log>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Log {
    first: u64,
    next: u64,
    records: BTreeMap<u64, Vec<u8>>,
}

#[derive(Debug, Clone)]
enum Change {
    Put(u8, u16),
    Delete(u8),
    Append(u8, u16),
    Retain(u8, u8),
}

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Change>),
    /// Close the store properly and open it again.
    Close,
    /// Let go of the store without closing it, and open it again.
    Drop,
    /// The process is killed, without any operation failing before.
    Kill,
    /// The power goes, without any operation failing before.
    PowerCut,
    /// From now on one operation of the disk will fail, after so many others.
    FailAfter(u8, Failure),
    /// One operation will fail, after so many others of when the store is opened the next time.
    FailOpening(u8, Failure),
}

const LOGS: u8 = 3;

fn key(n: u8) -> Vec<u8> {
    format!("key/{:02}", n % 24).into_bytes()
}

fn content(n: u16) -> Vec<u8> {
    vec![n.to_le_bytes()[0]; usize::from(n % 700)]
}

impl Model {
    fn read(store: &Store) -> Model {
        let mut txn = store.begin();
        let rows = txn.scan(&KeyRange::all(), Order::Forward, 1000).unwrap();
        let mut reversed = txn.scan(&KeyRange::all(), Order::Reverse, 1000).unwrap();
        reversed.reverse();
        assert_eq!(rows, reversed);
        for n in 0..24 {
            let found = rows.iter().find(|(k, _)| *k == key(n)).map(|(_, value)| value.clone());
            assert_eq!(txn.get(&key(n)).unwrap(), found);
        }
        let logs = (0..LOGS).map(|id| {
            let log = LogId(u32::from(id));
            let (first, next) = txn.log_bounds(log);
            let records = txn.read_log(log, LogRead::forward(0, usize::MAX)).unwrap();
            let mut reversed = txn.read_log(log, LogRead::reverse(u64::MAX, usize::MAX)).unwrap();
            reversed.reverse();
            assert_eq!(records, reversed);
            let records = records.into_iter().map(|(at, record)| (at, record.to_vec())).collect();
            (u32::from(id), Log { first, next, records })
        });
        let rows = rows.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
        Model { rows, logs: logs.collect() }
    }

    fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            match *change {
                Change::Put(k, value) => drop(self.rows.insert(key(k), content(value))),
                Change::Delete(k) => drop(self.rows.remove(&key(k))),
                Change::Append(id, record) => {
                    let log = self.logs.entry(u32::from(id % LOGS)).or_default();
                    log.records.insert(log.next, content(record));
                    log.next += 1;
                }
                Change::Retain(..) => {}
            }
        }
        // A transaction lets go of records after it appended its own.
        for change in changes {
            if let Change::Retain(id, back) = *change {
                let log = self.logs.entry(u32::from(id % LOGS)).or_default();
                log.first = log.first.max(log.next.saturating_sub(u64::from(back)));
                log.records = log.records.split_off(&log.first);
            }
        }
    }

    fn commit(&self, store: &Store, changes: &[Change]) -> Result<(), CommitError> {
        let mut after = self.clone();
        after.apply(changes);
        let mut txn = store.begin();
        for change in changes {
            match *change {
                Change::Put(k, value) => txn.put(&key(k), content(value)),
                Change::Delete(k) => txn.delete(&key(k)),
                Change::Append(id, record) => txn.append(LogId(u32::from(id % LOGS)), content(record)),
                Change::Retain(id, back) => {
                    let id = u32::from(id % LOGS);
                    txn.retain_log(LogId(id), after.logs[&id].next.saturating_sub(u64::from(back)));
                }
            }
        }
        store.commit_blocking(txn).map(|_| ())
    }
}

fn open(disk: &SimDisk) -> Result<Store, StoreError> {
    Store::open(Embedded::open_on(Arc::new(disk.clone()), TINY, witness())?)
}

/// Runs steps, restarting after every failure, and compares what is found with what should be there.
fn check(seed: u64, steps: &[Step]) {
    let mut disk = SimDisk::new(seed);
    let mut random = Random(seed);
    // After a failure the process ends, and now and then the power goes as well.
    let mut found = |disk: &SimDisk| if random.one_in(2) { disk.kill() } else { disk.crash() };
    let mut store = open(&disk).unwrap();
    let mut model =
        Model { logs: (0..LOGS).map(|id| (u32::from(id), Log::default())).collect(), ..Model::default() };
    let mut at_opening = None;
    for step in steps {
        let mut maybe = None;
        let works = match step {
            Step::Commit(changes) => {
                let mut after = model.clone();
                after.apply(changes);
                match model.commit(&store, changes) {
                    Ok(()) => {
                        model = after;
                        true
                    }
                    Err(CommitError::Failed(_)) => {
                        maybe = Some(after);
                        let refused = model.commit(&store, &[Change::Put(0, 1)]);
                        assert!(
                            matches!(refused, Err(CommitError::Failed(StoreError::Poisoned(_)))),
                            "{refused:?}"
                        );
                        assert_eq!(Model::read(&store).rows, model.rows, "reads go on");
                        false
                    }
                    Err(CommitError::Conflict) => panic!("nobody else is there"),
                }
            }
            Step::Close => store.clone().close_blocking().is_ok(),
            Step::Drop => true,
            Step::Kill | Step::PowerCut => false,
            Step::FailAfter(operations, failure) => {
                disk.fail_after(u64::from(*operations), *failure);
                continue;
            }
            Step::FailOpening(operations, failure) => {
                at_opening = Some((u64::from(*operations), *failure));
                continue;
            }
        };
        if works && matches!(step, Step::Commit(_)) {
            continue;
        }
        if works {
            drop(store);
        } else {
            let crashed = match step {
                Step::Kill => disk.kill(),
                Step::PowerCut => disk.crash(),
                _ => found(&disk),
            };
            drop(store);
            disk = crashed;
        }
        if let Some((operations, failure)) = at_opening.take() {
            disk.fail_after(operations, failure);
        }
        store = loop {
            match open(&disk) {
                Ok(store) => break store,
                // The failure that was still to come hit the opening. It hits only once.
                Err(StoreError::Io { .. }) => disk = found(&disk),
                Err(error) => panic!("{error}"),
            }
        };
        let read = Model::read(&store);
        match maybe {
            Some(after) if read == after => model = after,
            _ => assert_eq!(read, model, "after {step:?}"),
        }
    }
    drop(store);
}

fn step() -> impl Strategy<Value = Step> {
    let change = prop_oneof![
        4 => (any::<u8>(), any::<u16>()).prop_map(|(k, value)| Change::Put(k, value)),
        2 => any::<u8>().prop_map(Change::Delete),
        4 => (any::<u8>(), any::<u16>()).prop_map(|(log, record)| Change::Append(log, record)),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(log, back)| Change::Retain(log, back)),
    ];
    let failure = prop_oneof![
        Just(Failure::PowerCut),
        Just(Failure::Killed),
        Just(Failure::IoError),
        Just(Failure::DiskFull)
    ];
    let when = (any::<u8>(), failure);
    prop_oneof![
        20 => prop::collection::vec(change, 1..8).prop_map(Step::Commit),
        1 => Just(Step::Close),
        1 => Just(Step::Drop),
        1 => Just(Step::Kill),
        1 => Just(Step::PowerCut),
        2 => when.clone().prop_map(|(operations, failure)| Step::FailAfter(operations, failure)),
        1 => when.prop_map(|(operations, failure)| Step::FailOpening(operations % 16, failure)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_was_acknowledged_survives(seed: u64, steps in prop::collection::vec(step(), 1..120)) {
        check(seed, &steps);
    }
}

/// The same few steps with the power going at every single operation of the disk, and each of them failing.
#[test]
fn every_operation_may_fail() {
    let commit =
        |n: u8| Step::Commit(vec![Change::Put(n, 600), Change::Append(0, 500), Change::Append(1, 5)]);
    let mut rest: Vec<_> = (0..9).map(commit).collect();
    rest.extend([Step::Commit(vec![Change::Delete(3), Change::Retain(0, 2)]), Step::Close]);
    rest.extend((0..9).map(commit));
    rest.push(Step::PowerCut);
    for failure in [Failure::PowerCut, Failure::Killed, Failure::IoError, Failure::DiskFull] {
        for operation in 0..120 {
            let mut steps = vec![Step::FailAfter(operation, failure)];
            steps.extend_from_slice(&rest);
            check(u64::from(operation), &steps);
        }
    }
}

/// The process is killed at every operation, and when the next one opens what it left, the power goes at every operation: what the
/// system had not made durable for the first is durable before the second builds on it.
#[test]
fn every_operation_may_be_the_last_of_two_processes() {
    let commit = |n: u8| Step::Commit(vec![Change::Put(n, 600), Change::Append(0, 500)]);
    for killed in 0..60 {
        for cut in 0..12 {
            let mut steps =
                vec![Step::FailOpening(cut, Failure::PowerCut), Step::FailAfter(killed, Failure::Killed)];
            steps.extend((0..12).map(commit));
            steps.extend([Step::Close, Step::PowerCut]);
            check(u64::from(killed) * 12 + u64::from(cut), &steps);
        }
    }
}

/// The power goes while many commit at once.
#[test]
fn groups_are_whole() {
    const THREADS: u32 = 6;
    for seed in 0..40 {
        let disk = SimDisk::new(seed);
        let store = open(&disk).unwrap();
        disk.fail_after(40 + seed * 3, Failure::PowerCut);
        let acknowledged: Vec<AtomicU64> = (0..THREADS).map(|_| AtomicU64::new(0)).collect();
        std::thread::scope(|scope| {
            for (thread, acknowledged) in (0..THREADS).zip(&acknowledged) {
                let store = &store;
                scope.spawn(move || {
                    for n in 1.. {
                        let mut txn = store.begin();
                        txn.put(&thread.to_le_bytes(), n.to_string());
                        txn.append(LogId(thread), n.to_string());
                        txn.append(LogId(99), thread.to_string());
                        if store.commit_blocking(txn).is_err() {
                            return;
                        }
                        acknowledged.store(n, Ordering::Relaxed);
                    }
                });
            }
        });
        let crashed = disk.crash();
        drop(store);
        let store = open(&crashed).unwrap();
        let mut all = 0;
        for (thread, acknowledged) in (0..THREADS).zip(&acknowledged) {
            let acknowledged = acknowledged.load(Ordering::Relaxed);
            let records = store.log().bounds(LogId(thread)).1;
            assert!(records == acknowledged || records == acknowledged + 1, "{records} of {acknowledged}");
            let row = store.begin().get(&thread.to_le_bytes()).unwrap();
            assert_eq!(row.map(|row| row.to_vec()), (records > 0).then(|| records.to_string().into_bytes()));
            all += records;
        }
        assert_eq!(store.log().bounds(LogId(99)).1, all);
    }
}
