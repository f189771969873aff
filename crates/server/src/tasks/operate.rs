//! Tasks as operators see them, and what they may do about those that failed.

use crate::deployment::Deployment;
use platform::task::{DeadLetter, Waiting};
use platform::{Failure, Fault, Task, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wire::Timestamp;

/// The most that are listed; there may be very many timers.
const LISTED_MAX: usize = 1000;

/// How many rows are read at once.
const READ_AT_ONCE: usize = 200;

/// A task as operators see it. Its details are its service's, and are not told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSeen {
    /// The name by which it is called.
    pub id: String,
    /// The state.
    pub state: TaskState,
    /// The service.
    pub service: String,
    /// The kind.
    pub task: String,
    /// The account that it concerns.
    pub account: String,
    /// The region that it concerns.
    pub region: String,
    /// The resource.
    pub subject: String,
    /// When it is due (RFC 3339); of a dead one, when it was given up.
    pub due: String,
    /// Attempts so far.
    pub attempts: u32,
    /// The code of what went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The states of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// It is not tried again.
    Dead,
    /// It failed, and is tried again when it is due.
    Failed,
    /// An attempt runs.
    Running,
    /// It has not been tried.
    Waiting,
    /// It waits for another of its lane.
    Behind,
}

/// Some of the tasks that there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskList {
    /// The tasks: those that are dead, then the others, by when they are due.
    pub tasks: Vec<TaskSeen>,
    /// Whether there are more.
    pub more: bool,
}

/// What came of an operator's word about a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heeded {
    /// It is done.
    Done,
    /// There is no such task.
    Unknown,
    /// It has not failed: it is done when it is due, and not before.
    NotFailed,
    /// An attempt at it runs.
    Running,
}

/// The place where a task was found.
enum Found {
    Dead(Box<DeadLetter>),
    Waiting(Box<Task>),
}

impl TaskSeen {
    fn new(task: &Task, state: TaskState, due: i64) -> Self {
        Self {
            id: task.name(),
            state,
            service: task.service.clone(),
            task: task.timer.task.clone(),
            account: task.account.clone(),
            region: task.region.clone(),
            subject: task.subject.clone(),
            due: Timestamp(due).rfc3339(),
            attempts: task.attempts,
            error: task.last.as_ref().map(|last| last.code.clone()),
            message: task.last.as_ref().map(|last| last.message.clone()),
        }
    }
}

impl Deployment {
    /// The tasks that wait, and those that failed with why. That it was asked is recorded.
    ///
    /// # Errors
    /// Unavailable.
    pub async fn list_tasks(&self, by: Value) -> Result<TaskList, Fault> {
        self.record_operator("ListTasks", by).await?;
        let mut tx = Tx::begin(&self.store, &self.env.keyring);
        let letters = DeadLetter::list(&mut tx, None, LISTED_MAX)?;
        let dead = letters.iter().map(|(_, letter)| TaskSeen {
            id: letter.name.clone(),
            ..TaskSeen::new(&letter.task, TaskState::Dead, letter.at)
        });
        let mut list = TaskList { tasks: dead.collect(), more: false };
        let mut others = Vec::new();
        for (read, behind) in [(Task::inside as Read, false), (Task::outside, false), (Task::in_lanes, true)]
        {
            let found = read(&mut tx, None, LISTED_MAX)?;
            list.more |= found.after.is_some();
            others
                .extend(found.tasks.into_iter().map(|task| (task.due(), self.state_of(&task, behind), task)));
        }
        others.sort_by_key(|(due, _, _)| *due);
        let room = LISTED_MAX.saturating_sub(list.tasks.len());
        list.more |= others.len() > room;
        list.tasks
            .extend(others.iter().take(room).map(|(due, state, task)| TaskSeen::new(task, *state, *due)));
        Ok(list)
    }

    fn state_of(&self, task: &Task, behind: bool) -> TaskState {
        if behind {
            TaskState::Behind
        } else if self.tasks.running.has(task) {
            TaskState::Running
        } else if task.attempts > 0 {
            TaskState::Failed
        } else {
            TaskState::Waiting
        }
    }

    /// Has a task that failed tried again now. It is recorded.
    ///
    /// # Errors
    /// Unavailable.
    pub async fn retry_task(&self, id: &str, by: &Value) -> Result<Heeded, Fault> {
        let found = match self.find_failed(id)? {
            Ok(found) => found,
            Err(heeded) => return Ok(heeded),
        };
        let now = self.clock.now().0;
        let done = self.operate("RetryTask", |cx| {
            let task = match &found {
                Found::Dead(letter) => {
                    letter.retry(&mut cx.tx, now)?;
                    &letter.task
                }
                Found::Waiting(task) => {
                    if task.is_unchanged(&mut cx.tx)? {
                        task.replace(&mut cx.tx, &Task { silent: 0, moved: Some(now), ..Task::clone(task) })?;
                    }
                    &**task
                }
            };
            Ok(((), told(by, task)))
        });
        done.await?;
        Ok(Heeded::Done)
    }

    /// Puts an end to a task that failed: it is not done. Its service is told, if it reaches outside. It is recorded.
    ///
    /// # Errors
    /// Unavailable.
    pub async fn discard_task(&self, id: &str, by: &Value) -> Result<Heeded, Fault> {
        let found = match self.find_failed(id)? {
            Ok(found) => found,
            Err(heeded) => return Ok(heeded),
        };
        let worker = |task: &Task| {
            let is_its = |worker: &&'static platform::Worker| {
                worker.service == task.service && worker.kind == task.timer.task
            };
            self.workers().find(is_its).filter(|_| task.outside)
        };
        self.operate("DiscardTask", |cx| {
            let task = match &found {
                Found::Dead(letter) => {
                    letter.discard(&mut cx.tx);
                    &letter.task
                }
                Found::Waiting(task) => {
                    if worker(task).is_none() && task.is_unchanged(&mut cx.tx)? {
                        task.finish(&mut cx.tx)?;
                    }
                    &**task
                }
            };
            Ok(((), told(by, task)))
        })
        .await?;
        if let Found::Waiting(task) = &found
            && let (Some(worker), Some(hosted)) = (worker(task), self.hosted(&task.service))
        {
            let failure = Failure::new(Failure::DISCARDED, "an operator discarded it").permanent();
            if let Some(fault) = self.settle(hosted, worker, task, Err(failure)).await? {
                return Err(fault);
            }
        }
        Ok(Heeded::Done)
    }

    /// Finds a task by its name, if something may be done about it.
    fn find_failed(&self, id: &str) -> Result<Result<Found, Heeded>, Fault> {
        let mut tx = Tx::begin(&self.store, &self.env.keyring);
        let mut after = None;
        loop {
            let letters = DeadLetter::list(&mut tx, after.as_deref(), READ_AT_ONCE)?;
            if let Some((_, letter)) = letters.iter().find(|(_, letter)| letter.name == id) {
                return Ok(Ok(Found::Dead(Box::new(DeadLetter::clone(letter)))));
            }
            match letters.last() {
                Some((name, _)) => after = Some(name.clone()),
                None => break,
            }
        }
        for read in [Task::inside as Read, Task::outside, Task::in_lanes] {
            let mut after = None;
            loop {
                // A new transaction, so that what is read is let go of.
                let mut tx = Tx::begin(&self.store, &self.env.keyring);
                let found = read(&mut tx, after.as_deref(), READ_AT_ONCE)?;
                if let Some(task) = found.tasks.into_iter().find(|task| task.name() == id) {
                    let running = self.tasks.running.has(&task);
                    let failed = task.attempts > 0;
                    return Ok(match (running, failed) {
                        (true, _) => Err(Heeded::Running),
                        (_, false) => Err(Heeded::NotFailed),
                        _ => Ok(Found::Waiting(Box::new(task))),
                    });
                }
                match found.after {
                    Some(name) => after = Some(name),
                    None => break,
                }
            }
        }
        Ok(Err(Heeded::Unknown))
    }
}

type Read = fn(&mut Tx<'_>, Option<&str>, usize) -> Result<Waiting, Fault>;

/// What the record of an operator's word about a task says.
fn told(by: &Value, task: &Task) -> Value {
    let mut details = json!({
        "taskId": task.name(),
        "service": task.service,
        "task": task.timer.task,
        "subject": task.subject,
        "attempts": task.attempts,
    });
    if let (Value::Object(details), Value::Object(by)) = (&mut details, by) {
        details.extend(by.clone());
    }
    details
}
