//! `cargo xtask soak`: what the tests do for seconds, for as long as one likes.

use crate::files::root;
use crate::run::{Failure, cargo, release, run};
use crate::{clients, fuzz};
use std::process::Command;

/// How many rounds of killing a loaded server a minute of soaking stands for.
const KILLS_A_MINUTE: u32 = 4;

/// Says what begins, and about how long all of it takes from here.
fn stage(name: &str, left: u32, minutes: u32) {
    let done = (minutes.saturating_sub(left) * 100).checked_div(minutes).unwrap_or(0);
    eprintln!("== {name}: {done} % done, about {left} minutes left");
}

/// Simulates for half of the time, fuzzes for a quarter, and kills the real server under load for about as long.
pub(crate) fn soak(minutes: u32) -> Result<(), Failure> {
    stage("simulation", minutes, minutes);
    let simulated = (minutes / 2).max(1).to_string();
    run(cargo().args(["run", "--release", "--package", "simulation", "--bin", "soak", "--", &simulated]))?;
    stage("fuzzing", minutes / 2, minutes);
    let seconds = (minutes * 60 / 4 / fuzz::TARGETS_ABOUT).max(2);
    fuzz::fuzz(&[], seconds, false)?;
    stage("kill -9 under load", minutes / 4, minutes);
    let programs = clients::python()?;
    let binary = release(&["fastness"])?.join("fastness");
    run(Command::new(programs.join("python"))
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_durability.py", "-k", "kill_9"])
        .current_dir(root())
        .env("FASTNESS_BINARY", binary)
        .env("FASTNESS_TEST_KILLS", (minutes * KILLS_A_MINUTE / 4).max(20).to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1"))
}
