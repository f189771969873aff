//! Seals: what wraps the root key when it leaves the process.

use crate::secret::Secret;
use crate::wrapping::Wrapping;
use crate::{KeyringError, Random};
use std::fmt;
use std::path::Path;

/// Something that can wrap the root key and give it back later.
pub trait Seal: Send + Sync {
    /// The kind of this seal: it is tried on slots of this kind only.
    fn kind(&self) -> Kind;

    /// The file that this seal's secret lies in, if it lies in one: it must not be among the data.
    fn location(&self) -> Option<&Path>;

    /// Wraps the root key, bound to `place`.
    ///
    /// # Errors
    /// The seal cannot be used.
    fn wrap(&self, place: &SlotPlace, root: &Secret, random: &dyn Random) -> Result<Wrapping, KeyringError>;

    /// Gives the root key back.
    ///
    /// # Errors
    /// [`KeyringError::Refused`] if the wrapping is not of this kind, not made with this seal's secret, or altered;
    /// any other if that cannot be found out, as when a device does not answer.
    fn unwrap(&self, place: &SlotPlace, wrapping: &Wrapping) -> Result<Secret, KeyringError>;
}

/// What kind a seal is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 32 random bytes in a file.
    KeyFile,
    /// What somebody knows.
    Passphrase,
    /// Shares of which some are needed.
    Shamir,
    /// A key in a hardware security module.
    Pkcs11,
    /// A key of another key management service.
    Kms,
}

impl Kind {
    /// The name, as keyring files and configuration have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::KeyFile => "key-file",
            Self::Passphrase => "passphrase",
            Self::Shamir => "shamir",
            Self::Pkcs11 => "pkcs11",
            Self::Kms => "kms",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a wrapping is bound to, so that it is of no use in another keyring or slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotPlace {
    /// The keyring's id.
    pub keyring: [u8; 16],
    /// The slot's number.
    pub slot: u32,
}

impl SlotPlace {
    /// The place as additional data of an encryption: `id (16) ‖ number (4, big endian)`.
    pub fn bytes(&self) -> [u8; 20] {
        let mut bytes = [0; 20];
        let (id, number) = bytes.split_at_mut(16);
        id.copy_from_slice(&self.keyring);
        number.copy_from_slice(&self.slot.to_be_bytes());
        bytes
    }
}
