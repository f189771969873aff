//! An answer with what those who watch want to know of it.

use platform::{Blame, Fault};
use std::time::Instant;
use telemetry::Outcome;
use wire::Answer;

/// An answer, and how the call ended. Every way out of the pipeline makes one, so none can go uncounted.
pub(crate) struct Reply {
    pub(crate) answer: Answer,
    pub(crate) outcome: Outcome,
    /// When the commit that the answer waited for began and ended; measured for traces alone.
    pub(crate) commit: Option<(Instant, Instant)>,
}

impl Reply {
    pub(crate) fn new(answer: Answer, outcome: Outcome) -> Self {
        Self { answer, outcome, commit: None }
    }
}

/// How a call that ends with this fault ended.
pub(crate) fn outcome(fault: &Fault) -> Outcome {
    match fault.blame() {
        Blame::Denied => Outcome::Denied,
        Blame::Throttled => Outcome::Throttled,
        Blame::Sender => Outcome::ClientError,
        Blame::Gone => Outcome::Abandoned,
        Blame::Conflict | Blame::Unavailable | Blame::Bug => Outcome::ServerError,
    }
}
