//! What a store tells of its own doing, for whoever watches it.

use crate::Room;
use std::array;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Counts since the store was opened, and sizes now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Transactions that took effect, those that only read left out.
    pub commits: u64,
    /// Transactions that conflicted.
    pub conflicts: u64,
    /// Groups made durable, each in one disk synchronization.
    pub groups: u64,
    /// Transactions to a group.
    pub group_sizes: Distribution,
    /// Microseconds that it took to make a group durable.
    pub group_micros: Distribution,
    /// How long the group that is being made durable has been under way; zero if there is none. Everything that waits, waits at
    /// least for this.
    pub group_age: Duration,
    /// Transactions that were sent and are not answered yet.
    pub waiting: u64,
    /// Whether a write failed, so that commits are refused until the store is opened anew.
    pub poisoned: bool,
    /// Recently written keys held for finding conflicts.
    pub recent_keys: u64,
    /// Reads of decoded rows that the cache answered.
    pub cache_hits: u64,
    /// Reads of decoded rows that it did not.
    pub cache_misses: u64,
    /// Bytes the cache holds.
    pub cache_bytes: u64,
    /// What the engine tells.
    pub engine: EngineStats,
}

/// What an engine tells of itself; all zero for one that keeps no files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineStats {
    /// Bytes of the journal that hold transactions or log records.
    pub journal_bytes: u64,
    /// Files of the journal.
    pub journal_segments: u64,
    /// Bytes of changed rows that are in the journal and not yet in the tables; opening after a crash reads them again.
    pub unsaved_bytes: u64,
    /// Room on the disk.
    pub room: Room,
    /// Checkpoints finished: times that changed rows were written to the tables.
    pub checkpoints: u64,
}

/// How often a figure fell into which of ten classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Distribution {
    /// The largest figure of each class, `u64::MAX` for the last, and how many figures it has.
    pub classes: [(u64, u64); CLASSES],
    /// The sum of all figures.
    pub sum: u64,
}

/// How many classes a [`Distribution`] has.
pub const CLASSES: usize = 10;

/// The store's own counts, which its threads keep and anybody reads.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) commits: AtomicU64,
    pub(crate) conflicts: AtomicU64,
    pub(crate) poisoned: AtomicBool,
    /// Whether there was too little room when it was last looked.
    pub(crate) full: AtomicBool,
    groups: AtomicU64,
    group_sizes: Classes,
    group_micros: Classes,
    /// Transactions that the committing thread has taken from the queue and not answered.
    taken: AtomicU64,
    /// When the group under way was begun, in nanoseconds after `origin`; zero if there is none.
    begun: AtomicU64,
    origin: Instant,
}

#[derive(Debug)]
struct Classes {
    bounds: &'static [u64; CLASSES],
    counts: [AtomicU64; CLASSES],
    sum: AtomicU64,
}

const SIZES: [u64; CLASSES] = [1, 2, 4, 8, 16, 32, 64, 128, 256, u64::MAX];
const MICROS: [u64; CLASSES] = [100, 250, 500, 1_000, 2_500, 10_000, 50_000, 250_000, 1_000_000, u64::MAX];

impl Counts {
    pub(crate) fn new() -> Counts {
        Counts {
            commits: AtomicU64::default(),
            conflicts: AtomicU64::default(),
            poisoned: AtomicBool::default(),
            full: AtomicBool::default(),
            groups: AtomicU64::default(),
            group_sizes: Classes::new(&SIZES),
            group_micros: Classes::new(&MICROS),
            taken: AtomicU64::default(),
            begun: AtomicU64::default(),
            origin: Instant::now(),
        }
    }

    /// Notes how many transactions the committing thread has before it.
    pub(crate) fn take(&self, transactions: usize) {
        self.taken.store(transactions as u64, Relaxed);
    }

    /// Notes that a group is about to be made durable.
    pub(crate) fn begin_group(&self) -> Instant {
        let now = Instant::now();
        self.begun.store(nanos(now.duration_since(self.origin)).max(1), Relaxed);
        now
    }

    /// Notes that the group begun last is durable, or failed.
    pub(crate) fn end_group(&self, begun: Instant, transactions: usize, durable: bool) {
        self.begun.store(0, Relaxed);
        if durable {
            self.groups.fetch_add(1, Relaxed);
            self.commits.fetch_add(transactions as u64, Relaxed);
            self.group_sizes.add(transactions as u64);
            self.group_micros.add(nanos(begun.elapsed()) / 1000);
        } else {
            self.poisoned.store(true, Relaxed);
        }
    }

    /// All of it, with `queued` transactions that the committing thread has not yet taken.
    pub(crate) fn stats(&self, queued: usize) -> Stats {
        let begun = Some(self.begun.load(Relaxed)).filter(|begun| *begun > 0).map(Duration::from_nanos);
        Stats {
            commits: self.commits.load(Relaxed),
            conflicts: self.conflicts.load(Relaxed),
            groups: self.groups.load(Relaxed),
            group_sizes: self.group_sizes.read(),
            group_micros: self.group_micros.read(),
            group_age: begun.map_or(Duration::ZERO, |begun| self.origin.elapsed().saturating_sub(begun)),
            waiting: queued as u64 + self.taken.load(Relaxed),
            poisoned: self.poisoned.load(Relaxed),
            ..Stats::default()
        }
    }
}

impl Classes {
    fn new(bounds: &'static [u64; CLASSES]) -> Classes {
        Classes { bounds, counts: array::from_fn(|_| AtomicU64::default()), sum: AtomicU64::default() }
    }

    fn add(&self, figure: u64) {
        let class = self.bounds.partition_point(|bound| *bound < figure);
        if let Some(count) = self.counts.get(class) {
            count.fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(figure, Relaxed);
    }

    fn read(&self) -> Distribution {
        let mut classes = [(0, 0); CLASSES];
        for ((class, bound), count) in classes.iter_mut().zip(self.bounds).zip(&self.counts) {
            *class = (*bound, count.load(Relaxed));
        }
        Distribution { classes, sum: self.sum.load(Relaxed) }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_counts_in_the_first_class_that_reaches_it() {
        let classes = Classes::new(&SIZES);
        for figure in [1, 2, 3, 4, 256, 257, 1000] {
            classes.add(figure);
        }
        let read = classes.read();
        assert_eq!(read.classes.map(|(_, count)| count), [1, 1, 2, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(read.sum, 1523);
    }

    #[test]
    fn a_group_under_way_has_an_age_and_a_failed_one_poisons() {
        let counts = Counts::new();
        assert_eq!(counts.stats(0).group_age, Duration::ZERO);
        counts.take(3);
        let begun = counts.begin_group();
        std::thread::sleep(Duration::from_millis(2));
        let stats = counts.stats(4);
        assert!(stats.group_age >= Duration::from_millis(2), "{stats:?}");
        assert_eq!((stats.waiting, stats.groups), (7, 0));
        counts.end_group(begun, 3, true);
        counts.take(0);
        let stats = counts.stats(0);
        assert_eq!((stats.group_age, stats.waiting), (Duration::ZERO, 0));
        assert_eq!((stats.groups, stats.commits, stats.group_sizes.sum), (1, 3, 3));
        assert!(stats.group_micros.sum >= 2000 && !stats.poisoned);
        counts.end_group(counts.begin_group(), 5, false);
        let stats = counts.stats(0);
        assert_eq!((stats.groups, stats.commits, stats.poisoned), (1, 3, true));
    }
}
