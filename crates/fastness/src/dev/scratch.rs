//! The temporary directory of a scratch deployment, and the processes that work in it.

use super::seed::SeededUser;
use crate::credentials::RootKey;
use crate::deployment::{Data, write_private};
use crate::{Failure, failure};
use keyring::{Random as _, SystemRandom};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The program that this process runs, whatever has happened to its file since.
const SELF: &str = "/proc/self/exe";

/// The quota of every kind of call, a second: tests are not held up.
const CALLS_PER_SECOND: u32 = 1_000_000;

/// A directory that goes with this value.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Makes one that is its owner's alone, below `TMPDIR` or `/tmp`.
    pub(super) fn create() -> Result<Self, Failure> {
        let mut name = [0_u8; 8];
        SystemRandom.fill(&mut name);
        let path = std::env::temp_dir().join(format!("fastness-dev-{}", hex::encode(name)));
        fs::DirBuilder::new().mode(0o700).create(&path).map_err(|error| failure(path.display(), error))?;
        Ok(Self(path))
    }

    /// The data directory.
    pub(super) fn data(&self) -> Data {
        Data::at(self.0.join("data"))
    }

    /// The file of access keys, a profile for each user, as AWS's clients read it.
    pub(super) fn credentials(&self) -> PathBuf {
        self.0.join("credentials")
    }

    /// The configuration of AWS's clients: it stands in place of the one that whoever runs the tests may have.
    pub(super) fn client_config(&self) -> PathBuf {
        self.0.join("config")
    }

    fn settings(&self) -> PathBuf {
        self.0.join("fastness.toml")
    }

    /// Makes the deployment, with `fastness init`.
    pub(super) fn init(&self, account: &str, region: &str, root: &RootKey) -> Result<(), Failure> {
        write_private(&self.settings(), settings().as_bytes())?;
        let mut command = self.command("init");
        command
            .args(["--scratch", "--account-id", account, "--region", region])
            .env("FASTNESS_ROOT_ACCESS_KEY_ID", &root.access_key_id)
            .env("FASTNESS_ROOT_SECRET_ACCESS_KEY", root.secret_access_key.as_str());
        let done = command.output()?;
        if !done.status.success() {
            let message = String::from_utf8_lossy(&done.stderr);
            return Err(Failure(message.trim().trim_start_matches("fastness: ").to_owned()));
        }
        Ok(())
    }

    /// Starts the server, and waits until it serves.
    pub(super) fn serve(&self, listen: SocketAddr) -> Result<Server, Failure> {
        let mut command = self.command("serve");
        command
            .arg(format!("--listen={listen}"))
            .arg(format!("--parent={}", std::process::id()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // A terminal's interrupt is for this process and its command, which may need the server to end in order.
            .process_group(0);
        let mut server = Server(command.spawn()?);
        let mut line = String::new();
        if let Some(stdout) = server.0.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        if line.is_empty() {
            let status = server.0.wait()?;
            return Err(Failure(format!("the server did not start: {status}")));
        }
        Ok(server)
    }

    /// Writes what clients read: the root user as the default profile, and a profile for each user.
    pub(super) fn write_credentials(
        &self,
        root: &RootKey,
        users: &[SeededUser],
        region: &str,
    ) -> Result<(), Failure> {
        let profile = |name: &str, id: &str, secret: &str| {
            format!("[{name}]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n")
        };
        let own = profile("default", &root.access_key_id, &root.secret_access_key);
        let all = users.iter().map(|user| profile(&user.name, &user.access_key_id, &user.secret_access_key));
        let text: String = std::iter::once(own).chain(all).collect();
        write_private(&self.credentials(), text.as_bytes())?;
        write_private(&self.client_config(), format!("[default]\nregion = {region}\n").as_bytes())
    }

    /// This program with one of its commands on the deployment, whatever the environment says of others.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(SELF);
        for (variable, _) in std::env::vars_os() {
            if variable.as_encoded_bytes().starts_with(b"FASTNESS_") {
                command.env_remove(variable);
            }
        }
        let path = |option: &str, path: &Path| [option.into(), path.as_os_str().to_owned()];
        command
            .arg0("fastness")
            .arg(name)
            .args(path("--data", self.data().path()))
            .args(path("--config", &self.settings()))
            .args(path("--key-file", &self.0.join("root.key")));
        command
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            let place = self.0.display();
            let _closed = writeln!(std::io::stderr(), "fastness: {place}: {error}");
        }
    }
}

/// The server's process, which is stopped in order before its directory goes.
pub(super) struct Server(pub(super) Child);

impl Drop for Server {
    fn drop(&mut self) {
        terminate(&self.0);
        let _ended = self.0.wait();
    }
}

/// Tells a process to stop. That one that has ended is not told makes no difference.
pub(super) fn terminate(child: &Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ended = kill_process(pid, Signal::TERM);
    }
}

fn settings() -> String {
    let names = assembly::models().into_iter().map(|model| model.name).chain(["unidentified"]);
    let quotas: String = names.map(|name| format!("\"{name}:*\" = {CALLS_PER_SECOND}\n")).collect();
    format!(
        "[monitor]\nhealthz-on-listen = true\n\n[log]\nformat = \"text\"\nlevel = \"error\"\n\n[quotas]\n{quotas}"
    )
}
