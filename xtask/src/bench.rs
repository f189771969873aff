//! `cargo xtask bench`: what a call costs.

use crate::run::{Failure, cargo, release, run};
use std::process::Command;

/// Measures the release binary over loopback, then the parts that have benchmarks of their own.
pub(crate) fn bench(seconds: u32, connections: u32) -> Result<(), Failure> {
    let built = release(&["fastness", "load"])?;
    run(Command::new(built.join("load"))
        .arg(built.join("fastness"))
        .args([seconds.to_string(), connections.to_string()]))?;
    for (package, bench) in [("policy", "evaluate"), ("keyring", "keyring")] {
        run(cargo().args(["bench", "--quiet", "--package", package, "--bench", bench]))?;
    }
    Ok(())
}
