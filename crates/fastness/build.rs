//! Tells the program which commit it is built from, and when that was made: the environment's word, as packages are built from copies, else git's.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=FASTNESS_COMMIT");
    let package = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let commit = std::env::var("FASTNESS_COMMIT").ok().or_else(checked_out);
    let version = match commit.filter(|commit| !commit.is_empty()) {
        Some(commit) => format!("{package} ({commit})"),
        None => package,
    };
    println!("cargo::rustc-env=FASTNESS_VERSION={version}");
}

/// The commit that is checked out, and its date; none outside of a checkout of this repository.
fn checked_out() -> Option<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().ok()?;
    // Sources that lie in somebody else's repository are not described by its commits.
    if PathBuf::from(git(&["rev-parse", "--show-toplevel"])?).canonicalize().ok()? != here {
        return None;
    }
    // Git appends to the log of HEAD with each commit and checkout.
    println!(
        "cargo::rerun-if-changed={}",
        git(&["rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"])?
    );
    git(&["log", "-1", "--format=%h %cs", "--abbrev=12"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
    let text = output.status.success().then(|| String::from_utf8(output.stdout).ok())??;
    Some(text.trim().to_owned())
}
