//! The operator's channel: a Unix socket in the data directory, over which commands reach the running server.
//!
//! One connection carries one command, a line of JSON, and its answer, a line of JSON: `{"ok": …}` or `{"error": "…", "exit": 1}`. With a
//! command can come an open file (unix(7), `SCM_RIGHTS`), which the server could not open itself: it is kept to its own. Who may
//! open the socket (mode 0600) and is the server's own user or root is the operator; the kernel tells who it is.

use crate::listen::stopped;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use zeroize::Zeroizing;

/// The longest command, in bytes.
const COMMAND_BYTES_MAX: usize = 64 * 1024;

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

/// Why a command was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, for the operator to read.
    pub message: String,
    /// What the operator's command exits with.
    pub exit: u8,
}

/// A reason that has no code of its own.
impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self { message, exit: 1 }
    }
}

/// What serves commands.
pub trait Commands: Send + Sync + 'static {
    /// Does what a command asks, with the open file that came with it; the error is for the operator to read.
    fn run(
        &self,
        command: &[u8],
        file: Option<File>,
        by: Operator,
    ) -> impl Future<Output = Result<Value, Refusal>> + Send;
    /// Notes that something was refused that is no command, or comes from somebody who may give none.
    fn refused(&self, why: &'static str, by: Operator) -> impl Future<Output = ()> + Send;
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

async fn serve(commands: &impl Commands, mut stream: UnixStream, owner: u32) -> io::Result<()> {
    let credentials = stream.peer_cred()?;
    let by = Operator { uid: credentials.uid(), pid: credentials.pid() };
    let answer = if by.uid == owner || by.uid == 0 {
        // A command can hold a passphrase.
        let mut command = Zeroizing::new(Vec::with_capacity(COMMAND_BYTES_MAX));
        let file = match tokio::time::timeout(COMMAND_TIME, receive(&stream, &mut command)).await {
            Ok(received) => received?,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        if command.last() == Some(&b'\n') {
            commands.run(&command, file, by).await
        } else {
            commands.refused("it is not a line", by).await;
            Err(Refusal::from("a command is a line".to_owned()))
        }
    } else {
        commands.refused("the user is not the operator", by).await;
        Err(Refusal::from("only the user who runs the server, and root, may command it".to_owned()))
    };
    let answer = match answer {
        Ok(value) => json!({ "ok": value }),
        Err(Refusal { message, exit }) => json!({ "error": message, "exit": exit }),
    };
    stream.write_all(format!("{answer}\n").as_bytes()).await?;
    stream.shutdown().await
}

/// Reads a line, or as much of one as a command may have, and the file that came with it.
async fn receive(stream: &UnixStream, command: &mut Vec<u8>) -> io::Result<Option<File>> {
    let mut file = None;
    while command.len() < COMMAND_BYTES_MAX && command.last() != Some(&b'\n') {
        stream.readable().await?;
        let mut buffer = Zeroizing::new([0; 4096]);
        let room = buffer.len().min(COMMAND_BYTES_MAX - command.len());
        let buffer = buffer.get_mut(..room).unwrap_or_default();
        let received = stream.try_io(Interest::READABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let into = &mut [IoSliceMut::new(buffer)];
            let received = recvmsg(stream, into, &mut control, RecvFlags::CMSG_CLOEXEC)?;
            let files = control.drain().filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(files) => Some(files),
                _ => None,
            });
            file = files.flatten().last().map(File::from).or(file.take());
            Ok(received.bytes)
        });
        match received {
            Ok(0) => break,
            Ok(count) => command.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(file)
}

/// Sends the beginning of a command with an open file, and tells how much of it went.
///
/// # Errors
/// Those of the socket.
pub fn send_with_file(
    stream: &std::os::unix::net::UnixStream,
    command: &[u8],
    file: &File,
) -> io::Result<usize> {
    let files = [file.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&files));
    Ok(sendmsg(stream, &[IoSlice::new(command)], &mut control, SendFlags::NOSIGNAL)?)
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
