//! Making the files of a store from the parts of an image.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::anchor::Anchor;
use super::disk::{Directory, Disk};
use super::image::ROWS_PART;
use super::rows::{read_mark, read_rows};
use super::segment::segment_id;
use super::tables::{Mark, Tables};
use crate::{Head, Sizes, StoreError, Witness};

/// How much is copied at once.
const COPY_BYTES: usize = 1 << 20;

/// A store in the making, from the parts of an [`Image`](crate::Image).
#[derive(Debug)]
pub struct Restoration {
    disk: Arc<dyn Disk>,
    witness: Arc<dyn Witness>,
}

impl Restoration {
    /// Begins in a directory that does not exist yet.
    pub fn create(path: &Path, witness: Arc<dyn Witness>) -> Result<Restoration, StoreError> {
        if path.exists() {
            let exists = io::Error::from(io::ErrorKind::AlreadyExists);
            return Err(StoreError::io(format!("creating `{}`", path.display()), exists));
        }
        Ok(Restoration::create_on(Arc::new(Directory::open(path)?), witness))
    }

    /// Begins in whatever acts as an empty directory.
    pub fn create_on(disk: Arc<dyn Disk>, witness: Arc<dyn Witness>) -> Restoration {
        Restoration { disk, witness }
    }

    /// Takes in a part. What it holds is checked when the store is opened and verified, not here.
    pub fn part(&self, name: &str, from: &mut dyn Read) -> Result<(), StoreError> {
        if name == ROWS_PART {
            return self.rows(from);
        }
        if segment_id(name).is_none() {
            return Err(StoreError::damaged(name, 0, "a store has no such part"));
        }
        let mut copy = || -> io::Result<()> {
            let file = self.disk.create(name)?;
            let mut buffer = vec![0; COPY_BYTES];
            let mut at = 0;
            loop {
                let count = from.read(&mut buffer)?;
                let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
                file.write_at(at, bytes)?;
                at += count as u64;
            }
            file.sync()
        };
        copy().map_err(|e| StoreError::io(format!("restoring `{name}`"), e))
    }

    fn rows(&self, mut from: &mut dyn Read) -> Result<(), StoreError> {
        let tables = Tables::open(&*self.disk, Sizes::default().table_cache_bytes, self.witness.clone())?;
        let (mark, logs) = read_mark(&mut from)?;
        if mark == Mark::START {
            return Ok(()); // there was no checkpoint yet
        }
        tables.write(&mark, &logs, |rows| read_rows(&mut from, rows))
    }

    /// Completes the store, which ends at `head`; it can be opened from then on.
    pub fn finish(self, head: &Head) -> Result<(), StoreError> {
        Anchor::resume(&*self.disk, head, &*self.witness).map(drop)
    }
}
