//! The devices that the operator gives, and the tokens in them.

use crate::errors;
use hsm::{HsmError, Module, SETUP_MAX, Token, USE_MAX};
use platform::{Cx, Fault, SealedSecret, Table, ids};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use zeroize::Zeroizing;

/// `[serial number]`: tokens whose keys are gone.
const FREE: Table<Free> = Table::new("cloudhsmv2/free-tokens");

/// What a free token is called: its keys are gone, and it waits for another cluster.
const FREE_LABEL: &str = "free";

/// A device whose slots clusters may take.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeviceSettings {
    /// The library of its maker.
    pub module: PathBuf,
    /// The numbers of its slots that may be taken; default: all whose tokens are not initialized.
    #[serde(default)]
    pub slots: Vec<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Free {
    module: PathBuf,
    so_pin: Arc<str>,
}

/// The token of a cluster, and what is known by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Device {
    pub(crate) module: PathBuf,
    pub(crate) serial: String,
    /// Sealed: `PreCoPassword`.
    pub(crate) so_pin: Arc<str>,
    /// PEM.
    pub(crate) csr: String,
    /// PEM; by the token's own key.
    pub(crate) certificate: String,
}

impl Device {
    pub(crate) fn token(&self) -> Token {
        Token::new(Module::at(&self.module), &self.serial)
    }

    pub(crate) fn so_pin(&self, cx: &Cx<'_>) -> Result<Zeroizing<String>, Fault> {
        text(SealedSecret::new(Arc::clone(&self.so_pin), cx.keyring().clone()))
    }
}

fn text(pin: SealedSecret) -> Result<Zeroizing<String>, Fault> {
    let pin = pin.open()?;
    let text = str::from_utf8(&pin).map_err(|_| Fault::bug("the PIN of a security officer is no text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// A PIN for the security officer of a cluster's token: 16 letters and digits, sealed. It is drawn before the token is there, so that a
/// token that was initialized is one whose PIN is known.
pub(crate) fn new_officer(cx: &Cx<'_>) -> Result<Arc<str>, Fault> {
    const CHARS: usize = 16;
    let secret = ids::secret_access_key(cx.random());
    let pin: Zeroizing<String> =
        Zeroizing::new(secret.chars().filter(char::is_ascii_alphanumeric).take(CHARS).collect());
    platform::seal_secret(cx.keyring(), &pin)
}

/// A token that is ready to be a cluster's, and its security officer's PIN, sealed.
pub(crate) struct Taken {
    pub(crate) token: Token,
    pub(crate) so_pin: Arc<str>,
}

/// Takes a token for a cluster: the one that was taken for it before, one that was given back, or a free slot's. Gives none if none is
/// free.
pub(crate) fn take(
    cx: &mut Cx<'_>,
    devices: &[DeviceSettings],
    cluster: &str,
    officer: Arc<str>,
) -> Result<Option<Taken>, Fault> {
    let given = FREE.scan(&mut cx.tx, &[], None, 1)?;
    if let Some((serial, free)) = given.into_iter().next() {
        FREE.delete(&mut cx.tx, &[&serial]);
        let token = Token::new(Module::at(&free.module), &serial);
        return Ok(Some(Taken { token, so_pin: Arc::clone(&free.so_pin) }));
    }
    let pin = text(SealedSecret::new(Arc::clone(&officer), cx.keyring().clone()))?;
    let found = cx.aside(|| {
        for device in devices {
            let module = Module::at(&device.module);
            let (asked, slots) = (Arc::clone(&module), device.slots.clone());
            let (cluster, pin) = (cluster.to_owned(), pin.clone());
            let token = module.within(SETUP_MAX, move || {
                // Run again, it finds the token that it made; its label is the cluster's id.
                let token = match Token::labelled(&asked, &cluster)? {
                    Some(token) => Some(token),
                    None => Token::initialize(&asked, &slots, &cluster, &pin)?,
                };
                asked.rest();
                Ok(token)
            })?;
            if token.is_some() {
                return Ok(token);
            }
        }
        Ok(None)
    })?;
    let token = found.map_err(|error: HsmError| errors::device(&error))?;
    Ok(token.map(|token| Taken { token, so_pin: officer }))
}

/// Whether a token could be taken: what CreateHsm asks before it promises an HSM.
pub(crate) fn any_free(cx: &mut Cx<'_>, devices: &[DeviceSettings]) -> Result<bool, Fault> {
    if FREE.any(&mut cx.tx, &[])? {
        return Ok(true);
    }
    let free = cx.aside(|| {
        devices.iter().any(|device| {
            let module = Module::at(&device.module);
            let (asked, slots) = (Arc::clone(&module), device.slots.clone());
            let free = module.within(USE_MAX, move || {
                let free = Token::any_free(&asked, &slots);
                asked.rest();
                free
            });
            free.unwrap_or(false)
        })
    })?;
    Ok(free)
}

/// Erases a token that no cluster and no backup needs any more, and keeps it for another cluster. One whose security officer has another
/// PIN by now stays as it is, its keys with it: only that officer can erase it.
pub(crate) fn give_back(cx: &mut Cx<'_>, device: &Device) -> Result<(), Fault> {
    let pin = device.so_pin(cx)?;
    let token = device.token();
    let module = Arc::clone(token.module());
    let erased = cx.aside(|| module.within(SETUP_MAX, move || token.erase(&pin, FREE_LABEL)))?;
    if erased.is_ok() {
        let free = Free { module: device.module.clone(), so_pin: Arc::clone(&device.so_pin) };
        FREE.put(&mut cx.tx, &[&device.serial], &free)?;
    }
    Ok(())
}
