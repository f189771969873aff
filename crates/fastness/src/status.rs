//! `fastness status`: what a data directory holds and whether it is served.

use crate::admin::{Command, ask};
use crate::args::StatusArgs;
use crate::clock::Told;
use crate::config::Config;
use crate::deployment::Data;
use crate::sealing::{SEALED, is_sealed};
use crate::{Failure, failure, seal};
use keyring::Keyring;
use serde::Deserialize as _;
use serde_json::Value;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// What the command exits with if the deployment is not served.
const NOT_SERVED: u8 = 3;

/// What the command exits with if the server can record nothing and so serves nothing.
const CANNOT_RECORD: u8 = 5;

/// How long a server may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) fn run(args: &StatusArgs) -> Result<ExitCode, Failure> {
    let config = Config::read(&args.place)?;
    let data = Data::locate(&args.place, &config)?;
    let description =
        data.describe()?.ok_or_else(|| failure(data.path().display(), "no deployment is here"))?;
    let serving = data.serving()?.filter(|serving| accepts(serving.listens));
    let mut out = crate::output::output();
    writeln!(out, "data      {}", data.path().display())?;
    writeln!(out, "account   {}", description.account)?;
    writeln!(out, "region    {}", description.region)?;
    writeln!(out, "created   {}", description.created)?;
    match Keyring::inspect(&data.keyring()) {
        Ok(keyring) => {
            writeln!(out, "keyring   generation {}, epoch {}", keyring.generation, keyring.epoch)?;
            for slot in &keyring.slots {
                writeln!(out, "slot {:<4} {}", slot.number, seal::about(slot, &description.seal))?;
            }
        }
        Err(error) => writeln!(out, "keyring   {error}")?,
    }
    match &serving {
        Some(serving) => writeln!(out, "serving   {} (process {})", serving.endpoint, serving.pid)?,
        None => writeln!(out, "serving   no")?,
    }
    if let Some(monitor) = serving.as_ref().and_then(|serving| serving.monitor.as_ref()) {
        writeln!(out, "monitor   {monitor}/metrics")?;
    }
    if serving.is_none() {
        return Ok(ExitCode::from(NOT_SERVED));
    }
    let state = ask(&data, &Command::Status {})?;
    let sealed = is_sealed(&state);
    writeln!(
        out,
        "sealed    {}",
        if sealed { "yes: every call is refused until `fastness unseal`" } else { "no" }
    )?;
    if let Some(clock) = state.get("clock").and_then(|clock| Told::deserialize(clock).ok()) {
        writeln!(out, "clock     {}", clock.words())?;
    }
    let disk = |name: &str| state.get("disk").and_then(|disk| disk.get(name));
    let is = |name: &str| disk(name).and_then(Value::as_bool) == Some(true);
    let mib = |name: &str| disk(name).and_then(Value::as_u64).unwrap_or_default() >> 20;
    if !sealed {
        let (free, reserve) = (mib("free"), mib("reserve"));
        let room = format!("{free} MiB free, {reserve} of them kept in reserve");
        let state = match (is("failed"), is("full")) {
            (true, _) => {
                "FAILED: a write failed, and every call is refused until the server has started anew"
                    .to_owned()
            }
            (false, true) => format!("FULL: every call is refused until there is room ({room})"),
            (false, false) => room,
        };
        writeln!(out, "disk      {state}")?;
    }
    if is("failed") || is("full") {
        return Ok(ExitCode::from(CANNOT_RECORD));
    }
    Ok(if sealed { ExitCode::from(SEALED) } else { ExitCode::SUCCESS })
}

fn accepts(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, PATIENCE).is_ok()
}
