//! The engine for a data directory: a journal in front of tables.
//!
//! A group is durable when its frame is in the journal, after one write and one synchronization. Its log records
//! stay there: the journal is the logs' storage. Its rows go into an ordered map in memory, and from time to time
//! the map goes into the tables, in the background: a checkpoint. Opening reads the checkpoint and what the journal
//! has after it.

mod anchor;
mod checkpoint;
mod disk;
mod frame;
mod image;
mod journal;
mod logs;
mod overlay;
mod past;
mod recover;
mod restore;
mod rows;
mod segment;
mod tables;
mod verify;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

pub use self::disk::{Directory, Disk, DiskFile};
pub use self::image::{Image, ROWS_PART};
pub use self::past::{Moment, Past};
pub use self::restore::Restoration;
pub use self::verify::{Containment, FINDINGS_MAX, Finding, Inspector, Report};

use self::anchor::ANCHOR_NAME;
use self::checkpoint::{Checkpointer, Job};
use self::image::Pin;
use self::journal::Journal;
use self::logs::{Index, LogFiles};
use self::segment::segment_name;
use self::tables::{Base, Mark, RowIter, Tables};
use crate::versions::Versions;
use crate::{Engine, EngineStats, Group, KeyRange, Logs, Order, Room, Snapshot, StoreError, Visit, Witness};

/// Keeps rows and logs in a directory.
#[derive(Debug)]
pub struct Embedded {
    disk: Arc<dyn Disk>,
    witness: Arc<dyn Witness>,
    sizes: Sizes,
    journal: Journal,
    index: Arc<RwLock<Index>>,
    logs: Arc<LogFiles>,
    layers: Arc<Layers>,
    checkpointer: Checkpointer,
    /// The last checkpoint, or the one under way.
    mark: Mark,
    progress: Arc<Progress>,
}

/// How far the tables are behind the journal.
#[derive(Debug, Default)]
struct Progress {
    /// Bytes of rows changed since the last checkpoint was begun.
    active_bytes: AtomicU64,
    /// Bytes of rows that the checkpoint under way writes.
    frozen_bytes: AtomicU64,
    checkpoints: AtomicU64,
}

/// Sizes that an operator may choose; [`Sizes::default`] suits a server.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// At about how many bytes a new journal segment is begun. Log records that are no longer wanted free their
    /// space by whole segments.
    pub segment_bytes: u64,
    /// How many bytes of changed rows are held in memory before a checkpoint writes them to the tables. Bounds the
    /// work of opening. If a checkpoint is slow, up to [`CHANGED_FACTOR_MAX`] times as many, then commits wait.
    pub changed_bytes: usize,
    /// Most bytes of the tables' pages held in memory.
    pub table_cache_bytes: usize,
    /// How many bytes of the disk are kept free; a group that would begin with fewer is refused. A checkpoint, which closing makes,
    /// writes up to [`CHANGED_FACTOR_MAX`] times `changed_bytes`, and a group up to 16 MiB.
    pub reserve_bytes: u64,
}

/// See [`Sizes::changed_bytes`].
pub const CHANGED_FACTOR_MAX: usize = 4;

impl Default for Sizes {
    fn default() -> Self {
        Sizes {
            segment_bytes: 64 << 20,
            changed_bytes: 8 << 20,
            table_cache_bytes: 64 << 20,
            reserve_bytes: 64 << 20,
        }
    }
}

/// Rows, the newest layer first.
#[derive(Debug)]
struct Layers {
    /// Changed since the last checkpoint was begun.
    active: Arc<RwLock<Versions>>,
    /// What the checkpoint under way is writing.
    frozen: Option<Arc<RwLock<Versions>>>,
    /// As of the last checkpoint.
    base: Option<Arc<Base>>,
}

struct RowsAt {
    version: u64,
    layers: Arc<Layers>,
}

impl Embedded {
    /// Makes a data directory in an existing one.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if it is open elsewhere, and [`StoreError::Damaged`] if a store is there already.
    pub fn create(path: &Path, witness: Arc<dyn Witness>) -> Result<Embedded, StoreError> {
        Embedded::create_with(path, Sizes::default(), witness)
    }

    /// Makes a data directory in an existing one, with these sizes.
    ///
    /// # Errors
    /// Those of [`create`](Self::create).
    pub fn create_with(path: &Path, sizes: Sizes, witness: Arc<dyn Witness>) -> Result<Embedded, StoreError> {
        let disk = Directory::open(path)?;
        if anchor::exists(&disk)? {
            return Err(StoreError::damaged(ANCHOR_NAME, 0, "there is a store already"));
        }
        Embedded::open_on(Arc::new(disk), sizes, witness)
    }

    /// Opens a data directory.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if it is open elsewhere, [`StoreError::Damaged`] if anything but the end of the
    /// journal, where a crash may leave a group half written, is not as it was written, or if there is nothing.
    pub fn open(path: &Path, witness: Arc<dyn Witness>) -> Result<Embedded, StoreError> {
        Embedded::open_with(path, Sizes::default(), witness)
    }

    /// Opens a data directory, with these sizes.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn open_with(path: &Path, sizes: Sizes, witness: Arc<dyn Witness>) -> Result<Embedded, StoreError> {
        Embedded::start(Arc::new(Directory::open(path)?), sizes, witness, false)
    }

    /// Opens whatever acts as the data directory, or begins a store where there is nothing.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        sizes: Sizes,
        witness: Arc<dyn Witness>,
    ) -> Result<Embedded, StoreError> {
        Embedded::start(disk, sizes, witness, true)
    }

    fn start(
        disk: Arc<dyn Disk>,
        sizes: Sizes,
        witness: Arc<dyn Witness>,
        may_begin: bool,
    ) -> Result<Embedded, StoreError> {
        let tables = Tables::open(&*disk, sizes.table_cache_bytes, witness.clone())?;
        let base = tables.base()?;
        let recovered = recover::recover(&*disk, base.as_deref(), &*witness, may_begin)?;
        // Logs are often kept on another machine: a head there proves later that the history was not rolled back.
        tracing::info!(head = %recovered.from.head, "store opened");
        let index = recovered.index;
        let progress = Progress::default();
        progress.active_bytes.store(recovered.changed.bytes() as u64, Relaxed);
        let layers = Layers { active: Arc::new(RwLock::new(recovered.changed)), frozen: None, base };
        Ok(Embedded {
            disk: disk.clone(),
            witness: witness.clone(),
            sizes,
            journal: Journal::new(disk.clone(), index.clone(), witness, sizes.segment_bytes, recovered.from)?,
            logs: Arc::new(LogFiles { disk: disk.clone(), index: index.clone() }),
            checkpointer: Checkpointer::start(disk, tables, index.clone())?,
            index,
            layers: Arc::new(layers),
            mark: recovered.mark,
            progress: Arc::new(progress),
        })
    }

    /// Waits for the checkpoint under way, if there is one. Whoever does so after every commit has an engine that does nothing
    /// in the background.
    ///
    /// # Errors
    /// The checkpoint failed.
    pub fn settle(&mut self) -> Result<(), StoreError> {
        self.end_checkpoint(true)
    }

    /// Hands the changed rows to a checkpoint, unless one is under way.
    fn begin_checkpoint(&mut self) -> Result<(), StoreError> {
        if self.layers.frozen.is_some() {
            return Ok(());
        }
        let (segment, offset) = self.journal.place();
        tracing::info!(head = %self.journal.head(), "checkpoint");
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let oldest_segment = index.oldest_needed(segment).max(self.mark.oldest_segment);
        self.mark = Mark { head: self.journal.head(), segment, offset, oldest_segment };
        let (changed, note) = (self.layers.active.clone(), self.journal.note());
        let job = Job { changed, mark: self.mark, logs: index.bounds(), note };
        drop(index);
        self.progress.frozen_bytes.store(self.progress.active_bytes.swap(0, Relaxed), Relaxed);
        self.layers = Arc::new(Layers {
            active: Arc::default(),
            frozen: Some(self.layers.active.clone()),
            base: self.layers.base.clone(),
        });
        self.checkpointer.begin(job)
    }

    /// Takes over the result of a checkpoint, and waits for it if told to.
    fn end_checkpoint(&mut self, wait: bool) -> Result<(), StoreError> {
        if self.layers.frozen.is_none() {
            return Ok(());
        }
        if let Some(base) = self.checkpointer.result(wait)? {
            let active = self.layers.active.clone();
            self.layers = Arc::new(Layers { active, frozen: None, base });
            self.progress.frozen_bytes.store(0, Relaxed);
            self.progress.checkpoints.fetch_add(1, Relaxed);
        }
        Ok(())
    }
}

impl Engine for Embedded {
    fn version(&self) -> u64 {
        self.journal.head().version
    }

    fn snapshot(&self) -> Arc<dyn Snapshot> {
        Arc::new(RowsAt { version: self.journal.head().version, layers: self.layers.clone() })
    }

    fn logs(&self) -> Arc<dyn Logs> {
        self.logs.clone()
    }

    fn commit(&mut self, group: &Group, oldest: u64) -> Result<(), StoreError> {
        self.end_checkpoint(false)?;
        self.journal.write(group)?;
        let mut active = self.layers.active.write().unwrap_or_else(PoisonError::into_inner);
        active.apply(&group.ops, group.version, oldest);
        let changed_bytes = active.bytes();
        drop(active);
        self.progress.active_bytes.store(changed_bytes as u64, Relaxed);
        if changed_bytes > self.sizes.changed_bytes.saturating_mul(CHANGED_FACTOR_MAX) {
            self.end_checkpoint(true)?;
        }
        // A checkpoint in every segment bounds what has to be read again at opening, even where no rows change.
        if changed_bytes > self.sizes.changed_bytes || self.journal.place().0 > self.mark.segment {
            self.begin_checkpoint()?;
        }
        Ok(())
    }

    fn room(&self) -> Room {
        room(&*self.disk, self.sizes.reserve_bytes)
    }

    fn image(&mut self) -> Result<Image, StoreError> {
        self.end_checkpoint(false)?;
        loop {
            let base = self.layers.base.clone();
            let first = base.as_ref().map_or(Mark::START, |base| base.mark).oldest_segment;
            let (pin, all) = Pin::new(&self.index, first);
            if all {
                let (place, head, witness) =
                    (self.journal.place(), self.journal.head(), self.witness.clone());
                return Ok(Image::running(self.disk.clone(), base, pin, place, head, witness));
            }
            // A checkpoint has just been finished, and removed segments that the one before it goes on from.
            if self.layers.frozen.is_none() {
                return Err(StoreError::damaged(&segment_name(first), 0, "the segment is missing"));
            }
            self.end_checkpoint(true)?;
        }
    }

    fn stats(&self) -> Box<dyn Fn() -> EngineStats + Send + Sync> {
        let (index, progress) = (self.index.clone(), self.progress.clone());
        let (disk, reserve) = (self.disk.clone(), self.sizes.reserve_bytes);
        Box::new(move || {
            let (journal_segments, journal_bytes) =
                index.read().unwrap_or_else(PoisonError::into_inner).size();
            EngineStats {
                journal_bytes,
                journal_segments,
                unsaved_bytes: progress.active_bytes.load(Relaxed) + progress.frozen_bytes.load(Relaxed),
                room: room(&*disk, reserve),
                checkpoints: progress.checkpoints.load(Relaxed),
            }
        })
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.end_checkpoint(true)?;
        self.journal.seal()?;
        self.begin_checkpoint()?;
        self.end_checkpoint(true)
    }
}

/// Room on a disk. One that does not tell is found out when it is full.
fn room(disk: &dyn Disk, reserve: u64) -> Room {
    Room { free: disk.free().unwrap_or(u64::MAX), reserve }
}

impl Snapshot for RowsAt {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        for layer in std::iter::once(&self.layers.active).chain(&self.layers.frozen) {
            let rows = layer.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(row) = rows.get(key, self.version) {
                return Ok(row);
            }
        }
        self.layers.base.as_ref().map_or(Ok(None), |base| base.get(key))
    }

    fn scan(&self, range: &KeyRange, order: Order, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        if range.is_empty() {
            return Ok(());
        }
        let maps = std::iter::once(&self.layers.active).chain(&self.layers.frozen);
        let maps: Vec<_> = maps.map(|map| map.read().unwrap_or_else(PoisonError::into_inner)).collect();
        let mut layers = Vec::with_capacity(maps.len() + 1);
        for map in &maps {
            layers.push((Box::new(map.range(range, order, self.version).map(Ok)) as RowIter<'_>).peekable());
        }
        if let Some(base) = &self.layers.base {
            layers.push(base.range(range, order)?.peekable());
        }
        merge(layers, order, visit)
    }
}

/// Visits the rows of several layers in order; where more than one has a row, the first layer's counts.
fn merge(
    mut layers: Vec<std::iter::Peekable<RowIter<'_>>>,
    order: Order,
    visit: &mut Visit<'_>,
) -> Result<(), StoreError> {
    loop {
        let mut nearest: Option<Bytes> = None;
        for layer in &mut layers {
            match layer.peek() {
                Some(Ok((key, _))) => {
                    let nearer = nearest.as_ref().is_none_or(|nearest| match order {
                        Order::Forward => key < nearest,
                        Order::Reverse => key > nearest,
                    });
                    if nearer {
                        nearest = Some(key.clone());
                    }
                }
                Some(Err(error)) => return Err(error.clone()),
                None => {}
            }
        }
        let Some(nearest) = nearest else { return Ok(()) };
        let mut row = None;
        for layer in &mut layers {
            let own = layer.next_if(|row| row.as_ref().is_ok_and(|(key, _)| *key == nearest));
            if row.is_none() {
                row = own;
            }
        }
        if let Some((key, Some(value))) = row.transpose()?
            && visit(key, value).is_break()
        {
            return Ok(());
        }
    }
}
