use std::fmt;

use tokio::sync::mpsc;

use crate::commit::{Committer, Request};
use crate::{Engine, StoreError};

/// Commits when it is told to, in place of the committing thread of a store that was opened with
/// [`Store::open_stepped`](crate::Store::open_stepped).
pub struct Stepper<E> {
    committer: Committer<E>,
    incoming: mpsc::Receiver<Request>,
}

impl<E: Engine> Stepper<E> {
    pub(crate) fn new(committer: Committer<E>, incoming: mpsc::Receiver<Request>) -> Self {
        Stepper { committer, incoming }
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.incoming.len()
    }

    /// Commits at most so many of the waiting transactions, the oldest first, as one group, and answers them.
    pub fn step(&mut self, transactions_max: usize) {
        let mut commits = Vec::new();
        while commits.len() < transactions_max
            && let Ok(request) = self.incoming.try_recv()
        {
            match request {
                Request::Commit(intent, reply) => commits.push((intent, reply)),
                // As of what is committed already: commits of this step come after it.
                Request::Image(reply) => drop(reply.send(self.committer.image())),
                // Whoever drives the steps ends them with `close`.
                Request::Close(reply) => drop(reply.send(Err(StoreError::Closed))),
            }
        }
        self.committer.commit_all(commits);
    }

    /// Commits all that waits and leaves the engine so that the next opening is quick. Later commits are refused.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.incoming.close();
        self.step(usize::MAX);
        self.committer.close()
    }
}

impl<E> fmt::Debug for Stepper<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stepper").field("waiting", &self.incoming.len()).finish_non_exhaustive()
    }
}
