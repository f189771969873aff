//! `fastness trail export`: the trail, taken to where neither the server's operator nor its disk reaches.

mod chain;
mod check;
mod export;
mod position;
mod sessions;
mod sink;
mod syslog;

pub(crate) use sessions::{Sessions, begin, page};

use crate::Failure;
use crate::args::Place;
use clap::{Args, Subcommand};
use sink::Target;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct TrailArgs {
    #[command(subcommand)]
    command: TrailCommand,
}

/// What to do with the trail.
#[derive(Debug, Subcommand)]
enum TrailCommand {
    /// Send the records of all accounts and Regions, oldest first, as JSON lines in CloudTrail's form
    Export(Box<ExportArgs>),
    /// Compare what was exported with receipts that were kept elsewhere, without a server; exits with 5 if a line was changed, added, moved or taken away
    Check(CheckArgs),
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// Exported lines, all from the first on, in one file or several in order; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// File of the export's receipts
    #[arg(long, value_name = "FILE")]
    receipts: PathBuf,
}

#[derive(Debug, Args)]
struct ExportArgs {
    #[command(flatten)]
    place: Place,

    /// Target: a file to append to, - for standard output, udp://HOST:PORT, tcp://HOST:PORT or unix:/SOCKET for syslog (RFC 5424),
    /// or https://HOST/PATH for a collector that takes JSON lines
    #[arg(long, value_name = "TARGET", default_value = "-")]
    to: Target,

    /// File that keeps the position: the next export goes on where this one was acknowledged
    #[arg(long, value_name = "FILE")]
    position: Option<PathBuf>,

    /// Position of the first record, if no file has one [default: the oldest record]
    #[arg(long, value_name = "POSITION")]
    from: Option<u64>,

    /// Go on as records come, also when the server or the target is gone for a while; needs a server
    #[arg(long)]
    follow: bool,

    /// Target of receipts, which are JSON lines with the chain's head for `fastness verify --contains`
    /// [default: standard error, once, at the end]
    #[arg(long, value_name = "TARGET")]
    receipts: Option<Target>,

    /// Seconds between receipts of --follow
    #[arg(long, value_name = "SECONDS", default_value_t = 300, requires = "receipts", value_parser = clap::value_parser!(u64).range(1..))]
    receipt_every: u64,

    /// Certificates (PEM) that vouch for an https:// target [default: the system's]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// File whose first line is the value of the Authorization header for an https:// target, such as `Bearer …`
    #[arg(long, value_name = "FILE")]
    authorization_file: Option<PathBuf>,
}

pub(crate) fn run(args: &TrailArgs) -> Result<ExitCode, Failure> {
    match &args.command {
        TrailCommand::Export(args) => export::run(args),
        TrailCommand::Check(args) => check::run(args),
    }
}
