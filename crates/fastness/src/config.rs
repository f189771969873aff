//! The configuration file. A key that is not known, or a value of the wrong kind, is an error: a mistyped setting of a key server
//! must not go unnoticed.

mod address;
mod attestation;
mod bounds;
mod limits;
mod monitor;
mod place;
mod quotas;
mod rotation;
mod seal;
mod tls;

pub(crate) use address::address;
pub(crate) use attestation::Attestation;
pub(crate) use limits::Limits;
pub(crate) use quotas::{Load, QuotaSettings};
pub(crate) use seal::Seal;
pub(crate) use tls::{ClientCertificates, Tls};

use crate::args::Place;
use crate::{Failure, failure};
use cloudhsmv2::DeviceSettings;
use outbound::{Network, NetworkError};
use platform::Regions;
use platform::regions::InvalidRegions;
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
    #[serde(default, deserialize_with = "address::optional")]
    pub(crate) listen: Option<SocketAddr>,
    /// The Regions that are served, instead of those of the partition `aws`.
    #[serde(default)]
    pub(crate) regions: ServedRegions,
    /// Serve plain HTTP elsewhere than on loopback.
    #[serde(default)]
    pub(crate) plain_http_beyond_loopback: bool,
    /// What opens the keyring: one table, or several, of which any does.
    #[serde(default, deserialize_with = "seal::one_or_several")]
    pub(crate) seal: Vec<Seal>,
    /// Devices whose slots clusters of CloudHSM may take.
    #[serde(default)]
    pub(crate) cloudhsm: Vec<DeviceSettings>,
    /// What the process is and may reach.
    #[serde(default)]
    pub(crate) process: Process,
    /// TLS on `listen`.
    pub(crate) tls: Option<Tls>,
    /// Another address and port, on which plain HTTP is spoken where TLS is spoken on `listen`.
    #[serde(default, deserialize_with = "address::optional")]
    pub(crate) listen_plain: Option<SocketAddr>,
    /// Proxies whose headers are believed.
    #[serde(default)]
    pub(crate) trusted_proxies: Vec<Range>,
    /// What connections may take.
    #[serde(default)]
    pub(crate) limits: Limits,
    /// Logs on standard error.
    #[serde(default)]
    pub(crate) log: Log,
    /// Request quotas other than AWS's.
    #[serde(default)]
    pub(crate) quotas: QuotaSettings,
    /// Who vouches for attested environments.
    #[serde(default)]
    pub(crate) attestation: Attestation,
    /// How much is served at once.
    #[serde(default)]
    pub(crate) load: Load,
    /// Limits within which the clock is believed.
    #[serde(default)]
    pub(crate) clock: bounds::Clock,
    /// Room that is kept free on the disk.
    #[serde(default)]
    pub(crate) disk: bounds::Disk,
    /// The monitoring listener.
    #[serde(default)]
    pub(crate) monitor: monitor::Monitor,
    /// Traces.
    #[serde(default)]
    pub(crate) telemetry: monitor::Telemetry,
    /// Proxies of external key stores that KMS may call.
    pub(crate) external_key_stores: Option<xks::Settings>,
    /// Databases whose passwords are rotated.
    #[serde(default)]
    pub(crate) rotation: rotation::Rotation,
}

/// The Regions that are served.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(crate) struct ServedRegions(pub(crate) Regions);

impl TryFrom<Vec<String>> for ServedRegions {
    type Error = InvalidRegions;

    fn try_from(names: Vec<String>) -> Result<Self, InvalidRegions> {
        Regions::listed(names).map(Self)
    }
}

/// An address or a range of addresses.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Range(pub(crate) Network);

impl TryFrom<String> for Range {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: NetworkError| format!("`{text}`: {error}"))
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
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::from(error)
                .during(path.display())
                .of_setting("--config (FASTNESS_CONFIG)", "name a file that this user can read, or none")
        })?;
        Self::parse(&text, path)
    }

    /// Refuses a Region that is not served, which a setting names, and tells which one was meant, or which ones there are.
    pub(crate) fn require_served(&self, setting: &str, region: &str) -> Result<(), Failure> {
        let Self { regions: ServedRegions(regions), .. } = self;
        if regions.serve(region) {
            return Ok(());
        }
        let instead = match regions.nearest(region) {
            Some(name) => format!("did you mean {name}?"),
            None => format!("there are {}", regions.names().collect::<Vec<_>>().join(", ")),
        };
        Err(Failure(format!("{setting}: the Region `{region}` is not served: {instead}")))
    }

    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
            let (place, message) = (format!("{}:{line}", path.display()), error.message().trim_end());
            match place::setting_at(text, start) {
                Some(setting) if message.starts_with("missing field") => {
                    failure(place, format!("`{setting}`: {message}: add it"))
                }
                Some(setting) => {
                    failure(place, format!("`{setting}`: {message}: correct it, or leave it out"))
                }
                None => failure(place, format!("{message}: correct the line, which is no TOML")),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named_with_their_line() {
        let cases = [
            ("listen = \"127.0.0.1:1\"\nlisten_on = 1\n", "f.toml:2: `listen_on`: unknown field `listen_on`"),
            ("data = 3\n", "f.toml:1: `data`: invalid type: integer `3`"),
            ("\n\nlisten = \"localhost\"\n", "f.toml:3: `listen`: `localhost` is not an address with a port"),
            ("[log]\nlevel = \"loud\"\n", "f.toml:2: `log.level`: unknown variant `loud`"),
            (
                "[seal]\nkind = \"key-file\"\npath = \"k\"\nmode = 1\n",
                "f.toml:1: `seal`: unknown field `mode`",
            ),
            ("[[seal]]\nkind = \"tpm\"\n", "f.toml:2: `seal.kind`: unknown variant `tpm`"),
            ("[seal]\nkind = \"key-file\"\n", "f.toml:1: `seal`: name one of"),
            (
                "[seal]\nkind = \"key-file\"\npath = \"k\"\ncredential = \"k\"\n",
                "f.toml:1: `seal`: name one of",
            ),
            ("[seal]\nkind = \"kms\"\nregion = \"r\"\n", "f.toml:1: `seal`: missing field `key`"),
            (
                "[seal]\nkind = \"kms\"\nregion = \"r\"\nkey = \"k\"\nsecret = \"s\"\n",
                "f.toml:1: `seal`: unknown field `secret`",
            ),
            ("seal = 1\n", "f.toml:1: `seal`: invalid type: integer `1`"),
            (
                "[rotation]\nallow = [\"localhost\"]\n",
                "f.toml:2: `rotation.allow`: `localhost`: an address such as",
            ),
            ("[rotation]\nport = 5432\n", "f.toml:2: `rotation.port`: unknown field `port`"),
            ("[[cloudhsm]]\nmodule = \"m\"\npin = 1\n", "f.toml:3: `cloudhsm.pin`: unknown field `pin`"),
            ("[[cloudhsm]]\nslots = [0]\n", "f.toml:1: `cloudhsm`: missing field `module`"),
            ("data = \n", "f.toml:1: "),
            (
                "regions = [\"us-east-1\", \"mars\"]\n",
                "f.toml:1: `regions`: `mars` does not have the form of a Region",
            ),
            ("regions = [\"eu-central-1\"]\n", "f.toml:1: `regions`: `us-east-1` must be among them"),
            ("\n[tls]\ncert = \"c\"\n", "f.toml:3: `tls.cert`: unknown field `cert`"),
            (
                "[tls]\nclient-certificates = \"yes\"\n",
                "f.toml:2: `tls.client-certificates`: unknown variant `yes`",
            ),
            ("[limits]\nconnections = 0\n", "f.toml:2: `limits.connections`: invalid value: integer `0`"),
            ("[limits]\nidle-seconds = -1\n", "f.toml:2: `limits.idle-seconds`: invalid value: integer `-1`"),
            (
                "trusted-proxies = [\"10.0.0.1/8\"]\n",
                "f.toml:1: `trusted-proxies`: `10.0.0.1/8`: the address has bits set",
            ),
            (
                "trusted-proxies = [\"proxy.local\"]\n",
                "f.toml:1: `trusted-proxies`: `proxy.local`: an address",
            ),
            ("[attestation]\nroot = \"r\"\n", "f.toml:2: `attestation.root`: unknown field `root`"),
            ("[clock]\nleap-hours-max = 0\n", "f.toml:2: `clock.leap-hours-max`: invalid value: integer `0`"),
            ("[disk]\nreserve-mib = \"1\"\n", "f.toml:2: `disk.reserve-mib`: invalid type: string"),
            ("[monitor]\nlisten = 4567\n", "f.toml:2: `monitor.listen`: invalid type: integer `4567`"),
            ("[monitor]\nport = 4567\n", "f.toml:2: `monitor.port`: unknown field `port`"),
            (
                "[telemetry]\notlp-endpoint = \"https://c\"\n",
                "f.toml:2: `telemetry.otlp-endpoint`: only http:// is spoken",
            ),
            (
                "[telemetry]\nsampling-ratio = 1.5\n",
                "f.toml:2: `telemetry.sampling-ratio`: not a number from 0 to 1",
            ),
        ];
        for (text, expected) in cases {
            let Failure { message, .. } = Config::parse(text, Path::new("f.toml")).unwrap_err();
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn a_full_file() {
        let text = "data = \"/d\"\nlisten = \"[::1]:80\"\nplain-http-beyond-loopback = true\n\
                    [seal]\nkind = \"passphrase\"\npath = \"/p\"\n[log]\nformat = \"json\"\nlevel = \"debug\"\n";
        let config = Config::parse(text, Path::new("f.toml")).unwrap();
        assert!(matches!(config.seal.as_slice(), [Seal::Passphrase(_)]));
        assert!(config.listen.unwrap().is_ipv6());
    }
}
