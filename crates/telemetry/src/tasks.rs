//! Counts of tasks, by worker, and how far behind logs those are who follow them.

use crate::page::Page;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Tasks that reach outside of the store, and what follows logs. All names are those of the program, so that there are only so many.
#[derive(Debug, Default)]
pub struct Tasks {
    workers: Mutex<BTreeMap<(&'static str, &'static str), Worker>>,
    behind: Mutex<BTreeMap<&'static str, u64>>,
    dead: AtomicU64,
}

/// What became of a task with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskOutcome {
    /// It is done, or goes on with its next step.
    Done,
    /// It is tried again.
    Again,
    /// It is not tried again.
    Dead,
}

#[derive(Clone, Copy, Debug, Default)]
struct Worker {
    due: usize,
    late: Duration,
    running: usize,
    done: u64,
    again: u64,
    dead: u64,
}

impl Tasks {
    /// Notes what a look for a worker's due tasks found: how many (up to the most that one look reads), how long the first has been due,
    /// and how many attempts run.
    pub fn found(&self, worker: (&'static str, &'static str), due: usize, late: Duration, running: usize) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let worker = workers.entry(worker).or_default();
        (worker.due, worker.late, worker.running) = (due, late, running);
    }

    /// Notes what became of a task. Of what is no known worker's nothing is noted.
    pub fn ended(&self, service: &str, kind: &str, outcome: TaskOutcome) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let found = workers.iter_mut().find(|((of, name), _)| *of == service && *name == kind);
        if let Some((_, worker)) = found {
            *match outcome {
                TaskOutcome::Done => &mut worker.done,
                TaskOutcome::Again => &mut worker.again,
                TaskOutcome::Dead => &mut worker.dead,
            } += 1;
        }
    }

    /// Notes how many tasks are kept that are not tried again.
    pub fn dead(&self, letters: usize) {
        self.dead.store(letters as u64, Relaxed);
    }

    /// Notes how many entries of its log a consumer has not been given yet.
    pub fn behind(&self, consumer: &'static str, entries: u64) {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner).insert(consumer, entries);
    }

    pub(crate) fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let labels =
            |(service, task): &(&'static str, &'static str)| [("service", *service), ("task", *task)];
        page.gauges(
            "fastness_tasks_due",
            "Tasks outside of the store that are due and do not run, as of the last look",
            workers.iter().map(|(name, worker)| (labels(name), worker.due as u64)),
        )?;
        page.gauges(
            "fastness_tasks_late_seconds",
            "How long the first of them had been due",
            workers.iter().map(|(name, worker)| (labels(name), worker.late.as_secs())),
        )?;
        page.gauges(
            "fastness_tasks_running",
            "Attempts at tasks outside of the store that run",
            workers.iter().map(|(name, worker)| (labels(name), worker.running as u64)),
        )?;
        page.counters(
            "fastness_tasks_attempts",
            "Attempts at tasks outside of the store, by what became of the task",
            workers.iter().flat_map(|((service, task), worker)| {
                let counts = [("done", worker.done), ("again", worker.again), ("dead", worker.dead)];
                counts.map(|(outcome, count)| {
                    ([("service", *service), ("task", *task), ("outcome", outcome)], count)
                })
            }),
        )?;
        page.gauge(
            "fastness_tasks_dead",
            "Tasks that are not tried again and are kept for operators",
            self.dead.load(Relaxed),
        )?;
        let behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner).clone();
        page.gauges(
            "fastness_log_entries_behind",
            "Entries of a log that one who follows it has not been given yet",
            behind.into_iter().map(|(consumer, entries)| ([("consumer", consumer)], entries)),
        )
    }
}
