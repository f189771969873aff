//! What makes the chain of groups one that only the store's owner can have written.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;

/// Vouches for what a store writes, so that whoever can write the files, but does not have the witness's key, cannot
/// pass off other contents as the store's own.
pub trait Witness: fmt::Debug + Send + Sync + 'static {
    /// A proof, of at most [`PROOF_BYTES_MAX`] bytes, that this statement was made here.
    ///
    /// # Errors
    /// Why there is none; nothing is committed then.
    fn attest(&self, statement: &[u8]) -> Result<Vec<u8>, String>;
    /// Whether a proof is one of this statement.
    fn confirms(&self, statement: &[u8], proof: &[u8]) -> bool;
}

/// The longest proof.
pub const PROOF_BYTES_MAX: usize = 256;

/// Bytes of a link of the chain: SHA-256.
pub(crate) const LINK_BYTES: usize = digest::SHA256_OUTPUT_LEN;

/// A place in the history of a store: the version that a group of transactions ended with, and the link of the chain
/// there, which covers every byte of every group up to it. Written `VERSION:LINK`, the link in hexadecimal.
///
/// Whoever keeps one elsewhere can tell later whether a store still has the same history up to there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Head {
    /// The version.
    pub version: u64,
    /// SHA-256 over the link before and the group.
    pub link: [u8; LINK_BYTES],
}

/// A text is not `VERSION:LINK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a place in the history is written VERSION:LINK, a number and 64 hexadecimal digits")]
pub struct InvalidHead;

impl Head {
    /// The place after the group that follows on this one.
    pub(crate) fn after(&self, version: u64, time: u64, payload: &[u8]) -> Head {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&self.link);
        context.update(&self.version.to_le_bytes());
        context.update(&version.to_le_bytes());
        context.update(&time.to_le_bytes());
        context.update(payload);
        Head { version, link: sha256(context) }
    }

    /// What is attested of it.
    pub(crate) fn statement(&self) -> Vec<u8> {
        [b"group\0", &self.version.to_le_bytes()[..], &self.link].concat()
    }
}

/// The digest of bytes.
pub(crate) fn sha256_of(bytes: &[u8]) -> [u8; LINK_BYTES] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(bytes);
    sha256(context)
}

fn sha256(context: digest::Context) -> [u8; LINK_BYTES] {
    let mut out = [0; LINK_BYTES];
    // Both have the length of a SHA-256 digest.
    out.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    out
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.version)?;
        self.link.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Head {
    type Err = InvalidHead;

    fn from_str(text: &str) -> Result<Head, InvalidHead> {
        let (version, digits) = text.trim().split_once(':').ok_or(InvalidHead)?;
        let version = version.parse().map_err(|_| InvalidHead)?;
        let digits = digits.chars().map(|digit| digit.to_digit(16)).collect::<Option<Vec<_>>>();
        let digits = digits.filter(|digits| digits.len() == 2 * LINK_BYTES).ok_or(InvalidHead)?;
        let mut link = [0; LINK_BYTES];
        for (byte, pair) in link.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().fold(0, |byte, digit| byte << 4 | u8::try_from(*digit).unwrap_or(0));
        }
        Ok(Head { version, link })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_as_they_are_written() {
        let head = Head::default().after(7, 1, b"payload");
        assert_eq!(head.to_string().parse(), Ok(head));
        assert_eq!(format!(" {head}\n").parse(), Ok(head));
        let text = head.to_string();
        let (_, link) = text.split_once(':').unwrap();
        let (short, _) = link.split_at(63);
        for wrong in
            ["", "7", "7:", ":", link, &format!("7:{short}"), &format!("7:{short}g"), &format!("7:{link}0")]
        {
            assert_eq!(wrong.parse::<Head>(), Err(InvalidHead), "{wrong}");
        }
    }

    #[test]
    fn a_link_covers_all_that_was_before() {
        let head = Head::default().after(1, 2, b"a");
        for other in [
            Head::default().after(2, 2, b"a"),
            Head::default().after(1, 3, b"a"),
            Head::default().after(1, 2, b"b"),
            Head { version: 1, ..Head::default() }.after(1, 2, b"a"),
            Head { link: [1; 32], ..Head::default() }.after(1, 2, b"a"),
        ] {
            assert_ne!(other.link, head.link);
        }
        // sha256sum of 32 zeros, 0, 1 and 2 as 64-bit little-endian numbers, and "a".
        let expected = digest::digest(
            &digest::SHA256,
            &[&[0; 40][..], &1u64.to_le_bytes(), &2u64.to_le_bytes(), b"a"].concat(),
        );
        assert_eq!(head.link, expected.as_ref());
    }
}
