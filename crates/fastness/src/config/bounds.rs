//! `[clock]` and `[disk]`: how far the clock is believed, and what is kept free of the disk.

use serde::Deserialize;
use std::num::NonZeroU32;
use std::time::Duration;

/// The clock.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Clock {
    /// The greatest leap before nothing irreversible is done any more.
    leap_hours_max: Option<NonZeroU32>,
}

impl Clock {
    /// The greatest leap that is believed; none for the default.
    pub(crate) fn leap_max(&self) -> Option<Duration> {
        self.leap_hours_max.map(|hours| Duration::from_secs(u64::from(hours.get()) * 3600))
    }
}

/// The disk.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Disk {
    /// Room that is kept free, in MiB.
    reserve_mib: Option<NonZeroU32>,
}

impl Disk {
    /// Sizes of the store.
    pub(crate) fn sizes(&self) -> store::Sizes {
        let usual = store::Sizes::default();
        let reserve_bytes = self.reserve_mib.map_or(usual.reserve_bytes, |mib| u64::from(mib.get()) << 20);
        store::Sizes { reserve_bytes, ..usual }
    }
}
