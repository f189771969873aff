//! Tasks that are not tried again, kept with why for operators: the newest, for so long.

use super::rows::time_text;
use super::{Failure, Task};
use crate::{Fault, Table, Tx};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many are kept in all; older ones make room.
pub const DEAD_MAX: usize = 1000;

/// How long one is kept, in milliseconds: as long as Amazon SQS keeps a message at the most.
pub const DEAD_AGE_MAX_MS: i64 = 14 * 24 * 3600 * 1000;

/// By time, account and name, so that the oldest are at the head.
const DEAD: Table<DeadLetter> = Table::new("platform/dead-tasks");

/// A task that is not tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// When it came here, in milliseconds since the epoch.
    pub at: i64,
    /// The name by which operators call it.
    pub name: String,
    /// The task, with what went wrong last.
    pub task: Task,
}

impl DeadLetter {
    /// Keeps a task that is ended.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is.
    pub fn bury(tx: &mut Tx<'_>, task: &Task, failure: &Failure, now: i64) -> Result<(), Fault> {
        let letter = Self { at: now, name: task.name(), task: task.clone().failed(failure, now) };
        DEAD.put(tx, &letter.path(&time_text(now)), &letter)
    }

    /// Those that are kept, oldest first, from a place on; with where to go on.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is.
    pub fn list(
        tx: &mut Tx<'_>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Arc<Self>)>, Fault> {
        DEAD.scan(tx, &[], after, limit)
    }

    /// Takes it away.
    pub fn discard(&self, tx: &mut Tx<'_>) {
        DEAD.delete(tx, &self.path(&time_text(self.at)));
    }

    /// Takes it away and has the task done anew.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is.
    pub fn retry(&self, tx: &mut Tx<'_>, now: i64) -> Result<(), Fault> {
        self.discard(tx);
        let task = Task { moved: None, attempts: 0, silent: 0, last: None, ..self.task.clone() };
        // A timer is known by its time. Others would be too old at once.
        if task.id.is_empty() { task } else { task.due_at(now) }.enqueue(tx)
    }

    fn path<'a>(&'a self, at: &'a str) -> [&'a str; 3] {
        [at, &self.task.account, &self.name]
    }
}
