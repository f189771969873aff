//! Does what durable timers were set for.

use crate::Gate;
use crate::deployment::Deployment;
use crate::listen::stopped;
use platform::{Blame, Caller, Cx, Fault, TRAIL, Timer, Tx, ids};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often due timers are looked for.
const INTERVAL: Duration = Duration::from_secs(1);

/// How many timers one look takes.
const TIMERS_MAX: usize = 100;

/// How long a timer that failed is left alone.
const PAUSE: Duration = Duration::from_secs(30);

/// Looks for due timers until `stop` turns true. While the deployment is sealed they wait.
pub async fn run_timers(gate: Arc<Gate>, mut stop: watch::Receiver<bool>) {
    loop {
        let result = match gate.deployment() {
            Some(deployment) => {
                if deployment.watch_room() {
                    deployment.record_unrecorded().await;
                    deployment.run_due_timers().await
                } else {
                    Ok(())
                }
            }
            None => Ok(()),
        };
        let wait = match result {
            Ok(()) => INTERVAL,
            Err(fault) => {
                tracing::error!(cause = fault.for_operator(), "a timer failed and will be tried again");
                PAUSE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

impl Deployment {
    /// Does all that is due now, each timer in a transaction of its own that also takes the timer away.
    ///
    /// # Errors
    /// The first fault of a timer; the others have been tried nevertheless.
    pub async fn run_due_timers(&self) -> Result<(), Fault> {
        let moment = self.moment()?;
        let mut tx = Tx::begin(&self.store, &self.env.keyring);
        let due = Timer::due(&mut tx, moment.clock, TIMERS_MAX, |timer| self.may_go_off(timer, &moment))?;
        drop(tx);
        let late = due.timers.first().map_or(0, |first| moment.clock.0.saturating_sub(first.at));
        let late = Duration::from_millis(u64::try_from(late).unwrap_or(0));
        self.telemetry().timers.found(due.timers.len(), late, due.held);
        let mut result = Ok(());
        for timer in &due.timers {
            loop {
                match self.run_timer(timer).await {
                    Err(fault) if fault.blame() == Blame::Conflict => {}
                    done => {
                        self.telemetry().timers.ran(done.is_err());
                        result = result.and(done);
                        break;
                    }
                }
            }
        }
        result.and(self.keep_time().await)
    }

    async fn run_timer(&self, timer: &Timer) -> Result<(), Fault> {
        let Some(hosted) = self.hosted(&timer.service) else {
            return Err(Fault::bug(format!("no service for {timer:?}")));
        };
        let call = self.own_call(&timer.region, &hosted.source);
        let caller = Caller::service(&hosted.source);
        let tx = {
            let mut tx = Tx::begin(&self.store, &self.env.keyring);
            if !timer.is_set(&mut tx)? {
                return Ok(());
            }
            timer.clear(&mut tx);
            let mut cx = Cx::new(tx, &self.env, &call, &caller)
                .serving(hosted.service.model())
                .waiting_from(self.waits_from(call.now));
            hosted.service.due(&mut cx, timer)?;
            let failed = cx.take_failed();
            let (_, _, events, mut tx) = cx.finish();
            for record in &failed {
                tx.append(TRAIL, record)?;
            }
            for event in &events {
                tx.append(TRAIL, &event.write(&call, &hosted.source, &ids::uuid(&*self.env.random)))?;
            }
            tx
        };
        self.commit(tx).await
    }
}
