//! Ranges of IP addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

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

impl Network {
    /// True if an address is one of the range; an IPv4 address may be written as IPv6.
    pub fn contains(&self, ip: IpAddr) -> bool {
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
}
