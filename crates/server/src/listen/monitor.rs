//! The monitoring listener: what the process tells of itself, to read only and without a secret in it.

use super::connections::Connections;
use super::guarded::Place;
use super::{Answers, Limits, Port, run};
use crate::Peer;
use crate::origin::Origin;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use telemetry::{Exposition, State};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How many connections are served at once.
const CONNECTIONS_MAX: usize = 32;

/// How long a client may take to begin a request, over the head of one, and to read the answer: less than supervisors wait for theirs.
const CLIENT_TIME: Duration = Duration::from_secs(2);

/// How long open requests may take to end once the listener is told to stop.
const DRAIN_TIME: Duration = Duration::from_secs(1);

const OPENMETRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

#[derive(Debug)]
struct Monitor {
    exposition: Arc<Exposition>,
    connections: Arc<Connections>,
}

/// Answers `/metrics`, `/healthz` and `/readyz` until `stop` turns true.
pub async fn monitor(exposition: Arc<Exposition>, listener: TcpListener, stop: watch::Receiver<bool>) {
    let limits = Limits {
        connections: CONNECTIONS_MAX,
        connections_per_address: CONNECTIONS_MAX,
        handshake_time: CLIENT_TIME,
        head_time: CLIENT_TIME,
        answer_time: CLIENT_TIME,
        ..Limits::default()
    };
    let monitor = Monitor { exposition, connections: Connections::new(limits) };
    run(Arc::new(monitor), vec![Port { listener, tls: None }], DRAIN_TIME, stop).await;
}

impl Answers for Monitor {
    fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }

    fn counts(&self) -> Option<&telemetry::Connections> {
        None
    }

    fn origin(&self, ip: IpAddr) -> Option<Origin> {
        Some(Origin::of(ip))
    }

    /// Bodies of requests are never read.
    async fn respond(
        &self,
        request: Request<Incoming>,
        _: Peer,
        place: &Place,
    ) -> Option<Response<Full<Bytes>>> {
        place.seat.serves().then(|| answer(&self.exposition, request.method(), request.uri().path()))
    }
}

fn answer(exposition: &Exposition, method: &Method, path: &str) -> Response<Full<Bytes>> {
    let known = matches!(path, "/metrics" | "/healthz" | "/readyz");
    if known && !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n".to_owned());
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let line = |status, text: &str| respond(status, TEXT, format!("{text}\n"));
    match path {
        "/metrics" => match exposition.encode() {
            Ok(text) => respond(StatusCode::OK, OPENMETRICS, text),
            Err(_) => line(StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written"),
        },
        "/healthz" => health(&exposition.state()),
        "/readyz" => match exposition.state().unready() {
            None => line(StatusCode::OK, "ready"),
            Some(reason) => line(StatusCode::SERVICE_UNAVAILABLE, reason),
        },
        _ => line(StatusCode::NOT_FOUND, "/metrics, /healthz and /readyz are here"),
    }
}

/// The answer of `/healthz`: 503 once only a new start can help.
pub(super) fn health(state: &State) -> Response<Full<Bytes>> {
    match state.poisoned() {
        true => respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, "store failed\n".to_owned()),
        false => respond(StatusCode::OK, TEXT, "alive\n".to_owned()),
    }
}

fn respond(status: StatusCode, kind: HeaderValue, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
