//! Counts that threads keep apart, so that counting costs a few nanoseconds however many threads count the same thing.
//!
//! Each thread has a place of its own, so that nobody else writes there and a plain load and store do for an addition. A thread that ends
//! leaves its place, with what it counted, to the next one that begins.

use std::array;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Most threads with places of their own. Further ones share the last place and add in the dearer way.
const PLACES: usize = 256;

/// Tables of counts, one for each thread, made when it first counts.
#[derive(Debug)]
pub(crate) struct Shards {
    rows: usize,
    shards: [OnceLock<Shard>; PLACES],
}

/// Rows of counts, of which those are made that something is counted in.
type Shard = Box<[OnceLock<Box<Row>>]>;

/// The counts of one thing: eleven cache lines, shared with no other.
#[derive(Debug)]
#[repr(align(64))]
struct Row([AtomicU64; WIDTH]);

/// Counts in a row.
pub(crate) const WIDTH: usize = 88;

impl Shards {
    pub(crate) fn new(rows: usize) -> Self {
        Self { rows, shards: array::from_fn(|_| OnceLock::new()) }
    }

    /// Adds to counts of a row.
    pub(crate) fn add<const N: usize>(&self, row: usize, additions: [(usize, u64); N]) {
        let place = PLACE.try_with(|place| place.0).unwrap_or(PLACES);
        let Some(shard) = self.shards.get(place.min(PLACES - 1)) else { return };
        let shard = shard.get_or_init(|| (0..self.rows).map(|_| OnceLock::new()).collect());
        let Some(row) = shard.get(row) else { return };
        let row = row.get_or_init(|| Box::new(Row(array::from_fn(|_| AtomicU64::new(0)))));
        for (column, by) in additions {
            let Some(count) = row.0.get(column) else { continue };
            if place < PLACES - 1 {
                count.store(count.load(Relaxed).wrapping_add(by), Relaxed);
            } else {
                count.fetch_add(by, Relaxed);
            }
        }
    }

    /// A row's counts over all threads.
    pub(crate) fn sum(&self, row: usize) -> [u64; WIDTH] {
        let mut sums = [0_u64; WIDTH];
        let rows = self.shards.iter().filter_map(|shard| shard.get()?.get(row)?.get());
        for row in rows {
            sums.iter_mut().zip(&row.0).for_each(|(sum, count)| *sum = sum.wrapping_add(count.load(Relaxed)));
        }
        sums
    }
}

/// A thread's place, in all tables; given back when the thread ends.
struct Place(usize);

thread_local! {
    static PLACE: Place = Place::take();
}

static NEXT: AtomicUsize = AtomicUsize::new(0);
static LEFT: Mutex<Vec<usize>> = Mutex::new(Vec::new());

impl Place {
    fn take() -> Self {
        let left = LEFT.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self(left.unwrap_or_else(|| NEXT.fetch_add(1, Relaxed)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The lock also makes the thread that comes next see what this one counted.
        LEFT.lock().unwrap_or_else(PoisonError::into_inner).push(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_between_threads() {
        let shards = Shards::new(3);
        // More threads at a time than have places, several times over, so that places are shared and left.
        for _ in 0..3 {
            std::thread::scope(|scope| {
                for _ in 0..PLACES + 40 {
                    scope.spawn(|| (0..100).for_each(|_| shards.add(2, [(0, 1), (WIDTH - 1, 5)])));
                }
            });
        }
        let calls = 3 * (PLACES as u64 + 40) * 100;
        let sums = shards.sum(2);
        assert_eq!((sums[0], sums[1], sums[WIDTH - 1]), (calls, 0, 5 * calls));
        assert_eq!(shards.sum(1), [0; WIDTH]);
        shards.add(3, [(0, 1)]);
        shards.add(0, [(WIDTH, 1)]);
        assert_eq!(shards.sum(3), [0; WIDTH]);
    }
}
