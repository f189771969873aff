//! The listener: HTTP/1.1 under limits, over TLS or plain.

mod body;
mod budget;
mod connection;
mod connections;
mod guarded;
mod identity;
mod limits;
mod proxies;
mod tls;

pub use identity::{Identity, IdentityError};
pub use limits::{BODY_BYTES_MAX, Limits};
pub use proxies::{Network, NetworkError, Proxies};
pub use tls::{Clients, Tls, TlsError};

use crate::Gate;
use crate::origin::Origin;
use connections::Connections;
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

impl Front {
    /// Whom memory is counted for; nobody if it is a proxy that speaks for many.
    fn origin(&self, ip: IpAddr) -> Option<Origin> {
        (!self.proxies.trusts(ip)).then(|| Origin::of(ip))
    }
}

/// Serves on all ports until `stop` turns true, then lets open requests end.
pub async fn listen(
    gate: Arc<Gate>,
    ports: Vec<Port>,
    limits: Limits,
    proxies: Proxies,
    stop: watch::Receiver<bool>,
) {
    let connections = Connections::new(limits);
    let front = Arc::new(Front { gate, connections: Arc::clone(&connections), proxies });
    let mut accepting = tokio::task::JoinSet::new();
    for port in ports {
        accepting.spawn(accept(Arc::clone(&front), port, stop.clone()));
    }
    let mut sweep = std::pin::pin!(connections.sweep());
    tokio::select! {
        _ = accepting.join_all() => {}
        () = &mut sweep => {}
    }
    let drained = tokio::select! {
        drained = connections.drain(DRAIN_TIME) => drained,
        () = &mut sweep => false,
    };
    if !drained {
        tracing::warn!("some requests did not end in time and were cut off");
    }
}

async fn accept(front: Arc<Front>, port: Port, mut stop: watch::Receiver<bool>) {
    let mut failing = false;
    loop {
        let permit = tokio::select! {
            permit = front.connections.room() => permit,
            () = stopped(&mut stop) => break,
        };
        let accepted = tokio::select! {
            accepted = port.listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        match accepted {
            Ok((stream, address)) => {
                failing = false;
                let counted =
                    !address.ip().to_canonical().is_loopback() && !front.proxies.trusts(address.ip());
                let Some(seat) = front.connections.seat(address.ip(), counted, permit) else {
                    continue;
                };
                tokio::spawn(connection::serve(Arc::clone(&front), stream, address, port.tls.clone(), seat));
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
