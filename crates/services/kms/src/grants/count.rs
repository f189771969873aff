//! How many grants a key has: a row of its own, so that the key's row, which every use of the key reads, need not change.

use crate::key::Key;
use crate::limits::GRANTS_PER_KEY;
use platform::{Cx, Fault, Table};
use serde::{Deserialize, Serialize};

/// `[account, region, key id]`
const COUNTS: Table<Count> = Table::new("kms/grant-counts");

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Count {
    count: u32,
}

/// Counts one more grant, if that is within the limit: whether it was.
pub(super) fn add(cx: &mut Cx<'_>, key: &Key) -> Result<bool, Fault> {
    let count = read(cx, key)?;
    if count >= GRANTS_PER_KEY {
        return Ok(false);
    }
    COUNTS.put(&mut cx.tx, &key.path(), &Count { count: count.saturating_add(1) })?;
    Ok(true)
}

/// Counts one grant less.
pub(super) fn take(cx: &mut Cx<'_>, key: &Key) -> Result<(), Fault> {
    match read(cx, key)? {
        0 | 1 => {
            forget(cx, key);
            Ok(())
        }
        count => COUNTS.put(&mut cx.tx, &key.path(), &Count { count: count.saturating_sub(1) }),
    }
}

/// The key has no grants any more.
pub(super) fn forget(cx: &mut Cx<'_>, key: &Key) {
    COUNTS.delete(&mut cx.tx, &key.path());
}

fn read(cx: &mut Cx<'_>, key: &Key) -> Result<u32, Fault> {
    Ok(COUNTS.get(&mut cx.tx, &key.path())?.map_or(0, |row| row.count))
}

/// Counts so many grants, without any.
#[cfg(test)]
pub(crate) fn pretend(world: &crate::testing::World, key_arn: &str, count: u32) {
    let parts: Vec<&str> = key_arn.split([':', '/']).collect();
    let mut tx = platform::Tx::begin(&world.store, &world.env.keyring);
    COUNTS.put(&mut tx, &[parts[4], parts[3], parts[6]], &Count { count }).unwrap();
    world.store.commit_blocking(tx.into_txn()).unwrap();
}
