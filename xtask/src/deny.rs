//! Looking through what Fastness depends on, with cargo-deny and `deny.toml`.

use crate::clients::cache;
use crate::files::root;
use crate::run::{Failure, cargo, run};
use std::path::PathBuf;
use std::process::Command;

/// The version that is installed. A newer one may know more licences and refuse more.
const VERSION: &str = "0.20.2";

/// Checks licences, bans and sources. Nothing is asked of anybody, but all dependencies have to be at hand, those of other platforms
/// too, which no build here has brought.
pub(crate) fn check() -> Result<(), Failure> {
    run(cargo().args(["fetch", "--locked", "--quiet"]))?;
    run(Command::new(installed()?)
        .args(["--offline", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"])
        .current_dir(root()))
}

/// Asks the database of known vulnerabilities, over the network.
pub(crate) fn advisories() -> Result<(), Failure> {
    run(Command::new(installed()?).args(["check", "advisories"]).current_dir(root()))
}

/// The program, built in the cache the first time: quickly rather than to be quick.
fn installed() -> Result<PathBuf, Failure> {
    let place = cache()?.join(format!("cargo-deny-{VERSION}"));
    let program = place.join("bin/cargo-deny");
    if !program.exists() {
        run(cargo()
            .args([
                "install",
                "cargo-deny",
                "--version",
                VERSION,
                "--locked",
                "--no-default-features",
                "--quiet",
            ])
            .arg("--root")
            .arg(&place)
            // Its build has nothing in common with that of Fastness, and is not needed again.
            .env("CARGO_TARGET_DIR", place.join("build"))
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env_remove("RUSTFLAGS"))?;
        std::fs::remove_dir_all(place.join("build"))?;
    }
    Ok(program)
}
