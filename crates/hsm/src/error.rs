use cryptoki::error::{Error, RvError};
use std::path::PathBuf;

/// Why a device does not do what it is asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HsmError {
    /// The library is missing or none.
    #[error("cannot load the PKCS#11 module `{path}`: {reason}")]
    Module {
        /// Its file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No slot has this token.
    #[error("there is no token with serial number `{0}`")]
    NoToken(String),
    /// The token has no user yet.
    #[error("the token has no PIN of its user")]
    NoUser,
    /// The PIN is wrong. It is not tried again, as tokens lock after a few wrong ones.
    #[error("the token refuses the PIN; it is not tried again")]
    WrongPin,
    /// The token is locked, or one more wrong PIN locks it: a person should try first.
    #[error("the token is locked, or about to be, after wrong PINs")]
    Locked,
    /// Somebody is logged in already.
    #[error("somebody is logged in to the token")]
    InUse,
    /// The PIN is no text, or could not be had.
    #[error("the PIN: {0}")]
    Pin(String),
    /// The token has no such key.
    #[error("the token has no key `{0}`")]
    NoKey(String),
    /// There are several keys of that label.
    #[error("the token has several keys `{0}`")]
    SeveralKeys(String),
    /// The key is not one that stays where it is.
    #[error("the key `{0}` is not an AES-256 key that is sensitive and cannot be extracted")]
    ExposedKey(String),
    /// What was to be decrypted was not made by this key, or was altered.
    #[error("the token refuses the ciphertext")]
    Refused,
    /// It does not answer in time, or has not done so lately.
    #[error("the device does not answer in time")]
    TimedOut,
    /// There is no thread to ask it from.
    #[error("no thread can be had to ask the device from")]
    NoThread,
    /// The device answers in a way that the standard does not have.
    #[error("the token's answer makes no sense")]
    Nonsense,
    /// Anything else that the library says.
    #[error("the token: {0}")]
    Device(#[from] Error),
}

impl HsmError {
    /// Whether it says that what was held of the token is no longer good: a session, a login.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(
            self,
            Self::Device(Error::Pkcs11(
                RvError::SessionHandleInvalid
                    | RvError::SessionClosed
                    | RvError::UserNotLoggedIn
                    | RvError::CryptokiNotInitialized
                    | RvError::DeviceRemoved
                    | RvError::DeviceError
                    | RvError::TokenNotPresent
                    | RvError::TokenNotRecognized
                    | RvError::SlotIdInvalid,
                _
            ))
        )
    }

    /// Whether it says that a key that was found before is not there any more.
    pub(crate) fn is_stale_key(&self) -> bool {
        matches!(
            self,
            Self::Device(Error::Pkcs11(RvError::KeyHandleInvalid | RvError::ObjectHandleInvalid, _))
        )
    }

    /// Whether the device is out of reach, and not merely unwilling.
    pub fn is_out_of_reach(&self) -> bool {
        self.is_lost() || matches!(self, Self::Module { .. } | Self::NoToken(_))
    }
}
