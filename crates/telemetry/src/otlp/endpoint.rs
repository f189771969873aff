//! Where the collector is.

use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;

/// Where spans are posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
    /// With the signal's own part.
    pub(super) path: String,
}

impl FromStr for Endpoint {
    type Err = String;

    /// Reads a base URL, as in `http://127.0.0.1:4318`, to which `/v1/traces` is added ("OpenTelemetry Protocol Exporter").
    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("not a URL: {error}"))?;
        if uri.scheme_str() != Some("http") {
            return Err(
                "only http:// is spoken: put a collector on this host before one that is far".to_owned()
            );
        }
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.ok_or("a URL of host and port is needed, without credentials")?;
        if uri.query().is_some() {
            return Err("a URL without a query is needed".to_owned());
        }
        Ok(Self {
            host: authority.host().to_owned(),
            port: authority.port_u16().unwrap_or(80),
            path: format!("{}/v1/traces", uri.path().trim_end_matches('/')),
        })
    }
}

impl Endpoint {
    /// Whether what is sent there stays on this host.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.address().0.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What to connect to.
    pub(super) fn address(&self) -> (&str, u16) {
        // An IPv6 address has brackets in a URL.
        let host = self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        (host.unwrap_or(&self.host), self.port)
    }

    /// The value of the `Host` header.
    pub(super) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_others_refused() {
        for (text, address, path, loopback) in [
            ("http://127.0.0.1:4318", ("127.0.0.1", 4318), "/v1/traces", true),
            ("http://localhost:4318/", ("localhost", 4318), "/v1/traces", true),
            ("http://[::1]:1/otlp/", ("::1", 1), "/otlp/v1/traces", true),
            ("http://collector.example", ("collector.example", 80), "/v1/traces", false),
            ("http://192.0.2.1:4318", ("192.0.2.1", 4318), "/v1/traces", false),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.address(), endpoint.path.as_str()), (address, path));
            assert_eq!(endpoint.is_loopback(), loopback, "{text}");
        }
        for text in [
            "",
            "127.0.0.1:4318",
            "https://127.0.0.1:4318",
            "http://a:b@c",
            "http://c/?key=1",
            "grpc://c",
            "/v1",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
