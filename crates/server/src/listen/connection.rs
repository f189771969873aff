//! One connection: the handshake, then requests until somebody ends it.

use super::body::{self, Unread};
use super::connections::{Connections, End, Seat};
use super::guarded::{Guarded, Place};
use super::limits::{BODY_BYTES_FREE, HEAD_BYTES_MAX, HEADERS_MAX};
use super::socket::Socket;
use super::tls::{self, Tls};
use super::{Answers, Front, monitor};
use crate::Peer;
use crate::origin::Origin;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use wire::Answer;

/// What a client is told that speaks HTTP where TLS is spoken.
const SPEAK_TLS: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 48\r\nConnection: close\r\n\r\n\
                         TLS is spoken here: use https:// instead of http";

/// How long such a client may take to read that.
const FAREWELL: Duration = Duration::from_secs(1);

pub(super) async fn serve<A: Answers>(
    answers: Arc<A>,
    stream: TcpStream,
    ip: IpAddr,
    tls: Option<Arc<Tls>>,
    seat: Seat,
) {
    let counting = Arc::clone(&answers);
    let _open = counting.counts().map(telemetry::Connections::accept);
    // Answers are written whole, so waiting for more to send would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "could not set TCP_NODELAY");
    }
    let place = Place::new(seat, Socket { stream, tls: tls.is_some() });
    // Nothing is allocated for a client that says nothing.
    let first = tokio::select! {
        first = first_byte(&place.socket.stream) => first,
        _ = place.seat.end(false) => return,
    };
    let Some(first) = first else { return };
    let peer = Peer { ip, secure: tls.is_some(), tls: None };
    match tls {
        None => {
            place.seat.opened();
            let socket = Guarded::new(Arc::clone(&place), answers.origin(ip));
            Box::pin(exchange(answers, socket, peer, place)).await;
        }
        Some(_) if first.is_ascii_uppercase() => {
            farewell(Guarded::new(Arc::clone(&place), answers.origin(ip))).await;
        }
        Some(tls) => Box::pin(secure(answers, peer, place, &tls)).await,
    }
}

/// Waits for the first byte, and leaves it where it is.
async fn first_byte(stream: &TcpStream) -> Option<u8> {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1) => Some(first[0]),
        _ => None,
    }
}

/// Tells a client that speaks plain HTTP what it should do.
async fn farewell(mut stream: Guarded) {
    let told = async {
        stream.write_all(SPEAK_TLS.as_bytes()).await?;
        stream.shutdown().await?;
        // Closing with unread bytes would take the answer back.
        tokio::io::copy(&mut (&mut stream).take(HEAD_BYTES_MAX as u64), &mut tokio::io::sink()).await
    };
    let _unread = tokio::time::timeout(FAREWELL, told).await;
}

async fn secure<A: Answers>(answers: Arc<A>, peer: Peer, place: Arc<Place>, tls: &Tls) {
    let Some(config) = tls.config() else {
        tracing::debug!(client = %peer.ip, "refused: there is no certificate yet");
        return;
    };
    let socket = Guarded::new(Arc::clone(&place), answers.origin(peer.ip));
    let shaken = tokio::select! {
        shaken = TlsAcceptor::from(config).accept(socket) => shaken,
        _ = place.seat.end(false) => return,
    };
    match shaken {
        Ok(stream) => {
            place.seat.opened();
            let peer = Peer { tls: Some(tls::facts(stream.get_ref().1)), ..peer };
            exchange(answers, stream, peer, place).await;
        }
        Err(error) => tracing::debug!(%error, client = %peer.ip, "the TLS handshake failed"),
    }
}

/// Serves the requests of a connection.
async fn exchange<A, S>(answers: Arc<A>, stream: S, peer: Peer, place: Arc<Place>)
where
    A: Answers,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let requests = Arc::clone(&place);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (answers, place) = (Arc::clone(&answers), Arc::clone(&requests));
        async move { Ok::<_, Infallible>(answer(&*answers, request, peer, &place).await) }
    });
    let connection = http1::Builder::new()
        // A client that closed its half is answered. Calls look for themselves whether theirs is gone, and hyper need not, with a
        // system call each time the connection is polled.
        .half_close(true)
        // Heads and bodies are short: to copy them together costs less than to hand both to the kernel.
        .writev(false)
        .max_buf_size(HEAD_BYTES_MAX)
        // The buffer may grow beyond its maximum by what one read brings.
        .max_header_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut told = false;
    let ended = loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => break ended,
            end = place.seat.end(told) => match end {
                End::Now => return,
                End::Gently => connection.as_mut().graceful_shutdown(),
            },
        }
        told = true;
    };
    if let Err(error) = ended {
        tracing::debug!(%error, client = %peer.ip, "the connection ended early");
    }
}

async fn answer<A: Answers>(
    answers: &A,
    request: http::Request<Incoming>,
    peer: Peer,
    place: &Place,
) -> http::Response<Full<Bytes>> {
    let response = if place.seat.begins() { answers.respond(request, peer, place).await } else { None };
    // Of a connection that was cut off, the task ends at its next look.
    let Some(response) = response else { return std::future::pending().await };
    let size = hyper::body::Body::size_hint(response.body()).lower();
    place.answers(usize::try_from(size).unwrap_or(usize::MAX));
    response
}

impl Answers for Front {
    fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }

    fn counts(&self) -> Option<&telemetry::Connections> {
        Some(&self.gate.telemetry().connections)
    }

    fn origin(&self, ip: IpAddr) -> Option<Origin> {
        (!self.proxies.trusts(ip)).then(|| Origin::of(ip))
    }

    async fn respond(
        &self,
        request: http::Request<Incoming>,
        mut peer: Peer,
        place: &Place,
    ) -> Option<http::Response<Full<Bytes>>> {
        let seat = &place.seat;
        let (parts, body) = request.into_parts();
        if self.gate.healthz && is_health_check(&parts) {
            return seat.serves().then(|| monitor::health(&self.gate.state()));
        }
        if self.proxies.trusts(peer.ip) {
            match self.proxies.client(peer, &parts.headers) {
                Ok(client) => peer = client,
                Err(_) => {
                    tracing::warn!(proxy = %peer.ip, "a trusted proxy names a client that is no address");
                    return Some(last(empty(StatusCode::BAD_REQUEST)));
                }
            }
        }
        let mut lease = self.connections.budget.lease(self.origin(peer.ip), BODY_BYTES_FREE);
        let response = match body::read(body, seat, &mut lease).await {
            Ok(body) if seat.serves() => written(self.gate.handle(&parts, &body, peer, place.client()).await),
            // That is recorded, so that it must not be cut off either.
            Err(Unread::TooLarge) if seat.serves() => written(self.gate.refuse_body(&parts, peer).await),
            Ok(_) | Err(Unread::TooLarge) => return None,
            Err(Unread::TooSlow) => last(empty(StatusCode::REQUEST_TIMEOUT)),
            Err(Unread::Full) => {
                self.connections.full();
                last(written(self.gate.shed(&parts)))
            }
            Err(Unread::Broken) => last(empty(StatusCode::BAD_REQUEST)),
        };
        Some(response)
    }
}

/// A request that no client of a service makes: unsigned, for a path that is no operation's.
fn is_health_check(parts: &http::request::Parts) -> bool {
    let unsigned = !parts.headers.contains_key(header::AUTHORIZATION) && parts.uri.query().is_none();
    matches!(parts.method, Method::GET | Method::HEAD) && parts.uri.path() == "/healthz" && unsigned
}

fn written(answer: Answer) -> http::Response<Full<Bytes>> {
    let Ok(status) = StatusCode::from_u16(answer.status) else {
        return last(empty(StatusCode::INTERNAL_SERVER_ERROR));
    };
    let mut response = http::Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = status;
    response.headers_mut().extend(answer.headers);
    response
}

/// An answer without a body.
fn empty(status: StatusCode) -> http::Response<Full<Bytes>> {
    let mut response = http::Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// An answer after which the connection is closed.
fn last(mut response: http::Response<Full<Bytes>>) -> http::Response<Full<Bytes>> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
