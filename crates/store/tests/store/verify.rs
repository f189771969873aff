//! Verifying: a whole store is proven whole, and whatever was done to one is found and named.

use std::path::Path;
use std::sync::Arc;

use redb::ReadableTable;
use store::{
    Containment, Directory, Disk, Embedded, Head, Image, Inspector, LogId, Report, Sizes, Store, StoreError,
};

use crate::forge::{Segment, records};
use crate::sim::{Failure, SimDisk};
use crate::suite::commit;
use crate::{TINY, simulated, witness};

pub(crate) const LOG: LogId = LogId(4);
pub(crate) const FIRST: &str = "0000000000000001.journal";
/// One segment, and no checkpoint but at closing.
pub(crate) const ONE_SEGMENT: Sizes =
    Sizes { segment_bytes: 1 << 20, changed_bytes: 1 << 20, table_cache_bytes: 1 << 20, reserve_bytes: 0 };

/// Rows and records are sealed by a byte that tells their place.
pub(crate) struct Opener;

impl Inspector for Opener {
    fn row(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        if value.first() == key.last() { Ok(()) } else { Err("it belongs elsewhere".into()) }
    }

    fn record(&mut self, log: LogId, record: &[u8]) -> Result<String, String> {
        match record.split_first() {
            Some((first, rest)) if u32::from(*first) == log.0 => Ok(String::from_utf8_lossy(rest).into()),
            _ => Err("it was altered".into()),
        }
    }
}

fn row(n: u8) -> [u8; 2] {
    [b'k', n % 7]
}

/// A closed store, each of whose transactions writes a row and a record.
pub(crate) fn filled(commits: u8, sizes: Sizes) -> SimDisk {
    let disk = SimDisk::new(1);
    let store = Store::open(Embedded::open_on(Arc::new(disk.clone()), sizes, witness()).unwrap()).unwrap();
    fill(&store, commits);
    store.close_blocking().unwrap();
    disk
}

pub(crate) fn fill(store: &Store, commits: u8) {
    for n in 0..commits {
        commit(store, |txn| {
            txn.put(&row(n), vec![n % 7, n]);
            txn.append(LOG, [&[4], format!("event {n}").as_bytes()].concat());
        })
        .unwrap();
    }
}

pub(crate) fn verify(disk: impl Disk, contains: &[Head]) -> Report {
    let (image, found) = Image::stopped(Arc::new(disk), witness()).unwrap();
    image.verify(&mut Opener, contains, found).unwrap()
}

pub(crate) fn texts(report: &Report) -> Vec<String> {
    report.findings.iter().map(ToString::to_string).collect()
}

#[track_caller]
pub(crate) fn assert_named(report: &Report, parts: &[&str]) {
    let texts = texts(report);
    assert!(texts.iter().any(|text| parts.iter().all(|part| text.contains(part))), "{parts:?} in {texts:#?}");
}

pub(crate) fn open(disk: &SimDisk, sizes: Sizes) -> Result<Store, StoreError> {
    Store::open(Embedded::open_on(Arc::new(disk.clone()), sizes, witness())?)
}

#[test]
fn a_whole_store_is_proven_whole() {
    let disk = filled(60, TINY);
    let report = verify(disk.clone(), &[]);
    assert_eq!(texts(&report), [] as [&str; 0]);
    assert_eq!((report.groups, report.rows, report.records), (60, 7, 60));
    assert_eq!((report.first, report.last.version), (Head::default(), 60));
    assert!(report.segments > 1);
    // Stopped anyhow, running, and after a restart.
    let store = simulated(&disk);
    fill(&store, 10);
    let running = store.image_blocking().unwrap().verify(&mut Opener, &[report.last], Vec::new()).unwrap();
    assert_eq!(texts(&running), [] as [&str; 0]);
    assert_eq!((running.groups, running.records, running.rows), (70, 70, 7));
    assert_eq!(running.contained, [(report.last, Containment::Contained)]);
    drop(store);
    let stopped = verify(disk.clone(), &[running.last]);
    assert_eq!(texts(&stopped), [] as [&str; 0]);
    assert_eq!(stopped.contained, [(running.last, Containment::Contained)]);
    let store = simulated(&disk);
    commit(&store, |txn| txn.retain_log(LOG, 65)).unwrap();
    store.close_blocking().unwrap();
    drop(simulated(&disk));
    let early = Head { version: 1, link: [1; 32] };
    let trimmed = verify(disk, &[running.last, early]);
    assert_eq!(texts(&trimmed), [] as [&str; 0]);
    assert!(trimmed.first.version > 0 && trimmed.rows == 7);
    assert_eq!(trimmed.contained[0], (running.last, Containment::Contained));
    assert_eq!(trimmed.contained[1], (early, Containment::TooOld));
}

#[test]
fn verifying_writes_nothing() {
    let disk = filled(20, TINY);
    let store = simulated(&disk);
    fill(&store, 5);
    let crashed = disk.crash();
    drop(store);
    let before: Vec<_> = crashed.names().iter().map(|name| crashed.contents(name)).collect();
    assert_eq!(texts(&verify(crashed.clone(), &[])), [] as [&str; 0]);
    let after: Vec<_> = crashed.names().iter().map(|name| crashed.contents(name)).collect();
    assert!(before == after);
}

/// However a write failed, what opening takes is no damage, and nothing that was acknowledged is missing.
#[test]
fn what_a_failed_write_leaves_is_no_damage() {
    for failure in [Failure::DiskFull, Failure::IoError, Failure::PowerCut, Failure::Killed] {
        let mut stopped_early = 0;
        for operations in 0..120 {
            let disk = SimDisk::new(operations);
            let store = simulated(&disk);
            disk.fail_after(operations, failure);
            let add = |n: u8| commit(&store, |txn| txn.append(LOG, [&[4], &[n; 300][..]].concat()));
            let acknowledged = (0..40).take_while(|n| add(*n).is_ok()).count();
            stopped_early += u32::from(acknowledged < 40);
            let disk = match failure {
                Failure::PowerCut => disk.crash(),
                Failure::Killed => disk.kill(),
                Failure::DiskFull | Failure::IoError => disk,
            };
            drop(store);
            let report = verify(disk.clone(), &[]);
            assert_eq!(texts(&report), [] as [&str; 0], "{failure:?} at {operations}");
            assert!(report.records >= acknowledged as u64, "{failure:?} at {operations}");
            assert_eq!(simulated(&disk).log().bounds(LOG).1, report.records);
        }
        assert!(stopped_early > 100, "{failure:?}: {stopped_early}");
    }
}

#[test]
fn only_the_last_segment_may_have_been_begun_in_vain() {
    let whole = filled(60, TINY);
    let names: Vec<_> = whole.names().into_iter().filter(|name| name.ends_with(".journal")).collect();
    let next = format!("{:016x}.journal", names.len() + 1);
    let header = whole.contents(FIRST)[..96].to_vec();
    for bytes in [&[][..], &[0; 96], &header[..50]] {
        let begun = whole.copy();
        drop(begun.create(&next).unwrap());
        begun.replace(&next, bytes.to_vec());
        let report = verify(begun.clone(), &[]);
        assert_eq!(texts(&report), [] as [&str; 0]);
        assert_eq!(report.last.version, 60);
        drop(open(&begun, TINY).unwrap());
        for name in &names {
            let torn = whole.copy();
            torn.replace(name, bytes.to_vec());
            assert_named(&verify(torn.clone(), &[]), &[name, "header is damaged"]);
            assert!(matches!(open(&torn, TINY), Err(StoreError::Damaged { .. })), "{name}");
        }
    }
    let long = whole.copy();
    drop(long.create(&next).unwrap());
    long.replace(&next, vec![0; 97]);
    assert_named(&verify(long, &[]), &[&next, "header is damaged"]);
}

#[test]
fn segments_may_all_be_gone_only_if_none_is_needed() {
    let disk = filled(60, TINY);
    let store = simulated(&disk);
    commit(&store, |txn| txn.retain_log(LOG, 60)).unwrap();
    store.close_blocking().unwrap();
    drop(simulated(&disk));
    assert_eq!(disk.names().iter().filter(|name| name.ends_with(".journal")).count(), 0);
    let report = verify(disk, &[]);
    assert_eq!(texts(&report), [] as [&str; 0]);
    assert_eq!((report.first, report.last.version), (report.last, 61));

    let disk = filled(60, TINY);
    for name in disk.names().iter().filter(|name| name.ends_with(".journal")) {
        disk.lose(name);
    }
    assert_named(&verify(disk, &[]), &[FIRST, "are missing"]);
}

#[test]
fn every_removed_record_is_named() {
    const COMMITS: u8 = 12;
    let whole = filled(COMMITS, ONE_SEGMENT);
    let head = verify(whole.clone(), &[]).last;
    for n in 0..usize::from(COMMITS) {
        for relink in [false, true] {
            let mut segment = Segment::parse(&whole.contents(FIRST));
            segment.frames.remove(n);
            if relink {
                segment.relink(n);
            }
            let disk = whole.copy();
            disk.replace(FIRST, segment.encode());
            let report = verify(disk, &[head]);
            if n + 1 == usize::from(COMMITS) {
                assert_named(
                    &report,
                    &["the end of the journal is missing", "at version 11", "version 12 was durable"],
                );
            } else {
                let (before, after) =
                    (n.checked_sub(1).map_or("nothing".into(), |n| format!("event {n}")), n + 1);
                let neighbours = format!("before it stands {before}, after it event {after}");
                assert_named(&report, &[&format!("record {n} of log 4 is missing"), &neighbours]);
            }
            if relink && n > 0 {
                assert_eq!(report.contained, [(head, Containment::Missing)]);
            }
        }
    }
}

#[test]
fn whatever_else_is_done_to_records_is_named() {
    let whole = filled(12, ONE_SEGMENT);
    let tampered = |tamper: fn(&mut Segment)| {
        let mut segment = Segment::parse(&whole.contents(FIRST));
        tamper(&mut segment);
        let disk = whole.copy();
        disk.replace(FIRST, segment.encode());
        verify(disk, &[])
    };
    let altered = tampered(|segment| {
        let at = segment.frames[5].payload.len() - 1;
        segment.frames[5].payload[at] = b'!'; // so well that it still opens
        segment.relink(6);
    });
    assert_named(&altered, &["versions 6 to 6 was altered", "record 5 of log 4", "taken out or moved"]);
    let unreadable = tampered(|segment| {
        let range = records(&segment.frames[5].payload)[0].2.clone();
        segment.frames[5].payload[range.end - b"event 5".len() - 1] ^= 1;
    });
    assert_named(&unreadable, &["record 5 of log 4 does not open", "before it stands event 4"]);
    let swapped = tampered(|segment| segment.frames.swap(3, 4));
    assert_named(&swapped, &["record 3 of log 4 is out of order", "event 3"]);
    let repeated = tampered(|segment| segment.frames.insert(8, segment.frames[2].clone()));
    assert_named(&repeated, &["versions 3 to 3 is out of order, or stands twice: it comes after version 8"]);
    let moved = tampered(|segment| {
        let other = segment.frames[2].payload.clone();
        segment.frames[9].payload = other;
    });
    assert_named(&moved, &["record 2 of log 4 is out of order", "event 2"]);
    assert_named(&moved, &["record 9 of log 4 is missing: before it stands event 8, after it event 10"]);
    let dated = tampered(|segment| segment.frames[7].time += 1);
    assert_named(&dated, &["versions 8 to 8 was altered"]);
}

#[test]
fn a_record_taken_out_of_a_group_is_named() {
    let disk = SimDisk::new(1);
    let store = open(&disk, ONE_SEGMENT).unwrap();
    for group in 0..3 {
        commit(&store, |txn| {
            (0..4).for_each(|n| txn.append(LOG, [&[4], format!("event {group}.{n}").as_bytes()].concat()));
        })
        .unwrap();
    }
    store.close_blocking().unwrap();
    let mut segment = Segment::parse(&disk.contents(FIRST));
    let range = records(&segment.frames[1].payload)[2].2.clone();
    segment.frames[1].payload.drain(range);
    disk.replace(FIRST, segment.encode());
    let report = verify(disk, &[]);
    assert_named(&report, &["record 6 of log 4 is missing: before it stands event 1.1, after it event 1.3"]);
    assert_named(&report, &["versions 2 to 2 was altered", "records 4 to 7 of log 4"]);
}

#[test]
fn a_journal_whose_end_is_missing_is_refused() {
    let whole = filled(60, TINY);
    let newest = whole.names().into_iter().filter(|name| name.ends_with(".journal")).max().unwrap();
    let disk = whole.copy();
    disk.lose(&newest);
    assert!(matches!(open(&disk, TINY), Err(StoreError::Damaged { .. })));
    assert_named(&verify(disk, &[]), &["the end of the journal is missing"]);

    // Beyond the last checkpoint as well: nothing but the head file tells of it.
    let disk = SimDisk::new(1);
    let store = open(&disk, ONE_SEGMENT).unwrap();
    fill(&store, 9);
    drop(store);
    let bytes = disk.contents(FIRST);
    let sealed = disk.copy();
    open(&sealed, ONE_SEGMENT).unwrap().close_blocking().unwrap();
    let segment = Segment::parse(&sealed.contents(FIRST));
    for kept in 0..9 {
        let cut = disk.copy();
        let mut shorter = segment.clone();
        shorter.frames.truncate(kept);
        let mut forged = shorter.encode();
        forged.resize(bytes.len(), 0);
        cut.replace(FIRST, forged);
        let error = open(&cut, ONE_SEGMENT).err().unwrap().to_string();
        assert!(
            error.contains("the end of the journal is missing") && error.contains("version 9 was durable"),
            "{error}"
        );
        assert_named(&verify(cut, &[]), &["the end of the journal is missing", "version 9 was durable"]);
    }
    for file in ["head", FIRST] {
        let lost = disk.copy();
        lost.lose(file);
        let error = open(&lost, ONE_SEGMENT).err();
        assert!(matches!(error, Some(StoreError::Damaged { .. })), "{error:?}");
    }
    disk.lose("head");
    assert_named(&verify(disk, &[]), &["head", "missing or damaged"]);
}

#[test]
fn another_stores_files_are_refused() {
    #[derive(Debug)]
    struct Another;
    impl store::Witness for Another {
        fn attest(&self, _: &[u8]) -> Result<Vec<u8>, String> {
            Ok(vec![7; 40])
        }
        fn confirms(&self, _: &[u8], proof: &[u8]) -> bool {
            proof == [7; 40]
        }
    }
    let disk = filled(9, ONE_SEGMENT);
    let opened = Embedded::open_on(Arc::new(disk.clone()), ONE_SEGMENT, Arc::new(Another));
    assert!(matches!(opened, Err(StoreError::Damaged { .. })));
    let (image, found) = Image::stopped(Arc::new(disk), Arc::new(Another)).unwrap();
    let report = image.verify(&mut Opener, &[], found).unwrap();
    assert_named(&report, &["head", "altered, or is another"]);
    assert_named(&report, &["versions 1 to 1 was altered"]);
}

const ROWS: redb::TableDefinition<'static, &[u8], &[u8]> = redb::TableDefinition::new("rows");
const LOGS: redb::TableDefinition<'static, u32, (u64, u64)> = redb::TableDefinition::new("logs");

/// Changes the tables of a stopped store with the means of redb.
fn change_tables(path: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = redb::Database::open(path.join("tables.redb")).unwrap();
    let txn = database.begin_write().unwrap();
    change(&txn);
    txn.commit().unwrap();
}

#[test]
fn whatever_is_done_to_rows_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("data");
    let store = Store::open(Embedded::create(&path, witness()).unwrap()).unwrap();
    fill(&store, 12);
    commit(&store, |txn| txn.delete(&row(6))).unwrap();
    store.close_blocking().unwrap();
    assert_eq!(texts(&verify(Directory::open(&path).unwrap(), &[])), [] as [&str; 0]);
    change_tables(&path, |txn| {
        let mut rows = txn.open_table(ROWS).unwrap();
        rows.insert(&row(1)[..], &[1, 1][..]).unwrap(); // as it was at first
        rows.remove(&row(2)[..]).unwrap();
        rows.insert(&row(6)[..], &[6, 6][..]).unwrap();
        rows.insert(&b"k\0new"[..], &[b'w', 1][..]).unwrap();
        let other = rows.get(&row(4)[..]).unwrap().unwrap().value().to_vec();
        rows.insert(&row(3)[..], &other[..]).unwrap();
    });
    let report = verify(Directory::open(&path).unwrap(), &[]);
    for expected in [
        "k\\u{1} is not what was last written to it",
        "k\\u{2} is missing",
        "k\\u{6} was deleted, but is there",
        "k/new was never written",
        "k\\u{3} does not open",
    ] {
        assert_named(&report, &[expected]);
    }
    assert_eq!(report.findings.len(), 6, "{:#?}", texts(&report)); // row 3 is neither its own nor the last

    change_tables(&path, |txn| {
        txn.open_table(LOGS).unwrap().insert(LOG.0, (5, 12)).unwrap(); // hides five records
    });
    let error = Embedded::open(&path, witness()).err().unwrap().to_string();
    assert!(error.contains("a log's bounds, was altered"), "{error}");
    assert_named(
        &verify(Directory::open(&path).unwrap(), &[]),
        &["tables.redb", "a log's bounds, was altered"],
    );
}

#[test]
fn a_store_that_is_gone_is_not_begun_anew() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("data");
    std::fs::create_dir(&path).unwrap();
    let error = Embedded::open(&path, witness()).err().unwrap().to_string();
    assert!(error.contains("`head` is damaged"), "{error}");
    drop(Embedded::create(&path, witness()).unwrap());
    assert!(Embedded::create(&path, witness()).is_err());
    drop(Embedded::open(&path, witness()).unwrap());
}

#[test]
fn findings_are_bounded() {
    let whole = filled(250, ONE_SEGMENT);
    let mut segment = Segment::parse(&whole.contents(FIRST));
    segment.frames.iter_mut().for_each(|frame| frame.time += 1);
    whole.replace(FIRST, segment.encode());
    let report = verify(whole, &[]);
    assert_eq!(report.findings.len(), store::FINDINGS_MAX);
    assert!(report.findings_left_out >= 150);
}
