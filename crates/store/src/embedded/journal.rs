//! Writing the journal: one write and one synchronization for each group.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use super::anchor::{Anchor, Note};
use super::disk::{Disk, DiskFile};
use super::frame::{self, EncodeError};
use super::logs::Index;
use super::segment::{Contents, SEGMENT_HEADER_BYTES, SegmentHeader, segment_name};
use crate::{Group, Head, StoreError, Witness};

/// How far the file is extended by zeros at a time: to write over existing blocks is much quicker to make durable
/// than to add blocks, because the file system has nothing of its own to write down.
const EXTEND_BYTES: u64 = 1 << 20;
/// A buffer longer than this, left from a large group, is not kept.
const BUFFER_BYTES_KEPT: usize = 4 << 20;

#[derive(Debug)]
pub(super) struct Journal {
    disk: Arc<dyn Disk>,
    index: Arc<RwLock<Index>>,
    witness: Arc<dyn Witness>,
    anchor: Anchor,
    segment_bytes: u64,
    /// The segment being written; the next group begins one if there is none.
    writing: Option<Writing>,
    /// The number of the next segment.
    next_segment: u64,
    /// The place in the history after the last group.
    head: Head,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Writing {
    header: SegmentHeader,
    file: Arc<dyn DiskFile>,
    name: String,
    /// Where the next frame goes.
    end: u64,
    /// How far the file reaches.
    extended: u64,
}

/// Where a journal goes on.
#[derive(Debug)]
pub(super) struct Continuation {
    /// The place in the history after the last group.
    pub(super) head: Head,
    /// The number of the next segment.
    pub(super) next_segment: u64,
}

impl Journal {
    /// Goes on with a journal, once it is known durably how far it has come.
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        index: Arc<RwLock<Index>>,
        witness: Arc<dyn Witness>,
        segment_bytes: u64,
        from: Continuation,
    ) -> Result<Journal, StoreError> {
        let Continuation { head, next_segment } = from;
        let anchor = Anchor::resume(&*disk, &head, &*witness)?;
        let (writing, buffer) = (None, Vec::new());
        Ok(Journal { disk, index, witness, anchor, segment_bytes, writing, next_segment, head, buffer })
    }

    /// The place in the history after the last group.
    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// What the next checkpoint is to note first.
    pub(super) fn note(&mut self) -> Note {
        self.anchor.note()
    }

    /// The segment and offset of the next frame; offset 0 stands for the first frame of a segment yet to come.
    pub(super) fn place(&self) -> (u64, u64) {
        self.writing.as_ref().map_or((self.next_segment, 0), |writing| (writing.header.id, writing.end))
    }

    /// Makes a group durable. True if this began a new segment.
    pub(super) fn write(&mut self, group: &Group) -> Result<bool, StoreError> {
        if self.writing.as_ref().is_some_and(|writing| writing.end >= self.segment_bytes) {
            self.seal()?;
        }
        let begins = self.writing.is_none();
        let mut writing = match self.writing.take() {
            Some(writing) => writing,
            None => self.begin()?,
        };
        self.buffer.clear();
        // A clock before 1970 tells nothing; the order of groups does not depend on it.
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let time = u64::try_from(time).unwrap_or(u64::MAX);
        let encoded =
            frame::encode(&mut self.buffer, writing.header.salt, &self.head, time, group, &*self.witness);
        let head = encoded.map_err(|error| match error {
            EncodeError::TooLong => StoreError::TooLarge {
                what: "a group of transactions",
                size: self.buffer.len(),
                max: frame::FRAME_BYTES_MAX,
            },
            EncodeError::NoProof(why) => StoreError::no_proof(why),
        })?;
        let frame_len = self.buffer.len() as u64;
        writing.write(&mut self.buffer, self.segment_bytes)?;
        self.anchor.write(&head, &*self.witness)?;
        self.head = head;
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        let follows = index.add_frame(writing.header.id, head, frame_len, &group.ops);
        drop(index);
        if !follows {
            return Err(StoreError::damaged(
                &writing.name,
                writing.end,
                "log positions do not follow each other",
            ));
        }
        writing.end += frame_len;
        if self.buffer.capacity() > BUFFER_BYTES_KEPT {
            self.buffer = Vec::new();
        }
        self.writing = Some(writing);
        Ok(begins)
    }

    fn begin(&mut self) -> Result<Writing, StoreError> {
        let salt = RandomState::new().build_hasher().finish();
        let header = SegmentHeader { id: self.next_segment, salt, previous: self.head };
        let name = segment_name(header.id);
        let create = || {
            let file = self.disk.create(&name)?;
            // Durable before the first frame, so that a header that is not whole means a segment without frames.
            file.write_at(0, &header.encode())?;
            file.sync()?;
            self.disk.sync()?;
            Ok(file)
        };
        let file = create().map_err(|e| StoreError::io(format!("creating `{name}`"), e))?;
        self.index.write().unwrap_or_else(PoisonError::into_inner).begin(&header, file.clone());
        self.next_segment += 1;
        Ok(Writing { header, file, name, end: SEGMENT_HEADER_BYTES, extended: SEGMENT_HEADER_BYTES })
    }

    /// Ends the segment being written, if there is one: its index is put behind its frames.
    pub(super) fn seal(&mut self) -> Result<(), StoreError> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let contents = index.contents(writing.header.id).cloned();
        drop(index); // reading goes on meanwhile
        if let Some(contents) = contents {
            write_seal(&*writing.file, &writing.name, writing.header.salt, &contents)?;
        }
        self.index.write().unwrap_or_else(PoisonError::into_inner).seal(writing.header.id);
        Ok(())
    }
}

impl Writing {
    fn write(&mut self, frame: &mut Vec<u8>, segment_bytes: u64) -> Result<(), StoreError> {
        let end = self.end + frame.len() as u64;
        if end > self.extended {
            self.extended = end.next_multiple_of(EXTEND_BYTES).min(segment_bytes).max(end);
            let len = usize::try_from(self.extended - self.end).unwrap_or(frame.len());
            frame.resize(len, 0);
        }
        let written = self.file.write_at(self.end, frame).and_then(|()| self.file.sync());
        written.map_err(|e| StoreError::io(format!("writing at {} of `{}`", self.end, self.name), e))
    }
}

/// Puts the index behind the frames of a segment and cuts off what follows.
pub(super) fn write_seal(
    file: &dyn DiskFile,
    name: &str,
    salt: u64,
    contents: &Contents,
) -> Result<(), StoreError> {
    let seal = contents.encode_seal(salt);
    let write = || {
        file.write_at(contents.frames_end, &seal)?;
        file.set_len(contents.frames_end + seal.len() as u64)?;
        file.sync()
    };
    write().map_err(|e| StoreError::io(format!("completing `{name}`"), e))
}
