//! Durable timers: things a service has to do at a later time, whatever happens to the process until then. They are the tasks that need
//! nothing but the store.

use crate::{Fault, Task, Tx};
use serde::{Deserialize, Serialize};

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

impl Timer {
    /// Sets the timer. Setting the same one twice is setting it once.
    ///
    /// # Errors
    /// Unavailable, if the keyring is.
    pub fn set(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        Task::from(self.clone()).enqueue(tx)
    }

    /// Takes the timer away, if it is there.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is.
    pub fn clear(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        Task::from(self.clone()).cancel(tx).map(drop)
    }

    /// Whether it is still set.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is.
    pub fn is_set(&self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
        Ok(Task::from(self.clone()).find(tx)?.is_some())
    }
}
