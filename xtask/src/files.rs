//! Reading and writing the files of this repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

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

/// The checkout that this was called in: what cargo says as it runs this, not what it was built from, as checkouts that share a target folder
/// share this program.
static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let tools = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let root = tools.as_deref().and_then(Path::parent).map(Path::to_owned);
    root.or_else(|| std::env::current_dir().ok()).unwrap_or_default()
});

/// The root of the checkout.
pub(crate) fn root() -> &'static Path {
    &ROOT
}

/// A path inside the checkout.
pub(crate) fn repository(path: &str) -> PathBuf {
    root().join(path)
}

/// The text of a file.
pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| Error::File(path.into(), error))
}

/// Makes a file contain exactly this text, and its folder be there; true if it did not before.
pub(crate) fn ensure(path: &Path, text: &str) -> Result<bool> {
    if differs(path, text)? {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::File(folder.into(), error))?;
        }
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
