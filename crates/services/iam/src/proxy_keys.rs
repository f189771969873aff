//! Keys by which external key stores sign their calls to Fastness as their proxy: each stands for a user, and is good for nothing else.
//! Operators make them (`fastness xks`), since AWS has no operation that does.

use crate::entity::{self, Entity, Head};
use crate::users::User;
use platform::{AccessKey, Cx, Fault, Principal, Table, Tx, ids, seal_secret};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wire::Timestamp;
use zeroize::Zeroizing;

/// By the key's id.
const KEYS: Table<Key> = Table::new("iam/proxy-keys");

/// How many there may be in a deployment.
const KEYS_MAX: usize = 1000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Key {
    /// The unique id of the user.
    user: String,
    active: bool,
    /// In milliseconds since the epoch.
    created: i64,
    /// As [`seal_secret`] makes it.
    secret: Arc<str>,
}

/// A key that was made just now. The secret is not shown again.
#[derive(Debug)]
pub struct NewProxyKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: Zeroizing<String>,
    /// The unique id of its user, which is where the proxy's path begins.
    pub user_id: String,
}

/// What is told of a key.
#[derive(Debug)]
pub struct ProxyKey {
    /// Its id.
    pub id: String,
    /// The ARN and the unique id of its user; none if there is no such user any more.
    pub user: Option<(String, String)>,
    /// Whether it may be used.
    pub active: bool,
    /// When it was made.
    pub created: Timestamp,
}

/// Makes a key for a user.
///
/// # Errors
/// There is no such user, there are too many keys, or unavailable.
pub fn create_proxy_key(cx: &mut Cx<'_>, account: &str, user: &str) -> Result<NewProxyKey, Fault> {
    let found = entity::find::<User>(&mut cx.tx, account, user)?;
    let user = found.ok_or_else(|| User::KIND.missing(user))?.head().id.clone();
    if KEYS.scan(&mut cx.tx, &[], None, KEYS_MAX)?.len() >= KEYS_MAX {
        return Err(crate::errors::quota("ProxyKeys", KEYS_MAX));
    }
    let (id, secret) = (ids::proxy_key(cx.random()), ids::proxy_secret(cx.random()));
    let sealed = seal_secret(cx.keyring(), &secret)?;
    let key = Key { user: user.clone(), active: true, created: cx.now().0, secret: sealed };
    KEYS.put(&mut cx.tx, &[&id], &key)?;
    Ok(NewProxyKey { id, secret, user_id: user })
}

/// All keys.
///
/// # Errors
/// Unavailable.
pub fn proxy_keys(cx: &mut Cx<'_>) -> Result<Vec<ProxyKey>, Fault> {
    let rows = KEYS.scan(&mut cx.tx, &[], None, KEYS_MAX)?;
    rows.into_iter()
        .map(|(id, key)| {
            let user = User::TABLE.get(&mut cx.tx, &[&key.user])?;
            let user = user.map(|user| (user.arn(), key.user.clone()));
            Ok(ProxyKey { id, user, active: key.active, created: Timestamp(key.created) })
        })
        .collect()
}

/// Lets a key be used, or not. Tells whether there is such a key.
///
/// # Errors
/// Unavailable.
pub fn set_proxy_key_active(cx: &mut Cx<'_>, id: &str, active: bool) -> Result<bool, Fault> {
    let Some(key) = KEYS.get(&mut cx.tx, &[id])? else { return Ok(false) };
    KEYS.put(&mut cx.tx, &[id], &Key { active, ..(*key).clone() })?;
    Ok(true)
}

/// Removes a key for good. Tells whether there was such a key.
///
/// # Errors
/// Unavailable.
pub fn delete_proxy_key(cx: &mut Cx<'_>, id: &str) -> Result<bool, Fault> {
    let there = KEYS.get(&mut cx.tx, &[id])?.is_some();
    KEYS.delete(&mut cx.tx, &[id]);
    Ok(there)
}

/// What identifying a caller needs of a key. Those of a user who is gone are gone too.
pub(crate) fn find(tx: &mut Tx<'_>, id: &str) -> Result<Option<AccessKey>, Fault> {
    let Some(key) = KEYS.get(tx, &[id])? else { return Ok(None) };
    let Some(user) = User::TABLE.get(tx, &[&key.user])? else { return Ok(None) };
    let Head { account, path, name, id, .. } = user.head().clone();
    let principal = Principal::User { account, path, name, id };
    Ok(Some(AccessKey { principal, active: key.active, secret: Arc::clone(&key.secret) }))
}
