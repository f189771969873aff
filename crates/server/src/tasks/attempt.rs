//! One attempt at a task, and what becomes of the task then.

use super::slots::{Ended, Slot};
use crate::deployment::{Deployment, Hosted};
use platform::task::{DeadLetter, INSIDE, SILENT_MAX};
use platform::{
    Attempt, Blame, Caller, Cx, Failure, Fault, Job, Next, Outcome, Schedule, TRAIL, Task, Tx, Worker, ids,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use telemetry::TaskOutcome;

/// How often a transaction of a task is run again after conflicts before it counts as failed.
const CONFLICTS_MAX: u32 = 100;

/// A transaction of a service that was not committed.
pub(super) struct Refused {
    pub(super) fault: Fault,
    panicked: bool,
    /// An outcome is lost with it.
    lost: bool,
    /// Records of calls that it made and that were refused.
    pub(super) records: Vec<Vec<u8>>,
}

impl Refused {
    fn failure(&self) -> Failure {
        let failure = Failure::from(&self.fault);
        if self.panicked { Failure { code: Failure::PANICKED.to_owned(), ..failure } } else { failure }
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self { fault, panicked: false, lost: false, records: Vec::new() }
    }
}

impl Deployment {
    /// Does a task that touches nothing but the store, in the transaction that removes it. Gives its fault if it is to be tried again.
    pub(super) async fn do_inside(&self, task: &Task) -> Result<Option<Fault>, Fault> {
        let Some(hosted) = self.hosted(&task.service) else {
            let fault = Fault::bug(format!("no service for {:?}", task.timer));
            return self.postpone(task, &INSIDE, fault.into()).await;
        };
        let done = self.act(hosted, &task.region, |cx| {
            if task.is_unchanged(&mut cx.tx)? {
                task.finish(&mut cx.tx)?;
                hosted.service.due(cx, task)?;
            }
            Ok(())
        });
        match done.await {
            Ok(()) => Ok(None),
            Err(refused) => self.postpone(task, &INSIDE, refused).await,
        }
    }

    /// Begins an attempt outside of the store.
    pub(super) async fn begin(
        &self,
        hosted: &Hosted,
        worker: &'static Worker,
        task: &Task,
        slot: Slot,
    ) -> Result<Option<Fault>, Fault> {
        if task.silent >= SILENT_MAX {
            let lost = Failure::new(Failure::LOST, "the process ended during each of the last attempts");
            return self.settle(hosted, worker, task, Err(lost)).await;
        }
        let lease = i64::try_from(worker.lease.as_millis()).unwrap_or(i64::MAX);
        let begun = self.act(hosted, &task.region, |cx| {
            if !task.is_unchanged(&mut cx.tx)? {
                return Ok(None);
            }
            let begun = Task {
                moved: Some(cx.now().0.saturating_add(lease)),
                attempts: task.attempts.saturating_add(1),
                silent: task.silent.saturating_add(1),
                ..task.clone()
            };
            let job = hosted.service.begin(cx, &begun)?;
            match &job {
                Some(_) => task.replace(&mut cx.tx, &begun)?,
                None => task.finish(&mut cx.tx)?,
            }
            Ok(job.map(|job| (begun, job)))
        });
        match begun.await {
            Ok(None) => Ok(None),
            Ok(Some((begun, job))) => {
                self.start(worker, begun, job, slot);
                Ok(None)
            }
            Err(refused) => {
                let failure = refused.failure();
                self.record_refused(&refused.records).await?;
                let counted = Task { attempts: task.attempts + 1, silent: task.silent + 1, ..task.clone() };
                let settled = self.settle_as(hosted, worker, task, &counted, Err(failure)).await?;
                Ok(settled.or(Some(refused.fault)))
            }
        }
    }

    /// Hands a job over. It keeps nothing of the deployment, so that this can be sealed meanwhile.
    fn start(&self, worker: &'static Worker, begun: Task, job: Job, slot: Slot) {
        let job = match job {
            Job::Blocking(work) => Job::blocking(move || {
                let _slot = slot;
                work()
            }),
            Job::Async(work) => Job::asynchronous(async move {
                let _slot = slot;
                work.await
            }),
        };
        self.tasks.running.begun(worker, &begun);
        let (running, wake) = (Arc::clone(&self.tasks.running), Arc::clone(&self.tasks.wake));
        let done = move |attempt| running.ended(Ended { worker, task: begun, attempt }, &wake);
        self.outside.start(worker.lease, job, Box::new(done));
    }

    /// Settles what has ended.
    pub(super) async fn settle_ended(&self) -> Result<Option<Fault>, Fault> {
        let mut failed = None;
        while let Some(Ended { worker, task, attempt }) = self.tasks.running.take_ended() {
            let Some(hosted) = self.hosted(worker.service) else { continue };
            failed = failed.or(self.settle(hosted, worker, &task, attempt).await?);
        }
        Ok(failed)
    }

    /// Takes in what came of an attempt.
    pub(super) async fn settle(
        &self,
        hosted: &Hosted,
        worker: &'static Worker,
        task: &Task,
        attempt: Attempt,
    ) -> Result<Option<Fault>, Fault> {
        self.settle_as(hosted, worker, task, task, attempt).await
    }

    /// The same for a task of which more attempts count than its row says.
    async fn settle_as(
        &self,
        hosted: &Hosted,
        worker: &'static Worker,
        row: &Task,
        counted: &Task,
        attempt: Attempt,
    ) -> Result<Option<Fault>, Fault> {
        let now = self.clock.now().0;
        let silent = if attempt.as_ref().is_err_and(Failure::is_silent) { counted.silent } else { 0 };
        let task = Task { silent, ..counted.clone() };
        let discarded = |failure: &Failure| failure.code == Failure::DISCARDED;
        let outcome = match attempt {
            Ok(value) => Outcome::Done(value),
            Err(failure)
                if failure.permanent || silent >= SILENT_MAX || worker.schedule.is_over(&task, now) =>
            {
                Outcome::Over(failure)
            }
            Err(failure) => Outcome::Failed(failure),
        };
        let again = now.saturating_add(self.wait(&worker.schedule, &task, &outcome));
        let settled = self.act(hosted, &row.region, |cx| {
            if !row.is_unchanged(&mut cx.tx)? {
                return Ok(None);
            }
            let next = hosted.service.settle(cx, &task, &outcome)?;
            Ok(Some(match (next, &outcome) {
                (Next::Step { payload, at }, _) => {
                    let step =
                        Task { payload, moved: None, attempts: 0, silent: 0, last: None, ..task.clone() };
                    row.replace(&mut cx.tx, &step.due_at(at))?;
                    TaskOutcome::Done
                }
                (Next::Done, Outcome::Done(_) | Outcome::Failed(_)) => {
                    row.finish(&mut cx.tx)?;
                    TaskOutcome::Done
                }
                (Next::Done, Outcome::Over(_)) => {
                    row.finish(&mut cx.tx)?;
                    TaskOutcome::Dead
                }
                (Next::Again, Outcome::Done(_)) => {
                    row.replace(&mut cx.tx, &Task { moved: Some(again), ..task.clone() })?;
                    TaskOutcome::Again
                }
                (Next::Again, Outcome::Failed(failure)) => {
                    let again = Task { moved: Some(again), ..task.clone() }.failed(failure, now);
                    row.replace(&mut cx.tx, &again)?;
                    TaskOutcome::Again
                }
                (Next::Again, Outcome::Over(failure)) if discarded(failure) => {
                    row.finish(&mut cx.tx)?;
                    TaskOutcome::Dead
                }
                (Next::Again | Next::Dead, Outcome::Over(failure) | Outcome::Failed(failure)) => {
                    row.finish(&mut cx.tx)?;
                    DeadLetter::bury(&mut cx.tx, &task, failure, now)?;
                    TaskOutcome::Dead
                }
                (Next::Dead, Outcome::Done(_)) => {
                    row.finish(&mut cx.tx)?;
                    let refused = Failure::new("Refused", "its service refused what came of it");
                    DeadLetter::bury(&mut cx.tx, &task, &refused, now)?;
                    TaskOutcome::Dead
                }
            }))
        });
        match settled.await {
            // Another attempt has begun meanwhile, or the task is over: this one came too late.
            Ok(None) => Ok(None),
            Ok(Some(outcome)) => {
                self.telemetry().tasks.ended(worker.service, worker.kind, outcome);
                Ok(None)
            }
            Err(mut refused) => {
                // The outcome is lost: that counts like an attempt that had none.
                refused.lost = true;
                self.postpone(row, &worker.schedule, refused).await
            }
        }
    }

    /// Has a task that failed tried again later, or not, if its code panics each time. Gives its fault.
    async fn postpone(
        &self,
        task: &Task,
        schedule: &Schedule,
        refused: Refused,
    ) -> Result<Option<Fault>, Fault> {
        let (now, failure) = (self.clock.now().0, refused.failure());
        let wait = self.wait(schedule, task, &Outcome::Failed(failure.clone()));
        // Outside of the store it was counted when it began.
        let more = u32::from(!task.outside || task.silent == 0);
        let silent = if refused.panicked || refused.lost { task.silent.saturating_add(more) } else { 0 };
        let attempts = task.attempts.saturating_add(more);
        let again = Task { attempts, silent, moved: Some(now.saturating_add(wait)), ..task.clone() };
        let dead = silent >= SILENT_MAX || schedule.is_over(&again, now);
        tracing::error!(
            service = task.service,
            task = task.timer.task,
            attempts,
            dead,
            cause = refused.fault.for_operator(),
            "a task failed"
        );
        self.write(|tx| {
            for record in &refused.records {
                tx.append(TRAIL, record)?;
            }
            if !task.is_unchanged(tx)? {
                return Ok(());
            }
            if dead {
                task.finish(tx)?;
                return DeadLetter::bury(tx, &again, &failure, now);
            }
            task.replace(tx, &again.clone().failed(&failure, now))
        })
        .await?;
        let outcome = if dead { TaskOutcome::Dead } else { TaskOutcome::Again };
        self.telemetry().tasks.ended(&task.service, &task.timer.task, outcome);
        Ok(Some(refused.fault))
    }

    /// Gives tasks back whose attempts have not ended when the server stops: that is no fault of theirs.
    pub(crate) async fn give_back_tasks(&self) -> Result<(), Fault> {
        self.settle_ended().await?;
        let now = self.clock.now().0;
        for (_, task) in self.tasks.running.take_begun() {
            self.write(|tx| {
                if !task.is_unchanged(tx)? {
                    return Ok(());
                }
                let silent = task.silent.saturating_sub(1);
                task.replace(tx, &Task { silent, moved: Some(now), ..task.clone() })
            })
            .await?;
        }
        Ok(())
    }

    pub(super) async fn record_refused(&self, records: &[Vec<u8>]) -> Result<(), Fault> {
        if records.is_empty() {
            return Ok(());
        }
        self.write(|tx| records.iter().try_for_each(|record| tx.append(TRAIL, record))).await
    }

    /// The wait before the next attempt, in milliseconds.
    fn wait(&self, schedule: &Schedule, task: &Task, outcome: &Outcome) -> i64 {
        let mut chance = [0; 8];
        self.env.random.fill(&mut chance);
        let wait = schedule.wait(task.attempts, u64::from_le_bytes(chance));
        let asked = match outcome {
            Outcome::Failed(Failure { after: Some(after), .. }) => {
                i64::try_from(after.as_millis()).unwrap_or(i64::MAX)
            }
            _ => 0,
        };
        wait.max(asked)
    }

    /// Has a service do something by itself, in one transaction with the records of it.
    pub(super) async fn act<T>(
        &self,
        hosted: &Hosted,
        region: &str,
        work: impl Fn(&mut Cx<'_>) -> Result<T, Fault>,
    ) -> Result<T, Refused> {
        let call = self.own_call(region, &hosted.source);
        let caller = Caller::service(&hosted.source);
        for _ in 0..CONFLICTS_MAX {
            let (result, tx) = {
                let tx = Tx::begin(&self.store, &self.env.keyring);
                let mut cx = Cx::new(tx, &self.env, &call, &caller)
                    .serving(hosted.service.model())
                    .waiting_from(self.waits_from(call.now));
                let result = catch_unwind(AssertUnwindSafe(|| work(&mut cx)));
                let records = cx.take_failed();
                let result = match result {
                    Ok(Err(fault)) if fault.blame() == Blame::Conflict => continue,
                    Ok(Err(fault)) => return Err(Refused { fault, panicked: false, lost: false, records }),
                    Err(_) => {
                        let fault = Fault::bug("the code of the task panicked");
                        return Err(Refused { fault, panicked: true, lost: false, records });
                    }
                    Ok(Ok(result)) => result,
                };
                let (_, _, events, mut tx) = cx.finish();
                for record in &records {
                    tx.append(TRAIL, record)?;
                }
                for event in &events {
                    tx.append(TRAIL, &event.write(&call, &hosted.source, &ids::uuid(&*self.env.random)))?;
                }
                (result, tx)
            };
            match self.commit(tx).await {
                Err(fault) if fault.blame() == Blame::Conflict => {}
                Err(fault) => return Err(fault.into()),
                Ok(()) => return Ok(result),
            }
        }
        Err(Fault::unavailable("too many conflicting changes").into())
    }

    /// Writes in a transaction without a service.
    pub(super) async fn write(&self, write: impl Fn(&mut Tx<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        for _ in 0..CONFLICTS_MAX {
            let mut tx = Tx::begin(&self.store, &self.env.keyring);
            write(&mut tx)?;
            match self.commit(tx).await {
                Err(fault) if fault.blame() == Blame::Conflict => {}
                done => return done,
            }
        }
        Err(Fault::unavailable("too many conflicting changes"))
    }
}
