//! Operators' commands that were refused, or failed: each has its record, if need be once the trail is open again.

use serde_json::{Value, json};
use server::{Clock as _, Deployment, Operator, SystemClock};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use wire::Timestamp;

/// Most refusals that wait for the trail to be opened; of more, the first are counted only.
const WAITING_MAX: usize = 100;

/// The longest cause that a record holds, in bytes.
const CAUSE_BYTES_MAX: usize = 1024;

/// A command that was refused.
#[derive(Debug)]
struct Refusal {
    time: Timestamp,
    by: Operator,
    command: &'static str,
    cause: String,
}

/// Those that could not be recorded yet, since the deployment was sealed.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    refusals: VecDeque<Refusal>,
    left_out: u64,
}

impl Refusals {
    /// Records a refusal, now if there is a deployment, else at the next [`Self::record_waiting`]. The refusal stands whether or not
    /// that succeeds.
    pub(crate) async fn record(
        &self,
        deployment: Option<&Deployment>,
        by: Operator,
        command: &'static str,
        cause: &str,
    ) {
        let cause = cause.get(..cause.floor_char_boundary(CAUSE_BYTES_MAX)).unwrap_or_default().to_owned();
        tracing::warn!(uid = by.uid, command, cause, "an operator's command was refused");
        let refusal = Refusal { time: SystemClock.now(), by, command, cause };
        match deployment {
            Some(deployment) => append(deployment, refusal.details()).await,
            None => {
                let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.refusals.push_back(refusal);
                if waiting.refusals.len() > WAITING_MAX {
                    waiting.refusals.pop_front();
                    waiting.left_out += 1;
                }
            }
        }
    }

    /// Records what was refused while the deployment was sealed.
    pub(crate) async fn record_waiting(&self, deployment: &Deployment) {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if waiting.left_out > 0 {
            append(deployment, json!({ "refusedEarlier": waiting.left_out })).await;
        }
        for refusal in waiting.refusals {
            append(deployment, refusal.details()).await;
        }
    }
}

impl Refusal {
    fn details(&self) -> Value {
        json!({
            "operator": { "uid": self.by.uid, "pid": self.by.pid },
            "command": self.command,
            "cause": self.cause,
            "time": self.time.rfc3339(),
        })
    }
}

async fn append(deployment: &Deployment, details: Value) {
    if let Err(fault) = deployment.record_operator("CommandRefused", details).await {
        tracing::error!(cause = fault.for_operator(), "a refused command could not be recorded");
    }
}
