//! Traces: one span a call, one below it for its commit, sent to a collector as OTLP over HTTP in its JSON form.
//!
//! A span says what was called, for which region, how it ended and how long it took. It never says with which parameters, by whom
//! or on what: that is in the audit trail, where the request id leads.

mod context;
mod endpoint;
mod export;
mod json;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use tokio::sync::mpsc;

use crate::what::{Outcome, What};
use context::Context;

pub use endpoint::Endpoint;
pub use export::Exporter;

/// How many spans may wait to be sent; those of further calls are dropped and counted.
const QUEUE_MAX: usize = 4096;

/// Decides which calls are traced and hands their spans to an [`Exporter`].
#[derive(Debug)]
pub struct Traces {
    queue: mpsc::Sender<Span>,
    /// Of 2^56 trace ids, so many are sampled.
    sampled: u64,
    counts: Arc<Counts>,
}

/// What is seen of a call that was answered.
#[derive(Debug)]
pub struct Seen<'a> {
    /// What it was for.
    pub what: What,
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status of the answer.
    pub status: u16,
    /// Its request id, a UUID: the trace's id, unless the caller has one.
    pub request_id: &'a str,
    /// The id of its audit record, a UUID: the ids of its spans.
    pub event_id: &'a str,
    /// The region it was for.
    pub region: &'a str,
    /// The caller's place in a trace of its own (W3C Trace Context).
    pub traceparent: Option<&'a HeaderValue>,
    /// When it began.
    pub began: Instant,
    /// When its commit began and ended, if that was measured.
    pub commit: Option<(Instant, Instant)>,
}

/// What became of spans.
#[derive(Debug, Default)]
struct Counts {
    exported: AtomicU64,
    queue_full: AtomicU64,
    not_taken: AtomicU64,
}

/// A call's span, and that of its commit.
#[derive(Debug)]
struct Span {
    context: Context,
    what: What,
    outcome: Outcome,
    status: u16,
    request_id: String,
    region: String,
    /// Since the epoch.
    start: Duration,
    end: Duration,
    commit: Option<(Duration, Duration)>,
}

impl Traces {
    /// Traces that go to `endpoint`, of `ratio` (from 0 to 1) of the calls that bring no decision of their own with them.
    pub fn new(endpoint: Endpoint, ratio: f64) -> (Self, Exporter) {
        let (queue, incoming) = mpsc::channel(QUEUE_MAX);
        let counts = Arc::<Counts>::default();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 2^56")]
        let sampled = (ratio.clamp(0.0, 1.0) * context::DRAWS as f64) as u64;
        let exporter = Exporter::new(incoming, endpoint, Arc::clone(&counts));
        (Self { queue, sampled, counts }, exporter)
    }

    /// Takes note of a call, if it is sampled. Never waits: without room in the queue the span is dropped and counted.
    pub fn note(&self, seen: &Seen<'_>) {
        // Who is not known may not decide that we keep a span.
        let parent = seen.traceparent.filter(|_| seen.outcome != Outcome::Unauthenticated);
        let Some(context) = Context::of(parent, seen.request_id, seen.event_id, self.sampled) else { return };
        let Ok(place) = self.queue.try_reserve() else {
            self.counts.queue_full.fetch_add(1, Relaxed);
            return;
        };
        let now = (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        let time = |at: Instant| now.1.saturating_sub(now.0.saturating_duration_since(at));
        place.send(Span {
            context,
            what: seen.what,
            outcome: seen.outcome,
            status: seen.status,
            request_id: seen.request_id.to_owned(),
            region: seen.region.to_owned(),
            start: time(seen.began),
            end: now.1,
            commit: seen.commit.map(|(began, ended)| (time(began), time(ended))),
        });
    }

    /// Calls whose spans the collector took, and those whose spans were dropped, by why.
    pub(crate) fn counts(&self) -> (u64, [(&'static str, u64); 2]) {
        let dropped = [
            ("queue_full", self.counts.queue_full.load(Relaxed)),
            ("not_taken", self.counts.not_taken.load(Relaxed)),
        ];
        (self.counts.exported.load(Relaxed), dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Protocol;

    #[test]
    fn a_full_queue_drops_and_counts() {
        let (traces, exporter) = Traces::new("http://127.0.0.1:1".parse().unwrap(), 1.0);
        let seen = Seen {
            what: What { service: None, operation: None, protocol: Protocol::Query },
            outcome: Outcome::Ok,
            status: 200,
            request_id: "0af76519-16cd-43dd-8448-eb211c80319c",
            event_id: "b7ad6b71-6920-4333-9aaa-bbbbccccdddd",
            region: "us-east-1",
            traceparent: None,
            began: Instant::now(),
            commit: None,
        };
        (0..QUEUE_MAX + 7).for_each(|_| traces.note(&seen));
        assert_eq!(traces.counts(), (0, [("queue_full", 7), ("not_taken", 0)]));
        // Nobody to send to any more is no reason to fail either.
        drop(exporter);
        traces.note(&seen);
        assert_eq!(traces.counts(), (0, [("queue_full", 8), ("not_taken", 0)]));
    }
}
