//! `fastness dev`: a scratch deployment for tests.
//!
//! It is `init`, `serve` and a client: this process makes a deployment in a temporary directory with the commands that make any other,
//! serves it with a server that is confined and checks as any other, and calls that server, signed by its root user, for what the seed asks.
//! Nothing is let through here that is not let through elsewhere; only quotas are generous. With `--json`, one line of JSON tells endpoint,
//! credentials and what the seed made, once all of it can be used.

mod client;
mod material;
mod scratch;
mod seed;

use crate::credentials::RootKey;
use crate::deployment::Serving;
use crate::{Failure, failure, output};
use clap::Args as ClapArgs;
use client::Client;
use keyring::SystemRandom;
use platform::ids;
use scratch::Scratch;
use seed::{Planted, Seed};
use serde_json::{Value, json};
use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus};
use tokio::signal::unix::{SignalKind, signal};

/// Added to the number of the signal that ended a command, as shells do.
const SIGNALLED: i32 = 128;

#[derive(Debug, ClapArgs)]
pub(crate) struct DevArgs {
    /// File of what there is to be: users, roles, policies, keys (YAML, or JSON where the name ends in .json)
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,

    /// Loopback address and port to listen on; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Account id, 12 digits [default: the seed's, or random]. FASTNESS_ROOT_ACCESS_KEY_ID and FASTNESS_ROOT_SECRET_ACCESS_KEY name the
    /// root user's access key; else it is random
    #[arg(long, value_name = "DIGITS", env = "FASTNESS_ACCOUNT_ID")]
    account_id: Option<String>,

    /// Region of clients, and of keys of the seed that name none
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    region: String,

    /// Run this command with the deployment in its environment, and end with its exit code
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(crate) fn run(args: &DevArgs) -> Result<ExitCode, Failure> {
    if !args.listen.ip().is_loopback() {
        return Err(Failure(format!(
            "{} is not a loopback address: a deployment for tests is served on loopback only (--listen); `fastness serve` serves others",
            args.listen
        )));
    }
    if output::wants_json() && !args.command.is_empty() {
        return Err(Failure(
            "--json tells how to use a deployment, and the command that is to use it is given".to_owned(),
        ));
    }
    let seed = args.seed.as_deref().map(Seed::read).transpose()?.unwrap_or_default();
    let account = args.account_id.clone().or_else(|| seed.account.clone());
    let account = account.unwrap_or_else(|| ids::account(&SystemRandom));
    let root = RootKey::choose(&SystemRandom)?;
    // Signals are heard from here on, so that the directory goes with the process.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut ends = Ends::listen()?;
        let scratch = Scratch::create()?;
        scratch.init(&account, &args.region, &root)?;
        let mut server = scratch.serve(args.listen)?;
        let serving = scratch.data().serving()?.ok_or_else(|| Failure("the server has ended".to_owned()))?;
        let client = Client::new(serving.listens, &root, &args.region);
        let planted = seed.plant(&client, &account)?;
        scratch.write_credentials(&root, &planted.users, &args.region)?;
        let there = There {
            args,
            scratch: &scratch,
            serving: &serving,
            account: &account,
            root: &root,
            planted: &planted,
        };
        let ended = match args.command.split_first() {
            None => {
                there.greet()?;
                ends.wait(&mut server.0, None).await?
            }
            Some((program, arguments)) => {
                let mut command = there.command(program, arguments);
                let mut child = command.spawn().map_err(|error| failure(program.display(), error))?;
                ends.wait(&mut server.0, Some(&mut child)).await?
            }
        };
        match ended {
            Ended::Told => Ok(ExitCode::SUCCESS),
            Ended::Command(status) => Ok(code(status)),
            Ended::Server(status) => Err(Failure(format!("the server ended by itself: {status}"))),
        }
    })
}

/// A deployment that can be used.
struct There<'a> {
    args: &'a DevArgs,
    scratch: &'a Scratch,
    serving: &'a Serving,
    account: &'a str,
    root: &'a RootKey,
    planted: &'a Planted,
}

impl There<'_> {
    /// Tells how to use it. Whether anybody reads it makes no difference.
    fn greet(&self) -> Result<(), Failure> {
        let text = match output::wants_json() {
            true => format!("{}\n", self.facts()),
            false => self.banner(),
        };
        let mut out = std::io::stdout();
        let _unread = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        Ok(())
    }

    fn banner(&self) -> String {
        let data = self.scratch.data();
        let mut text = format!(
            "Fastness serves {}\nFor tests: this deployment is gone when this process ends. Calls are checked and recorded as in any other.\n\
             Use it with: eval \"$(fastness env --data {})\"\n",
            self.serving.endpoint,
            data.path().display()
        );
        if !self.planted.users.is_empty() {
            let names: Vec<_> = self.planted.users.iter().map(|user| user.name.as_str()).collect();
            let file = self.scratch.credentials();
            text += &format!(
                "Profiles in AWS_SHARED_CREDENTIALS_FILE={}: {}\n",
                file.display(),
                names.join(", ")
            );
        }
        text
    }

    fn facts(&self) -> Value {
        let users = self.planted.users.iter().map(|user| {
            let key = json!({ "accessKeyId": user.access_key_id, "secretAccessKey": user.secret_access_key.as_str() });
            (user.name.clone(), key)
        });
        json!({
            "endpoint": self.serving.endpoint,
            "account": self.account,
            "region": self.args.region,
            "accessKeyId": self.root.access_key_id,
            "secretAccessKey": self.root.secret_access_key.as_str(),
            "data": self.scratch.data().path(),
            "credentialsFile": self.scratch.credentials(),
            "users": users.collect::<serde_json::Map<_, _>>(),
            "keys": self.planted.keys,
        })
    }

    /// The command, with an environment in which clients of AWS find this deployment and nothing else.
    fn command(&self, program: &OsStr, arguments: &[OsString]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments);
        for variable in ["AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CA_BUNDLE"] {
            command.env_remove(variable);
        }
        let (region, data) = (&self.args.region, self.scratch.data());
        command
            .env("AWS_ENDPOINT_URL", &self.serving.endpoint)
            .env("AWS_ACCESS_KEY_ID", &self.root.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", self.root.secret_access_key.as_str())
            .envs([("AWS_REGION", region), ("AWS_DEFAULT_REGION", region)])
            .env("AWS_SHARED_CREDENTIALS_FILE", self.scratch.credentials())
            .env("AWS_CONFIG_FILE", self.scratch.client_config())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("FASTNESS_DATA", data.path())
            .env("FASTNESS_ACCOUNT_ID", self.account);
        command
    }
}

/// Why there is nothing left to do.
enum Ended {
    /// This process was told to stop.
    Told,
    /// The command has ended.
    Command(ExitStatus),
    /// The server has ended, which nobody asked for.
    Server(ExitStatus),
}

/// The signals that end this process, and the one that tells of children's ends.
struct Ends {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    child: tokio::signal::unix::Signal,
}

impl Ends {
    fn listen() -> Result<Self, Failure> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            child: signal(SignalKind::child())?,
        })
    }

    /// Waits for the first end. A terminal tells the command itself to stop; what only this process is told is handed on to it.
    async fn wait(&mut self, server: &mut Child, mut command: Option<&mut Child>) -> Result<Ended, Failure> {
        loop {
            if let Some(command) = &mut command
                && let Some(status) = command.try_wait()?
            {
                return Ok(Ended::Command(status));
            }
            if let Some(status) = server.try_wait()? {
                return Ok(Ended::Server(status));
            }
            let told = tokio::select! {
                _ = self.child.recv() => continue,
                _ = self.interrupt.recv() => false,
                _ = self.terminate.recv() => true,
                _ = self.hangup.recv() => true,
            };
            match &mut command {
                None => return Ok(Ended::Told),
                Some(command) if told => scratch::terminate(command),
                Some(_) => {}
            }
        }
    }
}

fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| SIGNALLED + signal));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}
