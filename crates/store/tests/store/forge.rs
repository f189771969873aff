//! What somebody can do who can write the files and knows the format, but does not have the witness's key.

use aws_lc_rs::digest::{SHA256, digest};

const HEADER_BYTES: usize = 96;
const FRAME_HEADER_BYTES: usize = 72;

/// A segment taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) header: Vec<u8>,
    pub(crate) frames: Vec<Frame>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) previous: (u64, Vec<u8>),
    pub(crate) version: u64,
    pub(crate) time: u64,
    pub(crate) payload: Vec<u8>,
    pub(crate) proof: Vec<u8>,
}

/// The records that a payload has: log, position, and where in the payload the change begins and ends.
pub(crate) fn records(payload: &[u8]) -> Vec<(u32, u64, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    let mut at = 0;
    let bytes = |at: usize| 4 + u32_at(payload, at) as usize;
    while at < payload.len() {
        let start = at;
        at += 1;
        match payload[start] {
            1 => {
                at += bytes(at);
                at += bytes(at);
            }
            2 => at += bytes(at),
            3 => {
                let (log, position) = (u32_at(payload, at), u64_at(payload, at + 4));
                at += 12;
                at += bytes(at);
                found.push((log, position, start..at));
            }
            _ => at += 12,
        }
    }
    found
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

impl Frame {
    fn link(&self) -> Vec<u8> {
        let numbers = [self.previous.0, self.version, self.time].map(u64::to_le_bytes).concat();
        digest(&SHA256, &[&self.previous.1[..], &numbers, &self.payload].concat()).as_ref().to_vec()
    }

    fn encode(&self, salt: &[u8]) -> Vec<u8> {
        let lens = [self.payload.len(), self.proof.len()].map(|len| (len as u32).to_le_bytes());
        let numbers = [self.previous.0, self.version, self.time].map(u64::to_le_bytes).concat();
        let head = [b"FGRP", &lens[0][..]].concat();
        let rest = [&lens[1][..], &numbers, &self.previous.1, &self.payload, &self.proof].concat();
        let checksum = crc32c::crc32c(&[salt, &head, &rest].concat()).to_le_bytes();
        let mut frame = [&head[..], &checksum, &rest].concat();
        frame.resize(frame.len().next_multiple_of(8), 0);
        frame
    }
}

impl Segment {
    /// Takes a complete segment apart.
    pub(crate) fn parse(bytes: &[u8]) -> Segment {
        let frames_end = u64_at(bytes, bytes.len() - 16) as usize;
        let mut frames = Vec::new();
        let mut at = HEADER_BYTES;
        while at < frames_end {
            let (len, proof_len) = (u32_at(bytes, at + 4) as usize, u32_at(bytes, at + 12) as usize);
            let payload_at = at + FRAME_HEADER_BYTES;
            let frame = Frame {
                previous: (u64_at(bytes, at + 16), bytes[at + 40..payload_at].to_vec()),
                version: u64_at(bytes, at + 24),
                time: u64_at(bytes, at + 32),
                payload: bytes[payload_at..payload_at + len].to_vec(),
                proof: bytes[payload_at + len..payload_at + len + proof_len].to_vec(),
            };
            at += frame.encode(&[]).len();
            frames.push(frame);
        }
        Segment { header: bytes[..HEADER_BYTES].to_vec(), frames }
    }

    /// Makes the links fit again, in all frames from one on. Their proofs are beyond whoever has no key.
    pub(crate) fn relink(&mut self, from: usize) {
        for at in from.max(1)..self.frames.len() {
            let before = &self.frames[at - 1];
            self.frames[at].previous = (before.version, before.link());
        }
    }

    /// Puts it together, with all checksums and the index right.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let salt = &self.header[24..32];
        let mut out = self.header.clone();
        let mut logs: std::collections::BTreeMap<u32, (u64, u64, u64)> = std::collections::BTreeMap::new();
        for frame in &self.frames {
            for (log, position, _) in records(&frame.payload) {
                let entry = logs.entry(log).or_insert((position, position, out.len() as u64));
                entry.1 = position + 1;
            }
            out.extend(frame.encode(salt));
        }
        let end = out.len() as u64;
        let (version, link) = match self.frames.last() {
            Some(last) => (last.version, last.link()),
            None => (u64_at(&self.header, 32), self.header[40..72].to_vec()),
        };
        let mut index = [&version.to_le_bytes()[..], &link].concat();
        for (log, (first, next, offset)) in logs {
            index.extend([log, 1].map(u32::to_le_bytes).concat());
            index.extend([first, next, first, offset].map(u64::to_le_bytes).concat());
        }
        let checksum = crc32c::crc32c(&[salt, &end.to_le_bytes(), &index].concat());
        out.extend(&index);
        out.extend([index.len() as u32, checksum].map(u32::to_le_bytes).concat());
        out.extend(end.to_le_bytes());
        out.extend(b"FASTSEAL");
        out
    }
}
