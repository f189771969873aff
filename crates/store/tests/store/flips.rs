//! Every file of a store, flipped byte by byte, and the slots of `head` put in each other's places: it is found, or the byte carries
//! nothing.

use store::StoreError;

use crate::damage::contents;
use crate::forge::Segment;
use crate::sim::SimDisk;
use crate::verify::{FIRST, ONE_SEGMENT, assert_named, filled, open, texts, verify};
use crate::{TINY, simulated, witness};

const HEAD: &str = "head";
const SLOT_BYTES: usize = 512;
/// A slot's magic, format, length of proof, version and link.
const PLACE_BYTES: usize = 56;

#[test]
fn every_flipped_byte_of_the_journal_is_found() {
    let whole = filled(12, TINY);
    for name in whole.names().iter().filter(|name| name.ends_with(".journal")) {
        for at in 0..whole.contents(name).len() as u64 {
            let disk = whole.copy();
            disk.damage(name, at, 1 << (at % 8));
            let report = verify(disk, &[]);
            assert!(
                report.findings.iter().any(|finding| finding.file == *name),
                "byte {at} of {name}: {report:?}"
            );
        }
    }
}

/// Sets the checksum of a slot right, as anybody can.
fn resum(slot: &mut [u8]) {
    let sum = crc32c::crc32c(&slot[..SLOT_BYTES - 4]);
    slot[SLOT_BYTES - 4..].copy_from_slice(&sum.to_le_bytes());
}

/// Verifying names the file, and opening refuses it.
#[track_caller]
fn assert_refused(disk: &SimDisk, what: &str) {
    let report = verify(disk.clone(), &[]);
    assert!(report.findings.iter().any(|finding| finding.file == HEAD), "{what}: {:#?}", texts(&report));
    let refused = matches!(open(disk, TINY), Err(StoreError::Damaged { .. } | StoreError::Format { .. }));
    assert!(refused, "{what} is opened");
}

#[test]
fn every_flipped_byte_of_the_head_is_found_and_refused() {
    let whole = filled(12, TINY);
    let bytes = whole.contents(HEAD);
    assert_eq!(bytes.len(), 3 * SLOT_BYTES);
    let proof_bytes = witness().attest(b"").unwrap().len();
    for at in 0..bytes.len() {
        let disk = whole.copy();
        disk.damage(HEAD, at as u64, 1 << (at % 8));
        // All are in the checksum.
        if at.is_multiple_of(5) {
            assert_refused(&disk, &format!("byte {at}"));
        }
        // By somebody who knows the format: every byte that says something, and some of the rest.
        let within = at % SLOT_BYTES;
        if within < PLACE_BYTES + proof_bytes || within.is_multiple_of(128) && within < SLOT_BYTES - 4 {
            let mut forged = disk.contents(HEAD);
            resum(&mut forged[at - within..][..SLOT_BYTES]);
            disk.replace(HEAD, forged);
            assert_refused(&disk, &format!("byte {at}, its checksum set right"));
        }
    }
    for len in [0, 1, 511, 1024, 1535, 1537, 2048] {
        let disk = whole.copy();
        let mut other = bytes.clone();
        other.resize(len, 0);
        disk.replace(HEAD, other);
        assert_refused(&disk, &format!("{len} bytes"));
    }
}

#[test]
fn no_slot_of_the_head_stands_for_another() {
    for (from, to) in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)] {
        let disk = filled(12, TINY);
        let mut bytes = disk.contents(HEAD);
        bytes.copy_within(from * SLOT_BYTES..(from + 1) * SLOT_BYTES, to * SLOT_BYTES);
        disk.replace(HEAD, bytes);
        assert_refused(&disk, &format!("slot {from} over slot {to}"));
    }
}

/// What a checkpoint noted, or a group's own proof, does not pass for the place that the last group noted.
#[test]
fn the_end_of_the_journal_cannot_be_cut_off_to_what_is_proven_elsewhere() {
    let disk = filled(5, ONE_SEGMENT);
    let store = open(&disk, ONE_SEGMENT).unwrap();
    crate::verify::fill(&store, 32);
    drop(store);
    let sealed = disk.copy();
    open(&sealed, ONE_SEGMENT).unwrap().close_blocking().unwrap();
    let last = sealed.names().into_iter().filter(|name| name.ends_with(".journal")).max().unwrap();
    let segment = Segment::parse(&sealed.contents(&last));
    assert_eq!(segment.frames.len(), 32);

    let whole = disk.contents(HEAD);
    let slots: Vec<_> = whole.chunks(SLOT_BYTES).collect();
    let frame_slot = {
        let frame = &Segment::parse(&sealed.contents(FIRST)).frames[4];
        let mut slot = slots[2].to_vec();
        let rest =
            [&segment.frames[0].previous.0.to_le_bytes()[..], &segment.frames[0].previous.1, &frame.proof];
        slot[16..PLACE_BYTES + frame.proof.len()].copy_from_slice(&rest.concat());
        resum(&mut slot);
        slot
    };
    for (what, slot) in [("slot 0", slots[0]), ("slot 1", slots[1]), ("a frame's proof", &frame_slot)] {
        let cut = disk.copy();
        cut.lose(&last);
        cut.replace(HEAD, [slots[0], slots[1], slot].concat());
        assert_named(&verify(cut.clone(), &[]), &["head, byte 1024", "its proof does not fit"]);
        assert_refused(&cut, what);
    }
}

/// A running store looks at the file, too.
#[test]
fn a_running_store_finds_its_head_altered() {
    let disk = filled(12, TINY);
    let store = simulated(&disk);
    let before = disk.contents(HEAD);
    crate::verify::fill(&store, 3);
    let findings = || {
        let report =
            store.image_blocking().unwrap().verify(&mut crate::verify::Opener, &[], Vec::new()).unwrap();
        texts(&report)
    };
    assert_eq!(findings(), [] as [&str; 0]);
    let now = disk.contents(HEAD);
    for (older, expected) in
        [(2, "head, byte 0: the file is older than the journal"), (3, "head, byte 0: the file, which")]
    {
        if older == 2 {
            disk.replace(HEAD, [&now[..2 * SLOT_BYTES], &before[2 * SLOT_BYTES..]].concat());
        } else {
            disk.lose(HEAD);
        }
        assert!(findings().iter().any(|finding| finding.starts_with(expected)), "{:?}", findings());
    }
}

/// What is flipped in the tables is found; or it lies where redb keeps nothing (pages that are free or the tail of one behind what
/// is in it, the slot of the commit before, reserved bytes): then every row and record is read as before.
#[test]
fn a_flipped_byte_of_the_tables_is_found_or_carries_nothing() {
    const TABLES: &str = "tables.redb";
    let whole = filled(60, TINY);
    let expected = contents(&simulated(&whole.copy())).unwrap();
    let len = whole.contents(TABLES).len();
    // Each byte of the file's own header, and some of every page after it.
    let places = (0..320).step_by(5).chain((320..len).step_by(4099));
    let (mut found, mut idle) = (0, 0);
    for at in places {
        let disk = whole.copy();
        disk.damage(TABLES, at as u64, 1 << (at % 8));
        let report = verify(disk.clone(), &[]);
        if !report.findings.is_empty() {
            assert!(
                report.findings.iter().any(|finding| finding.file == TABLES),
                "{at}: {:#?}",
                texts(&report)
            );
            found += 1;
            continue;
        }
        idle += 1;
        let read = open(&disk, TINY).and_then(|store| contents(&store));
        assert_eq!(read.ok().as_ref(), Some(&expected), "byte {at} carries something, and is not found");
    }
    assert!(found > 10 && idle > 10, "{found} found, {idle} that carry nothing, of {len} bytes");
}
