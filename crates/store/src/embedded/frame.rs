//! A frame holds one group of transactions. `FORMAT.md` gives its bytes.

use bytes::{Buf, BufMut, Bytes};

use crate::witness::LINK_BYTES;
use crate::{Group, Head, LogId, Op, PROOF_BYTES_MAX, Witness};

/// "FGRP" as it stands in the file.
const MAGIC: u32 = u32::from_le_bytes(*b"FGRP");
/// Bytes in front of a frame's payload.
pub(super) const HEADER_BYTES: usize = 72;
/// Frames start at multiples of this.
pub(super) const ALIGNMENT: usize = 8;
/// No frame is longer: the longest is a group that was nearly full when the largest transaction joined it.
pub(super) const FRAME_BYTES_MAX: usize = 64 << 20;

const PUT: u8 = 1;
const DELETE: u8 = 2;
const APPEND: u8 = 3;
const RETAIN: u8 = 4;

/// The part of a frame in front of its payload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    payload_len: u32,
    proof_len: u32,
    checksum: u32,
    /// The place in the history that the group follows on.
    pub(super) previous: Head,
    /// The version of this group.
    pub(super) version: u64,
    /// When it was committed, in milliseconds since 1970 by the clock of that time.
    pub(super) time: u64,
}

impl Header {
    /// Reads a header; none if these bytes cannot be one.
    pub(super) fn parse(mut bytes: &[u8]) -> Option<Header> {
        if bytes.len() < HEADER_BYTES || bytes.get_u32_le() != MAGIC {
            return None;
        }
        let (payload_len, checksum, proof_len) = (bytes.get_u32_le(), bytes.get_u32_le(), bytes.get_u32_le());
        let (previous, version, time) = (bytes.get_u64_le(), bytes.get_u64_le(), bytes.get_u64_le());
        let previous = Head { version: previous, link: *bytes.first_chunk::<LINK_BYTES>()? };
        let header = Header { payload_len, proof_len, checksum, previous, version, time };
        let sound = header.proof_len as usize <= PROOF_BYTES_MAX
            && header.previous.version < header.version
            && header.frame_len() <= FRAME_BYTES_MAX;
        sound.then_some(header)
    }

    /// Bytes of the frame, header and padding included.
    pub(super) fn frame_len(&self) -> usize {
        self.whole_len().next_multiple_of(ALIGNMENT)
    }

    fn whole_len(&self) -> usize {
        HEADER_BYTES + self.payload_len as usize + self.proof_len as usize
    }

    /// The payload and the proof of a frame whose bytes are at hand, if they are what was written.
    pub(super) fn parts(&self, frame: &Bytes, salt: u64) -> Option<(Bytes, Bytes)> {
        let (whole, padding) = frame.split_at_checked(self.whole_len())?;
        let (head, rest) = whole.split_at_checked(HEADER_BYTES)?;
        if checksum(salt, head, rest) != self.checksum || padding.iter().any(|byte| *byte != 0) {
            return None;
        }
        let mut payload = frame.slice(HEADER_BYTES..whole.len());
        let proof = payload.split_off(self.payload_len as usize);
        Some((payload, proof))
    }
}

/// Where the checksum stands in a header.
const CHECKSUM_AT: std::ops::Range<usize> = 8..12;

/// The salt, random for each segment, keeps anyone who chooses what is stored from forging a frame, and what is left
/// of another file from passing for one.
fn checksum(salt: u64, head: &[u8], rest: &[u8]) -> u32 {
    let (before, after) = (head.get(..CHECKSUM_AT.start), head.get(CHECKSUM_AT.end..));
    let parts = [before.unwrap_or_default(), after.unwrap_or_default(), rest];
    parts.iter().fold(crc32c::crc32c(&salt.to_le_bytes()), |sum, part| crc32c::crc32c_append(sum, part))
}

/// Writes the frame of a group to the empty `out`, and gives the place in the history after it.
pub(super) fn encode(
    out: &mut Vec<u8>,
    salt: u64,
    previous: &Head,
    time: u64,
    group: &Group,
    witness: &dyn Witness,
) -> Result<Head, EncodeError> {
    out.put_bytes(0, HEADER_BYTES);
    for op in &group.ops {
        match op {
            Op::Put(key, value) => {
                out.put_u8(PUT);
                put_bytes(out, key)?;
                put_bytes(out, value)?;
            }
            Op::Delete(key) => {
                out.put_u8(DELETE);
                put_bytes(out, key)?;
            }
            Op::Append(log, position, record) => {
                out.put_u8(APPEND);
                out.put_u32_le(log.0);
                out.put_u64_le(*position);
                put_bytes(out, record)?;
            }
            Op::Retain(log, before) => {
                out.put_u8(RETAIN);
                out.put_u32_le(log.0);
                out.put_u64_le(*before);
            }
        }
    }
    let payload = out.get(HEADER_BYTES..).unwrap_or_default();
    if payload.len() > FRAME_BYTES_MAX - HEADER_BYTES - PROOF_BYTES_MAX - ALIGNMENT {
        return Err(EncodeError::TooLong);
    }
    let payload_len = u32::try_from(payload.len()).map_err(|_| EncodeError::TooLong)?;
    let head = previous.after(group.version, time, payload);
    let proof = witness.attest(&head.statement()).map_err(EncodeError::NoProof)?;
    let proof_len = u32::try_from(proof.len()).ok().filter(|_| proof.len() <= PROOF_BYTES_MAX);
    out.put_slice(&proof);
    let (mut fields, rest) = out.split_at_mut(HEADER_BYTES);
    let mut header = [0; HEADER_BYTES];
    let mut to = &mut header[..];
    to.put_u32_le(MAGIC);
    to.put_u32_le(payload_len);
    to.put_u32_le(0);
    to.put_u32_le(proof_len.ok_or_else(|| EncodeError::NoProof("it is too long".into()))?);
    to.put_u64_le(previous.version);
    to.put_u64_le(group.version);
    to.put_u64_le(time);
    to.put_slice(&previous.link);
    let checksum = checksum(salt, &header, rest);
    fields.put_slice(&header);
    if let Some(mut at) = out.get_mut(CHECKSUM_AT) {
        at.put_u32_le(checksum);
    }
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
    Ok(head)
}

/// Why a group cannot be written as a frame.
#[derive(Debug)]
pub(super) enum EncodeError {
    /// It does not fit. The store's limits keep this from happening.
    TooLong,
    /// The witness gives no proof.
    NoProof(String),
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), EncodeError> {
    out.put_u32_le(u32::try_from(bytes.len()).map_err(|_| EncodeError::TooLong)?);
    out.put_slice(bytes);
    Ok(())
}

/// Reads the changes out of a payload, which `Err` ends when it is malformed.
pub(super) struct Ops(Bytes);

impl Ops {
    pub(super) fn new(payload: Bytes) -> Ops {
        Ops(payload)
    }

    fn next_op(&mut self) -> Result<Op, Malformed> {
        Ok(match self.0.try_get_u8()? {
            PUT => Op::Put(self.bytes()?, self.bytes()?),
            DELETE => Op::Delete(self.bytes()?),
            APPEND => Op::Append(LogId(self.0.try_get_u32_le()?), self.0.try_get_u64_le()?, self.bytes()?),
            RETAIN => Op::Retain(LogId(self.0.try_get_u32_le()?), self.0.try_get_u64_le()?),
            _ => return Err(Malformed),
        })
    }

    fn bytes(&mut self) -> Result<Bytes, Malformed> {
        let len = self.0.try_get_u32_le()? as usize;
        if len > self.0.len() {
            return Err(Malformed);
        }
        Ok(self.0.split_to(len))
    }
}

impl Iterator for Ops {
    type Item = Result<Op, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let op = self.next_op();
        if op.is_err() {
            self.0.clear();
        }
        Some(op)
    }
}

/// A payload whose checksum is right but which is not a list of changes.
#[derive(Debug)]
pub(super) struct Malformed;

impl From<bytes::TryGetError> for Malformed {
    fn from(_: bytes::TryGetError) -> Self {
        Malformed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Proves a statement by its own end.
    #[derive(Debug)]
    struct Last;

    impl Witness for Last {
        fn attest(&self, statement: &[u8]) -> Result<Vec<u8>, String> {
            Ok(statement[statement.len() - 5..].to_vec())
        }

        fn confirms(&self, statement: &[u8], proof: &[u8]) -> bool {
            statement.ends_with(proof)
        }
    }

    fn decode(frame: &Bytes, salt: u64) -> Option<(Header, Vec<Op>)> {
        let header = Header::parse(frame)?;
        let (payload, proof) = header.parts(frame, salt)?;
        let head = header.previous.after(header.version, header.time, &payload);
        assert!(Last.confirms(&head.statement(), &proof));
        let ops = Ops::new(payload).collect::<Result<_, _>>().ok()?;
        Some((header, ops))
    }

    fn group() -> impl Strategy<Value = Group> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from);
        let op = prop_oneof![
            (bytes(), bytes()).prop_map(|(key, value)| Op::Put(key, value)),
            bytes().prop_map(Op::Delete),
            (any::<u32>(), any::<u64>(), bytes()).prop_map(|(log, at, record)| Op::Append(
                LogId(log),
                at,
                record
            )),
            (any::<u32>(), any::<u64>()).prop_map(|(log, before)| Op::Retain(LogId(log), before)),
        ];
        (10..u64::MAX, prop::collection::vec(op, 0..8)).prop_map(|(version, ops)| Group { version, ops })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_else(group in group(), salt: u64, at: prop::sample::Index, bit in 0..8) {
            let mut out = Vec::new();
            let previous = Head { version: 9, link: [3; LINK_BYTES] };
            encode(&mut out, salt, &previous, 77, &group, &Last).unwrap();
            let frame = Bytes::from(out);
            let (header, ops) = decode(&frame, salt).unwrap();
            prop_assert_eq!((header.previous, header.time), (previous, 77));
            prop_assert_eq!((header.version, header.frame_len()), (group.version, frame.len()));
            prop_assert_eq!(&ops, &group.ops);
            prop_assert!(decode(&frame, salt ^ 1).is_none());
            let at = at.index(frame.len());
            let mut flipped = frame.to_vec();
            flipped[at] ^= 1u8 << bit;
            prop_assert!(decode(&flipped.into(), salt).is_none(), "bit {} of byte {}", bit, at);
            let cut = at.min(header.whole_len() - 1);
            prop_assert!(decode(&frame.slice(..cut), salt).is_none());
        }

        #[test]
        fn no_payload_makes_it_panic(payload: Vec<u8>) {
            let _ = Ops::new(payload.into()).count();
        }
    }
}
