//! GetRandomPassword.

use crate::SecretsManager;
use crate::api::{GetRandomPasswordRequest, GetRandomPasswordResponse, ops};
use crate::errors::invalid_parameter;
use keyring::Random;
use platform::{Access, Cx, Fault, Handle};
use zeroize::Zeroizing;

/// Characters where the request says nothing.
const LENGTH: usize = 32;

const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &[u8] = b"0123456789";
const PUNCTUATION: &[u8] = br##"!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~"##;

/// Draws from alphabets uniformly: a byte that would favour some letters is passed over.
pub(crate) struct Draw<'a> {
    random: &'a dyn Random,
    buffer: Zeroizing<[u8; 64]>,
    left: usize,
}

impl<'a> Draw<'a> {
    pub(crate) fn new(random: &'a dyn Random) -> Self {
        Self { random, buffer: Zeroizing::new([0; 64]), left: 0 }
    }

    fn byte(&mut self) -> u8 {
        if self.left == 0 {
            self.random.fill(&mut *self.buffer);
            self.left = self.buffer.len();
        }
        self.left = self.left.saturating_sub(1);
        self.buffer.get(self.left).copied().unwrap_or_default()
    }

    /// A number below `count`, which is 256 at most.
    fn below(&mut self, count: usize) -> usize {
        let count = count.clamp(1, 256);
        let even = 256 - 256 % count;
        loop {
            let drawn = usize::from(self.byte());
            if drawn < even {
                return drawn % count;
            }
        }
    }

    /// A letter of an alphabet of 256 at most; none of an empty one.
    pub(crate) fn one_of(&mut self, alphabet: &[u8]) -> Option<u8> {
        let at = self.below(alphabet.len());
        alphabet.get(at).copied()
    }
}

/// A password of this length. Each type of characters is in it if `each`, and all passwords that meet this are as likely as
/// each other: those that do not are thrown away.
fn draw(random: &dyn Random, types: &[Vec<u8>], length: usize, each: bool) -> Option<Zeroizing<String>> {
    let all = types.concat();
    let mut draw = Draw::new(random);
    for _ in 0..TRIES_MAX {
        let mut password = Zeroizing::new(String::with_capacity(length));
        (0..length).filter_map(|_| draw.one_of(&all)).for_each(|byte| password.push(char::from(byte)));
        let has = |of: &Vec<u8>| password.bytes().any(|byte| of.contains(&byte));
        if !each || types.iter().all(has) {
            return Some(password);
        }
    }
    // Rare: a short password of many types. One of each type, the rest of all, in a random order.
    let mut bytes: Zeroizing<Vec<u8>> =
        Zeroizing::new(types.iter().filter_map(|of| draw.one_of(of)).collect());
    while bytes.len() < length {
        bytes.push(draw.one_of(&all)?);
    }
    for last in (1..bytes.len()).rev() {
        // Longer passwords than a byte counts are met by the tries above.
        let other = draw.below(last.saturating_add(1));
        bytes.swap(last, other);
    }
    Some(Zeroizing::new(bytes.iter().map(|byte| char::from(*byte)).collect()))
}

/// A password for a database: what the rotation functions' templates ask for, and no character that their values may not have.
pub(crate) fn for_database(cx: &Cx<'_>) -> Result<Zeroizing<String>, Fault> {
    let punctuation = PUNCTUATION.iter().copied().filter(|byte| !br#"/@"'\"#.contains(byte)).collect();
    let types = [LOWER.to_vec(), UPPER.to_vec(), DIGITS.to_vec(), punctuation];
    draw(cx.random(), &types, LENGTH, true).ok_or_else(|| Fault::bug("no password was drawn"))
}

/// Passwords that are thrown away at most.
const TRIES_MAX: usize = 64;

impl Handle<ops::GetRandomPassword> for SecretsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GetRandomPasswordRequest,
    ) -> Result<GetRandomPasswordResponse, Fault> {
        cx.authorize(&Access::to("secretsmanager:GetRandomPassword", "*"))?;
        let excluded = input.exclude_characters.as_deref().unwrap_or_default();
        let kinds = [
            (LOWER, input.exclude_lowercase != Some(true)),
            (UPPER, input.exclude_uppercase != Some(true)),
            (DIGITS, input.exclude_numbers != Some(true)),
            (PUNCTUATION, input.exclude_punctuation != Some(true)),
            (b" ", input.include_space == Some(true)),
        ];
        let left = |of: &[u8]| -> Vec<u8> {
            of.iter().copied().filter(|byte| !excluded.contains(char::from(*byte))).collect()
        };
        let types: Vec<_> = kinds.iter().filter(|(_, wanted)| *wanted).map(|(of, _)| left(of)).collect();
        let each = input.require_each_included_type != Some(false);
        if types.iter().all(Vec::is_empty) || (each && types.iter().any(Vec::is_empty)) {
            return Err(invalid_parameter(
                "The characters that you exclude leave none of a type that the password must include.",
            ));
        }
        let length = input.password_length.and_then(|length| usize::try_from(length).ok()).unwrap_or(LENGTH);
        if each && length < types.len() {
            return Err(invalid_parameter("The password length is too short based on the required types."));
        }
        let drawn = draw(cx.random(), &types, length, each);
        let mut drawn = drawn.ok_or_else(|| Fault::bug("no password was drawn"))?;
        Ok(GetRandomPasswordResponse { random_password: Some(std::mem::take(&mut *drawn)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU8, Ordering};

    /// Every byte in turn.
    #[derive(Default)]
    struct Counting(AtomicU8);

    impl Random for Counting {
        fn fill(&self, out: &mut [u8]) {
            out.iter_mut().rev().for_each(|byte| *byte = self.0.fetch_add(1, Ordering::Relaxed));
        }
    }

    #[test]
    fn letters_are_as_likely_as_each_other() {
        let random = Counting::default();
        let mut draw = Draw::new(&random);
        let mut counts = [0; 10];
        // Of 256 bytes 250 are of use.
        (0..250).for_each(|_| counts[usize::from(draw.one_of(DIGITS).unwrap() - b'0')] += 1);
        assert_eq!(counts, [25; 10]);
        assert_eq!(Draw::new(&random).one_of(b""), None);
    }

    #[test]
    fn the_shortest_password_has_each_type() {
        let types = [LOWER, UPPER, DIGITS, PUNCTUATION, b" "].map(<[u8]>::to_vec);
        for _ in 0..50 {
            let password = draw(&keyring::SystemRandom, &types, 5, true).unwrap();
            assert!(types.iter().all(|of| password.bytes().filter(|byte| of.contains(byte)).count() == 1));
        }
    }
}
