//! A disk whose files can be written to without being changed: for looking at files that are evidence.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Disk, DiskFile};

const PAGE_BYTES: u64 = 4096;

/// Keeps what is written to the files of another disk in memory.
#[derive(Debug)]
pub(super) struct Overlay(Arc<dyn Disk>);

#[derive(Debug)]
struct OverlayFile {
    below: Arc<dyn DiskFile>,
    /// As long as the file below may be read.
    below_len: u64,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    len: u64,
    pages: BTreeMap<u64, Vec<u8>>,
    /// How much of the file below is still to be seen, after it was cut.
    visible: u64,
}

impl Overlay {
    pub(super) fn new(below: Arc<dyn Disk>) -> Overlay {
        Overlay(below)
    }
}

impl Disk for Overlay {
    fn create(&self, _: &str) -> io::Result<Arc<dyn DiskFile>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let below = self.0.open(name)?;
        let below_len = below.len()?;
        let written = Mutex::new(Written { len: below_len, pages: BTreeMap::new(), visible: below_len });
        Ok(Arc::new(OverlayFile { below, below_len, written }))
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl OverlayFile {
    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A page as it is now.
    fn page(&self, written: &Written, number: u64) -> io::Result<Vec<u8>> {
        if let Some(page) = written.pages.get(&number) {
            return Ok(page.clone());
        }
        let start = number * PAGE_BYTES;
        let count = written.visible.min(self.below_len).saturating_sub(start).min(PAGE_BYTES);
        let mut page = vec![0; usize::try_from(count).unwrap_or(0)];
        self.below.read_at(start, &mut page)?;
        page.resize(usize::try_from(PAGE_BYTES).unwrap_or(0), 0);
        Ok(page)
    }
}

/// The pages that a stretch lies in: of each its number, and from where to where.
fn pages(offset: u64, len: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>)> {
    let end = offset + len as u64;
    let within = |at: u64, number: u64| usize::try_from(at - number * PAGE_BYTES).unwrap_or(0);
    (offset / PAGE_BYTES..end.div_ceil(PAGE_BYTES)).map(move |number| {
        let start = offset.max(number * PAGE_BYTES);
        let stop = end.min((number + 1) * PAGE_BYTES);
        (number, within(start, number)..within(stop, number))
    })
}

impl DiskFile for OverlayFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written().len)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.written();
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > written.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut rest = out;
        for (number, range) in pages(offset, rest.len()) {
            let page = self.page(&written, number)?;
            let from = page.get(range).unwrap_or_default();
            let Some((to, after)) = std::mem::take(&mut rest).split_at_mut_checked(from.len()) else { break };
            to.copy_from_slice(from);
            rest = after;
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut written = self.written();
        let mut rest = bytes;
        for (number, range) in pages(offset, bytes.len()) {
            let mut page = self.page(&written, number)?;
            if let Some(to) = page.get_mut(range)
                && let Some((from, after)) = rest.split_at_checked(to.len())
            {
                to.copy_from_slice(from);
                rest = after;
            }
            written.pages.insert(number, page);
        }
        written.len = written.len.max(offset + bytes.len() as u64);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut written = self.written();
        if len < written.len {
            written.visible = written.visible.min(len);
            drop(written.pages.split_off(&len.div_ceil(PAGE_BYTES)));
            if let Some(page) = written.pages.get_mut(&(len / PAGE_BYTES)) {
                let kept = usize::try_from(len % PAGE_BYTES).unwrap_or(0);
                page.iter_mut().skip(kept).for_each(|byte| *byte = 0);
            }
        }
        written.len = len;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::Directory;
    use super::*;

    #[test]
    fn what_is_written_is_seen_here_only() {
        let parent = tempfile::tempdir().unwrap();
        let disk = Arc::new(Directory::open(&parent.path().join("data")).unwrap());
        let file = disk.create("a").unwrap();
        let below: Vec<u8> = (0..10_000u32).map(|n| n.to_le_bytes()[0]).collect();
        file.write_at(0, &below).unwrap();
        let overlay = Overlay::new(disk.clone());
        let over = overlay.open("a").unwrap();
        let mut expected = below.clone();
        for (at, len) in [(0, 1), (4090, 20), (8191, 1), (9_990, 5_000), (20_000, 3)] {
            let bytes = vec![0xee; len];
            over.write_at(at as u64, &bytes).unwrap();
            expected.resize(expected.len().max(at + len), 0);
            expected[at..at + len].copy_from_slice(&bytes);
            let mut found = vec![0; expected.len()];
            over.read_at(0, &mut found).unwrap();
            assert!(found == expected, "{at}");
        }
        for len in [15_000, 5_000, 4096, 9_000] {
            over.set_len(len as u64).unwrap();
            expected.resize(len, 0);
            let mut found = vec![1; len];
            over.read_at(0, &mut found).unwrap();
            assert!(found == expected, "{len}");
            assert!(over.read_at(1, &mut found).is_err());
        }
        let mut found = vec![0; below.len()];
        file.read_at(0, &mut found).unwrap();
        assert!(found == below);
        assert!(overlay.create("b").is_err() && overlay.remove("a").is_err() && overlay.open("b").is_err());
    }
}
