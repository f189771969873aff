//! Which seals open a deployment's keyring.

use crate::args::Place;
use crate::config::{Config, Seal as Configured};
use crate::deployment::{Description, SealPlace, create_private, default_key_file};
use crate::{Failure, failure};
use keyring::{Access, KeyFile, KeyringError, Kind, Passphrase, Random, Seal, SlotInfo, Wrapping};
use seals::{Kms, Pkcs11, Source, default_credential};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The variable that can hold the passphrase itself, in the environment or an environment file.
const PASSPHRASE_VARIABLE: &str = "FASTNESS_PASSPHRASE";

/// The seals at hand, in the order in which they are tried, and why others are not.
#[derive(Default)]
pub(crate) struct AtHand {
    pub(crate) seals: Vec<Box<dyn Seal>>,
    pub(crate) faults: Vec<Failure>,
}

impl AtHand {
    /// The seals of an existing keyring: those that flags, environment and configuration name, else the systemd credential if there is
    /// one, else the key file that the deployment was made with.
    pub(crate) fn of(place: &Place, config: &Config, description: &Description) -> Self {
        let mut named = named(place, config);
        if named.is_empty()
            && let SealPlace::KeyFile { path, successor } = &description.seal
        {
            named = [Some(path), successor.as_ref()]
                .into_iter()
                .flatten()
                .map(|path| Configured::KeyFile(Source::Path(path.clone())))
                .collect();
        }
        let mut at_hand = Self::default();
        for configured in &named {
            match load(configured) {
                Ok(seal) => at_hand.seals.push(seal),
                Err(fault) => at_hand.faults.push(fault),
            }
        }
        at_hand
    }

    /// The seals, to be tried.
    pub(crate) fn refs(&self) -> Vec<&dyn Seal> {
        self.seals.iter().map(|seal| &**seal).collect()
    }
}

/// The key file that [`new`] makes or uses, where it is known before.
pub(crate) fn key_file_to_make(place: &Place, config: &Config) -> Result<Option<PathBuf>, Failure> {
    Ok(match named(place, config).as_slice() {
        // Its name is the deployment's.
        [] => Some(default_key_file("new")?),
        seals => seals.iter().find_map(|seal| match seal {
            Configured::KeyFile(Source::Path(path)) => Some(path.clone()),
            _ => None,
        }),
    })
}

/// The seals for a new keyring, and what to write down of them. A key file that does not exist is made; one that exists is used. If
/// nothing is named, a key file is made at its default place, unless there will be shares.
pub(crate) fn new(
    place: &Place,
    config: &Config,
    id: &str,
    shares: bool,
    random: &dyn Random,
) -> Result<(Vec<Box<dyn Seal>>, SealPlace), Failure> {
    let mut named = named(place, config);
    if named.is_empty() && !shares {
        named.push(Configured::KeyFile(Source::Path(default_key_file(id)?)));
    }
    let (mut seals, mut seal_place) = (Vec::new(), SealPlace::Configured);
    for configured in &named {
        match configured {
            Configured::KeyFile(Source::Path(path)) => {
                let (seal, path) = key_file(path, random)?;
                if seals.is_empty() {
                    seal_place = SealPlace::KeyFile { path, successor: None };
                }
                seals.push(Box::new(seal) as Box<dyn Seal>);
            }
            other => {
                if seals.is_empty() && matches!(other, Configured::Passphrase(_)) {
                    seal_place = SealPlace::Passphrase;
                }
                seals.push(load(other)?);
            }
        }
    }
    Ok((seals, seal_place))
}

/// A key file at this place, made if there is none, and its absolute path.
pub(crate) fn key_file(path: &Path, random: &dyn Random) -> Result<(KeyFile, PathBuf), Failure> {
    let path = std::path::absolute(path).map_err(|error| failure(path.display(), error))?;
    let seal = if path.exists() {
        KeyFile::open(&path, Access::Owner)
    } else {
        path.parent()
            .map_or(Ok(()), create_private)
            .map_err(|Failure { message, .. }| refused(KEY_FILE, &Source::Path(path.clone()), message))?;
        KeyFile::create(&path, random)
    };
    let seal = seal.map_err(|error| refused(KEY_FILE, &Source::Path(path.clone()), error))?;
    Ok((seal, path))
}

/// The key file, as faults and settings call it.
const KEY_FILE: &str = "the key file";

/// The passphrase, likewise.
const PASSPHRASE: &str = "the passphrase";

/// Why a secret of the configuration, of flags or of the environment cannot be used, with the next step.
fn refused(what: &'static str, source: &Source, error: impl std::fmt::Display) -> Failure {
    let flag = if what == KEY_FILE {
        "--key-file, FASTNESS_KEY_FILE"
    } else {
        "--passphrase-file, FASTNESS_PASSPHRASE_FILE"
    };
    let (setting, step) = match source {
        Source::Path(_) => (
            format!("seal.path ({flag})"),
            "name a file that holds it, and that its owner alone can read (chmod 600)",
        ),
        Source::Credential(_) => (
            "seal.credential".to_owned(),
            "name one that systemd gives to the service (LoadCredentialEncrypted=)",
        ),
        Source::EnvironmentFile(_) => (
            "seal.environment-file".to_owned(),
            "name a file of `NAME=value` lines that its owner alone can read (chmod 600)",
        ),
        Source::Environment(_) => ("seal.environment".to_owned(), "set the variable, or name another"),
    };
    failure(what, error).of_setting(&setting, step)
}

/// Why a keyring cannot have a seal, with the settings to look at.
pub(crate) fn unusable(seal: &dyn Seal, error: &KeyringError) -> Failure {
    let step = match seal.kind() {
        Kind::KeyFile => "name another file with seal.path (--key-file)",
        Kind::Passphrase => "give another to seal.path (--passphrase-file) or FASTNESS_PASSPHRASE",
        Kind::Pkcs11 => "look at module, token, key and pin of [seal]",
        Kind::Kms => "look at endpoint, region, key, credentials and ca-file of [seal]",
        Kind::Shamir => "make other shares with --shamir",
    };
    failure("the keyring", format!("{error}: {step}"))
}

/// The passphrase that flags or environment give, if they give one.
pub(crate) fn passphrase(place: &Place) -> Result<Option<Zeroizing<String>>, Failure> {
    let source = match &place.passphrase_file {
        Some(path) => Source::Path(path.clone()),
        None if std::env::var_os(PASSPHRASE_VARIABLE).is_some() => {
            Source::Environment(PASSPHRASE_VARIABLE.to_owned())
        }
        None => return Ok(None),
    };
    passphrase_of(&source).map(Some)
}

/// The passphrase that a source holds, as it goes over the operator's channel.
pub(crate) fn passphrase_of(source: &Source) -> Result<Zeroizing<String>, Failure> {
    let bytes = source.secret(PASSPHRASE_VARIABLE).map_err(|error| refused(PASSPHRASE, source, error))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| refused(PASSPHRASE, source, "it is not UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// What opens a slot, for people to read.
pub(crate) fn about(slot: &SlotInfo, place: &SealPlace) -> String {
    match &slot.wrapping {
        Wrapping::KeyFile(_) => match place {
            SealPlace::KeyFile { path, .. } => {
                format!("key file {} (protects stolen disks and backups)", path.display())
            }
            _ => "key file (protects stolen disks and backups)".to_owned(),
        },
        Wrapping::Passphrase { .. } => "passphrase".to_owned(),
        Wrapping::Shamir { set, threshold, shares, .. } => {
            format!("any {threshold} of the {shares} shares of set {}", hex(set))
        }
        Wrapping::Pkcs11 { token, key, .. } => format!("key `{key}` of the PKCS#11 token `{token}`"),
        Wrapping::Kms { key, .. } => format!("KMS key {key}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// What flags, environment and configuration name: the first of these that name anything.
fn named(place: &Place, config: &Config) -> Vec<Configured> {
    if let Some(path) = &place.key_file {
        return vec![Configured::KeyFile(Source::Path(path.clone()))];
    }
    if let Some(path) = &place.passphrase_file {
        return vec![Configured::Passphrase(Source::Path(path.clone()))];
    }
    if std::env::var_os(PASSPHRASE_VARIABLE).is_some() {
        return vec![Configured::Passphrase(Source::Environment(PASSPHRASE_VARIABLE.to_owned()))];
    }
    if config.seal.is_empty() {
        return default_credential().map(Configured::KeyFile).into_iter().collect();
    }
    config.seal.clone()
}

fn load(configured: &Configured) -> Result<Box<dyn Seal>, Failure> {
    Ok(match configured {
        Configured::KeyFile(source) => {
            Box::new(source.key().map_err(|error| refused(KEY_FILE, source, error))?)
        }
        Configured::Passphrase(source) => {
            let bytes =
                source.secret(PASSPHRASE_VARIABLE).map_err(|error| refused(PASSPHRASE, source, error))?;
            Box::new(Passphrase::new(bytes))
        }
        Configured::Pkcs11(settings) => Box::new(Pkcs11::new(settings.clone())),
        Configured::Kms(settings) => Box::new(Kms::new(settings.clone())),
    })
}
