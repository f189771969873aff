//! Sending spans, out of the way of calls.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use super::{Counts, Endpoint, Span, json};

/// Most spans in one request.
const BATCH_MAX: usize = 512;

/// How long the first span of a request waits for others.
const LINGER: Duration = Duration::from_secs(1);

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the last request may take, when the process stops.
const PATIENCE_AT_END: Duration = Duration::from_secs(2);

/// How long to wait before the second attempt at a request, and before the third and last.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// The largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Sends the spans of a [`Traces`](super::Traces) to the collector.
#[derive(Debug)]
pub struct Exporter {
    incoming: mpsc::Receiver<Span>,
    endpoint: Endpoint,
    resource: Vec<(&'static str, String)>,
    counts: Arc<Counts>,
    /// Whether the last request was taken, so that trouble is told of once.
    works: bool,
}

/// Why spans were not taken.
struct Untaken {
    why: String,
    /// Whether another attempt may help ("OTLP/HTTP response", retryable codes).
    passing: bool,
}

impl Exporter {
    pub(super) fn new(incoming: mpsc::Receiver<Span>, endpoint: Endpoint, counts: Arc<Counts>) -> Self {
        Self { incoming, endpoint, resource: Vec::new(), counts, works: true }
    }

    /// Sends what comes until `stop` turns true, then what is left, once. `resource` names this process to the collector, as in
    /// `("service.name", "fastness")`.
    pub async fn run(mut self, resource: Vec<(&'static str, String)>, mut stop: watch::Receiver<bool>) {
        self.resource = resource;
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            let ended = tokio::select! {
                () = self.gather(&mut batch) => false,
                _gone = stop.wait_for(|stop| *stop) => true,
            };
            if ended {
                break;
            }
            tokio::select! {
                () = self.send(&batch) => {}
                _gone = stop.wait_for(|stop| *stop) => break,
            }
            batch.clear();
        }
        while batch.len() < BATCH_MAX * 4
            && let Ok(span) = self.incoming.try_recv()
        {
            batch.push(span);
        }
        if !batch.is_empty() {
            let result = tokio::time::timeout(PATIENCE_AT_END, self.post(&batch)).await;
            self.note(&batch, result.unwrap_or_else(|_| Err(Untaken::passing("no answer in time"))));
        }
    }

    async fn gather(&mut self, batch: &mut Vec<Span>) {
        if batch.is_empty() {
            match self.incoming.recv().await {
                Some(span) => batch.push(span),
                // Nobody traces any more: wait to be stopped.
                None => std::future::pending().await,
            }
        }
        let full = async {
            while batch.len() < BATCH_MAX
                && let Some(span) = self.incoming.recv().await
            {
                batch.push(span);
            }
        };
        let _waited_enough = tokio::time::timeout(LINGER, full).await;
    }

    async fn send(&mut self, batch: &[Span]) {
        let mut pauses = PAUSES.into_iter();
        loop {
            let result = tokio::time::timeout(PATIENCE, self.post(batch)).await;
            let result = result.unwrap_or_else(|_| Err(Untaken::passing("no answer in time")));
            match (&result, pauses.next()) {
                (Err(untaken), Some(pause)) if untaken.passing => tokio::time::sleep(pause).await,
                _ => return self.note(batch, result),
            }
        }
    }

    /// Posts spans, and gives how many of them were not taken.
    async fn post(&self, batch: &[Span]) -> Result<u64, Untaken> {
        let passing = |error: &dyn std::fmt::Display| Untaken::passing(error);
        let stream = TcpStream::connect(self.endpoint.address()).await.map_err(|error| passing(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| passing(&error))?;
        let request = Request::post(&self.endpoint.path)
            .header(HOST, self.endpoint.authority())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(json::request(&self.resource, batch))))
            .map_err(|error| Untaken { why: error.to_string(), passing: false })?;
        let exchange = async move {
            let response = sender.send_request(request).await.map_err(|error| passing(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            if status.is_success() {
                return Ok(body.map_or(0, |body| json::rejected(&body.to_bytes())));
            }
            Err(Untaken { why: format!("the collector answered {status}"), passing: is_passing(status) })
        };
        // The connection ends when the exchange lets go of its sender; if it ends before, the exchange fails.
        tokio::join!(exchange, connection).0
    }

    fn note(&mut self, batch: &[Span], result: Result<u64, Untaken>) {
        let all = batch.len() as u64;
        let (rejected, trouble) = match result {
            Ok(rejected) => (rejected.min(all), None),
            Err(untaken) => (all, Some(untaken.why)),
        };
        self.counts.exported.fetch_add(all - rejected, Relaxed);
        self.counts.not_taken.fetch_add(rejected, Relaxed);
        match (&trouble, self.works) {
            (Some(cause), true) => tracing::warn!(cause, "the collector takes no spans: they are dropped"),
            (None, false) => tracing::info!("the collector takes spans again"),
            _ => {}
        }
        self.works = trouble.is_none();
    }
}

impl Untaken {
    fn passing(why: &(impl std::fmt::Display + ?Sized)) -> Self {
        Self { why: why.to_string(), passing: true }
    }
}

fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}
