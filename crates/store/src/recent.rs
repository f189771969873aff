use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::reads::ReadSet;

/// When which key was last written, as far back as the oldest transaction that may still ask.
#[derive(Debug)]
pub(crate) struct Recent {
    written: BTreeMap<Bytes, u64>,
    /// The same in the order of writing; an entry is outdated when the key was written again.
    order: VecDeque<(u64, Bytes)>,
    /// Every write after this version is known.
    floor: u64,
    /// The version of the last write.
    last: u64,
}

impl Recent {
    pub(crate) fn new(version: u64) -> Recent {
        Recent { written: BTreeMap::new(), order: VecDeque::new(), floor: version, last: version }
    }

    /// Whether anything that was read at `snapshot` was written since, or may have been.
    pub(crate) fn conflicts(&self, reads: &ReadSet, snapshot: u64) -> bool {
        if self.last <= snapshot || reads.is_empty() {
            return false;
        }
        snapshot < self.floor
            || reads.keys().any(|key| self.written.get(key).is_some_and(|version| *version > snapshot))
            || reads.ranges().iter().filter(|range| !range.is_empty()).any(|range| {
                self.written.range::<[u8], _>(range.bounds()).any(|(_, version)| *version > snapshot)
            })
    }

    /// Whether a key was written after `snapshot`, or may have been.
    pub(crate) fn written_after(&self, key: &[u8], snapshot: u64) -> bool {
        self.last > snapshot
            && (snapshot < self.floor || self.written.get(key).is_some_and(|version| *version > snapshot))
    }

    pub(crate) fn write(&mut self, key: Bytes, version: u64) {
        self.last = version;
        self.order.push_back((version, key.clone()));
        self.written.insert(key, version);
    }

    /// Forgets what no snapshot from `oldest` on can conflict with, and what is over `keys_max`.
    pub(crate) fn prune(&mut self, oldest: u64, keys_max: usize) {
        while let Some((version, key)) = self.order.front() {
            if *version > oldest && self.order.len() <= keys_max {
                break;
            }
            if self.written.get(key) == Some(version) {
                self.written.remove(key);
            }
            self.floor = self.floor.max(*version);
            self.order.pop_front();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyRange;

    fn read(keys: &[&str], ranges: &[KeyRange]) -> ReadSet {
        let mut reads = ReadSet::default();
        keys.iter().for_each(|key| reads.key(key.as_bytes()).unwrap());
        ranges.iter().for_each(|range| reads.range(range.clone()).unwrap());
        reads
    }

    #[test]
    fn only_later_writes_of_what_was_read_conflict() {
        let mut recent = Recent::new(10);
        recent.write("b".into(), 11);
        recent.write("d".into(), 12);
        for (reads, snapshot, conflict) in [
            (read(&["a", "b", "c"], &[]), 10, true),
            (read(&["a", "b", "c"], &[]), 11, false),
            (read(&["a", "c"], &[]), 10, false),
            (read(&[], &[KeyRange::between(b"c", b"e")]), 11, true),
            (read(&[], &[KeyRange::between(b"c", b"d")]), 11, false),
            (read(&[], &[KeyRange::between(b"z", b"a")]), 10, false),
            (read(&["d"], &[]), 12, false),
            (read(&[], &[]), 0, false),
            (read(&["a"], &[]), 9, true),
        ] {
            assert_eq!(recent.conflicts(&reads, snapshot), conflict, "{reads:?} at {snapshot}");
        }
    }

    #[test]
    fn pruning_keeps_what_open_snapshots_need() {
        let mut recent = Recent::new(0);
        recent.write("a".into(), 1);
        recent.write("b".into(), 2);
        recent.write("a".into(), 3);
        recent.prune(2, 10);
        assert!(!recent.conflicts(&read(&["b"], &[]), 2));
        assert!(recent.conflicts(&read(&["a"], &[]), 2));
        assert!(recent.conflicts(&read(&["c"], &[]), 1), "too old to tell");
        recent.write("c".into(), 4);
        recent.prune(2, 1);
        assert!(recent.conflicts(&read(&["x"], &[]), 2), "the bound went over the oldest snapshot");
        assert!(!recent.conflicts(&read(&["x"], &[]), 3));
    }
}
