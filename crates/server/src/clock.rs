//! The time of day, as the pipeline takes it, and what there is to judge it by.

use rustix::time::{ClockId, clock_gettime};
use std::sync::OnceLock;
use wire::Timestamp;

/// The name of the kernel's run (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// A clock. Simulations give one that they move by hand.
pub trait Clock: Send + Sync {
    /// The time now, as it was set.
    fn now(&self) -> Timestamp;

    /// The time that has passed, which nobody can set.
    fn uptime(&self) -> Uptime;
}

/// A time since a machine was started, times of suspension included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uptime {
    /// The run of the machine: times of different ones cannot be compared.
    pub boot: String,
    /// In milliseconds.
    pub millis: i64,
}

/// The computer's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0))
    }

    fn uptime(&self) -> Uptime {
        static BOOT: OnceLock<String> = OnceLock::new();
        let boot = BOOT.get_or_init(|| match std::fs::read_to_string(BOOT_ID) {
            Ok(id) => id.trim_end().to_owned(),
            // Without a name no run is taken for another one's: each process counts for itself.
            Err(_) => format!("process {} at {}", std::process::id(), SystemClock.now()),
        });
        let up = clock_gettime(ClockId::Boottime);
        Uptime {
            boot: boot.clone(),
            millis: up.tv_sec.saturating_mul(1000).saturating_add(up.tv_nsec / 1_000_000),
        }
    }
}
