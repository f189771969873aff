//! Guesses at what somebody keeps secret: after some wrong ones in a row, the next has to wait, each time twice as long.
//!
//! They are counted in memory: whoever can restart the server has other ways.

use quick_cache::sync::Cache;
use wire::Timestamp;

/// Wrong guesses in a row that cost no time.
const FREE: u32 = 5;

/// The longest wait, in milliseconds: some 24 guesses a day remain, of a million codes.
const WAIT_MS_MAX: i64 = 60 * 60 * 1000;

/// Number of secrets whose guesses are remembered at the same time.
const REMEMBERED: usize = 10_000;

#[derive(Clone, Copy, Debug)]
struct Wrong {
    count: u32,
    /// In milliseconds since the epoch.
    until: i64,
}

/// Wrong guesses, by what they were at.
#[derive(Debug)]
pub(crate) struct Attempts(Cache<String, Wrong>);

impl Default for Attempts {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl Attempts {
    /// Has a guess at a secret checked, unless it comes too soon after wrong ones: those are wrong whatever they are.
    pub(crate) fn check<E>(
        &self,
        secret: &str,
        now: Timestamp,
        is_right: impl FnOnce() -> Result<bool, E>,
    ) -> Result<bool, E> {
        let wrong = self.0.get(secret).unwrap_or(Wrong { count: 0, until: i64::MIN });
        if now.0 < wrong.until {
            return Ok(false);
        }
        if is_right()? {
            self.0.remove(secret);
            return Ok(true);
        }
        let count = wrong.count.saturating_add(1);
        let wait = match count.checked_sub(FREE) {
            None => 0,
            Some(more) => {
                1000_i64.checked_shl(more).map_or(WAIT_MS_MAX, |wait| wait.clamp(1000, WAIT_MS_MAX))
            }
        };
        self.0.insert(secret.to_owned(), Wrong { count, until: now.0.saturating_add(wait) });
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_guesses_wait_twice_as_long_each_time_and_right_ones_end_that() {
        let attempts = Attempts::default();
        let guess = |at: i64, right: bool| {
            let mut checked = false;
            let answer = attempts.check("it", Timestamp(at), || {
                checked = true;
                Ok::<_, ()>(right)
            });
            (checked, answer.unwrap())
        };
        for _ in 0..FREE {
            assert_eq!(guess(0, false), (true, false));
        }
        let mut now = 0;
        for wait in [1000, 2000, 4000, 8000] {
            assert_eq!(guess(now + wait - 1, true), (false, false), "too soon, though right");
            now += wait;
            assert_eq!(guess(now, false), (true, false));
        }
        for _ in 0..80 {
            now += WAIT_MS_MAX;
            assert_eq!(guess(now, false), (true, false));
        }
        assert_eq!(guess(now + WAIT_MS_MAX - 1, true), (false, false));
        assert_eq!(guess(now + WAIT_MS_MAX, true), (true, true));
        assert_eq!(guess(now + WAIT_MS_MAX, false), (true, false));
        assert_eq!(guess(now + WAIT_MS_MAX, true), (true, true));
    }
}
