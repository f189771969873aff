//! Work after the commit: what a service has to do later, or outside of the store, whatever happens to the process until then.
//!
//! A task is a row. A call enqueues it in its own transaction, so that it is there exactly if the call took effect. The server does it when it is due.
//!
//! *Inside* is what touches nothing but the store: a [`Timer`]. [`Service::due`](crate::Service::due) does it in the transaction that removes
//! the task, so it happens exactly once. One that fails is tried again later, and holds nobody up.
//!
//! *Outside* is what reaches databases, functions, devices, the network: at least once.
//!
//! ```text
//! const ROTATE: Worker = Worker { lease: Duration::from_secs(60), attempts_max: 5, ..Worker::new("secretsmanager", "rotate") };
//! // Listed by Service::workers. In a call, or in another task:
//! ROTATE.task(cx, account, region, secret_arn).in_lane(secret_arn).with(json!({ "step": "create" })).enqueue(&mut cx.tx)?;
//!
//! // 1. A transaction that reads what the job needs. It is committed before the job runs. None: there is nothing to do any more.
//! fn begin(&self, cx: &mut Cx<'_>, task: &Task) -> Result<Option<Job>, Fault> {
//!     let (databases, target) = (Arc::clone(&self.databases), read(cx, task)?);
//!     Ok(Some(Job::blocking(move || databases.set_password(&target).map(|()| Value::Null).map_err(|e| Failure::new("Refused", e)))))
//! }
//! // 2. The job runs on a thread, without a transaction. It must end by itself within the lease: give sockets a time limit.
//! // 3. A transaction with what came of it. Step goes on with the same task, at once and at the head of its lane.
//! fn settle(&self, cx: &mut Cx<'_>, task: &Task, outcome: &Outcome) -> Result<Next, Fault> {
//!     match outcome {
//!         Outcome::Done(value) => { write(cx, value)?; Ok(Next::Step { payload: json!({ "step": "set" }), at: cx.now().0 }) } // or Next::Done
//!         Outcome::Failed(failure) => Ok(Next::Again),                    // by the worker's schedule
//!         Outcome::Over(failure) => { tell(cx, failure)?; Ok(Next::Done) } // the last attempt failed; Next::Again makes a dead letter
//!     }
//! }
//! ```
//!
//! Both transactions may be run again after a conflict; jobs that were not started are dropped. A process that ends during a job is a lease that
//! runs out: the task begins again at its step, so each job must bear being done twice. Tasks of one lane run one at a time, in the order in which they were enqueued, whatever
//! their times: a task that is to run much later belongs into no lane, so a schedule is a [`Timer`] that enqueues one. Nothing else has an order.
//! A payload is stored like any row, sealed; an outcome's value is not stored.

mod dead;
mod rows;

pub use dead::{DEAD_AGE_MAX_MS, DEAD_MAX, DeadLetter};
pub use rows::{Due, Waiting};

use crate::{Cx, Fault, Timer, ids};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Deref;
use std::pin::Pin;
use std::time::Duration;

/// The most that a payload takes, in bytes of JSON.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// So many attempts in a row without an outcome (the process ended, or the code panicked) make a dead letter.
pub const SILENT_MAX: u32 = 3;

/// The most that is kept of what went wrong, in bytes.
const MESSAGE_BYTES_MAX: usize = 1024;

/// Something to do, and how it has gone so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The thing to do, and when it was first due.
    #[serde(flatten)]
    pub timer: Timer,
    /// The id, unique among tasks of the same kind and subject; empty for timers, which are told apart by their times.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Whether it reaches outside of the store.
    #[serde(default, skip_serializing_if = "is_false")]
    pub outside: bool,
    /// Tasks of one lane are done one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<String>,
    /// The target, such as a host: so many attempts at one run at the same time, and no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The details.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub payload: Value,
    /// When it is due now, in milliseconds since the epoch, if that is not when it was first due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<i64>,
    /// Attempts so far. While one runs, it is counted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// The last attempts that had no outcome, one that runs included.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub silent: u32,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Trace>,
}

/// What is kept of an attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// When, in milliseconds since the epoch.
    pub at: i64,
    /// The error's code.
    pub code: String,
    /// The error's text.
    pub message: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// The facts of one kind of work outside of the store: who does it, how long an attempt may take, and when it is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worker {
    /// The service, by its model's name.
    pub service: &'static str,
    /// The kind of its tasks, such as `rotate`.
    pub kind: &'static str,
    /// How long an attempt may take; after that the task may begin again.
    pub lease: Duration,
    /// When it is tried again.
    pub schedule: Schedule,
    /// How many attempts run at the same time.
    pub running_max: usize,
    /// How many of them for one account.
    pub of_account_max: usize,
    /// How many of them for one target.
    pub of_target_max: usize,
}

/// When something that failed is tried again: after a first time, each further time twice as long, up to a longest, each somewhat shortened by
/// chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// How many attempts there are.
    pub attempts_max: u32,
    /// How long after it was first due one may begin.
    pub age_max: Duration,
}

/// The schedule of what is inside: somebody relies on it, so it never ends.
pub const INSIDE: Schedule = Schedule {
    first: Duration::from_secs(5),
    longest: Duration::from_secs(15 * 60),
    attempts_max: u32::MAX,
    age_max: Duration::MAX,
};

impl Schedule {
    /// The wait after so many attempts, in milliseconds. `chance` shortens it, by half at the most.
    pub fn wait(&self, attempts: u32, chance: u64) -> i64 {
        let doubled = 1_u128.checked_shl(attempts.saturating_sub(1).min(64)).unwrap_or(u128::MAX);
        let whole = self.first.as_millis().saturating_mul(doubled).min(self.longest.as_millis());
        let half = whole / 2;
        let wait = whole - if half == 0 { 0 } else { u128::from(chance) % (half + 1) };
        i64::try_from(wait).unwrap_or(i64::MAX)
    }

    /// Whether there is no further attempt at a task, `now`.
    pub fn is_over(&self, task: &Task, now: i64) -> bool {
        let age = u128::try_from(now.saturating_sub(task.at)).unwrap_or(0);
        task.attempts >= self.attempts_max || age > self.age_max.as_millis()
    }
}

impl Worker {
    /// A worker with a lease of a minute, that tries for a day, and has 32 attempts run at the same time, five of them at one target.
    pub const fn new(service: &'static str, kind: &'static str) -> Self {
        Self {
            service,
            kind,
            lease: Duration::from_secs(60),
            schedule: Schedule {
                first: Duration::from_secs(1),
                longest: Duration::from_secs(5 * 60),
                attempts_max: 185,
                age_max: Duration::from_secs(24 * 3600),
            },
            running_max: 32,
            of_account_max: 16,
            of_target_max: 5,
        }
    }

    /// A task of this kind that is due now.
    pub fn task(&self, cx: &Cx<'_>, account: &str, region: &str, subject: &str) -> Task {
        let timer = Timer {
            at: cx.now().0,
            service: self.service.to_owned(),
            account: account.to_owned(),
            region: region.to_owned(),
            task: self.kind.to_owned(),
            subject: subject.to_owned(),
        };
        Task { id: ids::uuid(cx.random()), outside: true, ..Task::from(timer) }
    }
}

impl From<Timer> for Task {
    fn from(timer: Timer) -> Self {
        Self {
            timer,
            id: String::new(),
            outside: false,
            lane: None,
            target: None,
            payload: Value::Null,
            moved: None,
            attempts: 0,
            silent: 0,
            last: None,
        }
    }
}

impl Deref for Task {
    type Target = Timer;

    fn deref(&self) -> &Timer {
        &self.timer
    }
}

impl Task {
    /// Gives it details.
    #[must_use]
    pub fn with(self, payload: Value) -> Self {
        Self { payload, ..self }
    }

    /// Gives it an id of the service's own: enqueuing the same one twice is enqueuing it once.
    #[must_use]
    pub fn named(self, id: &str) -> Self {
        Self { id: id.to_owned(), ..self }
    }

    /// Has it done after those that are in the lane before it.
    #[must_use]
    pub fn in_lane(self, lane: &str) -> Self {
        Self { lane: Some(lane.to_owned()), ..self }
    }

    /// Names what it reaches, such as a host; if it is not told, every subject is a target of its own.
    #[must_use]
    pub fn aimed_at(self, target: &str) -> Self {
        Self { target: Some(target.to_owned()), ..self }
    }

    /// Has it done at another time, in milliseconds since the epoch.
    #[must_use]
    pub fn due_at(mut self, at: i64) -> Self {
        self.timer.at = at;
        self
    }

    /// When it is due now, in milliseconds since the epoch.
    pub fn due(&self) -> i64 {
        self.moved.unwrap_or(self.at)
    }

    /// The name by which operators call it.
    pub fn name(&self) -> String {
        if self.id.is_empty() {
            let mut hash = DefaultHasher::new();
            self.identity(&self.key_id()).hash(&mut hash);
            return format!("{:016x}", hash.finish());
        }
        self.id.clone()
    }

    /// Notes what went wrong.
    #[must_use]
    pub fn failed(self, failure: &Failure, at: i64) -> Self {
        let mut message = failure.message.clone();
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        Self { last: Some(Trace { at, code: failure.code.clone(), message }), ..self }
    }
}

/// The part of a task that reaches outside. It must end by itself within the lease, whatever the other side does.
#[expect(missing_debug_implementations, reason = "a piece of code")]
pub enum Job {
    /// Runs on a thread that may block.
    Blocking(Box<dyn FnOnce() -> Attempt + Send>),
    /// Runs beside others. It is dropped when the lease runs out.
    Async(Pin<Box<dyn Future<Output = Attempt> + Send>>),
}

/// What an attempt came to: a value for [`Service::settle`](crate::Service::settle), which is stored nowhere else, or why it failed.
pub type Attempt = Result<Value, Failure>;

impl Job {
    /// A job that may block its thread.
    pub fn blocking(work: impl FnOnce() -> Attempt + Send + 'static) -> Self {
        Self::Blocking(Box::new(work))
    }

    /// A job that does not.
    pub fn asynchronous(work: impl Future<Output = Attempt> + Send + 'static) -> Self {
        Self::Async(Box::pin(work))
    }
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A code, such as `ConnectionRefused`.
    pub code: String,
    /// Words for people; no secrets, as operators read them.
    pub message: String,
    /// Whether no further attempt can succeed.
    pub permanent: bool,
    /// The target asked not to be tried again before that.
    pub after: Option<Duration>,
}

impl Failure {
    /// The code of an attempt whose process ended before it did.
    pub const LOST: &str = "NoOutcome";
    /// The code of an attempt whose code panicked.
    pub const PANICKED: &str = "Panicked";
    /// The code of an attempt that did not end within its lease.
    pub const TIMED_OUT: &str = "TimedOut";
    /// The code of a task that an operator put an end to.
    pub const DISCARDED: &str = "Discarded";

    /// One that may not happen again.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), permanent: false, after: None }
    }

    /// One that would happen again and again.
    #[must_use]
    pub fn permanent(self) -> Self {
        Self { permanent: true, ..self }
    }

    /// Whether it says nothing of the target, but that the attempt went wrong in itself.
    pub fn is_silent(&self) -> bool {
        [Self::LOST, Self::PANICKED].contains(&self.code.as_str())
    }
}

impl From<&Fault> for Failure {
    fn from(fault: &Fault) -> Self {
        let (code, message) = fault.recorded();
        let context = fault.for_operator();
        Self::new(code, if context.is_empty() { message } else { &context })
    }
}

/// What came of a task's attempt, for the transaction that settles it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeded.
    Done(Value),
    /// It failed, and may be tried again.
    Failed(Failure),
    /// It failed, and is not tried again, whatever is answered but [`Next::Step`].
    Over(Failure),
}

/// What becomes of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is over.
    Done,
    /// It is tried again, as the worker's schedule says; if that is over, it becomes a dead letter.
    Again,
    /// It goes on, with other details, as one that was not tried yet.
    Step {
        /// The details.
        payload: Value,
        /// When it is due, in milliseconds since the epoch.
        at: i64,
    },
    /// It is not tried again, and kept for operators.
    Dead,
}

/// Runs jobs. The server has threads for them; the simulation decides what becomes of each.
pub trait Outside: Send + Sync {
    /// Begins a job and returns. `done` is told of its end; nobody minds if that is never.
    fn start(&self, lease: Duration, job: Job, done: Box<dyn FnOnce(Attempt) + Send>);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_are_shortened_by_half_at_the_most() {
        let schedule =
            Schedule { first: Duration::from_secs(1), longest: Duration::from_secs(300), ..INSIDE };
        for (attempts, whole) in
            [(0, 1000), (1, 1000), (2, 2000), (9, 256_000), (10, 300_000), (u32::MAX, 300_000)]
        {
            assert_eq!(schedule.wait(attempts, 0), whole);
            for chance in [1, 499, 500, 12_345_678_901, u64::MAX] {
                let wait = schedule.wait(attempts, chance);
                assert!((whole / 2..=whole).contains(&wait), "{attempts} {chance}: {wait}");
            }
        }
        assert_eq!(Schedule { first: Duration::ZERO, ..schedule }.wait(3, 7), 0);
    }

    #[test]
    fn rows_of_timers_from_before_there_were_tasks_are_read_and_written_alike() {
        let row = r#"{"at":7,"service":"kms","account":"1","region":"r","task":"delete-key","subject":"k"}"#;
        let task: Task = serde_json::from_str(row).unwrap();
        assert_eq!(task, Task::from(task.timer.clone()));
        assert_eq!((task.due(), task.attempts, task.outside), (7, 0, false));
        assert_eq!(serde_json::to_string(&task).unwrap(), row);
    }
}
