//! The way to a service: over TLS, or on loopback in plain.

use super::{KmsError, KmsSettings};
use http::Uri;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A connection of either kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Where a service listens.
pub(super) struct Endpoint {
    pub(super) secure: bool,
    /// As it stands in the URL: an IPv6 address in brackets.
    host: String,
    port: Option<u16>,
}

impl Endpoint {
    /// The one that the settings name, or AWS's.
    pub(super) fn new(settings: &KmsSettings) -> Result<Self, KmsError> {
        let text = match &settings.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => format!("https://kms.{}.amazonaws.com", settings.region),
        };
        let wrong = || KmsError::Endpoint(text.clone());
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        let authority =
            uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(wrong)?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong());
        }
        Ok(Self { secure, host: authority.host().to_owned(), port: authority.port_u16() })
    }

    /// As the `Host` header has it.
    pub(super) fn authority(&self) -> String {
        self.port.map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }

    /// The port, or the scheme's own.
    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(if self.secure { 443 } else { 80 })
    }

    pub(super) fn unreachable(&self, reason: String) -> KmsError {
        KmsError::Unreachable { endpoint: self.to_string(), reason }
    }

    /// Connects, with TLS if certificates to trust are given.
    pub(super) async fn connect(&self, tls: Option<Arc<ClientConfig>>) -> Result<Box<dyn Stream>, KmsError> {
        let unreachable = |error: std::io::Error| {
            let confined = match error.kind() {
                ErrorKind::PermissionDenied => {
                    ": a running server reaches only the ports that were configured when it started; start it anew"
                }
                _ => "",
            };
            self.unreachable(format!("{error}{confined}"))
        };
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let port = self.port();
        let Some(tls) = tls else {
            // Addresses are looked at and connected to, not the name twice, which may mean something else the second time.
            let found = tokio::net::lookup_host((host, port)).await.map_err(unreachable)?;
            let near: Vec<SocketAddr> = found.filter(|address| address.ip().is_loopback()).collect();
            if near.is_empty() {
                return Err(KmsError::Plain(self.to_string()));
            }
            return Ok(Box::new(TcpStream::connect(near.as_slice()).await.map_err(unreachable)?));
        };
        let stream = TcpStream::connect((host, port)).await.map_err(unreachable)?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| KmsError::Endpoint(self.to_string()))?;
        let stream =
            TlsConnector::from(tls).connect(name, stream).await.map_err(|error| match error.kind() {
                // As tokio-rustls calls what rustls itself refuses.
                ErrorKind::InvalidData => {
                    KmsError::Untrusted { endpoint: self.to_string(), reason: error.to_string() }
                }
                _ => unreachable(error),
            })?;
        Ok(Box::new(stream))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.secure { "https" } else { "http" }, self.authority())
    }
}
