//! One call to a proxy: signed, within its time, and once more if a kept connection turns out to be gone.

use crate::connect::connect;
use crate::message::{refusal, unreadable};
use crate::pool::{Place, Pool, Sender};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use platform::{DeviceError, Trouble};
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use wire::Timestamp;
use wire::sigv4::{Scope, Signer, SigningKey};
use wire::xks::SIGNING_NAME;

/// The longest answer, in bytes: more than any of the specification.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// What is asked, before it is signed.
pub(crate) struct Request {
    pub(crate) place: Place,
    pub(crate) path: String,
    pub(crate) region: String,
    pub(crate) access_key_id: String,
    pub(crate) body: Bytes,
}

impl Request {
    /// Signs `host` and `x-amz-date`, as KMS does ("Appendix A").
    fn sign(&self, secret: &[u8]) -> Result<http::Request<Full<Bytes>>, DeviceError> {
        let impossible =
            |error: &dyn std::fmt::Display| DeviceError::new(Trouble::Internal, error.to_string());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| impossible(&error))?;
        let now = Timestamp(i64::try_from(now.as_millis()).map_err(|error| impossible(&error))?);
        let request = http::Request::post(&self.path).header(HOST, &self.place.0).body(());
        let (mut parts, ()) = request.map_err(|error| impossible(&error))?.into_parts();
        let scope = Scope::at(now, &self.region, SIGNING_NAME);
        let key = SigningKey::derive(secret, &scope);
        let signer =
            Signer { access_key_id: &self.access_key_id, session_token: None, scope: &scope, key: &key };
        signer.sign(&mut parts, &self.body, now).map_err(|error| impossible(&error))?;
        parts.headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        Ok(http::Request::from_parts(parts, Full::new(self.body.clone())))
    }
}

/// Why an exchange did not come about.
enum Broken {
    /// The connection ended before anything of an answer came.
    Gone(String),
    /// Another trouble.
    Trouble(DeviceError),
}

/// Asks, and gives the body of what is a success.
pub(crate) async fn call(
    pool: &Pool,
    tls: Arc<ClientConfig>,
    request: &Request,
    secret: &[u8],
) -> Result<Bytes, DeviceError> {
    if let Some(kept) = pool.take(&request.place) {
        match exchange(pool, kept, request, secret).await {
            // The proxy has closed it in the meantime. All calls can be repeated: none changes anything.
            Err(Broken::Gone(_)) => {}
            Err(Broken::Trouble(error)) => return Err(error),
            Ok(answer) => return Ok(answer),
        }
    }
    let (host, way) = &request.place;
    let stream = connect(way, host, tls).await?;
    let unreachable = |error: hyper::Error| DeviceError::new(Trouble::NotReachable, error.to_string());
    let (sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(unreachable)?;
    // It ends with the last who can send on it.
    tokio::spawn(connection);
    exchange(pool, sender, request, secret).await.map_err(|broken| match broken {
        Broken::Gone(context) => DeviceError::new(Trouble::NotReachable, context),
        Broken::Trouble(error) => error,
    })
}

async fn exchange(
    pool: &Pool,
    mut sender: Sender,
    request: &Request,
    secret: &[u8],
) -> Result<Bytes, Broken> {
    let signed = request.sign(secret).map_err(Broken::Trouble)?;
    let response = sender.send_request(signed).await.map_err(|error| {
        if error.is_parse() {
            Broken::Trouble(unreadable("the answer is not HTTP/1.1"))
        } else {
            Broken::Gone(error.to_string())
        }
    })?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| Broken::Trouble(unreadable(&error.to_string())))?.to_bytes();
    pool.keep(&request.place, sender);
    if status == 200 { Ok(body) } else { Err(Broken::Trouble(refusal(status, &body))) }
}
