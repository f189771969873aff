//! The time that is known to the store: what it has written down, and the machine's uptime since. The clock is believed only as far as it
//! agrees with that (`docs/decisions/0037-the-clock.md`).
//!
//! A clock can be set to anything, by a dead battery, a mistyped command or whoever answers NTP. What asks for permission goes by the clock
//! all the same; what destroys waits until clock and store agree, or an operator says that the clock is right.

use crate::clock::Uptime;
use crate::deployment::Deployment;
use platform::{Fault, TRAIL, Table, Task, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::Order;
use wire::Timestamp;

/// The one row of what is known.
const TIME: Table<Known> = Table::new("server/time");
const PATH: [&str; 1] = ["known"];

/// How far the clock may leap unless the operator chose otherwise: less than the shortest waiting period (7 days), and more than any mistake
/// of a time zone.
const LEAP_MAX: Duration = Duration::from_secs(24 * 3600);

/// So much uptime makes up for a leap of one: leaps add up, so that many small ones are no way around the bound.
const FORGIVEN_BY: i64 = 8;

/// How much time may pass before it is written down, in milliseconds. What a process that is killed forgets is at most that.
const WRITTEN_MS: i64 = 15 * 60 * 1000;

/// What is known of the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    /// The time, in milliseconds since the epoch.
    at: i64,
    /// The uptime of the machine then, in milliseconds, and its run.
    up: i64,
    boot: String,
    /// How far the clock was believed lately when it leapt ahead, in milliseconds times [`FORGIVEN_BY`].
    leapt: i64,
}

impl Known {
    fn new(at: i64, uptime: Uptime) -> Self {
        Self { at, up: uptime.millis, boot: uptime.boot, leapt: 0 }
    }

    /// Goes on by the uptime since, and to `now` if that is not too far ahead. Tells whether the clock is to be believed.
    fn observe(&mut self, now: i64, uptime: Uptime, leap_max: i64) -> bool {
        if uptime.boot == self.boot {
            let passed = uptime.millis.saturating_sub(self.up).max(0);
            self.at = self.at.saturating_add(passed);
            self.leapt = self.leapt.saturating_sub(passed).max(0);
        }
        (self.up, self.boot) = (uptime.millis, uptime.boot);
        let ahead = now.saturating_sub(self.at);
        if ahead <= 0 {
            return ahead >= -leap_max;
        }
        let leapt = self.leapt.saturating_add(ahead.saturating_mul(FORGIVEN_BY));
        let believed = leapt <= leap_max.saturating_mul(FORGIVEN_BY);
        if believed {
            (self.at, self.leapt) = (now, leapt);
        }
        believed
    }
}

/// What clock and store say of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The clock's time.
    pub clock: Timestamp,
    /// The time known to the store.
    pub known: Timestamp,
    /// Whether they disagree by so much that nothing irreversible is done.
    pub held: bool,
}

impl Moment {
    /// Whether something irreversible may be done that was to wait until `at`.
    pub(crate) fn allows(&self, at: i64) -> bool {
        !self.held && at <= self.known.0.min(self.clock.0)
    }
}

/// Keeps what is known of the time while a deployment runs.
pub(crate) struct TimeKeeper {
    leap_max: i64,
    /// None until it was first asked for.
    state: Mutex<Option<State>>,
    /// The time known when it was last looked at; the least number before that.
    known: AtomicI64,
}

struct State {
    known: Known,
    /// What is written down.
    written: Option<Known>,
    held: bool,
}

impl Default for TimeKeeper {
    fn default() -> Self {
        Self::new(LEAP_MAX)
    }
}

impl TimeKeeper {
    /// One that lets the clock leap so far.
    pub(crate) fn new(leap_max: Duration) -> Self {
        let leap_max = i64::try_from(leap_max.as_millis()).unwrap_or(i64::MAX);
        Self { leap_max, state: Mutex::default(), known: AtomicI64::new(i64::MIN) }
    }

    fn state(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deployment {
    /// What clock and store say of the time now.
    ///
    /// # Errors
    /// Unavailable, if what is written down cannot be read.
    pub fn moment(&self) -> Result<Moment, Fault> {
        let mut state = self.time.state();
        let state = match &mut *state {
            Some(state) => state,
            none => none.insert(self.read_time()?),
        };
        let (clock, uptime) = (self.clock.now(), self.clock.uptime());
        let held = !state.known.observe(clock.0, uptime, self.time.leap_max);
        let known = Timestamp(state.known.at);
        self.time.known.store(known.0, Ordering::Relaxed);
        if held != std::mem::replace(&mut state.held, held) {
            if held {
                tracing::warn!(
                    %clock, %known,
                    "the clock leapt: nothing that cannot be undone is done until it agrees again with what is known, or \
                     `fastness clock --confirm`"
                );
            } else {
                tracing::info!(%clock, %known, "the clock agrees with what is known: what was held back goes on");
            }
        }
        Ok(Moment { clock, known, held })
    }

    fn read_time(&self) -> Result<State, Fault> {
        let mut tx = Tx::begin(&self.store, &self.env.keyring);
        let uptime = self.clock.uptime();
        let written = TIME.get(&mut tx, &PATH)?.map(|known| Known::clone(&known));
        let known = match &written {
            Some(known) => known.clone(),
            // A store that has not written it down yet: its last record tells when it was last used.
            None => Known::new(last_record(&tx)?.unwrap_or_else(|| self.clock.now().0), uptime),
        };
        Ok(State { known, written, held: false })
    }

    /// From when waiting periods count: the time of the call, or that known to the store if it is later. So a clock that was set back does
    /// not make them shorter.
    pub(crate) fn waits_from(&self, now: Timestamp) -> Timestamp {
        let mut known = self.time.known.load(Ordering::Relaxed);
        if known == i64::MIN {
            // What cannot be read fails the call elsewhere.
            known = self.moment().map_or(known, |moment| moment.known.0);
        }
        now.max(Timestamp(known))
    }

    /// Whether a task may be done that is due by the clock.
    pub(crate) fn may_go_off(&self, task: &Task, moment: &Moment) -> bool {
        let hosted = self.hosted(&task.service);
        let destroys = hosted.is_none_or(|hosted| hosted.service.destroys(&task.timer.task));
        !destroys || moment.allows(task.at)
    }

    /// Writes down what is known, if enough time has passed since it was last done.
    pub(crate) async fn keep_time(&self) -> Result<(), Fault> {
        self.write_time(WRITTEN_MS).await
    }

    /// Writes down what is known, unless that was done less than so many milliseconds ago.
    pub(crate) async fn write_time(&self, age: i64) -> Result<(), Fault> {
        let known = {
            let state = self.time.state();
            let Some(state) = &*state else { return Ok(()) };
            let recent = |written: &Known| {
                written.boot == state.known.boot && (0..age).contains(&(state.known.at - written.at))
            };
            if state.written.as_ref().is_some_and(recent) {
                return Ok(());
            }
            state.known.clone()
        };
        let mut tx = Tx::begin(&self.store, &self.env.keyring);
        TIME.put(&mut tx, &PATH, &known)?;
        self.commit(tx).await?;
        if let Some(state) = &mut *self.time.state() {
            state.written = Some(known);
        }
        Ok(())
    }

    /// Believes the clock from now on, as an operator says that it is right.
    ///
    /// # Errors
    /// It could not be recorded: then nothing has changed.
    pub async fn confirm_clock(&self, by: Value) -> Result<Moment, Fault> {
        let before = self.moment()?;
        let known = Known::new(self.clock.now().0, self.clock.uptime());
        self.operate("ConfirmClock", |cx| {
            TIME.put(&mut cx.tx, &PATH, &known)?;
            let mut details = json!({
                "clock": Timestamp(known.at).rfc3339(),
                "known": before.known.rfc3339(),
                "held": before.held,
            });
            if let (Value::Object(details), Value::Object(by)) = (&mut details, &by) {
                details.extend(by.clone());
            }
            Ok(((), details))
        })
        .await?;
        if let Some(state) = &mut *self.time.state() {
            (state.known, state.written) = (known.clone(), Some(known));
        }
        self.moment()
    }
}

/// When the newest record of the trail was made; none if there is none.
fn last_record(tx: &Tx<'_>) -> Result<Option<i64>, Fault> {
    let (first, next) = tx.log_bounds(TRAIL);
    if first == next {
        return Ok(None);
    }
    let newest = tx.read_log(TRAIL, next - 1, Order::Reverse, 1)?.pop();
    let record = newest.and_then(|entry| serde_json::from_slice::<Value>(&entry.bytes).ok());
    let time = record.as_ref().and_then(|record| record.get("eventTime")).and_then(Value::as_str);
    Ok(time.and_then(|time| Timestamp::parse_rfc3339(time).ok()).map(|time| time.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const BOUND: i64 = 24 * HOUR;

    fn up(boot: &str, millis: i64) -> Uptime {
        Uptime { boot: boot.to_owned(), millis }
    }

    /// Known at 0, when the machine `a` had been up for 0.
    fn known() -> Known {
        Known::new(0, up("a", 0))
    }

    #[test]
    fn time_goes_on_by_uptime_whatever_the_clock_says() {
        for clock in [-1000 * HOUR, 9 * 24 * HOUR, i64::MAX, i64::MIN] {
            let mut known = known();
            assert!(!known.observe(clock, up("a", HOUR), BOUND));
            assert_eq!(known.at, HOUR);
            // It agrees again.
            assert!(known.observe(2 * HOUR, up("a", 2 * HOUR), BOUND));
            assert_eq!(known.at, 2 * HOUR);
        }
    }

    #[test]
    fn an_honest_clock_is_believed_however_long_nobody_looked() {
        let mut known = known();
        assert!(
            known.observe(10 * 24 * HOUR, up("a", 10 * 24 * HOUR), BOUND),
            "suspended, sealed or stopped"
        );
        assert!(known.observe(10 * 24 * HOUR + 2 * HOUR, up("b", 5), BOUND), "the machine was started anew");
        assert_eq!(known.at, 10 * 24 * HOUR + 2 * HOUR);
    }

    #[test]
    fn after_a_long_time_without_power_only_somebody_else_can_tell() {
        let mut known = known();
        assert!(!known.observe(10 * 24 * HOUR, up("b", HOUR), BOUND));
        assert_eq!(known.at, 0, "what another machine was up says nothing");
        assert!(!known.observe(10 * 24 * HOUR + HOUR, up("b", 2 * HOUR), BOUND));
        assert_eq!(known.at, HOUR);
    }

    #[test]
    fn small_steps_are_believed_and_add_up() {
        let mut known = known();
        assert!(known.observe(20 * HOUR, up("a", 0), BOUND));
        assert!(!known.observe(25 * HOUR, up("a", 0), BOUND), "25 hours in two leaps");
        assert!(known.observe(24 * HOUR, up("a", 0), BOUND));
        // Eight hours make up for one.
        assert!(!known.observe(32 * HOUR + HOUR + 1, up("a", 8 * HOUR), BOUND));
        assert!(known.observe(32 * HOUR + HOUR, up("a", 8 * HOUR), BOUND));
        assert_eq!(known.at, 33 * HOUR);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_take_time_back() {
        let mut known = known();
        assert!(known.observe(10 * HOUR, up("a", 10 * HOUR), BOUND));
        assert!(known.observe(0, up("a", 10 * HOUR), BOUND), "within the bound");
        assert_eq!(known.at, 10 * HOUR);
        assert!(!known.observe(-15 * HOUR, up("a", 10 * HOUR), BOUND));
        assert_eq!(known.at, 10 * HOUR);
        let behind = Moment { clock: Timestamp(0), known: Timestamp(10 * HOUR), held: false };
        assert!(behind.allows(0) && !behind.allows(1));
    }
}
