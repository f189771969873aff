//! Typed tables over one store transaction, sealed by the keyring.
//!
//! A row's key is the table's name and the parts of its path, joined by NUL; its value is the row as JSON, sealed and bound to
//! that key, so that neither a row moved elsewhere nor one changed at rest can be read.

use crate::Fault;
use keyring::Keyring;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::sync::Arc;
use store::{KeyRange, Order};
use wire::Timestamp;

/// The most that one read of a log returns, in bytes.
const LOG_READ_BYTES_MAX: usize = 8 * 1024 * 1024;

/// One transaction on the store, with the keyring that opens and seals its values.
#[derive(Debug)]
pub struct Tx<'a> {
    store: &'a store::Store,
    txn: store::Txn,
    keyring: &'a Keyring,
    /// Room for the key of a row that is read.
    key: Vec<u8>,
    wakes: Wakes,
}

/// What there is to do once a transaction is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wakes {
    /// When the first task is due that it enqueued, in milliseconds since the epoch; the greatest number if there is none.
    pub due: i64,
    /// The logs that it appended to, but the trail: bit n is that of log n.
    pub logs: u64,
}

impl<'a> Tx<'a> {
    /// Begins at the newest committed state.
    pub fn begin(store: &'a store::Store, keyring: &'a Keyring) -> Self {
        Self { store, txn: store.begin(), keyring, key: Vec::new(), wakes: Wakes { due: i64::MAX, logs: 0 } }
    }

    /// Takes the transaction for a call inside of this one. What is left is empty, and is not to be committed.
    pub(crate) fn take(&mut self) -> Self {
        let rest = self.another();
        std::mem::replace(self, rest)
    }

    /// Gives it back.
    pub(crate) fn give_back(&mut self, txn: store::Txn) {
        self.txn = txn;
    }

    /// Marks what was written so far.
    pub(crate) fn save(&self) -> store::Savepoint {
        self.txn.save()
    }

    /// Another transaction on the same store.
    pub(crate) fn another(&self) -> Tx<'a> {
        Tx::begin(self.store, self.keyring)
    }

    /// Makes it durable, for a thread that may block.
    pub(crate) fn commit_blocking(self) -> Result<(), Fault> {
        match self.store.commit_blocking(self.txn) {
            Ok(_) => Ok(()),
            Err(store::CommitError::Conflict) => Err(Fault::conflict()),
            Err(store::CommitError::Failed(error)) => Err(error.into()),
        }
    }

    /// Has it commit even if only the room on the disk is left that is kept in reserve: for what operators do.
    pub fn use_reserve(&mut self) {
        self.txn.use_reserve();
    }

    /// Adds an entry to a log, sealed.
    pub fn append(&mut self, log: Log, entry: &[u8]) -> Result<(), Fault> {
        let sealed = self.keyring.seal(log.place, entry)?;
        self.txn.append(log.id, sealed);
        if log.id != TRAIL.id {
            self.wakes.logs |= 1_u64.unbounded_shl(log.id.0);
        }
        Ok(())
    }

    /// Lets go of the entries of a log before a position.
    pub fn retain_log(&mut self, log: Log, before: u64) {
        self.txn.retain_log(log.id, before);
    }

    /// Something is due at this time.
    pub(crate) fn wake_at(&mut self, due: i64) {
        self.wakes.due = self.wakes.due.min(due);
    }

    /// What there is to do once it is committed.
    pub fn wakes(&self) -> Wakes {
        self.wakes
    }

    /// The first position of a log that is still there and the one the next entry will get.
    pub fn log_bounds(&self, log: Log) -> (u64, u64) {
        self.txn.log_bounds(log.id)
    }

    /// Reads at most `limit` entries from position `from` on, towards newer or (in reverse) older ones.
    ///
    /// # Errors
    /// Unavailable, if the store or the keyring cannot be read.
    pub fn read_log(
        &self,
        log: Log,
        from: u64,
        order: store::Order,
        limit: usize,
    ) -> Result<Vec<LogEntry>, Fault> {
        self.read_log_within(log, from, order, limit, LOG_READ_BYTES_MAX)
    }

    /// The same, of at most so many bytes; of one entry at the least.
    ///
    /// # Errors
    /// Unavailable, if the store or the keyring cannot be read.
    pub fn read_log_within(
        &self,
        log: Log,
        from: u64,
        order: store::Order,
        limit: usize,
        bytes_max: usize,
    ) -> Result<Vec<LogEntry>, Fault> {
        let read = store::LogRead { from, order, count_max: limit, bytes_max };
        let entries = self.txn.read_log(log.id, read)?;
        entries
            .into_iter()
            .map(|(position, sealed)| {
                Ok(LogEntry { position, bytes: self.keyring.open_sealed(log.place, &sealed)? })
            })
            .collect()
    }

    /// The transaction to commit.
    pub fn into_txn(self) -> store::Txn {
        self.txn
    }
}

/// One entry of a log.
#[derive(Debug)]
pub struct LogEntry {
    /// Where it stands; later entries have higher positions.
    pub position: u64,
    /// What was appended.
    pub bytes: zeroize::Zeroizing<Vec<u8>>,
}

/// An append-only log of the deployment.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    id: store::LogId,
    place: &'static [u8],
}

impl Log {
    /// The log with this number, whose entries are sealed to `place`. Both are kept for ever.
    pub(crate) const fn new(id: u32, place: &'static [u8]) -> Self {
        Self { id: store::LogId(id), place }
    }

    pub(crate) fn id(self) -> store::LogId {
        self.id
    }

    /// Whether both are one log.
    pub(crate) fn is_same(self, other: Self) -> bool {
        self.id == other.id
    }

    /// Whether a transaction appended to it.
    pub fn is_in(self, wakes: Wakes) -> bool {
        wakes.logs & 1_u64.unbounded_shl(self.id.0) != 0
    }

    /// Where its entries are sealed.
    pub(crate) fn place(self) -> &'static [u8] {
        self.place
    }
}

/// The audit records of every call, in AWS's CloudTrail form, oldest first.
pub const TRAIL: Log = Log::new(1, b"log\0trail");

/// What services and others tell of what happened: [`Event`](crate::Event)s, oldest first.
pub const EVENTS: Log = Log::new(2, b"log\0events");

/// Rows of one type, found by a path of text parts such as account, region and name.
#[derive(Debug)]
pub struct Table<T> {
    name: &'static str,
    row: PhantomData<fn() -> T>,
}

/// A row that was noted, and when the one that is written was, in milliseconds since the epoch.
struct Noted<T> {
    row: T,
    written: i64,
}

/// How long noting does without writing, in milliseconds.
const NOTED_MS: i64 = 1000;

/// A part of a path held the byte that separates parts.
#[derive(Debug)]
struct SeparatorInPath;

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Table<T> {
    /// The table called `name`, which is `service/rows` by convention.
    pub const fn new(name: &'static str) -> Self {
        Self { name, row: PhantomData }
    }

    /// The row at a path.
    ///
    /// # Errors
    /// Unavailable, if the store or the keyring cannot be read.
    pub fn get(&self, tx: &mut Tx<'_>, path: &[&str]) -> Result<Option<Arc<T>>, Fault> {
        let (mut key, keyring) = (std::mem::take(&mut tx.key), tx.keyring);
        key.clear();
        if self.write_key(path, &mut key).is_err() {
            return Ok(None);
        }
        let row = tx.txn.get_decoded(&key, |sealed| self.decode(keyring, &key, sealed));
        tx.key = key;
        row
    }

    /// Writes the row at a path.
    ///
    /// # Errors
    /// A bug, if a part of the path holds a NUL byte: constraints on names exclude that before.
    pub fn put(&self, tx: &mut Tx<'_>, path: &[&str], row: &T) -> Result<(), Fault> {
        let key = self.key(path).map_err(|_| Fault::bug(format!("NUL in a path of {}", self.name)))?;
        let json = zeroize::Zeroizing::new(
            serde_json::to_vec(row).map_err(|error| Fault::bug(format!("row of {}: {error}", self.name)))?,
        );
        let sealed = tx.keyring.seal(&key, &json)?;
        tx.txn.put(&key, sealed);
        Ok(())
    }

    /// Writes the row at a path, unless that was done less than a second ago: then the row is just noted, for
    /// [`latest`](Self::latest) to find. So a fact that changes with every call costs a write a second; after a restart it may be as
    /// much out of date.
    ///
    /// # Errors
    /// Those of [`put`](Self::put).
    pub fn note(&self, tx: &mut Tx<'_>, path: &[&str], row: T, now: Timestamp) -> Result<(), Fault> {
        let key = self.key(path).map_err(|_| Fault::bug(format!("NUL in a path of {}", self.name)))?;
        let noted = tx.txn.noted::<Noted<T>>(&key);
        let written = match noted.map(|noted| noted.written) {
            Some(written) if (0..NOTED_MS).contains(&(now.0 - written)) => written,
            _ => {
                self.put(tx, path, &row)?;
                now.0
            }
        };
        tx.txn.note(&key, Some(Arc::new(Noted { row, written })));
        Ok(())
    }

    /// The row at a path as it was last written or noted.
    ///
    /// # Errors
    /// Unavailable, if the store or the keyring cannot be read.
    pub fn latest(&self, tx: &mut Tx<'_>, path: &[&str]) -> Result<Option<T>, Fault>
    where
        T: Clone,
    {
        let noted = self.key(path).ok().and_then(|key| tx.txn.noted::<Noted<T>>(&key));
        match noted {
            Some(noted) => Ok(Some(noted.row.clone())),
            None => Ok(self.get(tx, path)?.map(|row| T::clone(&row))),
        }
    }

    /// Removes the row at a path, and what is noted of it.
    pub fn forget(&self, tx: &mut Tx<'_>, path: &[&str]) {
        if let Ok(key) = self.key(path) {
            tx.txn.delete(&key);
            tx.txn.note(&key, None::<Arc<Noted<T>>>);
        }
    }

    /// Removes the row at a path, if it is there.
    pub fn delete(&self, tx: &mut Tx<'_>, path: &[&str]) {
        if let Ok(key) = self.key(path) {
            tx.txn.delete(&key);
        }
    }

    /// The first `limit` rows below `prefix` in the order of their keys, after the row called `after`. With each comes its
    /// name: the rest of its path, parts joined by NUL.
    ///
    /// # Errors
    /// Unavailable, if the store or the keyring cannot be read.
    pub fn scan(
        &self,
        tx: &mut Tx<'_>,
        prefix: &[&str],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Arc<T>)>, Fault> {
        let Ok(mut start) = self.key(prefix) else { return Ok(Vec::new()) };
        let mut end = start.clone();
        start.push(0);
        end.push(1);
        let cut = start.len();
        if let Some(after) = after {
            start.extend_from_slice(after.as_bytes());
            // The least key above `after`: rows below it (`after` NUL …) have longer paths and follow.
            start.push(0);
        }
        self.rows(tx, &KeyRange::between(&start, &end), cut, limit)
    }

    /// The first `limit` rows of a range, each with its key from `cut` on.
    fn rows(
        &self,
        tx: &mut Tx<'_>,
        range: &KeyRange,
        cut: usize,
        limit: usize,
    ) -> Result<Vec<(String, Arc<T>)>, Fault> {
        let rows = tx.txn.scan(range, Order::Forward, limit)?;
        let keyring = tx.keyring;
        rows.into_iter()
            .map(|(key, sealed)| {
                let row = Arc::new(self.decode(keyring, &key, &sealed)?);
                let name = key.get(cut..).and_then(|name| std::str::from_utf8(name).ok());
                let name = name.ok_or_else(|| Fault::bug(format!("key of {} is not text", self.name)))?;
                Ok((name.to_owned(), row))
            })
            .collect()
    }

    /// The first `limit` rows below `prefix` whose names are at least `from` and less than `to`, in the order of their keys. The least
    /// name above another is that name and a NUL.
    ///
    /// # Errors
    /// Unavailable, if the store or the keyring cannot be read.
    pub fn range(
        &self,
        tx: &mut Tx<'_>,
        prefix: &[&str],
        (from, to): (&str, &str),
        limit: usize,
    ) -> Result<Vec<(String, Arc<T>)>, Fault> {
        let Ok(mut start) = self.key(prefix) else { return Ok(Vec::new()) };
        start.push(0);
        let mut end = start.clone();
        let cut = start.len();
        start.extend_from_slice(from.as_bytes());
        end.extend_from_slice(to.as_bytes());
        self.rows(tx, &KeyRange::between(&start, &end), cut, limit)
    }

    /// Whether any row lies below `prefix`.
    ///
    /// # Errors
    /// Unavailable, if the store or the keyring cannot be read.
    pub fn any(&self, tx: &mut Tx<'_>, prefix: &[&str]) -> Result<bool, Fault> {
        Ok(!self.scan(tx, prefix, None, 1)?.is_empty())
    }

    fn decode(&self, keyring: &Keyring, key: &[u8], sealed: &[u8]) -> Result<T, Fault> {
        let json = keyring.open_sealed(key, sealed)?;
        serde_json::from_slice(&json).map_err(|error| Fault::bug(format!("row of {}: {error}", self.name)))
    }

    fn key(&self, path: &[&str]) -> Result<Vec<u8>, SeparatorInPath> {
        let mut key = Vec::new();
        self.write_key(path, &mut key)?;
        Ok(key)
    }

    fn write_key(&self, path: &[&str], key: &mut Vec<u8>) -> Result<(), SeparatorInPath> {
        key.reserve(self.name.len() + path.iter().map(|part| part.len() + 1).sum::<usize>());
        key.extend_from_slice(self.name.as_bytes());
        for part in path {
            if part.as_bytes().contains(&0) {
                return Err(SeparatorInPath);
            }
            key.push(0);
            key.extend_from_slice(part.as_bytes());
        }
        Ok(())
    }
}
