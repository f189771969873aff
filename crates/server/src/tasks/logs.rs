//! Gives consumers what is new in the logs that they follow, and lets go of what nobody needs any more.

use crate::deployment::Deployment;
use platform::consumer::{self, ENTRIES_MAX};
use platform::task::{DEAD_AGE_MAX_MS, DEAD_MAX, DeadLetter, INSIDE};
use platform::{Consumer, EVENTS, Fault, Tx};
use std::sync::PoisonError;

/// How many steps a consumer takes at one look.
const STEPS_MAX: usize = 16;

/// How often it is looked for what is not needed any more, in milliseconds.
const FORGET_MS: i64 = 60_000;

/// How a consumer gets on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// How often it has failed since it last did not.
    failures: u32,
    /// How many entries it is given one at a time, so that no more than the one that fails waits.
    singly: usize,
    /// When it is tried again, in milliseconds since the epoch.
    not_before: i64,
}

impl Deployment {
    /// Gives all consumers what is new to them.
    pub(super) async fn follow_logs(&self) -> Result<Option<Fault>, Fault> {
        let mut failed = None;
        for (service, consumer) in self.consumers() {
            failed = failed.or(self.follow_log(service, &**consumer).await?);
        }
        Ok(failed)
    }

    async fn follow_log(
        &self,
        service: &'static str,
        consumer: &(dyn Consumer + 'static),
    ) -> Result<Option<Fault>, Fault> {
        let lock = || self.tasks.consumers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut progress = lock().get(consumer.name()).copied().unwrap_or_default();
        let now = self.clock.now().0;
        let Some(hosted) = self.hosted(service).filter(|_| progress.not_before <= now) else {
            return Ok(None);
        };
        let behind = {
            let mut tx = Tx::begin(&self.store, &self.env.keyring);
            tx.log_bounds(consumer.log()).1.saturating_sub(consumer.offset(&mut tx)?)
        };
        self.telemetry().tasks.behind(consumer.name(), behind);
        if behind == 0 {
            return Ok(None);
        }
        let mut failed = None;
        for step in 1..=STEPS_MAX {
            let limit = if progress.singly == 0 { ENTRIES_MAX } else { 1 };
            match self.act(hosted, &self.region, |cx| consumer.step(cx, limit)).await {
                Ok(0) => break,
                Ok(_) => {
                    progress = Progress { singly: progress.singly.saturating_sub(1), ..Progress::default() };
                }
                Err(refused) => {
                    self.record_refused(&refused.records).await?;
                    let cause = refused.fault.for_operator();
                    tracing::error!(consumer = consumer.name(), cause, "what follows a log failed");
                    let failures = progress.failures.saturating_add(1);
                    let wait = if failures == 1 { 0 } else { INSIDE.wait(failures, 0) };
                    let not_before = now.saturating_add(wait);
                    progress = Progress { failures, singly: ENTRIES_MAX, not_before };
                    failed = Some(refused.fault);
                    break;
                }
            }
            if step == STEPS_MAX {
                self.tasks.wake.notify_one();
            }
        }
        lock().insert(consumer.name(), progress);
        Ok(failed)
    }

    /// Lets go of dead letters and events that are too old or too many, once a minute.
    pub(super) async fn forget_old(&self) -> Result<(), Fault> {
        let now = self.clock.now().0;
        {
            let mut last = self.tasks.forgot.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_some_and(|last| (0..FORGET_MS).contains(&now.saturating_sub(last))) {
                return Ok(());
            }
            *last = Some(now);
        }
        let (letters, events) = {
            let mut tx = Tx::begin(&self.store, &self.env.keyring);
            let consumers: Vec<_> = self.consumers().map(|(_, consumer)| &**consumer).collect();
            let events = consumer::events_needed_from(&mut tx, &consumers)?;
            (DeadLetter::list(&mut tx, None, DEAD_MAX.saturating_mul(2))?, events)
        };
        let too_many = letters.len().saturating_sub(DEAD_MAX);
        let is_old = |letter: &DeadLetter| letter.at < now.saturating_sub(DEAD_AGE_MAX_MS);
        let gone = letters.iter().enumerate().filter(|(n, (_, letter))| *n < too_many || is_old(letter));
        let gone: Vec<_> = gone.map(|(_, (_, letter))| letter.clone()).collect();
        self.telemetry().tasks.dead(letters.len() - gone.len());
        if gone.is_empty() && events.is_none() {
            return Ok(());
        }
        self.write(|tx| {
            gone.iter().for_each(|letter| letter.discard(tx));
            if let Some(before) = events {
                tx.retain_log(EVENTS, before);
            }
            Ok(())
        })
        .await
    }
}
