//! Which seal opens a deployment's keyring.

use crate::args::Place;
use crate::config::{Config, Seal as Configured};
use crate::deployment::{Description, SealPlace, default_key_file};
use crate::{Failure, failure};
use keyring::{Access, KeyFile, Passphrase, Random, Seal};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The variable that can hold the passphrase itself.
const PASSPHRASE_VARIABLE: &str = "FASTNESS_PASSPHRASE";

/// What flags, environment and configuration name, in this order.
enum Named {
    KeyFile(PathBuf),
    Passphrase(Zeroizing<Vec<u8>>),
    Nothing,
}

/// The seal that opens an existing keyring.
pub(crate) fn existing(
    place: &Place,
    config: &Config,
    description: &Description,
) -> Result<Box<dyn Seal>, Failure> {
    let path = match (named(place, config)?, &description.seal) {
        (Named::Passphrase(passphrase), _) => return Ok(Box::new(Passphrase::new(passphrase))),
        (Named::KeyFile(path), _) => path,
        (Named::Nothing, SealPlace::KeyFile { path }) => path.clone(),
        (Named::Nothing, SealPlace::Passphrase) => {
            return Err(Failure(format!(
                "this deployment is opened by a passphrase: give it in {PASSPHRASE_VARIABLE} or with --passphrase-file"
            )));
        }
    };
    let seal = KeyFile::open(&path, Access::Owner).map_err(|error| failure("the key file", error))?;
    Ok(Box::new(seal))
}

/// The seal for a new keyring. A key file that does not exist is made; one that exists is used.
pub(crate) fn new(
    place: &Place,
    config: &Config,
    id: &str,
    random: &dyn Random,
) -> Result<(Box<dyn Seal>, SealPlace), Failure> {
    let path = match named(place, config)? {
        Named::Passphrase(passphrase) => {
            return Ok((Box::new(Passphrase::new(passphrase)), SealPlace::Passphrase));
        }
        Named::KeyFile(path) => path,
        Named::Nothing => default_key_file(id)?,
    };
    let path = std::path::absolute(&path).map_err(|error| failure(path.display(), error))?;
    let seal = if path.exists() {
        KeyFile::open(&path, Access::Owner)
    } else {
        if let Some(parent) = path.parent() {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent);
            made.map_err(|error| failure(parent.display(), error))?;
        }
        KeyFile::create(&path, random)
    };
    let seal = seal.map_err(|error| failure("the key file", error))?;
    Ok((Box::new(seal), SealPlace::KeyFile { path }))
}

/// Whether flags, environment or configuration name a seal.
pub(crate) fn is_named(place: &Place, config: &Config) -> bool {
    place.key_file.is_some()
        || place.passphrase_file.is_some()
        || std::env::var_os(PASSPHRASE_VARIABLE).is_some()
        || config.seal.is_some()
}

/// The passphrase that they give, if they give one.
pub(crate) fn passphrase(place: &Place, config: &Config) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    Ok(match named(place, config)? {
        Named::Passphrase(passphrase) => Some(passphrase),
        _ => None,
    })
}

fn named(place: &Place, config: &Config) -> Result<Named, Failure> {
    if let Some(path) = &place.key_file {
        return Ok(Named::KeyFile(path.clone()));
    }
    if let Some(path) = &place.passphrase_file {
        return passphrase_in(path);
    }
    if let Some(passphrase) = std::env::var_os(PASSPHRASE_VARIABLE) {
        return Ok(Named::Passphrase(Zeroizing::new(passphrase.into_encoded_bytes())));
    }
    match &config.seal {
        Some(Configured::KeyFile { path }) => Ok(Named::KeyFile(path.clone())),
        Some(Configured::Passphrase { path }) => passphrase_in(path),
        None => Ok(Named::Nothing),
    }
}

fn passphrase_in(path: &Path) -> Result<Named, Failure> {
    let text = Zeroizing::new(std::fs::read(path).map_err(|error| failure(path.display(), error))?);
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(Named::Passphrase(Zeroizing::new(line.to_vec())))
}
