//! Private files: made with mode 0600, refused if anybody but the owner may touch them, replaced as a whole or not at all.

use crate::KeyringError;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const PRIVATE_MODE: u32 = 0o600;

/// What is expected at most of a pipe, whose length nobody knows.
const PIPE_BYTES: u64 = 4096;

/// Who but its owner may have access to a private file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nobody.
    Owner,
    /// Its group may read it: so does a file look that systemd made for a service of another user, as the mode's group bits are the
    /// mask of its access control list (acl(5)).
    Credential,
}

impl Access {
    /// The permission bits that must not be set.
    const fn forbidden(self) -> u32 {
        match self {
            Self::Owner => 0o077,
            Self::Credential => 0o037,
        }
    }
}

/// Makes the error of a failed operation on a file.
pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeyringError {
    let path = path.to_owned();
    move |source| KeyringError::Io { action, path, source }
}

/// Makes a new file for its owner alone.
pub(crate) fn create_private(path: &Path) -> Result<File, KeyringError> {
    OpenOptions::new().write(true).create_new(true).mode(PRIVATE_MODE).open(path).map_err(|error| match error
        .kind()
    {
        io::ErrorKind::AlreadyExists => KeyringError::Exists { path: path.to_owned() },
        _ => failed("create", path)(error),
    })
}

/// Opens a file to read it, if nobody has access to it who must not.
fn open_private(path: &Path, access: Access) -> Result<File, KeyringError> {
    let file = File::open(path).map_err(failed("open", path))?;
    // Of the open file, not of the path: what is checked is what is read.
    let metadata = file.metadata().map_err(failed("inspect", path))?;
    // A shell's `<(…)` is a pipe.
    if !metadata.is_file() && !metadata.file_type().is_fifo() {
        return Err(failed("read", path)(io::Error::other("not a regular file")));
    }
    match metadata.permissions().mode() & 0o7777 {
        mode if mode & access.forbidden() != 0 => Err(KeyringError::Exposed { path: path.to_owned(), mode }),
        _ => Ok(file),
    }
}

/// Reads a private file of at most `limit` bytes.
///
/// # Errors
/// [`KeyringError::Exposed`], if others have access to the file than may, [`KeyringError::Damaged`], if it is longer, and those of the
/// file system.
pub fn read_private(path: &Path, limit: u64, access: Access) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
    let file = open_private(path, access)?;
    // Room for all of it, so that growing leaves no copies behind.
    let length = file.metadata().map_err(failed("inspect", path))?.len().max(PIPE_BYTES);
    let room = usize::try_from(length.min(limit)).unwrap_or(0);
    let mut text = Zeroizing::new(Vec::with_capacity(room + 1));
    let length = file.take(limit + 1).read_to_end(&mut text).map_err(failed("read", path))?;
    if u64::try_from(length).is_ok_and(|length| length <= limit) {
        Ok(text)
    } else {
        let reason = format!("it has more than {limit} bytes");
        Err(KeyringError::Damaged { path: path.to_owned(), reason })
    }
}

/// Puts a new file in place, durably: after a crash there is the old one or the new one, whole.
///
/// The caller holds the file's [`lock`], so that a temporary file that is there already is of somebody who crashed.
pub(crate) fn replace_private(path: &Path, text: &[u8]) -> Result<(), KeyringError> {
    let temporary = beside(path, ".new");
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("remove", &temporary)(error));
        }
        _ => {}
    }
    let mut file = create_private(&temporary)?;
    file.write_all(text).and_then(|()| file.sync_all()).map_err(failed("write", &temporary))?;
    std::fs::rename(&temporary, path).map_err(failed("replace", path))?;
    sync_directory(path)
}

/// Makes the name of a file in its directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), KeyringError> {
    let directory = directory(path);
    File::open(directory).and_then(|open| open.sync_all()).map_err(failed("sync", directory))
}

/// The directory that a file lies in.
pub(crate) fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Waits for the right to change a file, which lasts until the result is dropped.
pub(crate) fn lock(path: &Path) -> Result<File, KeyringError> {
    let lock = beside(path, ".lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE_MODE)
        .open(&lock)
        .map_err(failed("open", &lock))?;
    file.lock().map_err(failed("lock", &lock))?;
    Ok(file)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
