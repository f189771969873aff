//! The file of a backup, byte by byte. Numbers are unsigned and little-endian.
//!
//! | bytes | |
//! |--:|---|
//! | 8 | `FASTBKUP` |
//! | 4 | format version, 1 |
//! | 4 | 0 |
//! | | then each part: |
//! | 2 | length of its name, not 0 |
//! | | name |
//! | | its bytes in chunks of 1 MiB, the last one shorter: length (4), bytes |
//! | 4 | 0 |
//! | | after the last part: |
//! | 2 | 0 |
//! | 4 | length of the manifest |
//! | | manifest: JSON, with name, length and SHA-256 of each part |
//! | 4 | length of the proof |
//! | | proof, by the deployment's keyring, of `backup`, a zero, and the manifest's SHA-256 in hexadecimal |
//!
//! There is one way only to write given parts, so that each byte counts; nothing follows the proof.

use super::digest::Sha256;
use super::{FORMAT, Part};
use std::io::{self, Read, Write};

const MAGIC: &[u8; 8] = b"FASTBKUP";
/// What is in front of the first part.
pub(super) const HEAD_BYTES: u64 = 16;
pub(super) const CHUNK_BYTES: usize = 1 << 20;
/// The longest manifest: some hundred thousand segments.
const MANIFEST_BYTES_MAX: u32 = 64 << 20;
const NAME_BYTES_MAX: usize = 255;

/// How many bytes a part's chunks take, with the length of each and the end.
pub(super) fn framed_bytes(bytes: u64) -> u64 {
    bytes + (bytes.div_ceil(CHUNK_BYTES as u64) + 1) * size_of::<u32>() as u64
}

/// Writes parts one after another.
pub(crate) struct Writer<W> {
    out: W,
    parts: Vec<Part>,
}

impl<W: Write> Writer<W> {
    pub(crate) fn begin(mut out: W) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        out.write_all(&FORMAT.to_le_bytes())?;
        out.write_all(&[0; 4])?;
        Ok(Self { out, parts: Vec::new() })
    }

    /// Writes a part, whose bytes come from a closure.
    pub(crate) fn part<E: From<io::Error>>(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        let name_len = u16::try_from(name.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        self.out.write_all(&name_len.to_le_bytes())?;
        self.out.write_all(name.as_bytes())?;
        let mut chunks = Chunks {
            out: &mut self.out,
            buffer: Vec::with_capacity(CHUNK_BYTES),
            bytes: 0,
            hash: Sha256::default(),
        };
        write(&mut chunks)?;
        chunks.end_chunk()?;
        let (bytes, sha256) = (chunks.bytes, chunks.hash.finish());
        self.out.write_all(&[0; 4])?;
        self.parts.push(Part { name: name.to_owned(), bytes, sha256 });
        Ok(())
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Writes manifest and proof.
    pub(crate) fn finish(mut self, manifest: &[u8], proof: &[u8]) -> io::Result<W> {
        self.out.write_all(&[0; 2])?;
        for bytes in [manifest, proof] {
            let len = u32::try_from(bytes.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
            self.out.write_all(&len.to_le_bytes())?;
            self.out.write_all(bytes)?;
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

struct Chunks<'a, W> {
    out: &'a mut W,
    buffer: Vec<u8>,
    bytes: u64,
    hash: Sha256,
}

impl<W: Write> Chunks<'_, W> {
    fn end_chunk(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.hash.update(&self.buffer);
        self.bytes += self.buffer.len() as u64;
        self.out.write_all(&u32::try_from(self.buffer.len()).unwrap_or(0).to_le_bytes())?;
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl<W: Write> Write for Chunks<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        if self.buffer.len() == CHUNK_BYTES {
            self.end_chunk()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a file that was read to its end says of itself. It is not known yet who says it.
#[derive(Debug)]
pub(crate) struct Contents {
    /// What was found.
    pub(crate) parts: Vec<Part>,
    pub(crate) manifest: Vec<u8>,
    pub(crate) proof: Vec<u8>,
}

/// Reads a backup; each part goes to `visit`, which need not read all of it.
pub(crate) fn read<E: From<io::Error>>(
    mut from: impl Read,
    visit: &mut dyn FnMut(&str, &mut dyn Read) -> Result<(), E>,
) -> Result<Contents, E> {
    let from: &mut dyn Read = &mut from;
    let magic: [u8; 8] = take(from)?;
    let (format, zero) = (u32::from_le_bytes(take(from)?), u32::from_le_bytes(take(from)?));
    if magic != *MAGIC || zero != 0 {
        return Err(invalid("it is no backup of Fastness").into());
    }
    if format != FORMAT {
        return Err(
            invalid(format!("it has format {format}, but this program reads format {FORMAT} only")).into()
        );
    }
    let mut parts = Vec::new();
    loop {
        let name_len = usize::from(u16::from_le_bytes(take(from)?));
        if name_len == 0 {
            break;
        }
        if name_len > NAME_BYTES_MAX {
            return Err(invalid("a part's name is damaged").into());
        }
        let name = take_bytes(from, name_len)?;
        let name = String::from_utf8(name).map_err(|_| invalid("a part's name is damaged"))?;
        let mut chunks = ChunkReader {
            from: &mut *from,
            left: 0,
            state: State::Begins,
            bytes: 0,
            hash: Sha256::default(),
        };
        visit(&name, &mut chunks)?;
        io::copy(&mut chunks, &mut io::sink())?;
        parts.push(Part { name, bytes: chunks.bytes, sha256: chunks.hash.finish() });
    }
    let manifest_len = u32::from_le_bytes(take(from)?);
    if manifest_len > MANIFEST_BYTES_MAX {
        return Err(invalid("the manifest's length is damaged").into());
    }
    let manifest = take_bytes(from, manifest_len as usize)?;
    let proof_len = u32::from_le_bytes(take(from)?) as usize;
    if proof_len > store::PROOF_BYTES_MAX {
        return Err(invalid("the proof's length is damaged").into());
    }
    let proof = take_bytes(from, proof_len)?;
    if from.read(&mut [0])? != 0 {
        return Err(invalid("something follows its end").into());
    }
    Ok(Contents { parts, manifest, proof })
}

enum State {
    Begins,
    /// After a chunk of full length.
    Full,
    /// After a shorter one, which must be the last.
    Short,
    Ended,
}

struct ChunkReader<'a> {
    from: &'a mut dyn Read,
    left: usize,
    state: State,
    bytes: u64,
    hash: Sha256,
}

impl Read for ChunkReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            if let State::Ended = self.state {
                return Ok(0);
            }
            let len = u32::from_le_bytes(take(self.from)?) as usize;
            self.state = match (len, &self.state) {
                (0, _) => State::Ended,
                (1..=CHUNK_BYTES, State::Begins | State::Full) if len == CHUNK_BYTES => State::Full,
                (1..CHUNK_BYTES, State::Begins | State::Full) => State::Short,
                _ => return Err(invalid("the length of a chunk is damaged")),
            };
            self.left = len;
            if len == 0 {
                return Ok(0);
            }
        }
        let len = out.len().min(self.left);
        let out = out.get_mut(..len).unwrap_or_default();
        self.from.read_exact(out).map_err(ends_early)?;
        self.hash.update(out);
        self.left -= len;
        self.bytes += len as u64;
        Ok(len)
    }
}

fn take<const N: usize>(from: &mut dyn Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).map_err(ends_early)?;
    Ok(bytes)
}

fn take_bytes(from: &mut dyn Read, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(len as u64).read_to_end(&mut bytes)?;
    if bytes.len() < len { Err(invalid("it ends too early")) } else { Ok(bytes) }
}

fn ends_early(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof { invalid("it ends too early") } else { error }
}

fn invalid(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(parts: &[(&str, Vec<u8>)]) -> (Vec<u8>, Vec<Part>) {
        let mut writer = Writer::begin(Vec::new()).unwrap();
        for (name, bytes) in parts {
            writer.part(name, |out| bytes.chunks(1000).try_for_each(|piece| out.write_all(piece))).unwrap();
        }
        let parts = writer.parts().to_vec();
        (writer.finish(b"manifest", b"proof").unwrap(), parts)
    }

    fn found(bytes: &[u8]) -> io::Result<Contents> {
        read(bytes, &mut |_, part| part.read_exact(&mut [0; 3]).or(Ok::<_, io::Error>(())))
    }

    #[test]
    fn parts_of_every_length_come_back() {
        let lens = [0, 1, 2, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES];
        let parts: Vec<_> = lens.iter().map(|len| ("part", vec![7; *len])).collect();
        let (bytes, written) = written(&parts);
        let mut read_back = Vec::new();
        let contents = read(&bytes[..], &mut |_, part| {
            let mut bytes = Vec::new();
            part.read_to_end(&mut bytes)?;
            read_back.push(bytes);
            Ok::<_, io::Error>(())
        })
        .unwrap();
        assert!(read_back.iter().zip(&parts).all(|(read, (_, written))| read == written));
        assert_eq!(contents.parts, written);
        assert_eq!((contents.manifest, contents.proof), (b"manifest".to_vec(), b"proof".to_vec()));
        assert_eq!(found(&bytes).unwrap().parts, written, "however little of a part was looked at");
    }

    #[test]
    fn no_byte_can_change_unseen_and_none_be_missing() {
        let (bytes, parts) = written(&[("a", vec![1; 50]), ("bb", Vec::new()), ("c", vec![2; 10])]);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                // Manifest and proof are the caller's to compare.
                let seen = found(&flipped).map_or(true, |contents| {
                    contents.parts != parts || contents.manifest != b"manifest" || contents.proof != b"proof"
                });
                assert!(seen, "bit {bit} of byte {at}");
            }
            assert!(found(&bytes[..at]).is_err(), "cut at {at}");
        }
        assert!(found(&[&bytes[..], &[0]].concat()).is_err());
    }
}
