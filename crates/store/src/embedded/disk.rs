//! The little of a file system that the embedded engine needs, so that a test can put a failing one underneath.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::StoreError;

/// A flat directory of files. Whatever was not synchronized may be lost, in part and in any order, when the system
/// goes down.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Creates a file that must not exist yet.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file that must exist.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Removes a file; those who have it open may go on reading it.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// The names of all files, in no particular order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Makes durable which files exist, though not what is in them.
    fn sync(&self) -> io::Result<()>;
    /// How many bytes there is room for, as far as can be told: quotas and limits may leave less.
    fn free(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

/// An open file.
#[expect(clippy::len_without_is_empty, reason = "the length of a file, not of a collection")]
pub trait DiskFile: fmt::Debug + Send + Sync + 'static {
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Fills a buffer from an offset; an error if the file ends before.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
    /// Writes all bytes at an offset; the file grows as needed.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file or extends it by zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes its bytes and length durable.
    fn sync(&self) -> io::Result<()>;
}

/// A directory of the operating system, held against other processes by a lock on the file `lock` in it. Readable by
/// its owner alone.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    handle: File,
    /// Locked while open.
    _lock: File,
}

const LOCK_NAME: &str = "lock";

impl Directory {
    /// Opens the directory, and creates it if its parent exists.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process, or another part of this one, has it open.
    pub fn open(path: &Path) -> Result<Directory, StoreError> {
        let context = |doing: &str| format!("{doing} `{}`", path.display());
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => {
                // The new name must be durable, or all that is in it may go with it.
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                let synced =
                    File::open(parent.unwrap_or(Path::new("."))).and_then(|parent| parent.sync_all());
                synced.map_err(|e| StoreError::io(context("creating the data directory"), e))?;
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(StoreError::io(context("creating the data directory"), e)),
        }
        let handle =
            File::open(path).map_err(|e| StoreError::io(context("opening the data directory"), e))?;
        let lock = options().create(true).truncate(false).open(path.join(LOCK_NAME));
        let lock = lock.map_err(|e| StoreError::io(context("opening the lock file in"), e))?;
        match lock.try_lock() {
            Ok(()) => Ok(Directory { path: path.to_path_buf(), handle, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked),
            Err(TryLockError::Error(e)) => Err(StoreError::io(context("locking"), e)),
        }
    }
}

impl Disk for Directory {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(OpenedFile(options().create_new(true).open(self.path.join(name))?)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(OpenedFile(options().open(self.path.join(name))?)))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let names = self.path.read_dir()?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }

    fn free(&self) -> io::Result<u64> {
        let found = rustix::fs::fstatvfs(&self.handle)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

/// A file of the operating system.
#[derive(Debug)]
struct OpenedFile(File);

impl DiskFile for OpenedFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_the_owner_may_look_and_only_one_may_open() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let directory = Directory::open(&path).unwrap();
        directory.create("a").unwrap().write_at(3, b"xyz").unwrap();
        assert!(matches!(Directory::open(&path), Err(StoreError::Locked)));
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("a")), 0o600);
        assert_eq!(mode(&path.join(LOCK_NAME)), 0o600);
        assert_eq!(directory.create("a").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        drop(directory);
        let directory = Directory::open(&path).unwrap();
        let file = directory.open("a").unwrap();
        let mut read = [1; 6];
        file.read_at(0, &mut read).unwrap();
        assert_eq!(&read, b"\0\0\0xyz");
        assert_eq!(file.read_at(1, &mut read).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
