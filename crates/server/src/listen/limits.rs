//! What connections may take: how many there are, how long they last, how much memory they hold.

use std::time::Duration;

/// The largest request body, in bytes. The largest input of the services there are is a policy of 128 KiB, which grows to
/// three times that in a form.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The largest head of a request, in bytes.
pub(super) const HEAD_BYTES_MAX: usize = 64 * 1024;

/// How many headers a request may have.
pub(super) const HEADERS_MAX: usize = 100;

/// How much of a head is not counted as memory in flight: each connection that was ever used has a buffer of this size.
pub(super) const HEAD_BYTES_FREE: usize = 8 * 1024;

/// How much of a body is not counted as memory in flight, so that a call of usual size is served whatever others hold. The limit of
/// connections bounds what that comes to.
pub(super) const BODY_BYTES_FREE: usize = 8 * 1024;

/// How long a connection keeps its place that is wanted for others, though it is idle, or its body has stopped or is behind the
/// slowest rate.
pub(super) const GRACE_TIME: Duration = Duration::from_secs(3);

/// The part of the memory in flight that one address may hold, unless the operator says otherwise: one in this many.
const SHARES: usize = 4;

/// How large an answer has to be to be counted as memory in flight.
pub(super) const ANSWER_BYTES_FREE: usize = 16 * 1024;

/// The memory in flight unless the operator says otherwise.
const BYTES_IN_FLIGHT: usize = 64 * 1024 * 1024;

/// The limits that an operator can set.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How many connections are open at once. When all are taken, those that have been idle are closed for new ones; if none
    /// is, new ones wait to be accepted.
    pub connections: usize,
    /// How many of them one client address may have (of IPv6, one network of 64 bits). Addresses of this host are not
    /// counted, as it has as many as anybody wants, and trusted proxies speak for many clients.
    pub connections_per_address: usize,
    /// How long a TLS handshake may take, from the connection on.
    pub handshake_time: Duration,
    /// How long the head of a request may take, from its first byte on.
    pub head_time: Duration,
    /// How long a connection may stay open without a request.
    pub idle_time: Duration,
    /// How long a body may take, beyond what its bytes take at the slowest rate; also how long it may stop.
    pub body_time: Duration,
    /// How long a client may take to read an answer, beyond what its bytes take at the slowest rate; also how long it
    /// may stop.
    pub answer_time: Duration,
    /// The slowest rate of bodies and answers, in bytes a second.
    pub rate_min: u64,
    /// How many bytes of bodies, long heads and long answers are held in memory for all connections together. Over it,
    /// requests are refused with status 503.
    pub bytes_in_flight: usize,
    /// How many of these one client address may hold (of IPv6, one network of 64 bits). Behind a trusted proxy it is the client's for
    /// bodies; what proxies hold of their own has no limit but the sum.
    pub bytes_in_flight_per_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            connections_per_address: 1024,
            handshake_time: Duration::from_secs(10),
            head_time: Duration::from_secs(10),
            // Longer than the minute for which load balancers and SDKs keep connections, so that it is they who close them.
            idle_time: Duration::from_secs(75),
            body_time: Duration::from_secs(20),
            answer_time: Duration::from_secs(30),
            rate_min: 8 * 1024,
            bytes_in_flight: BYTES_IN_FLIGHT,
            bytes_in_flight_per_address: Self::share(BYTES_IN_FLIGHT),
        }
    }
}

impl Limits {
    /// The share of one address in so many bytes in flight; at least one of the largest bodies.
    pub fn share(bytes_in_flight: usize) -> usize {
        (bytes_in_flight / SHARES).max(BODY_BYTES_MAX)
    }

    /// How much time `bytes` that have passed are worth.
    pub(super) fn earned(&self, bytes: u64) -> Duration {
        Duration::from_millis(bytes.saturating_mul(1000) / self.rate_min.max(1))
    }
}
