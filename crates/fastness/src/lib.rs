//! The `fastness` command: [`run`] is all of it. [`reading`] is for fuzzing.

mod admin;
mod args;
mod backup;
mod beside;
mod changes;
mod clock;
mod config;
mod coverage;
mod credentials;
mod deployment;
mod dev;
mod env;
mod exit;
mod front;
mod hints;
mod init;
mod log;
mod manual;
mod opening;
mod operators;
mod output;
mod ownership;
mod policies;
mod process;
mod progress;
mod proxy_keys;
mod quotas;
pub mod reading;
#[cfg(test)]
mod recorded;
mod refusals;
mod rekey;
mod root_key;
mod seal;
mod sealing;
mod serve;
mod shares;
mod slots;
mod status;
mod tasks;
mod tls;
mod trail;
mod verify;
mod watched;
mod why;
mod yaml;

use exit::{Failure, failure};

use clap::Parser as _;
use std::io::Write as _;
use std::process::ExitCode;

/// Does what the command line says, and tells what the process is to exit with.
pub fn run() -> ExitCode {
    // The command line may name hosts.
    let looked_up = memory::look_up_without_libraries();
    let args = args::Args::parse();
    output::choose(args.json);
    // The command that `dev` runs is somebody else's: it takes on nothing of how servers are confined.
    let confined = match &args.command {
        args::Command::Dev(_) => Ok(()),
        _ => confine::keep_memory_private(),
    };
    let ready = looked_up.map_err(Failure::from).and(confined.map_err(Failure::from));
    let result = ready.and_then(|()| match args.command {
        args::Command::Serve(args) => serve::run(&args),
        args::Command::Dev(args) => dev::run(&args),
        args::Command::Completions(args) => manual::completions(&args),
        args::Command::Man(args) => manual::pages(&args),
        args::Command::Init(args) => init::run(&args),
        args::Command::Env(args) => env::run(&args),
        args::Command::RootAccessKey(args) => root_key::run(&args),
        args::Command::Status(args) => status::run(&args),
        args::Command::Seal(args) => sealing::seal(&args),
        args::Command::Unseal(args) => sealing::unseal(&args),
        args::Command::Clock(args) => clock::run(&args),
        args::Command::Why(args) => why::run(&args),
        args::Command::Policy(args) => policies::run(&args),
        args::Command::Slots(args) => slots::run(&args),
        args::Command::Rekey(args) => rekey::run(&args),
        args::Command::Backup(args) => backup::run(&args),
        args::Command::Restore(args) => backup::restore(&args),
        args::Command::Verify(args) => verify::run(&args),
        args::Command::Coverage(args) => coverage::run(&args),
        args::Command::Quotas(args) => quotas::run(&args),
        args::Command::Xks(args) => proxy_keys::run(&args),
        args::Command::Tasks(args) => tasks::run(&args),
        args::Command::Trail(args) => trail::run(&args),
    });
    match result {
        Ok(code) => code,
        Err(Failure { message, exit }) => {
            // Nothing is left to be done if standard error is closed.
            let _closed = writeln!(std::io::stderr(), "fastness: {message}");
            exit.into()
        }
    }
}
