//! `fastness verify --backup`: proves a backup whole without restoring it.

use super::Manifest;
use super::container::read;
use super::make::{check, manifest};
use super::parts::Parts;
use crate::admin::merge;
use crate::args::VerifyArgs;
use crate::config::Config;
use crate::deployment::Data;
use crate::exit::Exit;
use crate::opening::{Opening, Shreds};
use crate::progress::Progress;
use crate::verify::Verified;
use crate::{Failure, beside, failure, output, shares};
use attestation::Roots;
use keyring::{Keyring, Seal};
use platform::{Opener, Vouching};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use store::{Head, Image, Report};

/// Compares every part with the manifest. If a seal at hand opens the keyring in the backup, it then proves the manifest genuine, and every group, row
/// and record as `verify` of a data directory does, where they lie in the file.
pub(crate) fn run(args: &VerifyArgs, file: &Path) -> Result<ExitCode, Failure> {
    let named = |error: Failure| error.during(file.display());
    let opened = File::open(file).map_err(|error| Failure::from(error).during(file.display()))?;
    let progress = Progress::begin("verifying", opened.metadata()?.len().saturating_mul(2));
    let scratch = Scratch::make()?;
    let data = Data::at(scratch.0.clone());
    // The keyring and the description are small; the store is read past.
    let from = BufReader::with_capacity(1 << 20, progress.reading(&opened));
    let contents = read::<Failure>(from, &mut |name, part| {
        let beside = data.backed_up().into_iter().find(|path| path.ends_with(name));
        beside.map_or(Ok(()), |path| super::restore::write_part(&path, name, part))
    })
    .map_err(named)?;
    let stated = manifest(&contents).map_err(named)?;
    let verified = match keyring(args, data.clone(), &stated).map_err(named)? {
        Some(keyring) => {
            check(&contents, &Vouching::new(&keyring)).map_err(named)?;
            let parts = Parts::of(opened, &contents);
            let report = walk(parts, &stated, &keyring, &args.contains, &progress).map_err(named)?;
            Some(Verified::from(report).with(beside::check(&data, &keyring)?))
        }
        None => None,
    };
    progress.end();
    let facts = || {
        let mut facts = json!({ "backup": stated.facts(), "whole": true, "genuine": Value::Null });
        if let Some(verified) = &verified {
            merge(&mut facts, verified.facts());
            merge(&mut facts, json!({ "genuine": true }));
        }
        facts
    };
    output::print(facts, |out| {
        writeln!(out, "deployment {} of account {}", stated.deployment, stated.account)?;
        writeln!(out, "backed up  {}", stated.made)?;
        writeln!(out, "parts      {}", stated.parts.len())?;
        writeln!(out, "shreds     of generation {} or newer go with it", stated.shreds)?;
        let found = match &verified {
            Some(verified) => {
                verified.tell(out)?;
                if verified.is_whole() {
                    "It is whole, and the deployment's own."
                } else {
                    "It is the deployment's own, but NOT everything in it is as it was written."
                }
            }
            None => {
                writeln!(out, "head      {}", stated.head)?;
                "It is as its manifest says. No key at hand opens its keyring, so it is not known who made it, and no row was opened."
            }
        };
        Ok(writeln!(out, "{found}")?)
    })?;
    Ok(verified.map_or_else(|| Exit::Locked.into(), |verified| verified.code()))
}

/// Walks the store in a backup.
fn walk(
    parts: Parts,
    stated: &Manifest,
    keyring: &Keyring,
    contains: &[Head],
    progress: &Progress,
) -> Result<Report, Failure> {
    let (image, found) =
        Image::copied(Arc::new(parts), stated.head.parse()?, Arc::new(Vouching::new(keyring)))?;
    let mut opener = progress.inspecting(Opener::new(keyring, &|| false));
    Ok(image.verify(&mut opener, contains, found)?)
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

#[cfg(test)]
mod tests {
    use super::super::container::Writer;
    use super::super::{FORMAT, STORE_PREFIX};
    use super::*;
    use crate::args::Place;
    use crate::init;
    use std::fs;
    use std::io;

    /// A deployment that is not served.
    fn made(directory: &Path) -> (Opening, Keyring) {
        let (data, key_file) = (Some(directory.join("data")), Some(directory.join("key")));
        let place = Place { data, config: None, key_file, passphrase_file: None };
        let config = Config::default();
        let data = Data::locate(&place, &config).unwrap();
        init::create(&place, &config, &data, None, init::Wanted::default(), false).unwrap();
        let opening = Opening::locate(&place).unwrap();
        let keyring = opening.keyring(&[]).unwrap();
        (opening, keyring)
    }

    /// The parts of a store, with the place in its history that it ends with.
    fn parts(data: &Data, keyring: &Keyring) -> (Vec<(String, Vec<u8>)>, Head) {
        let disk = Arc::new(store::Directory::open(&data.store()).unwrap());
        let (image, found) = Image::stopped(disk, Arc::new(Vouching::new(keyring))).unwrap();
        assert!(found.is_empty());
        let mut opener = Opener::new(keyring, &|| false);
        let part = |name: String| {
            let mut bytes = Vec::new();
            image.write_part(&name, &mut opener, &mut bytes).unwrap();
            (name, bytes)
        };
        (image.parts().into_iter().map(part).collect(), image.head())
    }

    /// A backup of these parts, which has whatever it takes to be genuine.
    fn backup(to: &Path, opening: &Opening, keyring: &Keyring, parts: &[(String, Vec<u8>)], head: &Head) {
        let mut writer = Writer::begin(Vec::new()).unwrap();
        for path in opening.data.backed_up() {
            let Ok(bytes) = fs::read(&path) else { continue };
            let name = path.file_name().unwrap().to_str().unwrap();
            writer.part::<io::Error>(name, |out| out.write_all(&bytes)).unwrap();
        }
        for (name, bytes) in parts {
            let name = format!("{STORE_PREFIX}{name}");
            writer.part::<io::Error>(&name, |out| out.write_all(bytes)).unwrap();
        }
        let manifest = Manifest {
            format: FORMAT,
            deployment: opening.description.id.clone(),
            account: opening.description.account.clone(),
            made: String::new(),
            head: head.to_string(),
            shreds: keyring.shreds_generation(),
            parts: writer.parts().to_vec(),
        };
        let manifest = serde_json::to_vec(&manifest).unwrap();
        let proof = store::Witness::attest(&Vouching::new(keyring), &Manifest::statement(&manifest)).unwrap();
        fs::write(to, writer.finish(&manifest, &proof).unwrap()).unwrap();
    }

    /// What is found in a backup, or what keeps from looking.
    fn findings(file: &Path, keyring: &Keyring) -> Vec<String> {
        let contents = read::<Failure>(File::open(file).unwrap(), &mut |_, _| Ok(())).unwrap();
        let stated = check(&contents, &Vouching::new(keyring)).unwrap();
        let (parts, progress) = (Parts::of(File::open(file).unwrap(), &contents), Progress::begin("", 0));
        match walk(parts, &stated, keyring, &[], &progress) {
            Ok(report) => {
                assert!(!report.findings.is_empty() || report.rows > 1 && report.groups > 0, "{report:?}");
                report.findings.iter().map(ToString::to_string).collect()
            }
            Err(Failure { message, .. }) => vec![message],
        }
    }

    #[test]
    fn every_row_and_group_of_a_genuine_backup_is_opened() {
        let scratch = tempfile::tempdir().unwrap();
        let (opening, keyring) = made(scratch.path());
        let (parts, head) = parts(&opening.data, &keyring);
        let file = scratch.path().join("backup");
        backup(&file, &opening, &keyring, &parts, &head);
        assert_eq!(findings(&file, &keyring), [] as [&str; 0]);
        // The mark in front of the rows is the manifest's to prove: where it stands nobody reads but to restore.
        let rows_at =
            8 + 32 + 3 * 8 + 4 + 20 * u32::from_le_bytes(parts[0].1[64..68].try_into().unwrap()) as usize;
        for (index, (name, bytes)) in parts.iter().enumerate() {
            let first = if index == 0 { rows_at } else { 0 };
            assert!(bytes.len() > first + 200, "{name}");
            for at in (first..bytes.len()).step_by((bytes.len() / 60).max(1)) {
                let mut altered = parts.clone();
                altered[index].1[at] ^= 1 << (at % 8);
                backup(&file, &opening, &keyring, &altered, &head);
                assert!(!findings(&file, &keyring).is_empty(), "byte {at} of {name}");
            }
            let mut cut = parts.clone();
            let last = cut[index].1.len() - 1;
            cut[index].1.truncate(last);
            backup(&file, &opening, &keyring, &cut, &head);
            assert!(!findings(&file, &keyring).is_empty(), "the end of {name}");
        }
        // One that lacks its newest segment is none, whatever its manifest says.
        backup(&file, &opening, &keyring, &parts[..parts.len() - 1], &head);
        assert!(!findings(&file, &keyring).is_empty());
    }
}
