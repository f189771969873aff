//! Where tasks lie: by when they are due, so that what is due is at the head, and what is tried again later is not.
//!
//! Tasks inside the store are in the table of timers, those outside in one that is ordered by worker: what waits for one worker is not in the way
//! of another. A task that is not where its first time says has a row that tells where it is.

use super::{PAYLOAD_BYTES_MAX, Task, Worker};
use crate::{Fault, Table, Tx};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wire::Timestamp;

/// How many rows are read at once.
const LOOKED_AT_MAX: usize = 100;

/// By time, service, account, region, kind and subject; by id as well, but for timers that are where their time says.
const INSIDE: Table<Task> = Table::new("platform/timers");

/// By service, kind, time, account, region, subject and id.
const OUTSIDE: Table<Task> = Table::new("platform/tasks");

/// The places of tasks, by service, account, region, kind, subject and id.
const PLACES: Table<Place> = Table::new("platform/task-places");

/// Those who wait in a lane behind its first, by service, account, region, lane and number.
const LANES: Table<Task> = Table::new("platform/lanes");

/// The number of the next to come into a lane that is not empty.
const LANE_ENDS: Table<u64> = Table::new("platform/lane-ends");

/// The place of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    /// Among those that are due at that time.
    Due(i64),
    /// In its lane, under that number, in the lane that it names.
    Lane(u64),
}

/// Tasks that are due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Those that may be done, earliest first.
    pub tasks: Vec<Task>,
    /// How many were passed over that may not.
    pub held: usize,
}

/// Some of the tasks that there are, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// The name of the last that was looked at; none if there are no more.
    pub after: Option<String>,
}

impl Task {
    /// Has it done once this transaction is committed and its time has come.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is. A bug, if the payload is too large.
    pub fn enqueue(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        // The payload alone can be long: the rest is names.
        if self.payload.to_string().len() > PAYLOAD_BYTES_MAX {
            return Err(Fault::bug(format!("the payload of a task of {} is too large", self.service)));
        }
        if PLACES.get(tx, &self.identity(&self.key_id()))?.is_some() {
            return Ok(());
        }
        let Some(lane) = &self.lane else { return self.put(tx) };
        let path = [self.service.as_str(), &self.account, &self.region, lane];
        let Some(number) = LANE_ENDS.get(tx, &path)?.map(|next| *next) else {
            LANE_ENDS.put(tx, &path, &0)?;
            return self.put(tx);
        };
        LANE_ENDS.put(tx, &path, &(number + 1))?;
        LANES.put(tx, &self.lane_path(lane, &lane_text(number)), self)?;
        PLACES.put(tx, &self.identity(&self.key_id()), &Place::Lane(number))
    }

    /// Takes it away, if it is there, wherever it waits. Gives it as it was.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is.
    pub fn cancel(&self, tx: &mut Tx<'_>) -> Result<Option<Arc<Task>>, Fault> {
        let found = self.find(tx)?;
        if let Some(task) = &found {
            task.finish(tx)?;
        }
        Ok(found)
    }

    /// The task as it is now; none if it is over. It is known by service, account, region, kind, subject, lane and id, a timer by its time.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is.
    pub fn find(&self, tx: &mut Tx<'_>) -> Result<Option<Arc<Task>>, Fault> {
        match PLACES.get(tx, &self.identity(&self.key_id()))?.as_deref() {
            Some(Place::Due(at)) => Task { moved: Some(*at), ..self.clone() }.at_its_place(tx),
            Some(Place::Lane(number)) => {
                let Some(lane) = &self.lane else { return Ok(None) };
                LANES.get(tx, &self.lane_path(lane, &lane_text(*number)))
            }
            None if self.id.is_empty() => Task { moved: None, ..self.clone() }.at_its_place(tx),
            None => Ok(None),
        }
    }

    /// Whether it is where it was, and was not tried since.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is.
    pub fn is_unchanged(&self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
        Ok(self.at_its_place(tx)?.is_some_and(|now| now.attempts == self.attempts))
    }

    /// Puts another state of it in its place.
    ///
    /// # Errors
    /// Unavailable, if the keyring is.
    pub fn replace(&self, tx: &mut Tx<'_>, by: &Task) -> Result<(), Fault> {
        self.delete(tx);
        by.put(tx)
    }

    /// Ends it; the next of its lane may begin.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is.
    pub fn finish(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let Some(lane) = &self.lane else {
            self.delete(tx);
            return Ok(());
        };
        if let Some(Place::Lane(number)) = PLACES.get(tx, &self.identity(&self.key_id()))?.as_deref() {
            LANES.delete(tx, &self.lane_path(lane, &lane_text(*number)));
            PLACES.delete(tx, &self.identity(&self.key_id()));
            return Ok(());
        }
        self.delete(tx);
        let path = [self.service.as_str(), &self.account, &self.region, lane];
        match LANES.scan(tx, &path, None, 1)?.pop() {
            Some((number, next)) => {
                LANES.delete(tx, &self.lane_path(lane, &number));
                next.put(tx)
            }
            None => {
                LANE_ENDS.delete(tx, &path);
                Ok(())
            }
        }
    }

    /// The first `limit` tasks inside the store, earliest first, that are due at `now` and may be done. Those that may not are passed over,
    /// so that they hold nobody else up.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is.
    pub fn due_inside(
        tx: &mut Tx<'_>,
        now: Timestamp,
        limit: usize,
        may_be_done: impl Fn(&Task) -> bool,
    ) -> Result<Due, Fault> {
        let (mut due, mut after) = (Due::default(), None::<String>);
        loop {
            let rows = INSIDE.scan(tx, &[], after.as_deref(), LOOKED_AT_MAX)?;
            let last = rows.len() < LOOKED_AT_MAX;
            for (name, task) in rows {
                if task.due() > now.0 || due.tasks.len() >= limit {
                    return Ok(due);
                }
                if may_be_done(&task) {
                    due.tasks.push((*task).clone());
                } else {
                    due.held += 1;
                }
                after = Some(name);
            }
            if last {
                return Ok(due);
            }
        }
    }

    /// All tasks inside the store, earliest first, from a place on.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is.
    pub fn inside(tx: &mut Tx<'_>, after: Option<&str>, limit: usize) -> Result<Waiting, Fault> {
        waiting(INSIDE.scan(tx, &[], after, limit)?, limit)
    }

    /// All tasks outside of it, by worker, from a place on.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is.
    pub fn outside(tx: &mut Tx<'_>, after: Option<&str>, limit: usize) -> Result<Waiting, Fault> {
        waiting(OUTSIDE.scan(tx, &[], after, limit)?, limit)
    }

    /// All tasks that wait for another of their lane, from a place on.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is.
    pub fn in_lanes(tx: &mut Tx<'_>, after: Option<&str>, limit: usize) -> Result<Waiting, Fault> {
        waiting(LANES.scan(tx, &[], after, limit)?, limit)
    }

    /// What tells it from others of its kind and subject.
    pub(super) fn key_id(&self) -> String {
        if self.id.is_empty() { time_text(self.at) } else { self.id.clone() }
    }

    pub(super) fn identity<'a>(&'a self, id: &'a str) -> [&'a str; 6] {
        [&self.service, &self.account, &self.region, &self.timer.task, &self.subject, id]
    }

    /// A timer that is where its time says needs no row that tells where it is.
    fn is_plain(&self) -> bool {
        self.id.is_empty() && self.moved.is_none()
    }

    fn at_its_place(&self, tx: &mut Tx<'_>) -> Result<Option<Arc<Task>>, Fault> {
        let (due, id) = (time_text(self.due()), self.key_id());
        if self.outside {
            OUTSIDE.get(tx, &self.outside_path(&due, &id))
        } else {
            INSIDE.get(tx, self.inside_path(&due, &id, &mut [""; 7]))
        }
    }

    fn put(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        tx.wake_at(self.due());
        let (due, id) = (time_text(self.due()), self.key_id());
        if !self.is_plain() {
            PLACES.put(tx, &self.identity(&id), &Place::Due(self.due()))?;
        }
        if self.outside {
            OUTSIDE.put(tx, &self.outside_path(&due, &id), self)
        } else {
            INSIDE.put(tx, self.inside_path(&due, &id, &mut [""; 7]), self)
        }
    }

    fn delete(&self, tx: &mut Tx<'_>) {
        let (due, id) = (time_text(self.due()), self.key_id());
        if !self.is_plain() {
            PLACES.delete(tx, &self.identity(&id));
        }
        if self.outside {
            OUTSIDE.delete(tx, &self.outside_path(&due, &id));
        } else {
            INSIDE.delete(tx, self.inside_path(&due, &id, &mut [""; 7]));
        }
    }

    fn inside_path<'a>(&'a self, due: &'a str, id: &'a str, room: &'a mut [&'a str; 7]) -> &'a [&'a str] {
        *room = [due, &self.service, &self.account, &self.region, &self.timer.task, &self.subject, id];
        let parts = if self.is_plain() { 6 } else { 7 };
        room.get(..parts).unwrap_or_default()
    }

    fn outside_path<'a>(&'a self, due: &'a str, id: &'a str) -> [&'a str; 7] {
        [&self.service, &self.timer.task, due, &self.account, &self.region, &self.subject, id]
    }

    fn lane_path<'a>(&'a self, lane: &'a str, number: &'a str) -> [&'a str; 5] {
        [&self.service, &self.account, &self.region, lane, number]
    }
}

impl Worker {
    /// At most `limit` tasks of this worker that are due at `now`, earliest first, from a place on.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is.
    pub fn due(
        &self,
        tx: &mut Tx<'_>,
        now: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Waiting, Fault> {
        let rows = OUTSIDE.scan(tx, &[self.service, self.kind], after, limit)?;
        let found = rows.len();
        let due: Vec<_> = rows.into_iter().take_while(|(_, task)| task.due() <= now.0).collect();
        // What comes after one that is not due is not due.
        let ended = due.len() < found;
        let mut waiting = waiting(due, limit)?;
        waiting.after = waiting.after.filter(|_| !ended);
        Ok(waiting)
    }
}

fn waiting(rows: Vec<(String, Arc<Task>)>, limit: usize) -> Result<Waiting, Fault> {
    let after = rows.last().filter(|_| rows.len() == limit).map(|(name, _)| name.clone());
    Ok(Waiting { tasks: rows.into_iter().map(|(_, task)| Task::clone(&task)).collect(), after })
}

/// A time as text whose order is that of time.
pub(super) fn time_text(at: i64) -> String {
    format!("{:020}", at.max(0))
}

/// A number as text whose order is that of numbers.
fn lane_text(number: u64) -> String {
    format!("{number:020}")
}
