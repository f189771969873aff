//! The place in the history up to which groups are known to have been durable, in a file of its own: so a journal
//! whose end is missing is not taken for one that ended there.
//!
//! It is written after every group, but not synchronized then, which costs next to nothing: a process that dies leaves
//! it exact, and when the power goes it is at most as old as the last checkpoint, which has places of its own in the file.

use std::io;
use std::sync::Arc;

use bytes::{Buf, BufMut};

use super::disk::{Disk, DiskFile};
use super::segment::FORMAT;
use crate::witness::LINK_BYTES;
use crate::{Head, PROOF_BYTES_MAX, StoreError, Witness};

/// The name of the file.
pub(super) const ANCHOR_NAME: &str = "head";

const MAGIC: &[u8; 8] = b"FASTHEAD";
/// The first two slots are for checkpoints, written in turn and synchronized; so one of them is whole whenever the power goes.
const CHECKPOINT_SLOTS: usize = 2;
/// The last is for every group.
const GROUP_SLOT: usize = CHECKPOINT_SLOTS;
const SLOTS: usize = CHECKPOINT_SLOTS + 1;
/// As long as what a disk writes wholly or not at all.
const SLOT_BYTES: usize = 512;
const CHECKED_BYTES: usize = SLOT_BYTES - 4;

#[derive(Debug)]
pub(super) struct Anchor {
    file: Arc<dyn DiskFile>,
    /// The slot of the next checkpoint.
    next_slot: usize,
}

/// What a checkpoint is to note before it is made.
#[derive(Debug)]
pub(super) struct Note {
    file: Arc<dyn DiskFile>,
    slot: usize,
}

impl Anchor {
    /// Reads what the file says; none if it is missing or was never whole.
    pub(super) fn read(disk: &dyn Disk) -> Result<Option<(Head, Vec<u8>)>, StoreError> {
        let slots = slots(disk)?.into_iter().flatten();
        Ok(slots.max_by_key(|(head, _)| head.version))
    }

    /// Notes durably where the journal goes on, in a new file if there is none.
    pub(super) fn resume(disk: &dyn Disk, head: &Head, proof: &[u8]) -> Result<Anchor, StoreError> {
        let mut known = [None; CHECKPOINT_SLOTS];
        for (known, slot) in known.iter_mut().zip(slots(disk)?) {
            *known = slot.map(|(head, _)| head.version);
        }
        // What is known already must not be lost if this is only half done.
        let newest = known
            .iter()
            .enumerate()
            .filter(|(_, version)| version.is_some())
            .max_by_key(|(_, version)| **version);
        let newest = newest.map(|(slot, _)| slot);
        let resume = || {
            let file = match disk.open(ANCHOR_NAME) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => disk.create(ANCHOR_NAME)?,
                file => file?,
            };
            let next_slot = match newest {
                Some(slot) => {
                    // Whoever wrote the newest may have been killed before it was durable; until it is, the other one counts.
                    file.sync()?;
                    write_slot(&*file, (slot + 1) % CHECKPOINT_SLOTS, head, proof)?;
                    slot
                }
                None => {
                    file.write_at(0, &encode(head, proof).repeat(SLOTS))?;
                    0
                }
            };
            file.sync()?;
            disk.sync()?;
            Ok(Anchor { file, next_slot })
        };
        resume().map_err(failed("writing"))
    }

    /// Notes that the groups up to here are durable.
    pub(super) fn write(&mut self, head: &Head, proof: &[u8]) -> Result<(), StoreError> {
        write_slot(&*self.file, GROUP_SLOT, head, proof).map_err(failed("writing"))
    }

    /// What the next checkpoint is to write first.
    pub(super) fn note(&mut self) -> Note {
        let note = Note { file: self.file.clone(), slot: self.next_slot };
        self.next_slot = (self.next_slot + 1) % CHECKPOINT_SLOTS;
        note
    }
}

impl Note {
    /// Notes durably that the groups up to a checkpoint are durable.
    pub(super) fn write(&self, head: &Head, witness: &dyn Witness) -> Result<(), StoreError> {
        let proof = attest(witness, &head.statement())?;
        let written = write_slot(&*self.file, self.slot, head, &proof).and_then(|()| self.file.sync());
        written.map_err(failed("writing"))
    }
}

fn write_slot(file: &dyn DiskFile, slot: usize, head: &Head, proof: &[u8]) -> io::Result<()> {
    file.write_at((slot * SLOT_BYTES) as u64, &encode(head, proof))
}

/// A place in the history, with its proof.
type Slot = Option<(Head, Vec<u8>)>;

/// What is in each slot; none if it is not whole.
fn slots(disk: &dyn Disk) -> Result<[Slot; SLOTS], StoreError> {
    let mut slots = [const { None }; SLOTS];
    let file = match disk.open(ANCHOR_NAME) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(slots),
        Err(e) => return Err(failed("opening")(e)),
    };
    let len = file.len().map_err(failed("reading"))?;
    for (number, slot) in slots.iter_mut().enumerate() {
        let mut bytes = [0; SLOT_BYTES];
        if len < ((number + 1) * SLOT_BYTES) as u64 {
            break;
        }
        file.read_at((number * SLOT_BYTES) as u64, &mut bytes).map_err(failed("reading"))?;
        *slot = decode(&bytes)?;
    }
    Ok(slots)
}

/// The place at which a history begins, with its proof.
pub(super) fn beginning(witness: &dyn Witness) -> Result<(Head, Vec<u8>), StoreError> {
    let head = Head::default();
    let proof = attest(witness, &head.statement())?;
    Ok((head, proof))
}

/// A proof of a statement.
pub(super) fn attest(witness: &dyn Witness, statement: &[u8]) -> Result<Vec<u8>, StoreError> {
    let proof = witness.attest(statement).map_err(StoreError::no_proof)?;
    if proof.len() > PROOF_BYTES_MAX {
        return Err(StoreError::no_proof("it is too long"));
    }
    Ok(proof)
}

fn encode(head: &Head, proof: &[u8]) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    let (fields, mut checksum) = slot.split_at_mut(CHECKED_BYTES);
    let mut out = &mut *fields;
    out.put_slice(MAGIC);
    out.put_u32_le(FORMAT);
    out.put_u32_le(u32::try_from(proof.len()).unwrap_or(0));
    out.put_u64_le(head.version);
    out.put_slice(&head.link);
    out.put_slice(proof);
    checksum.put_u32_le(crc32c::crc32c(fields));
    slot
}

fn decode(slot: &[u8; SLOT_BYTES]) -> Result<Option<(Head, Vec<u8>)>, StoreError> {
    let (mut fields, mut checksum) = slot.split_at(CHECKED_BYTES);
    if crc32c::crc32c(fields) != checksum.get_u32_le() || !fields.starts_with(MAGIC) {
        return Ok(None);
    }
    fields.advance(MAGIC.len());
    let (format, proof_len) = (fields.get_u32_le(), fields.get_u32_le());
    if format != FORMAT {
        return Err(StoreError::Format { file: ANCHOR_NAME.into(), found: format, known: FORMAT });
    }
    let mut head = Head { version: fields.get_u64_le(), link: [0; LINK_BYTES] };
    fields.copy_to_slice(&mut head.link);
    Ok(fields.get(..proof_len as usize).map(|proof| (head, proof.to_vec())))
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> StoreError {
    move |e| StoreError::io(format!("{doing} `{ANCHOR_NAME}`"), e)
}
