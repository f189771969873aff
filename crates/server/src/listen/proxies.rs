//! Whom a request comes from when proxies stand in between.

use crate::Peer;
use http::HeaderMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// The header in which each proxy names the address it got the request from, after those that were there.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The header in which a proxy says how it got the request.
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The addresses of proxies that are believed. What anybody else says in these headers is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<Network>);

/// A range of addresses, written `10.0.0.0/8`, `fd00::/8`, or as one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A text that is no range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// It is written in some other way.
    #[error("an address such as 10.1.2.3 or a network such as 10.0.0.0/8 or fd00::/8 is wanted")]
    Syntax,
    /// Bits are set to the right of the prefix: one of both is a mistake.
    #[error("the address has bits set beyond its prefix")]
    Beyond,
}

/// A trusted proxy named a client address that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

impl Proxies {
    /// These networks.
    pub fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    /// Whether this is the address of a trusted proxy.
    pub(super) fn trusts(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(ip))
    }

    /// Whom a request is from that came over a trusted proxy's connection.
    ///
    /// The client is the rightmost address that is not itself a trusted proxy's, since everything to the left of it is only
    /// what that address says. The request was secure if every proxy says so that says anything; if none does, it was not.
    pub(super) fn client(&self, proxy: Peer, headers: &HeaderMap) -> Result<Peer, Unreadable> {
        let mut ip = proxy.ip;
        for entry in list(headers, FORWARDED_FOR) {
            ip = entry.and_then(address).ok_or(Unreadable)?;
            if !self.trusts(ip) {
                break;
            }
        }
        let mut hops = list(headers, FORWARDED_PROTO).peekable();
        let secure =
            hops.peek().is_some() && hops.all(|hop| hop.is_some_and(|hop| hop.eq_ignore_ascii_case("https")));
        Ok(Peer { ip, secure, ..proxy })
    }
}

/// The entries of a header that is a list, from the last to the first; none for those of a header that is no text.
fn list<'h>(headers: &'h HeaderMap, name: &'static str) -> impl Iterator<Item = Option<&'h str>> {
    headers.get_all(name).iter().rev().flat_map(|line| {
        let line = line.to_str().ok();
        let entries = line.map(|line| line.rsplit(',').map(|entry| Some(entry.trim())));
        let unreadable = line.is_none().then_some(None);
        entries.into_iter().flatten().chain(unreadable)
    })
}

/// An address, which some proxies write with the port of the connection.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let ip = bare.parse().ok().or_else(|| entry.parse().ok().map(|with: SocketAddr| with.ip()))?;
    Some(IpAddr::to_canonical(&ip))
}

impl Network {
    fn contains(&self, ip: IpAddr) -> bool {
        match (self.address, ip.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => {
                high(u128::from(own.to_bits()), 32, self.prefix)
                    == high(u128::from(ip.to_bits()), 32, self.prefix)
            }
            (IpAddr::V6(own), IpAddr::V6(ip)) => {
                high(own.to_bits(), 128, self.prefix) == high(ip.to_bits(), 128, self.prefix)
            }
            _ => false,
        }
    }
}

/// The `prefix` highest of `width` bits.
fn high(bits: u128, width: u8, prefix: u8) -> u128 {
    bits.checked_shr(u32::from(width.saturating_sub(prefix))).unwrap_or(0)
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Syntax)?;
        let (width, bits) = match address {
            IpAddr::V4(ip) => (32, u128::from(ip.to_bits())),
            IpAddr::V6(ip) => (128, ip.to_bits()),
        };
        let prefix = match prefix {
            None => width,
            Some(prefix) => {
                prefix.parse().ok().filter(|prefix| *prefix <= width).ok_or(NetworkError::Syntax)?
            }
        };
        let rest = width - prefix;
        let kept = high(bits, width, prefix).checked_shl(u32::from(rest)).unwrap_or(0);
        if kept != bits {
            return Err(NetworkError::Beyond);
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> Proxies {
        Proxies::new(["10.0.0.0/8", "192.0.2.7", "fd00::/8"].iter().map(|n| n.parse().unwrap()).collect())
    }

    #[test]
    fn networks_are_read_and_contain() {
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "::1", true),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe00::1", false),
            ("2001:db8::/33", "2001:db8:7fff::", true),
            ("2001:db8::/33", "2001:db8:8000::", false),
        ];
        for (network, ip, expected) in cases {
            let parsed: Network = network.parse().unwrap();
            assert_eq!(parsed.contains(ip.parse().unwrap()), expected, "{network} {ip}");
            assert_eq!(parsed.to_string().parse(), Ok(parsed));
        }
        for text in [
            "",
            "10",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/",
            "/8",
            "::/129",
            "localhost",
            "10.0.0.0/8/8",
            " 10.0.0.1",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::Syntax), "{text}");
        }
        for text in ["10.0.0.1/8", "::1/0", "192.0.2.7/31"] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::Beyond), "{text}");
        }
    }

    #[test]
    fn the_client_is_the_rightmost_address_that_is_not_trusted() {
        let cases: &[(&[&str], Option<&str>)] = &[
            (&[], Some("10.0.0.1")),
            (&["203.0.113.9"], Some("203.0.113.9")),
            (&["203.0.113.9:4711"], Some("203.0.113.9")),
            (&["[2001:db8::5]:4711"], Some("2001:db8::5")),
            (&["[2001:db8::5]"], Some("2001:db8::5")),
            (&["2001:db8::5"], Some("2001:db8::5")),
            (&["::ffff:203.0.113.9"], Some("203.0.113.9")),
            // What the client itself claims stands to the left.
            (&["127.0.0.1, 203.0.113.9"], Some("203.0.113.9")),
            (&["nonsense, 203.0.113.9"], Some("203.0.113.9")),
            (&["127.0.0.1", "203.0.113.9"], Some("203.0.113.9")),
            (&["\u{fc}", "203.0.113.9"], Some("203.0.113.9")),
            // Proxies behind proxies.
            (&["198.51.100.1, 203.0.113.9, 10.2.3.4"], Some("203.0.113.9")),
            (&["198.51.100.1,203.0.113.9 ,\t192.0.2.7", "fd00::1, 10.2.3.4"], Some("203.0.113.9")),
            (&["10.9.9.9, 10.2.3.4"], Some("10.9.9.9")),
            (&["127.0.0.1, 10.2.3.4"], Some("127.0.0.1")),
            // A trusted proxy that names nobody must not make anybody.
            (&["nonsense"], None),
            (&["203.0.113.9, unknown"], None),
            (&["203.0.113.9, nonsense, 10.2.3.4"], None),
            (&["203.0.113.9,"], None),
            (&[""], None),
            (&["203.0.113.9", "\u{fc}"], None),
            (&["203.0.113.256"], None),
            (&["203.0.113.9:99999"], None),
        ];
        for (lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append(FORWARDED_FOR, http::HeaderValue::from_bytes(line.as_bytes()).unwrap());
            }
            let proxy = Peer { ip: "10.0.0.1".parse().unwrap(), secure: false, tls: None };
            let found = proxies().client(proxy, &headers).ok().map(|peer| peer.ip.to_string());
            assert_eq!(found.as_deref(), *expected, "{lines:?}");
        }
    }

    #[test]
    fn a_request_is_secure_if_all_proxies_say_so() {
        let cases: &[(&[&str], bool)] = &[
            (&[], false),
            (&["https"], true),
            (&["HTTPS"], true),
            (&[" https "], true),
            (&["https, https"], true),
            (&["http"], false),
            (&["https, http"], false),
            (&["http, https"], false),
            (&["https", "http"], false),
            (&["http", "https"], false),
            (&["https,"], false),
            (&[""], false),
            (&["httpss"], false),
            (&["\u{fc}", "https"], false),
        ];
        for (lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append(FORWARDED_PROTO, http::HeaderValue::from_bytes(line.as_bytes()).unwrap());
            }
            // That the last hop was secure says nothing of the first.
            for secure in [false, true] {
                let proxy = Peer { ip: "10.0.0.1".parse().unwrap(), secure, tls: None };
                assert_eq!(proxies().client(proxy, &headers).unwrap().secure, *expected, "{lines:?}");
            }
        }
    }
}
