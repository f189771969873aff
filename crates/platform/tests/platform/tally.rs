//! Counts in parts, over a store in memory.

use crate::tests::World;
use platform::{Tally, Tx};

const COUNTS: Tally = Tally::new("test/counts");
const PATH: [&str; 2] = ["111122223333", "eu-central-1"];

/// Ids that look random and are the same in every run.
struct Ids(u64);

impl Ids {
    fn next(&mut self) -> String {
        self.0 += 1;
        format!("id-{}", self.0)
    }
}

fn within<T>(world: &World, work: impl FnOnce(&mut Tx<'_>) -> T) -> (T, store::Txn) {
    let mut tx = Tx::begin(&world.store, &world.env.keyring);
    let done = work(&mut tx);
    (done, tx.into_txn())
}

fn committed<T>(world: &World, work: impl FnOnce(&mut Tx<'_>) -> T) -> T {
    let (done, txn) = within(world, work);
    world.store.commit_blocking(txn).unwrap();
    done
}

/// Counts so many in one transaction: those that were within the limit.
fn fill(world: &World, ids: &mut Ids, most: u32, count: u32) -> u32 {
    committed(world, |tx| {
        (0..count).map(|_| u32::from(COUNTS.add(tx, &PATH, most, &ids.next()).unwrap())).sum()
    })
}

fn about(world: &World) -> u32 {
    committed(world, |tx| COUNTS.about(tx, &PATH).unwrap())
}

/// Neither one less nor one more, and one less makes room for one more.
#[test]
fn the_limit_is_exact() {
    for most in [1, 300, 5000] {
        let (world, mut ids) = (World::new(""), Ids(0));
        assert_eq!(fill(&world, &mut ids, most, most + 100), most);
        assert_eq!(about(&world), most);
        let gone = ids.next();
        committed(&world, |tx| COUNTS.take(tx, &PATH, &gone).unwrap());
        assert_eq!(about(&world), most - 1);
        assert_eq!(fill(&world, &mut ids, most, 10), 1);
    }
}

#[test]
fn nothing_counted_leaves_no_row() {
    let (world, mut ids) = (World::new(""), Ids(0));
    assert_eq!(fill(&world, &mut ids, 1000, 300), 300);
    committed(&world, |tx| (0..300).try_for_each(|_| COUNTS.take(tx, &PATH, &ids.next())).unwrap());
    let parts: platform::Table<serde_json::Value> = platform::Table::new("test/counts");
    assert!(!committed(&world, |tx| parts.any(tx, &[]).unwrap()));
}

/// A call that conflicts is run again, a hundred times at most: all of them get through, up to the last.
#[test]
fn callers_at_the_same_time_get_through_up_to_the_limit() {
    const CALLERS: usize = 64;
    const ATTEMPTS: u32 = 100;
    const MOST: u32 = 5000;
    let (world, mut ids) = (World::new(""), Ids(0));
    assert_eq!(fill(&world, &mut ids, MOST, MOST - 1000), MOST - 1000);
    let (mut made, mut most, mut refused) = (0, 0, 0);
    let mut waiting: Vec<u32> = vec![1; CALLERS];
    while !waiting.is_empty() {
        let round: Vec<_> = waiting
            .iter()
            .map(|attempt| (*attempt, within(&world, |tx| COUNTS.add(tx, &PATH, MOST, &ids.next()).unwrap())))
            .collect();
        waiting.clear();
        for (attempt, (added, txn)) in round {
            match world.store.commit_blocking(txn) {
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
    assert_eq!((made, refused), (1000, CALLERS));
    assert!(most < ATTEMPTS, "a call was run again {most} times");
}
