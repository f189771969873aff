//! What is told of calls, and of the deployment as a whole, to those who watch.

use crate::reply::Reply;
use crate::{Deployment, Gate};
use platform::{Call, TRAIL, Tx};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use telemetry::{Begun, ClockState, Seen, State, Telemetry, What};
use wire::Answer;
use wire::route::{Route, RouteError};

/// What a request is for, as far as the router knows.
pub(crate) fn what(routed: &Result<Route, RouteError>) -> What {
    match routed {
        Ok(route) => {
            let (service, operation) = (Some(route.service), Some(route.operation));
            What { service, operation, protocol: route.protocol }
        }
        Err(error) => What { service: error.service, operation: None, protocol: error.protocol },
    }
}

impl Deployment {
    /// Notes how a call ended, and gives its answer.
    pub(crate) fn seen(
        &self,
        begun: Begun<'_>,
        parts: &http::request::Parts,
        body_len: usize,
        call: &Call,
        what: What,
        reply: Reply,
    ) -> Answer {
        let Reply { answer, outcome, commit } = reply;
        let began = begun.end(&what, outcome, body_len, answer.body.len());
        if let Some(traces) = &self.telemetry().traces {
            traces.note(&Seen {
                what,
                outcome,
                status: answer.status,
                request_id: &call.request_id,
                event_id: &call.event_id,
                region: &call.region,
                traceparent: parts.headers.get("traceparent"),
                began,
                commit,
            });
        }
        // The trail has the rest, by the request id. Whoever may call could fill a log that had a line a call.
        tracing::debug!(
            request_id = call.request_id,
            service = what.service(),
            operation = what.operation(),
            outcome = outcome.name(),
            status = answer.status,
            "answered"
        );
        answer
    }

    /// Awaits a commit, and takes its time if calls are traced.
    pub(crate) async fn timed<T>(&self, commit: impl Future<Output = T>) -> (T, Option<(Instant, Instant)>) {
        let began = self.telemetry().traces.is_some().then(Instant::now);
        let done = commit.await;
        (done, began.map(|began| (began, Instant::now())))
    }
}

impl Gate {
    /// Has calls counted and traced here, those that are refused while sealed among them.
    #[must_use]
    pub fn with_telemetry(mut self, telemetry: Arc<Telemetry>) -> Self {
        self.telemetry = telemetry;
        self
    }

    /// Answers `GET /healthz` without a signature where the APIs are served, as the monitoring listener does.
    #[must_use]
    pub fn with_healthz(mut self, healthz: bool) -> Self {
        self.healthz = healthz;
        self
    }

    /// What is counted of calls and connections.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// What the deployment behind the gate can do now.
    pub fn state(&self) -> State {
        let Some(deployment) = self.deployment() else { return State { sealed: true, ..State::default() } };
        let mut slots = BTreeMap::new();
        for slot in deployment.env.keyring.slots() {
            *slots.entry(slot.kind().name()).or_default() += 1;
        }
        let tx = Tx::begin(&deployment.store, &deployment.env.keyring);
        State {
            stopping: false,
            sealed: false,
            slots: slots.into_iter().collect(),
            store: Some(deployment.store.stats()),
            clock: deployment.moment().ok().map(|moment| ClockState {
                held: moment.held,
                ahead_seconds: (moment.clock.0.saturating_sub(moment.known.0)) / 1000,
            }),
            audit_records: Some(tx.log_bounds(TRAIL).1),
        }
    }
}
