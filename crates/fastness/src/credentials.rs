//! A root access key, the first or one that took its place, kept sealed beside the data so that whoever can open the keyring can use the deployment.

use crate::deployment::{Data, write_private};
use crate::{Failure, failure};
use keyring::{Keyring, Random};
use platform::ids;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// What the sealed file is for; a file of another purpose does not open.
const PURPOSE: &str = "fastness/root-credentials";

/// The shortest secret that automation may choose, in characters. Those made here have 40, as AWS's.
const SECRET_CHARS_MIN: usize = 32;

/// An access key with its secret.
#[derive(Serialize, Deserialize)]
pub(crate) struct RootKey {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: Zeroizing<String>,
}

impl RootKey {
    /// A random one.
    pub(crate) fn random(random: &dyn Random) -> Self {
        let access_key_id = ids::access_key("AKIA", random);
        Self { access_key_id, secret_access_key: ids::secret_access_key(random) }
    }

    /// The one that the environment gives for automation, or a random one.
    pub(crate) fn choose(random: &dyn Random) -> Result<Self, Failure> {
        let id = std::env::var("FASTNESS_ROOT_ACCESS_KEY_ID").ok();
        let secret = std::env::var("FASTNESS_ROOT_SECRET_ACCESS_KEY").ok().map(Zeroizing::new);
        let (id, secret) = match (id, secret) {
            (None, None) => return Ok(Self::random(random)),
            (Some(id), Some(secret)) => (id, secret),
            _ => {
                return Err(Failure(
                    "set both FASTNESS_ROOT_ACCESS_KEY_ID and FASTNESS_ROOT_SECRET_ACCESS_KEY, or neither"
                        .into(),
                ));
            }
        };
        let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        if !id.starts_with("AKIA") || !(16..=128).contains(&id.len()) || !id.bytes().all(plain) {
            return Err(Failure(
                "FASTNESS_ROOT_ACCESS_KEY_ID must be AKIA and 12 to 124 capital letters and digits".into(),
            ));
        }
        if secret.len() < SECRET_CHARS_MIN || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure(format!(
                "FASTNESS_ROOT_SECRET_ACCESS_KEY must have at least {SECRET_CHARS_MIN} printable characters"
            )));
        }
        Ok(Self { access_key_id: id, secret_access_key: secret })
    }

    pub(crate) fn write(&self, data: &Data, keyring: &Keyring) -> Result<(), Failure> {
        let json = Zeroizing::new(serde_json::to_vec(self)?);
        write_private(&data.root_credentials(), &keyring.token_seal(PURPOSE, &json)?)
    }

    pub(crate) fn read(data: &Data, keyring: &Keyring) -> Result<Self, Failure> {
        let path = data.root_credentials();
        let sealed = std::fs::read(&path).map_err(|error| failure(path.display(), error))?;
        let json = keyring.token_open(PURPOSE, &sealed).map_err(|error| failure(path.display(), error))?;
        Ok(serde_json::from_slice(&json)?)
    }
}
