//! The buckets of callers who are not known.

use super::bucket::Bucket;
use crate::origin::Origin;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;

/// How many buckets the addresses of the world share. Which ones share is random and differs from start to start, so that nobody can
/// choose to fall together with somebody else.
const SOURCES: usize = 4096;

/// Decides which refusals of unidentified callers get a record of their own.
#[derive(Debug)]
pub(super) struct Strangers {
    sources: Box<[Bucket]>,
    all: Bucket,
    hasher: RandomState,
}

impl Strangers {
    pub(super) fn new(per_source: f64, all: f64) -> Self {
        let sources = (0..SOURCES).map(|_| Bucket::new(per_source)).collect();
        Self { sources, all: Bucket::new(all), hasher: RandomState::new() }
    }

    /// Whether one more refusal of a caller at this address may be recorded. What one address does beyond its own rate takes
    /// nothing from the others.
    pub(super) fn take(&self, source: IpAddr, now_ms: i64) -> bool {
        #[expect(clippy::cast_possible_truncation, reason = "any part of a hash is as good as another")]
        let at = self.hasher.hash_one(Origin::of(source)) as usize % SOURCES;
        self.sources.get(at).is_some_and(|bucket| bucket.take(now_ms)) && self.all.take(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_795_302_463_000;

    fn passed(strangers: &Strangers, source: &str, tried: u32) -> u32 {
        let source = source.parse().unwrap();
        (0..tried).map(|_| u32::from(strangers.take(source, START))).sum()
    }

    #[test]
    fn one_source_takes_nothing_from_the_others() {
        let strangers = Strangers::new(5.0, 20.0);
        assert_eq!(passed(&strangers, "192.0.2.1", 1000), 5);
        let others: u32 = (2..250).map(|last| passed(&strangers, &format!("192.0.2.{last}"), 1)).sum();
        assert_eq!(others, 15, "and all together have a limit");
    }

    #[test]
    fn one_network_is_one_source() {
        for (one, other) in
            [("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"), ("192.0.2.1", "::ffff:192.0.2.1")]
        {
            let strangers = Strangers::new(5.0, 1000.0);
            assert_eq!(passed(&strangers, one, 5), 5);
            assert_eq!(passed(&strangers, other, 5), 0, "{one} {other}");
        }
    }
}
