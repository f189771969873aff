//! Calls of devices that may never return. PKCS#11 has no way to end one from outside, so it is made in a thread that is waited for only so
//! long and then left behind.
//!
//! A device that does not answer is not asked again at once: calls are refused until one of those left behind returns, or one that is let
//! through now and then is answered.

use crate::HsmError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many threads without work are kept.
const IDLE_MAX: usize = 16;

/// How many calls of one library may be left behind. No more are tried then before one of them returns.
const LEFT_MAX: usize = 64;

/// How long a device that does not answer is left alone.
pub(crate) const PAUSE: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce() + Send>;

/// Threads that wait for work.
static IDLE: Mutex<Vec<Sender<Job>>> = Mutex::new(Vec::new());

/// Watches over the calls of one library.
#[derive(Debug)]
pub(crate) struct Watch {
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Calls that nobody waits for any more.
    left: usize,
    /// When the next call is let through; none while the device answers.
    again: Option<Instant>,
}

/// What the waiting and the working thread know of each other.
struct Call<T> {
    /// Nobody waits any more.
    left: bool,
    result: Option<T>,
}

impl Watch {
    pub(crate) fn new(pause: Duration) -> Self {
        Self { pause, state: Mutex::default() }
    }

    /// Does work in another thread, and waits for it so long.
    pub(crate) fn wait<T: Send + 'static>(
        self: &Arc<Self>,
        limit: Duration,
        work: impl FnOnce() -> Result<T, HsmError> + Send + 'static,
    ) -> Result<T, HsmError> {
        if !self.lets_through() {
            return Err(HsmError::TimedOut);
        }
        let call = Arc::new(Mutex::new(Call { left: false, result: None }));
        let (done, waits) = channel();
        let (watch, working) = (Arc::clone(self), Arc::clone(&call));
        run(Box::new(move || {
            let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(HsmError::Nonsense));
            watch.answered(&working, result);
            // Nobody need be there.
            let _told = done.send(());
        }))?;
        // What it was told is in the call.
        let _told = waits.recv_timeout(limit);
        self.taken(&call)
    }

    fn lets_through(&self) -> bool {
        let mut state = lock(&self.state);
        match state.again {
            None => true,
            Some(at) if state.left < LEFT_MAX && Instant::now() >= at => {
                state.again = Instant::now().checked_add(self.pause);
                true
            }
            Some(_) => false,
        }
    }

    fn answered<T>(&self, call: &Mutex<Call<T>>, result: T) {
        let mut call = lock(call);
        let mut state = lock(&self.state);
        if call.left {
            state.left = state.left.saturating_sub(1);
        }
        state.again = None;
        drop(state);
        call.result = Some(result);
    }

    /// The result, if it is there; otherwise the call is left behind.
    fn taken<T>(&self, call: &Mutex<Call<Result<T, HsmError>>>) -> Result<T, HsmError> {
        let mut call = lock(call);
        if let Some(result) = call.result.take() {
            return result;
        }
        call.left = true;
        let mut state = lock(&self.state);
        state.left += 1;
        state.again = Instant::now().checked_add(self.pause);
        Err(HsmError::TimedOut)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has a thread do it: one without work, or a new one.
fn run(mut job: Job) -> Result<(), HsmError> {
    loop {
        let idle = lock(&IDLE).pop();
        let Some(idle) = idle else { break };
        match idle.send(job) {
            Ok(()) => return Ok(()),
            Err(unsent) => job = unsent.0,
        }
    }
    let (own, jobs) = channel();
    let thread = std::thread::Builder::new().name("hsm".to_owned());
    thread.spawn(move || serve(job, &own, &jobs)).map_err(|_| HsmError::NoThread)?;
    Ok(())
}

fn serve(first: Job, own: &Sender<Job>, jobs: &Receiver<Job>) {
    let mut job = first;
    loop {
        job();
        let mut idle = lock(&IDLE);
        if idle.len() >= IDLE_MAX {
            return;
        }
        idle.push(own.clone());
        drop(idle);
        match jobs.recv() {
            Ok(next) => job = next,
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);
    const SHORT: Duration = Duration::from_millis(5);

    fn watch(pause: Duration) -> Arc<Watch> {
        Arc::new(Watch::new(pause))
    }

    fn answers(watch: &Arc<Watch>) -> Result<u8, HsmError> {
        watch.wait(LONG, || Ok(7))
    }

    /// A call that does not return before the sender is dropped.
    fn hang(watch: &Arc<Watch>) -> Sender<()> {
        let (release, held) = channel::<()>();
        let hung = watch.wait(SHORT, move || {
            let _released = held.recv();
            Ok(())
        });
        assert!(matches!(hung, Err(HsmError::TimedOut)), "{hung:?}");
        release
    }

    /// Waits for what comes to pass in another thread.
    fn comes_to_pass(done: impl Fn() -> bool) {
        while !done() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_answers_is_waited_for() {
        let watch = watch(LONG);
        assert_eq!(answers(&watch).unwrap(), 7);
        let failed = watch.wait(LONG, || Err::<(), _>(HsmError::NoUser));
        assert!(matches!(failed, Err(HsmError::NoUser)));
        let broken = watch.wait::<()>(LONG, || panic!("as it is meant to"));
        assert!(matches!(broken, Err(HsmError::Nonsense)));
        assert_eq!(answers(&watch).unwrap(), 7);
    }

    #[test]
    fn while_one_hangs_others_are_refused_at_once_and_it_recovers() {
        let watch = watch(LONG);
        let release = hang(&watch);
        let asked = watch.wait(LONG, || -> Result<(), _> { panic!("it was not to be asked") });
        assert!(matches!(asked, Err(HsmError::TimedOut)));
        drop(release);
        comes_to_pass(|| lock(&watch.state).left == 0);
        assert_eq!(answers(&watch).unwrap(), 7);
    }

    #[test]
    fn one_that_never_returns_does_not_shut_it_for_ever() {
        let watch = watch(Duration::ZERO);
        let release = hang(&watch);
        assert_eq!(answers(&watch).unwrap(), 7, "let through to see");
        assert_eq!(lock(&watch.state).left, 1);
        drop(release);
        comes_to_pass(|| lock(&watch.state).left == 0);
    }

    #[test]
    fn only_so_many_are_left_behind() {
        let watch = watch(Duration::ZERO);
        let releases: Vec<_> = (0..LEFT_MAX).map(|_| hang(&watch)).collect();
        assert!(matches!(answers(&watch), Err(HsmError::TimedOut)));
        drop(releases);
        comes_to_pass(|| lock(&watch.state).left == 0);
        assert_eq!(answers(&watch).unwrap(), 7);
    }

    #[test]
    fn calls_are_apart() {
        let watch = watch(LONG);
        let (release, held) = channel::<()>();
        let waiting = {
            let watch = Arc::clone(&watch);
            std::thread::spawn(move || watch.wait(LONG, move || Ok(held.recv().is_err())))
        };
        for _ in 0..100 {
            assert_eq!(answers(&watch).unwrap(), 7);
        }
        drop(release);
        assert!(waiting.join().unwrap().unwrap());
    }
}
