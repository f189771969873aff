//! `cargo xtask generate`: the Rust types of the implemented operations, and the atlas of all services, from the models.

mod emit;
pub(crate) mod reach;
mod shapes;

pub(crate) use emit::{optional, protocol};

use crate::config::Config;
use crate::files::{self, Error, Result};
use crate::{atlas, authorization, models, regions};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Writes every generated file; with `check`, only fails where one is stale.
pub(crate) fn run(check: bool) -> Result<()> {
    let mut stale = Vec::new();
    for (path, text) in generated()? {
        let changes = if check { files::differs(&path, &text)? } else { files::ensure(&path, &text)? };
        if changes {
            eprintln!("{} {}", path.display(), if check { "is stale" } else { "written" });
            stale.push(path.display().to_string());
        }
    }
    if check && !stale.is_empty() {
        return Err(Error::Other(format!("stale: {}; run `cargo xtask generate`", stale.join(", "))));
    }
    Ok(())
}

/// Every generated file: its path and its text.
fn generated() -> Result<Vec<(PathBuf, String)>> {
    let config = Config::read()?;
    let (path, raw) = regions::generated()?;
    let mut files = vec![atlas::file()?, (path, formatted(&raw)?)];
    for service in config.services() {
        let path = |name| files::repository(&format!("crates/api/{service}/{name}"));
        files.push((path("Cargo.toml"), emit::manifest(service)));
        files.push((path("src/lib.rs"), file(&config, service)?));
    }
    Ok(files)
}

/// The formatted text of a service's generated file.
fn file(config: &Config, service: &str) -> Result<String> {
    let model = models::load(service)?;
    let raw = emit::file(config, service, &model, &authorization::load(service)?)
        .map_err(|message| Error::Other(format!("{service}: {message}")))?;
    formatted(&raw)
}

/// The text as rustfmt would have it.
pub(crate) fn formatted(text: &str) -> Result<String> {
    let failed = |error: std::io::Error| Error::Other(format!("rustfmt: {error}"));
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(files::repository("rustfmt.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    // rustfmt reads everything before it writes anything, so one pipe after the other cannot block.
    if let Some(mut input) = rustfmt.stdin.take() {
        input.write_all(text.as_bytes()).map_err(failed)?;
    }
    let output = rustfmt.wait_with_output().map_err(failed)?;
    let formatted = String::from_utf8(output.stdout).map_err(|error| Error::Other(error.to_string()))?;
    if output.status.success() {
        return Ok(formatted);
    }
    Err(Error::Other("rustfmt does not take the generated text".into()))
}

#[cfg(test)]
mod tests;
