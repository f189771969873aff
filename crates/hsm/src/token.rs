//! Tokens in slots, and logging in to them.

use crate::{HsmError, Library, Module};
use cryptoki::error::{Error, RvError};
use cryptoki::object::ObjectHandle;
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// How many sessions without work are kept open.
const IDLE_MAX: usize = 16;

/// A token of a library, by its serial number.
#[derive(Clone, Debug)]
pub struct Token {
    module: Arc<Module>,
    serial: String,
}

/// What a token tells of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    /// Its user has a PIN.
    pub has_user: bool,
    /// Its user is locked out.
    pub user_locked: bool,
    /// One more wrong PIN locks its user out.
    pub last_try: bool,
}

/// Being logged in to a token as its user: sessions, one of which stays open so that the login does.
pub(crate) struct Seat {
    slot: Slot,
    idle: Mutex<Vec<Session>>,
    /// Keys found before, by label.
    handles: Mutex<BTreeMap<String, ObjectHandle>>,
    /// Dropped last.
    _login: Mutex<Session>,
}

impl Token {
    /// The token with this serial number; it is not looked for yet.
    pub fn new(module: Arc<Module>, serial: &str) -> Self {
        Self { module, serial: serial.to_owned() }
    }

    /// Initializes the token in a free slot: one whose token is not initialized. `slots` are the numbers of those that may be taken; all
    /// may, if there are none. Gives none if no slot is free.
    ///
    /// # Errors
    /// The device refuses.
    pub fn initialize(
        module: &Arc<Module>,
        slots: &[u64],
        label: &str,
        so_pin: &str,
    ) -> Result<Option<Self>, HsmError> {
        module.with(|library| {
            let Some(slot) = free_slot(library, slots)? else { return Ok(None) };
            let functions = library.functions();
            functions.init_token(slot, &AuthPin::from(so_pin), label)?;
            let serial = functions.get_token_info(slot)?.serial_number().to_owned();
            Ok(Some(Self::new(Arc::clone(module), &serial)))
        })
    }

    /// Whether [`initialize`](Self::initialize) would find a free slot.
    ///
    /// # Errors
    /// The device does not answer.
    pub fn any_free(module: &Arc<Module>, slots: &[u64]) -> Result<bool, HsmError> {
        module.with(|library| Ok(free_slot(library, slots)?.is_some()))
    }

    /// The token that was initialized with this label, if there is one.
    ///
    /// # Errors
    /// The device does not answer.
    pub fn labelled(module: &Arc<Module>, label: &str) -> Result<Option<Self>, HsmError> {
        module.with(|library| {
            let functions = library.functions();
            for slot in functions.get_slots_with_token()? {
                let info = functions.get_token_info(slot)?;
                if info.token_initialized() && info.label() == label {
                    return Ok(Some(Self::new(Arc::clone(module), info.serial_number())));
                }
            }
            Ok(None)
        })
    }

    /// Its serial number.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// Its library.
    pub fn module(&self) -> &Arc<Module> {
        &self.module
    }

    /// What it tells of itself. With `anew`, as other processes left it.
    ///
    /// # Errors
    /// The device does not answer, or the token is gone.
    pub fn flags(&self, anew: bool) -> Result<Flags, HsmError> {
        if anew {
            self.module.refresh()?;
        }
        self.module.with(|library| {
            let slot = self.slot(library)?;
            let info = library.functions().get_token_info(slot)?;
            Ok(Flags {
                has_user: info.user_pin_initialized(),
                user_locked: info.user_pin_locked(),
                last_try: info.user_pin_final_try(),
            })
        })
    }

    /// Erases the token, and all keys in it: it is initialized once more, with its security officer's PIN.
    ///
    /// # Errors
    /// The PIN is not that any more, or the device refuses.
    pub fn erase(&self, so_pin: &str, label: &str) -> Result<(), HsmError> {
        self.log_out();
        self.module.with(|library| {
            let slot = self.slot(library)?;
            library.functions().init_token(slot, &AuthPin::from(so_pin), label).map_err(HsmError::from)
        })
    }

    /// Does work in a session of the token's security officer.
    pub(crate) fn as_officer<T>(
        &self,
        so_pin: &str,
        work: impl FnOnce(&Session) -> Result<T, HsmError>,
    ) -> Result<T, HsmError> {
        self.log_out();
        self.module.with(|library| {
            let slot = self.slot(library)?;
            let session = library.functions().open_rw_session(slot)?;
            session.login(UserType::So, Some(&AuthPin::from(so_pin))).map_err(login_error)?;
            work(&session)
        })
    }

    /// Logs in as the token's user, unless that was done, and does work in a session. The work gets the handles of keys too.
    pub(crate) fn as_user<T>(
        &self,
        pin: &dyn Fn() -> Result<Zeroizing<Vec<u8>>, HsmError>,
        mut work: impl FnMut(&Session, &Mutex<BTreeMap<String, ObjectHandle>>) -> Result<T, HsmError>,
    ) -> Result<T, HsmError> {
        // A session may have ended without our knowledge: then once more, logged in anew.
        match self.try_as_user(pin, &mut work) {
            Err(error) if error.is_lost() => self.try_as_user(pin, &mut work),
            result => result,
        }
    }

    fn try_as_user<T>(
        &self,
        pin: &dyn Fn() -> Result<Zeroizing<Vec<u8>>, HsmError>,
        work: &mut impl FnMut(&Session, &Mutex<BTreeMap<String, ObjectHandle>>) -> Result<T, HsmError>,
    ) -> Result<T, HsmError> {
        self.module.with(|library| {
            let seat = self.seat(library, pin)?;
            let idle = seat.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let session = match idle {
                Some(session) => session,
                None => library.functions().open_rw_session(seat.slot)?,
            };
            let result = work(&session, &seat.handles);
            match &result {
                Ok(_) => {
                    let mut idle = seat.idle.lock().unwrap_or_else(PoisonError::into_inner);
                    if idle.len() < IDLE_MAX {
                        idle.push(session);
                    }
                }
                // A session in which something failed may have it still under way, and is closed.
                Err(error) if error.is_lost() => {
                    library.seats.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.serial);
                }
                Err(_) => {}
            }
            result
        })
    }

    /// Ends the login, if there is one.
    pub fn log_out(&self) {
        let ended = self.module.with(|library| {
            library.seats.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.serial);
            Ok::<(), HsmError>(())
        });
        if ended.is_ok() {
            self.module.rest();
        }
    }

    fn seat(
        &self,
        library: &Library,
        pin: &dyn Fn() -> Result<Zeroizing<Vec<u8>>, HsmError>,
    ) -> Result<Arc<Seat>, HsmError> {
        // Held while logging in, so that one of many does it.
        let mut seats = library.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seat) = seats.get(&self.serial) {
            return Ok(Arc::clone(seat));
        }
        let slot = self.slot(library)?;
        let info = library.functions().get_token_info(slot)?;
        if !info.user_pin_initialized() {
            return Err(HsmError::NoUser);
        }
        if info.user_pin_locked() || info.user_pin_final_try() {
            return Err(HsmError::Locked);
        }
        let pin = pin()?;
        let pin = str::from_utf8(&pin).map_err(|_| HsmError::Pin("it is not UTF-8".to_owned()))?;
        let login = library.functions().open_rw_session(slot)?;
        login.login(UserType::User, Some(&AuthPin::from(pin))).map_err(login_error)?;
        let seat = Arc::new(Seat {
            slot,
            idle: Mutex::default(),
            handles: Mutex::default(),
            _login: Mutex::new(login),
        });
        seats.insert(self.serial.clone(), Arc::clone(&seat));
        Ok(seat)
    }

    fn slot(&self, library: &Library) -> Result<Slot, HsmError> {
        let functions = library.functions();
        for slot in functions.get_slots_with_token()? {
            let info = functions.get_token_info(slot)?;
            if info.token_initialized() && info.serial_number() == self.serial {
                return Ok(slot);
            }
        }
        Err(HsmError::NoToken(self.serial.clone()))
    }
}

/// A slot whose token is not initialized, of those that may be taken.
fn free_slot(library: &Library, slots: &[u64]) -> Result<Option<Slot>, HsmError> {
    let functions = library.functions();
    for slot in functions.get_slots_with_token()? {
        let may = slots.is_empty() || slots.contains(&slot.id());
        if may && !functions.get_token_info(slot)?.token_initialized() {
            return Ok(Some(slot));
        }
    }
    Ok(None)
}

fn login_error(error: Error) -> HsmError {
    match error {
        Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _) => {
            HsmError::WrongPin
        }
        Error::Pkcs11(RvError::PinLocked, _) => HsmError::Locked,
        Error::Pkcs11(RvError::UserPinNotInitialized, _) => HsmError::NoUser,
        Error::Pkcs11(RvError::UserAlreadyLoggedIn | RvError::UserAnotherAlreadyLoggedIn, _) => {
            HsmError::InUse
        }
        other => other.into(),
    }
}
