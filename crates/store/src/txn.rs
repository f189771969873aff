use std::any::Any;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::iter::Peekable;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;

use crate::cache::Decoded;
use crate::limits::OP_OVERHEAD_BYTES;
use crate::reads::ReadSet;
use crate::store::{Published, Shared};
use crate::{
    KEY_BYTES_MAX, KeyRange, LogId, LogRead, Order, RECORD_BYTES_MAX, StoreError, TXN_BYTES_MAX,
    VALUE_BYTES_MAX,
};

/// A transaction: reads of one snapshot and, in front of them, its own writes, which nobody else sees before
/// [`Store::commit`](crate::Store::commit). Dropping it undoes it.
pub struct Txn {
    shared: Arc<Shared>,
    at: Arc<Published>,
    reads: ReadSet,
    writes: BTreeMap<Bytes, Write>,
    records: Vec<(LogId, Bytes)>,
    retain: Vec<(LogId, u64)>,
    notes: Vec<(Bytes, Option<Decoded>)>,
    /// What the writes and records take.
    bytes: usize,
    /// The first write that was over a limit; reported at commit.
    refused: Option<StoreError>,
    uses_reserve: bool,
}

/// A row's new value; none deletes it.
#[derive(Clone)]
pub(crate) struct Write {
    pub(crate) value: Option<Bytes>,
    pub(crate) decoded: Option<Decoded>,
}

/// The writes of a transaction at one moment, to go back to.
pub struct Savepoint {
    writes: BTreeMap<Bytes, Write>,
    records: usize,
    retain: usize,
    notes: usize,
    bytes: usize,
    refused: bool,
}

impl fmt::Debug for Savepoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Savepoint").field("writes", &self.writes.len()).finish_non_exhaustive()
    }
}

/// What a transaction asks to be done at commit.
pub(crate) struct Intent {
    /// The snapshot that was read; held so that its version counts as in use until the reads are checked.
    pub(crate) at: Arc<Published>,
    pub(crate) reads: ReadSet,
    pub(crate) writes: BTreeMap<Bytes, Write>,
    pub(crate) records: Vec<(LogId, Bytes)>,
    pub(crate) retain: Vec<(LogId, u64)>,
    pub(crate) bytes: usize,
    /// Room that is kept in reserve is for this.
    pub(crate) uses_reserve: bool,
}

impl Txn {
    pub(crate) fn new(shared: Arc<Shared>, at: Arc<Published>) -> Txn {
        Txn {
            shared,
            at,
            reads: ReadSet::default(),
            writes: BTreeMap::new(),
            records: Vec::new(),
            retain: Vec::new(),
            notes: Vec::new(),
            bytes: 0,
            refused: None,
            uses_reserve: false,
        }
    }

    /// Marks what was written so far.
    pub fn save(&self) -> Savepoint {
        Savepoint {
            writes: self.writes.clone(),
            records: self.records.len(),
            retain: self.retain.len(),
            notes: self.notes.len(),
            bytes: self.bytes,
            refused: self.refused.is_some(),
        }
    }

    /// Undoes what was written since. What was read stays read: it is validated at commit all the same.
    pub fn restore(&mut self, to: Savepoint) {
        self.writes = to.writes;
        self.records.truncate(to.records);
        self.retain.truncate(to.retain);
        self.notes.truncate(to.notes);
        self.bytes = to.bytes;
        if !to.refused {
            self.refused = None;
        }
    }

    /// The version of the snapshot that this transaction reads.
    pub fn version(&self) -> u64 {
        self.at.version
    }

    /// The value of a row.
    pub fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        if let Some(write) = self.writes.get(key) {
            return Ok(write.value.clone());
        }
        self.reads.key(key)?;
        self.at.snapshot.get(key)
    }

    /// A row in decoded form: from the cache of decoded rows if the row there is that of this snapshot, else by
    /// `decode`, which must depend on nothing but the bytes and must always be asked for the same `T` of one key.
    pub fn get_decoded<T, E>(
        &mut self,
        key: &[u8],
        decode: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<Option<Arc<T>>, E>
    where
        T: Any + Send + Sync,
        E: From<StoreError>,
    {
        if let Some(write) = self.writes.get(key) {
            let Some(value) = &write.value else { return Ok(None) };
            if let Some(row) = write.decoded.clone().and_then(|row| row.downcast().ok()) {
                return Ok(Some(row));
            }
            return decode(value).map(|row| Some(Arc::new(row)));
        }
        self.reads.key(key)?;
        match self.shared.cache.get(key, self.at.version) {
            Some(None) => return Ok(None),
            Some(Some(row)) => {
                if let Ok(row) = row.downcast() {
                    return Ok(Some(row));
                }
            }
            None => {}
        }
        let value = self.at.snapshot.get(key)?;
        let row = value.as_deref().map(decode).transpose()?.map(Arc::new);
        let erased = row.clone().map(|row| row as Decoded);
        self.shared.cache.offer(key, self.at.version, erased, value.map_or(0, |value| value.len()), || {
            let recent = self.shared.recent.read().unwrap_or_else(PoisonError::into_inner);
            !recent.written_after(key, self.at.version)
        });
        Ok(row)
    }

    /// The first `limit` rows of a range in the given order. Of the range, only the part that was walked counts as
    /// read. For the next page see [`KeyRange::after`] and [`KeyRange::before`].
    pub fn scan(
        &mut self,
        range: &KeyRange,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        let mut rows = Vec::new();
        if range.is_empty() || limit == 0 {
            return Ok(rows);
        }
        let own = self.writes.range::<[u8], _>(range.bounds());
        let mut own: Peekable<Box<dyn Iterator<Item = (&Bytes, &Write)>>> = match order {
            Order::Forward => (Box::new(own) as Box<dyn Iterator<Item = _>>).peekable(),
            Order::Reverse => (Box::new(own.rev()) as Box<dyn Iterator<Item = _>>).peekable(),
        };
        let comes_before = |a: &Bytes, b: &Bytes| if order == Order::Forward { a < b } else { a > b };
        let take = |rows: &mut Vec<_>, (key, write): (&Bytes, &Write)| {
            rows.extend(write.value.clone().map(|value| (key.clone(), value)));
        };
        self.at.snapshot.scan(range, order, &mut |key, value| {
            while rows.len() < limit
                && let Some(write) = own.next_if(|(own, _)| comes_before(own, &key))
            {
                take(&mut rows, write);
            }
            if rows.len() == limit {
                return ControlFlow::Break(());
            }
            match own.next_if(|(own, _)| **own == key) {
                Some(write) => take(&mut rows, write),
                None => rows.push((key, value)),
            }
            if rows.len() == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        while rows.len() < limit
            && let Some(write) = own.next()
        {
            take(&mut rows, write);
        }
        let mut walked = range.clone();
        if let Some((last, _)) = rows.last().filter(|_| rows.len() == limit) {
            match order {
                Order::Forward => walked.upper = std::ops::Bound::Included(last.to_vec()),
                Order::Reverse => walked.lower = std::ops::Bound::Included(last.to_vec()),
            }
        }
        self.reads.range(walked)?;
        Ok(rows)
    }

    /// Leaves a note under a key: something that is known from the commit on, until a later transaction leaves another (or none
    /// there), and that may be forgotten at any time. Notes are no rows: they are not durable, no conflict comes of them, and rows of
    /// the same key are not touched.
    pub fn note<T: Any + Send + Sync>(&mut self, key: &[u8], note: Option<Arc<T>>) {
        self.notes.push((Bytes::copy_from_slice(key), note.map(|note| note as Decoded)));
    }

    /// The newest note under a key, if it is not forgotten.
    pub fn noted<T: Any + Send + Sync>(&self, key: &[u8]) -> Option<Arc<T>> {
        let own = self.notes.iter().rev().find(|(noted, _)| noted == key).map(|(_, note)| note.clone());
        own.or_else(|| self.shared.notes.get(key, u64::MAX)).flatten()?.downcast().ok()
    }

    /// The notes to be left when the rest is committed.
    pub(crate) fn take_notes(&mut self) -> Vec<(Bytes, Option<Decoded>)> {
        std::mem::take(&mut self.notes)
    }

    /// Sets a row. A key or value over its limit makes the commit fail.
    pub fn put(&mut self, key: &[u8], value: impl Into<Bytes>) {
        self.write(key, Write { value: Some(value.into()), decoded: None });
    }

    /// Sets a row whose decoded form is at hand, so that the next reader need not decode it: `row` must equal what
    /// decoding `value` gives.
    pub fn put_decoded<T: Any + Send + Sync>(&mut self, key: &[u8], value: impl Into<Bytes>, row: Arc<T>) {
        self.write(key, Write { value: Some(value.into()), decoded: Some(row) });
    }

    /// Removes a row, if it is there.
    pub fn delete(&mut self, key: &[u8]) {
        self.write(key, Write { value: None, decoded: None });
    }

    /// Adds a record to the end of a log; its position is known once the transaction is
    /// [`Committed`](crate::Committed).
    pub fn append(&mut self, log: LogId, record: impl Into<Bytes>) {
        let record = record.into();
        self.check("a log record", record.len(), RECORD_BYTES_MAX);
        self.bytes += record.len() + OP_OVERHEAD_BYTES;
        self.records.push((log, record));
    }

    /// Lets go of the records of a log before a position; the space they take is freed at some later time. A
    /// position beyond the end stands for the end.
    pub fn retain_log(&mut self, log: LogId, before: u64) {
        self.bytes += OP_OVERHEAD_BYTES;
        self.retain.push((log, before));
    }

    /// The position of the oldest record kept of a log and that of the next to come, as of now: log reads see what
    /// is committed at the time of the call, and never make a transaction conflict.
    pub fn log_bounds(&self, log: LogId) -> (u64, u64) {
        self.shared.logs.bounds(log)
    }

    /// Committed records of a log with their positions, as of now.
    pub fn read_log(&self, log: LogId, read: LogRead) -> Result<Vec<(u64, Bytes)>, StoreError> {
        self.shared.logs.read(log, read)
    }

    fn write(&mut self, key: &[u8], write: Write) {
        let value_len = write.value.as_ref().map_or(0, Bytes::len);
        self.check("a key", key.len(), KEY_BYTES_MAX);
        self.check("a value", value_len, VALUE_BYTES_MAX);
        self.bytes += value_len;
        match self.writes.entry(Bytes::copy_from_slice(key)) {
            Entry::Occupied(mut own) => {
                let previous = own.insert(write);
                self.bytes -= previous.value.map_or(0, |value| value.len());
            }
            Entry::Vacant(place) => {
                self.bytes += key.len() + OP_OVERHEAD_BYTES;
                place.insert(write);
            }
        }
    }

    fn check(&mut self, what: &'static str, size: usize, max: usize) {
        if size > max && self.refused.is_none() {
            self.refused = Some(StoreError::TooLarge { what, size, max });
        }
    }

    /// Has it commit even if only the room is left that is kept in reserve: for what helps out of that.
    pub fn use_reserve(&mut self) {
        self.uses_reserve = true;
    }

    /// What is to be done, and nothing if there is nothing to do: reads alone were consistent when they were made.
    pub(crate) fn into_intent(mut self) -> Result<Option<Intent>, StoreError> {
        self.check("a transaction", self.bytes, TXN_BYTES_MAX);
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        if self.writes.is_empty() && self.records.is_empty() && self.retain.is_empty() {
            return Ok(None);
        }
        Ok(Some(Intent {
            at: self.at,
            reads: self.reads,
            writes: self.writes,
            records: self.records,
            retain: self.retain,
            bytes: self.bytes,
            uses_reserve: self.uses_reserve,
        }))
    }
}

impl fmt::Debug for Txn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Txn")
            .field("version", &self.at.version)
            .field("writes", &self.writes.len())
            .field("records", &self.records.len())
            .finish_non_exhaustive()
    }
}
