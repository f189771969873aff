//! `fastness restore`: a deployment from a backup.

use super::container::read;
use super::make::{check, manifest};
use super::{Manifest, STORE_PREFIX};
use crate::admin::{merge, said_by};
use crate::args::{Place, RestoreArgs};
use crate::config::Config;
use crate::deployment::{Data, write_private};
use crate::exit::Exit;
use crate::opening::{Opening, Shreds, Unopened};
use crate::progress::Progress;
use crate::verify::{findings_text, verify_stopped};
use crate::{Failure, failure, output, shares};
use attestation::Roots;
use keyring::{Keyring, KeyringError, Seal};
use platform::Vouching;
use serde_json::{Value, json};
use server::Operator;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufReader, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use store::{Embedded, Head, Moment, Past, Restoration, Store, StoreError};
use wire::Timestamp;

/// The longest file of a backup that is not part of the store, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Most that one transaction puts back, in bytes of keys and values.
const STEP_BYTES: usize = 4 << 20;

pub(crate) fn run(args: &RestoreArgs) -> Result<ExitCode, Failure> {
    let config = Config::read(&args.place)?;
    let data = Data::locate(&args.place, &config)?;
    let from = |error: Failure| error.during(args.from.display());
    let stated = stated(&args.from).map_err(from)?;
    require_empty(&data, &stated)?;
    let moment = args.at.as_deref().map(moment).transpose()?;
    let given: Vec<Box<dyn Seal>> =
        if args.shares { shares::combine(&shares::read()?)?.into_iter().collect() } else { Vec::new() };
    // Made beside its place, so that it is there wholly or not at all.
    let target = std::path::absolute(data.path())?;
    let building = beside(&target);
    DirBuilder::new().recursive(true).mode(0o700).create(target.parent().unwrap_or(Path::new("/")))?;
    DirBuilder::new().mode(0o700).create(&building).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => failure(
            building.display(),
            "it is left from a restore that was cut off, or one is under way: remove it",
        ),
        _ => failure(building.display(), error),
    })?;
    let result = build(args, config, Data::at(building.clone()), &given, moment).and_then(|done| {
        // Takes the place of an empty directory, too.
        fs::rename(&building, &target).map_err(|error| failure(target.display(), error))?;
        File::open(target.parent().unwrap_or(Path::new("/")))?.sync_all()?;
        Ok(done)
    });
    if result.is_err() {
        let _gone = fs::remove_dir_all(&building);
    }
    let done = result?;
    let Done { manifest, past } = &done;
    let facts = || {
        let past = past.as_ref().map(|past| {
            json!({ "time": time_text(past.time), "version": past.head.version, "rowsPutBack": past.rows.len() })
        });
        json!({ "data": target, "backup": manifest.facts(), "rowsAsOf": past })
    };
    output::print(facts, |out| {
        writeln!(out, "Restored to {}", target.display())?;
        writeln!(out, "  deployment {} of account {}", manifest.deployment, manifest.account)?;
        writeln!(out, "  backed up  {}", manifest.made)?;
        writeln!(out, "  head       {}", manifest.head)?;
        if let Some(past) = past {
            let (time, version) = (time_text(past.time), past.head.version);
            writeln!(out, "  rows as of {time} (version {version}), {} put back", past.rows.len())?;
        }
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What was restored.
struct Done {
    manifest: Manifest,
    past: Option<Past>,
}

/// What a backup says of itself, its parts being as it says. Who says it is not known yet.
fn stated(path: &Path) -> Result<Manifest, Failure> {
    let file = BufReader::with_capacity(1 << 20, File::open(path)?);
    manifest(&read::<io::Error>(file, &mut |_, _| Ok(()))?)
}

fn require_empty(data: &Data, stated: &Manifest) -> Result<(), Failure> {
    let path = data.path();
    let entries = match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(failure(path.display(), error)),
    };
    if !entries {
        return Ok(());
    }
    let what = match data.describe() {
        Ok(Some(found)) if found.id == stated.deployment => {
            format!("the same deployment, {}, is here already", found.id)
        }
        Ok(Some(found)) => {
            format!("another deployment, {}, is here, and the backup is of {}", found.id, stated.deployment)
        }
        _ => "the directory is not empty".to_owned(),
    };
    Err(failure(
        path.display(),
        format!("{what}; restore into an empty directory, or one that does not exist"),
    ))
}

fn build(
    args: &RestoreArgs,
    config: Config,
    data: Data,
    given: &[Box<dyn Seal>],
    moment: Option<Moment>,
) -> Result<Done, Failure> {
    let from = |error: Failure| error.during(args.from.display());
    let progress = Progress::begin("restoring", File::open(&args.from)?.metadata()?.len().saturating_mul(2));
    let open =
        || Ok::<_, Failure>(BufReader::with_capacity(1 << 20, progress.reading(File::open(&args.from)?)));
    // The files beside the store come first; what opens the keyring tells whether the backup is to be believed.
    let contents = read::<Failure>(open()?, &mut |name, part| {
        let Some(path) = data.backed_up().into_iter().find(|path| path.ends_with(name)) else {
            return Ok(());
        };
        write_part(&path, name, part)
    })
    .map_err(from)?;
    let description = data
        .describe()?
        .ok_or_else(|| failure(args.from.display(), "it holds no description of a deployment"))?;
    let place = Place { data: Some(data.path().to_owned()), ..args.place.clone() };
    let opening = Opening { place, config, data, description, roots: Roots::default(), beyond: None };
    let given: Vec<&dyn Seal> = given.iter().map(|seal| &**seal).collect();
    let shreds = match &args.shreds {
        Some(path) => {
            let bytes = fs::read(path).map_err(|error| Failure::from(error).during(path.display()))?;
            write_private(&Keyring::shreds_path(&opening.data.keyring()), &bytes)?;
            Shreds::There
        }
        None => Shreds::New(super::make::manifest(&contents).map_err(from)?.shreds.saturating_add(1)),
    };
    let own_shreds = Keyring::shreds_path(&opening.data.keyring());
    let keyring = opening.keyring_with(&given, shreds).map_err(|error| match (error, &args.shreds) {
        // The keyring opened; the copy of the shreds is of no interest to whoever gave the file.
        (Unopened::Keyring(KeyringError::Damaged { path, reason }), Some(given)) if path == own_shreds => {
            let why =
                format!("these are no shreds of the deployment that {} is of: {reason}", args.from.display());
            failure(given.display(), why)
        }
        (Unopened::Altered(_), _) => failure(
            args.from.display(),
            "its description of the deployment was altered: the proof does not fit",
        ),
        (error, _) => {
            let exit = Exit::of(&error);
            let why = format!("its keyring does not open, so it is not known to be genuine: {error}");
            failure(args.from.display(), why).with(exit)
        }
    })?;
    let data = &opening.data;
    let vouching = Vouching::new(&keyring);
    let manifest = check(&contents, &vouching).map_err(from)?;
    if let Some(path) = &args.shreds
        && keyring.shreds_generation() < manifest.shreds
    {
        let why =
            "these shreds are older than the backup, so that keys in it would be lost: take a newer copy";
        return Err(failure(path.display(), why));
    }
    let head: Head = manifest.head.parse()?;
    let vouching = Arc::new(vouching);
    let restoration = Restoration::create(&data.store(), vouching.clone())?;
    let again = read::<Failure>(open()?, &mut |name, part| {
        name.strip_prefix(STORE_PREFIX).map_or(Ok(()), |name| Ok(restoration.part(name, part)?))
    })
    .map_err(from)?;
    if again.parts != contents.parts || again.manifest != contents.manifest {
        return Err(failure(args.from.display(), "it changed while it was read"));
    }
    restoration.finish(&head)?;
    progress.end();
    let report = verify_stopped(data, &keyring, &[head])?;
    if !report.findings.is_empty() {
        return Err(failure(
            args.from.display(),
            format!("the store in it is damaged:\n{}", findings_text(&report)),
        )
        .with(Exit::Damaged));
    }
    let past = match moment {
        Some(moment) => Some(go_back(data, vouching, moment)?),
        None => None,
    };
    drop(keyring);
    record(args, &opening, &given, &manifest, past.as_ref())?;
    Ok(Done { manifest, past })
}

/// Writes a part that is not of the store to its file.
pub(super) fn write_part(path: &Path, name: &str, part: &mut dyn io::Read) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    part.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure(format!("its part {name} is too large")));
    }
    write_private(path, &bytes)
}

/// Puts every row back to what it was at a moment. The trail stays whole: what happened since is history, and so is this.
fn go_back(data: &Data, vouching: Arc<Vouching>, moment: Moment) -> Result<Past, Failure> {
    let store = Store::open(Embedded::open(&data.store(), vouching)?)?;
    let past = store.image_blocking()?.past(moment).map_err(|error| match error {
        StoreError::NoMoment { versions, times } => Failure(format!(
            "--at: the rows can be put back to those of version {} to {}, or of {} to {}",
            versions.start(),
            versions.end(),
            time_text(*times.start()),
            time_text(*times.end())
        )),
        error => failure("--at", error),
    })?;
    let mut rows = past.rows.iter().peekable();
    while rows.peek().is_some() {
        let mut txn = store.begin();
        let mut bytes = 0;
        while bytes < STEP_BYTES
            && let Some((key, value)) = rows.next()
        {
            bytes += key.len() + value.as_ref().map_or(0, |value| value.len());
            match value {
                Some(value) => txn.put(key, value.clone()),
                None => txn.delete(key),
            }
        }
        store.commit_blocking(txn)?;
    }
    store.close_blocking()?;
    Ok(past)
}

/// Leaves a record of the restore in the restored trail.
fn record(
    args: &RestoreArgs,
    opening: &Opening,
    given: &[&dyn Seal],
    manifest: &Manifest,
    past: Option<&Past>,
) -> Result<(), Failure> {
    let deployment = opening.also_with(given)?;
    let uid = fs::metadata("/proc/self")?.uid();
    let mut details = said_by(Operator { uid, pid: i32::try_from(std::process::id()).ok() });
    let more = json!({
        "from": args.from,
        "backup": { "made": manifest.made, "head": manifest.head },
        "rowsAsOf": past.map_or(Value::Null, |past| json!({ "head": past.head.to_string(), "time": time_text(past.time) })),
    });
    merge(&mut details, more);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let recorded = runtime.block_on(deployment.record_operator("Restore", details));
    match Arc::try_unwrap(deployment) {
        Ok(deployment) => runtime.block_on(deployment.close())?,
        Err(_) => return Err(Failure("the restored deployment is still in use".into())),
    }
    recorded.map_err(|fault| Failure(fault.for_operator()))
}

/// A version, or a time.
fn moment(text: &str) -> Result<Moment, Failure> {
    if let Ok(version) = text.parse() {
        return Ok(Moment::Version(version));
    }
    let time = Timestamp::parse_rfc3339(text).ok().and_then(|time| u64::try_from(time.0).ok());
    time.map(Moment::Time).ok_or_else(|| {
        Failure(format!("`{text}` is neither a version nor a time such as 2026-11-21T23:07:43Z"))
    })
}

fn time_text(milliseconds: u64) -> String {
    i64::try_from(milliseconds).map_or_else(|_| milliseconds.to_string(), |time| Timestamp(time).rfc3339())
}

fn beside(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".restoring");
    PathBuf::from(name)
}
