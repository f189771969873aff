//! What the operations that use a key have in common.

use crate::api::GrantOperation;
use crate::authorize::Use;
use crate::context::{NO_PAIRS, Pairs};
use crate::grants;
use crate::key::Key;
use crate::kinds::{Algorithm, is_slow_to_use};
use crate::names::{Found, Takes, find};
use crate::recipient::Recipient;
use keyring::Material;
use platform::{Cx, Fault};
use std::sync::Arc;

/// An operation that uses a key.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) action: &'static str,
    pub(crate) grant: GrantOperation,
}

/// What a request says about the key and its use.
pub(crate) struct Request<'a, 'b> {
    pub(crate) key_id: &'a str,
    pub(crate) grant_tokens: Option<&'b [String]>,
    pub(crate) pairs: &'b Pairs,
    /// A condition key besides those of the algorithm and the encryption context.
    pub(crate) fact: Option<(&'static str, &'static str)>,
    pub(crate) recipient: Option<&'b Recipient>,
}

impl<'a, 'b> Request<'a, 'b> {
    /// One that has no encryption context, nor a recipient, nor anything else that policies ask of.
    pub(crate) fn plain(key_id: &'a str, grant_tokens: Option<&'b [String]>) -> Self {
        Self { key_id, grant_tokens, pairs: &NO_PAIRS, fact: None, recipient: None }
    }
}

impl Operation {
    /// Finds the key, requires permission to use it, and that it can be used with the algorithm.
    pub(crate) fn begin<'a, A: Algorithm>(
        &self,
        cx: &mut Cx<'_>,
        request: &Request<'a, '_>,
        algorithm: A,
    ) -> Result<Found<'a>, Fault> {
        grants::check_tokens(cx, request.grant_tokens)?;
        let found = find(cx, self.action, request.key_id, Takes::AnyName)?;
        let mut asks = Use::of(&found, self.action)
            .across_accounts()
            .for_recipient(request.recipient)
            .or_grant(self.grant)
            .with_context(request.pairs);
        if let Some(condition) = A::CONDITION {
            asks = asks.with(condition, algorithm.text());
        }
        if let Some((condition, value)) = request.fact {
            asks = asks.with(condition, value);
        }
        asks.authorize(cx)?;
        found.key.require(cx, self.name, algorithm)?;
        Ok(found)
    }
}

impl Key {
    /// Its current material, open.
    pub(crate) fn open(&self, cx: &Cx<'_>) -> Result<Arc<Material>, Fault> {
        self.current()?.open(cx, self)
    }

    /// Does work with its private key, aside if that takes long.
    pub(crate) fn work<T>(&self, cx: &Cx<'_>, work: impl FnOnce() -> T) -> Result<T, Fault> {
        if is_slow_to_use(self.spec.0) { cx.aside(work) } else { Ok(work()) }
    }
}

/// What cannot happen with a key that was checked before.
pub(crate) fn unexpected(key: &Key, error: primitives::Error) -> Fault {
    Fault::bug(format!("{}: {error}", key.arn))
}
