//! How the process may be watched.

use serde::Deserialize;
use std::net::SocketAddr;
use telemetry::Endpoint;

/// The monitoring listener.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Monitor {
    /// Address and port; none: nobody listens.
    #[serde(default, deserialize_with = "super::address::optional")]
    pub(crate) listen: Option<SocketAddr>,
    /// Listen elsewhere than on loopback: whoever reaches the address can read the metrics.
    #[serde(default)]
    pub(crate) beyond_loopback: bool,
    /// Answer `GET /healthz` on the ports of the APIs too.
    #[serde(default)]
    pub(crate) healthz_on_listen: bool,
}

/// Traces.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Telemetry {
    /// The collector's base URL; none: calls are not traced.
    pub(crate) otlp_endpoint: Option<Collector>,
    /// Which part of the calls is traced that bring no decision with them.
    #[serde(default)]
    pub(crate) sampling_ratio: Ratio,
    /// Send spans elsewhere than to loopback: they can be read on the way.
    #[serde(default)]
    pub(crate) plain_http_beyond_loopback: bool,
}

/// A URL that spans can be sent to.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Collector(pub(crate) Endpoint);

/// From 0 to 1.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Ratio(pub(crate) f64);

impl TryFrom<String> for Collector {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self)
    }
}

impl TryFrom<f64> for Ratio {
    type Error = String;

    fn try_from(ratio: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&ratio) {
            Ok(Self(ratio))
        } else {
            Err("not a number from 0 to 1".to_owned())
        }
    }
}

/// One call in a hundred shows where time goes and keeps the collector from being the busier of the two.
impl Default for Ratio {
    fn default() -> Self {
        Self(0.01)
    }
}
