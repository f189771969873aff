//! Temporary credentials: a session token that carries, sealed, all that the server must know of its session.
//!
//! Nothing is stored: the token can be opened only by this deployment's keyring, cannot be altered, and expires by itself.

use crate::{Fault, Principal, Session};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyring::{Keyring, Random};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wire::Timestamp;
use zeroize::Zeroizing;

/// The longest session token that is looked at, in characters; what this module makes is well below.
pub const SESSION_TOKEN_CHARS_MAX: usize = 8 * 1024;

const PURPOSE: &str = "sts/session";

/// Temporary credentials as a caller receives them.
#[derive(Debug)]
pub struct Credentials {
    /// `ASIA…`
    pub access_key_id: String,
    /// The secret of the access key.
    pub secret_access_key: Zeroizing<String>,
    /// The token that has to go with every request.
    pub session_token: String,
    /// When they stop working.
    pub expiration: Timestamp,
}

/// What a session token holds.
#[derive(Serialize, Deserialize)]
pub struct Token {
    /// The access key that the token goes with.
    pub access_key_id: String,
    secret: Zeroizing<String>,
    /// Who the session is.
    pub principal: Principal,
    /// What it may do, and until when.
    pub session: Arc<Session>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl Token {
    /// The secret of the access key.
    pub fn secret(&self) -> &[u8] {
        self.secret.as_bytes()
    }
}

/// Makes credentials for a session, with a token of at least `chars_min` characters.
///
/// # Errors
/// Unavailable, if the keyring is.
pub fn issue(
    keyring: &Keyring,
    random: &dyn Random,
    principal: Principal,
    session: Session,
    chars_min: usize,
) -> Result<Credentials, Fault> {
    let expiration = Timestamp(session.expires);
    let token = Token {
        access_key_id: crate::ids::access_key("ASIA", random),
        secret: crate::ids::secret_access_key(random),
        principal,
        session: Arc::new(session),
    };
    let json = serde_json::to_vec(&token).map_err(|error| Fault::bug(format!("session token: {error}")))?;
    let mut json = Zeroizing::new(json);
    // White space after JSON means nothing, and sealing makes nothing shorter.
    let bytes_min = chars_min.div_ceil(4) * 3;
    if json.len() < bytes_min {
        json.resize(bytes_min, b' ');
    }
    let sealed = keyring.token_seal(PURPOSE, &json)?;
    Ok(Credentials {
        access_key_id: token.access_key_id,
        secret_access_key: token.secret,
        session_token: URL_SAFE_NO_PAD.encode(sealed),
        expiration,
    })
}

/// Opens a session token; none if this deployment did not make it or it was altered.
pub fn open(keyring: &Keyring, token: &str) -> Option<Token> {
    if token.len() > SESSION_TOKEN_CHARS_MAX {
        return None;
    }
    let sealed = URL_SAFE_NO_PAD.decode(token).ok()?;
    let json = keyring.token_open(PURPOSE, &sealed).ok()?;
    serde_json::from_slice(&json).ok()
}
