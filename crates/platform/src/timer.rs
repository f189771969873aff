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

    /// The first `limit` timers, earliest first, that are due at `now`.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is.
    pub fn due(tx: &mut Tx<'_>, now: Timestamp, limit: usize) -> Result<Vec<Timer>, Fault> {
        let rows = TIMERS.scan(tx, &[], None, limit)?;
        Ok(rows
            .into_iter()
            .map(|(_, timer)| (*timer).clone())
            .take_while(|timer| timer.at <= now.0)
            .collect())
    }

    fn path<'a>(&'a self, at: &'a str) -> [&'a str; 6] {
        [at, &self.service, &self.account, &self.region, &self.task, &self.subject]
    }
}

/// A time as text whose order is that of time.
fn due_text(at: i64) -> String {
    format!("{:020}", at.max(0))
}
