//! Shredding: when a key is deleted its material is destroyed in every backup too (`docs/decisions/0020-shredding.md`).
//!
//! The keyring seals material under shreds that are in no backup, and knows them by digests of key ARNs. What it cannot know is which
//! keys there are: that is kept here, by shred, so that a shred can be replaced by those of the keys that stay.

use crate::key::{KEYS, Key};
use crate::names::key_arn;
use keyring::ShredId;
use platform::{Cx, Fault, Table, Timer};
use serde::{Deserialize, Serialize};

/// The task of the timers that shred.
pub(crate) const TASK: &str = "shred-key";

/// `[shred, key ARN]`: what is sealed under a shred.
const SEALED: Table<Row> = Table::new("kms/shreds");

/// `[shred]`: under these nothing more may be sealed.
const CLOSED: Table<Row> = Table::new("kms/closed-shreds");

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Row {}

/// Notes that material of a key was sealed. Every transaction that seals some calls this.
pub(crate) fn note(cx: &mut Cx<'_>, key_arn: &str, sealed: &[u8]) -> Result<(), Fault> {
    let shred = ShredId::of(sealed).ok_or_else(|| Fault::bug("sealed material names no shred"))?.to_string();
    // Read by every transaction that seals and written before the keys of a shred are looked up: one that has not committed by then
    // meets a conflict, and seals again under another shred.
    if CLOSED.get(&mut cx.tx, &[&shred])?.is_some() {
        return Err(Fault::conflict());
    }
    SEALED.put(&mut cx.tx, &[&shred, key_arn], &Row {})
}

/// Has the material of a key that was deleted destroyed, once that is committed.
pub(crate) fn schedule(cx: &mut Cx<'_>, key: &Key) -> Result<(), Fault> {
    let now = cx.now().0;
    key.timer(TASK, now).set(&mut cx.tx)
}

/// Does what a timer was set for, a step at a time: each can be done again, as the file of the shreds is not part of the
/// transaction.
pub(crate) fn due(cx: &mut Cx<'_>, timer: &Timer) -> Result<(), Fault> {
    if KEYS.get(&mut cx.tx, &[&timer.account, &timer.region, &timer.subject])?.is_some() {
        // A replica was made again in the region of one that was deleted.
        return Ok(());
    }
    let keyring = cx.keyring();
    let arn = key_arn(&timer.region, &timer.account, &timer.subject);
    let current = keyring.shred_current(&arn)?.to_string();
    match keyring.shred_retiring(&arn)?.map(|shred| shred.to_string()) {
        Some(retiring) if CLOSED.get(&mut cx.tx, &[&retiring])?.is_some() => give_up(cx, &arn, &retiring)?,
        Some(retiring) => CLOSED.put(&mut cx.tx, &[&retiring], &Row {})?,
        None if SEALED.get(&mut cx.tx, &[&current, &arn])?.is_some() => {
            keyring.shred_begin(&arn)?;
            CLOSED.put(&mut cx.tx, &[&current], &Row {})?;
        }
        None => return Ok(keyring.shred_forget(&arn)?),
    }
    timer.set(&mut cx.tx)
}

/// Gives up a shred under which nothing more is sealed, and keeps those of keys that there are.
fn give_up(cx: &mut Cx<'_>, arn: &str, shred: &str) -> Result<(), Fault> {
    let mut kept = Vec::new();
    for (name, _) in SEALED.scan(&mut cx.tx, &[shred], None, usize::MAX)? {
        SEALED.delete(&mut cx.tx, &[shred, &name]);
        if exists(cx, &name)? {
            kept.push(name);
        }
    }
    CLOSED.delete(&mut cx.tx, &[shred]);
    Ok(cx.keyring().shred_finish(arn, &kept)?)
}

fn exists(cx: &mut Cx<'_>, arn: &str) -> Result<bool, Fault> {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", _, "kms", region, account, name] = parts.as_slice() else { return Ok(false) };
    let Some(id) = name.strip_prefix("key/") else { return Ok(false) };
    Ok(KEYS.get(&mut cx.tx, &[account, region, id])?.is_some())
}
