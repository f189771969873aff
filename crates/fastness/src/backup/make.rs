//! `fastness backup`: by the running server, or by itself while none runs.

use super::container::{Contents, Writer, read};
use super::{FORMAT, Manifest, STORE_PREFIX};
use crate::admin::Command;
use crate::args::BackupArgs;
use crate::deployment::{Data, Description};
use crate::exit::Exit;
use crate::opening::Opening;
use crate::progress::{Watching, store_bytes};
use crate::{Failure, beside, changes, failure, output};
use keyring::Keyring;
use platform::{Opener, Vouching};
use rustix::fs::OFlags;
use serde_json::{Value, json};
use server::{Clock as _, Deployment, SystemClock};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, BufWriter, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use store::{Image, StoreError, Witness as _};

pub(crate) fn run(args: &BackupArgs) -> Result<ExitCode, Failure> {
    let opening = Opening::locate(&args.place)?;
    let data = opening.data.clone();
    let made = SystemClock.now().rfc3339();
    let target = Target::choose(&std::path::absolute(&args.to)?, &opening.data, &opening.description, &made)?;
    let command = Command::Backup { to: target.path.clone() };
    // The server is kept to its own files: it gets this one open.
    let written = target.file.try_clone()?;
    let done = move || written.metadata().map_or(0, |found| found.len());
    let watching = Watching::begin("backing up", store_bytes(&data.store()), done);
    let answer = changes::run_with(opening, &command, Some(target.file.try_clone()?));
    drop(watching);
    let answer = answer?;
    let head = answer.get("head").and_then(Value::as_str).unwrap_or_default();
    let bytes = target.file.metadata()?.len();
    let path = target.keep()?;
    let shreds = Keyring::shreds_path(&data.keyring());
    output::print(
        || json!({ "file": path, "bytes": bytes, "head": head, "shreds": shreds }),
        |out| {
            writeln!(out, "Backed up to {}", path.display())?;
            writeln!(out, "  bytes     {bytes}")?;
            writeln!(out, "  head      {head}")?;
            writeln!(out, "What opens the keyring is not in it: keep that, too, elsewhere.")?;
            writeln!(out, "Nor is {}: keep its newest copy, and no older one.", shreds.display())?;
            Ok(())
        },
    )?;
    Ok(ExitCode::SUCCESS)
}

/// The file of a backup, which bears its name only once it is whole.
struct Target {
    path: PathBuf,
    partial: PathBuf,
    file: File,
    kept: bool,
}

impl Target {
    /// Begins a backup at `to`, a file that does not exist yet or a directory to make one in.
    fn choose(to: &Path, data: &Data, description: &Description, made: &str) -> Result<Self, Failure> {
        let path = if to.is_dir() {
            let time: String = made.chars().filter(|c| !matches!(c, '-' | ':' | '.')).collect();
            to.join(format!("fastness-{}-{time}.backup", description.id))
        } else {
            to.to_owned()
        };
        require_free(&path)?;
        let parent = path.parent().unwrap_or(Path::new("/"));
        let parent = parent.canonicalize().map_err(|error| failure(parent.display(), error))?;
        let own = data.path().canonicalize().map_err(|error| failure(data.path().display(), error))?;
        if parent.starts_with(&own) {
            return Err(failure(path.display(), "a backup must not lie in the data directory"));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        // Where backups are kept others may have put a link.
        let no_link = i32::try_from(OFlags::NOFOLLOW.bits())?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(no_link);
        let open = options.open(&partial);
        let file = open.map_err(|error| failure(partial.display(), error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(failure(path.display(), "another backup of this name is being made"));
            }
            Err(TryLockError::Error(error)) => return Err(failure(partial.display(), error)),
        }
        file.set_len(0)?; // what is left of one that was cut off
        Ok(Self { path, partial, file, kept: false })
    }

    /// Gives it its name.
    fn keep(mut self) -> Result<PathBuf, Failure> {
        require_free(&self.path)?;
        fs::rename(&self.partial, &self.path)?;
        self.kept = true;
        File::open(self.path.parent().unwrap_or(Path::new("/")))?.sync_all()?;
        Ok(self.path.clone())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !self.kept {
            // The next backup of this name takes its place.
            let _gone = fs::remove_file(&self.partial);
        }
    }
}

fn require_free(path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Ok(_) => Err(failure(path.display(), "there is something of this name already")),
        Err(_) => Ok(()),
    }
}

/// Writes a backup to an empty file, synchronizes it and reads it again, while `stop` does not say to give up. Tells the head that
/// it ends with.
///
/// The backup holds the record that it was made, with the name that the operator gave it.
pub(crate) async fn make(
    deployment: &Deployment,
    opening: &Opening,
    to: &Path,
    file: &File,
    by: Value,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<String, Failure> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > 0 {
        return Err(Failure("a backup is written to an empty file".into()));
    }
    let mut details = by;
    if let Some(details) = details.as_object_mut() {
        details.insert("to".into(), json!(to));
    }
    deployment.record_operator("Backup", details).await.map_err(|fault| Failure(fault.for_operator()))?;
    let image = deployment.image().await?;
    let work = || {
        fill(deployment, &image, opening, file, stop)?;
        verify(deployment, file, stop)
    };
    tokio::task::block_in_place(work)?;
    Ok(image.head().to_string())
}

fn fill(
    deployment: &Deployment,
    image: &Image,
    opening: &Opening,
    file: &File,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<(), Failure> {
    let Opening { data, description, .. } = opening;
    if let Some(finding) = beside::check(data, &deployment.env().keyring)?.first() {
        return Err(Failure(format!(
            "no backup was made, since it could not be restored: {finding}; run `fastness verify`"
        )));
    }
    let mut writer = Writer::begin(Stoppable { inner: BufWriter::with_capacity(1 << 20, file), stop })?;
    // Read after the image was taken: a keyring opens all that an older one did.
    for path in data.backed_up() {
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            read => read.map_err(|error| failure(path.display(), error))?,
        };
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        writer.part::<Failure>(name, |out| Ok(out.write_all(&bytes)?))?;
    }
    let mut opener = Opener::new(&deployment.env().keyring, stop);
    for name in image.parts() {
        writer.part::<Failure>(&format!("{STORE_PREFIX}{name}"), |out| {
            image.write_part(&name, &mut opener, out).map_err(|error| match error {
                StoreError::Damaged { .. } | StoreError::Format { .. } => Failure(format!(
                    "no backup was made, since it could not be restored: {error}; run `fastness verify`"
                ))
                .with(Exit::Damaged),
                other => other.into(),
            })
        })?;
    }
    let manifest = Manifest {
        format: FORMAT,
        deployment: description.id.clone(),
        account: description.account.clone(),
        made: SystemClock.now().rfc3339(),
        head: image.head().to_string(),
        shreds: deployment.env().keyring.shreds_generation(),
        parts: writer.parts().to_vec(),
    };
    let manifest = serde_json::to_vec(&manifest)?;
    let proof = Vouching::new(&deployment.env().keyring).attest(&Manifest::statement(&manifest));
    let proof = proof.map_err(|error| failure("proving the backup", error))?;
    let out = writer.finish(&manifest, &proof)?;
    drop(out);
    Ok(file.sync_all()?)
}

/// Reads a backup that was just written.
fn verify(deployment: &Deployment, mut file: &File, stop: &(dyn Fn() -> bool + Sync)) -> Result<(), Failure> {
    let again = |error: &dyn std::fmt::Display| failure("reading the backup again", error);
    file.rewind()?;
    let contents = read::<io::Error>(BufReader::with_capacity(1 << 20, file), &mut |_, _| stopped(stop))
        .map_err(|error| again(&error))?;
    let vouching = Vouching::new(&deployment.env().keyring);
    check(&contents, &vouching).map(drop).map_err(|error| error.during("reading the backup again"))
}

/// Compares what was read of a backup with what it says of itself, and who says it.
pub(super) fn check(contents: &Contents, vouching: &Vouching) -> Result<Manifest, Failure> {
    let manifest = manifest(contents)?;
    if !vouching.confirms(&Manifest::statement(&contents.manifest), &contents.proof) {
        return Err(Failure(
            "its manifest was altered, or made by somebody else: the proof does not fit".into(),
        )
        .with(Exit::Damaged));
    }
    Ok(manifest)
}

/// What a backup says of itself, if its parts are as it says.
pub(super) fn manifest(contents: &Contents) -> Result<Manifest, Failure> {
    let manifest: Manifest = serde_json::from_slice(&contents.manifest)
        .map_err(|_| Failure("its manifest is damaged".into()).with(Exit::Damaged))?;
    for (said, found) in manifest.parts.iter().zip(&contents.parts) {
        if said != found {
            return Err(Failure(format!("its part {} is damaged", said.name)).with(Exit::Damaged));
        }
    }
    if manifest.format != FORMAT || manifest.parts.len() != contents.parts.len() {
        return Err(Failure("its manifest does not fit its parts".into()).with(Exit::Damaged));
    }
    Ok(manifest)
}

fn stopped(stop: &(dyn Fn() -> bool + Sync)) -> io::Result<()> {
    if stop() { Err(io::Error::other("the deployment was sealed meanwhile")) } else { Ok(()) }
}

/// Asks at every write whether to give up.
struct Stoppable<'a, W> {
    inner: W,
    stop: &'a (dyn Fn() -> bool + Sync),
}

impl<W: io::Write> io::Write for Stoppable<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        stopped(self.stop)?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
