//! The rows as of the last checkpoint, in a redb file.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use redb::{
    Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
};

use super::disk::{Disk, DiskFile};
use super::logs::Bounds;
use super::segment::FORMAT;
use crate::versions::Versions;
use crate::{KeyRange, LogId, Order, StoreError};

/// The name of the file.
pub(super) const TABLES_NAME: &str = "tables.redb";

const ROWS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("rows");
/// By log: the position of the oldest record wanted, and of the next to come.
const LOGS: TableDefinition<'static, u32, (u64, u64)> = TableDefinition::new("logs");
const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");

const META_FORMAT: &str = "format";
const META_VERSION: &str = "version";
const META_SEGMENT: &str = "journal segment";
const META_OFFSET: &str = "journal offset";
const META_OLDEST_SEGMENT: &str = "oldest journal segment";

/// Up to where the journal is contained in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The version of the last group contained.
    pub(super) version: u64,
    /// The segment in which the next group is; it need not exist yet if `offset` is 0.
    pub(super) segment: u64,
    /// Where in it; 0 stands for its first frame.
    pub(super) offset: u64,
    /// The oldest segment there must be; older ones are not needed.
    pub(super) oldest_segment: u64,
}

/// The file.
#[derive(Debug)]
pub(super) struct Tables(Database);

/// The rows of one checkpoint.
#[derive(Debug)]
pub(super) struct Base {
    rows: ReadOnlyTable<&'static [u8], &'static [u8]>,
}

impl Tables {
    /// Opens the file, and creates it if there is none.
    pub(super) fn open(disk: &dyn Disk, cache_bytes: usize) -> Result<Tables, StoreError> {
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
        Ok(Tables(database))
    }

    /// The last checkpoint, and the bounds of the logs then; none if there was none yet.
    pub(super) fn mark(&self) -> Result<Option<(Mark, Vec<Bounds>)>, StoreError> {
        let read = || -> Result<_, redb::Error> {
            let txn = self.0.begin_read()?;
            let meta = match txn.open_table(META) {
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
                meta => meta?,
            };
            let number = |name| Ok::<_, redb::Error>(meta.get(name)?.map(|value| value.value()));
            let table = txn.open_table(LOGS)?;
            let logs = table.iter()?.map(|row| {
                let (log, bounds) = row?;
                let (first, next) = bounds.value();
                Ok(Bounds { log: LogId(log.value()), first, next })
            });
            let logs = logs.collect::<Result<Vec<_>, redb::Error>>()?;
            let mut numbers = [None; 5];
            let names = [META_FORMAT, META_VERSION, META_SEGMENT, META_OFFSET, META_OLDEST_SEGMENT];
            for (place, name) in numbers.iter_mut().zip(names) {
                *place = number(name)?;
            }
            Ok(Some((numbers, logs)))
        };
        let Some((numbers, logs)) = read().map_err(|e| failed("reading", e))? else { return Ok(None) };
        let [format, version, segment, offset, oldest_segment] = numbers;
        let format = format.unwrap_or(0);
        if format > u64::from(FORMAT) {
            let found = u32::try_from(format).unwrap_or(u32::MAX);
            return Err(StoreError::Format { file: TABLES_NAME.into(), found, known: FORMAT });
        }
        let (Some(version), Some(segment), Some(offset), Some(oldest_segment)) =
            (version, segment, offset, oldest_segment)
        else {
            return Err(StoreError::damaged(
                TABLES_NAME,
                0,
                "the place of the checkpoint in the journal is missing",
            ));
        };
        Ok(Some((Mark { version, segment, offset, oldest_segment }, logs)))
    }

    /// Makes the rows that changed up to a mark durable, all of them or none.
    pub(super) fn checkpoint(
        &self,
        changed: &Versions,
        mark: &Mark,
        logs: &[Bounds],
    ) -> Result<(), StoreError> {
        let write = || -> Result<(), redb::Error> {
            let mut txn = self.0.begin_write()?;
            txn.set_durability(Durability::Immediate)?;
            txn.set_quick_repair(true); // opening after a crash must not walk all rows
            {
                let mut rows = txn.open_table(ROWS)?;
                for (key, value) in changed.newest() {
                    match value {
                        Some(value) => drop(rows.insert(&**key, &**value)?),
                        None => drop(rows.remove(&**key)?),
                    }
                }
                let mut bounds = txn.open_table(LOGS)?;
                for log in logs {
                    bounds.insert(log.log.0, (log.first, log.next))?;
                }
                let mut meta = txn.open_table(META)?;
                for (name, value) in [
                    (META_FORMAT, u64::from(FORMAT)),
                    (META_VERSION, mark.version),
                    (META_SEGMENT, mark.segment),
                    (META_OFFSET, mark.offset),
                    (META_OLDEST_SEGMENT, mark.oldest_segment),
                ] {
                    meta.insert(name, value)?;
                }
            }
            Ok(txn.commit()?)
        };
        write().map_err(|e| failed("writing", e))
    }

    /// The rows of the last checkpoint; none before the first.
    pub(super) fn base(&self) -> Result<Option<Arc<Base>>, StoreError> {
        let open = || match self.0.begin_read()?.open_table(ROWS) {
            Err(redb::TableError::TableDoesNotExist(_)) => Ok::<_, redb::Error>(None),
            rows => Ok(Some(Arc::new(Base { rows: rows? }))),
        };
        open().map_err(|e| failed("reading", e))
    }
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
}

/// Rows in order.
pub(super) type RowIter<'a> = Box<dyn Iterator<Item = Result<(Bytes, Option<Bytes>), StoreError>> + 'a>;

fn failed(doing: &str, error: redb::Error) -> StoreError {
    match error {
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
