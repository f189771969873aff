//! Reading and writing the files of this repository.

use std::fs;
use std::path::{Path, PathBuf};

/// What went wrong, told to a developer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file could not be read or written.
    #[error("{path}: {1}", path = .0.display())]
    File(PathBuf, std::io::Error),
    /// A file was read, but does not say what it should.
    #[error("{path}: {1}", path = .0.display())]
    Content(PathBuf, String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// The result of every command.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// A path inside the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR"));
    tools.parent().unwrap_or(tools).join(path)
}

/// The text of a file.
pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| Error::File(path.into(), error))
}

/// Makes a file contain exactly this text; true if it did not before.
pub(crate) fn ensure(path: &Path, text: &str) -> Result<bool> {
    if differs(path, text)? {
        fs::write(path, text).map_err(|error| Error::File(path.into(), error))?;
        return Ok(true);
    }
    Ok(false)
}

/// Whether a file is absent or contains anything but this text.
pub(crate) fn differs(path: &Path, text: &str) -> Result<bool> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes != text.as_bytes()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(Error::File(path.into(), error)),
    }
}
