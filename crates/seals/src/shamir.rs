//! Shares of which some are needed (Shamir, "How to share a secret", 1979; over GF(2^8), each byte by itself): a random key is split,
//! and wraps the root key.

use crate::Share;
use keyring::{KeyringError, Kind, Random, SHARES_MAX, Seal, Secret, SlotPlace, UnderKey, Wrapping};
use std::convert::Infallible;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use zeroize::Zeroizing;

const LABEL: &str = "fastness shamir slot";

/// Why shares do not make a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShamirError {
    /// A text that is not one of our shares.
    #[error("that is not a share: shares begin with FSS1")]
    NotAShare,
    /// A share's checksum is wrong.
    #[error("that share is mistyped: its checksum is wrong")]
    Mistyped,
    /// A share of another set than those before.
    #[error("that share is of another set than those before: of {found}, not of {expected}", found = hex::encode_upper(found), expected = hex::encode_upper(expected))]
    OtherSet {
        /// The set of this share.
        found: [u8; 4],
        /// The set of those before.
        expected: [u8; 4],
    },
    /// A share that was given already.
    #[error("share {0} was given already")]
    Twice(u8),
    /// More shares are needed.
    #[error("{needed} shares are needed, and {given} were given")]
    TooFew {
        /// How many were given.
        given: u8,
        /// How many are needed.
        needed: u8,
    },
    /// The numbers of a split.
    #[error("shares are split as in 3-of-5: at least 2 needed, at most {SHARES_MAX} in all")]
    Split,
}

/// How many shares are needed of how many, as in `3-of-5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    threshold: u8,
    shares: u8,
}

impl Split {
    /// How many shares are needed.
    pub fn threshold(self) -> u8 {
        self.threshold
    }

    /// How many there are.
    pub fn shares(self) -> u8 {
        self.shares
    }
}

impl FromStr for Split {
    type Err = ShamirError;

    fn from_str(text: &str) -> Result<Self, ShamirError> {
        let number = |text: &str| text.parse::<u8>().ok().filter(|_| !text.starts_with('+'));
        let (threshold, shares) = text.split_once("-of-").ok_or(ShamirError::Split)?;
        let (threshold, shares) = number(threshold).zip(number(shares)).ok_or(ShamirError::Split)?;
        if !(2..=SHARES_MAX).contains(&shares) || !(2..=shares).contains(&threshold) {
            return Err(ShamirError::Split);
        }
        Ok(Self { threshold, shares })
    }
}

/// The seal that shares make.
pub struct Shamir {
    set: [u8; 4],
    split: Split,
    key: Secret,
}

impl Shamir {
    /// A new key, and its shares, which must be given away before this is dropped: nothing else has the key.
    pub fn split(split: Split, random: &dyn Random) -> (Self, Vec<Share>) {
        let key = Secret::random(random);
        let mut set = [0; 4];
        random.fill(&mut set);
        let dealer = blahaj::Sharks(split.threshold);
        let shares = dealer.dealer_rng(key.bytes(), &mut Source(random)).take(split.shares.into());
        let shares = shares.filter_map(|share| {
            let bytes = Zeroizing::new(Vec::from(&share));
            let (index, value) = bytes.split_first()?;
            let Split { threshold, shares } = split;
            Some(Share { set, threshold, shares, index: *index, value: Secret::copy_of(value)? })
        });
        let shares = shares.collect();
        (Self { set, split, key }, shares)
    }
}

impl Seal for Shamir {
    fn kind(&self) -> Kind {
        Kind::Shamir
    }

    fn location(&self) -> Option<&Path> {
        None
    }

    fn wrap(&self, place: &SlotPlace, root: &Secret, random: &dyn Random) -> Result<Wrapping, KeyringError> {
        let Split { threshold, shares } = self.split;
        let under = UnderKey::wrap(&self.key, LABEL, place, root, random)?;
        Ok(Wrapping::Shamir { set: self.set, threshold, shares, under })
    }

    fn unwrap(&self, place: &SlotPlace, wrapping: &Wrapping) -> Result<Secret, KeyringError> {
        let Wrapping::Shamir { under, .. } = wrapping else { return Err(KeyringError::Refused) };
        under.unwrap(&self.key, LABEL, place)
    }
}

impl fmt::Debug for Shamir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shamir").field("split", &self.split).finish_non_exhaustive()
    }
}

/// How far shares have come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many were given.
    pub given: u8,
    /// How many are needed.
    pub needed: u8,
}

/// Shares as they come in, one after the other, from whoever has one.
#[derive(Debug, Default)]
pub struct Shares(Vec<Share>);

impl Shares {
    /// Takes one more share, as it was typed.
    ///
    /// # Errors
    /// [`ShamirError::NotAShare`], [`ShamirError::Mistyped`], [`ShamirError::OtherSet`], [`ShamirError::Twice`]; the shares before stay.
    pub fn add(&mut self, text: &str) -> Result<Progress, ShamirError> {
        let share = Share::parse(text)?;
        if let Some(first) = self.0.first() {
            let same = |share: &Share| (share.set, share.threshold, share.shares);
            if same(&share) != same(first) {
                return Err(ShamirError::OtherSet { found: share.set, expected: first.set });
            }
            if self.0.iter().any(|other| other.index == share.index) {
                return Err(ShamirError::Twice(share.index));
            }
        }
        let needed = share.threshold;
        self.0.push(share);
        Ok(Progress { given: u8::try_from(self.0.len()).unwrap_or(u8::MAX), needed })
    }

    /// The seal that the shares make, once they are enough. That they fit together shows when it opens a slot, and if it does not,
    /// nothing tells which of them is wrong.
    ///
    /// # Errors
    /// [`ShamirError::TooFew`].
    pub fn combine(&self) -> Result<Shamir, ShamirError> {
        let too_few =
            |needed| ShamirError::TooFew { given: u8::try_from(self.0.len()).unwrap_or(u8::MAX), needed };
        let first = self.0.first().ok_or(too_few(2))?;
        let needed = usize::from(first.threshold);
        let mut points = Vec::with_capacity(needed);
        for share in self.0.iter().take(needed) {
            let mut bytes = Zeroizing::new(Vec::with_capacity(33));
            bytes.push(share.index);
            bytes.extend_from_slice(share.value.bytes());
            points.push(blahaj::Share::try_from(bytes.as_slice()).map_err(|_| ShamirError::NotAShare)?);
        }
        let key = blahaj::Sharks(first.threshold).recover(&points).map_err(|_| too_few(first.threshold))?;
        let key = Secret::copy_of(&Zeroizing::new(key)).ok_or(ShamirError::NotAShare)?;
        Ok(Shamir { set: first.set, split: Split { threshold: first.threshold, shares: first.shares }, key })
    }
}

/// Our randomness, as the library takes it.
struct Source<'a>(&'a dyn Random);

impl rand_core::TryRng for Source<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Source<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use keyring::{Keyring, SystemRandom};
    use std::sync::Arc;

    fn split(text: &str) -> (Shamir, Vec<Zeroizing<String>>) {
        let (seal, shares) = Shamir::split(text.parse().unwrap(), &SystemRandom);
        (seal, shares.iter().map(Share::to_text).collect())
    }

    fn combined<'a>(texts: impl IntoIterator<Item = &'a Zeroizing<String>>) -> Shamir {
        let mut shares = Shares::default();
        for text in texts {
            shares.add(text).unwrap();
        }
        shares.combine().unwrap()
    }

    /// Every choice of `k` out of `texts`.
    fn choices(texts: &[Zeroizing<String>], k: usize) -> Vec<Vec<&Zeroizing<String>>> {
        let masks = (0_u32..1 << texts.len()).filter(|mask| mask.count_ones() as usize == k);
        masks
            .map(|mask| {
                texts.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, t)| t).collect()
            })
            .collect()
    }

    #[test]
    fn any_k_of_n_open_and_fewer_do_not() {
        for text in ["2-of-2", "2-of-3", "3-of-5", "16-of-16"] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("keyring.json");
            let (seal, shares) = split(text);
            let keyring = Keyring::create(&path, &seal, Arc::new(SystemRandom)).unwrap();
            let sealed = keyring.seal(b"place", b"value").unwrap();
            let threshold = usize::from(seal.split.threshold);
            for choice in choices(&shares, threshold) {
                let mut choice = choice;
                choice.reverse();
                let again = Keyring::open(&path, &[&combined(choice)], Arc::new(SystemRandom)).unwrap();
                assert_eq!(*again.open_sealed(b"place", &sealed).unwrap(), b"value");
            }
            // More than needed do too.
            Keyring::open(&path, &[&combined(&shares)], Arc::new(SystemRandom)).unwrap();
            let mut few = Shares::default();
            assert_eq!(few.combine().unwrap_err(), ShamirError::TooFew { given: 0, needed: 2 });
            for share in shares.iter().take(threshold - 1) {
                few.add(share).unwrap();
            }
            let needed = seal.split.threshold;
            assert_eq!(few.combine().unwrap_err(), ShamirError::TooFew { given: needed - 1, needed });
        }
    }

    /// A share that somebody made up, with a right checksum: it is found out, and nothing tells which one it was.
    #[test]
    fn a_forged_share_is_not_told_from_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keyring.json");
        let (seal, shares) = split("3-of-5");
        Keyring::create(&path, &seal, Arc::new(SystemRandom)).unwrap();
        let mut errors = Vec::new();
        for forged in 0..3 {
            let mut texts: Vec<_> = shares.iter().take(3).cloned().collect();
            let share =
                Share { value: Secret::random(&SystemRandom), ..Share::parse(&texts[forged]).unwrap() };
            texts[forged] = share.to_text();
            let error = Keyring::open(&path, &[&combined(&texts)], Arc::new(SystemRandom)).unwrap_err();
            errors.push(error.to_string());
        }
        assert!(errors[0].ends_with("opens: the shamir does not fit slot 0"), "{errors:?}");
        assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
    }

    #[test]
    fn shares_are_checked_as_they_come() {
        let ((_, shares), (_, others)) = (split("3-of-5"), split("3-of-5"));
        let mut given = Shares::default();
        assert_eq!(given.add(&shares[4]).unwrap(), Progress { given: 1, needed: 3 });
        assert_eq!(given.add(&shares[4]).unwrap_err(), ShamirError::Twice(5));
        assert!(matches!(given.add(&others[0]).unwrap_err(), ShamirError::OtherSet { .. }));
        assert_eq!(given.add("FSS1-00").unwrap_err(), ShamirError::Mistyped);
        assert_eq!(given.add("x").unwrap_err(), ShamirError::NotAShare);
        assert_eq!(given.add(&shares[0]).unwrap(), Progress { given: 2, needed: 3 });
        assert_eq!(given.add(&shares[2]).unwrap(), Progress { given: 3, needed: 3 });
        given.combine().unwrap();
    }

    #[test]
    fn a_split_has_bounds() {
        for text in ["2-of-2", "2-of-16", "16-of-16", "3-of-5"] {
            assert!(text.parse::<Split>().is_ok(), "{text}");
        }
        for text in [
            "1-of-2", "0-of-0", "3-of-2", "2-of-17", "2-of-256", "-2-of-3", "+2-of-3", "2 of 3", "2-of-",
            "2of3", "",
        ] {
            assert_eq!(text.parse::<Split>().unwrap_err(), ShamirError::Split, "{text}");
        }
    }

    /// Each byte of a share of a known key, over many splits, takes all values: none is excluded, as a biased coefficient would.
    #[test]
    fn shares_tell_nothing_by_themselves() {
        let mut seen = [false; 256];
        for _ in 0..400 {
            let (seal, shares) = Shamir::split("2-of-2".parse().unwrap(), &SystemRandom);
            let values = shares[0].value.bytes().iter().zip(seal.key.bytes());
            values.for_each(|(share, key)| seen[usize::from(share ^ key)] = true);
        }
        assert!(seen.iter().all(|seen| *seen));
    }

    #[test]
    fn debug_output_has_no_material() {
        let (seal, shares) = Shamir::split("2-of-3".parse().unwrap(), &SystemRandom);
        let mut given = Shares::default();
        given.add(&shares[0].to_text()).unwrap();
        let shown = format!("{seal:?} {shares:?} {given:?}");
        assert!(shown.split(|c: char| !c.is_ascii_hexdigit()).all(|run| run.len() < 8), "{shown}");
    }
}
