//! Which attempts run, so that no worker, account or target has too many, and what they came to.

use platform::{Attempt, Task, Worker};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The attempts of a process.
#[derive(Default)]
pub(crate) struct Running {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    slots: Vec<Held>,
    next: u64,
    begun: Vec<(&'static Worker, Task)>,
    ended: VecDeque<Ended>,
}

/// An attempt that came to its end.
pub(crate) struct Ended {
    pub(crate) worker: &'static Worker,
    /// As it was when the attempt began.
    pub(crate) task: Task,
    pub(crate) attempt: Attempt,
}

struct Held {
    number: u64,
    worker: &'static Worker,
    account: String,
    target: String,
    name: String,
}

/// A place among the attempts that run. It is free again when the code of the attempt has ended, whatever was said of it before.
pub(crate) struct Slot {
    running: Arc<Running>,
    number: u64,
}

impl Running {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for an attempt at a task; none while there is none, or an earlier attempt at it still runs.
    pub(crate) fn enter(self: &Arc<Self>, worker: &'static Worker, task: &Task) -> Option<Slot> {
        let mut state = self.state();
        let target = task.target.as_ref().unwrap_or(&task.subject);
        let (mut all, mut of_account, mut of_target) = (0, 0, 0);
        let name = task.name();
        for held in state.slots.iter().filter(|held| held.worker == worker) {
            if held.name == name {
                return None;
            }
            all += 1;
            of_account += usize::from(held.account == task.account);
            of_target += usize::from(held.target == *target);
        }
        if all >= worker.running_max
            || of_account >= worker.of_account_max
            || of_target >= worker.of_target_max
        {
            return None;
        }
        let number = state.next;
        state.next += 1;
        let (account, target) = (task.account.clone(), target.clone());
        state.slots.push(Held { number, worker, account, target, name });
        Some(Slot { running: Arc::clone(self), number })
    }

    /// Whether an attempt at a task runs.
    pub(crate) fn has(&self, task: &Task) -> bool {
        let state = self.state();
        let is_its = |held: &Held| held.worker.service == task.service && held.worker.kind == task.timer.task;
        task.outside && state.slots.iter().any(|held| is_its(held) && held.name == task.name())
    }

    /// How many attempts of a worker run.
    pub(crate) fn count(&self, worker: &Worker) -> usize {
        self.state().slots.iter().filter(|held| held.worker == worker).count()
    }

    /// Notes that an attempt has begun.
    pub(crate) fn begun(&self, worker: &'static Worker, task: &Task) {
        self.state().begun.push((worker, task.clone()));
    }

    /// Notes that an attempt has ended.
    pub(crate) fn ended(&self, ended: Ended, wake: &Notify) {
        self.state().ended.push_back(ended);
        wake.notify_one();
    }

    /// Takes one of those that have ended.
    pub(crate) fn take_ended(&self) -> Option<Ended> {
        let mut state = self.state();
        let ended = state.ended.pop_front()?;
        state.begun.retain(|(_, task)| !is_same(task, &ended.task));
        Some(ended)
    }

    /// Takes those that have begun and not ended.
    pub(crate) fn take_begun(&self) -> Vec<(&'static Worker, Task)> {
        std::mem::take(&mut self.state().begun)
    }
}

fn is_same(one: &Task, other: &Task) -> bool {
    one.timer == other.timer && one.id == other.id && one.attempts == other.attempts
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.running.state().slots.retain(|held| held.number != self.number);
    }
}
