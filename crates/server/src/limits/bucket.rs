//! One token bucket.

use std::sync::atomic::{AtomicI64, Ordering};

/// The slowest rate: once in a quarter of an hour.
pub const PER_SECOND_MIN: f64 = 0.001;

/// The fastest rate; time is counted in nanoseconds.
pub const PER_SECOND_MAX: f64 = 1e9;

/// How much a bucket holds: what comes in this time, and at least one call. AWS documents quotas by the second ("AWS KMS throttles
/// all subsequent requests in that second").
const BURST_NS: i64 = 1_000_000_000;

/// A token bucket in one word: the time at which it will be full again, in nanoseconds since 1970. A call takes its place by moving
/// that time ahead (the generic cell rate algorithm). It has a cache line of its own, so that callers of different operations don't
/// wait for each other.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Bucket {
    full_at: AtomicI64,
    /// The time in which one call's worth comes in.
    interval_ns: i64,
}

impl Bucket {
    /// A full bucket. Rates out of bounds are taken as the nearest one that is not.
    pub(crate) fn new(per_second: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "between 1 and 10^12")]
        let interval_ns = (1e9 / per_second.clamp(PER_SECOND_MIN, PER_SECOND_MAX)).floor() as i64;
        Self { full_at: AtomicI64::new(i64::MIN), interval_ns }
    }

    /// Takes one call out, if there is one. `now_ms` is in milliseconds since 1970.
    pub(crate) fn take(&self, now_ms: i64) -> bool {
        self.take_several(1, now_ms)
    }

    /// Takes so many calls out at once, if they are there. A bucket that never holds as many gives all it has.
    pub(crate) fn take_several(&self, calls: u32, now_ms: i64) -> bool {
        let now = now_ms.saturating_mul(1_000_000);
        let taken_ns = self.interval_ns.saturating_mul(calls.into());
        let burst = BURST_NS.max(taken_ns);
        let taken = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
            let ahead = full_at.saturating_sub(now);
            // Only a clock that was set back leaves it further ahead than a bucket can be; callers that run a little late don't.
            let start = if ahead > burst.saturating_mul(2) { now } else { full_at.max(now) };
            let next = start.saturating_add(taken_ns);
            (next.saturating_sub(now) <= burst).then_some(next)
        });
        taken.is_ok()
    }

    /// Whether nothing is missing from it.
    pub(crate) fn is_full(&self, now_ms: i64) -> bool {
        self.full_at.load(Ordering::Relaxed) <= now_ms.saturating_mul(1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T23:07:43Z
    const START: i64 = 1_795_302_463_000;

    /// How many calls pass of `tried`, one by one at the same time.
    fn passed(bucket: &Bucket, now_ms: i64, tried: u32) -> u32 {
        (0..tried).map(|_| u32::from(bucket.take(now_ms))).sum()
    }

    #[test]
    fn it_holds_one_second_and_refills_evenly() {
        let cases = [(5.0, 5, 200), (2.0, 2, 500), (1.0, 1, 1000), (600.0, 600, 2), (50.0, 50, 20)];
        for (per_second, burst, one_every_ms) in cases {
            let bucket = Bucket::new(per_second);
            assert_eq!(passed(&bucket, START, burst + 10), burst, "{per_second}: a second's worth at once");
            let soon = START + one_every_ms;
            assert_eq!(passed(&bucket, soon - 1, 3), 0, "{per_second}: not yet");
            assert_eq!(passed(&bucket, soon, 3), 1, "{per_second}: one more");
            assert_eq!(passed(&bucket, soon + 60_000, burst + 10), burst, "{per_second}: no more than full");
        }
    }

    #[test]
    fn several_at_once() {
        let bucket = Bucket::new(5.0);
        let several = |calls, now_ms| bucket.take_several(calls, now_ms);
        assert_eq!([2, 2, 2, 1, 1].map(|calls| several(calls, START)), [true, true, false, true, false]);
        assert!(!several(2, START + 200) && several(2, START + 400));
        let slow = Bucket::new(0.5);
        assert!(slow.take_several(2, START) && !slow.take_several(1, START + 1_999));
        assert!(slow.take_several(2, START + 4_000), "all that it ever holds");
    }

    #[test]
    fn less_than_one_a_second_is_one_at_a_time() {
        let bucket = Bucket::new(0.25);
        assert_eq!(passed(&bucket, START, 5), 1);
        assert_eq!(passed(&bucket, START + 3_999, 5), 0);
        assert_eq!(passed(&bucket, START + 4_000, 5), 1);
    }

    #[test]
    fn a_long_run_passes_at_the_rate() {
        let bucket = Bucket::new(100.0);
        let passed: u32 = (0..10_000).map(|ms| passed(&bucket, START + ms, 2)).sum();
        assert!((1_090..=1_100).contains(&passed), "ten seconds and one burst: {passed}");
    }

    #[test]
    fn a_clock_set_back_does_not_shut_it() {
        let bucket = Bucket::new(5.0);
        assert_eq!(passed(&bucket, START, 10), 5);
        let back = START - 3_600_000;
        assert_eq!(passed(&bucket, back, 10), 5);
        assert_eq!(passed(&bucket, back + 1_000, 10), 5);
        // A caller that read the clock a moment before the others gets nothing extra.
        assert_eq!(passed(&bucket, back + 900, 10), 0);
    }

    #[test]
    fn extremes_do_no_harm() {
        for per_second in [0.0, -1.0, 1e-300, PER_SECOND_MIN] {
            assert_eq!(passed(&Bucket::new(per_second), START, 5), 1);
        }
        for per_second in [PER_SECOND_MAX, 1e300, f64::INFINITY] {
            assert_eq!(passed(&Bucket::new(per_second), START, 100_000), 100_000);
        }
        for now in [i64::MIN, i64::MAX, 0, -1] {
            passed(&Bucket::new(5.0), now, 10);
        }
    }

    #[test]
    fn threads_together_get_no_more() {
        let bucket = Bucket::new(1000.0);
        let passed: u32 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| passed(&bucket, START, 1_000))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 1000);
    }
}
