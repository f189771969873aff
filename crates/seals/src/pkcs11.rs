//! A key in a hardware security module, through PKCS#11 (OASIS, versions 2.40 to 3.2): the root key is encrypted inside the token by an
//! AES-256 key that was made there and cannot leave it.

use crate::{Source, SourceError};
use cryptoki::context::Pkcs11 as Functions;
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;
use hsm::aes::{find, is_refusal, make, require_inside};
use hsm::{HsmError, Module};
use keyring::{KeyringError, Kind, NAME_BYTES_MAX, Random, Seal, Secret, SlotPlace, WrappedKey, Wrapping};
use serde::Deserialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// The variable of an environment file that holds the PIN.
const PIN_VARIABLE: &str = "FASTNESS_PIN";

/// How long the token is waited for, as long as an answer of another KMS: reaching it over a network and logging in takes seconds at most.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Bits of the authentication tag.
const TAG_BITS: u64 = 128;

/// Who logs in to a token twice is refused: one use at a time.
static LIBRARY: Mutex<()> = Mutex::new(());

/// What opens a token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pkcs11Settings {
    /// The library of the device's maker.
    pub module: PathBuf,
    /// Which of its tokens.
    pub token: Token,
    /// The label of the key; one that does not exist is made.
    #[serde(default = "default_key")]
    pub key: String,
    /// The user's PIN.
    pub pin: Source,
}

fn default_key() -> String {
    "fastness-root".to_owned()
}

/// Names a token. In configuration: `{ label = "…" }`, `{ serial = "…" }` or `{ slot = 0 }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Token {
    /// By its label.
    Label(String),
    /// By its serial number.
    Serial(String),
    /// By the number of the slot that it is in, which for some devices changes at each start.
    Slot(u64),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(label) => write!(f, "with label `{label}`"),
            Self::Serial(serial) => write!(f, "with serial number `{serial}`"),
            Self::Slot(number) => write!(f, "in slot {number}"),
        }
    }
}

/// Why a token cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Pkcs11Error {
    /// The library is missing or none.
    #[error("cannot load the PKCS#11 module `{path}`: {reason}")]
    Module {
        /// Its file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No token is the one that is named.
    #[error("there is no token {0}")]
    NoToken(Token),
    /// More than one token is the one that is named.
    #[error("there are several tokens {0}: name one by its serial number")]
    SeveralTokens(Token),
    /// The PIN is wrong. It is not tried again, as tokens lock after a few wrong ones.
    #[error("the token refuses the PIN; it is not tried again")]
    WrongPin,
    /// The token says that one more wrong PIN locks it: a person should try first.
    #[error("one more wrong PIN would lock the token: log in to it by hand first")]
    LastTry,
    /// The token is locked.
    #[error("the token is locked after too many wrong PINs")]
    Locked,
    /// The PIN is no text.
    #[error("the PIN is not UTF-8")]
    PinText,
    /// There is no key of that label.
    #[error("the token has no AES key `{0}`")]
    NoKey(String),
    /// There are several keys of that label.
    #[error("the token has several AES keys `{0}`")]
    SeveralKeys(String),
    /// The key is not one that stays where it is.
    #[error("the key `{0}` is not an AES-256 key that is sensitive and cannot be extracted")]
    ExposedKey(String),
    /// A label is too long or has control characters.
    #[error("a label has at most {NAME_BYTES_MAX} bytes and no control characters")]
    Label,
    /// The device does not answer.
    #[error("the token does not answer within {} seconds", WAIT_MAX.as_secs())]
    TimedOut,
    /// The device answers in a way that the standard does not have.
    #[error("the token's answer makes no sense")]
    Nonsense,
    /// The PIN could not be had.
    #[error("the PIN: {0}")]
    Pin(#[from] SourceError),
    /// Anything else that the library says.
    #[error("the token: {0}")]
    Device(#[from] Error),
}

impl From<HsmError> for Pkcs11Error {
    fn from(error: HsmError) -> Self {
        match error {
            HsmError::Module { path, reason } => Self::Module { path, reason },
            HsmError::SeveralKeys(label) => Self::SeveralKeys(label),
            HsmError::ExposedKey(label) => Self::ExposedKey(label),
            HsmError::TimedOut => Self::TimedOut,
            HsmError::Device(error) => Self::Device(error),
            _ => Self::Nonsense,
        }
    }
}

impl From<Pkcs11Error> for KeyringError {
    fn from(error: Pkcs11Error) -> Self {
        Self::Unusable { kind: Kind::Pkcs11, source: Box::new(error) }
    }
}

/// The seal of a hardware security module. The device is used while the root key is wrapped or unwrapped, and let go of after.
#[derive(Clone, Debug)]
pub struct Pkcs11 {
    settings: Pkcs11Settings,
    /// The token has refused the PIN.
    refused: Arc<AtomicBool>,
}

impl Pkcs11 {
    /// The seal that these settings name; the device is not asked yet.
    pub fn new(settings: Pkcs11Settings) -> Self {
        Self { settings, refused: Arc::default() }
    }

    /// Does work in a session of the token's user.
    fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self, &Session, &TokenInfo) -> Result<T, Pkcs11Error> + Send + 'static,
    ) -> Result<T, Pkcs11Error> {
        if self.refused.load(Ordering::Relaxed) {
            return Err(Pkcs11Error::WrongPin);
        }
        let pin = self.settings.pin.secret(PIN_VARIABLE)?;
        let pin = std::str::from_utf8(&pin).map_err(|_| Pkcs11Error::PinText)?;
        let pin = AuthPin::from(pin);
        let module = Module::at(&self.settings.module);
        let (seal, used) = (self.clone(), Arc::clone(&module));
        module.within(WAIT_MAX, move || {
            let _one = LIBRARY.lock().unwrap_or_else(PoisonError::into_inner);
            let result = used.with(|library| seal.in_session(library.functions(), &pin, work));
            used.rest();
            Ok(result)
        })?
    }

    fn in_session<T>(
        &self,
        library: &Functions,
        pin: &AuthPin,
        work: impl FnOnce(&Self, &Session, &TokenInfo) -> Result<T, Pkcs11Error>,
    ) -> Result<T, Pkcs11Error> {
        let (slot, token) = self.token(library)?;
        if token.user_pin_locked() {
            return Err(Pkcs11Error::Locked);
        }
        if token.user_pin_final_try() {
            return Err(Pkcs11Error::LastTry);
        }
        let session = library.open_rw_session(slot)?;
        session.login(UserType::User, Some(pin)).map_err(|error| match error {
            Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _) => {
                self.refused.store(true, Ordering::Relaxed);
                Pkcs11Error::WrongPin
            }
            Error::Pkcs11(RvError::PinLocked, _) => Pkcs11Error::Locked,
            other => other.into(),
        })?;
        work(self, &session, &token)
    }

    fn token(&self, library: &Functions) -> Result<(Slot, TokenInfo), Pkcs11Error> {
        let wanted = &self.settings.token;
        let mut found = None;
        for slot in library.get_slots_with_token()? {
            let token = library.get_token_info(slot)?;
            let fits = match wanted {
                Token::Label(label) => token.label() == label,
                Token::Serial(serial) => token.serial_number() == serial,
                Token::Slot(number) => slot.id() == *number,
            };
            if fits && found.replace((slot, token)).is_some() {
                return Err(Pkcs11Error::SeveralTokens(wanted.clone()));
            }
        }
        found.ok_or_else(|| Pkcs11Error::NoToken(wanted.clone()))
    }

    fn encrypt(
        &self,
        session: &Session,
        token: &TokenInfo,
        place: &[u8],
        root: &Secret,
        mut nonce: [u8; 12],
    ) -> Result<Wrapping, Pkcs11Error> {
        let label = &self.settings.key;
        let key = match find(session, label)? {
            Some(key) => key,
            None => make(session, label)?,
        };
        require_inside(session, key, label)?;
        let sealed = {
            let parameters = GcmParams::new(&mut nonce, place, TAG_BITS.into())?;
            session.encrypt(&Mechanism::AesGcm(parameters), key, root.bytes())?
        };
        // Some devices draw the nonce themselves and write it back: what stands there now is what was used.
        let wrapped = WrappedKey::from_parts(&nonce, &sealed).ok_or(Pkcs11Error::Nonsense)?;
        let named = |text: &str, otherwise: &str| match text {
            "" => otherwise.to_owned(),
            text => text.to_owned(),
        };
        let token = named(token.label(), token.serial_number());
        Ok(Wrapping::Pkcs11 { token: named(&token, "?"), key: label.clone(), wrapped })
    }
}

impl Seal for Pkcs11 {
    fn kind(&self) -> Kind {
        Kind::Pkcs11
    }

    fn location(&self) -> Option<&Path> {
        None
    }

    fn wrap(&self, place: &SlotPlace, root: &Secret, random: &dyn Random) -> Result<Wrapping, KeyringError> {
        let label = &self.settings.key;
        if label.is_empty() || label.len() > NAME_BYTES_MAX || label.chars().any(char::is_control) {
            return Err(Pkcs11Error::Label.into());
        }
        let mut nonce = [0; 12];
        random.fill(&mut nonce);
        let (place, root) = (place.bytes(), Secret::copy_of(root.bytes()).ok_or(Pkcs11Error::Nonsense)?);
        Ok(self.with(move |seal, session, token| seal.encrypt(session, token, &place, &root, nonce))?)
    }

    fn unwrap(&self, place: &SlotPlace, wrapping: &Wrapping) -> Result<Secret, KeyringError> {
        let Wrapping::Pkcs11 { key: label, wrapped, .. } = wrapping else {
            return Err(KeyringError::Refused);
        };
        let (nonce, sealed) = wrapped.parts();
        let (mut nonce, sealed) = (nonce.to_vec(), sealed.to_vec());
        let (label, place) = (label.clone(), place.bytes());
        let opened = self.with(move |_, session, _| {
            let key = find(session, &label)?.ok_or_else(|| Pkcs11Error::NoKey(label.clone()))?;
            let parameters = GcmParams::new(&mut nonce, &place, TAG_BITS.into())?;
            match session.decrypt(&Mechanism::AesGcm(parameters), key, &sealed) {
                Ok(root) => Ok(Some(Zeroizing::new(root))),
                Err(error) if is_refusal(&error) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })?;
        opened.and_then(|root| Secret::copy_of(&root)).ok_or(KeyringError::Refused)
    }
}
