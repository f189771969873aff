//! Opening: what is in the tables, and after it what is in the journal.

use std::sync::{Arc, RwLock};

use bytes::Bytes;

use super::anchor::Known;
use super::disk::{Disk, DiskFile};
use super::journal::{Continuation, write_seal};
use super::logs::Index;
use super::segment::{
    Contents, Frames, SEGMENT_HEADER_BYTES, SegmentHeader, file_len, segment_id, segment_name,
};
use super::tables::{Base, Mark};
use super::verify::Finding;
use crate::versions::Versions;
use crate::{Head, Op, StoreError, Witness};

/// What was found.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) mark: Mark,
    /// The rows changed since the checkpoint.
    pub(super) changed: Versions,
    pub(super) index: Arc<RwLock<Index>>,
    /// Where the journal goes on.
    pub(super) from: Continuation,
}

pub(super) fn recover(
    disk: &dyn Disk,
    base: Option<&Base>,
    witness: &dyn Witness,
    may_begin: bool,
) -> Result<Recovered, StoreError> {
    let mark = base.map_or(Mark::START, |base| base.mark);
    let saved = base.map(|base| base.logs.as_slice()).unwrap_or_default();
    let known = Known::read(disk, witness, &mark.head)?;
    let mut recovery = Recovery {
        disk,
        witness,
        mark,
        anchor: known.newest().unwrap_or_default(),
        anchored: false,
        head: mark.head,
        changed: Versions::default(),
        index: Index::default(),
    };
    recovery.anchored = recovery.anchor == mark.head;
    saved.iter().for_each(|log| recovery.index.restore(log));
    let segments = recovery.segments()?;
    // It is durable before the first segment is begun.
    if (!may_begin || base.is_some() || !segments.is_empty())
        && let Some(Finding { file, offset, what }) = known.faults.into_iter().next()
    {
        return Err(StoreError::damaged(&file, offset, what));
    }
    let mut previous = None;
    for (at, id) in segments.iter().enumerate() {
        previous = recovery.segment(*id, previous, at + 1 == segments.len())?.or(previous);
    }
    let next_segment = previous.map_or(mark.oldest_segment, |(id, _)| id + 1);
    let behind = |what: String| Err(StoreError::damaged(&segment_name(next_segment), 0, what));
    if next_segment < mark.next_segment() {
        return behind("the segment is missing, although the last checkpoint follows on it".into());
    }
    if let Some(log) = saved.iter().find(|log| !recovery.index.reaches(log)) {
        return behind(format!(
            "log {} ends before record {}, which the last checkpoint knew",
            log.log.0, log.next
        ));
    }
    recovery.reaches_anchor(next_segment)?;
    let Recovery { head, changed, index, .. } = recovery;
    let from = Continuation { head, next_segment };
    Ok(Recovered { mark, changed, index: Arc::new(RwLock::new(index)), from })
}

struct Recovery<'a> {
    disk: &'a dyn Disk,
    witness: &'a dyn Witness,
    mark: Mark,
    /// Up to where groups are known to have been durable, and whether that place was passed.
    anchor: Head,
    anchored: bool,
    /// The place in the history that was reached.
    head: Head,
    changed: Versions,
    index: Index,
}

impl Recovery<'_> {
    /// The segments there are, in order and without a gap. What is older than needed is removed.
    fn segments(&self) -> Result<Vec<u64>, StoreError> {
        let names = self.disk.list().map_err(|e| StoreError::io("listing the data directory", e))?;
        let mut ids: Vec<u64> = names.iter().filter_map(|name| segment_id(name)).collect();
        ids.sort_unstable();
        for id in ids.extract_if(.., |id| *id < self.mark.oldest_segment) {
            let name = segment_name(id);
            self.disk.remove(&name).map_err(|e| StoreError::io(format!("removing `{name}`"), e))?;
        }
        for (id, expected) in ids.iter().zip(self.mark.oldest_segment..) {
            if *id != expected {
                return Err(StoreError::damaged(&segment_name(expected), 0, "the segment is missing"));
            }
        }
        Ok(ids)
    }

    /// Takes in one segment, which follows on the one given by its number and last version. None if it was
    /// the last and without frames, and so has been removed.
    fn segment(
        &mut self,
        id: u64,
        previous: Option<(u64, Head)>,
        is_last: bool,
    ) -> Result<Option<(u64, Head)>, StoreError> {
        let name = segment_name(id);
        let file = self.disk.open(&name).map_err(|e| StoreError::io(format!("opening `{name}`"), e))?;
        if is_last {
            // Whoever wrote to it may have been killed before that was durable. An index must not be, while a frame in front of it is
            // not yet; nor may the next segment come.
            file.sync().map_err(|e| StoreError::io(format!("synchronizing `{name}`"), e))?;
        }
        let Some(header) = SegmentHeader::read(&*file, &name, is_last)? else {
            drop(file);
            self.remove(&name)?;
            return Ok(None);
        };
        let expected = match previous {
            None if id == self.mark.segment && self.mark.offset == 0 => Some(self.mark.head),
            None if id == Mark::START.segment => Some(Mark::START.head),
            previous => previous.map(|(_, head)| head),
        };
        if header.id != id || expected.is_some_and(|head| head != header.previous) {
            return Err(StoreError::damaged(&name, 0, "the segment does not follow on the one before"));
        }
        let contents = match Contents::load(&*file, &name, header.salt)? {
            Some(contents) => {
                if id >= self.mark.segment {
                    let from = self.replay_from(id);
                    let mut frames = Frames::new(&*file, &name, header.salt, from, contents.frames_end);
                    self.replay(&mut frames, &name, header.previous, None)?;
                    if !frames.is_at_end() {
                        return Err(frames.damage());
                    }
                }
                contents
            }
            None if is_last => {
                let contents = self.complete(&*file, &name, &header)?;
                if contents.frames_end == SEGMENT_HEADER_BYTES {
                    drop(file);
                    self.remove(&name)?;
                    return Ok(None);
                }
                contents
            }
            None => return Err(StoreError::damaged(&name, 0, "the segment's index is missing or damaged")),
        };
        let head = contents.head;
        if id == self.mark.segment && self.mark.offset > contents.frames_end {
            return Err(StoreError::damaged(
                &name,
                contents.frames_end,
                "the segment ends before the last checkpoint",
            ));
        }
        if !self.index.add_sealed(&header, contents) {
            return Err(StoreError::damaged(
                &name,
                0,
                "log records are missing between this segment and the one before",
            ));
        }
        Ok(Some((id, head)))
    }

    /// Goes through a segment that was being written when the system went down, and completes it.
    fn complete(
        &mut self,
        file: &dyn DiskFile,
        name: &str,
        header: &SegmentHeader,
    ) -> Result<Contents, StoreError> {
        let len = file_len(file, name)?;
        let mut frames = Frames::new(file, name, header.salt, SEGMENT_HEADER_BYTES, len);
        let mut contents = Contents::new(header);
        self.replay(&mut frames, name, header.previous, Some(&mut contents))?;
        if !frames.is_at_end() {
            let damage = frames.damage();
            // What is cut off here was never acknowledged, unless a later frame shows that it once was whole.
            if frames.skip_to_whole()? {
                return Err(damage);
            }
        }
        if contents.frames_end > SEGMENT_HEADER_BYTES {
            write_seal(file, name, header.salt, &contents)?;
        }
        Ok(contents)
    }

    /// Where the frames begin that the tables do not contain.
    fn replay_from(&self, id: u64) -> u64 {
        if id == self.mark.segment {
            self.mark.offset.max(SEGMENT_HEADER_BYTES)
        } else {
            SEGMENT_HEADER_BYTES
        }
    }

    /// Takes in frames up to the first that is not whole, those before the checkpoint only into `contents`.
    fn replay(
        &mut self,
        frames: &mut Frames<'_>,
        name: &str,
        mut previous: Head,
        mut contents: Option<&mut Contents>,
    ) -> Result<(), StoreError> {
        if frames.offset > SEGMENT_HEADER_BYTES {
            previous = self.mark.head;
        }
        loop {
            let offset = frames.offset;
            let Some(frame) = frames.next()? else { return Ok(()) };
            let head = frame.follow(previous, self.witness, name)?;
            previous = head;
            self.anchored |= head == self.anchor;
            let ops = frame.ops(name)?;
            if let Some(contents) = contents.as_deref_mut()
                && !contents.add(head, frames.offset - offset, &ops)
            {
                return Err(StoreError::damaged(name, offset, "log positions do not follow each other"));
            }
            if head.version > self.mark.head.version {
                self.apply(ops, head.version);
                self.head = head;
            }
        }
    }

    /// Refuses a journal that ends before what is known to have been durable.
    fn reaches_anchor(&self, next_segment: u64) -> Result<(), StoreError> {
        if self.anchored {
            return Ok(());
        }
        let (last, anchor) = (self.head.version, self.anchor.version);
        let name = segment_name(next_segment.saturating_sub(u64::from(last > 0)).max(1));
        let what = if last < anchor {
            format!(
                "the end of the journal is missing: it ends at version {last}, but version {anchor} was durable"
            )
        } else {
            format!(
                "the journal does not continue what was durable at version {anchor}: it has another history"
            )
        };
        Err(StoreError::damaged(&name, 0, what))
    }

    fn apply(&mut self, ops: Vec<Op>, version: u64) {
        // Copies, since what was read is a slice of a much larger buffer.
        let own = |bytes: Bytes| Bytes::copy_from_slice(&bytes);
        let rows = ops.into_iter().filter_map(|op| match op {
            Op::Put(key, value) => Some(Op::Put(own(key), own(value))),
            Op::Delete(key) => Some(Op::Delete(own(key))),
            Op::Retain(log, before) => {
                self.index.replay_retain(log, before);
                None
            }
            Op::Append(..) => None,
        });
        self.changed.apply(&rows.collect::<Vec<_>>(), version, version);
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        let removed = self.disk.remove(name).and_then(|()| self.disk.sync());
        removed.map_err(|e| StoreError::io(format!("removing `{name}`"), e))
    }
}
