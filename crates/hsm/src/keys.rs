//! AES-256 keys that are made in a token and cannot leave it.

use crate::aes::{find, is_refusal, make, require_inside};
use crate::{HsmError, Token};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

/// Bits of the authentication tag.
const TAG_BITS: u64 = 128;
const NONCE_BYTES: usize = 12;

/// Gives the PIN of a token's user.
type Pin<'a> = &'a dyn Fn() -> Result<Zeroizing<Vec<u8>>, HsmError>;
type Handles = Mutex<BTreeMap<String, ObjectHandle>>;

impl Token {
    /// Logs in as its user, if nobody is.
    ///
    /// # Errors
    /// The PIN is wrong, or the device refuses.
    pub fn log_in(&self, pin: Pin<'_>) -> Result<(), HsmError> {
        self.as_user(pin, |_, _| Ok(()))
    }

    /// Has a key of this label: one that was made before, or a new one.
    ///
    /// # Errors
    /// There is one that could leave the token, or the device refuses.
    pub fn add_key(&self, pin: Pin<'_>, label: &str) -> Result<(), HsmError> {
        self.as_user(pin, |session, handles| {
            let key = match find(session, label)? {
                Some(key) => key,
                None => make(session, label)?,
            };
            require_inside(session, key, label)?;
            handles.lock().unwrap_or_else(PoisonError::into_inner).insert(label.to_owned(), key);
            Ok(())
        })
    }

    /// Destroys a key, if it is there.
    ///
    /// # Errors
    /// The device refuses.
    pub fn remove_key(&self, pin: Pin<'_>, label: &str) -> Result<(), HsmError> {
        self.as_user(pin, |session, handles| {
            handles.lock().unwrap_or_else(PoisonError::into_inner).remove(label);
            match find(session, label)? {
                Some(key) => Ok(session.destroy_object(key)?),
                None => Ok(()),
            }
        })
    }

    /// Encrypts with AES-256-GCM inside the token: nonce (12) ‖ ciphertext ‖ tag (16). The nonce is drawn by the token.
    ///
    /// # Errors
    /// There is no such key, or the device refuses.
    pub fn encrypt(
        &self,
        pin: Pin<'_>,
        label: &str,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, HsmError> {
        self.with_key(pin, label, |session, key| {
            let mut nonce = [0; NONCE_BYTES];
            session.generate_random_slice(&mut nonce)?;
            let sealed = {
                let parameters = GcmParams::new(&mut nonce, aad, TAG_BITS.into())?;
                session.encrypt(&Mechanism::AesGcm(parameters), key, plaintext)?
            };
            // Some devices draw another nonce themselves and write it back: what stands there now is what was used.
            let mut whole = nonce.to_vec();
            whole.extend_from_slice(&sealed);
            Ok(whole)
        })
    }

    /// Decrypts what [`encrypt`](Self::encrypt) made.
    ///
    /// # Errors
    /// It did not make it, there is no such key, or the device refuses.
    pub fn decrypt(
        &self,
        pin: Pin<'_>,
        label: &str,
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, HsmError> {
        let (nonce, sealed) = ciphertext.split_first_chunk::<NONCE_BYTES>().ok_or(HsmError::Refused)?;
        self.with_key(pin, label, |session, key| {
            let mut nonce = *nonce;
            let parameters = GcmParams::new(&mut nonce, aad, TAG_BITS.into())?;
            match session.decrypt(&Mechanism::AesGcm(parameters), key, sealed) {
                Ok(plaintext) => Ok(Zeroizing::new(plaintext)),
                Err(error) if is_refusal(&error) => Err(HsmError::Refused),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// Random bytes of the token's.
    ///
    /// # Errors
    /// The device refuses.
    pub fn random(&self, pin: Pin<'_>, out: &mut [u8]) -> Result<(), HsmError> {
        self.as_user(pin, |session, _| Ok(session.generate_random_slice(out)?))
    }

    fn with_key<T>(
        &self,
        pin: Pin<'_>,
        label: &str,
        mut work: impl FnMut(&Session, ObjectHandle) -> Result<T, HsmError>,
    ) -> Result<T, HsmError> {
        self.as_user(pin, |session, handles| {
            let known = handles.lock().unwrap_or_else(PoisonError::into_inner).get(label).copied();
            if let Some(key) = known {
                match work(session, key) {
                    Err(error) if error.is_stale_key() => {}
                    result => return result,
                }
            }
            let key = look_up(session, handles, label)?;
            work(session, key)
        })
    }
}

fn look_up(session: &Session, handles: &Handles, label: &str) -> Result<ObjectHandle, HsmError> {
    let found = find(session, label)?;
    let mut handles = handles.lock().unwrap_or_else(PoisonError::into_inner);
    match found {
        Some(key) => {
            handles.insert(label.to_owned(), key);
            Ok(key)
        }
        None => {
            handles.remove(label);
            Err(HsmError::NoKey(label.to_owned()))
        }
    }
}
