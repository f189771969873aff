//! Durable timers: things a service has to do at a later time, whatever happens to the process until then.

use crate::{Fault, Table, Tx};
use serde::{Deserialize, Serialize};
use wire::Timestamp;

/// Something to do at a certain time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// When, in milliseconds since the epoch.
    pub at: i64,
    /// The service that does it, by its model's name.
    pub service: String,
    /// The account that it concerns.
    pub account: String,
    /// The region that it concerns.
    pub region: String,
    /// What to do, such as `delete-key`.
    pub task: String,
    /// The resource to do it to.
    pub subject: String,
}

/// Timers that are due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Those that may go off, earliest first.
    pub timers: Vec<Timer>,
    /// How many were passed over that may not.
    pub held: usize,
}

/// How many rows are read at once.
const LOOKED_AT_MAX: usize = 100;

const TIMERS: Table<Timer> = Table::new("platform/timers");

impl Timer {
    /// Sets the timer. Setting the same one twice is setting it once.
    ///
    /// # Errors
    /// Unavailable, if the keyring is.
    pub fn set(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        TIMERS.put(tx, &self.path(&due_text(self.at)), self)
    }

    /// Takes the timer away, if it is there.
    pub fn clear(&self, tx: &mut Tx<'_>) {
        TIMERS.delete(tx, &self.path(&due_text(self.at)));
    }

    /// Whether it is still set.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is.
    pub fn is_set(&self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
        Ok(TIMERS.get(tx, &self.path(&due_text(self.at)))?.is_some())
    }

    /// The first `limit` timers, earliest first, that are due at `now` and may go off. Those that may not are passed over, so that they
    /// hold nobody else up.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is.
    pub fn due(
        tx: &mut Tx<'_>,
        now: Timestamp,
        limit: usize,
        may_go_off: impl Fn(&Timer) -> bool,
    ) -> Result<Due, Fault> {
        let (mut due, mut after) = (Due::default(), None::<String>);
        loop {
            let rows = TIMERS.scan(tx, &[], after.as_deref(), LOOKED_AT_MAX)?;
            let last = rows.len() < LOOKED_AT_MAX;
            for (name, timer) in rows {
                if timer.at > now.0 || due.timers.len() >= limit {
                    return Ok(due);
                }
                if may_go_off(&timer) {
                    due.timers.push((*timer).clone());
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

    fn path<'a>(&'a self, at: &'a str) -> [&'a str; 6] {
        [at, &self.service, &self.account, &self.region, &self.task, &self.subject]
    }
}

/// A time as text whose order is that of time.
fn due_text(at: i64) -> String {
    format!("{:020}", at.max(0))
}
