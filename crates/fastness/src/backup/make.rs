//! `fastness backup`: by the running server, or by itself while none runs.

use super::container::{Contents, Writer, read};
use super::deliver::{OUTGOING, take};
use super::{FORMAT, Manifest, STORE_PREFIX};
use crate::admin::{Command, ask_running};
use crate::args::BackupArgs;
use crate::config::Config;
use crate::deployment::{Data, Description};
use crate::opening::Opening;
use crate::{Failure, failure};
use platform::Vouching;
use serde_json::{Value, json};
use server::{Clock as _, Deployment, SystemClock};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use store::{Image, Witness as _};

/// What was made.
pub(crate) struct Made {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) head: String,
}

impl Made {
    pub(crate) fn to_json(&self) -> Value {
        json!({ "path": self.path, "bytes": self.bytes, "head": self.head })
    }
}

pub(crate) fn run(args: &BackupArgs) -> Result<ExitCode, Failure> {
    let config = Config::read(&args.place)?;
    let data = Data::locate(&args.place, &config)?;
    let description =
        data.describe()?.ok_or_else(|| failure(data.path().display(), "no deployment is here"))?;
    let to = named(&std::path::absolute(&args.to)?, &description);
    require_free(&to, &data)?;
    let made = match ask_running(&data, &Command::Backup { to: to.clone() })? {
        Some(mut made) => {
            take(&data.outbox().join(OUTGOING), &to)?;
            if let Some(made) = made.as_object_mut() {
                made.insert("path".into(), json!(to));
            }
            made
        }
        None => {
            let _claim = data.claim()?;
            let opening = Opening { place: args.place.clone(), config, data, description };
            let deployment = opening.configured()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let by = json!({ "operator": { "uid": own_uid()?, "pid": std::process::id() } });
            let made = runtime.block_on(make(&deployment, &opening, &to, &to, by, &|| false));
            close(&runtime, deployment)?;
            made?.to_json()
        }
    };
    let text = |name| made.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut out = io::stdout();
    writeln!(out, "Backed up to {}", text("path"))?;
    writeln!(out, "  bytes     {}", made.get("bytes").and_then(Value::as_u64).unwrap_or_default())?;
    writeln!(out, "  head      {}", text("head"))?;
    writeln!(out, "What opens the keyring is not in it: keep that, too, elsewhere.")?;
    Ok(ExitCode::SUCCESS)
}

/// The user that runs this process.
pub(crate) fn own_uid() -> io::Result<u32> {
    Ok(fs::metadata("/proc/self")?.uid())
}

/// Closes a deployment that was opened for one command.
pub(crate) fn close(
    runtime: &tokio::runtime::Runtime,
    deployment: std::sync::Arc<Deployment>,
) -> Result<(), Failure> {
    match std::sync::Arc::try_unwrap(deployment) {
        Ok(deployment) => Ok(runtime.block_on(deployment.close())?),
        Err(_) => Err(Failure("the deployment is still in use".into())),
    }
}

/// Makes a backup at `path`, which does not exist yet, to be taken to `to`, while `stop` does not say to give up.
///
/// The backup holds the record that it was made. It bears its name only once it was written, synchronized and read again.
pub(crate) async fn make(
    deployment: &Deployment,
    opening: &Opening,
    path: &Path,
    to: &Path,
    by: Value,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Made, Failure> {
    let (data, description) = (&opening.data, &opening.description);
    let made = SystemClock.now().rfc3339();
    let mut details = by;
    if let Some(details) = details.as_object_mut() {
        details.insert("to".into(), json!(to));
    }
    deployment.record_operator("Backup", details).await.map_err(|fault| Failure(fault.for_operator()))?;
    let image = deployment.image().await?;
    let work = || write(deployment, &image, data, description, path, made, stop);
    let bytes = match tokio::runtime::Handle::current().runtime_flavor() {
        tokio::runtime::RuntimeFlavor::MultiThread => tokio::task::block_in_place(work)?,
        _ => work()?,
    };
    Ok(Made { path: path.to_owned(), bytes, head: image.head().to_string() })
}

/// The file that a backup becomes: the one that is named, or a new one in the directory that is named.
fn named(to: &Path, description: &Description) -> PathBuf {
    if !to.is_dir() {
        return to.to_owned();
    }
    let time: String =
        SystemClock.now().rfc3339().chars().filter(|c| !matches!(c, '-' | ':' | '.')).collect();
    to.join(format!("fastness-{}-{time}.backup", description.id))
}

/// Refuses a name that is taken, and one inside of the data, where a backup would go with what it is to save.
fn require_free(path: &Path, data: &Data) -> Result<(), Failure> {
    if path.symlink_metadata().is_ok() {
        return Err(failure(path.display(), "there is something of this name already"));
    }
    let parent = path.parent().unwrap_or(Path::new("/"));
    let parent = parent.canonicalize().map_err(|error| failure(parent.display(), error))?;
    let own = data.path().canonicalize().map_err(|error| failure(data.path().display(), error))?;
    if parent.starts_with(&own) {
        return Err(failure(path.display(), "a backup must not lie in the data directory"));
    }
    Ok(())
}

fn write(
    deployment: &Deployment,
    image: &Image,
    data: &Data,
    description: &Description,
    path: &Path,
    made: String,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<u64, Failure> {
    let partial = beside(path);
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&partial);
    let file = file.map_err(|error| failure(partial.display(), error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(failure(path.display(), "another backup of this name is being made"));
        }
        Err(TryLockError::Error(error)) => return Err(failure(partial.display(), error)),
    }
    file.set_len(0)?;
    let result = fill(deployment, image, data, description, &file, made, stop).and_then(|()| {
        let bytes = file.metadata()?.len();
        verify(deployment, &partial, stop)?;
        if path.symlink_metadata().is_ok() {
            return Err(failure(path.display(), "there is something of this name already"));
        }
        fs::rename(&partial, path)?;
        let parent = path.parent().unwrap_or(Path::new("/"));
        File::open(parent)?.sync_all()?;
        Ok(bytes)
    });
    if result.is_err() {
        // The next backup of this name takes its place.
        let _gone = fs::remove_file(&partial);
    }
    result
}

fn fill(
    deployment: &Deployment,
    image: &Image,
    data: &Data,
    description: &Description,
    file: &File,
    made: String,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<(), Failure> {
    let mut writer = Writer::begin(Stoppable { inner: BufWriter::with_capacity(1 << 20, file), stop })?;
    // Read after the image was taken: a keyring opens all that an older one did.
    for path in data.backed_up() {
        let bytes = fs::read(&path).map_err(|error| failure(path.display(), error))?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        writer.part::<Failure>(name, |out| Ok(out.write_all(&bytes)?))?;
    }
    for name in image.parts() {
        writer.part::<Failure>(&format!("{STORE_PREFIX}{name}"), |out| Ok(image.write_part(&name, out)?))?;
    }
    let manifest = Manifest {
        format: FORMAT,
        deployment: description.id.clone(),
        account: description.account.clone(),
        made,
        head: image.head().to_string(),
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
fn verify(deployment: &Deployment, path: &Path, stop: &(dyn Fn() -> bool + Sync)) -> Result<(), Failure> {
    let again = |error: &dyn std::fmt::Display| failure("reading the backup again", error);
    let file = File::open(path)?;
    let contents = read::<io::Error>(BufReader::with_capacity(1 << 20, file), &mut |_, _| stopped(stop))
        .map_err(|error| again(&error))?;
    let vouching = Vouching::new(&deployment.env().keyring);
    check(&contents, &vouching).map(drop).map_err(|Failure(error)| again(&error))
}

/// Compares what was read of a backup with what it says of itself, and who says it.
pub(super) fn check(contents: &Contents, vouching: &Vouching) -> Result<Manifest, Failure> {
    let manifest = manifest(contents)?;
    if !vouching.confirms(&Manifest::statement(&contents.manifest), &contents.proof) {
        return Err(Failure(
            "its manifest was altered, or made by somebody else: the proof does not fit".into(),
        ));
    }
    Ok(manifest)
}

/// What a backup says of itself, if its parts are as it says.
pub(super) fn manifest(contents: &Contents) -> Result<Manifest, Failure> {
    let manifest: Manifest =
        serde_json::from_slice(&contents.manifest).map_err(|_| Failure("its manifest is damaged".into()))?;
    for (said, found) in manifest.parts.iter().zip(&contents.parts) {
        if said != found {
            return Err(Failure(format!("its part {} is damaged", said.name)));
        }
    }
    if manifest.format != FORMAT || manifest.parts.len() != contents.parts.len() {
        return Err(Failure("its manifest does not fit its parts".into()));
    }
    Ok(manifest)
}

pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
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
