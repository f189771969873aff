//! `cargo xtask test`: every test there is.

use crate::run::{Failure, cargo, release, run};
use crate::{clients, deny, files::root};
use std::process::Command;

/// Installs the clients, checks form, lints and dependencies, and runs all tests: those beside the code, then those over the wire.
pub(crate) fn test() -> Result<(), Failure> {
    let programs = clients::python()?;
    let modules = clients::node()?;
    let encryption_cli = clients::encryption_cli()?;
    let rust = clients::rust()?;
    let softhsm = clients::softhsm()?;
    step("form");
    run(cargo().args(["fmt", "--all", "--check"]))?;
    step("lints");
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"]))?;
    step("licences, bans and sources of dependencies");
    deny::check()?;
    step("tests beside the code");
    run(cargo().args(["test", "--workspace", "--quiet"]).env("FASTNESS_SOFTHSM", &softhsm))?;
    step("tests over the wire, against the release binary");
    let binary = release(&["fastness"])?.join("fastness");
    run(Command::new(programs.join("python"))
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"])
        .current_dir(root())
        .env("FASTNESS_BINARY", binary)
        .env("FASTNESS_ENCRYPTION_CLI", encryption_cli)
        .env("FASTNESS_RUST_CLIENT", rust)
        .env("FASTNESS_SOFTHSM", softhsm)
        .env("NODE_PATH", modules)
        .env("PYTHONDONTWRITEBYTECODE", "1"))
}

fn step(name: &str) {
    eprintln!("== {name}");
}
