//! Keys in clusters that belong to no KMS key any more, or not yet: they are removed when their store is connected.
//!
//! A device takes part in no transaction. That a key is about to be made is written down first, and struck out by the transaction of its KMS
//! key; so what a call made that failed, or that its process did not live to end, is known. Keys of deleted KMS keys come here too.

use super::keys::STORED;
use super::{Connection, STORES, Store, use_of};
use platform::trail::{Resource, ServiceEvent};
use platform::{Cx, Fault, Table, Timer, Tx};
use serde::{Deserialize, Serialize};

/// The task of the timers that remove orphans.
pub(crate) const TASK: &str = "remove-orphaned-keys";

/// `[account, region, store id, name in the store]`
const ORPHANS: Table<Orphan> = Table::new("kms/orphans");

/// How long the call that makes a key may take at most, in milliseconds.
const MAKING_MILLIS: i64 = 15 * 60 * 1000;

/// How long a device is left alone that did not remove a key, in milliseconds.
const AGAIN_MILLIS: i64 = 60 * 1000;

/// How many are looked at, and removed, at a time: it all waits for a device.
const LOOKED_AT_MAX: usize = 1000;
const REMOVED_MAX: usize = 10;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Orphan {
    /// Not to be removed before, in milliseconds since the epoch.
    after: i64,
}

/// Writes down, for good, that the store's device is about to make a key.
pub(super) fn expect(cx: &Cx<'_>, store: &Store, name: &str) -> Result<(), Fault> {
    let after = cx.now().0.saturating_add(MAKING_MILLIS);
    cx.beforehand(|tx| put(tx, store, name, after))
}

/// The key has its KMS key, once the call is committed.
pub(super) fn adopt(cx: &mut Cx<'_>, store: &Store, name: &str) {
    ORPHANS.delete(&mut cx.tx, &[&store.account, &store.region, &store.id, name]);
}

/// The key's KMS key is gone.
pub(super) fn leave(cx: &mut Cx<'_>, store: &Store, name: &str) -> Result<(), Fault> {
    let now = cx.now().0;
    put(&mut cx.tx, store, name, now)
}

/// The store is deleted: what is left in its device is out of reach.
pub(super) fn forget(cx: &mut Cx<'_>, store: &Store) -> Result<(), Fault> {
    let prefix = [store.account.as_str(), &store.region, &store.id];
    for (name, _) in ORPHANS.scan(&mut cx.tx, &prefix, None, usize::MAX)? {
        ORPHANS.delete(&mut cx.tx, &[&store.account, &store.region, &store.id, &name]);
    }
    Ok(())
}

/// The store is connected: what was left in the meantime can go.
pub(super) fn resume(cx: &mut Cx<'_>, store: &Store) -> Result<(), Fault> {
    let now = cx.now().0;
    match ORPHANS.any(&mut cx.tx, &[&store.account, &store.region, &store.id])? {
        true => timer(store, now).set(&mut cx.tx),
        false => Ok(()),
    }
}

fn put(tx: &mut Tx<'_>, store: &Store, name: &str, after: i64) -> Result<(), Fault> {
    ORPHANS.put(tx, &[&store.account, &store.region, &store.id, name], &Orphan { after })?;
    timer(store, after).set(tx)
}

fn timer(store: &Store, at: i64) -> Timer {
    Timer {
        at,
        service: crate::api::MODEL.name.to_owned(),
        account: store.account.clone(),
        region: store.region.clone(),
        task: TASK.to_owned(),
        subject: store.id.clone(),
    }
}

/// Removes some of a store's orphans, if it is connected; otherwise connecting it sets the timer again.
pub(crate) fn due(cx: &mut Cx<'_>, due: &Timer) -> Result<(), Fault> {
    let path = [due.account.as_str(), &due.region, &due.subject];
    let Some(store) = STORES.get(&mut cx.tx, &path)? else { return Ok(()) };
    if store.state != Connection::Connected {
        return Ok(());
    }
    let device = store.device(cx)?;
    let principal = cx.caller().principal.arn();
    let now = cx.now().0;
    let (mut removed, mut next) = (0, None::<i64>);
    for (name, orphan) in ORPHANS.scan(&mut cx.tx, &path, None, LOOKED_AT_MAX)? {
        let row = [due.account.as_str(), &due.region, &due.subject, &name];
        let mut later = |at: i64| next = Some(next.map_or(at, |next| next.min(at)));
        if orphan.after > now {
            later(orphan.after);
            continue;
        }
        if removed == REMOVED_MAX {
            later(now);
            break;
        }
        if STORED.get(&mut cx.tx, &row)?.is_none() {
            let of = use_of(cx, "DeleteKey", &principal, Some(&name));
            if cx.aside(|| device.remove_key(&of, &name))?.is_err() {
                later(now.saturating_add(AGAIN_MILLIS));
                break;
            }
            removed += 1;
            // Told whether it was there or not: a step that is run again does not find it any more.
            tell(cx, &store, &name);
        }
        ORPHANS.delete(&mut cx.tx, &row);
    }
    match next {
        Some(at) => timer(&store, at).set(&mut cx.tx),
        None => Ok(()),
    }
}

fn tell(cx: &mut Cx<'_>, store: &Store, name: &str) {
    cx.emit(ServiceEvent {
        name: "RemoveOrphanedKey",
        resource: Resource {
            kind: "AWS::KMS::CustomKeyStore",
            arn: store.id.clone(),
            account: store.account.clone(),
        },
        details: serde_json::json!({ "customKeyStoreId": store.id, "name": name }),
    });
}
