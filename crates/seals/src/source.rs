//! Where a secret comes from.

use crate::env_file::{self, Variables};
use keyring::{Access, KeyFile, KeyringError, read_private};
use serde::Deserialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The variable in which systemd tells a service where its credentials are (systemd.exec(5)).
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";

/// The credential that opens the keyring if it is there and nothing else is named.
const KEY_CREDENTIAL: &str = "fastness-root-key";

/// The variable of an environment file that holds the key of a key file, as 64 hexadecimal digits.
const KEY_VARIABLE: &str = "FASTNESS_KEY";

/// The longest file of secrets, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// A place of a secret. In configuration: `{ path = "…" }`, `{ credential = "…" }`, `{ environment-file = "…" }` or
/// `{ environment = "…" }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Fields")]
pub enum Source {
    /// A file of it alone.
    Path(PathBuf),
    /// A credential that systemd gives to the service, by its name.
    Credential(String),
    /// A file of `KEY=value` lines.
    EnvironmentFile(PathBuf),
    /// A variable of the process's environment, which also its user's other processes can read.
    Environment(String),
}

/// A source as configuration has it: one of these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Fields {
    path: Option<PathBuf>,
    credential: Option<String>,
    environment_file: Option<PathBuf>,
    environment: Option<String>,
}

impl TryFrom<Fields> for Source {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        let Fields { path, credential, environment_file, environment } = fields;
        let named = [
            path.map(Self::Path),
            credential.map(Self::Credential),
            environment_file.map(Self::EnvironmentFile),
            environment.map(Self::Environment),
        ];
        let mut named = named.into_iter().flatten();
        match (named.next(), named.next()) {
            (Some(source), None) => Ok(source),
            _ => Err("name one of `path`, `credential`, `environment-file` and `environment`"),
        }
    }
}

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// systemd gave no credentials.
    #[error(
        "there is no credential `{0}`: systemd gave none to this process (CREDENTIALS_DIRECTORY is not set)"
    )]
    NoCredentials(String),
    /// The name of a credential is none.
    #[error("`{0}` is not the name of a credential")]
    CredentialName(String),
    /// A variable is not set.
    #[error("{place} does not set {variable}")]
    Unset {
        /// The environment, or the file.
        place: String,
        /// The variable.
        variable: String,
    },
    /// A file of variables is not one.
    #[error("line {line} of `{path}`: {reason}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1; 0 for the whole file.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A variable does not hold a key.
    #[error("{0} does not hold 64 hexadecimal digits")]
    NoKey(String),
    /// One variable was named where several are needed.
    #[error("the environment variable `{0}` cannot hold several secrets: name a file")]
    OneVariable(String),
    /// The file cannot be read, or others have access to it.
    #[error(transparent)]
    File(#[from] KeyringError),
}

/// The credential that opens the keyring if nothing else is named, if systemd gave it.
pub fn default_credential() -> Option<Source> {
    let name = KEY_CREDENTIAL.to_owned();
    let there = std::env::var_os(CREDENTIALS_VARIABLE)
        .is_some_and(|directory| Path::new(&directory).join(&name).exists());
    there.then_some(Source::Credential(name))
}

impl Source {
    /// The key that this holds: 32 bytes or 64 hexadecimal digits, or in an environment file `FASTNESS_KEY`.
    ///
    /// # Errors
    /// It cannot be read, others have access to it, or it holds no key.
    pub fn key(&self) -> Result<KeyFile, SourceError> {
        match self {
            Self::Path(_) | Self::Credential(_) => {
                let (path, access) = self.file()?;
                Ok(KeyFile::open(&path, access)?)
            }
            Self::EnvironmentFile(path) => {
                let text = self.secret(KEY_VARIABLE)?;
                KeyFile::parse(&text, Some(path))
                    .ok_or_else(|| SourceError::NoKey(format!("{KEY_VARIABLE} in `{}`", path.display())))
            }
            Self::Environment(name) => {
                KeyFile::parse(&self.secret(name)?, None).ok_or_else(|| SourceError::NoKey(name.clone()))
            }
        }
    }

    /// The secret that this holds: the first line of a file or credential, or a variable, which in an environment file is called
    /// `variable`.
    ///
    /// # Errors
    /// It cannot be read, others have access to it, or the variable is not set.
    pub fn secret(&self, variable: &str) -> Result<Zeroizing<Vec<u8>>, SourceError> {
        match self {
            Self::Path(_) | Self::Credential(_) => {
                let (path, access) = self.file()?;
                let mut text = read_private(&path, FILE_BYTES_MAX, access)?;
                let line = text.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
                let end = line.unwrap_or(text.len());
                text.truncate(end);
                Ok(text)
            }
            Self::EnvironmentFile(path) => match self.variables()?.remove(variable) {
                Some(value) => Ok(Zeroizing::new(value.as_bytes().to_vec())),
                None => Err(SourceError::Unset {
                    place: format!("`{}`", path.display()),
                    variable: variable.to_owned(),
                }),
            },
            Self::Environment(name) => match std::env::var_os(name) {
                Some(value) => Ok(Zeroizing::new(OsString::into_encoded_bytes(value))),
                None => {
                    Err(SourceError::Unset { place: "the environment".to_owned(), variable: name.clone() })
                }
            },
        }
    }

    /// The file that must be within reach, if the secret lies in one.
    pub fn path(&self) -> Option<PathBuf> {
        self.file().ok().map(|(path, _)| path)
    }

    /// The variables of a file of `KEY=value` lines.
    pub(crate) fn variables(&self) -> Result<Variables, SourceError> {
        let (path, access) = self.file()?;
        let text = read_private(&path, FILE_BYTES_MAX, access)?;
        env_file::parse(&text).map_err(|(line, reason)| SourceError::Line { path, line, reason })
    }

    /// The file, and who may have access to it.
    fn file(&self) -> Result<(PathBuf, Access), SourceError> {
        match self {
            Self::Path(path) | Self::EnvironmentFile(path) => Ok((path.clone(), Access::Owner)),
            Self::Credential(name) => {
                if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
                    return Err(SourceError::CredentialName(name.clone()));
                }
                let directory = std::env::var_os(CREDENTIALS_VARIABLE);
                let directory = directory.ok_or_else(|| SourceError::NoCredentials(name.clone()))?;
                Ok((Path::new(&directory).join(name), Access::Credential))
            }
            Self::Environment(name) => Err(SourceError::OneVariable(name.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn file(directory: &tempfile::TempDir, text: &[u8], mode: u32) -> PathBuf {
        let path = directory.path().join(format!("{mode:o}"));
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_secret_is_a_first_line_or_a_variable() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory, b"FASTNESS_PIN=1234\r\nnote\n", 0o600);
        assert_eq!(**Source::Path(path.clone()).secret("X").unwrap(), *b"FASTNESS_PIN=1234");
        let error = Source::EnvironmentFile(path).secret("FASTNESS_PIN").unwrap_err().to_string();
        assert!(error.starts_with("line 2 of `") && !error.contains("note"), "{error}");
        let path = file(&directory, b"FASTNESS_PIN='12 34'\n", 0o600);
        let source = Source::EnvironmentFile(path.clone());
        assert_eq!(**source.secret("FASTNESS_PIN").unwrap(), *b"12 34");
        assert_eq!(
            source.secret("FASTNESS_KEY").unwrap_err().to_string(),
            format!("`{}` does not set FASTNESS_KEY", path.display())
        );
        let unset = Source::Environment("FASTNESS_TEST_UNSET".into());
        assert_eq!(
            unset.secret("X").unwrap_err().to_string(),
            "the environment does not set FASTNESS_TEST_UNSET"
        );
        assert!(matches!(unset.variables(), Err(SourceError::OneVariable(_))));
        assert_eq!(**Source::Environment("CARGO_PKG_NAME".into()).secret("X").unwrap(), *b"seals");
    }

    #[test]
    fn a_key_is_the_same_wherever_it_lies() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let key = Source::Path(file(&directory, &[7; 32], 0o600)).key().unwrap();
        let random = std::sync::Arc::new(keyring::SystemRandom);
        keyring::Keyring::create(&data.join("keyring.json"), &key, random.clone()).unwrap();
        let text = format!("FASTNESS_KEY={}\n", "07".repeat(32));
        for source in [
            Source::Path(file(&directory, "07".repeat(32).as_bytes(), 0o400)),
            Source::EnvironmentFile(file(&directory, text.as_bytes(), 0o600)),
        ] {
            let seal = source.key().unwrap();
            keyring::Keyring::open(&data.join("keyring.json"), &[&seal], random.clone()).unwrap();
        }
        let short =
            Source::EnvironmentFile(file(&directory, b"FASTNESS_KEY=0707\n", 0o600)).key().unwrap_err();
        assert!(
            short.to_string().starts_with("FASTNESS_KEY in `") && !short.to_string().contains("0707"),
            "{short}"
        );
    }

    #[test]
    fn what_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory, b"A=1\n", 0o644);
        for source in [Source::Path(path.clone()), Source::EnvironmentFile(path)] {
            assert!(matches!(source.secret("A"), Err(SourceError::File(KeyringError::Exposed { .. }))));
        }
        for name in ["", ".", "..", "../x", "/etc/passwd", ".hidden"] {
            let error = Source::Credential(name.into()).secret("A").unwrap_err();
            assert!(matches!(error, SourceError::CredentialName(_)), "{error}");
        }
    }
}
