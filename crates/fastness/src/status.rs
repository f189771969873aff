//! `fastness status`: what a data directory holds and whether it is served.

use crate::admin::{Command, ask};
use crate::args::StatusArgs;
use crate::clock::Told;
use crate::config::Config;
use crate::deployment::Data;
use crate::exit::Exit;
use crate::sealing::is_sealed;
use crate::{Failure, failure, output, seal};
use keyring::{Keyring, SlotInfo};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// How long a server may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(2);

/// The room on the disk, as a server tells it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Disk {
    free: u64,
    reserve: u64,
    full: bool,
    failed: bool,
}

impl Disk {
    fn words(&self) -> String {
        let room = format!("{} MiB free, {} of them kept in reserve", self.free >> 20, self.reserve >> 20);
        match (self.failed, self.full) {
            (true, _) => {
                "FAILED: a write failed, and every call is refused until the server has started anew"
                    .to_owned()
            }
            (false, true) => format!("FULL: every call is refused until there is room ({room})"),
            (false, false) => room,
        }
    }
}

pub(crate) fn run(args: &StatusArgs) -> Result<ExitCode, Failure> {
    let config = Config::read(&args.place)?;
    let data = Data::locate(&args.place, &config)?;
    let description =
        data.describe()?.ok_or_else(|| failure(data.path().display(), data.absent()).with(Exit::Absent))?;
    let serving = data.serving()?.filter(|serving| accepts(serving.listens));
    let keyring = Keyring::inspect(&data.keyring());
    // Asked before anything is printed: what is printed holds together.
    let state = match &serving {
        Some(_) => ask(&data, &Command::Status {})?,
        None => Value::Null,
    };
    let sealed = serving.as_ref().map(|_| is_sealed(&state));
    let disk = state.get("disk").and_then(|disk| Disk::deserialize(disk).ok()).unwrap_or_default();
    let facts = || {
        let slot = |slot: &SlotInfo| json!({ "slot": slot.number, "kind": slot.kind().name(), "about": seal::about(slot, &description.seal) });
        let keyring = match &keyring {
            Ok(keyring) => json!({
                "generation": keyring.generation, "epoch": keyring.epoch, "slots": keyring.slots.iter().map(slot).collect::<Vec<_>>(),
            }),
            Err(error) => json!({ "error": error.to_string() }),
        };
        json!({
            "data": data.path(), "account": description.account, "region": description.region, "created": description.created,
            "scratch": description.scratch,
            "keyring": keyring, "serving": serving, "sealed": sealed, "clock": state.get("clock"), "disk": state.get("disk"),
        })
    };
    output::print(facts, |out| {
        writeln!(out, "data      {}", data.path().display())?;
        writeln!(out, "account   {}", description.account)?;
        writeln!(out, "region    {}", description.region)?;
        if description.scratch {
            writeln!(out, "purpose   tests: made by `fastness dev`, and gone when that ends")?;
        }
        writeln!(out, "created   {}", description.created)?;
        match &keyring {
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
        match sealed {
            Some(true) => {
                writeln!(out, "sealed    yes: every call is refused until `{}`", args.place.hint("unseal"))?
            }
            Some(false) => writeln!(out, "sealed    no")?,
            None => {}
        }
        if let Some(clock) = state.get("clock").and_then(|clock| Told::deserialize(clock).ok()) {
            writeln!(out, "clock     {}", clock.words())?;
        }
        if sealed == Some(false) {
            writeln!(out, "disk      {}", disk.words())?;
        }
        Ok(())
    })?;
    Ok(match sealed {
        None => Exit::Absent.into(),
        Some(true) => Exit::Sealed.into(),
        Some(false) if disk.failed || disk.full => Exit::Full.into(),
        Some(false) => ExitCode::SUCCESS,
    })
}

fn accepts(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, PATIENCE).is_ok()
}
