//! One-time codes of a shared seed: HOTP (RFC 4226) over steps of time (TOTP, RFC 6238), with HMAC-SHA-1, six digits and steps of 30
//! seconds, which is all that authenticator programs can be relied on to know.

use aws_lc_rs::hmac;
use std::fmt;

/// Number of different codes.
const CODES: u32 = 1_000_000;

/// The codes of one seed. AWS-LC wipes it when it is dropped.
pub struct OneTimeCodes(Box<hmac::Key>);

impl OneTimeCodes {
    /// Length of a step, in milliseconds.
    pub const STEP_MS: i64 = 30_000;

    /// The codes of a seed.
    pub fn new(seed: &[u8]) -> Self {
        Self(Box::new(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed)))
    }

    /// The code of a step since the epoch (RFC 4226, section 5.3); a step before it has none that anybody could have made.
    pub fn code(&self, step: i64) -> Option<u32> {
        let tag = hmac::sign(&self.0, &u64::try_from(step).ok()?.to_be_bytes());
        let bytes = tag.as_ref();
        let offset = usize::from(bytes.last()? & 0x0f);
        let word: [u8; 4] = bytes.get(offset..offset + 4)?.try_into().ok()?;
        Some((u32::from_be_bytes(word) & 0x7fff_ffff) % CODES)
    }
}

impl fmt::Debug for OneTimeCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeCodes(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the last six of its eight digits.
    #[test]
    fn agrees_with_the_rfc() {
        let codes = OneTimeCodes::new(b"12345678901234567890");
        for (seconds, code) in [
            (59, 287_082),
            (1_111_111_109, 81_804),
            (1_111_111_111, 50_471),
            (1_234_567_890, 5_924),
            (2_000_000_000, 279_037),
            (20_000_000_000, 353_130),
        ] {
            assert_eq!(codes.code(seconds * 1000 / OneTimeCodes::STEP_MS), Some(code), "{seconds}");
        }
        assert_eq!(codes.code(-1), None);
    }
}
