//! The time of day, as the pipeline takes it.

use wire::Timestamp;

/// A clock. Simulations give one that they move by hand.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The computer's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0))
    }
}
