//! The store's parts in a backup, read where they lie: whoever looks at a backup needs no room for what is in it.

use super::STORE_PREFIX;
use super::container::{CHUNK_BYTES, Contents, HEAD_BYTES, framed_bytes};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use store::{Disk, DiskFile};

/// A disk that holds the store's parts, each by its name, and cannot be written to.
pub(super) struct Parts {
    file: Arc<File>,
    /// Where the chunks of each part begin, and how many bytes it has.
    places: BTreeMap<String, (u64, u64)>,
}

impl Parts {
    /// The parts in a file, which was read to its end already.
    pub(super) fn of(file: File, contents: &Contents) -> Self {
        let mut places = BTreeMap::new();
        let mut at = HEAD_BYTES;
        for part in &contents.parts {
            let begins = at + size_of::<u16>() as u64 + part.name.len() as u64;
            if let Some(name) = part.name.strip_prefix(STORE_PREFIX) {
                places.insert(name.to_owned(), (begins, part.bytes));
            }
            at = begins + framed_bytes(part.bytes);
        }
        Self { file: Arc::new(file), places }
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("parts", &self.places.len()).finish_non_exhaustive()
    }
}

impl Disk for Parts {
    fn create(&self, _: &str) -> io::Result<Arc<dyn DiskFile>> {
        Err(read_only())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let (begins, bytes) = *self.places.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(Part { file: Arc::clone(&self.file), begins, bytes }))
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Err(read_only())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.places.keys().cloned().collect())
    }

    fn sync(&self) -> io::Result<()> {
        Err(read_only())
    }
}

/// A part, as if it were a file of its own.
#[derive(Debug)]
struct Part {
    file: Arc<File>,
    begins: u64,
    bytes: u64,
}

impl DiskFile for Part {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes)
    }

    fn read_at(&self, mut offset: u64, mut out: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > self.bytes) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while !out.is_empty() {
            // In front of each chunk, also of the first, is its length.
            let (before, within) = (offset / CHUNK_BYTES as u64, offset % CHUNK_BYTES as u64);
            let lengths = (before + 1) * size_of::<u32>() as u64;
            let left = CHUNK_BYTES - usize::try_from(within).unwrap_or(CHUNK_BYTES);
            let (now, later) = out.split_at_mut(left.min(out.len()));
            self.file.read_exact_at(now, self.begins + offset + lengths)?;
            offset += now.len() as u64;
            out = later;
        }
        Ok(())
    }

    fn write_at(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn sync(&self) -> io::Result<()> {
        Err(read_only())
    }
}

fn read_only() -> io::Error {
    io::ErrorKind::ReadOnlyFilesystem.into()
}

#[cfg(test)]
mod tests {
    use super::super::container::{Writer, read};
    use super::*;
    use std::io::Write as _;

    #[test]
    fn parts_are_read_at_any_offset() {
        let lens = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES + 7];
        let content = |len: usize| (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect::<Vec<u8>>();
        let mut writer = Writer::begin(Vec::new()).unwrap();
        writer.part::<io::Error>("keyring.json", |out| out.write_all(b"beside the store")).unwrap();
        for len in lens {
            let name = format!("{STORE_PREFIX}{len}");
            writer.part::<io::Error>(&name, |out| out.write_all(&content(len))).unwrap();
        }
        let bytes = writer.finish(b"manifest", b"proof").unwrap();
        let contents = read::<io::Error>(&bytes[..], &mut |_, _| Ok(())).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let parts = Parts::of(file, &contents);
        assert_eq!(parts.list().unwrap().len(), lens.len(), "those of the store alone");
        for len in lens {
            let (part, expected) = (parts.open(&len.to_string()).unwrap(), content(len));
            assert_eq!(part.len().unwrap(), len as u64);
            for begin in [0, 1, len / 2, len.saturating_sub(1), len].map(|begin| begin.min(len)) {
                for end in [begin, (begin + 3).min(len), len] {
                    let mut out = vec![0; end - begin];
                    part.read_at(begin as u64, &mut out).unwrap();
                    assert_eq!(out, expected[begin..end], "{begin} to {end} of {len}");
                }
            }
            for (offset, more) in [(len as u64, 1), (0, len + 1), (u64::MAX, 2)] {
                let error = part.read_at(offset, &mut vec![0; more]).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            }
            assert!(part.write_at(0, b"x").is_err() && part.set_len(0).is_err());
        }
        assert!(parts.open("none").is_err() && parts.create("new").is_err());
    }
}
