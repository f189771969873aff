//! The rows as of the last checkpoint, in a redb file.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::{BufMut, Bytes};
use redb::{
    Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
};

use super::anchor::attest;
use super::disk::{Disk, DiskFile};
use super::logs::Bounds;
use super::segment::FORMAT;
use crate::versions::Versions;
use crate::witness::LINK_BYTES;
use crate::{Head, KeyRange, LogId, Order, StoreError, Witness};

/// The name of the file.
pub(super) const TABLES_NAME: &str = "tables.redb";

/// Most bytes of pages held in memory while the file is checked.
const CHECK_CACHE_BYTES: usize = 64 << 20;

const ROWS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("rows");
/// By log: the position of the oldest record wanted, and of the next to come.
const LOGS: TableDefinition<'static, u32, (u64, u64)> = TableDefinition::new("logs");
const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");

const PROOF: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("proof");

const META_FORMAT: &str = "format";
const META_VERSION: &str = "version";
const META_SEGMENT: &str = "journal segment";
const META_OFFSET: &str = "journal offset";
const META_OLDEST_SEGMENT: &str = "oldest journal segment";
const PROOF_LINK: &str = "link";
const PROOF_CHECKPOINT: &str = "checkpoint";

/// Up to where the journal is contained in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The place in the history after the last group contained.
    pub(super) head: Head,
    /// The segment in which the next group is; it need not exist yet if `offset` is 0.
    pub(super) segment: u64,
    /// Where in it; 0 stands for its first frame.
    pub(super) offset: u64,
    /// The oldest segment there must be; older ones are not needed.
    pub(super) oldest_segment: u64,
}

/// The file.
#[derive(Debug)]
pub(super) struct Tables {
    database: Database,
    witness: Arc<dyn Witness>,
}

/// One checkpoint.
#[derive(Debug)]
pub(super) struct Base {
    rows: ReadOnlyTable<&'static [u8], &'static [u8]>,
    pub(super) mark: Mark,
    /// The bounds of the logs at the checkpoint.
    pub(super) logs: Vec<Bounds>,
}

impl Mark {
    /// Before anything was written.
    pub(super) const START: Mark =
        Mark { head: Head { version: 0, link: [0; LINK_BYTES] }, segment: 1, offset: 0, oldest_segment: 1 };

    /// The first segment that need not exist yet: all before it were begun.
    pub(super) fn next_segment(&self) -> u64 {
        self.segment + u64::from(self.offset > 0)
    }

    /// What is attested of a checkpoint.
    fn statement(&self, logs: &[Bounds]) -> Vec<u8> {
        let mut logs: Vec<_> = logs.iter().map(|log| (log.log.0, log.first, log.next)).collect();
        logs.sort_unstable();
        let mut out = b"checkpoint\0".to_vec();
        out.put_u64_le(self.head.version);
        out.put_slice(&self.head.link);
        out.put_u64_le(self.segment);
        out.put_u64_le(self.offset);
        out.put_u64_le(self.oldest_segment);
        for (log, first, next) in logs {
            out.put_u32_le(log);
            out.put_u64_le(first);
            out.put_u64_le(next);
        }
        out
    }
}

impl Tables {
    /// Opens the file, and creates it if there is none.
    pub(super) fn open(
        disk: &dyn Disk,
        cache_bytes: usize,
        witness: Arc<dyn Witness>,
    ) -> Result<Tables, StoreError> {
        let io = |doing: &str, e| StoreError::io(format!("{doing} `{TABLES_NAME}`"), e);
        let file = match disk.open(TABLES_NAME) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let file = disk.create(TABLES_NAME).map_err(|e| io("creating", e))?;
                disk.sync().map_err(|e| io("creating", e))?;
                file
            }
            Err(e) => return Err(io("opening", e)),
        };
        // redb writes the first bytes last when it creates a file. Until then there was no checkpoint, and the
        // journal has everything; if it has not, opening it says so.
        let len = file.len().map_err(|e| io("reading", e))?;
        let mut magic = [0; 4];
        if len >= magic.len() as u64 {
            file.read_at(0, &mut magic).map_err(|e| io("reading", e))?;
        }
        if magic == [0; 4] {
            file.set_len(0).map_err(|e| io("creating", e))?;
        }
        let mut builder = Database::builder();
        builder.set_cache_size(cache_bytes);
        // On some damage, such as a file that was cut off after a crash, redb panics. Nothing of what it was doing is used then.
        let opening = AssertUnwindSafe(|| builder.create_with_backend(Backend(file)));
        let database = catch_unwind(opening)
            .map_err(|_| StoreError::damaged(TABLES_NAME, 0, "opening it panicked"))?
            .map_err(|e| failed("opening", e.into()))?;
        Ok(Tables { database, witness })
    }

    /// What vouches for it.
    pub(super) fn witness(&self) -> &dyn Witness {
        &*self.witness
    }

    /// Checks every page of the file, and gives the last checkpoint, which can be read while the tables are there. The file is opened for writing, and is brought in order
    /// if a crash left it in disorder: to be used on a disk that keeps what is written to itself.
    pub(super) fn check(
        disk: &dyn Disk,
        witness: Arc<dyn Witness>,
    ) -> Result<(Option<Tables>, Option<Arc<Base>>), StoreError> {
        let mut tables = match disk.open(TABLES_NAME) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok((None, None)),
            _ => Tables::open(disk, CHECK_CACHE_BYTES, witness)?,
        };
        let checking = AssertUnwindSafe(|| tables.database.check_integrity());
        let sound = catch_unwind(checking)
            .map_err(|_| StoreError::damaged(TABLES_NAME, 0, "checking it panicked"))?
            .map_err(|e| failed("checking", e.into()))?;
        if !sound {
            return Err(StoreError::damaged(TABLES_NAME, 0, "checksums of its pages are wrong"));
        }
        let base = tables.base()?;
        Ok((Some(tables), base))
    }

    /// Makes the rows that changed up to a mark durable, all of them or none.
    pub(super) fn checkpoint(
        &self,
        changed: &Versions,
        mark: &Mark,
        logs: &[Bounds],
    ) -> Result<(), StoreError> {
        self.write(mark, logs, |rows| {
            for (key, value) in changed.newest() {
                match value {
                    Some(value) => drop(rows.insert(&**key, &**value)?),
                    None => drop(rows.remove(&**key)?),
                }
            }
            Ok(())
        })
    }

    /// Makes changes of the rows durable, as a checkpoint.
    pub(super) fn write(
        &self,
        mark: &Mark,
        logs: &[Bounds],
        change: impl FnOnce(&mut Rows<'_>) -> Result<(), redb::Error>,
    ) -> Result<(), StoreError> {
        let proof = attest(&*self.witness, &mark.statement(logs))?;
        let write = || -> Result<(), redb::Error> {
            let mut txn = self.database.begin_write()?;
            txn.set_durability(Durability::Immediate)?;
            txn.set_quick_repair(true); // opening after a crash must not walk all rows
            {
                change(&mut txn.open_table(ROWS)?)?;
                let mut bounds = txn.open_table(LOGS)?;
                for log in logs {
                    bounds.insert(log.log.0, (log.first, log.next))?;
                }
                let mut meta = txn.open_table(META)?;
                for (name, value) in [
                    (META_FORMAT, u64::from(FORMAT)),
                    (META_VERSION, mark.head.version),
                    (META_SEGMENT, mark.segment),
                    (META_OFFSET, mark.offset),
                    (META_OLDEST_SEGMENT, mark.oldest_segment),
                ] {
                    meta.insert(name, value)?;
                }
                let mut proofs = txn.open_table(PROOF)?;
                proofs.insert(PROOF_LINK, &mark.head.link[..])?;
                proofs.insert(PROOF_CHECKPOINT, &proof[..])?;
            }
            Ok(txn.commit()?)
        };
        write().map_err(|e| failed("writing", e))
    }

    /// The last checkpoint; none before the first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] also if the witness does not confirm it.
    pub(super) fn base(&self) -> Result<Option<Arc<Base>>, StoreError> {
        let Some(found) = self.found().map_err(|e| failed("reading", e))? else { return Ok(None) };
        let [format, version, segment, offset, oldest_segment] = found.numbers;
        let format = format.unwrap_or(0);
        if format != u64::from(FORMAT) {
            let found = u32::try_from(format).unwrap_or(u32::MAX);
            return Err(StoreError::Format { file: TABLES_NAME.into(), found, known: FORMAT });
        }
        let missing =
            || StoreError::damaged(TABLES_NAME, 0, "the place of the checkpoint in the journal is missing");
        let (Some(rows), Some(version), Some(segment), Some(offset), Some(oldest_segment), Some(link)) =
            (found.rows, version, segment, offset, oldest_segment, found.link)
        else {
            return Err(missing());
        };
        let head = Head { version, link: link.try_into().map_err(|_| missing())? };
        let mark = Mark { head, segment, offset, oldest_segment };
        if !self.witness.confirms(&mark.statement(&found.logs), &found.proof.unwrap_or_default()) {
            return Err(StoreError::damaged(
                TABLES_NAME,
                0,
                "the place of the checkpoint in the journal, or a log's bounds, was altered: its proof does not fit",
            ));
        }
        Ok(Some(Arc::new(Base { rows, mark, logs: found.logs })))
    }

    fn found(&self) -> Result<Option<Found>, redb::Error> {
        let txn = self.database.begin_read()?;
        let meta = match txn.open_table(META) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            meta => meta?,
        };
        let mut numbers = [None; 5];
        let names = [META_FORMAT, META_VERSION, META_SEGMENT, META_OFFSET, META_OLDEST_SEGMENT];
        for (place, name) in numbers.iter_mut().zip(names) {
            *place = meta.get(name)?.map(|value| value.value());
        }
        if numbers.first() != Some(&Some(u64::from(FORMAT))) {
            return Ok(Some(Found { numbers, ..Found::default() })); // the rest may be quite different
        }
        let logs = txn.open_table(LOGS)?;
        let logs = logs.iter()?.map(|row| {
            let (log, bounds) = row?;
            let (first, next) = bounds.value();
            Ok(Bounds { log: LogId(log.value()), first, next })
        });
        let proofs = txn.open_table(PROOF)?;
        let proof = |name| Ok::<_, redb::Error>(proofs.get(name)?.map(|proof| proof.value().to_vec()));
        Ok(Some(Found {
            numbers,
            logs: logs.collect::<Result<Vec<_>, redb::Error>>()?,
            link: proof(PROOF_LINK)?,
            proof: proof(PROOF_CHECKPOINT)?,
            rows: Some(txn.open_table(ROWS)?),
        }))
    }
}

/// The table of rows while it is written.
pub(super) type Rows<'a> = redb::Table<'a, &'static [u8], &'static [u8]>;

/// What the tables hold besides rows, as it is found.
#[derive(Default)]
struct Found {
    numbers: [Option<u64>; 5],
    logs: Vec<Bounds>,
    link: Option<Vec<u8>>,
    proof: Option<Vec<u8>>,
    rows: Option<ReadOnlyTable<&'static [u8], &'static [u8]>>,
}

impl Base {
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let value = self.rows.get(key).map_err(|e| failed("reading", e.into()))?;
        Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
    }

    pub(super) fn range(&self, range: &KeyRange, order: Order) -> Result<RowIter<'_>, StoreError> {
        let mut rows = self.rows.range::<&[u8]>(range.bounds()).map_err(|e| failed("reading", e.into()))?;
        Ok(Box::new(std::iter::from_fn(move || {
            let row = if order == Order::Forward { rows.next() } else { rows.next_back() };
            let copy = |(key, value): (redb::AccessGuard<'_, &[u8]>, redb::AccessGuard<'_, &[u8]>)| {
                (Bytes::copy_from_slice(key.value()), Some(Bytes::copy_from_slice(value.value())))
            };
            row.map(|row| row.map(copy).map_err(|e| failed("reading", e.into())))
        })))
    }

    /// Shows every row, in order.
    pub(super) fn visit(
        &self,
        mut show: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut visit = || {
            self.range(&KeyRange::all(), Order::Forward)?.try_for_each(|row| {
                let (key, value) = row?;
                show(&key, &value.unwrap_or_default())
            })
        };
        // On some damage, redb panics when it reads. What was found until then stays.
        catch_unwind(AssertUnwindSafe(&mut visit)).unwrap_or_else(|_| {
            Err(StoreError::damaged(TABLES_NAME, 0, "reading the rows panicked: the file is damaged"))
        })
    }
}

/// Rows in order.
pub(super) type RowIter<'a> = Box<dyn Iterator<Item = Result<(Bytes, Option<Bytes>), StoreError>> + 'a>;

fn failed(doing: &str, error: redb::Error) -> StoreError {
    match error {
        // A file that redb cannot make sense of, or that ends before it should.
        redb::Error::Io(e)
            if matches!(e.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            StoreError::damaged(TABLES_NAME, 0, e.to_string())
        }
        redb::Error::UpgradeRequired(_)
        | redb::Error::TableDoesNotExist(_)
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TableIsNotMultimap(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. } => StoreError::damaged(TABLES_NAME, 0, error.to_string()),
        redb::Error::Io(e) => StoreError::io(format!("{doing} `{TABLES_NAME}`"), e),
        redb::Error::Corrupted(what) => StoreError::damaged(TABLES_NAME, 0, what),
        other => StoreError::io(format!("{doing} `{TABLES_NAME}`"), io::Error::other(other)),
    }
}

/// Lets redb work on a file of a [`Disk`].
#[derive(Debug)]
struct Backend(Arc<dyn DiskFile>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, data)
    }
}
