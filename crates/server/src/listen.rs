//! The listener: HTTP/1.1 under limits.

use crate::{Gate, Peer};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// The largest request body, in bytes. The largest input of the services there are is a policy of 128 KiB, which grows to
/// three times that in a form.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// How long a client may take over the head of a request, and how long a connection may stay idle.
const HEAD_TIME: Duration = Duration::from_secs(60);

/// How long a client may take over the body of a request.
const BODY_TIME: Duration = Duration::from_secs(30);

/// How many connections are served at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 16_384;

/// How long open requests may take to end once the listener is told to stop.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// Accepts connections until `stop` turns true, then lets open requests end.
pub async fn listen(gate: Arc<Gate>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: connections that end will free some.
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (gate, stop) = (Arc::clone(&gate), stop.clone());
        tokio::spawn(async move {
            serve(gate, stream, address, stop).await;
            drop(permit);
        });
    }
    let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
    if tokio::time::timeout(DRAIN_TIME, room.acquire_many(all)).await.is_err() {
        tracing::warn!("some requests did not end in time and were cut off");
    }
}

async fn serve(gate: Arc<Gate>, stream: TcpStream, address: SocketAddr, mut stop: watch::Receiver<bool>) {
    // Answers are written whole, so waiting for more to send would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "could not set TCP_NODELAY");
    }
    let peer = Peer { ip: address.ip(), tls: None };
    let service = service_fn(move |request: http::Request<Incoming>| {
        let gate = Arc::clone(&gate);
        async move { Ok::<_, Infallible>(answer(&gate, request, peer).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        // A call goes on when its client hangs up: it is recorded either way. So hyper need not look, with a system call each time
        // the connection is polled, whether the client is still there.
        .half_close(true)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, client = %address, "the connection ended early");
    }
}

async fn answer(gate: &Gate, request: http::Request<Incoming>, peer: Peer) -> http::Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let collected = tokio::time::timeout(BODY_TIME, Limited::new(body, BODY_BYTES_MAX).collect()).await;
    let answer = match collected {
        Ok(Ok(body)) => gate.handle(&parts, &body.to_bytes(), peer).await,
        Ok(Err(error)) if error.is::<LengthLimitError>() => gate.refuse_body(&parts, peer).await,
        // The client sent a malformed chunk, or went away and reads no answer.
        Ok(Err(_)) => return plain(http::StatusCode::BAD_REQUEST),
        Err(_) => return plain(http::StatusCode::REQUEST_TIMEOUT),
    };
    let mut response = http::Response::new(Full::new(Bytes::from(answer.body)));
    match http::StatusCode::from_u16(answer.status) {
        Ok(status) => *response.status_mut() = status,
        Err(_) => return plain(http::StatusCode::INTERNAL_SERVER_ERROR),
    }
    response.headers_mut().extend(answer.headers);
    response
}

/// Waits until the server is told to stop, or whoever could tell it is gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _gone = stop.wait_for(|stop| *stop).await;
}

fn plain(status: http::StatusCode) -> http::Response<Full<Bytes>> {
    let mut response = http::Response::new(Full::default());
    *response.status_mut() = status;
    response
}
