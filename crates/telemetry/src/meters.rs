//! Counts of what is not a call.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Connections of callers.
#[derive(Debug, Default)]
pub struct Connections {
    accepted: AtomicU64,
    ended: AtomicU64,
}

/// A connection, open until this is dropped.
#[derive(Debug)]
pub struct Connection<'a>(&'a Connections);

impl Connections {
    /// Notes a connection that was accepted.
    pub fn accept(&self) -> Connection<'_> {
        self.accepted.fetch_add(1, Relaxed);
        Connection(self)
    }

    /// Connections accepted, and those of them that are open.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let ended = self.ended.load(Relaxed);
        let accepted = self.accepted.load(Relaxed);
        (accepted, accepted.saturating_sub(ended))
    }
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Relaxed);
    }
}

/// Durable timers: things that services have to do at a certain time.
#[derive(Debug, Default)]
pub struct Timers {
    run: AtomicU64,
    failed: AtomicU64,
    due: AtomicU64,
    held: AtomicU64,
    late_ms: AtomicU64,
}

impl Timers {
    /// Notes what a look for due timers found: how many (up to the most that one look takes), and how long the first has been due,
    /// and how many others are due and held back.
    pub fn found(&self, due: usize, late: Duration, held: usize) {
        self.due.store(due as u64, Relaxed);
        self.held.store(held as u64, Relaxed);
        self.late_ms.store(u64::try_from(late.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Notes that a timer was run, or could not be.
    pub fn ran(&self, failed: bool) {
        if failed { &self.failed } else { &self.run }.fetch_add(1, Relaxed);
        if !failed {
            let _none_left = self.due.fetch_update(Relaxed, Relaxed, |due| due.checked_sub(1));
        }
    }

    /// Timers that are due by the clock, and held back because it is not believed.
    pub(crate) fn held(&self) -> u64 {
        self.held.load(Relaxed)
    }

    /// Timers run, failures, timers due and not run, and how late the first of them was when last looked at.
    pub(crate) fn counts(&self) -> (u64, u64, u64, Duration) {
        let due = self.due.load(Relaxed);
        let late = Duration::from_millis(if due == 0 { 0 } else { self.late_ms.load(Relaxed) });
        (self.run.load(Relaxed), self.failed.load(Relaxed), due, late)
    }
}
