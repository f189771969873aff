//! Connections to proxies, over TLS.

use crate::settings::Way;
use platform::{DeviceError, Trouble};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Connects, and makes sure that it is `host` who answers.
pub(crate) async fn connect(
    way: &Way,
    host: &str,
    tls: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, DeviceError> {
    let unreachable = |error: std::io::Error| DeviceError::new(Trouble::NotReachable, error.to_string());
    let stream = match way {
        Way::Address(address) => TcpStream::connect(address).await,
        Way::Name(name, port) => {
            // Addresses are looked at and connected to, not the name twice, which may mean something else the second time.
            let found = tokio::net::lookup_host((name.as_str(), *port)).await.map_err(unreachable)?;
            let public: Vec<SocketAddr> = found.filter(|address| is_elsewhere(address.ip())).collect();
            TcpStream::connect(public.as_slice()).await
        }
    };
    let stream = stream.map_err(unreachable)?;
    // Small messages, of which each waits for the one before.
    stream.set_nodelay(true).map_err(unreachable)?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| DeviceError::new(Trouble::InvalidConfiguration, "the endpoint names no host"))?;
    TlsConnector::from(tls).connect(name, stream).await.map_err(|error| match error.kind() {
        // As tokio-rustls calls what rustls itself refuses, and what an end in the middle of a handshake is.
        ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
            DeviceError::new(Trouble::InvalidTls, error.to_string())
        }
        _ => unreachable(error),
    })
}

/// Whether an address can be one of another machine that the public reaches by name. Whoever may make key stores must not reach this
/// machine's own listeners, or its provider's metadata, by naming them: that takes an operator.
fn is_elsewhere(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            !(ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_broadcast())
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_multicast())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_addresses_are_not_reached_by_name() {
        for near in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "::ffff:127.0.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "::",
            "fe80::1",
        ] {
            assert!(!is_elsewhere(near.parse().unwrap()), "{near}");
        }
        for far in ["192.0.2.1", "10.0.0.1", "2001:db8::1"] {
            assert!(is_elsewhere(far.parse().unwrap()), "{far}");
        }
    }
}
