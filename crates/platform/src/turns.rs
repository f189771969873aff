//! Taking turns at work that keeps a processor busy for long.

use crate::{Cx, Env, Fault};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How many wait at the most: each holds a thread.
const WAITING_MAX: usize = 64;

/// Lets so many threads work at a time and the others wait in the order in which they came.
#[derive(Debug)]
pub struct Turns {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug)]
struct Waiting {
    free: usize,
    /// The number that the next to come gets.
    next: u64,
    queue: VecDeque<u64>,
}

/// A turn, which ends when this is dropped.
#[derive(Debug)]
pub struct Turn<'t>(&'t Turns);

impl Default for Turns {
    /// Half of the processors, and at least one: the rest is left to calls that take little.
    fn default() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, |processors| processors.get() / 2))
    }
}

impl Turns {
    /// Turns of so many at a time, and of one at least.
    pub fn new(at_a_time: usize) -> Self {
        let waiting = Waiting { free: at_a_time.max(1), next: 0, queue: VecDeque::new() };
        Self { waiting: Mutex::new(waiting), changed: Condvar::new() }
    }

    /// Waits for a turn; none if too many wait already. Nothing that holds a turn may ask for another.
    pub fn take(&self) -> Option<Turn<'_>> {
        let mut waiting = self.lock();
        if waiting.queue.len() >= WAITING_MAX {
            return None;
        }
        let number = waiting.next;
        waiting.next += 1;
        waiting.queue.push_back(number);
        while waiting.free == 0 || waiting.queue.front() != Some(&number) {
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.queue.pop_front();
        waiting.free -= 1;
        if waiting.free > 0 {
            self.changed.notify_all();
        }
        Some(Turn(self))
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.lock().queue.len()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().free += 1;
        self.0.changed.notify_all();
    }
}

impl Cx<'_> {
    /// Does work that takes milliseconds or waits for a device or the network. An operation calls it for just that part, not for all
    /// it does. The call goes on to its end from there, whoever waits for it: what was done may be seen outside.
    ///
    /// # Errors
    /// A bug, if the work was not done.
    pub fn aside<T>(&self, work: impl FnOnce() -> T) -> Result<T, Fault> {
        self.acted.set(true);
        self.env.aside(work)
    }

    /// Does work that keeps a processor busy for long, and no more than that. Few such pieces are done at a time, those that wait in
    /// the order in which they came: so an operation that does much of it does it piece by piece. None if too many wait already.
    ///
    /// # Errors
    /// The client has gone. A bug, if the work was not done.
    pub fn aside_in_turn<T>(&self, work: impl FnOnce() -> T) -> Result<Option<T>, Fault> {
        let stays = || self.acted.get() || !self.call_facts().client.is_gone();
        let done = self.env.aside_in_turn(|| stays().then(work))?;
        done.map(|done| done.ok_or_else(Fault::gone)).transpose()
    }

    /// Whether the call may have done something that is not in its transaction.
    pub fn has_acted(&self) -> bool {
        self.acted.get()
    }
}

impl Env {
    /// See [`Cx::aside`].
    pub(crate) fn aside<T>(&self, work: impl FnOnce() -> T) -> Result<T, Fault> {
        let (mut work, mut result) = (Some(work), None);
        (self.aside)(&mut || result = work.take().map(|work| work()));
        result.ok_or_else(|| Fault::bug("work set aside was not done"))
    }

    /// See [`Cx::aside_in_turn`]; of work that is done whoever waits for it.
    pub(crate) fn aside_in_turn<T>(&self, work: impl FnOnce() -> T) -> Result<Option<T>, Fault> {
        self.aside(|| {
            let _turn = self.turns.take()?;
            Some(work())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_more_work_at_a_time_than_there_are_turns() {
        let (turns, working, most) = (Turns::new(2), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let _turn = turns.take().unwrap();
                        most.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        working.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
    }

    #[test]
    fn turns_come_in_order() {
        let (turns, order) = (Turns::new(1), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            let first = turns.take().unwrap();
            for number in 0..4 {
                let (turns, order) = (&turns, &order);
                scope.spawn(move || {
                    let _turn = turns.take().unwrap();
                    order.lock().unwrap().push(number);
                });
                while turns.waiting() <= number {
                    std::thread::yield_now();
                }
            }
            drop(first);
        });
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3]);
    }

    #[test]
    fn beyond_a_number_nobody_waits() {
        let turns = Turns::new(1);
        std::thread::scope(|scope| {
            let first = turns.take().unwrap();
            for waiting in 1..=WAITING_MAX {
                scope.spawn(|| turns.take().map(drop));
                while turns.waiting() < waiting {
                    std::thread::yield_now();
                }
            }
            assert!(turns.take().is_none());
            drop(first);
        });
        assert!(turns.take().is_some());
    }
}
