//! Addresses to listen on.

use serde::{Deserialize as _, Deserializer, de::Error as _};
use std::net::{SocketAddr, ToSocketAddrs as _};

/// Reads an address and port: `127.0.0.1:4566`, `[::1]:4566`, or a host name such as `localhost:4566`.
///
/// A name stands for the first of its addresses, of IPv4 if it has one, as clients that know nothing else try that one.
///
/// # Errors
/// The text is none, or the name has no address here.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let wanted = "an address with a port, such as 127.0.0.1:4566 or localhost:4566";
    let named = text.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if named.is_none_or(|(host, _)| host.contains(':')) {
        return Err(format!("`{text}` is not {wanted}"));
    }
    let found = text.to_socket_addrs().map_err(|error| format!("`{text}` has no address here: {error}"))?;
    let found: Vec<SocketAddr> = found.collect();
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| format!("`{text}` has no address here"))
}

/// Reads an address of a configuration file.
pub(crate) fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(from)?;
    address(&text).map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses_and_names() {
        for (text, expected) in
            [("127.0.0.1:1", "127.0.0.1:1"), ("[::1]:2", "[::1]:2"), ("localhost:3", "127.0.0.1:3")]
        {
            assert_eq!(address(text).unwrap().to_string(), expected);
        }
        for text in [
            "",
            ":1",
            "localhost",
            "localhost:",
            "localhost:x",
            "localhost:99999",
            "::1",
            "127.0.0.1",
            "http://localhost:1",
        ] {
            assert!(address(text).unwrap_err().contains("is not an address with a port"), "{text}");
        }
    }
}
