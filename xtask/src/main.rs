//! What a developer of Fastness types: `cargo xtask <command>`.

mod bench;
mod clients;
mod config;
mod files;
mod generate;
mod model;
mod models;
mod names;
mod patterns;
mod run;
mod test;
mod tour;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// The developer's tools of Fastness.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure what a call costs: requests a second, CPU time and latency, beside a bare server.
    Bench {
        /// How long each operation is measured.
        #[arg(long, default_value_t = 5)]
        seconds: u32,
        /// How many connections call at once.
        #[arg(long, default_value_t = 64)]
        connections: u32,
    },
    /// Write crates/services/*/src/api.rs from models/.
    Generate {
        /// Write nothing, fail if a file would change.
        #[arg(long)]
        check: bool,
    },
    /// Write models/*.json from the service models inside the botocore package.
    Models {
        /// The package's folder; without it, the one that python3 would import.
        #[arg(long)]
        botocore: Option<PathBuf>,
    },
    /// Install the clients that the tests need and run every test.
    Test,
    /// Build Fastness and run its main job with the AWS CLI, to look at.
    Tour,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Bench { seconds, connections } => bench::bench(seconds, connections),
        Command::Generate { check } => generate::run(check).map_err(Into::into),
        Command::Models { botocore } => models::run(botocore).map_err(Into::into),
        Command::Test => test::test(),
        Command::Tour => tour::tour(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
