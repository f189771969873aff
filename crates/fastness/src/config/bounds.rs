//! `[clock]`: how far the clock is believed.

use serde::Deserialize;
use std::num::NonZeroU32;
use std::time::Duration;

/// The clock.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Clock {
    /// How far it may leap before nothing irreversible is done any more.
    leap_hours_max: Option<NonZeroU32>,
}

impl Clock {
    /// How far it may leap; none: as far as usual.
    pub(crate) fn leap_max(&self) -> Option<Duration> {
        self.leap_hours_max.map(|hours| Duration::from_secs(u64::from(hours.get()) * 3600))
    }
}
