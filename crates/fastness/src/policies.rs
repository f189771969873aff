//! `fastness policy`: policy documents examined and tried without a server.

mod case;
mod lint;
mod suite;
mod test;

use crate::Failure;
use crate::args::{PolicyArgs, PolicyCommand};
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(args: &PolicyArgs) -> Result<ExitCode, Failure> {
    match &args.command {
        PolicyCommand::Lint(args) => lint::run(args),
        PolicyCommand::Test(args) => test::run(args),
    }
}

/// Reads a file of tests and its cases, and tries none.
pub(crate) fn check(text: &str, path: &Path) -> Result<(), Failure> {
    suite::Suite::parse(text, path)?.cases(path, &lint::vocabulary()).map(drop)
}
