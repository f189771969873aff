//! What the store asks of whatever keeps the bytes.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;

use crate::{EngineStats, Image, KeyRange, Order, StoreError};

/// Names one append-only log of a store. Every log exists, empty, from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(pub u32);

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// The row of this key has this value from now on.
    Put(Bytes, Bytes),
    /// There is no row of this key from now on.
    Delete(Bytes),
    /// A record of a log, at the position after its last one.
    Append(LogId, u64, Bytes),
    /// The records of a log before this position are no longer wanted.
    Retain(LogId, u64),
}

/// Transactions that become durable and visible together.
#[derive(Debug, Default)]
pub struct Group {
    /// The version of the last of them; greater than that of any group before.
    pub version: u64,
    /// Their changes in commit order: of two changes to one key the later holds.
    pub ops: Vec<Op>,
}

/// Called with each row of a scan; ends the scan with [`ControlFlow::Break`].
pub type Visit<'a> = dyn FnMut(Bytes, Bytes) -> ControlFlow<()> + 'a;

/// The rows as of one version, unchanged by later commits.
pub trait Snapshot: Send + Sync {
    /// The value of a row.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError>;
    /// The rows of a range, in order, until the visitor breaks off.
    fn scan(&self, range: &KeyRange, order: Order, visit: &mut Visit<'_>) -> Result<(), StoreError>;
}

/// How much of a log to read, and from where.
#[derive(Debug, Clone, Copy)]
pub struct LogRead {
    /// The position of the first record wanted; going in reverse, the highest.
    pub from: u64,
    /// The direction.
    pub order: Order,
    /// Most records to return.
    pub count_max: usize,
    /// Stop before the record that would bring the total over this many bytes; the first is always returned.
    pub bytes_max: usize,
}

/// The committed records of the logs. Records have consecutive positions from 0.
pub trait Logs: Send + Sync {
    /// The position of the oldest record kept, and that of the next to come.
    fn bounds(&self, log: LogId) -> (u64, u64);
    /// Records with their positions.
    fn read(&self, log: LogId, read: LogRead) -> Result<Vec<(u64, Bytes)>, StoreError>;
}

/// Room on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes that are free.
    pub free: u64,
    /// Bytes that are kept free: for what a store has to write in order to close, and for what operators do.
    pub reserve: u64,
}

impl Room {
    /// Whether only the reserve is left, or less.
    pub fn is_short(&self) -> bool {
        self.free < self.reserve
    }
}

impl Default for Room {
    fn default() -> Self {
        Room { free: u64::MAX, reserve: 0 }
    }
}

/// Keeps rows and logs. Only one thread, the store's committing thread, calls it; what [`snapshot`](Self::snapshot)
/// and [`logs`](Self::logs) return is used by all.
pub trait Engine: Send + 'static {
    /// The version of the last group that is durable, 0 when there is none.
    fn version(&self) -> u64;
    /// The rows as of [`version`](Self::version).
    fn snapshot(&self) -> Arc<dyn Snapshot>;
    /// The logs, always as of now.
    fn logs(&self) -> Arc<dyn Logs>;
    /// Makes a group durable, all of it or, if the system goes down before this returns, all or nothing. `oldest`
    /// is the oldest version whose snapshot is still in use. After an error the engine is not called again except
    /// for reading.
    fn commit(&mut self, group: &Group, oldest: u64) -> Result<(), StoreError>;
    /// How much room there is. Asked before each group: without, none is begun, so that nothing is half written for want of room.
    fn room(&self) -> Room {
        Room::default()
    }
    /// Everything there is as of [`version`](Self::version), to be copied while commits go on.
    fn image(&mut self) -> Result<Image, StoreError> {
        Err(StoreError::Unsupported("be copied"))
    }
    /// What [`Store::stats`](crate::Store::stats) asks for the engine's part of it, from any thread.
    fn stats(&self) -> Box<dyn Fn() -> EngineStats + Send + Sync> {
        Box::new(EngineStats::default)
    }
    /// Brings the stored form in order so that the next opening is quick, and lets go of it.
    fn close(&mut self) -> Result<(), StoreError>;
}

impl LogRead {
    /// At most `count_max` records from position `from` on, of at most 1 MiB together.
    pub fn forward(from: u64, count_max: usize) -> LogRead {
        LogRead { from, order: Order::Forward, count_max, bytes_max: 1 << 20 }
    }

    /// At most `count_max` records from position `from` backwards, of at most 1 MiB together.
    pub fn reverse(from: u64, count_max: usize) -> LogRead {
        LogRead { from, order: Order::Reverse, count_max, bytes_max: 1 << 20 }
    }

    /// Takes a record of `len` bytes off what may still be read; false if it is too much.
    pub(crate) fn take(&mut self, len: usize, is_first: bool) -> bool {
        if self.count_max == 0 || (len > self.bytes_max && !is_first) {
            return false;
        }
        self.count_max -= 1;
        self.bytes_max = self.bytes_max.saturating_sub(len);
        true
    }
}
