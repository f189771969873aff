//! The thread that brings the tables up to date while commits go on.

use std::io;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use super::anchor::Note;
use super::disk::Disk;
use super::logs::{Bounds, Index};
use super::segment::segment_name;
use super::tables::{Base, Mark, Tables};
use crate::StoreError;
use crate::versions::Versions;

/// What a checkpoint writes.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) changed: Arc<RwLock<Versions>>,
    pub(super) mark: Mark,
    pub(super) logs: Vec<Bounds>,
    /// To tell that the groups up to the checkpoint are durable.
    pub(super) note: Note,
}

type Outcome = Result<Option<Arc<Base>>, StoreError>;

#[derive(Debug)]
pub(super) struct Checkpointer {
    /// Only gone while being dropped.
    jobs: Option<Sender<Job>>,
    outcomes: Receiver<Outcome>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(
        disk: Arc<dyn Disk>,
        tables: Tables,
        index: Arc<RwLock<Index>>,
    ) -> Result<Checkpointer, StoreError> {
        let (jobs, incoming) = channel::<Job>();
        let (results, outcomes) = channel();
        let run = move || {
            for job in incoming {
                if results.send(checkpoint(&*disk, &tables, &index, &job)).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("store-checkpoint".into()).spawn(run);
        let thread = thread.map_err(|e| StoreError::io("starting the checkpoint thread", e))?;
        Ok(Checkpointer { jobs: Some(jobs), outcomes, thread: Some(thread) })
    }

    pub(super) fn begin(&self, job: Job) -> Result<(), StoreError> {
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or_else(ended)
    }

    /// The rows after the checkpoint under way; none if it is not finished and not to be waited for.
    pub(super) fn result(&self, wait: bool) -> Result<Option<Option<Arc<Base>>>, StoreError> {
        if wait {
            return self.outcomes.recv().map_err(|_| ended())?.map(Some);
        }
        match self.outcomes.try_recv() {
            Ok(outcome) => outcome.map(Some),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(ended()),
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoint thread of a store panicked");
        }
    }
}

fn checkpoint(disk: &dyn Disk, tables: &Tables, index: &RwLock<Index>, job: &Job) -> Outcome {
    let changed = job.changed.read().unwrap_or_else(PoisonError::into_inner);
    job.note.write(&job.mark.head, tables.witness())?;
    tables.checkpoint(&changed, &job.mark, &job.logs)?;
    drop(changed);
    // Only now: the tables on disk no longer need them.
    let unneeded = index.write().unwrap_or_else(PoisonError::into_inner).forget(job.mark.oldest_segment);
    for id in unneeded {
        let name = segment_name(id);
        disk.remove(&name).map_err(|e| StoreError::io(format!("removing `{name}`"), e))?;
    }
    tables.base()
}

fn ended() -> StoreError {
    StoreError::io("writing a checkpoint", io::Error::other("the checkpoint thread ended"))
}
