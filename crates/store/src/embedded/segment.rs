//! A journal segment: a header, frames, and, once no more are added, an index of its log records.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes};

use super::disk::DiskFile;
use super::frame::{ALIGNMENT, FRAME_BYTES_MAX, HEADER_BYTES, Header, Ops};
use crate::witness::LINK_BYTES;
use crate::{Head, LogId, Op, StoreError, Witness};

/// The version of the files' format.
pub(super) const FORMAT: u32 = 3;
/// Bytes of a segment's header; the first frame follows.
pub(super) const SEGMENT_HEADER_BYTES: u64 = 96;
/// How much of it is covered by its checksum, which follows.
const SEGMENT_HEADER_CHECKED_BYTES: usize = 72;

const MAGIC: &[u8; 8] = b"FASTJRNL";
const SEAL_MAGIC: &[u8; 8] = b"FASTSEAL";
const TRAILER_BYTES: usize = 24;
/// Within a segment, every so many bytes the place of a log's record is noted.
const MARK_SPACING_BYTES: u64 = 64 << 10;
/// How much is read at once when going through frames.
const READ_BYTES: usize = 256 << 10;

/// Which segment it is, and what continues what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// Counts from 1 without gaps.
    pub(super) id: u64,
    /// Goes into the checksums of everything in the segment.
    pub(super) salt: u64,
    /// The place in the history after the last group of the segment before.
    pub(super) previous: Head,
}

/// What a segment contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contents {
    /// The place in the history after its last group, or after the segment before if it has none.
    pub(super) head: Head,
    /// Where its frames end.
    pub(super) frames_end: u64,
    /// Where its records of each log are.
    pub(super) logs: BTreeMap<LogId, Part>,
}

/// The records of one log in one segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// The position of the first.
    pub(super) first: u64,
    /// The position after the last.
    pub(super) next: u64,
    /// For some records, the first of them among these, the position and the offset of the frame they are in.
    pub(super) marks: Vec<(u64, u64)>,
}

/// The name of a segment's file.
pub(super) fn segment_name(id: u64) -> String {
    format!("{id:016x}.journal")
}

/// The segment that a file holds, if it is one by its name.
pub(super) fn segment_id(name: &str) -> Option<u64> {
    let id = u64::from_str_radix(name.strip_suffix(".journal")?, 16).ok()?;
    (segment_name(id) == name).then_some(id)
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        out.put_slice(MAGIC);
        out.put_u32_le(FORMAT);
        out.put_u32_le(0);
        out.put_u64_le(self.id);
        out.put_u64_le(self.salt);
        out.put_u64_le(self.previous.version);
        out.put_slice(&self.previous.link);
        out.put_u32_le(crc32c::crc32c(&out));
        out.resize(96, 0);
        out
    }

    /// The header of a segment's file. None if it was never whole, which only happens to the last segment, before it has
    /// frames.
    pub(super) fn read(
        file: &dyn DiskFile,
        name: &str,
        may_be_torn: bool,
    ) -> Result<Option<SegmentHeader>, StoreError> {
        let len = file_len(file, name)?;
        let head = read(file, name, 0, usize::try_from(len.min(SEGMENT_HEADER_BYTES)).unwrap_or(0))?;
        match SegmentHeader::parse(name, &head)? {
            None if may_be_torn && len <= SEGMENT_HEADER_BYTES => Ok(None),
            None => Err(StoreError::damaged(name, 0, "the segment's header is damaged")),
            header => Ok(header),
        }
    }

    /// Reads a header; none if these bytes are not one.
    pub(super) fn parse(name: &str, bytes: &[u8]) -> Result<Option<SegmentHeader>, StoreError> {
        if !bytes.starts_with(MAGIC) {
            return Ok(None);
        }
        let Some(mut format) = bytes.get(8..12) else { return Ok(None) };
        let format = format.get_u32_le();
        if format != FORMAT {
            return Err(StoreError::Format { file: name.into(), found: format, known: FORMAT });
        }
        let (Some((checked, mut checksum)), Some(mut rest)) =
            (bytes.split_at_checked(SEGMENT_HEADER_CHECKED_BYTES), bytes.get(16..))
        else {
            return Ok(None);
        };
        let (id, salt, version) = (rest.get_u64_le(), rest.get_u64_le(), rest.get_u64_le());
        let Some(link) = rest.first_chunk::<LINK_BYTES>() else { return Ok(None) };
        let header = SegmentHeader { id, salt, previous: Head { version, link: *link } };
        let sound = checksum.try_get_u32_le() == Ok(crc32c::crc32c(checked))
            && checksum.iter().all(|byte| *byte == 0);
        Ok(sound.then_some(header))
    }
}

impl Contents {
    /// Of a segment without frames.
    pub(super) fn new(header: &SegmentHeader) -> Contents {
        Contents { head: header.previous, frames_end: SEGMENT_HEADER_BYTES, logs: BTreeMap::new() }
    }

    /// Notes the frame that was added at `frames_end`. False if a log's positions do not follow each other.
    #[must_use]
    pub(super) fn add<'a>(
        &mut self,
        head: Head,
        frame_len: u64,
        ops: impl IntoIterator<Item = &'a Op>,
    ) -> bool {
        for op in ops {
            let Op::Append(log, position, _) = op else { continue };
            let part = self.logs.entry(*log).or_insert_with(|| Part {
                first: *position,
                next: *position,
                marks: vec![],
            });
            if part.next != *position {
                return false;
            }
            part.next += 1;
            if part.marks.last().is_none_or(|(_, offset)| offset + MARK_SPACING_BYTES <= self.frames_end) {
                part.marks.push((*position, self.frames_end));
            }
        }
        self.head = head;
        self.frames_end += frame_len;
        true
    }

    /// From which frame to which the record of a log may be.
    pub(super) fn block(&self, log: LogId, position: u64) -> Option<(u64, u64)> {
        let marks = &self.logs.get(&log)?.marks;
        let after = marks.partition_point(|(first, _)| *first <= position);
        let start = marks.get(after.checked_sub(1)?)?.1;
        Some((start, marks.get(after).map_or(self.frames_end, |(_, offset)| *offset)))
    }

    /// What is put behind the frames of a segment that gets no more.
    pub(super) fn encode_seal(&self, salt: u64) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_u64_le(self.head.version);
        out.put_slice(&self.head.link);
        for (log, part) in &self.logs {
            out.put_u32_le(log.0);
            out.put_u32_le(u32::try_from(part.marks.len()).unwrap_or(u32::MAX));
            out.put_u64_le(part.first);
            out.put_u64_le(part.next);
            for (position, offset) in &part.marks {
                out.put_u64_le(*position);
                out.put_u64_le(*offset);
            }
        }
        let checksum = seal_checksum(salt, self.frames_end, &out);
        let len = u32::try_from(out.len()).unwrap_or(u32::MAX);
        out.put_u32_le(len);
        out.put_u32_le(checksum);
        out.put_u64_le(self.frames_end);
        out.put_slice(SEAL_MAGIC);
        out
    }

    /// Reads the seal of a segment; none if it has none.
    pub(super) fn load(file: &dyn DiskFile, name: &str, salt: u64) -> Result<Option<Contents>, StoreError> {
        let Some(trailer_at) = file_len(file, name)?.checked_sub(TRAILER_BYTES as u64) else {
            return Ok(None);
        };
        let trailer = read(file, name, trailer_at, TRAILER_BYTES)?;
        let mut fields = &*trailer;
        let (len, checksum, frames_end) = (fields.get_u32_le(), fields.get_u32_le(), fields.get_u64_le());
        if fields != SEAL_MAGIC || frames_end.checked_add(u64::from(len)) != Some(trailer_at) {
            return Ok(None);
        }
        let payload = read(file, name, frames_end, len as usize)?;
        if seal_checksum(salt, frames_end, &payload) != checksum {
            return Ok(None);
        }
        let malformed = |_| StoreError::damaged(name, frames_end, "the index of the segment is malformed");
        Contents::parse(payload, frames_end).map(Some).map_err(malformed)
    }

    fn parse(mut payload: Bytes, frames_end: u64) -> Result<Contents, bytes::TryGetError> {
        let mut head = Head { version: payload.try_get_u64_le()?, link: [0; LINK_BYTES] };
        payload.try_copy_to_slice(&mut head.link)?;
        let mut logs = BTreeMap::new();
        while !payload.is_empty() {
            let (log, count) = (payload.try_get_u32_le()?, payload.try_get_u32_le()?);
            let (first, next) = (payload.try_get_u64_le()?, payload.try_get_u64_le()?);
            let mut marks = Vec::with_capacity((count as usize).min(payload.len() / 16));
            for _ in 0..count {
                marks.push((payload.try_get_u64_le()?, payload.try_get_u64_le()?));
            }
            logs.insert(LogId(log), Part { first, next, marks });
        }
        Ok(Contents { head, frames_end, logs })
    }
}

fn seal_checksum(salt: u64, frames_end: u64, payload: &[u8]) -> u32 {
    let head = [salt.to_le_bytes(), frames_end.to_le_bytes()].concat();
    crc32c::crc32c_append(crc32c::crc32c(&head), payload)
}

/// Goes through the frames of a segment.
pub(super) struct Frames<'a> {
    file: &'a dyn DiskFile,
    name: &'a str,
    salt: u64,
    /// Where the next frame starts.
    pub(super) offset: u64,
    end: u64,
    /// Bytes of the file from `offset` on.
    buffer: Bytes,
}

/// One frame of a segment.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) header: Header,
    /// All of it.
    pub(super) bytes: Bytes,
    payload: Bytes,
    proof: Bytes,
    pub(super) offset: u64,
}

impl<'a> Frames<'a> {
    /// The frames between two offsets.
    pub(super) fn new(file: &'a dyn DiskFile, name: &'a str, salt: u64, from: u64, to: u64) -> Frames<'a> {
        Frames { file, name, salt, offset: from, end: to, buffer: Bytes::new() }
    }

    /// The next frame; none at the end, or if what is there is not a whole frame: see [`is_at_end`](Self::is_at_end).
    pub(super) fn next(&mut self) -> Result<Option<Frame>, StoreError> {
        self.buffer_up_to(HEADER_BYTES)?;
        let Some(header) = Header::parse(&self.buffer) else { return Ok(None) };
        let frame_len = header.frame_len();
        self.buffer_up_to(frame_len)?;
        if self.buffer.len() < frame_len {
            return Ok(None);
        }
        let bytes = self.buffer.slice(..frame_len);
        let Some((payload, proof)) = header.parts(&bytes, self.salt) else { return Ok(None) };
        let frame = Frame { header, bytes, payload, proof, offset: self.offset };
        self.buffer.advance(frame_len);
        self.offset += frame_len as u64;
        Ok(Some(frame))
    }

    /// The next frame, where there must be one unless the end is reached.
    pub(super) fn next_sound(&mut self) -> Result<Option<Frame>, StoreError> {
        match self.next()? {
            None if !self.is_at_end() => Err(self.damage()),
            frame => Ok(frame),
        }
    }

    /// Whether all frames were gone through.
    pub(super) fn is_at_end(&self) -> bool {
        self.offset >= self.end
    }

    /// The error that says that here should be a frame and is none.
    pub(super) fn damage(&self) -> StoreError {
        StoreError::damaged(self.name, self.offset, "there is no whole frame, or its checksum is wrong")
    }

    /// Goes on to the next whole frame, wherever it begins after this place; false if there is none. If a frame is
    /// damaged and another follows, the damaged one was once whole, since a frame is written only when the one before
    /// it is durable.
    pub(super) fn skip_to_whole(&mut self) -> Result<bool, StoreError> {
        while self.offset + ((ALIGNMENT + HEADER_BYTES) as u64) < self.end {
            self.buffer_up_to(ALIGNMENT + HEADER_BYTES)?;
            self.buffer.advance(ALIGNMENT.min(self.buffer.len()));
            self.offset += ALIGNMENT as u64;
            if Header::parse(&self.buffer).is_some() {
                let (offset, buffer) = (self.offset, self.buffer.clone());
                if self.next()?.is_some() {
                    (self.offset, self.buffer) = (offset, buffer);
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn buffer_up_to(&mut self, len: usize) -> Result<(), StoreError> {
        let left = usize::try_from(self.end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        if self.buffer.len() < len.min(left) {
            self.buffer = read(self.file, self.name, self.offset, left.min(len.max(READ_BYTES)))?;
        }
        Ok(())
    }
}

impl Frame {
    /// Bytes of the frame, header and padding included.
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The place in the history after it, as its contents make it.
    pub(super) fn head(&self) -> Head {
        self.header.previous.after(self.header.version, self.header.time, &self.payload)
    }

    /// The place in the history after it, if the witness confirms it: then this is the group that was written, and it
    /// was written after the one it follows on.
    pub(super) fn proven(&self, witness: &dyn Witness) -> Option<Head> {
        let head = self.head();
        witness.confirms(&head.statement(), &self.proof).then_some(head)
    }

    /// The place in the history after it, which must follow on `previous` and be proven.
    pub(super) fn follow(
        &self,
        previous: Head,
        witness: &dyn Witness,
        name: &str,
    ) -> Result<Head, StoreError> {
        let wrong = |what: &str| StoreError::damaged(name, self.offset, what);
        if self.header.previous != previous {
            return Err(wrong("the frame does not follow on the one before"));
        }
        self.proven(witness).ok_or_else(|| wrong("the frame was altered: its proof does not fit"))
    }

    /// Its changes.
    pub(super) fn ops(&self, name: &str) -> Result<Vec<Op>, StoreError> {
        let ops: Result<_, _> = Ops::new(self.payload.clone()).collect();
        ops.map_err(|_| StoreError::damaged(name, self.offset, "the frame's contents are malformed"))
    }
}

/// The length of a file.
pub(super) fn file_len(file: &dyn DiskFile, name: &str) -> Result<u64, StoreError> {
    file.len().map_err(|e| StoreError::io(format!("reading the length of `{name}`"), e))
}

/// Reads part of a file.
pub(super) fn read(file: &dyn DiskFile, name: &str, offset: u64, len: usize) -> Result<Bytes, StoreError> {
    if len > FRAME_BYTES_MAX {
        return Err(StoreError::damaged(name, offset, format!("an item of {len} bytes is not possible")));
    }
    let mut bytes = vec![0; len];
    let done = file.read_at(offset, &mut bytes);
    done.map_err(|e| StoreError::io(format!("reading {len} bytes at {offset} of `{name}`"), e))?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_headers_are_read_back() {
        assert_eq!(segment_name(0x1f), "000000000000001f.journal");
        assert_eq!(segment_id("000000000000001f.journal"), Some(0x1f));
        for other in ["1f.journal", "000000000000001F.journal", "000000000000001f", "tables.redb", ".journal"]
        {
            assert_eq!(segment_id(other), None, "{other}");
        }
        let previous = Head { version: 77, link: [5; LINK_BYTES] };
        let header = SegmentHeader { id: 3, salt: 0xfeed, previous };
        let bytes = header.encode();
        assert_eq!(SegmentHeader::parse("x", &bytes).unwrap(), Some(header));
        for at in 0..96 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert_ne!(SegmentHeader::parse("x", &flipped).ok().flatten(), Some(header), "byte {at}");
        }
        assert_eq!(SegmentHeader::parse("x", &bytes[..75]).unwrap(), None);
        for other in [FORMAT - 1, FORMAT + 1] {
            let mut format = bytes.clone();
            format[8..12].copy_from_slice(&other.to_le_bytes());
            let found = SegmentHeader::parse("x", &format);
            assert!(matches!(found, Err(StoreError::Format { found, .. }) if found == other));
        }
    }

    #[test]
    fn a_block_holds_the_record_and_little_else() {
        let mut contents = Contents::new(&SegmentHeader { id: 1, salt: 0, previous: Head::default() });
        for version in 0..100 {
            let ops = [LogId(1), LogId(2)].map(|log| Op::Append(log, version, Bytes::new()));
            let head = Head { version: version + 1, ..Head::default() };
            assert!(contents.add(head, 1000, if version < 10 { &ops[..] } else { &ops[..1] }));
        }
        assert_eq!(contents.block(LogId(1), 0), Some((96, 66_096)));
        assert_eq!(contents.block(LogId(1), 65), Some((96, 66_096)));
        assert_eq!(contents.block(LogId(1), 66), Some((66_096, 100_096)));
        assert_eq!(contents.block(LogId(2), 9), Some((96, 100_096)));
        assert_eq!(contents.block(LogId(3), 0), None);
        assert!(
            !contents.add(Head::default(), 1000, &[Op::Append(LogId(2), 11, Bytes::new())]),
            "10 is missing"
        );
        let seal = Bytes::from(contents.encode_seal(5));
        let payload = seal.slice(..seal.len() - TRAILER_BYTES);
        assert_eq!(Contents::parse(payload, contents.frames_end).unwrap(), contents);
    }
}
