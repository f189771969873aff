//! Addresses that a server may call for somebody who is not its operator: a tenant names a host, and must not reach through the server
//! what only the server can reach.

use crate::Network;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// The addresses that may be called: all but this host (loopback, unspecified), its link (169.254.0.0/16, fe80::/10: among them the
/// metadata of clouds), multicast and what is reserved, unless an operator allowed it. Private networks may be called: databases live
/// there. Ports are those that the operator named.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    ports: Vec<u16>,
    allowed: Vec<Network>,
}

/// There is no address of a host that may be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The operator has not named the port.
    #[error("port {port} may not be called: the operator of this server has not named it")]
    Port {
        /// The port.
        port: u16,
    },
    /// The name has no address.
    #[error("{host} has no address")]
    Unknown {
        /// The host's name.
        host: String,
    },
    /// It has only addresses that are this host's own, or reserved.
    #[error(
        "{host} has no address that may be called: the operator of this server has not allowed {address}"
    )]
    Forbidden {
        /// The host's name.
        host: String,
        /// The first of its addresses.
        address: IpAddr,
    },
}

impl Reach {
    /// These ports of all addresses but this host's own and reserved ones, and of those that are allowed besides.
    pub fn new(ports: Vec<u16>, allowed: Vec<Network>) -> Self {
        Self { ports, allowed }
    }

    /// The ports that may be called.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// True if an address may be called.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = plain(address);
        public_or_private(address) || self.allowed.iter().any(|network| network.contains(address))
    }

    /// The addresses of a host that may be called. Who connects must connect to these, and not resolve the name again: it may have
    /// other addresses by then.
    ///
    /// # Errors
    /// See [`Unreachable`].
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Unreachable> {
        if !self.ports.contains(&port) {
            return Err(Unreachable::Port { port });
        }
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let found: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => tokio::net::lookup_host((bare, port))
                .await
                .map_err(|_| Unreachable::Unknown { host: host.to_owned() })?
                .collect(),
        };
        let first = found.first().ok_or_else(|| Unreachable::Unknown { host: host.to_owned() })?.ip();
        let mut open = Vec::new();
        for address in found {
            if self.allows(address.ip()) && !open.contains(&address) && open.len() < ADDRESSES_MAX {
                open.push(address);
            }
        }
        if open.is_empty() {
            return Err(Unreachable::Forbidden { host: host.to_owned(), address: first });
        }
        Ok(open)
    }
}

/// An IPv4 address that is written as an IPv6 one, as the IPv4 address that is called in the end: mapped and compatible addresses
/// (RFC 4291), those of NAT64 (RFC 6052) and of 6to4 (RFC 3056).
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else { return address };
    let bits = six.to_bits();
    let low =
        |shift: u32| u32::try_from((bits >> shift) & u128::from(u32::MAX)).ok().map(Ipv4Addr::from_bits);
    let within = |prefix: Ipv6Addr, length: u32| bits >> (128 - length) == prefix.to_bits() >> (128 - length);
    let mapped = bits >> 32 == 0xffff;
    let compatible = bits >> 32 == 0 && bits > 1;
    let four = if mapped || compatible || within(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96) {
        low(0)
    } else if within(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16) {
        low(80)
    } else {
        None
    };
    four.map_or(address, IpAddr::V4)
}

/// True if an address is neither this host's own nor reserved (IANA's registries of special-purpose addresses).
fn public_or_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => {
            let [first, second, ..] = four.octets();
            // 0.0.0.0/8 is this host on this network, 240.0.0.0/4 is reserved.
            let reserved = first == 0 || first >= 240;
            // Alibaba's metadata lie in the shared address space.
            let metadata = four == Ipv4Addr::new(100, 100, 100, 200)
                || (first == 192 && second == 0 && four.octets() == [192, 0, 0, 192]);
            !(reserved || metadata || four.is_loopback() || four.is_link_local() || four.is_multicast())
        }
        IpAddr::V6(six) => {
            // EC2's metadata over IPv6 lie among private addresses.
            let metadata = six == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
            let site_local = six.segments().first().is_some_and(|first| first & 0xffc0 == 0xfec0);
            !(metadata
                || site_local
                || six.is_unspecified()
                || six.is_loopback()
                || six.is_unicast_link_local()
                || six.is_multicast())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(reach: &Reach, address: &str) -> bool {
        reach.allows(address.parse().unwrap())
    }

    #[test]
    fn databases_may_be_anywhere_but_here() {
        let reach = Reach::default();
        for open in [
            "10.1.2.3",
            "192.168.0.9",
            "172.16.0.1",
            "100.64.0.1",
            "52.1.2.3",
            "fd12::1",
            "2a00::1",
            "64:ff9b::a01:203",
        ] {
            assert!(allows(&reach, open), "{open}");
        }
        for shut in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.170.2",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "100.100.100.200",
            "192.0.0.192",
            "::",
            "::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(!allows(&reach, shut), "{shut}");
        }
    }

    #[test]
    fn an_operator_allows_an_address_or_a_network() {
        let reach = |text: &str| Reach::new(vec![5432], vec![text.parse().unwrap()]);
        assert!(allows(&reach("127.0.0.1"), "127.0.0.1"));
        assert!(allows(&reach("127.0.0.1"), "::ffff:127.0.0.1"));
        assert!(!allows(&reach("127.0.0.1"), "127.0.0.2"));
        assert!(allows(&reach("127.0.0.0/8"), "127.0.0.2"));
        assert!(allows(&reach("::/0"), "fe80::1"));
        assert!(!allows(&reach("::/0"), "127.0.0.1"));
        assert!(allows(&reach("0.0.0.0/0"), "169.254.169.254"));
    }

    #[tokio::test]
    async fn names_that_lead_here_are_refused() {
        let reach = Reach::new(vec![5432], Vec::new());
        assert_eq!(reach.resolve("localhost", 22).await, Err(Unreachable::Port { port: 22 }));
        let refused = reach.resolve("localhost", 5432).await.unwrap_err();
        assert!(matches!(refused, Unreachable::Forbidden { .. }), "{refused}");
        let allowed = Reach::new(vec![5432], vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()]);
        assert!(!allowed.resolve("localhost", 5432).await.unwrap().is_empty());
        // What old resolvers take for an address: 127.0.0.1 in other writings.
        for written in ["2130706433", "0x7f000001", "127.1", "0"] {
            assert!(reach.resolve(written, 5432).await.is_err(), "{written}");
        }
        assert!(reach.resolve("[::1]", 5432).await.is_err());
    }
}
