//! The key file: 32 random bytes in a file outside of the data directory, readable by its owner alone.

use crate::file::Access;
use crate::secret::Secret;
use crate::{KeyringError, Kind, Random, Seal, SlotPlace, UnderKey, Wrapping, file};
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The longest key file, in bytes: 64 hexadecimal digits and the end of a line.
const FILE_BYTES_MAX: u64 = 66;

const LABEL: &str = "fastness key file slot";

/// The seal that needs no set-up. It protects against whoever gets hold of the data without this file: stolen disks, backups.
pub struct KeyFile {
    /// The file the key lies in, if it lies in one.
    path: Option<PathBuf>,
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
        Ok(Self { path: Some(path.to_owned()), key })
    }

    /// Reads a key file: 32 bytes, or 64 hexadecimal digits in a line.
    ///
    /// # Errors
    /// [`KeyringError::Exposed`], if others have access to the file than may, [`KeyringError::KeyFileLength`], and those of the file
    /// system.
    pub fn open(path: &Path, access: Access) -> Result<Self, KeyringError> {
        let no_key = || KeyringError::KeyFileLength { path: path.to_owned() };
        let text = file::read_private(path, FILE_BYTES_MAX, access).map_err(|error| match error {
            KeyringError::Damaged { .. } => no_key(),
            other => other,
        })?;
        Self::parse(&text, Some(path)).ok_or_else(no_key)
    }

    /// The key that a text is: 32 bytes, or 64 hexadecimal digits in a line. The path is where the text
    /// came from, if from a file.
    pub fn parse(text: &[u8], path: Option<&Path>) -> Option<Self> {
        let key = Secret::copy_of(text).or_else(|| {
            let line = text.strip_suffix(b"\n").unwrap_or(text);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let mut key = Secret::zero();
            hex::decode_to_slice(line, key.bytes_mut()).ok().map(|()| key)
        })?;
        Some(Self { path: path.map(Path::to_owned), key })
    }

    /// The key as hexadecimal digits, for a process that cannot read the file.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.key.bytes()))
    }
}

impl Seal for KeyFile {
    fn kind(&self) -> Kind {
        Kind::KeyFile
    }

    fn location(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    fn wrap(&self, place: &SlotPlace, root: &Secret, random: &dyn Random) -> Result<Wrapping, KeyringError> {
        UnderKey::wrap(&self.key, LABEL, place, root, random).map(Wrapping::KeyFile)
    }

    fn unwrap(&self, place: &SlotPlace, wrapping: &Wrapping) -> Result<Secret, KeyringError> {
        let Wrapping::KeyFile(under) = wrapping else { return Err(KeyringError::Refused) };
        under.unwrap(&self.key, LABEL, place)
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile").field("path", &self.path).finish_non_exhaustive()
    }
}
