//! Values that are compared as something other than text: decimals, instants and networks.

use std::cmp::Ordering;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::civil;
use jiff::tz::TimeZone;

/// Longest decimal that is read, in characters: far beyond any value AWS has.
const DECIMAL_LENGTH_MAX: usize = 256;
/// Largest exponent that is read, either way.
const EXPONENT_MAX: i32 = 1_000;

/// A decimal number, compared exactly.
///
/// `digits` without leading or trailing zeros stands for 0.digits × 10^exponent; zero has no digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    exponent: i32,
    digits: Box<str>,
}

impl Decimal {
    /// Reads `[+-]digits[.digits][e[+-]digits]`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > DECIMAL_LENGTH_MAX {
            return None;
        }
        let negative = text.starts_with('-');
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if all_digits(fraction) => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        if !all_digits(whole) {
            return None;
        }
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_start_matches('0');
        let leading_zeros = i32::try_from(digits.len() - significant.len()).ok()?;
        let significant = significant.trim_end_matches('0');
        if significant.is_empty() {
            return Some(Decimal { negative: false, exponent: 0, digits: "".into() });
        }
        let exponent = exponent + i32::try_from(whole.len()).ok()? - leading_zeros;
        Some(Decimal { negative, exponent, digits: significant.into() })
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (false, false) => self.exponent.cmp(&other.exponent).then_with(|| self.digits.cmp(&other.digits)),
            (zero, other_zero) => other_zero.cmp(&zero),
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.magnitude(other),
            (true, true) => other.magnitude(self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn exponent_of(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !all_digits(digits) {
        return None;
    }
    text.parse::<i32>().ok().filter(|exponent| (-EXPONENT_MAX..=EXPONENT_MAX).contains(exponent))
}

/// A moment, in nanoseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(i128);

impl Instant {
    /// Reads the W3C profile of ISO 8601 (year, month, day, or with time and zone; UTC where no zone is given) or
    /// seconds since the epoch. Four digits are a year.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let signless = text.strip_prefix('-').unwrap_or(text);
        if all_digits(signless) && !(signless.len() == 4 && signless.len() == text.len()) {
            return text.parse::<i64>().ok().map(|seconds| Instant(i128::from(seconds) * 1_000_000_000));
        }
        let civil = match (text.len(), text.is_ascii()) {
            (4, true) => format!("{text}-01-01T00:00:00"),
            (7, true) => format!("{text}-01T00:00:00"),
            (10, true) => format!("{text}T00:00:00"),
            _ => text.to_owned(),
        };
        if let Ok(timestamp) = civil.parse::<jiff::Timestamp>() {
            return Some(Instant(timestamp.as_nanosecond()));
        }
        // The reader of civil times would drop a zone it does not understand.
        if civil.split_once('T').is_none_or(|(_, time)| time.contains(['Z', 'z', '[', '+', '-'])) {
            return None;
        }
        let zoned = civil.parse::<civil::DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?;
        Some(Instant(zoned.timestamp().as_nanosecond()))
    }
}

/// An address range in CIDR notation; a bare address is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    V4 { bits: u32, mask: u32 },
    V6 { bits: u128, mask: u128 },
}

impl Network {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) if all_digits(length) => (address, Some(length.parse::<u32>().ok()?)),
            Some(_) => return None,
            None => (text, None),
        };
        match address.parse().ok()? {
            IpAddr::V4(address) => Self::v4(address, length.unwrap_or(32)),
            IpAddr::V6(address) => match (address.to_ipv4_mapped(), length.unwrap_or(128)) {
                (Some(mapped), length @ 96..=128) => Self::v4(mapped, length - 96),
                (_, length) => Self::v6(address, length),
            },
        }
    }

    fn v4(address: Ipv4Addr, length: u32) -> Option<Self> {
        let mask = u32::MAX.checked_shl(32_u32.checked_sub(length)?).unwrap_or(0);
        Some(Network::V4 { bits: address.to_bits() & mask, mask })
    }

    fn v6(address: Ipv6Addr, length: u32) -> Option<Self> {
        let mask = u128::MAX.checked_shl(128_u32.checked_sub(length)?).unwrap_or(0);
        Some(Network::V6 { bits: address.to_bits() & mask, mask })
    }

    /// Whether the range is one that somebody may own: no shorter prefix than /8, and /32 of IPv6 (S3, "The meaning of public").
    pub(crate) fn is_small(&self) -> bool {
        match self {
            Network::V4 { mask, .. } => mask.count_ones() >= 8,
            Network::V6 { mask, .. } => mask.count_ones() >= 32,
        }
    }

    /// Whether `address` is in the range; an address of the other family never is. An IPv4 address mapped into IPv6,
    /// as a dual-stack socket reports it, is an IPv4 address.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (*self, address.to_canonical()) {
            (Network::V4 { bits, mask }, IpAddr::V4(address)) => address.to_bits() & mask == bits,
            (Network::V6 { bits, mask }, IpAddr::V6(address)) => address.to_bits() & mask == bits,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals_are_exact() {
        let ascending = [
            "-1e9",
            "-10.5",
            "-10",
            "-0.1",
            "-1e-1000",
            "0",
            "1e-1000",
            "0.1",
            "0.10000000000000000000000001",
            "0.3",
            "1",
            "1.0000000000000000001",
            "9",
            "10",
            "11",
            "9007199254740992",
            "9007199254740993",
            "123456789012345678901234567890",
            "1e1000",
        ];
        for (i, left) in ascending.iter().enumerate() {
            for (j, right) in ascending.iter().enumerate() {
                let (left, right) = (Decimal::parse(left).unwrap(), Decimal::parse(right).unwrap());
                assert_eq!(left.cmp(&right), i.cmp(&j), "{left:?} {right:?}");
            }
        }
        for same in [
            ["1", "1.0"],
            ["0", "-0.00"],
            ["100", "1e2"],
            ["+5", "005"],
            ["0.01", "1E-2"],
            ["12.50", "1.25e+1"],
        ] {
            assert_eq!(Decimal::parse(same[0]), Decimal::parse(same[1]));
        }
        for text in [
            "", "-", "1.", ".5", "1e", "1e+", "1e1001", "0x1", "1_0", " 1", "1 ", "NaN", "inf", "1.2.3",
            "--1", "１",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        assert_eq!(Decimal::parse(&"1".repeat(DECIMAL_LENGTH_MAX + 1)), None);
    }

    #[test]
    fn instants() {
        for same in [
            ["2024", "2024-01-01T00:00:00Z"],
            ["2024-02", "2024-02-01T00:00:00Z"],
            ["2024-02-29", "2024-02-29T00:00:00Z"],
            ["1709164800", "2024-02-29T00:00:00Z"],
            ["2024-02-29T12:00Z", "2024-02-29T12:00:00Z"],
            ["2024-02-29T12:00:00", "2024-02-29T12:00:00Z"],
            ["2024-02-29T12:00:00+02:00", "2024-02-29T10:00:00Z"],
            ["2024-02-29T12:00:00-02:00", "2024-02-29T14:00:00Z"],
            ["-1", "1969-12-31T23:59:59Z"],
            ["0", "1970"],
            ["2024-02-29T12:00:00.500Z", "2024-02-29T12:00:00.5Z"],
        ] {
            assert!(Instant::parse(same[0]).is_some(), "{same:?}");
            assert_eq!(Instant::parse(same[0]), Instant::parse(same[1]), "{same:?}");
        }
        for text in [
            "",
            "now",
            "2024-13",
            "2024-02-30",
            "2024-02-29T25:00Z",
            "24-02-29",
            "1e9",
            "2024-02-29T12:00:00+99:00",
            "2024-02-29T12:00:00-99:00",
            "é24-1",
        ] {
            assert_eq!(Instant::parse(text), None, "{text}");
        }
    }

    #[test]
    fn networks() {
        for (network, address, expected) in [
            ("203.0.113.0/24", "203.0.113.9", true),
            ("203.0.113.77/24", "203.0.113.9", true),
            ("203.0.113.0/24", "203.0.114.9", false),
            ("203.0.113.9", "203.0.113.9", true),
            ("203.0.113.9", "203.0.113.8", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "::1", true),
            ("::/0", "1.2.3.4", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("2001:DB8::1", "2001:db8:0::1", true),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("::ffff:10.0.0.0/104", "10.1.1.1", true),
            ("::ffff:10.0.0.0/104", "11.1.1.1", false),
            ("1.2.3.4/31", "1.2.3.5", true),
            ("1.2.3.4/32", "1.2.3.5", false),
            ("::/1", "8000::", false),
        ] {
            let found = Network::parse(network).unwrap().contains(address.parse().unwrap());
            assert_eq!(found, expected, "{network} {address}");
        }
        for text in [
            "",
            "1.2.3",
            "1.2.3.4/33",
            "::/129",
            "1.2.3.4/",
            "1.2.3.4/-1",
            "1.2.3.4/+8",
            "1.2.3.*",
            "/8",
            "01.2.3.4",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn decimals_agree_with_integers(left in -1_000_000_i64..1_000_000, right in -1_000_000_i64..1_000_000, point in 0_u32..5) {
            let text = |value: i64| format!("{value}e-{point}");
            let (a, b) = (Decimal::parse(&text(left)).unwrap(), Decimal::parse(&text(right)).unwrap());
            prop_assert_eq!(a.cmp(&b), left.cmp(&right));
        }

        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = (Decimal::parse(&text), Instant::parse(&text), Network::parse(&text));
        }
    }
}
