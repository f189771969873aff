//! Running other programs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a command failed: told to the developer as it is.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// Runs a program to its end and fails if it does.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed", command.get_program().display()).into()) }
}

/// The cargo that runs this.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Builds packages for release and tells the folder of their programs.
pub(crate) fn release(packages: &[&str]) -> Result<PathBuf, Failure> {
    let mut build = cargo();
    build.args(["build", "--release"]);
    packages.iter().for_each(|package| {
        build.args(["--package", package]);
    });
    run(&mut build)?;
    Ok(target()?.join("release"))
}

/// Cargo's target folder.
pub(crate) fn target() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()?;
    // This program is in its `debug` folder.
    let target = own.parent().and_then(Path::parent).ok_or("this program is in no target folder")?;
    Ok(target.to_owned())
}
