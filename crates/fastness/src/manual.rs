//! Texts about the command line for shells and `man`, made from its definition.

use crate::args::Args;
use crate::{Failure, failure};
use clap::{Args as ClapArgs, CommandFactory as _};
use clap_complete::Shell;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// The package's version, with the commit that was built and its date where they are known (`build.rs`).
pub(crate) const VERSION: &str = env!("FASTNESS_VERSION");

#[derive(Debug, ClapArgs)]
pub(crate) struct CompletionsArgs {
    /// Shell to print them for
    shell: Shell,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ManArgs {
    /// Directory to write them into
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

/// Prints completions.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "fastness", &mut script);
    crate::output::output().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes `fastness.1` and one page for each command, such as `fastness-serve.1`.
pub(crate) fn pages(args: &ManArgs) -> Result<ExitCode, Failure> {
    std::fs::create_dir_all(&args.to).map_err(|error| failure(args.to.display(), error))?;
    clap_mangen::generate_to(Args::command(), &args.to).map_err(|error| failure(args.to.display(), error))?;
    Ok(ExitCode::SUCCESS)
}
