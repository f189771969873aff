//! The memory that requests hold together, and that those of one address do.

use crate::origin::Origin;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that may be held at once.
#[derive(Debug)]
pub(super) struct Budget {
    max: usize,
    /// How much of it one address may have.
    share: usize,
    held: Mutex<Held>,
    /// Whether somebody was refused since this was last asked, though not for the share of an address.
    wanted: AtomicBool,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    of: HashMap<Origin, usize>,
}

impl Budget {
    pub(super) fn new(max: usize, share: usize) -> Arc<Self> {
        Arc::new(Self { max, share, held: Mutex::default(), wanted: AtomicBool::new(false) })
    }

    /// For one holder, of whom the first `free` bytes are not counted. Without an origin it has no share, but the whole.
    pub(super) fn lease(self: &Arc<Self>, origin: Option<Origin>, free: usize) -> Lease {
        Lease { budget: Arc::clone(self), origin, free, arrived: 0, bytes: 0 }
    }

    /// Whether there was too little for all since this was last asked.
    pub(super) fn was_wanted(&self) -> bool {
        self.wanted.swap(false, Ordering::Relaxed)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn take(&mut self, origin: Option<Origin>, bytes: usize) {
        self.all += bytes;
        if let Some(origin) = origin {
            *self.of.entry(origin).or_default() += bytes;
        }
    }

    fn give_back(&mut self, origin: Option<Origin>, bytes: usize) {
        self.all -= bytes;
        if let Some(origin) = origin
            && let Some(share) = self.of.get_mut(&origin)
        {
            *share -= bytes;
            if *share == 0 {
                self.of.remove(&origin);
            }
        }
    }
}

/// The part of one holder, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    budget: Arc<Budget>,
    origin: Option<Origin>,
    free: usize,
    arrived: usize,
    bytes: usize,
}

impl Lease {
    /// Counts bytes that arrived, unless the budget or the share of the address would be exceeded.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let before = self.arrived.max(self.free);
        self.arrived = self.arrived.saturating_add(bytes);
        let more = self.arrived.saturating_sub(before);
        if more == 0 {
            return true;
        }
        let mut held = self.budget.held();
        let share = self.origin.and_then(|origin| held.of.get(&origin)).copied().unwrap_or_default();
        if self.origin.is_some() && share.saturating_add(more) > self.budget.share {
            return false;
        }
        if held.all.saturating_add(more) > self.budget.max {
            self.budget.wanted.store(true, Ordering::Relaxed);
            return false;
        }
        held.take(self.origin, more);
        self.bytes += more;
        true
    }

    /// Takes more, even beyond the budget: for what exists already, so that others are refused.
    pub(super) fn insist(&mut self, bytes: usize) {
        self.budget.held().take(self.origin, bytes);
        self.bytes += bytes;
    }

    /// Gives back all of it.
    pub(super) fn clear(&mut self) {
        self.arrived = 0;
        if self.bytes > 0 {
            self.budget.held().give_back(self.origin, std::mem::take(&mut self.bytes));
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(ip: &str) -> Option<Origin> {
        Some(Origin::of(ip.parse().unwrap()))
    }

    #[test]
    fn what_is_taken_is_given_back() {
        let budget = Budget::new(100, 100);
        let (mut one, mut two) = (budget.lease(None, 0), budget.lease(None, 0));
        assert!(one.grow(60) && !two.grow(41) && two.grow(40) && !one.grow(1));
        two.insist(50);
        assert_eq!(budget.held().all, 150);
        drop(two);
        one.clear();
        assert!(one.grow(100) && !one.grow(1));
        one.clear();
        assert_eq!(budget.held().all, 0);
        assert!(budget.lease(None, 0).grow(100) && !budget.lease(None, 0).grow(101));
        assert!(!budget.lease(None, 0).grow(usize::MAX));
    }

    #[test]
    fn one_address_has_its_share() {
        let budget = Budget::new(100, 40);
        let [mut one, mut same, mut other, mut proxy] =
            [origin("192.0.2.1"), origin("::ffff:192.0.2.1"), origin("192.0.2.2"), None]
                .map(|origin| budget.lease(origin, 0));
        assert!(one.grow(40) && !same.grow(1) && !budget.was_wanted());
        assert!(other.grow(40) && proxy.grow(20) && !proxy.grow(1));
        assert!(budget.was_wanted() && !budget.was_wanted());
        drop(proxy);
        one.insist(5);
        one.clear();
        assert!(same.grow(40));
        drop((one, same, other));
        assert!(budget.held().of.is_empty());
    }

    #[test]
    fn little_is_free_whatever_others_hold() {
        let budget = Budget::new(100, 100);
        let mut full = budget.lease(None, 0);
        assert!(full.grow(100));
        let mut little = budget.lease(None, 10);
        assert!(little.grow(4) && little.grow(6) && !little.grow(1));
        drop(full);
        let mut large = budget.lease(None, 10);
        assert!(large.grow(110) && budget.held().all == 100);
        large.clear();
        assert!(large.grow(10) && budget.held().all == 0);
    }
}
