//! The operator's channel: a Unix socket in the data directory, over which commands reach the running server.
//!
//! One connection carries one command, a line of JSON, and its answer, a line of JSON: `{"ok": …}` or `{"error": "…"}`. Who may
//! open the socket (mode 0600) and is the server's own user or root is the operator; the kernel tells who it is.

use crate::listen::stopped;
use serde_json::{Value, json};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use zeroize::Zeroizing;

/// The longest command, in bytes.
const COMMAND_BYTES_MAX: u64 = 64 * 1024;

/// How long a client may take to send its command.
const COMMAND_TIME: Duration = Duration::from_secs(10);

/// How long commands may take to end once the channel is told to stop.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// How many commands are served at once; more wait.
const COMMANDS_MAX: usize = 8;

/// The longest path of a Unix socket that Linux takes, in bytes without the final zero (unix(7)).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Who sends a command.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    /// The user id, as the kernel tells it.
    pub uid: u32,
    /// The process id, if the kernel tells it.
    pub pid: Option<i32>,
}

/// What serves commands.
pub trait Commands: Send + Sync + 'static {
    /// Does what a command asks; the error is for the operator to read.
    fn run(&self, command: &[u8], by: Operator) -> impl Future<Output = Result<Value, String>> + Send;
}

/// Listens at `path`, which is taken over from a server that is no more, and tells the user id that owns it.
///
/// # Errors
/// Those of the file system, and a path too long for a socket.
pub fn bind_admin(path: &Path) -> io::Result<(UnixListener, u32)> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // The directory is its owner's alone, so that nobody can come in between.
    let listener = UnixListener::bind(reachable(path)?.path())?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    let owner = std::fs::metadata(path)?.uid();
    Ok((listener, owner))
}

/// Serves commands until `stop` turns true, then lets open ones end.
pub async fn serve_admin(
    commands: Arc<impl Commands>,
    listener: UnixListener,
    owner: u32,
    mut stop: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(COMMANDS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "could not accept an operator's connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let commands = Arc::clone(&commands);
        tokio::spawn(async move {
            if let Err(error) = serve(&*commands, stream, owner).await {
                tracing::debug!(%error, "an operator's connection ended early");
            }
            drop(permit);
        });
    }
    let all = u32::try_from(COMMANDS_MAX).unwrap_or(u32::MAX);
    if tokio::time::timeout(DRAIN_TIME, room.acquire_many(all)).await.is_err() {
        tracing::warn!("a command did not end in time and was cut off");
    }
}

async fn serve(commands: &impl Commands, stream: UnixStream, owner: u32) -> io::Result<()> {
    let credentials = stream.peer_cred()?;
    let by = Operator { uid: credentials.uid(), pid: credentials.pid() };
    let (reading, mut writing) = stream.into_split();
    let answer = if by.uid == owner || by.uid == 0 {
        // A command can hold a passphrase.
        let mut command = Zeroizing::new(Vec::new());
        let mut reading = BufReader::new(reading.take(COMMAND_BYTES_MAX));
        let read = tokio::time::timeout(COMMAND_TIME, reading.read_until(b'\n', &mut command)).await;
        match read {
            Ok(read) => read?,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        if command.last() == Some(&b'\n') {
            commands.run(&command, by).await
        } else {
            Err("a command is a line".into())
        }
    } else {
        tracing::warn!(uid = by.uid, "refused a command of a user who is not the operator");
        Err("only the user who runs the server, and root, may command it".to_owned())
    };
    let answer = match answer {
        Ok(value) => json!({ "ok": value }),
        Err(message) => json!({ "error": message }),
    };
    writing.write_all(format!("{answer}\n").as_bytes()).await?;
    writing.shutdown().await
}

/// A path by which a socket can be bound or connected to, as long as this is kept.
#[derive(Debug)]
pub struct Reachable {
    path: PathBuf,
    _directory: Option<std::fs::File>,
}

impl Reachable {
    /// The path to give to the system.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Paths of sockets are short; a long one is gone to through its open directory (proc(5), `/proc/self/fd`).
///
/// # Errors
/// Those of the file system.
pub fn reachable(path: &Path) -> io::Result<Reachable> {
    use std::os::fd::AsRawFd as _;
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    if path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        return Ok(Reachable { path: path.to_owned(), _directory: None });
    }
    let directory = std::fs::File::open(parent)?;
    let short = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
    Ok(Reachable { path: short, _directory: Some(directory) })
}
