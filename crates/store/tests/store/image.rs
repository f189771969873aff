//! Images: whatever goes on meanwhile, they are one version of the store, from which it can be made again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use store::{
    Embedded, Head, Image, Inspector, KeyRange, LogId, LogRead, Moment, Order, Restoration, Store, StoreError,
};

use crate::sim::{Failure, SimDisk};
use crate::suite::commit;
use crate::{TINY, simulated, witness};

const LOG: LogId = LogId(4);

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

struct Anything;

impl Inspector for Anything {
    fn row(&mut self, _: &[u8], _: &[u8]) -> Result<(), String> {
        Ok(())
    }

    fn record(&mut self, _: LogId, _: &[u8]) -> Result<String, String> {
        Ok(String::new())
    }
}

/// The parts of an image.
fn copy(image: &Image) -> Vec<(String, Vec<u8>)> {
    let part = |name: String| {
        let mut bytes = Vec::new();
        image.write_part(&name, &mut Anything, &mut bytes).unwrap();
        (name, bytes)
    };
    image.parts().into_iter().map(part).collect()
}

fn restored(parts: &[(String, Vec<u8>)], head: &Head) -> SimDisk {
    let disk = SimDisk::new(2);
    let restoration = Restoration::create_on(Arc::new(disk.clone()), witness());
    parts.iter().for_each(|(name, bytes)| restoration.part(name, &mut &bytes[..]).unwrap());
    restoration.finish(head).unwrap();
    let (image, found) = Image::stopped(Arc::new(disk.clone()), witness()).unwrap();
    let report = image.verify(&mut Anything, &[], found).unwrap();
    assert!(report.findings.is_empty(), "{report:?}");
    assert_eq!(report.last, *head);
    disk
}

fn rows(store: &Store) -> Rows {
    let rows = store.begin().scan(&KeyRange::all(), Order::Forward, 10_000).unwrap();
    rows.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

/// Stops the writers, also when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn an_image_is_one_version_while_commits_go_on() {
    let store = simulated(&SimDisk::new(1));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let (store, stop) = (&store, &stop);
            scope.spawn(move || {
                for n in 0u64.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    if n % 10 == 0 {
                        std::thread::sleep(std::time::Duration::from_millis(1)); // the others want the processor, too
                    }
                    // The rows of a transaction agree, and agree with the log.
                    commit(store, |txn| {
                        txn.put(&[b'a', thread], n.to_le_bytes().to_vec());
                        txn.put(&[b'b', thread], n.to_le_bytes().to_vec());
                        txn.append(LogId(u32::from(thread)), vec![thread; 100]);
                        if n % 50 == 49 {
                            txn.retain_log(LogId(u32::from(thread)), n - 20); // so that segments are removed
                        }
                    })
                    .unwrap();
                }
            });
        }
        let _stop = Stop(&stop);
        let mut acknowledged = 0;
        for _ in 0..12 {
            while store.stats().commits < acknowledged + 40 {
                std::thread::yield_now();
            }
            acknowledged = store.stats().commits;
            let image = store.image_blocking().unwrap();
            assert!(image.head().version >= acknowledged);
            let again = simulated(&restored(&copy(&image), &image.head()));
            assert_eq!(again.begin().version(), image.head().version);
            let found = rows(&again);
            for thread in 0..4_u8 {
                assert_eq!(found.get(&vec![b'a', thread]), found.get(&vec![b'b', thread]));
                let records = again.log().bounds(LogId(u32::from(thread))).1;
                let last =
                    found.get(&vec![b'a', thread]).map(|n| u64::from_le_bytes(n[..].try_into().unwrap()));
                assert_eq!(records, last.map_or(0, |last| last + 1));
            }
        }
    });
}

#[test]
fn segments_are_removed_once_no_image_needs_them() {
    let disk = SimDisk::new(1);
    let store = simulated(&disk);
    let fill = || {
        for _ in 0..60 {
            commit(&store, |txn| txn.append(LOG, vec![7; 300])).unwrap();
        }
    };
    fill();
    let image = store.image_blocking().unwrap();
    commit(&store, |txn| txn.retain_log(LOG, 60)).unwrap();
    fill();
    assert_eq!(restored(&copy(&image), &image.head()).names().len(), image.parts().len() + 1);
    drop(image);
    fill();
    store.close_blocking().unwrap();
    assert!(!disk.names().contains(&"0000000000000001.journal".to_owned()));
}

#[test]
fn what_is_damaged_is_not_copied() {
    let disk = SimDisk::new(1);
    let fill = |store: &Store, commits: u8| {
        for n in 0..commits {
            commit(store, |txn| {
                txn.put(&[n % 5], vec![n; 100]);
                txn.append(LOG, vec![n; 100]);
            })
            .unwrap();
        }
    };
    fill(&simulated(&disk), 12);
    let store = simulated(&disk); // whose first segment is complete
    fill(&store, 6);
    let image = store.image_blocking().unwrap();
    let whole = copy(&image);
    let written = |name: &str, inspector: &mut dyn Inspector| {
        image.write_part(name, inspector, &mut Vec::new()).map_err(|error| error.to_string())
    };
    let segments = || whole.iter().filter(|(name, _)| name.ends_with(".journal"));
    assert!(segments().count() > 1);
    for (name, bytes) in segments() {
        for at in 0..bytes.len() as u64 {
            disk.damage(name, at, 1 << (at % 8));
            let error = written(name, &mut Anything).unwrap_err();
            assert!(error.contains(&format!("`{name}` ")), "byte {at} of {name}: {error}");
            disk.damage(name, at, 1 << (at % 8));
        }
        assert_eq!(written(name, &mut Anything), Ok(()));
    }
    // One whole segment in the place of another.
    let [(first, _), (second, _), ..] = &segments().collect::<Vec<_>>()[..] else { panic!("{image:?}") };
    let (one, two) = (disk.contents(first), disk.contents(second));
    disk.replace(second, one);
    assert_eq!(
        written(second, &mut Anything),
        Err(format!("`{second}` is damaged at byte 0: the segment does not follow on the one before"))
    );
    disk.replace(second, two);

    struct Nothing;
    impl Inspector for Nothing {
        fn row(&mut self, _: &[u8], _: &[u8]) -> Result<(), String> {
            Err("it was altered".into())
        }
        fn record(&mut self, _: LogId, _: &[u8]) -> Result<String, String> {
            Err("it was altered".into())
        }
    }
    let error = written("rows", &mut Nothing).unwrap_err();
    assert!(error.contains("`tables.redb` is damaged") && error.contains("it was altered"), "{error}");
    assert!(written("head", &mut Anything).unwrap_err().contains("a store has no such part"));
}

/// An image is read while disks fail and systems go down: the copy is right, or there is an error.
#[test]
fn a_crash_while_copying_harms_nothing() {
    for operations in 0..60 {
        let disk = SimDisk::new(operations);
        let store = simulated(&disk);
        for n in 0..20_u8 {
            commit(&store, |txn| {
                txn.put(&[n], vec![n; 50]);
                txn.append(LOG, vec![n; 100]);
            })
            .unwrap();
        }
        let image = store.image_blocking().unwrap();
        let expected = rows(&store);
        disk.fail_after(operations, Failure::PowerCut);
        let parts = copy(&image);
        let mut acknowledged = 20;
        while acknowledged < 40 && commit(&store, |txn| txn.append(LOG, vec![9; 100])).is_ok() {
            acknowledged += 1;
        }
        let crashed = disk.crash();
        let head = image.head();
        drop((store, image));
        assert_eq!(rows(&simulated(&restored(&parts, &head))), expected);
        assert!(simulated(&crashed).log().bounds(LOG).1 >= acknowledged);
        // And in the middle of making a store of it.
        let target = SimDisk::new(operations);
        target.fail_after(operations, Failure::PowerCut);
        let restoration = Restoration::create_on(Arc::new(target.clone()), witness());
        let mut done = parts.iter().try_for_each(|(name, bytes)| restoration.part(name, &mut &bytes[..]));
        done = done.and_then(|()| restoration.finish(&head));
        let target = target.crash();
        let opened =
            Embedded::open_on(Arc::new(target), TINY, witness()).map(|engine| Store::open(engine).unwrap());
        match opened {
            Ok(store) if done.is_ok() => assert_eq!(rows(&store), expected),
            Ok(store) => assert!(rows(&store) == expected || rows(&store).is_empty()),
            Err(error) => assert!(done.is_err(), "{error}"),
        }
    }
}

#[test]
fn other_parts_are_refused() {
    let store = simulated(&SimDisk::new(1));
    commit(&store, |txn| txn.put(b"k", "v")).unwrap();
    store.clone().close_blocking().unwrap();
    let restoration = Restoration::create_on(Arc::new(SimDisk::new(1)), witness());
    for name in ["", "tables.redb", "head", "../x", "1.journal"] {
        assert!(matches!(restoration.part(name, &mut &[][..]), Err(StoreError::Damaged { .. })), "{name}");
    }
    for bytes in [&[0; 10][..], &[0xff; 400]] {
        assert!(restoration.part("rows", &mut &bytes[..]).is_err());
    }
    assert!(matches!(
        Store::open(store::Memory::new()).unwrap().image_blocking(),
        Err(StoreError::Unsupported(_))
    ));
}

#[derive(Debug, Clone)]
enum Change {
    Put(u8, u8),
    Delete(u8),
    Restart,
    Trim,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_rows_of_any_moment_come_back(changes in prop::collection::vec(prop_oneof![
        8 => (0..12_u8, any::<u8>()).prop_map(|(key, value)| Change::Put(key, value)),
        3 => (0..12_u8).prop_map(Change::Delete),
        1 => Just(Change::Restart),
        1 => Just(Change::Trim),
    ], 1..80)) {
        let disk = SimDisk::new(1);
        let mut store = simulated(&disk);
        let mut states = BTreeMap::new();
        let mut trimmed = false;
        for change in &changes {
            let commits = |store: &Store, act: &dyn Fn(&mut store::Txn)| commit(store, |txn| {
                act(txn);
                txn.append(LOG, vec![1; 200]);
            }).unwrap();
            match *change {
                Change::Put(key, value) => drop(commits(&store, &|txn| txn.put(&[key], vec![value; 150]))),
                Change::Delete(key) => drop(commits(&store, &|txn| txn.delete(&[key]))),
                Change::Trim => {
                    trimmed = true;
                    commits(&store, &|txn| txn.retain_log(LOG, txn.log_bounds(LOG).1.saturating_sub(3)));
                }
                Change::Restart => {
                    store.close_blocking().unwrap();
                    store = simulated(&disk);
                }
            }
            states.insert(store.begin().version(), rows(&store));
        }
        let image = store.image_blocking().unwrap();
        states.remove(&0); // of a restart before anything was written
        for (version, expected) in &states {
            let past = match image.past(Moment::Version(*version)) {
                Err(StoreError::Unreachable(_) | StoreError::NoMoment { .. }) if trimmed => continue,
                past => past.unwrap(),
            };
            prop_assert_eq!(past.head.version, *version);
            let mut found = rows(&store);
            for (key, value) in past.rows {
                match value {
                    Some(value) => drop(found.insert(key.to_vec(), value.to_vec())),
                    None => drop(found.remove(&key[..])),
                }
            }
            prop_assert_eq!(&found, expected, "at {}", version);
        }
        for none in [0, image.head().version + 1] {
            let error = image.past(Moment::Version(none)).err();
            prop_assert!(
                matches!(&error, Some(StoreError::NoMoment { versions, .. }) if !versions.contains(&none)
                    && (trimmed || *versions == (1..=image.head().version))),
                "{:?}", error
            );
        }
    }
}

#[test]
fn a_time_is_a_moment_too() {
    let store = simulated(&SimDisk::new(1));
    let now = || {
        std::thread::sleep(std::time::Duration::from_millis(3));
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
        std::thread::sleep(std::time::Duration::from_millis(3));
        now
    };
    let before = now();
    commit(&store, |txn| txn.put(b"k", "one")).unwrap();
    let between = now();
    commit(&store, |txn| txn.put(b"k", "two")).unwrap();
    let image = store.image_blocking().unwrap();
    let at = |time| {
        image.past(Moment::Time(time)).map(|past| {
            let value = past.rows.into_iter().next().map(|(_, value)| value.map(|value| value.to_vec()));
            (past.head.version, value)
        })
    };
    assert_eq!(at(between).unwrap(), (1, Some(Some(b"one".to_vec()))));
    let after = now();
    let mut range = None;
    for none in [0, before, after, u64::MAX] {
        let Err(StoreError::NoMoment { versions, times }) = at(none) else { panic!("{none}") };
        assert_eq!(versions, 1..=2);
        assert!(before < *times.start() && *times.start() < between, "{times:?}");
        assert!(between < *times.end() && *times.end() < after, "{times:?}");
        range = Some(times);
    }
    let (first, last) = range.unwrap().into_inner();
    assert_eq!(at(first).unwrap().0, 1);
    assert_eq!(at(last).unwrap(), (2, None));
    assert_eq!(store.log().read(LOG, LogRead::forward(0, 1)).unwrap(), []);
}
