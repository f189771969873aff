//! `cargo xtask tour`: the main job, to look at.

use crate::run::{Failure, release, run};
use crate::{clients, files::root};
use std::process::Command;

/// Builds Fastness and runs `docs/tour.sh` with it and the AWS CLI.
pub(crate) fn tour() -> Result<(), Failure> {
    let mut path = vec![release(&["fastness"])?, clients::python()?];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    run(Command::new("bash").arg(root().join("docs/tour.sh")).env("PATH", std::env::join_paths(path)?))
}
