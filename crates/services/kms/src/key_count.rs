//! How many keys an account has in a region, counted without one row that every CreateKey would have to change.
//!
//! The count is kept in parts, and the limit is shared out among them: a part that has its share takes no more, so the limit holds without
//! anyone adding up. A key looks for its part in an order that its random id gives. So calls at the same time seldom meet in a part
//! that they change, and what they only read, parts that have their share, no CreateKey changes.

use crate::key::Key;
use crate::limits::KEYS_PER_REGION;
use crate::names::MULTI_REGION_PREFIX;
use platform::{Cx, Fault, Table};
use serde::{Deserialize, Serialize};

/// `[account, region, part]`
const KEY_COUNTS: Table<Part> = Table::new("kms/key-counts");

/// How many parts there are: one for each value of a byte.
const PARTS: u32 = 256;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Part {
    count: u32,
}

/// Counts a new key, if that is within the limit: whether it was.
pub(crate) fn add(cx: &mut Cx<'_>, key: &Key) -> Result<bool, Fault> {
    change(cx, key, |part, count| (count < share(part)).then(|| count.saturating_add(1)))
}

/// Counts a key no longer. It need not have been counted in the part that it is taken from: the sum is what matters.
pub(crate) fn take(cx: &mut Cx<'_>, key: &Key) -> Result<(), Fault> {
    change(cx, key, |_, count| count.checked_sub(1)).map(drop)
}

/// Gives the first part of the key's order that `to` has a new count for that count: whether there is one.
fn change(cx: &mut Cx<'_>, key: &Key, to: impl Fn(u32, u32) -> Option<u32>) -> Result<bool, Fault> {
    for part in parts_of(key) {
        let name = format!("{part:02x}");
        let path = [key.account.as_str(), &key.region, &name];
        let count = KEY_COUNTS.get(&mut cx.tx, &path)?.map_or(0, |part| part.count);
        match to(part, count) {
            None => {}
            Some(0) => {
                KEY_COUNTS.delete(&mut cx.tx, &path);
                return Ok(true);
            }
            Some(count) => {
                KEY_COUNTS.put(&mut cx.tx, &path, &Part { count })?;
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// A part's share of the limit. What the division leaves over goes to the first parts.
const fn share(part: u32) -> u32 {
    KEYS_PER_REGION / PARTS + (part < KEYS_PER_REGION % PARTS) as u32
}

/// All parts, in the order in which a key looks for one: from the first byte of its id on, in steps of its second. An odd step comes to
/// every part before it comes back.
fn parts_of(key: &Key) -> impl Iterator<Item = u32> + use<> {
    let digits = key.id.strip_prefix(MULTI_REGION_PREFIX).unwrap_or(&key.id);
    let byte = |place| digits.get(place..place + 2).and_then(|byte| u32::from_str_radix(byte, 16).ok());
    let (start, step) = (byte(0).unwrap_or(0), byte(2).unwrap_or(0) | 1);
    (0..PARTS).map(move |turn| (start + turn * step) % PARTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ACCOUNT, REGION, World};
    use platform::Tx;

    /// Keys with ids that look random and are the same in every run.
    struct Keys {
        like: Key,
        next: u64,
    }

    impl Keys {
        fn of(world: &World) -> Self {
            let mut tx = Tx::begin(&world.store, &world.env.keyring);
            let like = world.row(&world.key());
            // The key of the world itself is not counted, whichever part it went to.
            for part in 0..PARTS {
                KEY_COUNTS.delete(&mut tx, &[ACCOUNT, REGION, &format!("{part:02x}")]);
            }
            world.store.commit_blocking(tx.into_txn()).unwrap();
            Self { like, next: 1 }
        }

        fn next(&mut self) -> Key {
            // SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators")
            self.next = self.next.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.next;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            Key { id: format!("{:016x}", mixed ^ (mixed >> 31)), ..self.like.clone() }
        }
    }

    /// Does this in a transaction, which is not committed yet.
    fn within<T>(world: &World, work: impl FnOnce(&mut Cx<'_>) -> T) -> (T, store::Txn) {
        let (call, caller) = (world.call_facts(), world.root());
        let mut cx = Cx::new(Tx::begin(&world.store, &world.env.keyring), &world.env, &call, &caller);
        let done = work(&mut cx);
        let (_, _, _, tx) = cx.finish();
        (done, tx.into_txn())
    }

    /// Counts so many keys in one transaction: those that were within the limit.
    fn fill(world: &World, keys: &mut Keys, count: u32) -> u32 {
        let (added, tx) =
            within(world, |cx| (0..count).map(|_| u32::from(add(cx, &keys.next()).unwrap())).sum());
        world.store.commit_blocking(tx).unwrap();
        added
    }

    #[test]
    fn the_shares_are_the_limit() {
        assert_eq!((0..PARTS).map(share).sum::<u32>(), KEYS_PER_REGION);
    }

    #[test]
    fn an_order_has_every_part_once() {
        let world = World::new();
        let mut keys = Keys::of(&world);
        for _ in 0..100 {
            let mut parts: Vec<_> = parts_of(&keys.next()).collect();
            parts.sort_unstable();
            assert!(parts.into_iter().eq(0..PARTS));
        }
    }

    /// To the key: neither one less nor one more, and a key less is a key more.
    #[test]
    fn the_limit_is_exact() {
        let world = World::new();
        let mut keys = Keys::of(&world);
        assert_eq!(fill(&world, &mut keys, KEYS_PER_REGION + 100), KEYS_PER_REGION);
        for _ in 0..3 {
            let gone = keys.next();
            let (done, tx) = within(&world, |cx| take(cx, &gone));
            done.unwrap();
            world.store.commit_blocking(tx).unwrap();
        }
        assert_eq!(fill(&world, &mut keys, 10), 3);
    }

    #[test]
    fn no_key_leaves_no_row() {
        let world = World::new();
        let mut keys = Keys::of(&world);
        assert_eq!(fill(&world, &mut keys, 300), 300);
        let (done, tx) = within(&world, |cx| (0..300).try_for_each(|_| take(cx, &keys.next())));
        done.unwrap();
        world.store.commit_blocking(tx).unwrap();
        assert!(!world.rows().iter().any(|row| row.starts_with("kms/key-counts")));
    }

    /// A call that conflicts is run again, a hundred times at most: all of them get through, up to the last keys.
    #[test]
    fn callers_at_the_same_time_get_their_keys_up_to_the_limit() {
        const CALLERS: usize = 64;
        const ATTEMPTS: u32 = 100;
        let world = World::new();
        let mut keys = Keys::of(&world);
        assert_eq!(fill(&world, &mut keys, KEYS_PER_REGION - 3000), KEYS_PER_REGION - 3000);
        let (mut made, mut most, mut refused) = (0, 0, 0);
        let mut waiting: Vec<u32> = vec![1; CALLERS];
        while !waiting.is_empty() {
            let round: Vec<_> = waiting
                .iter()
                .map(|attempt| (*attempt, within(&world, |cx| add(cx, &keys.next()).unwrap())))
                .collect();
            waiting.clear();
            for (attempt, (added, tx)) in round {
                match world.store.commit_blocking(tx) {
                    Ok(_) if added => {
                        made += 1;
                        waiting.push(1);
                    }
                    Ok(_) => refused += 1,
                    Err(_) => {
                        most = most.max(attempt);
                        waiting.push(attempt + 1);
                    }
                }
            }
        }
        assert_eq!((made, refused), (3000, CALLERS));
        assert!(most < ATTEMPTS, "a call was run again {most} times");
    }
}
