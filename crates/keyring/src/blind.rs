//! Names that do not give away what they stand for: equal texts have equal names.

use crate::Random;
use aws_lc_rs::hmac;

/// The length of a key, in bytes.
const KEY_BYTES: usize = 32;

/// The length of a name before it is written in hexadecimal, in bytes.
const NAME_BYTES: usize = 16;

/// A key that makes names of texts, with HMAC-SHA-256.
pub struct BlindKey(hmac::Key);

impl BlindKey {
    /// The key with these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The bytes of a new key.
    pub fn random_bytes(random: &dyn Random) -> Vec<u8> {
        let mut bytes = vec![0; KEY_BYTES];
        random.fill(&mut bytes);
        bytes
    }

    /// The name of a list of texts, 32 hexadecimal digits.
    pub fn blind(&self, texts: &[&str]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        for text in texts {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        hex::encode(context.sign().as_ref().get(..NAME_BYTES).unwrap_or_default())
    }
}

impl std::fmt::Debug for BlindKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlindKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_equal_names_and_no_others() {
        let (one, other) = (BlindKey::new(&[1; KEY_BYTES]), BlindKey::new(&[2; KEY_BYTES]));
        let names =
            [one.blind(&["ab", "c"]), one.blind(&["a", "bc"]), one.blind(&["abc"]), other.blind(&["abc"])];
        assert_eq!(names[0], one.blind(&["ab", "c"]));
        assert!((1..names.len()).all(|end| !names[..end].contains(&names[end])), "{names:?}");
        assert!(names.iter().all(|name| name.len() == 2 * NAME_BYTES && !name.contains("abc")));
    }
}
