//! Commands that reach a running server through its operator's channel.

use crate::deployment::Data;
use crate::opening::{Opening, Unopened};
use crate::{Failure, backup, failure, verify};
use keyring::Passphrase;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use server::{Commands, Gate, Operator, SealError};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

/// How long a server may take over a command: a backup of very much data.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

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
    /// Writes a backup.
    Backup { to: PathBuf },
    /// Walks everything that is stored.
    Verify { contains: Vec<String> },
}

/// Sends a command to the server of a data directory and waits for its answer.
pub(crate) fn ask(data: &Data, command: &Command) -> Result<Value, Failure> {
    ask_running(data, command)?.ok_or_else(|| failure(data.path().display(), "no server is running here"))
}

/// Sends a command to the server of a data directory, if one is running, and waits for its answer.
pub(crate) fn ask_running(data: &Data, command: &Command) -> Result<Option<Value>, Failure> {
    let path = data.admin_socket();
    let connected = server::reachable(&path).and_then(|reachable| UnixStream::connect(reachable.path()));
    let mut stream = match connected {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(failure(path.display(), error)),
    };
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
        None => Ok(Some(answer.get_mut("ok").map(Value::take).unwrap_or_default())),
    }
}

/// The running server, as its operator commands it.
pub(crate) struct Commanded {
    pub(crate) gate: Arc<Gate>,
    pub(crate) opening: Opening,
    /// Commands that change the state of the seal come one after the other.
    pub(crate) sealing: Mutex<()>,
}

impl Commands for Commanded {
    async fn run(&self, command: &[u8], by: Operator) -> Result<Value, String> {
        let command = serde_json::from_slice(command).map_err(|error| format!("not a command: {error}"))?;
        let result = match command {
            Command::Status {} => Ok(self.status()),
            Command::Seal {} => self.seal(by).await,
            Command::Unseal {} => self.unseal(by, |opening| opening.configured()).await,
            Command::Backup { to } => self.backup(by, &to).await,
            Command::Verify { contains } => self.verify(by, &contains).await,
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
        json!({ "sealed": self.gate.deployment().is_none() })
    }

    async fn backup(&self, by: Operator, to: &Path) -> Result<Value, Failure> {
        let deployment = self.gate.deployment().ok_or_else(sealed)?;
        let stop = || self.gate.deployment().is_none();
        let made = backup::make(&deployment, &self.opening, to, said_by(by), &stop).await?;
        tracing::info!(uid = by.uid, path = %made.path.display(), head = made.head, "backed up");
        Ok(made.to_json())
    }

    async fn verify(&self, by: Operator, contains: &[String]) -> Result<Value, Failure> {
        let deployment = self.gate.deployment().ok_or_else(sealed)?;
        deployment
            .record_operator("Verify", said_by(by))
            .await
            .map_err(|fault| Failure(fault.for_operator()))?;
        let stop = || self.gate.deployment().is_none();
        Ok(serde_json::to_value(verify::verify_running(&deployment, contains, &stop).await?)?)
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
        self.gate.seal().await?;
        tracing::warn!("sealed: keys and store are let go of");
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

fn sealed() -> Failure {
    Failure("it is sealed: unseal it first".to_owned())
}

/// Who gave a command, for its record.
fn said_by(by: Operator) -> Value {
    json!({ "operator": { "uid": by.uid, "pid": by.pid } })
}
