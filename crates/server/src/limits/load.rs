//! How many calls are served at once.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls in flight unless the operator chose another number. At the 25,000 calls a second that two cores serve, the last of them waits
/// some 40 ms; and a disk that takes 100 ms for a synchronization still serves 2,500 a second.
const CALLS_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1023);

/// Counts calls in flight up to a limit.
#[derive(Debug)]
pub(super) struct Load {
    calls: AtomicUsize,
    calls_max: NonZeroUsize,
}

/// A place among the calls in flight, left when dropped.
#[derive(Debug)]
pub(crate) struct Place<'l>(&'l Load);

impl Load {
    pub(super) fn new(calls_max: Option<NonZeroUsize>) -> Self {
        Self { calls: AtomicUsize::new(0), calls_max: calls_max.unwrap_or(CALLS_MAX) }
    }

    /// A place, if there is one.
    pub(super) fn enter(&self) -> Option<Place<'_>> {
        let place = Place(self);
        // Whoever finds no place leaves at once, by the drop.
        (self.calls.fetch_add(1, Ordering::Relaxed) < self.calls_max.get()).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_and_come_back() {
        let load = Load::new(NonZeroUsize::new(2));
        let first = load.enter().unwrap();
        let second = load.enter().unwrap();
        for _ in 0..10 {
            assert!(load.enter().is_none());
        }
        drop(first);
        let third = load.enter().unwrap();
        assert!(load.enter().is_none());
        drop((second, third));
        assert_eq!(load.calls.load(Ordering::Relaxed), 0);
    }
}
