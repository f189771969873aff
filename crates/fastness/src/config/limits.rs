//! `[limits]`: what connections may take.

use crate::Failure;
use serde::Deserialize;
use server::BODY_BYTES_MAX;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

/// Limits that are not named keep their defaults.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Limits {
    pub(crate) connections: Option<NonZeroUsize>,
    connections_per_address: Option<NonZeroUsize>,
    handshake_seconds: Option<NonZeroU32>,
    head_seconds: Option<NonZeroU32>,
    idle_seconds: Option<NonZeroU32>,
    body_seconds: Option<NonZeroU32>,
    answer_seconds: Option<NonZeroU32>,
    bytes_per_second_min: Option<NonZeroU32>,
    bytes_in_flight: Option<NonZeroUsize>,
    bytes_in_flight_per_address: Option<NonZeroUsize>,
}

impl Limits {
    /// These, with the defaults of the others.
    pub(crate) fn complete(&self) -> Result<server::Limits, Failure> {
        let default = server::Limits::default();
        let seconds = |given: Option<NonZeroU32>, default: Duration| {
            given.map_or(default, |seconds| Duration::from_secs(seconds.get().into()))
        };
        let number = |given: Option<NonZeroUsize>, default: usize| given.map_or(default, NonZeroUsize::get);
        let bytes_in_flight = number(self.bytes_in_flight, default.bytes_in_flight);
        let share = server::Limits::share(bytes_in_flight);
        let bytes_in_flight_per_address = number(self.bytes_in_flight_per_address, share);
        for (name, bytes) in [
            ("bytes-in-flight", bytes_in_flight),
            ("bytes-in-flight-per-address", bytes_in_flight_per_address),
        ] {
            if bytes < BODY_BYTES_MAX {
                return Err(Failure(format!(
                    "limits.{name} is {bytes}, and must be at least {BODY_BYTES_MAX}, the size of one large request"
                )));
            }
        }
        Ok(server::Limits {
            connections: number(self.connections, default.connections),
            connections_per_address: number(self.connections_per_address, default.connections_per_address),
            handshake_time: seconds(self.handshake_seconds, default.handshake_time),
            head_time: seconds(self.head_seconds, default.head_time),
            idle_time: seconds(self.idle_seconds, default.idle_time),
            body_time: seconds(self.body_seconds, default.body_time),
            answer_time: seconds(self.answer_seconds, default.answer_time),
            rate_min: self.bytes_per_second_min.map_or(default.rate_min, |rate| rate.get().into()),
            bytes_in_flight,
            bytes_in_flight_per_address,
        })
    }
}
