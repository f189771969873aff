//! The listener: HTTP/1.1 under limits, over TLS or plain.

mod body;
mod budget;
mod connection;
mod connections;
mod guarded;
mod identity;
mod limits;
mod monitor;
mod proxies;
mod socket;
mod tls;

pub use identity::{Identity, IdentityError};
pub use limits::{BODY_BYTES_MAX, Limits};
pub use monitor::monitor;
pub use proxies::Proxies;
pub use tls::{Clients, Tls, TlsError};

use crate::origin::Origin;
use crate::{Gate, Peer};
use bytes::Bytes;
use connections::Connections;
use guarded::Place;
use http_body_util::Full;
use hyper::body::Incoming;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long open requests may take to end once the listener is told to stop.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// How long to wait when a connection could not be accepted for lack of something.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A port, and what is spoken on it.
#[derive(Debug)]
pub struct Port {
    /// Where connections come in.
    pub listener: TcpListener,
    /// TLS, or none for plain HTTP.
    pub tls: Option<Arc<Tls>>,
}

/// What all ports have in common.
#[derive(Debug)]
struct Front {
    gate: Arc<Gate>,
    connections: Arc<Connections>,
    proxies: Proxies,
}

/// What answers the requests of a listener.
trait Answers: Send + Sync + 'static {
    /// Its connections.
    fn connections(&self) -> &Arc<Connections>;

    /// Where they are counted for those who watch.
    fn counts(&self) -> Option<&telemetry::Connections>;

    /// Whom connections and memory are counted for; nobody if it is a proxy that speaks for many.
    fn origin(&self, ip: IpAddr) -> Option<Origin>;

    /// The answer to a request; none if its connection was cut off before it was there as a whole.
    fn respond(
        &self,
        request: http::Request<Incoming>,
        peer: Peer,
        place: &Place,
    ) -> impl Future<Output = Option<http::Response<Full<Bytes>>>> + Send;
}

/// Serves on all ports until `stop` turns true, then lets open requests end.
pub async fn listen(
    gate: Arc<Gate>,
    ports: Vec<Port>,
    limits: Limits,
    proxies: Proxies,
    stop: watch::Receiver<bool>,
) {
    let front = Front { gate, connections: Connections::new(limits), proxies };
    run(Arc::new(front), ports, DRAIN_TIME, stop).await;
}

/// Serves on all ports until `stop` turns true, then lets open requests end for so long.
async fn run<A: Answers>(
    answers: Arc<A>,
    ports: Vec<Port>,
    drain_time: Duration,
    stop: watch::Receiver<bool>,
) {
    let connections = answers.connections();
    let mut accepting = tokio::task::JoinSet::new();
    for port in ports {
        accepting.spawn(accept(Arc::clone(&answers), port, stop.clone()));
    }
    let mut sweep = std::pin::pin!(connections.sweep());
    tokio::select! {
        _ = accepting.join_all() => {}
        () = &mut sweep => {}
    }
    let drained = tokio::select! {
        drained = connections.drain(drain_time) => drained,
        () = &mut sweep => false,
    };
    if !drained {
        tracing::warn!("some requests did not end in time and were cut off");
    }
}

async fn accept<A: Answers>(answers: Arc<A>, port: Port, mut stop: watch::Receiver<bool>) {
    let connections = answers.connections();
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            accepted = port.listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        match accepted {
            Ok((stream, address)) => {
                failing = false;
                // Only for one that is there are others closed.
                let permit = tokio::select! {
                    permit = connections.room() => permit,
                    () = stopped(&mut stop) => break,
                };
                let ip = address.ip();
                let counted = !ip.to_canonical().is_loopback() && answers.origin(ip).is_some();
                let Some(seat) = connections.seat(ip, counted, permit) else { continue };
                tokio::spawn(connection::serve(Arc::clone(&answers), stream, ip, port.tls.clone(), seat));
            }
            // The client was gone before its turn came.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => {
                // Out of file descriptors, most likely: connections that end will free some.
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "could not accept a connection, trying on");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Waits until the server is told to stop, or whoever could tell it is gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _gone = stop.wait_for(|stop| *stop).await;
}
