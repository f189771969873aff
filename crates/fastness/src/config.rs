//! The configuration file. A key that is not known, or a value of the wrong kind, is an error: a mistyped setting of a key server
//! must not go unnoticed.

#[cfg(test)]
mod hostile;
mod limits;

use crate::Failure;
use crate::args::Place;
pub(crate) use limits::{Load, QuotaSettings};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Where to listen if nothing says it.
pub(crate) const LISTEN_DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4566);

/// All settings; each has a default.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Config {
    /// The data directory.
    pub(crate) data: Option<PathBuf>,
    /// Address and port to listen on.
    pub(crate) listen: Option<SocketAddr>,
    /// Serve plain HTTP elsewhere than on loopback.
    #[serde(default)]
    pub(crate) plain_http_beyond_loopback: bool,
    /// How the keyring is opened.
    pub(crate) seal: Option<Seal>,
    /// What the process is and may reach.
    #[serde(default)]
    pub(crate) process: Process,
    /// Logs on standard error.
    #[serde(default)]
    pub(crate) log: Log,
    /// Request quotas other than AWS's.
    #[serde(default)]
    pub(crate) quotas: QuotaSettings,
    /// How much is served at once.
    #[serde(default)]
    pub(crate) load: Load,
}

/// What opens the keyring.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub(crate) enum Seal {
    /// A file with 32 random bytes.
    KeyFile { path: PathBuf },
    /// A passphrase, in the first line of a file.
    Passphrase { path: PathBuf },
}

impl Seal {
    /// The file it is in.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::KeyFile { path } | Self::Passphrase { path } => path,
        }
    }
}

/// What the serving process is and may reach beyond its own data.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Process {
    /// The user to become, when started as root.
    pub(crate) user: Option<String>,
    /// Directories and files to read besides.
    #[serde(default)]
    pub(crate) read: Vec<PathBuf>,
    /// Directories and files to read and write besides.
    #[serde(default)]
    pub(crate) write: Vec<PathBuf>,
}

/// How to log.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Log {
    /// `text`, `json`, or the one that fits where standard error goes.
    #[serde(default)]
    pub(crate) format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    #[serde(default)]
    pub(crate) level: LogLevel,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl Config {
    /// Reads the file that the command line names, if it names one.
    pub(crate) fn read(place: &Place) -> Result<Self, Failure> {
        Self::read_file(place.config.as_deref())
    }

    /// Reads a file, if there is one.
    pub(crate) fn read_file(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path).map_err(|error| crate::failure(path.display(), error))?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
            Failure(format!("{}:{line}: {}", path.display(), error.message().trim_end()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named_with_their_line() {
        let cases = [
            ("listen = \"127.0.0.1:1\"\nlisten_on = 1\n", "f.toml:2: unknown field `listen_on`"),
            ("data = 3\n", "f.toml:1: invalid type: integer `3`"),
            ("\n\nlisten = \"localhost\"\n", "f.toml:3: invalid socket address"),
            ("[log]\nlevel = \"loud\"\n", "f.toml:2: unknown variant `loud`"),
            ("[seal]\nkind = \"key-file\"\npath = \"k\"\nmode = 1\n", "f.toml:"),
            ("data = \n", "f.toml:1: "),
        ];
        for (text, expected) in cases {
            let Failure(message) = Config::parse(text, Path::new("f.toml")).unwrap_err();
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn a_full_file() {
        let text = "data = \"/d\"\nlisten = \"[::1]:80\"\nplain-http-beyond-loopback = true\n\
                    [seal]\nkind = \"passphrase\"\npath = \"/p\"\n[log]\nformat = \"json\"\nlevel = \"debug\"\n";
        let config = Config::parse(text, Path::new("f.toml")).unwrap();
        assert!(matches!(config.seal, Some(Seal::Passphrase { .. })));
        assert!(config.listen.unwrap().is_ipv6());
    }
}
