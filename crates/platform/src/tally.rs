//! How many of something there are, counted without one row that every call would have to change.
//!
//! The count is kept in parts, and a limit is shared out among them: a part that has its share takes no more, so the limit holds without
//! anyone adding up. What is counted looks for its part in an order that its id gives. So calls at the same time seldom meet in a part
//! that they change, and what they only read, parts that have their share, nobody changes who adds.

use crate::{Fault, Table, Tx};
use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// How many parts there are: one for each value of a byte.
const PARTS: u32 = 256;

/// Counts, each found by a path such as account and region.
#[derive(Debug)]
pub struct Tally {
    /// By the path of the count and the part.
    parts: Table<Part>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Part {
    count: u32,
}

impl Tally {
    /// Counts in the table called `name`.
    pub const fn new(name: &'static str) -> Self {
        Self { parts: Table::new(name) }
    }

    /// Counts one more, if there are fewer than `most`: whether there were. `most` is the same for every call about a count.
    ///
    /// # Errors
    /// Unavailable, if the store or the keyring is.
    pub fn add(&self, tx: &mut Tx<'_>, path: &[&str], most: u32, id: &str) -> Result<bool, Fault> {
        self.change(tx, path, id, |part, count| (count < share(most, part)).then(|| count.saturating_add(1)))
    }

    /// Counts one less. It need not have been counted in the part that it is taken from: the sum is what matters.
    ///
    /// # Errors
    /// Unavailable, if the store or the keyring is.
    pub fn take(&self, tx: &mut Tx<'_>, path: &[&str], id: &str) -> Result<(), Fault> {
        self.change(tx, path, id, |_, count| count.checked_sub(1)).map(drop)
    }

    /// How many there were a moment ago. The call's transaction does not depend on it, or else every other would make it conflict.
    ///
    /// # Errors
    /// Unavailable, if the store or the keyring is.
    pub fn about(&self, tx: &Tx<'_>, path: &[&str]) -> Result<u32, Fault> {
        let parts = self.parts.scan(&mut tx.another(), path, None, PARTS as usize)?;
        Ok(parts.iter().map(|(_, part)| part.count).sum())
    }

    /// Gives the first part of the order of `id` that `to` has a new count for that count: whether there is one.
    fn change(
        &self,
        tx: &mut Tx<'_>,
        path: &[&str],
        id: &str,
        to: impl Fn(u32, u32) -> Option<u32>,
    ) -> Result<bool, Fault> {
        for part in parts_of(id) {
            let name = format!("{part:02x}");
            let path = [path, &[&name]].concat();
            let count = self.parts.get(tx, &path)?.map_or(0, |part| part.count);
            match to(part, count) {
                None => {}
                Some(0) => {
                    self.parts.delete(tx, &path);
                    return Ok(true);
                }
                Some(count) => {
                    self.parts.put(tx, &path, &Part { count })?;
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// A part's share of a limit. What the division leaves over goes to the first parts.
const fn share(most: u32, part: u32) -> u32 {
    most / PARTS + (part < most % PARTS) as u32
}

/// All parts, in the order in which an id looks for one: from one byte of its hash on, in steps of another. An odd step comes to every
/// part before it comes back.
fn parts_of(id: &str) -> impl Iterator<Item = u32> + use<> {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    let [start, step, ..] = hasher.finish().to_le_bytes().map(u32::from);
    (0..PARTS).map(move |turn| (start + turn * (step | 1)) % PARTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_the_limit() {
        for most in [0, 1, 255, 256, 257, 300, 1000, 5000, 100_000] {
            assert_eq!((0..PARTS).map(|part| share(most, part)).sum::<u32>(), most);
        }
    }

    #[test]
    fn an_order_has_every_part_once() {
        for id in 0..100 {
            let mut parts: Vec<_> = parts_of(&format!("AIDA{id}")).collect();
            parts.sort_unstable();
            assert!(parts.into_iter().eq(0..PARTS));
        }
    }
}
