//! Encryption contexts: pairs that a ciphertext is bound to (KMS Developer Guide, "Encryption context").

use std::collections::BTreeMap;

/// The pairs of an encryption context. Their order has no meaning; the map keeps them sorted.
pub(crate) type Pairs = BTreeMap<String, String>;

/// No encryption context.
pub(crate) static NO_PAIRS: Pairs = Pairs::new();

/// Appends the canonical form: by ascending key, each key and value after its length in bytes (4, big endian). Two contexts have
/// the same form only if they are the same.
pub(crate) fn append_canonical(pairs: &Pairs, out: &mut Vec<u8>) {
    for text in pairs.iter().flat_map(|(key, value)| [key, value]) {
        // A length that does not fit cannot occur: a request is far below 4 GiB.
        out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    }
}

pub(crate) fn canonical_length(pairs: &Pairs) -> usize {
    pairs.iter().map(|(key, value)| 8 + key.len() + value.len()).sum()
}

/// Whether two keys are the same to policies, as those that differ by case alone. Policies ask for a pair by `kms:EncryptionContext:key` without regard to case, so of two
/// such pairs one could stand for the other.
pub(crate) fn is_ambiguous(pairs: &Pairs) -> bool {
    pairs.len() > 1 && policy::key::repeated(pairs.keys().map(String::as_str)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(pairs: &Pairs) -> Vec<u8> {
        let mut out = Vec::new();
        append_canonical(pairs, &mut out);
        assert_eq!(out.len(), canonical_length(pairs));
        out
    }

    fn pairs(of: &[(&str, &str)]) -> Pairs {
        of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn form() {
        let sorted = canonical(&pairs(&[("b", ""), ("a", "xy")]));
        assert_eq!(sorted, b"\0\0\0\x01a\0\0\0\x02xy\0\0\0\x01b\0\0\0\0");
        assert_ne!(canonical(&pairs(&[("a", "bc")])), canonical(&pairs(&[("ab", "c")])));
    }

    #[test]
    fn keys_that_differ_by_case_alone() {
        assert!(is_ambiguous(&pairs(&[("App", "a"), ("aPP", "b")])));
        assert!(is_ambiguous(&pairs(&[("Größe", "a"), ("GRÖßE", "b")])));
        assert!(is_ambiguous(&pairs(&[("stack", "a"), ("Stac\u{212A}", "b")])));
        assert!(!is_ambiguous(&pairs(&[("App", "a"), ("Apple", "a")])) && !is_ambiguous(&NO_PAIRS));
    }

    /// Few short texts, so that some contexts are equal and many nearly so.
    fn small() -> impl Strategy<Value = Pairs> {
        proptest::collection::btree_map("[ab\0]{0,3}", "[ab\0]{0,3}", 0..3)
    }

    proptest! {
        #[test]
        fn is_injective(a in small(), b in small()) {
            prop_assert_eq!(a == b, canonical(&a) == canonical(&b));
        }
    }
}
