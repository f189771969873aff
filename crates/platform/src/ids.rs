//! Identifiers in the forms AWS gives them, drawn from the call's source of randomness.

use keyring::Random;
use std::sync::{Mutex, PoisonError};

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A unique id of IAM: a prefix that tells the kind (`AIDA` user, `AROA` role, `AGPA` group, `ANPA` managed policy,
/// `AIPA` instance profile; IAM User Guide, "IAM identifiers") and 17 characters of base 32.
pub fn unique(prefix: &str, random: &dyn Random) -> String {
    draw(prefix, 17, BASE32, random)
}

/// An access key id: `AKIA` for long-term, `ASIA` for temporary credentials, and 16 characters of base 32.
pub fn access_key(prefix: &str, random: &dyn Random) -> String {
    draw(prefix, 16, BASE32, random)
}

/// A secret access key: 40 characters, 240 bits.
pub fn secret_access_key(random: &dyn Random) -> zeroize::Zeroizing<String> {
    zeroize::Zeroizing::new(draw("", 40, BASE64, random))
}

/// The id of a key by which an external key store signs its calls to its proxy: 20 to 30 characters of base 32 (XKS Proxy API
/// Specification, "Appendix A").
pub fn proxy_key(random: &dyn Random) -> String {
    draw("XKSP", 20, BASE32, random)
}

/// The secret of such a key: 43 to 64 characters of base 64, at least 256 bits (there). These have 288.
pub fn proxy_secret(random: &dyn Random) -> zeroize::Zeroizing<String> {
    zeroize::Zeroizing::new(draw("", 48, BASE64, random))
}

/// The id of a signing certificate: 32 characters of base 32.
pub fn certificate(random: &dyn Random) -> String {
    draw("", 32, BASE32, random)
}

/// The password of a service-specific credential: 44 characters, 264 bits.
pub fn service_password(random: &dyn Random) -> zeroize::Zeroizing<String> {
    zeroize::Zeroizing::new(draw("", 44, BASE64, random))
}

/// The seed of a virtual MFA device: 64 characters of base 32 (RFC 4648), 320 bits, where RFC 4226 asks for 160.
pub fn mfa_seed(random: &dyn Random) -> zeroize::Zeroizing<String> {
    zeroize::Zeroizing::new(draw("", 64, BASE32, random))
}

/// The bytes of a text in base 32 without padding; none if it is none.
pub fn of_base32(text: &str) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(text.len() * 5 / 8));
    let (mut bits, mut held) = (0_u16, 0);
    for character in text.bytes() {
        let value = BASE32.iter().position(|other| *other == character)?;
        bits = bits << 5 | u16::try_from(value).ok()?;
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held).to_le_bytes()[0]);
        }
    }
    Some(bytes)
}

/// A random (version 4) UUID in lower case (RFC 9562).
pub fn uuid(random: &dyn Random) -> String {
    let mut bytes = [0_u8; 16];
    random.fill(&mut bytes);
    uuid_of(bytes)
}

/// Draws UUIDs many at a time: most of the cost of random bytes is in the asking.
#[derive(Debug, Default)]
pub struct Uuids {
    drawn: Mutex<Vec<[u8; 16]>>,
}

/// How many are drawn at a time.
const DRAWN_AT_A_TIME: usize = 64;

impl Uuids {
    /// Two random (version 4) UUIDs, for a request and for its audit record.
    pub fn two(&self, random: &dyn Random) -> (String, String) {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.len() < 2 {
            let mut bytes = [[0_u8; 16]; DRAWN_AT_A_TIME];
            random.fill(bytes.as_flattened_mut());
            drawn.extend(bytes);
        }
        let (first, second) = (drawn.pop().unwrap_or_default(), drawn.pop().unwrap_or_default());
        drop(drawn);
        (uuid_of(first), uuid_of(second))
    }
}

fn uuid_of(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (i, byte) in bytes.into_iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.extend([byte >> 4, byte & 15].map(hex_digit).map(char::from));
    }
    text
}

/// A 12-digit account id that does not start with zero.
pub fn account(random: &dyn Random) -> String {
    let mut bytes = [0_u8; 8];
    random.fill(&mut bytes);
    let span = 900_000_000_000;
    (100_000_000_000 + u64::from_le_bytes(bytes) % span).to_string()
}

fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

fn draw<const N: usize>(prefix: &str, length: usize, alphabet: &[u8; N], random: &dyn Random) -> String {
    let mut bytes = zeroize::Zeroizing::new(vec![0_u8; length]);
    random.fill(&mut bytes);
    let mut id = String::with_capacity(prefix.len() + length);
    id.push_str(prefix);
    // Both alphabets' lengths divide 256, so that the remainder is uniform.
    id.extend(bytes.iter().filter_map(|byte| alphabet.get(usize::from(*byte) % N)).map(|c| char::from(*c)));
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyring::SystemRandom;

    #[test]
    fn forms() {
        let random = SystemRandom;
        assert_eq!(unique("AIDA", &random).len(), 21);
        assert_eq!(access_key("AKIA", &random).len(), 20);
        assert_eq!(secret_access_key(&random).len(), 40);
        let seed = mfa_seed(&random);
        assert_eq!((seed.len(), of_base32(&seed).unwrap().len()), (64, 40));
        // RFC 4648, section 10.
        assert_eq!(of_base32("MZXW6YTB").unwrap().as_slice(), b"fooba");
        assert!(of_base32("MZXW6yTB").is_none());
        let uuid = uuid(&random);
        assert_eq!(uuid.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert_eq!(account(&random).len(), 12);
    }
}
