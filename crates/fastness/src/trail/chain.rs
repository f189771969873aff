//! The digest of all lines that an export ever sent, over all its runs: what is kept between two of them is one digest.

use crate::backup::Sha256;
use serde::{Deserialize, Serialize};

/// The digest before the first line.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// After each line it is the SHA-256, in hexadecimal, of the digest before, a line feed, the line, and a line feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chain {
    /// The position in the trail at which the export began.
    pub(super) from: u64,
    /// How many lines there were since.
    pub(super) records: u64,
    pub(super) sha256: String,
}

impl Chain {
    /// An export that begins at a position.
    pub(super) fn begin(from: u64) -> Self {
        Self { from, records: 0, sha256: NOTHING.to_owned() }
    }

    /// Goes on by a line.
    pub(super) fn add(&mut self, line: &str) {
        let mut hash = Sha256::default();
        for part in [&self.sha256, "\n", line, "\n"] {
            hash.update(part.as_bytes());
        }
        self.sha256 = hash.finish();
        self.records += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_and_their_order_count() {
        let of = |lines: &[&str]| {
            let mut chain = Chain::begin(7);
            lines.iter().for_each(|line| chain.add(line));
            chain
        };
        // h=$(printf '%064d' 0); h=$(printf '%s\n%s\n' "$h" '{"a":1}' | sha256sum | cut -d' ' -f1)
        assert_eq!(
            of(&[r#"{"a":1}"#]).sha256,
            "14a0e8ea04d953c4760bc8be052746429c4fc8460440d3def8523f5949fc7083"
        );
        assert_eq!(of(&["a", "b"]).records, 2);
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
        assert_ne!(of(&["a", "b"]).sha256, of(&["a\nb"]).sha256);
        assert_eq!(of(&[]), Chain { from: 7, records: 0, sha256: "0".repeat(64) });
    }
}
