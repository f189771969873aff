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
use super::verify::Finding;
use crate::witness::LINK_BYTES;
use crate::{Head, PROOF_BYTES_MAX, StoreError, Witness};

/// The name of the file.
pub(super) const ANCHOR_NAME: &str = "head";

const MAGIC: &[u8; 8] = b"FASTHEAD";
/// The first two slots are for checkpoints, written in turn and synchronized.
const CHECKPOINT_SLOTS: usize = 2;
/// The last is for every group.
const GROUP_SLOT: usize = CHECKPOINT_SLOTS;
const SLOTS: usize = CHECKPOINT_SLOTS + 1;
/// As long as what a disk writes wholly or not at all: so a slot that is not whole was altered.
const SLOT_BYTES: usize = 512;
const FILE_BYTES: usize = SLOTS * SLOT_BYTES;
const CHECKED_BYTES: usize = SLOT_BYTES - 4;

/// How often the file is read again while it is written to.
const READS_MAX: usize = 100;

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

/// What the file tells.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The place in each slot; none if it is not proven.
    pub(super) slots: [Option<Head>; SLOTS],
    /// What is wrong with the file.
    pub(super) faults: Vec<Finding>,
}

impl Known {
    /// Reads every slot of a store whose tables are as of `mark`. Anything but three whole slots, each proven for its own place
    /// in the file and none older than the tables allow, is a fault.
    pub(super) fn read(disk: &dyn Disk, witness: &dyn Witness, mark: &Head) -> Result<Known, StoreError> {
        Known::of(read(disk)?.as_deref(), witness, mark)
    }

    /// Reads the file while it is written to: a slot that is half written is read again.
    pub(super) fn read_running(
        disk: &dyn Disk,
        witness: &dyn Witness,
        mark: &Head,
    ) -> Result<Known, StoreError> {
        let mut bytes = read(disk)?;
        for _ in 0..READS_MAX {
            let known = Known::of(bytes.as_deref(), witness, mark)?;
            let again = read(disk)?;
            if known.faults.is_empty() || again == bytes {
                return Ok(known);
            }
            bytes = again;
        }
        Known::of(bytes.as_deref(), witness, mark)
    }

    fn of(bytes: Option<&[u8]>, witness: &dyn Witness, mark: &Head) -> Result<Known, StoreError> {
        let mut known = Known::default();
        let fault = |offset: usize, what: &str| Finding::new(ANCHOR_NAME, offset as u64, what);
        let Some(bytes) = bytes else {
            let what = "the file, which tells how far the journal had come, is missing or damaged";
            known.faults.push(fault(0, what));
            return Ok(known);
        };
        if bytes.len() != FILE_BYTES {
            let what = format!("the file is {} bytes long and not {FILE_BYTES}", bytes.len());
            known.faults.push(fault(bytes.len().min(FILE_BYTES), &what));
        }
        let mut rest = bytes;
        for (number, slot) in known.slots.iter_mut().enumerate() {
            let Some((bytes, after)) = rest.split_first_chunk::<SLOT_BYTES>() else { break };
            rest = after;
            let wrong = match decode(bytes)? {
                None => "the slot, which tells how far the journal had come, is damaged",
                Some((head, proof)) if !witness.confirms(&statement(number, &head), &proof) => {
                    "the place it names was altered, or is another slot's or store's: its proof does not fit"
                }
                Some((head, _)) => {
                    *slot = Some(head);
                    continue;
                }
            };
            known.faults.push(fault(number * SLOT_BYTES, wrong));
        }
        let older = |head: Option<Head>| head.is_some_and(|head| head.version < mark.version);
        if known.faults.is_empty() && (older(known.group()) || older(known.checkpoint())) {
            known.faults.push(fault(0, "the file is older than the last checkpoint"));
        }
        Ok(known)
    }

    /// The places that are proven.
    pub(super) fn heads(&self) -> impl Iterator<Item = Head> {
        self.slots.iter().flatten().copied()
    }

    /// The newest place up to which groups are known to have been durable.
    pub(super) fn newest(&self) -> Option<Head> {
        self.heads().max_by_key(|head| head.version)
    }

    /// The place noted after the last group.
    pub(super) fn group(&self) -> Option<Head> {
        self.slots.get(GROUP_SLOT).copied().flatten()
    }

    /// The newest place noted before a checkpoint, or at opening.
    fn checkpoint(&self) -> Option<Head> {
        self.slots.iter().take(CHECKPOINT_SLOTS).flatten().max_by_key(|head| head.version).copied()
    }
}

/// Whether the file has a slot that is whole.
pub(super) fn exists(disk: &dyn Disk) -> Result<bool, StoreError> {
    let bytes = read(disk)?.unwrap_or_default();
    let (slots, _) = bytes.as_chunks::<SLOT_BYTES>();
    slots.iter().try_fold(false, |found, slot| Ok(found || decode(slot)?.is_some()))
}

impl Anchor {
    /// Notes durably where the journal goes on, in a new file if there is none.
    pub(super) fn resume(disk: &dyn Disk, head: &Head, witness: &dyn Witness) -> Result<Anchor, StoreError> {
        let known = Known::read(disk, witness, &Head::default())?;
        // The checkpoint slot that was written last; none if the file is not whole, as it may be before there was a group.
        let newest = known.checkpoint().filter(|_| known.faults.is_empty());
        let newest = newest.and_then(|newest| known.slots.iter().position(|slot| *slot == Some(newest)));
        let slots: Vec<_> =
            (0..SLOTS).map(|slot| encode(slot, head, witness)).collect::<Result<_, StoreError>>()?;
        let resume = || {
            let file = match disk.open(ANCHOR_NAME) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => disk.create(ANCHOR_NAME)?,
                file => file?,
            };
            if newest.is_some() {
                // Whoever wrote the newest may have been killed before it was durable; until it is, the other one counts.
                file.sync()?;
            } else {
                file.set_len(FILE_BYTES as u64)?;
            }
            for (number, slot) in slots.iter().enumerate() {
                // What is known already must not be lost if this is only half done.
                if newest != Some(number) {
                    file.write_at((number * SLOT_BYTES) as u64, slot)?;
                }
            }
            file.sync()?;
            disk.sync()?;
            Ok(Anchor { file, next_slot: newest.unwrap_or(0) })
        };
        resume().map_err(failed("writing"))
    }

    /// Notes that the groups up to here are durable.
    pub(super) fn write(&mut self, head: &Head, witness: &dyn Witness) -> Result<(), StoreError> {
        write_slot(&*self.file, GROUP_SLOT, head, witness)
    }

    /// What the next checkpoint is to write first.
    pub(super) fn note(&mut self) -> Note {
        let note = Note { file: self.file.clone(), slot: self.next_slot };
        self.next_slot = (self.next_slot + 1) % CHECKPOINT_SLOTS;
        note
    }
}

impl Note {
    /// Notes durably that the groups up to a checkpoint are durable. What every group wrote before is durable with it.
    pub(super) fn write(&self, head: &Head, witness: &dyn Witness) -> Result<(), StoreError> {
        write_slot(&*self.file, self.slot, head, witness)?;
        self.file.sync().map_err(failed("writing"))
    }
}

fn write_slot(
    file: &dyn DiskFile,
    slot: usize,
    head: &Head,
    witness: &dyn Witness,
) -> Result<(), StoreError> {
    let bytes = encode(slot, head, witness)?;
    file.write_at((slot * SLOT_BYTES) as u64, &bytes).map_err(failed("writing"))
}

/// The bytes of the file; none if there is no file. Of a longer file, one byte more than it should have.
fn read(disk: &dyn Disk) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match disk.open(ANCHOR_NAME) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed("opening")(e)),
    };
    let len = file.len().map_err(failed("reading"))?;
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX).min(FILE_BYTES + 1)];
    file.read_at(0, &mut bytes).map_err(failed("reading"))?;
    Ok(Some(bytes))
}

/// What is attested of a place in a slot: another slot's proof does not do, nor a group's.
fn statement(slot: usize, head: &Head) -> Vec<u8> {
    let slot = u32::try_from(slot).unwrap_or(u32::MAX);
    [b"head\0", &slot.to_le_bytes()[..], &head.version.to_le_bytes(), &head.link].concat()
}

/// A proof of a statement.
pub(super) fn attest(witness: &dyn Witness, statement: &[u8]) -> Result<Vec<u8>, StoreError> {
    let proof = witness.attest(statement).map_err(StoreError::no_proof)?;
    if proof.len() > PROOF_BYTES_MAX {
        return Err(StoreError::no_proof("it is too long"));
    }
    Ok(proof)
}

fn encode(slot: usize, head: &Head, witness: &dyn Witness) -> Result<[u8; SLOT_BYTES], StoreError> {
    let proof = attest(witness, &statement(slot, head))?;
    let mut slot = [0; SLOT_BYTES];
    let (fields, mut checksum) = slot.split_at_mut(CHECKED_BYTES);
    let mut out = &mut *fields;
    out.put_slice(MAGIC);
    out.put_u32_le(FORMAT);
    out.put_u32_le(u32::try_from(proof.len()).unwrap_or(0));
    out.put_u64_le(head.version);
    out.put_slice(&head.link);
    out.put_slice(&proof);
    checksum.put_u32_le(crc32c::crc32c(fields));
    Ok(slot)
}

/// The place and the proof in a slot; none if it is not as it was written.
fn decode(slot: &[u8; SLOT_BYTES]) -> Result<Option<(Head, Vec<u8>)>, StoreError> {
    let (checked, mut checksum) = slot.split_at(CHECKED_BYTES);
    if crc32c::crc32c(checked) != checksum.get_u32_le() || !checked.starts_with(MAGIC) {
        return Ok(None);
    }
    let mut fields = checked;
    fields.advance(MAGIC.len());
    let (format, proof_len) = (fields.get_u32_le(), fields.get_u32_le());
    if format != FORMAT {
        return Err(StoreError::Format { file: ANCHOR_NAME.into(), found: format, known: FORMAT });
    }
    let mut head = Head { version: fields.get_u64_le(), link: [0; LINK_BYTES] };
    fields.copy_to_slice(&mut head.link);
    let split = fields.split_at_checked(proof_len as usize);
    let split = split.filter(|(_, padding)| padding.iter().all(|byte| *byte == 0));
    Ok(split.map(|(proof, _)| (head, proof.to_vec())))
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> StoreError {
    move |e| StoreError::io(format!("{doing} `{ANCHOR_NAME}`"), e)
}
