//! `fastness verify --backup`: proves a backup whole without restoring it.

use super::Manifest;
use super::container::read;
use super::make::{check, manifest};
use crate::args::VerifyArgs;
use crate::config::Config;
use crate::deployment::Data;
use crate::exit::Exit;
use crate::opening::{Opening, Shreds};
use crate::progress::Progress;
use crate::{Failure, failure, output, shares};
use attestation::Roots;
use keyring::{Keyring, Seal};
use platform::Vouching;
use serde_json::json;
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::Path;
use std::process::ExitCode;

/// Compares every part with the manifest and, if a seal at hand opens the keyring in the backup, proves the manifest genuine.
///
/// Only a restore opens each row and record; the command that made the backup opened them too.
pub(crate) fn run(args: &VerifyArgs, file: &Path) -> Result<ExitCode, Failure> {
    let named = |error: Failure| error.during(file.display());
    let opened = File::open(file).map_err(|error| Failure::from(error).during(file.display()))?;
    let progress = Progress::begin("verifying", opened.metadata()?.len());
    let scratch = Scratch::make()?;
    let data = Data::at(scratch.0.clone());
    // The keyring and the description are small; the store is read past.
    let from = BufReader::with_capacity(1 << 20, progress.reading(opened));
    let contents = read::<Failure>(from, &mut |name, part| {
        let beside = data.backed_up().into_iter().find(|path| path.ends_with(name));
        beside.map_or(Ok(()), |path| super::restore::write_part(&path, name, part))
    })
    .map_err(named)?;
    progress.end();
    let stated = manifest(&contents).map_err(named)?;
    let genuine = match keyring(args, data, &stated).map_err(named)? {
        Some(keyring) => {
            check(&contents, &Vouching::new(&keyring)).map_err(named)?;
            true
        }
        None => false,
    };
    output::print(
        || json!({ "backup": stated.facts(), "whole": true, "genuine": genuine.then_some(true) }),
        |out| {
            writeln!(out, "deployment {} of account {}", stated.deployment, stated.account)?;
            writeln!(out, "backed up  {}", stated.made)?;
            writeln!(out, "head       {}", stated.head)?;
            writeln!(out, "parts      {}", stated.parts.len())?;
            writeln!(out, "shreds     of generation {} or newer go with it", stated.shreds)?;
            let genuine = if genuine {
                "It is whole, and the deployment's own."
            } else {
                "It is as its manifest says. No key at hand opens its keyring, so it is not known who made it."
            };
            Ok(writeln!(out, "{genuine}")?)
        },
    )?;
    Ok(if genuine { ExitCode::SUCCESS } else { Exit::Locked.into() })
}

/// The keyring of the backup; none if nothing at hand opens it.
fn keyring(args: &VerifyArgs, data: Data, stated: &Manifest) -> Result<Option<Keyring>, Failure> {
    let config = Config::read(&args.place)?;
    let none = || Failure("it holds no description of a deployment".to_owned()).with(Exit::Damaged);
    let description = data.describe()?.ok_or_else(none)?;
    let place = crate::args::Place { data: Some(data.path().to_owned()), ..args.place.clone() };
    let opening = Opening { place, config, data, description, roots: Roots::default(), beyond: None };
    let given: Vec<Box<dyn Seal>> =
        if args.shares { shares::combine(&shares::read()?)?.into_iter().collect() } else { Vec::new() };
    let given: Vec<&dyn Seal> = given.iter().map(|seal| &**seal).collect();
    match opening.keyring_with(&given, Shreds::New(stated.shreds.saturating_add(1))) {
        Ok(keyring) => Ok(Some(keyring)),
        Err(error) if Exit::of(&error) == Exit::Locked => Ok(None),
        Err(error) => Err(Failure::from(error)),
    }
}

/// A private directory, gone in the end.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn make() -> Result<Self, Failure> {
        let mut id = [0_u8; 8];
        keyring::Random::fill(&keyring::SystemRandom, &mut id);
        let path = std::env::temp_dir().join(format!("fastness-verify-{}", hex::encode(id)));
        let made =
            std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(&path);
        made.map_err(|error| failure(path.display(), error))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}
