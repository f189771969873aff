//! A frame holds one group of transactions. `FORMAT.md` gives its bytes.

use bytes::{Buf, BufMut, Bytes};

use crate::{Group, LogId, Op};

/// "FGRP" as it stands in the file.
const MAGIC: u32 = u32::from_le_bytes(*b"FGRP");
/// Bytes in front of a frame's payload.
pub(super) const HEADER_BYTES: usize = 32;
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
    checksum: u32,
    /// The version of the group before.
    pub(super) previous: u64,
    /// The version of this group.
    pub(super) version: u64,
}

impl Header {
    /// Reads a header; none if these bytes cannot be one.
    pub(super) fn parse(mut bytes: &[u8]) -> Option<Header> {
        if bytes.len() < HEADER_BYTES || bytes.get_u32_le() != MAGIC {
            return None;
        }
        let (payload_len, checksum, reserved) = (bytes.get_u32_le(), bytes.get_u32_le(), bytes.get_u32_le());
        let header =
            Header { payload_len, checksum, previous: bytes.get_u64_le(), version: bytes.get_u64_le() };
        let sound =
            reserved == 0 && header.previous < header.version && header.frame_len() <= FRAME_BYTES_MAX;
        sound.then_some(header)
    }

    /// Bytes of the frame, header and padding included.
    pub(super) fn frame_len(&self) -> usize {
        (HEADER_BYTES + self.payload_len as usize).next_multiple_of(ALIGNMENT)
    }

    /// The payload of a frame whose bytes are at hand, if they are what was written.
    pub(super) fn payload(&self, frame: &Bytes, salt: u64) -> Option<Bytes> {
        if frame.len() < HEADER_BYTES + self.payload_len as usize {
            return None;
        }
        let payload = frame.slice(HEADER_BYTES..HEADER_BYTES + self.payload_len as usize);
        let checksum = checksum(salt, self.payload_len, self.previous, self.version, &payload);
        (checksum == self.checksum).then_some(payload)
    }
}

/// The salt, random for each segment, keeps anyone who chooses what is stored from forging a frame, and what is left
/// of another file from passing for one.
fn checksum(salt: u64, payload_len: u32, previous: u64, version: u64, payload: &[u8]) -> u32 {
    let mut head = [0; 28];
    let mut rest = &mut head[..];
    rest.put_u64_le(salt);
    rest.put_u32_le(payload_len);
    rest.put_u64_le(previous);
    rest.put_u64_le(version);
    crc32c::crc32c_append(crc32c::crc32c(&head), payload)
}

/// Writes the frame of a group to the end of `out`, whose length is a multiple of the alignment.
pub(super) fn encode(out: &mut Vec<u8>, salt: u64, previous: u64, group: &Group) -> Result<(), TooLong> {
    let start = out.len();
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
    let (head, payload) = out.split_at_mut(start + HEADER_BYTES);
    if payload.len() > FRAME_BYTES_MAX - HEADER_BYTES - ALIGNMENT {
        return Err(TooLong);
    }
    let payload_len = u32::try_from(payload.len()).map_err(|_| TooLong)?;
    let checksum = checksum(salt, payload_len, previous, group.version, payload);
    let mut head = head.split_at_mut(start).1;
    head.put_u32_le(MAGIC);
    head.put_u32_le(payload_len);
    head.put_u32_le(checksum);
    head.put_u32_le(0);
    head.put_u64_le(previous);
    head.put_u64_le(group.version);
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
    Ok(())
}

/// A group does not fit into a frame. The store's limits keep this from happening.
#[derive(Debug)]
pub(super) struct TooLong;

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), TooLong> {
    out.put_u32_le(u32::try_from(bytes.len()).map_err(|_| TooLong)?);
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

    fn decode(frame: &Bytes, salt: u64) -> Option<(Header, Vec<Op>)> {
        let header = Header::parse(frame)?;
        let ops = Ops::new(header.payload(frame, salt)?).collect::<Result<_, _>>().ok()?;
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
            let mut out = vec![0; ALIGNMENT];
            encode(&mut out, salt, 9, &group).unwrap();
            let frame = Bytes::from(out.split_off(ALIGNMENT));
            let (header, ops) = decode(&frame, salt).unwrap();
            prop_assert_eq!((header.previous, header.version, header.frame_len()), (9, group.version, frame.len()));
            prop_assert_eq!(&ops, &group.ops);
            prop_assert!(decode(&frame, salt ^ 1).is_none());
            let at = at.index(HEADER_BYTES + header.payload_len as usize);
            let mut flipped = frame.to_vec();
            flipped[at] ^= 1u8 << bit;
            prop_assert!(decode(&flipped.into(), salt).is_none(), "bit {} of byte {}", bit, at);
            prop_assert!(decode(&frame.slice(..at), salt).is_none());
        }

        #[test]
        fn no_payload_makes_it_panic(payload: Vec<u8>) {
            let _ = Ops::new(payload.into()).count();
        }
    }
}
