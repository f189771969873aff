//! How many keys an account has in a region, counted without one row that every CreateKey would have to change.
//!
//! The count is kept in parts, and a key's part is chosen by the first byte of its random id: calls at the same time seldom meet.
//! The parts are added up only when a key's own part is near its share of the limit.

use crate::key::Key;
use crate::limits::KEYS_PER_REGION;
use crate::names::MULTI_REGION_PREFIX;
use platform::{Cx, Fault, Table};
use serde::{Deserialize, Serialize};

/// `[account, region, part]`
const KEY_COUNTS: Table<Part> = Table::new("kms/key-counts");

/// How many parts there are: one for each value of a byte.
const PARTS: u32 = 256;

/// Below this, a part is not near its share of the limit.
const PART_NEAR_SHARE: u32 = KEYS_PER_REGION / PARTS / 10 * 9;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Part {
    count: u32,
}

/// Counts a new key, if that is within the limit: whether it was. Near the limit it can be a few keys off.
pub(crate) fn add(cx: &mut Cx<'_>, key: &Key) -> Result<bool, Fault> {
    let path = [key.account.as_str(), &key.region, part_of(key)];
    let count = read(cx, &path)?;
    if count >= PART_NEAR_SHARE && sum(cx, key)? >= KEYS_PER_REGION {
        return Ok(false);
    }
    KEY_COUNTS.put(&mut cx.tx, &path, &Part { count: count.saturating_add(1) })?;
    Ok(true)
}

/// Counts a key no longer.
pub(crate) fn take(cx: &mut Cx<'_>, key: &Key) -> Result<(), Fault> {
    let path = [key.account.as_str(), &key.region, part_of(key)];
    match read(cx, &path)? {
        0 | 1 => {
            KEY_COUNTS.delete(&mut cx.tx, &path);
            Ok(())
        }
        count => KEY_COUNTS.put(&mut cx.tx, &path, &Part { count: count.saturating_sub(1) }),
    }
}

fn sum(cx: &mut Cx<'_>, key: &Key) -> Result<u32, Fault> {
    (0..PARTS).try_fold(0, |sum: u32, part| {
        let part = format!("{part:02x}");
        Ok(sum.saturating_add(read(cx, &[&key.account, &key.region, &part])?))
    })
}

fn read(cx: &mut Cx<'_>, path: &[&str]) -> Result<u32, Fault> {
    Ok(KEY_COUNTS.get(&mut cx.tx, path)?.map_or(0, |part| part.count))
}

/// The two hexadecimal digits of the id's first byte.
fn part_of(key: &Key) -> &str {
    let digits = key.id.strip_prefix(MULTI_REGION_PREFIX).unwrap_or(&key.id);
    digits.get(..2).unwrap_or("00")
}
