//! Runs jobs on the threads of the process.

use platform::{Attempt, Failure, Job, Outside};
use std::time::Duration;

/// Has the runtime run jobs: those that block on threads that may, the others beside everything else.
#[derive(Clone, Copy, Debug, Default)]
pub struct Threads;

impl Outside for Threads {
    fn start(&self, lease: Duration, job: Job, done: Box<dyn FnOnce(Attempt) + Send>) {
        let mut running = match job {
            Job::Blocking(work) => tokio::task::spawn_blocking(work),
            Job::Async(work) => tokio::spawn(work),
        };
        tokio::spawn(async move {
            done(match tokio::time::timeout(lease, &mut running).await {
                Ok(Ok(attempt)) => attempt,
                Ok(Err(error)) if error.is_panic() => {
                    Err(Failure::new(Failure::PANICKED, "the code that was to do it panicked"))
                }
                Ok(Err(_)) => Err(Failure::new(Failure::LOST, "it was not begun, as the server stops")),
                Err(_) => {
                    running.abort();
                    Err(Failure::new(Failure::TIMED_OUT, "it did not end within its lease"))
                }
            });
        });
    }
}
