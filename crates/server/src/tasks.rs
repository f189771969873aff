//! Does what tasks were enqueued for, each behind the call that did it: what is inside the store in one transaction, what is outside in three steps.
//! Begin (a transaction that counts the attempt and takes a lease), do (a job without a transaction), settle (a transaction with what came of it).
//!
//! Whoever looks reads in a transaction that is thrown away and settles each task by its key, so that calls that enqueue never conflict with it.

mod attempt;
mod logs;
mod operate;
mod slots;
mod threads;

pub use operate::{Heeded, TaskList, TaskSeen, TaskState};
pub(crate) use slots::Running;
pub use threads::Threads;

use crate::Gate;
use crate::deployment::Deployment;
use crate::known::Moment;
use crate::listen::stopped;
use platform::{Fault, Task, Tx, Wakes, Worker};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How often due tasks are looked for, if nothing is known to be due before.
const INTERVAL: Duration = Duration::from_secs(1);

/// How many tasks inside the store one look takes.
const INSIDE_MAX: usize = 100;

/// How many tasks of a worker one look reads.
const LOOKED_AT_MAX: usize = 200;

/// How long nothing is done after the store did not take what came of a task.
const PAUSE: Duration = Duration::from_secs(30);

/// Looks for due tasks until `stop` turns true. While the deployment is sealed they wait.
pub async fn run_tasks(gate: Arc<Gate>, mut stop: watch::Receiver<bool>) {
    loop {
        let (result, wake) = match gate.deployment() {
            Some(deployment) => {
                let result = if deployment.watch_room() {
                    deployment.record_unrecorded().await;
                    deployment.look_for_tasks().await
                } else {
                    Ok(None)
                };
                (result, Some(Arc::clone(&deployment.tasks.wake)))
            }
            None => (Ok(None), None),
        };
        let wait = match result {
            Ok(_) => INTERVAL,
            Err(fault) => {
                tracing::error!(
                    cause = fault.for_operator(),
                    "what is due cannot be done now, and will be later"
                );
                PAUSE
            }
        };
        let woken = async {
            match wake.filter(|_| wait == INTERVAL) {
                Some(wake) => wake.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = woken => {}
            () = tokio::time::sleep(wait) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

/// What is kept in memory of tasks while a deployment runs.
#[derive(Default)]
pub(crate) struct Tasks {
    /// Told when there is something to do before the next look.
    pub(crate) wake: Arc<Notify>,
    /// Attempts that run, and outcomes that are to be settled.
    pub(crate) running: Arc<Running>,
    /// Where the look at a worker's tasks goes on.
    cursors: Mutex<HashMap<(&'static str, &'static str), String>>,
    /// How consumers get on.
    consumers: Mutex<HashMap<&'static str, logs::Progress>>,
    /// When it was last looked for what is not needed any more, in milliseconds since the epoch.
    forgot: Mutex<Option<i64>>,
}

impl Deployment {
    /// Does all that is due now.
    ///
    /// # Errors
    /// The first fault of a task; the others have been tried nevertheless.
    pub async fn run_due_tasks(&self) -> Result<(), Fault> {
        self.look_for_tasks().await?.map_or(Ok(()), Err)
    }

    /// Does all that is due now, and tells the first fault of a task.
    async fn look_for_tasks(&self) -> Result<Option<Fault>, Fault> {
        let mut failed = self.settle_ended().await?;
        let moment = self.moment()?;
        failed = failed.or(self.run_due_inside(&moment).await?);
        for worker in self.workers() {
            failed = failed.or(self.begin_due(worker, &moment).await?);
        }
        // Those that ended at once.
        failed = failed.or(self.settle_ended().await?);
        failed = failed.or(self.follow_logs().await?);
        self.forget_old().await?;
        self.keep_time().await?;
        Ok(failed)
    }

    /// Wakes whoever does tasks, if a transaction that is committed left something to do now.
    pub(crate) fn woken_by(&self, wakes: Wakes) {
        let due = wakes.due != i64::MAX && wakes.due <= self.clock.now().0;
        if due || self.consumers().any(|(_, consumer)| consumer.log().is_in(wakes)) {
            self.tasks.wake.notify_one();
        }
    }

    async fn run_due_inside(&self, moment: &Moment) -> Result<Option<Fault>, Fault> {
        let due = {
            let mut tx = Tx::begin(&self.store, &self.env.keyring);
            Task::due_inside(&mut tx, moment.clock, INSIDE_MAX, |task| self.may_go_off(task, moment))?
        };
        let late = due.tasks.first().map_or(0, |first| moment.clock.0.saturating_sub(first.due()));
        self.telemetry().timers.found(due.tasks.len(), millis(late), due.held);
        if due.tasks.len() == INSIDE_MAX {
            self.tasks.wake.notify_one();
        }
        let mut failed = None;
        for task in &due.tasks {
            let done = self.do_inside(task).await;
            self.telemetry().timers.ran(!matches!(done, Ok(None)));
            failed = failed.or(done?);
        }
        Ok(failed)
    }

    async fn begin_due(&self, worker: &'static Worker, moment: &Moment) -> Result<Option<Fault>, Fault> {
        let Some(hosted) = self.hosted(worker.service) else { return Ok(None) };
        let key = (worker.service, worker.kind);
        let lock = || self.tasks.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        let after = lock().remove(&key);
        let (due, cut) = {
            let mut tx = Tx::begin(&self.store, &self.env.keyring);
            let due = worker.due(&mut tx, moment.clock, after.as_deref(), LOOKED_AT_MAX)?;
            (due.tasks, due.after)
        };
        if after.is_none() {
            let late = due.first().map_or(0, |first| moment.clock.0.saturating_sub(first.due()));
            let running = self.tasks.running.count(worker);
            self.telemetry().tasks.found((worker.service, worker.kind), due.len(), millis(late), running);
        }
        if let Some(cut) = cut {
            lock().insert(key, cut);
        }
        let (mut failed, mut full) = (None, false);
        for task in due.iter().filter(|task| self.may_go_off(task, moment)) {
            match self.tasks.running.enter(worker, task) {
                Some(slot) => failed = failed.or(self.begin(hosted, worker, task, slot).await?),
                None => full = true,
            }
        }
        // There is more, and room for it.
        if !full && lock().contains_key(&key) {
            self.tasks.wake.notify_one();
        }
        Ok(failed)
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
