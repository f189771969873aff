//! The key file: 32 random bytes in a file outside of the data directory, readable by its owner alone.

use crate::derive::derive;
use crate::seal::WrappedKey;
use crate::secret::Secret;
use crate::{KeyringError, Random, Seal, Wrapping, file};
use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

pub(crate) const KIND: &str = "key-file";

const LABEL: &str = "fastness key file slot";

/// The seal that needs no set-up. It protects against whoever gets hold of the data without this file: stolen disks, backups.
pub struct KeyFile {
    path: PathBuf,
    key: Secret,
}

impl KeyFile {
    /// Makes a new key file, with mode 0600.
    ///
    /// # Errors
    /// [`KeyringError::Exists`], if there is a file already, and those of the file system.
    pub fn create(path: &Path, random: &dyn Random) -> Result<Self, KeyringError> {
        let key = Secret::random(random);
        let mut file = file::create_private(path)?;
        let written = file.write_all(key.bytes()).and_then(|()| file.sync_all());
        if let Err(error) = written {
            // Half a key is no use to anybody and would be in the way of the next attempt.
            let _ = std::fs::remove_file(path);
            return Err(file::failed("write", path)(error));
        }
        file::sync_directory(path)?;
        Ok(Self { path: path.to_owned(), key })
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`KeyringError::Exposed`], if others than its owner have access to the file, [`KeyringError::KeyFileLength`], and those
    /// of the file system.
    pub fn open(path: &Path) -> Result<Self, KeyringError> {
        let mut file = file::open_private(path)?;
        let mut key = Secret::zero();
        let length = || KeyringError::KeyFileLength { path: path.to_owned() };
        file.read_exact(key.bytes_mut()).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => length(),
            _ => file::failed("read", path)(error),
        })?;
        match file.read(&mut [0]).map_err(file::failed("read", path))? {
            0 => Ok(Self { path: path.to_owned(), key }),
            _ => Err(length()),
        }
    }

    fn wrapping_key(&self, salt: &[u8; 16]) -> Result<Secret, KeyringError> {
        let mut key = Secret::zero();
        derive(self.key.bytes(), LABEL, &[salt], key.bytes_mut())?;
        Ok(key)
    }
}

impl Seal for KeyFile {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn location(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn wrap(&self, place: &[u8], root: &Secret, random: &dyn Random) -> Result<Wrapping, KeyringError> {
        let mut salt = [0; 16];
        random.fill(&mut salt);
        let wrapped = WrappedKey::wrap(&self.wrapping_key(&salt)?, place, root, random)?;
        Ok(Wrapping::KeyFile { salt, wrapped })
    }

    fn unwrap(&self, place: &[u8], wrapping: &Wrapping) -> Result<Secret, KeyringError> {
        let Wrapping::KeyFile { salt, wrapped } = wrapping else { return Err(KeyringError::Refused) };
        wrapped.unwrap(&self.wrapping_key(salt)?, place).map_err(|_| KeyringError::Refused)
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile").field("path", &self.path).finish_non_exhaustive()
    }
}
