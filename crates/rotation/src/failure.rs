//! Why a step of a rotation did not succeed.

use std::fmt;

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A version of the secret is no JSON of a database's credentials, or the versions contradict each other.
    Malformed,
    /// The database's name has no address, nobody answers there, the connection broke, or its address may not be called.
    Unreachable,
    /// The database answered that these credentials, or this change, are not allowed.
    Refused,
    /// The database did not answer in time.
    Timeout,
    /// The secret demands TLS, and the database does not speak it or is not who it should be.
    Tls,
    /// The database answered what no database answers, or more than a rotation reads.
    Other,
}

/// A failed step: its kind, and a sentence for the person who looks for the cause. It never holds a password, and nothing that a
/// database said but its error code.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    kind: Kind,
    message: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(Kind::Malformed, message)
    }

    /// The kind of the failure.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The sentence that says what failed; without passwords.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// True if the same step may succeed later though nobody changes the secret: the database is away, slow or broken.
    pub fn may_pass(&self) -> bool {
        matches!(self.kind, Kind::Unreachable | Kind::Timeout | Kind::Other)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)
    }
}
