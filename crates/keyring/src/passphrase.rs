//! The passphrase: the root key under a key that Argon2id (RFC 9106) makes from what somebody knows.

use crate::secret::{KEY_BYTES, Secret};
use crate::wrapping::WrappedKey;
use crate::{KeyringError, Kind, Random, Seal, SlotPlace, Wrapping};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use zeroize::Zeroizing;

/// The shortest passphrase that a slot is made with: what NIST SP 800-63B-4 asks of a password that is the only factor.
const PASSPHRASE_BYTES_MIN: usize = 15;

/// The most work that a slot may ask for, so that a forged keyring file cannot take all memory or hours.
const WORK_MAX: Work = Work { memory_kib: 4 << 20, passes: 64, lanes: 64 };

/// How hard Argon2id is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for Work {
    /// 256 MiB, 3 passes, 4 lanes: four times the memory of RFC 9106's second recommended option, with its other factors.
    fn default() -> Self {
        Self { memory_kib: 256 << 10, passes: 3, lanes: 4 }
    }
}

/// The seal of somebody who starts the server by hand, or of a recovery sheet in a safe.
pub struct Passphrase {
    passphrase: Zeroizing<Vec<u8>>,
    work: Work,
}

impl Passphrase {
    /// A passphrase; slots are made with [`Work::default`].
    pub fn new(passphrase: Zeroizing<Vec<u8>>) -> Self {
        Self::with_work(passphrase, Work::default())
    }

    /// A passphrase with other work for new slots. Less than the default is for tests only: slots that exist keep theirs.
    pub fn with_work(passphrase: Zeroizing<Vec<u8>>, work: Work) -> Self {
        Self { passphrase, work }
    }

    fn wrapping_key(&self, salt: &[u8; 16], work: Work) -> Result<Secret, KeyringError> {
        argon2id(&self.passphrase, salt, work)
    }
}

/// Key that Argon2id makes of a secret somebody knows.
///
/// # Errors
/// The work is more than is ever asked for, or there is no memory.
pub(crate) fn argon2id(known: &[u8], salt: &[u8; 16], work: Work) -> Result<Secret, KeyringError> {
    if work.memory_kib > WORK_MAX.memory_kib || work.passes > WORK_MAX.passes || work.lanes > WORK_MAX.lanes {
        return Err(KeyringError::Work(format!("at most {WORK_MAX:?} is accepted, not {work:?}")));
    }
    let unusable = |error: argon2::Error| KeyringError::Work(error.to_string());
    let params = Params::new(work.memory_kib, work.passes, work.lanes, Some(KEY_BYTES)).map_err(unusable)?;
    // The library does not wipe the memory that it allocates itself.
    let mut memory = Zeroizing::new(Vec::new());
    memory
        .try_reserve_exact(params.block_count())
        .map_err(|_| KeyringError::Work(format!("no {} KiB of memory", work.memory_kib)))?;
    memory.resize(params.block_count(), Block::new());
    let mut key = Secret::zero();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(known, salt, key.bytes_mut(), memory.as_mut_slice())
        .map_err(unusable)?;
    Ok(key)
}

impl Seal for Passphrase {
    fn kind(&self) -> Kind {
        Kind::Passphrase
    }

    fn location(&self) -> Option<&Path> {
        None
    }

    fn wrap(&self, place: &SlotPlace, root: &Secret, random: &dyn Random) -> Result<Wrapping, KeyringError> {
        if self.passphrase.len() < PASSPHRASE_BYTES_MIN {
            return Err(KeyringError::PassphraseTooShort(PASSPHRASE_BYTES_MIN));
        }
        let mut salt = [0; 16];
        random.fill(&mut salt);
        let Work { memory_kib, passes, lanes } = self.work;
        let wrapped = WrappedKey::wrap(&self.wrapping_key(&salt, self.work)?, &place.bytes(), root, random)?;
        Ok(Wrapping::Passphrase { memory_kib, passes, lanes, salt, wrapped })
    }

    fn unwrap(&self, place: &SlotPlace, wrapping: &Wrapping) -> Result<Secret, KeyringError> {
        let Wrapping::Passphrase { memory_kib, passes, lanes, salt, wrapped } = wrapping else {
            return Err(KeyringError::Refused);
        };
        let work = Work { memory_kib: *memory_kib, passes: *passes, lanes: *lanes };
        wrapped.unwrap(&self.wrapping_key(salt, work)?, &place.bytes()).map_err(|_| KeyringError::Refused)
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passphrase").field("work", &self.work).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phrase(text: &str) -> Passphrase {
        Passphrase::new(Zeroizing::new(text.as_bytes().to_vec()))
    }

    /// Expected values are those of another implementation: OpenSSL's Argon2id through pyca/cryptography 48.
    #[test]
    fn agrees_with_another_implementation() {
        let salt = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let cases = [
            (64, 3, 4, "fff8371f0247952ba584679977a86d3b7606eac6ee454ab3bbd8d1a550593c9a"),
            (8, 1, 1, "d17ea6341ca93da6079ea2f64dc4aa31dd1aaf9caa67fb42ac4afd0714706f26"),
        ];
        for (memory_kib, passes, lanes, expected) in cases {
            let work = Work { memory_kib, passes, lanes };
            let key = phrase("correct horse battery staple").wrapping_key(&salt, work).unwrap();
            assert_eq!(hex::encode(key.bytes()), expected, "{work:?}");
        }
    }

    #[test]
    fn is_strong_unless_told_otherwise() {
        let Work { memory_kib, passes, lanes } = phrase("").work;
        assert_eq!((memory_kib, passes, lanes), (262_144, 3, 4));
    }

    #[test]
    fn refuses_excessive_and_impossible_work() {
        let work = |memory_kib, passes, lanes| Work { memory_kib, passes, lanes };
        for work in [
            work(u32::MAX, 1, 1),
            work(64, u32::MAX, 1),
            work(64, 1, u32::MAX),
            work(0, 1, 1),
            work(64, 0, 1),
            work(64, 1, 0),
            work(8, 1, 64),
        ] {
            let error = phrase("").wrapping_key(&[0; 16], work).unwrap_err();
            assert!(matches!(error, KeyringError::Work(_)), "{work:?}: {error}");
        }
    }
}
