//! The client of a call, as far as it matters that it is still there.

use std::sync::Arc;

/// A connection that can be asked for its client.
pub trait Connected: std::fmt::Debug + Send + Sync {
    /// Whether nobody can read an answer any more. A client that closed its half and may still read is there.
    fn is_gone(&self) -> bool;
}

/// Who waits for the answer to a call. The default is somebody who stays.
#[derive(Clone, Debug, Default)]
pub struct Client(Option<Arc<dyn Connected>>);

impl Client {
    /// The client at the other end of a connection.
    pub fn of(connection: Arc<dyn Connected>) -> Self {
        Self(Some(connection))
    }

    /// Whether it is gone. It costs a system call.
    pub fn is_gone(&self) -> bool {
        self.0.as_ref().is_some_and(|connection| connection.is_gone())
    }

    /// Whether it can ever be known to be gone.
    pub fn may_go(&self) -> bool {
        self.0.is_some()
    }
}
