//! The names that a server certificate is for.

use crate::Failure;
use std::net::{IpAddr, SocketAddr};

/// The longest name of a host (RFC 1035), in bytes.
const NAME_BYTES_MAX: usize = 253;

/// The names an operator asks for, or those by which this host is reached as far as it can be known: loopback, the host's name,
/// and the address that is listened on.
pub(super) fn wanted(configured: &[String], listens: SocketAddr) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    let mut add = |name: String| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    for name in configured {
        add(canonical(name).ok_or_else(|| {
            Failure(format!(
                "tls.names: `{name}` is neither a host name nor an address: name one, such as kms.example.com"
            ))
        })?);
    }
    if configured.is_empty() {
        for name in ["localhost", "127.0.0.1", "::1"] {
            add(name.to_owned());
        }
        if !listens.ip().is_unspecified() {
            add(listens.ip().to_canonical().to_string());
        }
        let host = rustix::system::uname();
        if let Some(host) = host.nodename().to_str().ok().and_then(canonical) {
            add(host);
        }
    }
    Ok(names)
}

/// A name in the one spelling that certificates have; none for what is no name.
fn canonical(name: &str) -> Option<String> {
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Some(ip.to_string());
    }
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len())
            && label.bytes().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let host = name.strip_prefix("*.").unwrap_or(name);
    let numeric = host.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    let good = name.len() <= NAME_BYTES_MAX && host.split('.').all(label) && !numeric;
    good.then(|| name.to_ascii_lowercase())
}

/// Where a client reaches a listener, so that what it finds there fits the certificate: the address, unless that is every address
/// or not in the certificate and a name is.
pub(super) fn endpoint(names: &[String], listens: SocketAddr) -> String {
    let port = listens.port();
    let ip = listens.ip().to_canonical().to_string();
    if !listens.ip().is_unspecified() && (names.is_empty() || names.contains(&ip)) {
        return format!("https://{listens}");
    }
    let host = names.iter().find(|name| name.parse::<IpAddr>().is_err() && !name.starts_with('*'));
    match (host, names.iter().find_map(|name| name.parse::<IpAddr>().ok())) {
        (Some(host), _) => format!("https://{host}:{port}"),
        (None, Some(ip)) => format!("https://{}", SocketAddr::new(ip, port)),
        (None, None) => format!("https://{listens}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hosts_or_addresses() {
        let cases = [
            ("localhost", Some("localhost")),
            ("KMS.Example.COM", Some("kms.example.com")),
            ("*.example.com", Some("*.example.com")),
            ("10.0.0.5", Some("10.0.0.5")),
            ("FD00:0::1", Some("fd00::1")),
            ("", None),
            ("a..b", None),
            ("-a", None),
            ("a.b-", None),
            ("a b", None),
            ("https://a", None),
            ("a:443", None),
            ("10.0.0.256", None),
            ("a.*.b", None),
            ("ä.de", None),
        ];
        for (name, expected) in cases {
            assert_eq!(canonical(name).as_deref(), expected, "{name}");
        }
        assert!(canonical(&"a.".repeat(200)).is_none());
    }

    #[test]
    fn what_is_listened_on_is_among_the_names() {
        let names = wanted(&[], "192.0.2.9:1".parse().unwrap()).unwrap();
        assert_eq!(&names[..4], ["localhost", "127.0.0.1", "::1", "192.0.2.9"]);
        assert!(!wanted(&[], "0.0.0.0:1".parse().unwrap()).unwrap().contains(&"0.0.0.0".to_owned()));
        let given = ["A.example".to_owned(), "a.example".to_owned()];
        assert_eq!(wanted(&given, "192.0.2.9:1".parse().unwrap()).unwrap(), ["a.example"]);
        assert!(wanted(&["a b".to_owned()], "192.0.2.9:1".parse().unwrap()).is_err());
    }

    #[test]
    fn endpoints_fit_the_certificate() {
        let cases: &[(&[&str], &str, &str)] = &[
            (&["localhost", "127.0.0.1"], "127.0.0.1:4566", "https://127.0.0.1:4566"),
            (&["localhost", "::1"], "[::1]:4566", "https://[::1]:4566"),
            (&["localhost", "127.0.0.1"], "0.0.0.0:4566", "https://localhost:4566"),
            (&["kms.example.com"], "127.0.0.1:443", "https://kms.example.com:443"),
            (&["*.example.com"], "127.0.0.1:443", "https://127.0.0.1:443"),
            (&["10.0.0.5"], "[::]:443", "https://10.0.0.5:443"),
            (&[], "10.0.0.5:443", "https://10.0.0.5:443"),
        ];
        for (names, listens, expected) in cases {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(endpoint(&names, listens.parse().unwrap()), *expected);
        }
    }
}
