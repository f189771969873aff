//! One share, as it is printed, kept on paper and typed in again.

use crate::ShamirError;
use aws_lc_rs::digest;
use keyring::{SHARES_MAX, Secret, Wrapping};
use std::fmt;
use zeroize::Zeroizing;

/// What every share begins with; the number is the version of the form.
const PREFIX: &str = "FSS1";

/// `set (4) ‖ threshold (1) ‖ shares (1) ‖ index (1) ‖ value (32)`.
const BODY_BYTES: usize = 39;

/// A changed share passes for a right one once in 2^40.
const CHECKSUM_BYTES: usize = 5;

/// Digits between hyphens.
const GROUP_DIGITS: usize = 4;

/// The longest text that is looked at, in bytes: with generous room for spaces.
const TEXT_BYTES_MAX: usize = 1024;

/// One share of a root key's wrapping key. It tells to which set it belongs and how many are needed, which is no secret.
///
/// As text: `FSS1` and 88 hexadecimal digits in groups of four: the set, the threshold, the number of shares, the index, the value,
/// and five bytes of a SHA-256 over all that, so that a slip of the pen is found.
pub struct Share {
    pub(crate) set: [u8; 4],
    pub(crate) threshold: u8,
    pub(crate) shares: u8,
    /// From 1.
    pub(crate) index: u8,
    pub(crate) value: Secret,
}

impl Share {
    /// The number of this share, from 1.
    pub fn index(&self) -> u8 {
        self.index
    }

    /// Whether enough shares of its set would open a slot that is wrapped so.
    pub fn is_for(&self, wrapping: &Wrapping) -> bool {
        matches!(wrapping, Wrapping::Shamir { set, .. } if *set == self.set)
    }

    /// Its set, as people read it.
    pub fn set(&self) -> String {
        hex::encode_upper(self.set)
    }

    /// Reads a share as somebody typed it: in any case, with any spaces and hyphens, and with O, I and L for 0, 1 and 1.
    ///
    /// # Errors
    /// [`ShamirError::NotAShare`] and [`ShamirError::Mistyped`].
    pub fn parse(text: &str) -> Result<Self, ShamirError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(ShamirError::NotAShare);
        }
        let mut plain = Zeroizing::new(String::with_capacity(TEXT_BYTES_MAX));
        let typed = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
        plain.extend(typed.map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        }));
        let digits = plain.strip_prefix(PREFIX).ok_or(ShamirError::NotAShare)?;
        let mut bytes = Zeroizing::new([0; BODY_BYTES + CHECKSUM_BYTES]);
        hex::decode_to_slice(digits.as_bytes(), bytes.as_mut_slice()).map_err(|_| ShamirError::Mistyped)?;
        let (body, found) = bytes.split_at(BODY_BYTES);
        if found != checksum(body) {
            return Err(ShamirError::Mistyped);
        }
        Self::of_body(body).ok_or(ShamirError::NotAShare)
    }

    fn of_body(body: &[u8]) -> Option<Self> {
        let (set, rest) = body.split_first_chunk::<4>()?;
        let (&[threshold, shares, index], value) = rest.split_first_chunk::<3>()?;
        let sane = (2..=SHARES_MAX).contains(&shares)
            && (2..=shares).contains(&threshold)
            && (1..=shares).contains(&index);
        let value = Secret::copy_of(value).filter(|_| sane)?;
        Some(Self { set: *set, threshold, shares, index, value })
    }

    /// The text to be printed: whoever has enough of these has the root key.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BODY_BYTES + CHECKSUM_BYTES));
        bytes.extend_from_slice(&self.set);
        bytes.extend_from_slice(&[self.threshold, self.shares, self.index]);
        bytes.extend_from_slice(self.value.bytes());
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum);
        let digits = Zeroizing::new(hex::encode_upper(&bytes));
        let mut text = Zeroizing::new(String::with_capacity(TEXT_BYTES_MAX));
        text.push_str(PREFIX);
        for (at, digit) in digits.chars().enumerate() {
            if at % GROUP_DIGITS == 0 {
                text.push('-');
            }
            text.push(digit);
        }
        text
    }
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(PREFIX.as_bytes());
    context.update(body);
    let mut sum = [0; CHECKSUM_BYTES];
    sum.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    sum
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share").field("index", &self.index).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn share() -> Share {
        let value: Vec<u8> = (100..132).collect();
        Share {
            set: [0, 17, 1, 0xab],
            threshold: 3,
            shares: 5,
            index: 2,
            value: Secret::copy_of(&value).unwrap(),
        }
    }

    #[test]
    fn text_has_one_form() {
        let text = share().to_text();
        let expected = "FSS1-0011-01AB-0305-0264-6566-6768-696A-6B6C-6D6E-6F70-7172-7374-7576-7778-797A-7B7C-7D7E-7F80-8182-83";
        assert!(text.starts_with(expected), "{}", *text);
        assert_eq!(text.len(), 4 + 88 + 22);
    }

    #[test]
    fn a_share_is_read_as_people_write() {
        let text = share().to_text();
        for typed in [
            text.to_string(),
            text.to_lowercase(),
            text.replace('-', " "),
            text.replace('-', ""),
            format!("  {}\r\n", text.replace('-', "\n")),
            text.replace('0', "o").replace("-0011", "-OOlI"),
            text.replace("FSS1", "fssl"),
        ] {
            let read = Share::parse(&typed).unwrap();
            assert_eq!(*read.to_text(), *text, "{typed}");
        }
    }

    #[test]
    fn every_slip_is_found() {
        let text = share().to_text();
        let digits = "0123456789ABCDEF";
        let plain: Vec<char> = text.chars().collect();
        for at in (5..plain.len()).filter(|at| plain[*at] != '-') {
            for digit in digits.chars().filter(|digit| *digit != plain[at]) {
                let mut typed = plain.clone();
                typed[at] = digit;
                let typed = String::from_iter(typed);
                assert!(matches!(Share::parse(&typed), Err(ShamirError::Mistyped)), "{typed}");
            }
            let mut missing = plain.clone();
            missing.remove(at);
            let missing = String::from_iter(missing);
            assert!(matches!(Share::parse(&missing), Err(ShamirError::Mistyped)), "{missing}");
        }
        // Two neighbouring groups in the wrong order.
        let mut groups: Vec<&str> = text.split('-').collect();
        groups.swap(7, 8);
        assert!(matches!(Share::parse(&groups.join("-")), Err(ShamirError::Mistyped)));
        for other in ["", "FSS", "FSS2-00", &text.replace("FSS1", ""), &"F".repeat(2000)] {
            assert!(matches!(Share::parse(other), Err(ShamirError::NotAShare)), "{other}");
        }
    }

    #[test]
    fn impossible_numbers_are_refused() {
        for (threshold, shares, index) in [(1, 3, 1), (4, 3, 1), (2, 17, 1), (2, 3, 0), (2, 3, 4), (0, 0, 0)]
        {
            let text = Share { threshold, shares, index, ..share() }.to_text();
            assert!(
                matches!(Share::parse(&text), Err(ShamirError::NotAShare)),
                "{threshold} {shares} {index}"
            );
        }
    }

    proptest! {
        #[test]
        fn hostile_text_never_panics(text in "\\PC{0,200}", hex in "[0-9A-Fa-fOoIl -]{0,120}") {
            prop_assert!(Share::parse(&text).is_err());
            let prefixed = format!("{PREFIX}{hex}");
            prop_assert!(Share::parse(&prefixed).is_err());
        }
    }
}
