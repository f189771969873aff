//! Progress of what takes long, with an estimate, on standard error while that is a terminal.

use crate::Failure;
use std::fs::File;
use std::io::{self, IsTerminal as _, PipeReader, Read, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use store::{Inspector, LogId};

/// How often it is told.
const EVERY: Duration = Duration::from_millis(500);

/// What a journal and the tables keep beside a record or a row, in bytes, about.
const BESIDE: u64 = 200;

/// Work of which it is known, at least about, how much there is.
#[derive(Debug)]
pub(crate) struct Progress {
    doing: &'static str,
    total: u64,
    begun: Instant,
    to: To,
    state: Mutex<State>,
}

/// Where progress is told.
#[derive(Debug)]
enum To {
    Nobody,
    Terminal,
    /// A byte for each percent, to a command that shows it: a server has no terminal.
    Command(File),
}

#[derive(Debug)]
struct State {
    done: u64,
    percent: u64,
    told: Instant,
}

impl Progress {
    /// Begins work on `total` bytes, rows or whatever is counted.
    pub(crate) fn begin(doing: &'static str, total: u64) -> Self {
        Self::to(if io::stderr().is_terminal() { To::Terminal } else { To::Nobody }, doing, total)
    }

    /// Begins work for a command that watches it through a pipe, if it does.
    pub(crate) fn piped(pipe: Option<File>, total: u64) -> Self {
        Self::to(pipe.map_or(To::Nobody, To::Command), "", total)
    }

    fn to(to: To, doing: &'static str, total: u64) -> Self {
        let begun = Instant::now();
        Self { doing, total, begun, to, state: Mutex::new(State { done: 0, percent: 0, told: begun }) }
    }

    /// Notes that more is done.
    pub(crate) fn add(&self, more: u64) {
        let mut state = self.state();
        state.done = state.done.saturating_add(more);
        match &self.to {
            To::Nobody => {}
            To::Terminal => {
                let now = Instant::now();
                if now.duration_since(state.told) >= EVERY {
                    state.told = now;
                    show(&line(self.doing, state.done, self.total, now.duration_since(self.begun)));
                }
            }
            To::Command(pipe) => {
                let percent = percent(state.done, self.total);
                if percent > state.percent {
                    state.percent = percent;
                    // A hundred bytes at the most, which every pipe holds: whether anybody reads them makes no difference.
                    let _unread = (&*pipe).write(&[u8::try_from(percent).unwrap_or(100)]);
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the line away.
    pub(crate) fn end(&self) {
        if matches!(self.to, To::Terminal) && self.state().told > self.begun {
            clear();
        }
    }

    /// A reader whose bytes are counted.
    pub(crate) fn reading<R: Read>(&self, from: R) -> Counted<'_, R> {
        Counted { from, progress: self }
    }

    /// An inspector whose rows and records are counted.
    pub(crate) fn inspecting<I: Inspector>(&self, inspector: I) -> Inspected<'_, I> {
        Inspected { inspector, progress: self }
    }
}

/// The bytes of a store, in its directory.
pub(crate) fn store_bytes(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|found| found.len()).sum()
}

/// Work that another process or thread does, shown until this is dropped.
#[derive(Debug)]
pub(crate) struct Watching {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watching {
    /// Shows how far `done` has come of `total`.
    pub(crate) fn begin(doing: &'static str, total: u64, done: impl Fn() -> u64 + Send + 'static) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        if !io::stderr().is_terminal() {
            return Self { over, thread: None };
        }
        let (begun, until) = (Instant::now(), Arc::clone(&over));
        let thread = thread::spawn(move || {
            let mut shown = false;
            while !until.load(Ordering::Relaxed) {
                if begun.elapsed() >= EVERY {
                    show(&line(doing, done(), total, begun.elapsed()));
                    shown = true;
                }
                thread::sleep(EVERY / 10);
            }
            if shown {
                clear();
            }
        });
        Self { over, thread: Some(thread) }
    }

    /// Shows what a server writes into a pipe.
    pub(crate) fn pipe(doing: &'static str) -> Result<(Self, File), Failure> {
        let (reader, writer) = io::pipe()?;
        let percent = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&percent);
        thread::spawn(move || follow(reader, &seen));
        let watching = Self::begin(doing, 100, move || percent.load(Ordering::Relaxed));
        Ok((watching, File::from(std::os::fd::OwnedFd::from(writer))))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn follow(mut reader: PipeReader, percent: &AtomicU64) {
    let mut byte = [0];
    while let Ok(1) = reader.read(&mut byte) {
        percent.store(byte.first().copied().unwrap_or_default().into(), Ordering::Relaxed);
    }
}

fn show(line: &str) {
    // Whether anybody reads it makes no difference.
    let _unread = write!(io::stderr(), "\r{line:<70}");
}

fn clear() {
    let _unread = write!(io::stderr(), "\r{:<70}\r", "");
}

fn percent(done: u64, total: u64) -> u64 {
    let percent = (u128::from(done) * 100).checked_div(u128::from(total)).unwrap_or(100).min(100);
    u64::try_from(percent).unwrap_or(100)
}

/// `verifying: 42 %, 12 s left`.
fn line(doing: &str, done: u64, total: u64, passed: Duration) -> String {
    let done = done.min(total);
    let percent = percent(done, total);
    let left = passed.as_millis().saturating_mul(u128::from(total - done)).checked_div(u128::from(done));
    match left {
        Some(left) => format!("{doing}: {percent} %, {} s left", left.div_ceil(1000)),
        None => format!("{doing}: {percent} %"),
    }
}

/// A reader that notes how much was read.
#[derive(Debug)]
pub(crate) struct Counted<'a, R> {
    from: R,
    progress: &'a Progress,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.progress.add(read as u64);
        Ok(read)
    }
}

/// An inspector that notes how much was looked at.
#[derive(Debug)]
pub(crate) struct Inspected<'a, I> {
    inspector: I,
    progress: &'a Progress,
}

impl<I: Inspector> Inspector for Inspected<'_, I> {
    fn row(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        self.progress.add((key.len() + value.len()) as u64 + BESIDE);
        self.inspector.row(key, value)
    }

    fn record(&mut self, log: LogId, record: &[u8]) -> Result<String, String> {
        self.progress.add(record.len() as u64 + BESIDE);
        self.inspector.record(log, record)
    }

    fn stop(&self) -> bool {
        self.inspector.stop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_estimated_from_what_is_done() {
        let after = |done, total| line("x", done, total, Duration::from_secs(10));
        assert_eq!(after(0, 100), "x: 0 %");
        assert_eq!(after(25, 100), "x: 25 %, 30 s left");
        assert_eq!(after(100, 100), "x: 100 %, 0 s left");
        assert_eq!(after(200, 100), "x: 100 %, 0 s left");
        assert_eq!(after(0, 0), "x: 100 %");
        assert_eq!(after(u64::MAX, u64::MAX), "x: 100 %, 0 s left");
    }

    #[test]
    fn a_server_tells_each_percent_once() {
        let (mut reader, writer) = io::pipe().unwrap();
        let progress = Progress::piped(Some(File::from(std::os::fd::OwnedFd::from(writer))), 1000);
        for _ in 0..1000 {
            progress.add(1);
        }
        progress.add(1_000_000);
        drop(progress);
        let mut told = Vec::new();
        reader.read_to_end(&mut told).unwrap();
        assert_eq!(told, (1..=100).collect::<Vec<u8>>());
    }
}
