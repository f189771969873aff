//! The monitoring listener: what the process tells of itself, to read only and without a secret in it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::Exposition;

/// The largest head of a request, in bytes: the least that hyper can be told.
const HEAD_BYTES_MAX: usize = 8192;

/// How long a client may take over the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long one connection is served at most.
const CONNECTION_TIME: Duration = Duration::from_secs(600);

/// How many connections are served at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 32;

const OPENMETRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Answers `/metrics`, `/healthz` and `/readyz` until `stop` turns true.
pub async fn monitor(exposition: Arc<Exposition>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _gone = stop.wait_for(|stop| *stop) => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection for monitoring");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let exposition = Arc::clone(&exposition);
        tokio::spawn(async move {
            if tokio::time::timeout(CONNECTION_TIME, serve(exposition, stream)).await.is_err() {
                tracing::debug!("a connection for monitoring was closed for its age");
            }
            drop(permit);
        });
    }
}

async fn serve(exposition: Arc<Exposition>, stream: TcpStream) {
    let service = service_fn(move |request: Request<Incoming>| {
        let exposition = Arc::clone(&exposition);
        async move { Ok::<_, Infallible>(answer(&exposition, request.method(), request.uri().path())) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection for monitoring ended early");
    }
}

/// Bodies of requests are never read.
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
        "/healthz" if exposition.state().poisoned() => line(StatusCode::SERVICE_UNAVAILABLE, "store failed"),
        "/healthz" => line(StatusCode::OK, "alive"),
        "/readyz" => match exposition.state().unready() {
            None => line(StatusCode::OK, "ready"),
            Some(reason) => line(StatusCode::SERVICE_UNAVAILABLE, reason),
        },
        _ => line(StatusCode::NOT_FOUND, "/metrics, /healthz and /readyz are here"),
    }
}

fn respond(status: StatusCode, kind: HeaderValue, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
