//! From the server to the operator: a running server can write nowhere but among its data, so that what it made is taken from there.

use super::make::{Made, beside, make};
use crate::opening::Opening;
use crate::{Failure, failure};
use serde_json::Value;
use server::Deployment;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use tokio::sync::Mutex;

/// The name of a finished backup that waits to be taken.
pub(super) const OUTGOING: &str = "backup";

/// There is room for one backup.
static MAKING: Mutex<()> = Mutex::const_new(());

/// Makes a backup that the operator's command takes to `to`. One that nobody took before gives way.
pub(crate) async fn into_outbox(
    deployment: &Deployment,
    opening: &Opening,
    to: &Path,
    by: Value,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Made, Failure> {
    let _making = MAKING.try_lock().map_err(|_| Failure("another backup is being made".into()))?;
    let outbox = opening.data.outbox();
    match fs::remove_dir_all(&outbox) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failure(outbox.display(), error));
        }
        _ => {}
    }
    DirBuilder::new().mode(0o700).create(&outbox).map_err(|error| failure(outbox.display(), error))?;
    make(deployment, opening, &outbox.join(OUTGOING), to, by, stop).await
}

/// Moves a file to a name that nobody has, wholly or not at all.
pub(super) fn take(from: &Path, to: &Path) -> Result<(), Failure> {
    let took = match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => copy(from, to),
        linked => linked,
    };
    took.and_then(|()| File::open(to.parent().unwrap_or(Path::new("/")))?.sync_all())
        .and_then(|()| fs::remove_file(from))
        .map_err(|error| failure(to.display(), error))
}

/// Copies to another file system, under another name until it is whole.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let partial = beside(to);
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    let copied = io::copy(&mut File::open(from)?, &mut out);
    let linked = copied.and_then(|_| out.sync_all()).and_then(|()| fs::hard_link(&partial, to));
    fs::remove_file(&partial)?;
    linked
}
