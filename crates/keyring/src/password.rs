//! Passwords of people, kept as what Argon2id (RFC 9106) makes of them.

use crate::passphrase::{Work, argon2id};
use crate::{KeyringError, Random};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde::{Deserialize, Serialize};

/// The work of a new hash: 19 MiB, 2 passes, 1 lane, the least that the OWASP Password Storage Cheat Sheet takes for enough. Whoever reads the
/// hashes has the keyring already.
const WORK: Work = Work { memory_kib: 19 << 10, passes: 2, lanes: 1 };

/// Hash of a password: enough to recognize it.
#[derive(Clone, Serialize, Deserialize)]
pub struct PasswordHash {
    work: Work,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl PasswordHash {
    /// Hashes a new password. It takes tens of milliseconds.
    ///
    /// # Errors
    /// There is no memory.
    pub fn new(password: &str, random: &dyn Random) -> Result<Self, KeyringError> {
        let mut salt = [0; 16];
        random.fill(&mut salt);
        let hash = *argon2id(password.as_bytes(), &salt, WORK)?.bytes();
        Ok(Self { work: WORK, salt, hash })
    }

    /// Tells whether it is of this password. It takes as long as making one.
    ///
    /// # Errors
    /// There is no memory.
    pub fn is_of(&self, password: &str) -> Result<bool, KeyringError> {
        let hash = argon2id(password.as_bytes(), &self.salt, self.work)?;
        Ok(verify_slices_are_equal(hash.bytes(), &self.hash).is_ok())
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    #[test]
    fn knows_its_password_and_no_other() {
        let kept = PasswordHash::new("Correct horse 1", &SystemRandom).unwrap();
        let again = PasswordHash::new("Correct horse 1", &SystemRandom).unwrap();
        assert_ne!(kept.hash, again.hash, "each has a salt of its own");
        let text = serde_json::to_string(&kept).unwrap();
        assert!(!text.contains("horse") && !format!("{kept:?}").contains("horse"));
        let kept: PasswordHash = serde_json::from_str(&text).unwrap();
        assert!(kept.is_of("Correct horse 1").unwrap());
        assert!(!kept.is_of("correct horse 1").unwrap());
    }
}
