//! The engine that keeps everything in memory, for tests.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

use crate::versions::Versions;
use crate::{Engine, Group, KeyRange, LogId, LogRead, Logs, Op, Order, Snapshot, StoreError, Visit};

/// Keeps rows and logs in memory; nothing outlives it.
#[derive(Debug, Default)]
pub struct Memory {
    version: u64,
    rows: Arc<RwLock<Versions>>,
    /// Deleted rows and since when, until every snapshot in use sees the deletion.
    deleted: VecDeque<(u64, Bytes)>,
    logs: Arc<RwLock<HashMap<LogId, Records>>>,
}

/// The records of one log from position `first` on.
#[derive(Debug, Default)]
struct Records {
    first: u64,
    kept: VecDeque<Bytes>,
}

struct Rows {
    version: u64,
    rows: Arc<RwLock<Versions>>,
}

struct Reader(Arc<RwLock<HashMap<LogId, Records>>>);

impl Memory {
    /// An empty one.
    pub fn new() -> Memory {
        Memory::default()
    }
}

impl Engine for Memory {
    fn version(&self) -> u64 {
        self.version
    }

    fn snapshot(&self) -> Arc<dyn Snapshot> {
        Arc::new(Rows { version: self.version, rows: self.rows.clone() })
    }

    fn logs(&self) -> Arc<dyn Logs> {
        Arc::new(Reader(self.logs.clone()))
    }

    fn commit(&mut self, group: &Group, oldest: u64) -> Result<(), StoreError> {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        rows.apply(&group.ops, group.version, oldest);
        self.deleted.extend(group.ops.iter().filter_map(|op| match op {
            Op::Delete(key) => Some((group.version, key.clone())),
            _ => None,
        }));
        while let Some((since, key)) = self.deleted.pop_front_if(|(since, _)| *since <= oldest) {
            rows.forget_deleted(&key, since);
        }
        drop(rows);
        let mut logs = self.logs.write().unwrap_or_else(PoisonError::into_inner);
        for op in &group.ops {
            match op {
                Op::Append(log, _, record) => logs.entry(*log).or_default().kept.push_back(record.clone()),
                Op::Retain(log, before) => {
                    let records = logs.entry(*log).or_default();
                    while records.first < *before && records.kept.pop_front().is_some() {
                        records.first += 1;
                    }
                }
                Op::Put(..) | Op::Delete(..) => {}
            }
        }
        self.version = group.version;
        Ok(())
    }

    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Snapshot for Rows {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        Ok(rows.get(key, self.version).flatten())
    }

    fn scan(&self, range: &KeyRange, order: Order, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in rows.range(range, order, self.version) {
            if let Some(value) = value
                && visit(key, value) == ControlFlow::Break(())
            {
                break;
            }
        }
        Ok(())
    }
}

impl Logs for Reader {
    fn bounds(&self, log: LogId) -> (u64, u64) {
        let logs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        logs.get(&log).map_or((0, 0), |records| (records.first, records.first + records.kept.len() as u64))
    }

    fn read(&self, log: LogId, read: LogRead) -> Result<Vec<(u64, Bytes)>, StoreError> {
        let logs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(records) = logs.get(&log) else { return Ok(Vec::new()) };
        let (mut left, mut found) = (read, Vec::new());
        let mut take = |(index, record): (usize, &Bytes)| {
            let fits = left.take(record.len(), found.is_empty());
            if fits {
                found.push((records.first + index as u64, record.clone()));
            }
            fits
        };
        let index = |position: u64| {
            usize::try_from(position.saturating_sub(records.first))
                .unwrap_or(usize::MAX)
                .min(records.kept.len())
        };
        let all = records.kept.iter().enumerate();
        match read.order {
            Order::Forward => all.skip(index(read.from)).all(&mut take),
            Order::Reverse => all.take(index(read.from.saturating_add(1))).rev().all(&mut take),
        };
        Ok(found)
    }
}
