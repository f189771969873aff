//! What an operator says of external key stores.

use serde::Deserialize;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// How long a call may take if nothing else is said ("GetHealthStatus", "KMS Considerations"), in milliseconds.
const TIME_LIMIT_MS: u64 = 250;

/// The port of endpoints, whose URIs name none.
const PORT: u16 = 443;

/// The section `[external-key-stores]` of the configuration. Without it no proxy is called.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Certificates (PEM) that those of proxies must come from. Default: the system's.
    pub ca_file: Option<PathBuf>,
    /// How long a call may take, in milliseconds. Default: 250, as AWS has it.
    time_limit_ms: Option<NonZeroU32>,
    /// How certain proxies are reached, other than by their names on port 443.
    #[serde(default)]
    pub proxies: Vec<Route>,
}

/// How a proxy is reached.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Route {
    /// The host that endpoints name: `proxy.example.com`.
    pub host: String,
    /// Address and port to connect to.
    pub address: SocketAddr,
    /// The VPC endpoint service that stands for this way. Stores with public endpoint connectivity don't take it then.
    pub vpc_endpoint_service: Option<String>,
}

impl Settings {
    /// The ports that are connected to.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        self.proxies.iter().map(|route| route.address.port()).chain([PORT])
    }

    pub(crate) fn time_limit(&self) -> Duration {
        Duration::from_millis(self.time_limit_ms.map_or(TIME_LIMIT_MS, |limit| limit.get().into()))
    }

    /// The way to a host, if there is one: by the endpoint service of that name, or publicly.
    pub(crate) fn way(&self, host: &str, service: Option<&str>) -> Option<Way> {
        let route = self.proxies.iter().find(|route| {
            route.host.eq_ignore_ascii_case(host) && route.vpc_endpoint_service.as_deref() == service
        });
        match (route, service) {
            (Some(route), _) => Some(Way::Address(route.address)),
            (None, None) => Some(Way::Name(host.to_owned(), PORT)),
            // There is no VPC here but what the operator says there is.
            (None, Some(_)) => None,
        }
    }
}

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    /// What the operator says.
    Address(SocketAddr),
    /// What the name resolves to.
    Name(String, u16),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways() {
        let route = |host: &str, port, service: Option<&str>| Route {
            host: host.to_owned(),
            address: SocketAddr::from(([10, 0, 0, 1], port)),
            vpc_endpoint_service: service.map(str::to_owned),
        };
        let settings = Settings {
            proxies: vec![route("a.example", 8443, None), route("a.example", 9443, Some("svc"))],
            ..Settings::default()
        };
        let at = |port| Some(Way::Address(SocketAddr::from(([10, 0, 0, 1], port))));
        assert_eq!(settings.way("A.example", None), at(8443));
        assert_eq!(settings.way("a.example", Some("svc")), at(9443));
        assert_eq!(settings.way("a.example", Some("other")), None);
        assert_eq!(settings.way("b.example", Some("svc")), None);
        assert_eq!(settings.way("b.example", None), Some(Way::Name("b.example".to_owned(), 443)));
        assert_eq!(settings.ports().collect::<Vec<_>>(), [8443, 9443, 443]);
        assert_eq!(settings.time_limit(), Duration::from_millis(250));
    }
}
