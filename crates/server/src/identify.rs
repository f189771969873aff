//! Whose signature a request carries.

use crate::deployment::Deployment;
use platform::{Call, Caller, Fault, Tx, open_secret, session};
use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use std::sync::Arc;
use wire::sigv4::{Presented, Scope, SigError, SigningKey};

/// How many derived signing keys and opened session tokens are kept.
const CACHED_MAX: usize = 10_000;

/// Derived signing keys by access key and scope, and opened session tokens by their text.
///
/// Both are functions of what they are found by (the secret of an access key never changes, a token is sealed), so that nothing
/// here can be stale; whether a key may still be used is looked up on every call.
pub(crate) struct Credentials {
    keys: Cache<(String, Scope), Arc<SigningKey>>,
    tokens: Cache<String, Arc<session::Token>>,
}

impl Credentials {
    pub(crate) fn new() -> Self {
        Self { keys: Cache::new(CACHED_MAX), tokens: Cache::new(CACHED_MAX) }
    }
}

/// What a signing key is found by, without owning it. It hashes as the tuple that the cache holds.
#[derive(Hash)]
struct Place<'a>(&'a str, &'a Scope);

impl Equivalent<(String, Scope)> for Place<'_> {
    fn equivalent(&self, other: &(String, Scope)) -> bool {
        self.0 == other.0 && *self.1 == other.1
    }
}

/// Why a caller could not be identified.
pub(crate) enum Unidentified {
    /// The signature or the credentials are at fault.
    Refused(SigError),
    /// Fastness is.
    Fault(Fault),
}

impl From<Fault> for Unidentified {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<SigError> for Unidentified {
    fn from(error: SigError) -> Self {
        Self::Refused(error)
    }
}

impl Deployment {
    /// Finds who presents a signature and verifies it over the request.
    pub(crate) fn identify(
        &self,
        tx: &mut Tx<'_>,
        call: &Call,
        presented: &Presented,
        parts: &http::request::Parts,
        body: &[u8],
    ) -> Result<Caller, Unidentified> {
        let id = presented.access_key_id.as_str();
        let keyring = &self.env.keyring;
        let proxy = presented.scope.service == wire::xks::SIGNING_NAME;
        let (caller, key) = match &presented.session_token {
            // A proxy of external key stores takes keys of its own alone.
            Some(_) if proxy => return Err(SigError::UnknownKey.into()),
            Some(text) => {
                let token = self.token(text).filter(|token| token.access_key_id == id);
                let token = token.ok_or(SigError::UnknownKey)?;
                let key =
                    self.signing_key(presented, || Ok(SigningKey::derive(token.secret(), &presented.scope)))?;
                let caller = Caller {
                    principal: token.principal.clone(),
                    access_key_id: Some(id.to_owned()),
                    session: Some(Arc::clone(&token.session)),
                };
                (caller, key)
            }
            None => {
                let directory = &self.env.directory;
                let found = if proxy { directory.proxy_key(tx, id) } else { directory.access_key(tx, id) };
                let found = found?.filter(|key| key.active);
                let found = found.ok_or(SigError::UnknownKey)?;
                let key = self.signing_key(presented, || {
                    Ok(SigningKey::derive(&open_secret(keyring, &found.secret)?, &presented.scope))
                })?;
                (
                    Caller { principal: found.principal, access_key_id: Some(id.to_owned()), session: None },
                    key,
                )
            }
        };
        presented.verify(parts, body, &key, call.now)?;
        // Only who holds the secret learns that the credentials have expired.
        if caller.session.as_ref().is_some_and(|session| session.expires <= call.now.0) {
            return Err(SigError::ExpiredToken.into());
        }
        Ok(caller)
    }

    fn token(&self, text: &str) -> Option<Arc<session::Token>> {
        if let Some(token) = self.credentials.tokens.get(text) {
            return Some(token);
        }
        let token = Arc::new(session::open(&self.env.keyring, text)?);
        self.credentials.tokens.insert(text.to_owned(), Arc::clone(&token));
        Some(token)
    }

    fn signing_key(
        &self,
        presented: &Presented,
        derive: impl FnOnce() -> Result<SigningKey, Fault>,
    ) -> Result<Arc<SigningKey>, Fault> {
        if let Some(key) = self.credentials.keys.get(&Place(&presented.access_key_id, &presented.scope)) {
            return Ok(key);
        }
        let key = Arc::new(derive()?);
        let place = (presented.access_key_id.clone(), presented.scope.clone());
        self.credentials.keys.insert(place, Arc::clone(&key));
        Ok(key)
    }
}
