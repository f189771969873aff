//! What a developer of Fastness types: `cargo xtask <command>`.

mod config;
mod coverage;
mod files;
mod generate;
mod model;
mod models;
mod names;
mod patterns;

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
    /// Show how many operations of each service are implemented.
    Coverage {
        /// Name the operations that are missing.
        #[arg(long)]
        missing: bool,
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
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Coverage { missing } => coverage::print(missing),
        Command::Generate { check } => generate::run(check),
        Command::Models { botocore } => models::run(botocore),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
