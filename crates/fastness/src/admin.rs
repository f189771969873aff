//! Commands that reach a running server through its operator's channel.

use crate::deployment::Data;
use crate::opening::{Opening, Unopened};
use crate::{Failure, failure};
use keyring::Passphrase;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use server::{Commands, Gate, Operator, SealError};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Notify};
use zeroize::Zeroizing;

/// How long a server may take over a command.
const PATIENCE: Duration = Duration::from_secs(600);

/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// The longest request id that is looked for, in bytes; those made here have 36.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// A command, as it goes over the channel. Also those without members are structs: only so does serde refuse members that it does
/// not know.
#[derive(Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Command {
    /// Tells the state of the server.
    Status {},
    /// Lets go of all keys.
    Seal {},
    /// Opens the keyring as the configuration says.
    Unseal {},
    /// Opens the keyring with a passphrase.
    UnsealWithPassphrase { passphrase: Zeroizing<String> },
    /// Tells what is known of a request.
    Why { request_id: String },
}

/// Sends a command to the server of a data directory and waits for its answer.
pub(crate) fn ask(data: &Data, command: &Command) -> Result<Value, Failure> {
    let path = data.admin_socket();
    let absent = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => {
            failure(data.path().display(), "no server is running here")
        }
        _ => failure(path.display(), error),
    };
    let mut stream = UnixStream::connect(server::reachable(&path).map_err(absent)?.path()).map_err(absent)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = Zeroizing::new(serde_json::to_vec(command)?);
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut answer)?;
    let mut answer: Value =
        serde_json::from_str(&answer).map_err(|_| Failure("the server ended before it answered".into()))?;
    match answer.get("error").and_then(Value::as_str) {
        Some(error) => Err(Failure(error.to_owned())),
        None => Ok(answer.get_mut("ok").map(Value::take).unwrap_or_default()),
    }
}

/// The running server, as its operator commands it.
pub(crate) struct Commanded {
    pub(crate) gate: Arc<Gate>,
    pub(crate) opening: Opening,
    /// Commands that change the state of the seal come one after the other.
    pub(crate) sealing: Mutex<()>,
    /// Told when the deployment was sealed.
    pub(crate) sealed: Notify,
    /// Whether that has been told: then this process is about to start anew, and takes no more commands.
    pub(crate) ending: AtomicBool,
}

impl Commands for Commanded {
    async fn run(&self, command: &[u8], by: Operator) -> Result<Value, String> {
        if self.ending.load(Ordering::Relaxed) {
            return Err("the server is starting anew".to_owned());
        }
        let command = serde_json::from_slice(command).map_err(|error| format!("not a command: {error}"))?;
        let result = match command {
            Command::Status {} => Ok(self.status()),
            Command::Seal {} => self.seal(by).await,
            Command::Why { request_id } => match self.gate.deployment() {
                Some(deployment) => explain(&deployment, &request_id, Some(by)).await,
                None => Err(SealError::Sealed.into()),
            },
            Command::Unseal {} => self.unseal(by, |opening| opening.configured()).await,
            Command::UnsealWithPassphrase { passphrase } => {
                let bytes = Zeroizing::new(passphrase.as_bytes().to_vec());
                self.unseal(by, |opening| opening.with(&Passphrase::new(bytes))).await
            }
        };
        result.map_err(|Failure(message)| message)
    }
}

impl Commanded {
    fn status(&self) -> Value {
        json!({ "sealed": self.gate.deployment().is_none(), "pid": std::process::id() })
    }

    async fn seal(&self, by: Operator) -> Result<Value, Failure> {
        let _sealing = self.sealing.lock().await;
        let deployment = self.gate.deployment().ok_or(SealError::Sealed)?;
        deployment
            .record_operator("Seal", said_by(by))
            .await
            .map_err(|fault| Failure(fault.for_operator()))?;
        drop(deployment);
        tracing::warn!(uid = by.uid, "sealing: no more calls are served");
        let sealed = self.gate.seal().await;
        // Whatever came of it, the process starts anew.
        self.ending.store(true, Ordering::Relaxed);
        self.sealed.notify_one();
        sealed?;
        Ok(self.status())
    }

    async fn unseal(
        &self,
        by: Operator,
        open: impl FnOnce(&Opening) -> Result<Arc<server::Deployment>, Unopened>,
    ) -> Result<Value, Failure> {
        let _sealing = self.sealing.lock().await;
        if self.gate.deployment().is_some() {
            return Err(Failure("it is not sealed".to_owned()));
        }
        // Argon2id, or a device, takes its time.
        let deployment = tokio::task::block_in_place(|| open(&self.opening)).map_err(|unopened| {
            tracing::warn!(uid = by.uid, cause = unopened.to_string(), "an attempt to unseal failed");
            Failure(unopened.to_string())
        })?;
        let recorded = deployment.record_operator("Unseal", said_by(by)).await;
        recorded.map_err(|fault| Failure(fault.for_operator()))?;
        self.gate.open(deployment).map_err(|_| Failure("it is not sealed".to_owned()))?;
        tracing::info!(uid = by.uid, "unsealed");
        Ok(self.status())
    }
}

/// What is known of a request. That it was asked is recorded, with who asked.
pub(crate) async fn explain(
    deployment: &server::Deployment,
    request_id: &str,
    by: Option<Operator>,
) -> Result<Value, Failure> {
    if request_id.len() > REQUEST_ID_BYTES_MAX {
        return Err(Failure("that is no request id: it is too long".to_owned()));
    }
    let mut details = by.map_or_else(|| json!({}), said_by);
    if let Some(details) = details.as_object_mut() {
        details.insert("requestId".to_owned(), request_id.into());
    }
    let recorded = deployment.record_operator("ExplainRequest", details).await;
    recorded.map_err(|fault| Failure(fault.for_operator()))?;
    // The whole trail may have to be read.
    let known = tokio::task::block_in_place(|| deployment.explain_request(request_id));
    known.map_err(|fault| Failure(fault.for_operator()))
}

/// Who gave a command, for its record.
fn said_by(by: Operator) -> Value {
    json!({ "operator": { "uid": by.uid, "pid": by.pid } })
}
