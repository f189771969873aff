//! The server that is measured.

use crate::Failure;
use crate::client::Credentials;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// What the server is configured with: request quotas that the load does not reach.
const SETTINGS: &str =
    "[quotas]\n\"cloudtrail:*\" = 1_000_000\n\"kms:*\" = 1_000_000\n\"sts:*\" = 1_000_000\n";

/// A deployment in a scratch directory, being served.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
    binary: PathBuf,
    scratch: TempDir,
    child: Child,
}

impl Server {
    /// Makes a deployment and serves it. Also tells how long a start takes until the first answer.
    pub(crate) async fn start(binary: &Path) -> Result<(Self, Duration), Failure> {
        let scratch = TempDir::new()?;
        std::fs::write(scratch.path().join("settings.toml"), SETTINGS)?;
        let made = command(binary, &scratch, "init").stdout(Stdio::null()).status()?;
        if !made.success() {
            return Err("fastness init failed".into());
        }
        let begin = Instant::now();
        let mut child = command(binary, &scratch, "serve")
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let address = line.trim().rsplit("//").next().ok_or("no endpoint")?.parse()?;
        let pid = child.id();
        let server = Self { address, pid, binary: binary.to_owned(), scratch, child };
        first_answer(address).await?;
        Ok((server, begin.elapsed()))
    }

    /// The root access key.
    pub(crate) fn credentials(&self) -> Result<Credentials, Failure> {
        let exports = String::from_utf8(command(&self.binary, &self.scratch, "env").output()?.stdout)?;
        let value = |name: &str| {
            let line = exports.lines().find_map(|line| line.strip_prefix(&format!("export {name}='")));
            line.map(|value| value.trim_end_matches('\'').to_owned()).ok_or(format!("no {name}"))
        };
        Ok(Credentials {
            access_key_id: value("AWS_ACCESS_KEY_ID")?,
            secret_access_key: value("AWS_SECRET_ACCESS_KEY")?,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Any answer will do: the refusal of a request without a signature has gone the whole way to the disk.
async fn first_answer(address: SocketAddr) -> Result<(), Failure> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
    let mut first = [0; 12];
    stream.read_exact(&mut first).await?;
    Ok(())
}

fn command(binary: &Path, scratch: &TempDir, verb: &str) -> Command {
    let mut command = Command::new(binary);
    command.arg(verb).arg("--data").arg(scratch.path().join("data"));
    command.arg("--key-file").arg(scratch.path().join("root.key"));
    command.arg("--config").arg(scratch.path().join("settings.toml"));
    command
}
