//! Files that are not as they were written: an error that says where, never wrong data.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use store::{Disk, Embedded, KeyRange, LogId, LogRead, Order, Sizes, Store, StoreError};

use crate::sim::{Random, SimDisk};
use crate::suite::commit;
use crate::{TINY, simulated, witness};

const LOG: LogId = LogId(4);

pub(crate) type Contents = (Vec<(Vec<u8>, Vec<u8>)>, Vec<(u64, Vec<u8>)>);

pub(crate) fn contents(store: &Store) -> Result<Contents, StoreError> {
    let rows = store.begin().scan(&KeyRange::all(), Order::Forward, 1000)?;
    let records = store.log().read(LOG, LogRead::forward(0, 1000))?;
    let rows = rows.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
    Ok((rows, records.into_iter().map(|(at, record)| (at, record.to_vec())).collect()))
}

fn try_open(disk: &SimDisk, sizes: Sizes) -> Result<Store, StoreError> {
    Store::open(Embedded::open_on(Arc::new(disk.clone()), sizes, witness())?)
}

/// A disk with some commits of one row and one record each.
fn filled(commits: u32, sizes: Sizes, close: bool) -> SimDisk {
    let disk = SimDisk::new(1);
    let store = try_open(&disk, sizes).unwrap();
    for n in 0..commits {
        commit(&store, |txn| {
            txn.put(&(n % 20).to_be_bytes(), vec![n as u8; 100]);
            txn.append(LOG, vec![n as u8; 200]);
        })
        .unwrap();
    }
    if close {
        store.close_blocking().unwrap();
    } else {
        drop(store);
    }
    disk
}

/// Sizes with which nothing but the journal is ever written, in one segment.
const JOURNAL_ONLY: Sizes =
    Sizes { segment_bytes: 1 << 20, changed_bytes: 1 << 20, table_cache_bytes: 1 << 20, reserve_bytes: 0 };
const FIRST: &str = "0000000000000001.journal";

fn segments(disk: &SimDisk) -> Vec<String> {
    disk.names().into_iter().filter(|name| name.ends_with(".journal")).collect()
}

#[test]
fn a_flipped_bit_in_the_journal_is_never_read_as_data() {
    let expected = contents(&simulated(&filled(60, TINY, true))).unwrap();
    let mut random = Random(7);
    let names = segments(&filled(60, TINY, true));
    assert!(names.len() > 3, "{names:?}");
    let (mut refused, mut harmless) = (0, 0);
    for round in 0..300 {
        let disk = filled(60, TINY, true);
        let name = &names[random.below(names.len() as u64) as usize];
        let at = random.below(disk.contents(name).len() as u64);
        disk.damage(name, at, 1 << random.below(8));
        match try_open(&disk, TINY).and_then(|store| contents(&store)) {
            Ok(found) => {
                assert_eq!(found, expected, "round {round}: byte {at} of {name}");
                harmless += 1; // padding, or reserved bytes
            }
            Err(StoreError::Damaged { file, .. } | StoreError::Format { file, .. }) => {
                assert_eq!(*file, **name, "round {round}: byte {at}");
                refused += 1;
            }
            Err(error) => panic!("round {round}: byte {at} of {name}: {error}"),
        }
    }
    assert!(refused > 9 * harmless, "{refused} refused, {harmless} harmless");
}

#[test]
fn damage_before_the_last_group_is_not_taken_for_a_torn_end() {
    let whole = filled(20, JOURNAL_ONLY, false);
    let (rows, records) = contents(&try_open(&whole, JOURNAL_ONLY).unwrap()).unwrap();
    assert_eq!((rows.len(), records.len()), (20, 20));
    let frame = |n: u64| 96 + n * (72 + 9 + 4 + 100 + 17 + 200 + 32_u64).next_multiple_of(8);
    for n in 0..20 {
        let disk = filled(20, JOURNAL_ONLY, false);
        disk.damage(FIRST, frame(n) + 80, 0x10);
        let opened = try_open(&disk, JOURNAL_ONLY);
        match opened.err() {
            Some(StoreError::Damaged { file, offset, .. }) if n < 19 => {
                assert_eq!((&*file, offset), (FIRST, frame(n)))
            }
            // The very last group looks torn, but is known to have been durable.
            Some(error) => assert_eq!(
                error.to_string(),
                format!(
                    "`{FIRST}` is damaged at byte 0: the end of the journal is missing: it ends at version 19, but \
                     version 20 was durable"
                )
            ),
            None => panic!("frame {n}"),
        }
    }
}

#[test]
fn missing_files_are_missed() {
    for name in segments(&filled(60, TINY, true)) {
        let disk = filled(60, TINY, true);
        disk.lose(&name);
        let error = try_open(&disk, TINY).err();
        assert!(matches!(&error, Some(StoreError::Damaged { .. })), "{name}: {error:?}");
    }
    // Without the tables, the journal has everything, as long as it goes back to the start.
    let disk = filled(60, TINY, true);
    let expected = contents(&simulated(&disk)).unwrap();
    disk.lose("tables.redb");
    assert_eq!(contents(&simulated(&disk)).unwrap(), expected);
    let store = simulated(&disk);
    commit(&store, |txn| txn.retain_log(LOG, 55)).unwrap();
    store.close_blocking().unwrap();
    drop(simulated(&disk));
    assert!(!segments(&disk).contains(&FIRST.to_owned()), "what is no longer wanted is removed");
    disk.lose("tables.redb");
    let error = try_open(&disk, TINY).err();
    assert!(matches!(&error, Some(StoreError::Damaged { file, .. }) if **file == *FIRST), "{error:?}");
}

#[test]
fn restarts_leave_no_debris() {
    let disk = filled(60, TINY, true);
    let count = segments(&disk).len();
    for _ in 0..5 {
        simulated(&disk).close_blocking().unwrap();
        drop(simulated(&disk));
    }
    assert_eq!(segments(&disk).len(), count, "a store to which nothing is written begins no segment");
    let store = simulated(&disk);
    commit(&store, |txn| txn.retain_log(LOG, 60)).unwrap();
    store.close_blocking().unwrap();
    assert_eq!(segments(&disk), [] as [String; 0], "without records there is nothing to keep");
    let store = simulated(&disk);
    assert_eq!(store.log().bounds(LOG), (60, 60));
    assert_eq!(contents(&store).unwrap().0.len(), 20);
    assert_eq!(commit(&store, |txn| txn.append(LOG, "more")).unwrap().positions, [(LOG, 60)]);
}

/// Builds a segment as FORMAT.md says, without the code that writes segments.
#[test]
fn the_format_is_the_documented_one() {
    let salt: u64 = 0x0123_4567_89ab_cdef;
    let mut header = Vec::new();
    header.extend(b"FASTJRNL");
    header.extend(3u32.to_le_bytes());
    header.extend([0; 4]);
    header.extend(1u64.to_le_bytes()); // the first segment
    header.extend(salt.to_le_bytes());
    header.extend([0; 8 + 32]); // follows on version 0 and its link
    header.extend(crc32c::crc32c(&header).to_le_bytes());
    header.resize(96, 0);

    let bytes = |bytes: &[u8]| [&(bytes.len() as u32).to_le_bytes(), bytes].concat();
    let append = |position: u64, record: &[u8]| {
        [&[3][..], &LOG.0.to_le_bytes(), &position.to_le_bytes(), &bytes(record)].concat()
    };
    let prove = |version: u64, link: &[u8]| {
        witness().attest(&[b"group\0", &version.to_le_bytes()[..], link].concat()).unwrap()
    };
    let mut link = [0; 32];
    let mut frame = |previous: u64, version: u64, payload: &[u8]| {
        let len = (payload.len() as u32).to_le_bytes();
        let time = 1_700_000_000_000u64.to_le_bytes();
        let (previous, number) = (previous.to_le_bytes(), version.to_le_bytes());
        let before = link;
        let linked = [&before[..], &previous, &number, &time, payload].concat();
        link = digest(&SHA256, &linked).as_ref().try_into().unwrap();
        let proof = prove(version, &link);
        let proof_len = (proof.len() as u32).to_le_bytes();
        let head = [&b"FGRP"[..], &len].concat();
        let rest = [&proof_len[..], &previous, &number, &time, &before, payload, &proof].concat();
        let checksum = crc32c::crc32c(&[&salt.to_le_bytes()[..], &head, &rest].concat()).to_le_bytes();
        let mut frame = [&head[..], &checksum, &rest].concat();
        frame.resize(frame.len().next_multiple_of(8), 0);
        frame
    };
    let first = [[&[1][..], &bytes(b"key"), &bytes(b"value")].concat(), append(0, b"zero")].concat();
    let second = [append(1, b"one"), [&[2][..], &bytes(b"gone")].concat()].concat();
    let third = [&[4][..], &LOG.0.to_le_bytes(), &1u64.to_le_bytes()].concat();
    let frames = [frame(0, 3, &first), frame(3, 4, &second), frame(4, 9, &third)].concat();

    let slot = |slot: u32, version: u64, link: &[u8]| {
        let number = version.to_le_bytes();
        let statement = [b"head\0", &slot.to_le_bytes()[..], &number, link].concat();
        let proof = witness().attest(&statement).unwrap();
        let lengths = [3u32.to_le_bytes(), (proof.len() as u32).to_le_bytes()].concat();
        let mut slot = [&b"FASTHEAD"[..], &lengths, &number, link, &proof].concat();
        slot.resize(508, 0);
        slot.extend(crc32c::crc32c(&slot).to_le_bytes());
        slot
    };
    let disk = SimDisk::new(1);
    let file = disk.create(FIRST).unwrap();
    file.write_at(0, &header).unwrap();
    file.write_at(96, &frames).unwrap();
    file.write_at(96 + frames.len() as u64, &[0; 100]).unwrap();
    let head = disk.create("head").unwrap();
    // Two slots from the beginning, and one after the last group.
    let slots = [slot(0, 0, &[0; 32]), slot(1, 0, &[0; 32]), slot(2, 9, &link)].concat();
    head.write_at(0, &slots).unwrap();
    let store = simulated(&disk);
    let expected = (vec![(b"key".to_vec(), b"value".to_vec())], vec![(1, b"one".to_vec())]);
    assert_eq!(contents(&store).unwrap(), expected);
    assert_eq!(store.begin().version(), 9);

    // Opening has completed the segment.
    let frames_end = 96 + frames.len() as u64;
    let index = [
        &9u64.to_le_bytes()[..], // the last version
        &link,
        &LOG.0.to_le_bytes(),
        &1u32.to_le_bytes(),
        &0u64.to_le_bytes(),
        &2u64.to_le_bytes(),
        &0u64.to_le_bytes(),  // record 0 is in the frame
        &96u64.to_le_bytes(), // at byte 96
    ]
    .concat();
    let checked = [&salt.to_le_bytes()[..], &frames_end.to_le_bytes(), &index].concat();
    let seal = [
        &index[..],
        &(index.len() as u32).to_le_bytes(),
        &crc32c::crc32c(&checked).to_le_bytes(),
        &frames_end.to_le_bytes(),
        b"FASTSEAL",
    ]
    .concat();
    assert_eq!(disk.contents(FIRST), [header.clone(), frames, seal].concat());
    // The slot that was not the newest, and that of groups, name the place where it goes on.
    assert!(disk.contents("head") == [slot(0, 0, &[0; 32]), slot(1, 9, &link), slot(2, 9, &link)].concat());
    drop(store);

    disk.damage(FIRST, 8, 2 ^ 3);
    let error = try_open(&disk, TINY).err();
    assert!(matches!(error, Some(StoreError::Format { found: 2, known: 3, .. })), "{error:?}");
}
