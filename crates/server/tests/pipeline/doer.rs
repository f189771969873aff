//! A service whose tasks and targets do what they are told.

use platform::{
    AnyOperation, As, Attempt, Consumer, Cx, EVENTS, Event, Failure, Fault, Job, Log, LogEntry, Next,
    Outcome, Outside, Quota, Schedule, Service, ServiceQuotas, Table, Task, Worker,
};
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wire::{Protocol, ServiceModel, ValidationStyle};

static QUOTAS: ServiceQuotas = ServiceQuotas {
    code: "ThrottlingException",
    message: "Rate exceeded",
    list: &[],
    rest: Quota::rest("rest", 1e6),
};

static MODEL: ServiceModel = ServiceModel {
    name: "doer",
    service_id: "Doer",
    endpoint_prefix: "doer",
    signing_name: "doer",
    api_version: "2026-11-21",
    target_prefix: Some("Doer"),
    protocols: &[Protocol::Json11],
    xml_namespace: None,
    global: false,
    validation: ValidationStyle::Json,
    query_compatible: false,
    errors: &[],
    operations: &[],
};

pub(crate) const LEASE_MS: i64 = 60_000;

static WORKERS: [Worker; 1] = [Worker {
    lease: Duration::from_millis(LEASE_MS.unsigned_abs()),
    schedule: Schedule { attempts_max: 4, ..Worker::new("doer", "reach").schedule },
    ..Worker::new("doer", "reach")
}];

/// How often what was done for a subject.
pub(crate) const DONE: Table<u64> = Table::new("doer/done");

/// Does as the kinds and subjects of its tasks say.
#[derive(Default)]
pub(crate) struct Doer {
    /// What its targets were asked, in that order.
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    /// What was settled, in that order.
    pub(crate) settled: Mutex<Vec<String>>,
    /// What a target that is down does.
    pub(crate) up: Arc<AtomicBool>,
    pub(crate) heard: Arc<Hearer>,
}

#[derive(Default)]
pub(crate) struct Hearer {
    pub(crate) heard: Mutex<Vec<u64>>,
    /// Panics at this position, until it is told otherwise.
    pub(crate) panics_at: Mutex<Option<u64>>,
}

impl Consumer for Hearer {
    fn name(&self) -> &'static str {
        "doer/hearer"
    }

    fn log(&self) -> Log {
        EVENTS
    }

    fn take(&self, cx: &mut Cx<'_>, entries: &[LogEntry]) -> Result<(), Fault> {
        let panics_at = *lock(&self.panics_at);
        for entry in entries {
            assert_ne!(Some(entry.position), panics_at, "as it is meant to");
            let event = Event::read(entry)?;
            count(cx, &event.detail_type)?;
        }
        lock(&self.heard).extend(entries.iter().map(|entry| entry.position));
        Ok(())
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn count(cx: &mut Cx<'_>, subject: &str) -> Result<(), Fault> {
    let so_far = DONE.get(&mut cx.tx, &[subject])?.map_or(0, |count| *count);
    DONE.put(&mut cx.tx, &[subject], &(so_far + 1))
}

impl Service for Doer {
    fn model(&self) -> &'static ServiceModel {
        &MODEL
    }

    fn operations(self: Arc<Self>) -> Vec<Box<dyn AnyOperation>> {
        Vec::new()
    }

    fn quotas(&self) -> &'static ServiceQuotas {
        &QUOTAS
    }

    fn destroys(&self, task: &str) -> bool {
        task == "destroy"
    }

    fn due(&self, cx: &mut Cx<'_>, task: &Task) -> Result<(), Fault> {
        count(cx, &task.subject)?;
        match task.timer.task.as_str() {
            "count" => Ok(()),
            "fail" if self.up.load(Ordering::Relaxed) => Ok(()),
            "fail" => Err(Fault::unavailable("it is down")),
            "call" => {
                let input =
                    kms::api::DescribeKeyRequest { key_id: task.subject.clone(), ..Default::default() };
                let identity = As::Service {
                    source_arn: "arn:aws:doer:us-east-1:111122223333:x",
                    source_account: "111122223333",
                };
                cx.call::<kms::api::ops::DescribeKey>(identity, &input).map(drop)
            }
            _ => panic!("as it is meant to"),
        }
    }

    fn workers(&self) -> &'static [Worker] {
        &WORKERS
    }

    fn begin(&self, _: &mut Cx<'_>, task: &Task) -> Result<Option<Job>, Fault> {
        let (subject, step) = (task.subject.clone(), task.payload["step"].as_u64());
        let (asked, up) = (Arc::clone(&self.asked), Arc::clone(&self.up));
        match task.target.as_deref() {
            Some("nothing") => return Ok(None),
            Some("refuses to begin") => return Err(Fault::new("NotNow", "It does not begin.")),
            _ => {}
        }
        let target = task.target.clone().unwrap_or_default();
        Ok(Some(Job::blocking(move || {
            lock(&asked)
                .push(format!("{subject}{}", step.map(|step| format!(" {step}")).unwrap_or_default()));
            match target.as_str() {
                "panics" => panic!("as it is meant to"),
                "is down" if !up.load(Ordering::Relaxed) => Err(Failure::new("Down", "it is down")),
                "says no" => Err(Failure::new("No", "never").permanent()),
                _ => Ok(json!(step.unwrap_or(0))),
            }
        })))
    }

    fn settle(&self, cx: &mut Cx<'_>, task: &Task, outcome: &Outcome) -> Result<Next, Fault> {
        assert_ne!(task.target.as_deref(), Some("cannot be settled"), "as it is meant to");
        let (word, next) = match outcome {
            Outcome::Done(Value::Number(step))
                if step.as_u64().is_some_and(|step| (1..3).contains(&step)) =>
            {
                let step = step.as_u64().unwrap() + 1;
                ("step", Next::Step { payload: json!({ "step": step }), at: cx.now().0 })
            }
            Outcome::Done(_) => ("done", Next::Done),
            Outcome::Failed(_) => ("failed", Next::Again),
            Outcome::Over(_) => ("over", Next::Again),
        };
        count(cx, &task.subject)?;
        lock(&self.settled).push(format!("{} {word}", task.subject));
        Ok(next)
    }

    fn consumers(self: Arc<Self>) -> Vec<Arc<dyn Consumer>> {
        vec![Arc::clone(&self.heard) as _]
    }
}

/// Runs jobs when it is told to.
#[derive(Default)]
pub(crate) struct Hands {
    holds: AtomicBool,
    held: Mutex<Vec<Begun>>,
}

pub(crate) type Begun = (Job, Box<dyn FnOnce(Attempt) + Send>);

impl Outside for Hands {
    fn start(&self, _: Duration, job: Job, done: Box<dyn FnOnce(Attempt) + Send>) {
        if self.holds.load(Ordering::Relaxed) {
            lock(&self.held).push((job, done));
        } else {
            run((job, done));
        }
    }
}

impl Hands {
    /// From now on jobs are held back.
    pub(crate) fn hold(&self) {
        self.holds.store(true, Ordering::Relaxed);
    }

    /// Jobs that were held back.
    pub(crate) fn take(&self) -> Vec<Begun> {
        self.holds.store(false, Ordering::Relaxed);
        std::mem::take(&mut *lock(&self.held))
    }
}

pub(crate) fn run((job, done): Begun) {
    let Job::Blocking(work) = job else { panic!("its jobs block") };
    let panicked = |_| Err(Failure::new(Failure::PANICKED, "it panicked"));
    done(catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked));
}
