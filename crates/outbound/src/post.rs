//! Sending bytes to an HTTPS server, and learning that it took them.

use crate::trusted;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long one request may take, from the name's resolution to the last byte of the answer.
const TIME: Duration = Duration::from_secs(30);

/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Where bytes are sent.
pub struct Collector {
    uri: Uri,
    host: String,
    authorization: Option<HeaderValue>,
    tls: Arc<ClientConfig>,
}

/// Why a collector did not take what was sent, or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// It is no address of a collector.
    #[error("`{0}` is no https:// URL")]
    Url(String),
    /// The header cannot be sent.
    #[error("the value of the Authorization header has characters that no header may have")]
    Authorization,
    /// There are no certificates to trust.
    #[error("the certificates to trust: {0}")]
    Trust(#[from] crate::NoTrust),
    /// It cannot be reached, or is not who it should be.
    #[error("{host}: {reason}")]
    Unreachable {
        /// The host.
        host: String,
        /// What went wrong.
        reason: String,
    },
    /// It answered, but not that it took what was sent.
    #[error("{host} answered {status}")]
    Refused {
        /// The host.
        host: String,
        /// Its answer.
        status: u16,
    },
}

impl Collector {
    /// The collector at a URL, trusted by the certificates of a file or those of the system, with the value of an `Authorization`
    /// header.
    ///
    /// # Errors
    /// See [`PostError`].
    pub fn new(url: &str, ca_file: Option<&Path>, authorization: Option<&str>) -> Result<Self, PostError> {
        let wrong = || PostError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        if uri.scheme_str() != Some("https") || uri.authority().is_none_or(|at| at.as_str().contains('@')) {
            return Err(wrong());
        }
        let host = uri.host().ok_or_else(wrong)?.trim_start_matches('[').trim_end_matches(']').to_owned();
        let authorization = match authorization {
            Some(text) => {
                let mut value = HeaderValue::from_str(text).map_err(|_| PostError::Authorization)?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        Ok(Self { uri, host, authorization, tls: trusted(ca_file)? })
    }

    /// Sends a body; returns once the collector answered 2xx. Not to be called within an asynchronous runtime.
    ///
    /// # Errors
    /// See [`PostError`]: it may have taken the body all the same.
    pub fn post(&self, content_type: &'static str, body: Vec<u8>) -> Result<(), PostError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| self.unreachable(&error))?;
        let sent = runtime.block_on(async {
            let late = |_| self.unreachable(&format!("no answer within {} seconds", TIME.as_secs()));
            tokio::time::timeout(TIME, self.exchange(content_type, body)).await.map_err(late)?
        });
        // Not waiting for a name's resolution that hangs.
        runtime.shutdown_background();
        sent
    }

    async fn exchange(&self, content_type: &'static str, body: Vec<u8>) -> Result<(), PostError> {
        let port = self.uri.port_u16().unwrap_or(443);
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::post(path).header(HOST, authority).header(CONTENT_TYPE, content_type);
        if let Some(value) = &self.authorization {
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| self.unreachable(&error))?;
        let stream =
            TcpStream::connect((self.host.as_str(), port)).await.map_err(|error| self.unreachable(&error))?;
        let name = ServerName::try_from(self.host.clone()).map_err(|error| self.unreachable(&error))?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await;
        let stream = stream.map_err(|error| self.unreachable(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.unreachable(&error))?;
        let driver = tokio::spawn(connection);
        let response = sender.send_request(request).await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        // Read to its end, so that the collector is not cut off in the middle of its answer.
        let _answer = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        driver.abort();
        if status.is_success() {
            Ok(())
        } else {
            Err(PostError::Refused { host: self.host.clone(), status: status.as_u16() })
        }
    }

    fn unreachable(&self, reason: &dyn std::fmt::Display) -> PostError {
        PostError::Unreachable { host: self.host.clone(), reason: reason.to_string() }
    }
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").field("uri", &self.uri).finish_non_exhaustive()
    }
}
