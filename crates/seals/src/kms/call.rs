//! One call, signed, with time limits and a bounded number of attempts.

use super::connect::Endpoint;
use super::{KmsError, KmsSettings};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wire::Timestamp;
use wire::sigv4::{Scope, Signer, SigningKey};
use zeroize::Zeroizing;

/// How long one attempt may take, from the name's resolution to the last byte.
const ATTEMPT_TIME: Duration = Duration::from_secs(10);

/// How long to wait after each attempt that may go better the next time: four attempts in all.
const PAUSES: [Duration; 3] = [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(3)];

/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// The longest part of an error's message that is shown, in characters.
const MESSAGE_CHARS_MAX: usize = 300;

/// What both operations take.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input<'a> {
    pub(super) key_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plaintext: Option<&'a Zeroizing<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ciphertext_blob: Option<&'a str>,
    pub(super) encryption_context: BTreeMap<&'static str, String>,
}

/// What either answers, less what is of no use here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    pub(super) key_id: Option<String>,
    pub(super) plaintext: Option<Zeroizing<String>>,
    pub(super) ciphertext_blob: Option<String>,
}

/// What errors say; services differ in the capitals.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(rename = "__type", default)]
    code: String,
    #[serde(alias = "Message", default)]
    message: String,
}

struct Credentials {
    id: String,
    secret: Zeroizing<String>,
    token: Option<Zeroizing<String>>,
}

/// Makes a call and waits for its answer. May be called within an asynchronous runtime, which it does not use.
pub(super) fn call(
    settings: &KmsSettings,
    operation: &'static str,
    input: &Input<'_>,
) -> Result<Answer, KmsError> {
    let endpoint = Endpoint::new(settings)?;
    let credentials = credentials(settings)?;
    let certificates = match endpoint.secure {
        true => Some(outbound::trusted(settings.ca_file.as_deref())?),
        false => None,
    };
    let mut body = Zeroizing::new(Vec::with_capacity(16 << 10));
    serde_json::to_writer(&mut *body, input).map_err(|error| KmsError::Signing(error.to_string()))?;
    let attempt = async || {
        let exchange = exchange(&endpoint, certificates.clone(), settings, &credentials, operation, &body);
        match tokio::time::timeout(ATTEMPT_TIME, exchange).await {
            Ok(result) => result,
            Err(_) => {
                Err(endpoint.unreachable(format!("no answer within {} seconds", ATTEMPT_TIME.as_secs())))
            }
        }
    };
    let attempts = async {
        for pause in PAUSES {
            match attempt().await {
                Err(error) if may_pass(&error) => {
                    tracing::warn!(%error, "a call to the key management service that opens the keyring failed; trying again in {pause:?}");
                    tokio::time::sleep(pause).await;
                }
                result => return result,
            }
        }
        attempt().await
    };
    // In a thread of its own, since whoever calls may be in a runtime already, where another cannot be waited for.
    std::thread::scope(|scope| {
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let result = runtime.block_on(attempts);
            // Not waiting for a name's resolution that hangs.
            runtime.shutdown_background();
            result
        };
        let thread = std::thread::Builder::new().name("seal-kms".to_owned()).spawn_scoped(scope, run)?;
        thread.join().unwrap_or_else(|_| Err(endpoint.unreachable("the call broke off".to_owned())))
    })
}

/// Whether the next attempt may go better.
fn may_pass(error: &KmsError) -> bool {
    match error {
        KmsError::Unreachable { .. } => true,
        KmsError::Answered { status, code, .. } => {
            *status >= 500 || *status == 429 || code == "ThrottlingException"
        }
        _ => false,
    }
}

fn credentials(settings: &KmsSettings) -> Result<Credentials, KmsError> {
    const ID: &str = "AWS_ACCESS_KEY_ID";
    const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
    const TOKEN: &str = "AWS_SESSION_TOKEN";
    let unset = |variable: &str| crate::SourceError::Unset {
        place: settings
            .credentials
            .as_ref()
            .map_or_else(|| "the environment".to_owned(), |_| "the file".to_owned()),
        variable: variable.to_owned(),
    };
    let mut variables = match &settings.credentials {
        Some(source) => source.variables()?,
        None => {
            let read = |name: &str| Some((name.to_owned(), Zeroizing::new(std::env::var(name).ok()?)));
            [ID, SECRET, TOKEN].into_iter().filter_map(read).collect()
        }
    };
    Ok(Credentials {
        id: variables.remove(ID).ok_or_else(|| unset(ID))?.to_string(),
        secret: variables.remove(SECRET).ok_or_else(|| unset(SECRET))?,
        token: variables.remove(TOKEN).filter(|token| !token.is_empty()),
    })
}

async fn exchange(
    endpoint: &Endpoint,
    certificates: Option<std::sync::Arc<rustls::ClientConfig>>,
    settings: &KmsSettings,
    credentials: &Credentials,
    operation: &'static str,
    body: &Zeroizing<Vec<u8>>,
) -> Result<Answer, KmsError> {
    let request = request(endpoint, settings, credentials, operation, body)?;
    let unreachable = |error: &dyn std::fmt::Display| endpoint.unreachable(error.to_string());
    let stream = endpoint.connect(certificates).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| unreachable(&error))?;
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
    let status = response.status().as_u16();
    let answer = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let answer = answer.map_err(|error| unreachable(&error))?.to_bytes();
    driver.abort();
    if status == 200 {
        return serde_json::from_slice(&answer).map_err(|_| KmsError::Nonsense(endpoint.to_string()));
    }
    let Refusal { code, message } = serde_json::from_slice(&answer).unwrap_or_default();
    // `com.amazonaws.kms#NotFoundException` and `NotFoundException` are one.
    let code = code.rsplit('#').next().unwrap_or_default();
    Err(KmsError::Answered {
        endpoint: endpoint.to_string(),
        operation,
        status,
        code: shown(code),
        message: shown(&message),
    })
}

fn request(
    endpoint: &Endpoint,
    settings: &KmsSettings,
    credentials: &Credentials,
    operation: &str,
    body: &Zeroizing<Vec<u8>>,
) -> Result<http::Request<Full<Bytes>>, KmsError> {
    let signing = |error: &dyn std::fmt::Display| KmsError::Signing(error.to_string());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| signing(&error))?.as_millis();
    let now = Timestamp(i64::try_from(now).map_err(|error| signing(&error))?);
    let head = http::Request::post("/")
        .header(HOST, endpoint.authority())
        .header(CONTENT_TYPE, "application/x-amz-json-1.1")
        .header("x-amz-target", format!("TrentService.{operation}"))
        .body(())
        .map_err(|error| signing(&error))?;
    let (mut parts, ()) = head.into_parts();
    let scope = Scope::at(now, &settings.region, "kms");
    let key = SigningKey::derive(credentials.secret.as_bytes(), &scope);
    let signer = Signer {
        access_key_id: &credentials.id,
        session_token: credentials.token.as_ref().map(|token| token.as_str()),
        scope: &scope,
        key: &key,
    };
    signer.sign(&mut parts, body, now).map_err(|error| signing(&error))?;
    Ok(http::Request::from_parts(parts, Full::new(Bytes::from_owner(body.clone()))))
}

/// Text of another's making, fit for a terminal and a log.
fn shown(text: &str) -> String {
    text.chars().take(MESSAGE_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
