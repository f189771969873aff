//! An ordered map that remembers the older values of its rows for as long as a snapshot may ask for them.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{KeyRange, Op, Order};

/// A row at one version; no value means that the row is deleted.
#[derive(Debug)]
struct Version {
    since: u64,
    value: Option<Bytes>,
}

#[derive(Debug)]
struct Row {
    newest: Version,
    /// Older versions, the oldest first. Empty but for rows written while older snapshots are open.
    older: Vec<Version>,
}

impl Row {
    fn at(&self, version: u64) -> Option<&Version> {
        std::iter::once(&self.newest).chain(self.older.iter().rev()).find(|v| v.since <= version)
    }
}

/// Rows with their recent versions.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    rows: BTreeMap<Bytes, Row>,
    bytes: usize,
}

/// What a row takes besides its key and value, roughly.
const ROW_OVERHEAD_BYTES: usize = 96;

impl Versions {
    /// Applies the puts and deletes of a group at its version; `oldest` is the oldest snapshot in use.
    pub(crate) fn apply(&mut self, ops: &[Op], version: u64, oldest: u64) {
        for op in ops {
            match op {
                Op::Put(key, value) => self.set(key, Some(value.clone()), version, oldest),
                Op::Delete(key) => self.set(key, None, version, oldest),
                Op::Append(..) | Op::Retain(..) => {}
            }
        }
    }

    fn set(&mut self, key: &Bytes, value: Option<Bytes>, since: u64, oldest: u64) {
        let size = |value: &Option<Bytes>| value.as_ref().map_or(0, Bytes::len);
        self.bytes += size(&value);
        let new = Version { since, value };
        let Some(row) = self.rows.get_mut(key) else {
            self.bytes += key.len() + ROW_OVERHEAD_BYTES;
            self.rows.insert(key.clone(), Row { newest: new, older: Vec::new() });
            return;
        };
        let previous = std::mem::replace(&mut row.newest, new);
        if previous.since == since {
            self.bytes -= size(&previous.value); // overwritten within one group: nobody can have seen it
            return;
        }
        row.older.push(previous);
        // A version is needed only if a snapshot in use lies between it and its successor.
        let successors = row.older.iter().skip(1).map(|v| v.since).chain([since]);
        let unneeded = successors.take_while(|successor| *successor <= oldest).count();
        self.bytes -= row.older.drain(..unneeded).map(|v| size(&v.value)).sum::<usize>();
    }

    /// Forgets a row that was deleted at a version which every snapshot in use sees, unless it was written since.
    /// Only for a map with no older one underneath.
    pub(crate) fn forget_deleted(&mut self, key: &Bytes, since: u64) {
        if self.rows.get(key).is_some_and(|row| row.newest.since == since && row.newest.value.is_none())
            && let Some(row) = self.rows.remove(key)
        {
            let older =
                row.older.iter().filter_map(|version| version.value.as_ref()).map(Bytes::len).sum::<usize>();
            self.bytes -= key.len() + ROW_OVERHEAD_BYTES + older;
        }
    }

    /// The row at a version: `None` when this map does not know it, `Some(None)` when it is deleted.
    pub(crate) fn get(&self, key: &[u8], version: u64) -> Option<Option<Bytes>> {
        self.rows.get(key)?.at(version).map(|found| found.value.clone())
    }

    /// The rows of a range at a version, deleted ones included.
    pub(crate) fn range<'a>(
        &'a self,
        range: &KeyRange,
        order: Order,
        version: u64,
    ) -> Box<dyn Iterator<Item = (Bytes, Option<Bytes>)> + 'a> {
        if range.is_empty() {
            return Box::new(std::iter::empty());
        }
        let rows = self.rows.range::<[u8], _>(range.bounds());
        let at = move |(key, row): (&Bytes, &'a Row)| Some((key.clone(), row.at(version)?.value.clone()));
        match order {
            Order::Forward => Box::new(rows.filter_map(at)),
            Order::Reverse => Box::new(rows.rev().filter_map(at)),
        }
    }

    /// Bytes taken, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The newest version of every row, deleted ones included, in key order.
    pub(crate) fn newest(&self) -> impl Iterator<Item = (&Bytes, Option<&Bytes>)> {
        self.rows.iter().map(|(key, row)| (key, row.newest.value.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &'static str, value: &'static str) -> Op {
        Op::Put(key.into(), value.into())
    }

    #[test]
    fn every_open_snapshot_sees_its_own_value() {
        let mut map = Versions::default();
        map.apply(&[put("k", "one")], 1, 0);
        map.apply(&[put("k", "two")], 2, 1);
        map.apply(&[Op::Delete("k".into())], 3, 1);
        map.apply(&[put("k", "four")], 4, 1);
        let at = |map: &Versions, version| map.get(b"k", version);
        assert_eq!(at(&map, 0), None);
        assert_eq!(at(&map, 1), Some(Some("one".into())));
        assert_eq!(at(&map, 2), Some(Some("two".into())));
        assert_eq!(at(&map, 3), Some(None));
        assert_eq!(at(&map, 4), Some(Some("four".into())));
        map.apply(&[put("k", "five")], 5, 3);
        assert_eq!(at(&map, 3), Some(None));
        assert_eq!(at(&map, 2), None, "no longer needed by anyone");
        assert_eq!(map.rows[&b"k"[..]].older.len(), 2);
    }

    #[test]
    fn a_hot_row_does_not_grow() {
        let mut map = Versions::default();
        for version in 1..1000 {
            map.apply(&[put("k", "value")], version, version - 1);
        }
        assert_eq!(map.rows[&b"k"[..]].older.len(), 1);
        assert_eq!(map.bytes(), 1 + ROW_OVERHEAD_BYTES + 2 * 5);
    }

    #[test]
    fn a_deleted_row_is_forgotten_unless_it_came_back() {
        let mut map = Versions::default();
        map.apply(&[put("k", "v")], 1, 0);
        map.apply(&[Op::Delete("k".into())], 2, 1);
        map.apply(&[put("k", "w")], 3, 2);
        map.forget_deleted(&"k".into(), 2);
        assert_eq!(map.get(b"k", 3), Some(Some("w".into())));
        map.apply(&[Op::Delete("k".into())], 4, 3);
        map.forget_deleted(&"k".into(), 4);
        assert!(map.rows.is_empty());
        assert_eq!(map.bytes(), 0);
    }
}
