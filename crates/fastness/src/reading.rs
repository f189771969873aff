//! Files of others, read as the commands read them and no further: a way in for fuzzing.

use crate::backup::container;
use crate::config::Config;
use crate::{Failure, policies};
use std::io;
use std::path::Path;

/// Reads a configuration file named `f.toml`, and what it says.
///
/// # Errors
/// What an operator is told.
pub fn configuration(text: &str) -> Result<(), String> {
    let config = Config::parse(text, Path::new("f.toml")).map_err(|Failure { message, .. }| message)?;
    for seal in &config.seal {
        let _files = seal.paths();
        // Whoever seals or unseals is told.
        let _ports = seal.ports();
    }
    let _complete = config.limits.complete();
    Ok(())
}

/// Reads a file of policy tests named `f.yaml` or `f.json`, and its cases; no policies, which may be files of their own.
///
/// # Errors
/// What whoever runs the tests is told.
pub fn policy_tests(text: &str, json: bool) -> Result<(), String> {
    policies::check(text, Path::new(if json { "f.json" } else { "f.yaml" }))
        .map_err(|Failure { message, .. }| message)
}

/// Reads a backup, and gives the file that has the same parts, manifest and proof.
///
/// # Errors
/// It is none, or damaged.
pub fn backup(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = container::Writer::begin(Vec::new())?;
    let contents =
        container::read(bytes, &mut |name, part| writer.part(name, |out| io::copy(part, out).map(drop)))?;
    writer.finish(&contents.manifest, &contents.proof)
}

/// A small backup, with a part of each of some names and lengths, and nothing in them.
///
/// # Errors
/// None, as it is written to memory.
pub fn made_up_backup(parts: &[(&str, usize)]) -> io::Result<Vec<u8>> {
    let mut writer = container::Writer::begin(Vec::new())?;
    for (name, bytes) in parts {
        writer.part(name, |out| out.write_all(&vec![0; *bytes]))?;
    }
    writer.finish(b"manifest", b"proof")
}
