//! `cargo xtask test`: every test there is.

use crate::run::{Failure, cargo, release, run, target};
use crate::{again, clients, deny, files::root};
use std::process::Command;

/// Runs every check and test, and names at the end the tests that failed and then passed.
pub(crate) fn test() -> Result<(), Failure> {
    let mut flaky = Vec::new();
    let done = steps(&mut flaky);
    // Each is a fault to mend, though it does not fail the run.
    flaky.iter().for_each(|name| eprintln!("FLAKY {name}"));
    done
}

/// Installs the clients, checks form, lints and dependencies, and runs all tests: those beside the code, then those over the wire.
fn steps(flaky: &mut Vec<String>) -> Result<(), Failure> {
    let programs = clients::python()?;
    let modules = clients::node()?;
    let encryption_cli = clients::encryption_cli()?;
    let ansible = clients::ansible()?;
    let rust = clients::rust()?;
    let softhsm = clients::softhsm()?;
    let databases = clients::databases().unwrap_or_default();
    step("form");
    run(cargo().args(["fmt", "--all", "--check"]))?;
    step("lints");
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"]))?;
    step("licences, bans and sources of dependencies");
    deny::check()?;
    step("tests beside the code");
    flaky.extend(again::rust(|| {
        let mut cargo = cargo();
        cargo.env("FASTNESS_SOFTHSM", &softhsm);
        cargo
    })?);
    run(cargo().args(["build", "--quiet", "--package", "rotation", "--example", "rotate-once"]))?;
    let rotate_once = target()?.join("debug/examples/rotate-once");
    step("tests over the wire, against the release binary");
    let binary = release(&["fastness"])?.join("fastness");
    flaky.extend(again::python(|| {
        let mut pytest = Command::new(programs.join("python"));
        pytest
            .args(["-m", "pytest"])
            .current_dir(root())
            .env("FASTNESS_BINARY", &binary)
            .env("FASTNESS_ANSIBLE", &ansible)
            .env("FASTNESS_ENCRYPTION_CLI", &encryption_cli)
            .env("FASTNESS_RUST_CLIENT", &rust)
            .env("FASTNESS_SOFTHSM", &softhsm)
            .env("FASTNESS_DATABASES", &databases)
            .env("FASTNESS_ROTATE_ONCE", &rotate_once)
            .env("NODE_PATH", &modules)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        pytest
    })?);
    Ok(())
}

fn step(name: &str) {
    eprintln!("== {name}");
}
