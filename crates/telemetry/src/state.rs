//! What the process is able to do at the moment.

use store::Stats;

/// What the rest of the process tells when it is asked.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Whether the process has been told to stop.
    pub stopping: bool,
    /// Whether the keyring is sealed, so that no call can be served.
    pub sealed: bool,
    /// How many slots of each kind the keyring has, as far as it is known.
    pub slots: Vec<(&'static str, u64)>,
    /// What the store tells, while it is open.
    pub store: Option<Stats>,
    /// What the clock is held to be, while the store is open.
    pub clock: Option<ClockState>,
    /// Records in the audit trail, those included that are no longer kept; none while the store is not open.
    pub audit_records: Option<u64>,
}

/// What the clock is held to be.
#[derive(Clone, Copy, Debug)]
pub struct ClockState {
    /// Whether it is not believed, so that nothing irreversible is done.
    pub held: bool,
    /// How far it is ahead of the time known to the store, in seconds.
    pub ahead_seconds: i64,
}

impl State {
    /// Why calls cannot be served; none if they can.
    pub fn unready(&self) -> Option<&'static str> {
        if self.poisoned() {
            Some("store failed")
        } else if self.store.is_some_and(|store| store.engine.room.is_short()) {
            Some("disk full")
        } else if self.stopping {
            Some("stopping")
        } else if self.sealed {
            Some("sealed")
        } else {
            None
        }
    }

    /// Whether only a new start can help.
    pub fn poisoned(&self) -> bool {
        self.store.is_some_and(|store| store.poisoned)
    }
}
