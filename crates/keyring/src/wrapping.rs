//! The root key, wrapped, as slots of the keyring file hold it.

use crate::aead::{Aead, NONCE_BYTES, Refused, TAG_BYTES};
use crate::derive::derive;
use crate::header::hex_bytes;
use crate::secret::{KEY_BYTES, Secret};
use crate::{KeyringError, Kind, Random, SlotPlace};
use serde::{Deserialize, Serialize};

/// The most shares that a root key is split into.
pub const SHARES_MAX: u8 = 16;

/// The longest name of a token or of a key, in bytes: the longest ARN of AWS is well below.
pub const NAME_BYTES_MAX: usize = 512;

/// The longest ciphertext of another key management service, in bytes (KMS API reference, `CiphertextBlob`).
pub const CIPHERTEXT_BYTES_MAX: usize = 6144;

/// A root key wrapped by a seal, with what its kind of seal needs to unwrap it, all of it public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Wrapping {
    /// Wrapped under a key derived from a key file's.
    KeyFile(UnderKey),
    /// Wrapped under a key derived from a passphrase by Argon2id (RFC 9106), version 0x13.
    Passphrase {
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes over the memory.
        passes: u32,
        /// Lanes.
        lanes: u32,
        /// The salt.
        #[serde(with = "hex_bytes")]
        salt: [u8; 16],
        /// The root key.
        wrapped: WrappedKey,
    },
    /// Wrapped under a key derived from one that was split into shares (Shamir's scheme over GF(2^8)).
    Shamir {
        /// What the shares of this set have in common, and those of no other.
        #[serde(with = "hex_bytes")]
        set: [u8; 4],
        /// How many shares are needed.
        threshold: u8,
        /// How many there are.
        shares: u8,
        /// The root key.
        under: UnderKey,
    },
    /// Encrypted inside a PKCS#11 token by a key of it (`CKM_AES_GCM`).
    Pkcs11 {
        /// The label of the token, for people to read.
        token: String,
        /// The label of the key.
        key: String,
        /// The root key.
        wrapped: WrappedKey,
    },
    /// Encrypted by a key of another key management service.
    Kms {
        /// The key's ARN, as that service told it, for people to read.
        key: String,
        /// What that service made of the root key.
        #[serde(with = "hex_bytes")]
        ciphertext: Vec<u8>,
    },
}

impl Wrapping {
    /// The kind of seal that made this.
    pub fn kind(&self) -> Kind {
        match self {
            Self::KeyFile(_) => Kind::KeyFile,
            Self::Passphrase { .. } => Kind::Passphrase,
            Self::Shamir { .. } => Kind::Shamir,
            Self::Pkcs11 { .. } => Kind::Pkcs11,
            Self::Kms { .. } => Kind::Kms,
        }
    }

    /// What is wrong with the contents, whoever wrote them. A passphrase's work is bounded where it is done.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let name =
            |text: &str| (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
        match self {
            Self::KeyFile(_) | Self::Passphrase { .. } => None,
            Self::Shamir { threshold, shares, .. } => {
                let fits = (2..=SHARES_MAX).contains(shares) && (2..=*shares).contains(threshold);
                (!fits).then_some("its shares are too few or too many")
            }
            Self::Pkcs11 { token, key, .. } => {
                (!name(token) || !name(key)).then_some("it names no token or no key")
            }
            Self::Kms { key, ciphertext } => {
                let fits = name(key) && (1..=CIPHERTEXT_BYTES_MAX).contains(&ciphertext.len());
                (!fits).then_some("it names no key, or its ciphertext has a wrong length")
            }
        }
    }
}

/// A root key wrapped under a key derived from another, long-lived one, with a salt that makes it another key each time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderKey {
    #[serde(with = "hex_bytes")]
    salt: [u8; 16],
    wrapped: WrappedKey,
}

impl UnderKey {
    /// Wraps the root key. The label names the kind of key, so that none is taken for another's.
    ///
    /// # Errors
    /// Those of the cryptographic library.
    pub fn wrap(
        key: &Secret,
        label: &str,
        place: &SlotPlace,
        root: &Secret,
        random: &dyn Random,
    ) -> Result<Self, KeyringError> {
        let mut salt = [0; 16];
        random.fill(&mut salt);
        let wrapped = WrappedKey::wrap(&salted(key, label, &salt)?, &place.bytes(), root, random)?;
        Ok(Self { salt, wrapped })
    }

    /// Gives the root key back.
    ///
    /// # Errors
    /// [`KeyringError::Refused`] if anything differs from when it was wrapped.
    pub fn unwrap(&self, key: &Secret, label: &str, place: &SlotPlace) -> Result<Secret, KeyringError> {
        self.wrapped
            .unwrap(&salted(key, label, &self.salt)?, &place.bytes())
            .map_err(|_| KeyringError::Refused)
    }
}

fn salted(key: &Secret, label: &str, salt: &[u8; 16]) -> Result<Secret, KeyringError> {
    let mut out = Secret::zero();
    derive(key.bytes(), label, &[salt], out.bytes_mut())?;
    Ok(out)
}

/// A key sealed with AES-256-GCM: `nonce (12) ‖ ciphertext (32) ‖ tag (16)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WrappedKey(#[serde(with = "hex_bytes")] [u8; NONCE_BYTES + KEY_BYTES + TAG_BYTES]);

impl WrappedKey {
    /// What a device encrypted by itself: the nonce it used, and ciphertext with tag. None, if that is not a key's length.
    pub fn from_parts(nonce: &[u8; NONCE_BYTES], sealed: &[u8]) -> Option<Self> {
        [nonce, sealed].concat().try_into().ok().map(Self)
    }

    /// The nonce, and ciphertext with tag.
    pub fn parts(&self) -> (&[u8], &[u8]) {
        self.0.split_at(NONCE_BYTES)
    }

    pub(crate) fn wrap(
        wrapping_key: &Secret,
        place: &[u8],
        secret: &Secret,
        random: &dyn Random,
    ) -> Result<Self, KeyringError> {
        let mut nonce = [0; NONCE_BYTES];
        random.fill(&mut nonce);
        let mut wrapped = nonce.to_vec();
        Aead::new(wrapping_key.bytes())?.seal(nonce, place, secret.bytes(), &mut wrapped)?;
        wrapped.try_into().map(Self).map_err(|_| KeyringError::Cryptography)
    }

    pub(crate) fn unwrap(&self, wrapping_key: &Secret, place: &[u8]) -> Result<Secret, Refused> {
        let (nonce, sealed) = self.0.split_first_chunk::<NONCE_BYTES>().ok_or(Refused)?;
        let aead = Aead::new(wrapping_key.bytes()).map_err(|_| Refused)?;
        Secret::copy_of(&aead.open(*nonce, place, sealed)?).ok_or(Refused)
    }
}
