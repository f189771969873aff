//! Whom a request comes from when proxies stand in between.

use crate::Peer;
use http::HeaderMap;
use outbound::Network;
use std::net::{IpAddr, SocketAddr};

/// The header in which each proxy names the address it got the request from, after those that were there.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The header in which a proxy says how it got the request.
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The addresses of proxies that are believed. What anybody else says in these headers is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<Network>);

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

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> Proxies {
        Proxies::new(["10.0.0.0/8", "192.0.2.7", "fd00::/8"].iter().map(|n| n.parse().unwrap()).collect())
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
