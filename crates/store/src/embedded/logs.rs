//! Reading the logs: which segment has a record, and where in it.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

use super::disk::{Disk, DiskFile};
use super::segment::{Contents, Frames, SegmentHeader, segment_name};
use crate::{Head, LogId, LogRead, Logs, Op, Order, StoreError};

/// What is known of every segment and log.
#[derive(Debug, Default)]
pub(super) struct Index {
    segments: BTreeMap<u64, Segment>,
    logs: HashMap<LogId, Log>,
    /// From which segment on whoever reads all of them still needs them, and how many do.
    pinned: BTreeMap<u64, usize>,
}

/// How far one log reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) log: LogId,
    /// The position of the oldest record that is still wanted.
    pub(super) first: u64,
    /// The position of the next record to come.
    pub(super) next: u64,
}

#[derive(Debug)]
struct Segment {
    salt: u64,
    contents: Contents,
    /// The file while the segment is written; later it is opened when needed, and the marks are read from it.
    writing: Option<Arc<dyn DiskFile>>,
}

#[derive(Debug, Default)]
struct Log {
    first: u64,
    next: u64,
    /// The segments that have records of it, by the position of the first.
    segments: BTreeMap<u64, u64>,
}

impl Index {
    /// A log's bounds as they were saved.
    pub(super) fn restore(&mut self, saved: &Bounds) {
        let log = self.logs.entry(saved.log).or_default();
        log.first = saved.first;
        log.next = saved.next;
    }

    /// Whether a log reaches at least as far as it did when its bounds were saved.
    pub(super) fn reaches(&self, saved: &Bounds) -> bool {
        self.logs.get(&saved.log).is_some_and(|log| log.next >= saved.next)
    }

    /// The bounds of all logs.
    pub(super) fn bounds(&self) -> Vec<Bounds> {
        self.logs.iter().map(|(id, log)| Bounds { log: *id, first: log.first, next: log.next }).collect()
    }

    /// How many segments there are, and the bytes of their frames.
    pub(super) fn size(&self) -> (u64, u64) {
        let bytes = self.segments.values().map(|segment| segment.contents.frames_end);
        (self.segments.len() as u64, bytes.sum())
    }

    /// Adds a segment that is complete. False if its records do not follow on those of the segments before.
    #[must_use]
    pub(super) fn add_sealed(&mut self, header: &SegmentHeader, mut contents: Contents) -> bool {
        for (id, part) in &mut contents.logs {
            let log = self.logs.entry(*id).or_default();
            if log.segments.last_key_value().is_some() && log.next != part.first {
                return false;
            }
            log.segments.insert(part.first, header.id);
            log.next = part.next;
            part.marks = Vec::new();
        }
        self.segments.insert(header.id, Segment { salt: header.salt, contents, writing: None });
        true
    }

    /// Adds the segment that is written from now on.
    pub(super) fn begin(&mut self, header: &SegmentHeader, file: Arc<dyn DiskFile>) {
        let contents = Contents::new(header);
        self.segments.insert(header.id, Segment { salt: header.salt, contents, writing: Some(file) });
    }

    /// Notes a frame that became durable in the segment being written.
    pub(super) fn add_frame(&mut self, segment: u64, head: Head, frame_len: u64, ops: &[Op]) -> bool {
        let Some(writing) = self.segments.get_mut(&segment) else { return false };
        for op in ops {
            match op {
                Op::Append(id, position, _) => {
                    let log = self.logs.entry(*id).or_default();
                    log.next = position + 1;
                    if !writing.contents.logs.contains_key(id) {
                        log.segments.entry(*position).or_insert(segment);
                    }
                }
                Op::Retain(id, before) => self.logs.entry(*id).or_default().retain(*before),
                Op::Put(..) | Op::Delete(..) => {}
            }
        }
        writing.contents.add(head, frame_len, ops)
    }

    /// Applies what a replayed frame says about the records that are still wanted.
    pub(super) fn replay_retain(&mut self, log: LogId, before: u64) {
        self.logs.entry(log).or_default().retain(before);
    }

    /// What the segment being written contains.
    pub(super) fn contents(&self, segment: u64) -> Option<&Contents> {
        self.segments.get(&segment).map(|segment| &segment.contents)
    }

    /// Notes that no more frames come to a segment.
    pub(super) fn seal(&mut self, segment: u64) {
        if let Some(segment) = self.segments.get_mut(&segment) {
            segment.writing = None;
            segment.contents.logs.values_mut().for_each(|part| part.marks = Vec::new());
        }
    }

    /// The oldest segment with a record that is still wanted, or `before` if every one older than that has none. While
    /// no record of any log was let go of, all segments are wanted: they are the history of the rows, too.
    pub(super) fn oldest_needed(&self, before: u64) -> u64 {
        if self.logs.values().all(|log| log.first == 0) {
            return self.first_segment().unwrap_or(before);
        }
        let wanted = |segment: &Segment| {
            let mut parts = segment.contents.logs.iter();
            parts.any(|(id, part)| self.logs.get(id).is_none_or(|log| log.first < part.next))
        };
        self.segments.range(..before).find(|(_, segment)| wanted(segment)).map_or(before, |(id, _)| *id)
    }

    /// The oldest segment there is.
    pub(super) fn first_segment(&self) -> Option<u64> {
        self.segments.first_key_value().map(|(id, _)| *id)
    }

    /// Keeps the segments from `first` on until [`unpin`](Self::unpin).
    pub(super) fn pin(&mut self, first: u64) {
        *self.pinned.entry(first).or_default() += 1;
    }

    /// Undoes one [`pin`](Self::pin).
    pub(super) fn unpin(&mut self, first: u64) {
        if let Some(count) = self.pinned.get_mut(&first) {
            *count -= 1;
            if *count == 0 {
                self.pinned.remove(&first);
            }
        }
    }

    /// Forgets the segments older than `before` that nobody keeps, and gives their numbers.
    pub(super) fn forget(&mut self, before: u64) -> Vec<u64> {
        let before = self.pinned.first_key_value().map_or(before, |(first, _)| before.min(*first));
        let kept = self.segments.split_off(&before);
        let gone = std::mem::replace(&mut self.segments, kept);
        for (id, segment) in &gone {
            for (log, part) in &segment.contents.logs {
                if let Some(log) =
                    self.logs.get_mut(log).filter(|log| log.segments.get(&part.first) == Some(id))
                {
                    log.segments.remove(&part.first);
                }
            }
        }
        gone.into_keys().collect()
    }
}

impl Log {
    fn retain(&mut self, before: u64) {
        self.first = self.first.max(before);
    }
}

/// Reads the logs of a data directory.
#[derive(Debug)]
pub(super) struct LogFiles {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) index: Arc<RwLock<Index>>,
}

/// A stretch of a segment's frames.
struct Block {
    segment: u64,
    salt: u64,
    file: Arc<dyn DiskFile>,
    from: u64,
    to: u64,
}

impl LogFiles {
    /// The block that a record is in; none if its segment is gone. A complete segment stays in `opened`, for the
    /// next block may be in it too.
    fn block(
        &self,
        log: LogId,
        position: u64,
        opened: &mut Option<(u64, Arc<dyn DiskFile>, Contents)>,
    ) -> Result<Option<Block>, StoreError> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let found = index.logs.get(&log).and_then(|log| log.segments.range(..=position).next_back());
        let Some((&segment, known)) = found.and_then(|(_, id)| Some((id, index.segments.get(id)?))) else {
            return Ok(None);
        };
        let salt = known.salt;
        let block = |contents: &Contents, file: &Arc<dyn DiskFile>| {
            let missing = || {
                StoreError::damaged(
                    &segment_name(segment),
                    contents.frames_end,
                    "a log record is not indexed",
                )
            };
            let (from, to) = contents.block(log, position).ok_or_else(missing)?;
            Ok(Some(Block { segment, salt, file: file.clone(), from, to }))
        };
        if let Some(file) = &known.writing {
            return block(&known.contents, file);
        }
        drop(index);
        if opened.as_ref().is_none_or(|(id, ..)| *id != segment) {
            let name = segment_name(segment);
            let file = match self.disk.open(&name) {
                Ok(file) => file,
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(e) => return Err(StoreError::io(format!("opening `{name}`"), e)),
            };
            let contents = Contents::load(&*file, &name, salt)?
                .ok_or_else(|| StoreError::damaged(&name, 0, "the segment's index is missing or damaged"))?;
            *opened = Some((segment, file, contents));
        }
        opened.as_ref().map_or(Ok(None), |(_, file, contents)| block(contents, file))
    }
}

impl Block {
    /// All records of a log in it.
    fn records(&self, log: LogId) -> Result<Vec<(u64, Bytes)>, StoreError> {
        let name = segment_name(self.segment);
        let mut frames = Frames::new(&*self.file, &name, self.salt, self.from, self.to);
        let mut records = Vec::new();
        while let Some(frame) = frames.next_sound()? {
            records.extend(frame.ops(&name)?.into_iter().filter_map(|op| match op {
                Op::Append(of, position, record) if of == log => Some((position, record)),
                _ => None,
            }));
        }
        Ok(records)
    }
}

impl Logs for LogFiles {
    fn bounds(&self, log: LogId) -> (u64, u64) {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.logs.get(&log).map_or((0, 0), |log| (log.first, log.next))
    }

    fn read(&self, log: LogId, mut read: LogRead) -> Result<Vec<(u64, Bytes)>, StoreError> {
        let mut found = Vec::new();
        let mut opened = None;
        let (_, next) = self.bounds(log);
        let mut position = match read.order {
            Order::Forward => read.from,
            Order::Reverse => read.from.min(next.saturating_sub(1)),
        };
        loop {
            let (first, _) = self.bounds(log); // rises when records are let go of
            let done = match read.order {
                Order::Forward => {
                    position = position.max(first);
                    position >= next
                }
                Order::Reverse => position < first || next == first,
            };
            if done || read.count_max == 0 {
                return Ok(found);
            }
            let Some(block) = self.block(log, position, &mut opened)? else {
                if self.bounds(log).0 > position {
                    continue; // its segment was removed in the meantime
                }
                let what = format!("record {position} of log {} is missing", log.0);
                return Err(StoreError::damaged("the journal", 0, what));
            };
            let mut records = block.records(log)?;
            match read.order {
                Order::Forward => records.retain(|(at, _)| *at >= position && *at < next),
                Order::Reverse => {
                    records.retain(|(at, _)| *at <= position && *at >= first);
                    records.reverse();
                }
            }
            let Some(&(last, _)) =
                records.last().filter(|_| records.first().is_some_and(|(at, _)| *at == position))
            else {
                let what = format!("record {position} of log {} is not where the index says", log.0);
                return Err(StoreError::damaged(&segment_name(block.segment), block.from, what));
            };
            for (at, record) in records {
                if !read.take(record.len(), found.is_empty()) {
                    return Ok(found);
                }
                // A copy, since the record is a slice of a much larger buffer.
                found.push((at, Bytes::copy_from_slice(&record)));
            }
            match (read.order, last.checked_sub(1)) {
                (Order::Forward, _) => position = last + 1,
                (Order::Reverse, Some(before)) => position = before,
                (Order::Reverse, None) => return Ok(found),
            }
        }
    }
}
