//! Long-term access keys of users and of the root user.

use crate::access::Ask;
use crate::account::Account;
use crate::entity::{Entity, Head, seconds};
use crate::errors::{invalid_input, no_such_entity, quota};
use crate::page::Pager;
use crate::users::{Subject, User, subject};
use crate::{Iam, api, api::StatusType, api::ops, entity, limits};
use platform::{Call, Cx, Fault, Handle, Principal, Table, Tx, seal_secret};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::{Timestamp, Unit};
use zeroize::Zeroizing;

/// By access key id.
const KEYS: Table<Key> = Table::new("iam/access-keys");

/// By access key id.
const LAST_USED: Table<LastUsed> = Table::new("iam/access-key-used");

/// What stands where a key was never used (IAM API Reference, `AccessKeyLastUsed`).
const NEVER_USED: &str = "N/A";

/// An access key.
#[derive(Clone, Serialize, Deserialize)]
struct Key {
    account: String,
    /// The unique id of the user; none for a key of the root user.
    user: Option<String>,
    active: bool,
    /// In milliseconds since the epoch.
    created: i64,
    /// As [`seal_secret`] makes it.
    secret: Arc<str>,
}

/// When and where a key was last used with each service, by the service's signing name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct LastUsed {
    services: BTreeMap<String, (i64, String)>,
}

impl Key {
    fn status(&self) -> StatusType {
        if self.active { StatusType::Active } else { StatusType::Inactive }
    }
}

fn missing(id: &str) -> Fault {
    no_such_entity(format!("The Access Key with id {id} cannot be found."))
}

/// Gives an account that is new to the deployment its root user's first access key.
///
/// # Errors
/// Unavailable, if the store or the keyring is.
pub fn bootstrap(
    tx: &mut Tx<'_>,
    keyring: &keyring::Keyring,
    account: &str,
    access_key_id: &str,
    secret: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    let mut row = Account::new(account, now.0);
    row.access_keys.push(access_key_id.to_owned());
    row.save(tx)?;
    let secret = seal_secret(keyring, secret)?;
    let key = Key { account: account.to_owned(), user: None, active: true, created: now.0, secret };
    KEYS.put(tx, &[access_key_id], &key)
}

/// Gives the root user of an account an access key, in place of another if that is named. For operators: no policy is asked.
///
/// # Errors
/// There is no key to replace, the root user has as many as it can have, or unavailable.
pub fn add_root_key(
    cx: &mut Cx<'_>,
    account: &str,
    id: &str,
    secret: &str,
    replace: Option<&str>,
) -> Result<(), Fault> {
    let mut row = Account::load(&mut cx.tx, account)?;
    if let Some(old) = replace {
        if !row.access_keys.iter().any(|held| held == old) {
            return Err(missing(old).context(format!("the root user has no access key {old}")));
        }
        forget(&mut cx.tx, old);
        row.access_keys.retain(|held| held != old);
    }
    if row.access_keys.len() >= limits::ACCESS_KEYS {
        let held = row.access_keys.join(" and ");
        return Err(quota("AccessKeysPerUser", limits::ACCESS_KEYS).context(format!(
            "the root user has the access keys {held}: name one to delete with --replace"
        )));
    }
    if KEYS.get(&mut cx.tx, &[id])?.is_some() {
        return Err(Fault::bug(format!("there is an access key {id} already")));
    }
    let secret = seal_secret(cx.keyring(), secret)?;
    let key = Key { account: account.to_owned(), user: None, active: true, created: cx.now().0, secret };
    KEYS.put(&mut cx.tx, &[id], &key)?;
    row.access_keys.push(id.to_owned());
    row.save(&mut cx.tx)
}

fn forget(tx: &mut Tx<'_>, id: &str) {
    KEYS.delete(tx, &[id]);
    LAST_USED.delete(tx, &[id]);
}

/// What identifying a caller needs of a key.
pub(crate) fn find(tx: &mut Tx<'_>, id: &str) -> Result<Option<platform::AccessKey>, Fault> {
    let Some(key) = KEYS.get(tx, &[id])? else { return Ok(None) };
    let principal = match &key.user {
        None => Principal::Root { account: key.account.clone() },
        Some(user) => {
            let user = entity::referred::<User>(tx, user)?;
            let Head { account, path, name, id, .. } = user.head().clone();
            Principal::User { account, path, name, id }
        }
    };
    Ok(Some(platform::AccessKey { principal, active: key.active, secret: Arc::clone(&key.secret) }))
}

/// Notes a use, unless one with the same service was noted a short time ago.
pub(crate) fn note_use(tx: &mut Tx<'_>, id: &str, call: &Call, service: &str) -> Result<(), Fault> {
    let used = LAST_USED.get(tx, &[id])?;
    let last = used.as_ref().and_then(|used| used.services.get(service));
    let due = |(at, _): &(i64, String)| call.now.0 - at >= limits::LAST_USED_GRANULARITY_MS;
    if !last.is_none_or(due) {
        return Ok(());
    }
    let mut used = used.map(|used| LastUsed::clone(&used)).unwrap_or_default();
    used.services.insert(service.to_owned(), (call.now.0, call.region.clone()));
    LAST_USED.put(tx, &[id], &used)
}

/// When and where a key was last used: milliseconds since the epoch, region and service.
type Use = (i64, String, String);

/// Facts of a key for the credential report: whether it is active, when it was made, in milliseconds since the epoch, and its last use.
pub(crate) fn report(tx: &mut Tx<'_>, id: &str) -> Result<(bool, i64, Option<Use>), Fault> {
    let key = KEYS.get(tx, &[id])?.ok_or_else(|| missing(id))?;
    let used = LAST_USED.get(tx, &[id])?;
    let last = used.as_ref().and_then(|used| used.services.iter().max_by_key(|(_, (at, _))| *at));
    Ok((key.active, key.created, last.map(|(service, (at, region))| (*at, region.clone(), service.clone()))))
}

/// Whose keys an operation concerns.
fn holder(cx: &mut Cx<'_>, action: &'static str, name: Option<&String>) -> Result<Subject, Fault> {
    subject(cx, Ask::to(action), name.map(String::as_str))
}

impl Subject {
    fn key_ids(&self, cx: &mut Cx<'_>) -> Result<Vec<String>, Fault> {
        match self {
            Self::Root => Ok(Account::of_caller(cx)?.access_keys),
            Self::User(user) => Ok(user.access_keys.clone()),
        }
    }

    fn set_key_ids(&self, cx: &mut Cx<'_>, ids: Vec<String>) -> Result<(), Fault> {
        match self {
            Self::Root => {
                let mut account = Account::of_caller(cx)?;
                account.access_keys = ids;
                account.save(&mut cx.tx)
            }
            Self::User(user) => {
                let mut user = User::clone(user);
                user.access_keys = ids;
                user.save(cx)
            }
        }
    }

    /// One of the subject's keys.
    fn key(&self, cx: &mut Cx<'_>, id: &str) -> Result<Key, Fault> {
        if !self.key_ids(cx)?.iter().any(|held| held == id) {
            return Err(missing(id));
        }
        let key = KEYS.get(&mut cx.tx, &[id])?.ok_or_else(|| missing(id))?;
        Ok(Key::clone(&key))
    }
}

impl Handle<ops::CreateAccessKey> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::CreateAccessKeyRequest,
    ) -> Result<api::CreateAccessKeyResponse, Fault> {
        let holder = holder(cx, "iam:CreateAccessKey", input.user_name.as_ref())?;
        let mut ids = holder.key_ids(cx)?;
        if ids.len() >= limits::ACCESS_KEYS {
            return Err(quota("AccessKeysPerUser", limits::ACCESS_KEYS));
        }
        let id = platform::ids::access_key("AKIA", cx.random());
        let secret: Zeroizing<String> = platform::ids::secret_access_key(cx.random());
        let key = Key {
            account: cx.account().to_owned(),
            user: holder.head().map(|head| head.id.clone()),
            active: true,
            created: cx.now().0,
            secret: seal_secret(cx.keyring(), &secret)?,
        };
        KEYS.put(&mut cx.tx, &[&id], &key)?;
        ids.push(id.clone());
        holder.set_key_ids(cx, ids)?;
        Ok(api::CreateAccessKeyResponse {
            access_key: api::AccessKey {
                user_name: holder.name(),
                access_key_id: id,
                status: key.status(),
                secret_access_key: secret.to_string(),
                create_date: Some(seconds(key.created)),
            },
        })
    }
}

impl Handle<ops::ListAccessKeys> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListAccessKeysRequest,
    ) -> Result<api::ListAccessKeysResponse, Fault> {
        let holder = holder(cx, "iam:ListAccessKeys", input.user_name.as_ref())?;
        let list = format!("access-keys/{}", holder.head().map_or("root", |head| &head.id));
        let mut pager = Pager::begin(cx, &list, input.marker.as_ref(), input.max_items)?;
        let mut keys = Vec::new();
        for id in holder.key_ids(cx)? {
            let key = holder.key(cx, &id)?;
            keys.push(api::AccessKeyMetadata {
                user_name: holder.head().map(|head| head.name.clone()),
                access_key_id: Some(id),
                status: Some(key.status()),
                create_date: Some(seconds(key.created)),
            });
        }
        pager.entries(0, keys);
        let page = pager.end(cx)?;
        Ok(api::ListAccessKeysResponse {
            access_key_metadata: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::UpdateAccessKey> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::UpdateAccessKeyRequest) -> Result<Unit, Fault> {
        let holder = holder(cx, "iam:UpdateAccessKey", input.user_name.as_ref())?;
        let mut key = holder.key(cx, &input.access_key_id)?;
        key.active = match input.status {
            StatusType::Active => true,
            StatusType::Inactive => false,
            StatusType::Expired => {
                return Err(invalid_input("An access key cannot be given the status Expired."));
            }
        };
        KEYS.put(&mut cx.tx, &[&input.access_key_id], &key)?;
        Ok(Unit)
    }
}

impl Handle<ops::DeleteAccessKey> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DeleteAccessKeyRequest) -> Result<Unit, Fault> {
        let holder = holder(cx, "iam:DeleteAccessKey", input.user_name.as_ref())?;
        let id = &input.access_key_id;
        holder.key(cx, id)?;
        forget(&mut cx.tx, id);
        let mut ids = holder.key_ids(cx)?;
        ids.retain(|held| held != id);
        holder.set_key_ids(cx, ids)?;
        Ok(Unit)
    }
}

impl Handle<ops::GetAccessKeyLastUsed> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::GetAccessKeyLastUsedRequest,
    ) -> Result<api::GetAccessKeyLastUsedResponse, Fault> {
        let id = &input.access_key_id;
        // A denial does not tell whose key it is, or whether it is one.
        let called = format!("access key {id}");
        let ask = Ask::to("iam:GetAccessKeyLastUsed").called(&called);
        let key = KEYS.get(&mut cx.tx, &[id])?.filter(|key| key.account == cx.account());
        let user = match key.as_ref().map(|key| key.user.as_deref()) {
            Some(Some(user)) => {
                let user = entity::referred::<User>(&mut cx.tx, user)?;
                ask.authorize(cx, &user.arn(), Some(&user.head().tags))?;
                let account = cx.account();
                cx.touch("AWS::IAM::User", &user.arn(), account);
                Some(user)
            }
            // A key of the root user, or of nobody.
            _ => {
                ask.authorize(cx, "*", None)?;
                None
            }
        };
        if key.is_none() {
            return Err(missing(id));
        }
        let used = LAST_USED.get(&mut cx.tx, &[id])?;
        let last = used.as_ref().and_then(|used| used.services.iter().max_by_key(|(_, (at, _))| *at));
        let last = match last {
            Some((service, (at, region))) => api::AccessKeyLastUsed {
                last_used_date: Some(seconds(*at)),
                service_name: service.clone(),
                region: region.clone(),
            },
            None => api::AccessKeyLastUsed {
                last_used_date: None,
                service_name: NEVER_USED.to_owned(),
                region: NEVER_USED.to_owned(),
            },
        };
        Ok(api::GetAccessKeyLastUsedResponse {
            user_name: user.map(|user| user.head().name.clone()),
            access_key_last_used: Some(last),
        })
    }
}
