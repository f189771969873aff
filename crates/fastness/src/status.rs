//! `fastness status`: what a data directory holds and whether it is served.

use crate::admin::{Command, ask};
use crate::args::StatusArgs;
use crate::config::Config;
use crate::deployment::{Data, SealPlace};
use crate::{Failure, failure};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// What the command exits with if the deployment is not served.
const NOT_SERVED: u8 = 3;

/// What it exits with if the server is sealed.
const SEALED: u8 = 4;

/// How long a server may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) fn run(args: &StatusArgs) -> Result<ExitCode, Failure> {
    let config = Config::read(&args.place)?;
    let data = Data::locate(&args.place, &config)?;
    let description =
        data.describe()?.ok_or_else(|| failure(data.path().display(), "no deployment is here"))?;
    let seal = match &description.seal {
        SealPlace::KeyFile { path } => {
            format!("key file {} (protects stolen disks and backups)", path.display())
        }
        SealPlace::Passphrase => "passphrase".to_owned(),
    };
    let serving = data.serving()?.filter(|serving| accepts(&serving.endpoint));
    let mut out = std::io::stdout();
    writeln!(out, "data      {}", data.path().display())?;
    writeln!(out, "account   {}", description.account)?;
    writeln!(out, "region    {}", description.region)?;
    writeln!(out, "created   {}", description.created)?;
    writeln!(out, "seal      {seal}")?;
    match &serving {
        Some(serving) => writeln!(out, "serving   {} (process {})", serving.endpoint, serving.pid)?,
        None => writeln!(out, "serving   no")?,
    }
    if serving.is_none() {
        return Ok(ExitCode::from(NOT_SERVED));
    }
    let sealed =
        ask(&data, &Command::Status {})?.get("sealed").and_then(serde_json::Value::as_bool) == Some(true);
    writeln!(
        out,
        "sealed    {}",
        if sealed { "yes: every call is refused until `fastness unseal`" } else { "no" }
    )?;
    Ok(if sealed { ExitCode::from(SEALED) } else { ExitCode::SUCCESS })
}

fn accepts(endpoint: &str) -> bool {
    let address = endpoint.strip_prefix("http://").and_then(|address| address.parse::<SocketAddr>().ok());
    address.is_some_and(|address| TcpStream::connect_timeout(&address, PATIENCE).is_ok())
}
