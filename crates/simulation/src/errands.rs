//! Work after the commit, in a process that ends between any two steps, at targets that answer, refuse, are slow or never do: all decided by
//! one seed.
//!
//! A service that is made for it keeps a row for each thing done; the targets lie outside of the process, and remember what they were asked.

use crate::chaos::{SIZES, Settled};
use crate::world::{ACCOUNT, REGION, Server, World, poll};
use platform::task::DeadLetter;
use platform::{
    AnyOperation, Attempt, Consumer, Cx, EVENTS, Event, Failure, Fault, Job, Log, LogEntry, Next, Outcome,
    Outside, Quota, Schedule, Service, ServiceQuotas, Table, Task, Timer, Worker,
};
use serde_json::{Value, json};
use simdisk::{Random, SimDisk};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::Embedded;
use wire::{Protocol, ServiceModel, ValidationStyle};

static QUOTAS: ServiceQuotas = ServiceQuotas {
    code: "ThrottlingException",
    message: "Rate exceeded",
    list: &[],
    rest: Quota::rest("rest", 1e6),
};

static MODEL: ServiceModel = ServiceModel {
    name: "errands",
    service_id: "Errands",
    endpoint_prefix: "errands",
    signing_name: "errands",
    api_version: "2026-11-21",
    target_prefix: Some("Errands"),
    protocols: &[Protocol::Json11],
    xml_namespace: None,
    global: false,
    validation: ValidationStyle::Json,
    query_compatible: false,
    errors: &[],
    operations: &[],
};

const LEASE_SECONDS: i64 = 60;

static WORKERS: [Worker; 1] = [Worker {
    lease: Duration::from_secs(LEASE_SECONDS.unsigned_abs()),
    schedule: Schedule {
        longest: Duration::from_secs(120),
        attempts_max: u32::MAX,
        age_max: Duration::MAX,
        ..Worker::new("errands", "run").schedule
    },
    ..Worker::new("errands", "run")
}];

/// The target that is down until the end.
const DOWN: usize = 0;

/// Each target has a lane of its own, and errands without one.
const TARGETS: usize = 4;

/// How often what was settled or done, by name.
const COUNTS: Table<u64> = Table::new("errands/counts");

/// What was settled in each lane, in order.
const SETTLED: Table<Vec<usize>> = Table::new("errands/settled");

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Tasks that were enqueued durably.
    pub enqueued: usize,
    /// How often targets were asked.
    pub asked: usize,
    /// How many of them were asked more than once.
    pub again: usize,
    /// Tasks that were given up, as the process ended too often.
    pub dead: usize,
    /// How often the process ended.
    pub crashes: usize,
    /// Ends while a look for tasks was under way.
    pub broken_off: usize,
}

/// The world outside of the process.
struct Targets {
    random: Random,
    /// What was asked, by lane, in order.
    asked: BTreeMap<String, Vec<usize>>,
    /// Nothing fails by chance any more.
    calm: bool,
    /// The target that was down is there again.
    healed: bool,
}

type Held = (Job, Box<dyn FnOnce(Attempt) + Send>);

/// Runs jobs as chance will have it.
struct Hands {
    targets: Arc<Mutex<Targets>>,
    held: Arc<Mutex<Vec<Held>>>,
}

impl Outside for Hands {
    fn start(&self, _: Duration, job: Job, done: Box<dyn FnOnce(Attempt) + Send>) {
        let chance = if lock(&self.targets).calm { 0 } else { lock(&self.targets).random.below(10) };
        match chance {
            0..5 => run((job, done)),
            5 => done(Err(Failure::new("Refused", "it refuses"))),
            6 => done(Err(Failure::new(Failure::TIMED_OUT, "too slow"))),
            // It is asked, and nobody hears the answer.
            7 => run((job, Box::new(|_| ()))),
            // Later, if the process lives on.
            8 => lock(&self.held).push((job, done)),
            _ => drop((job, done)),
        }
    }
}

fn run((job, done): Held) {
    let Job::Blocking(work) = job else { unreachable!("only such are made here") };
    done(work());
}

struct Errands {
    targets: Arc<Mutex<Targets>>,
    hears: Arc<Hears>,
}

struct Hears(Arc<Mutex<Targets>>);

impl Consumer for Hears {
    fn name(&self) -> &'static str {
        "errands/hears"
    }

    fn log(&self) -> Log {
        EVENTS
    }

    fn take(&self, cx: &mut Cx<'_>, entries: &[LogEntry]) -> Result<(), Fault> {
        fail_sometimes(&self.0)?;
        for entry in entries {
            count(cx, &format!("heard {}", Event::read(entry)?.detail))?;
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn count(cx: &mut Cx<'_>, name: &str) -> Result<(), Fault> {
    let so_far = COUNTS.get(&mut cx.tx, &[name])?.map_or(0, |count| *count);
    COUNTS.put(&mut cx.tx, &[name], &(so_far + 1))
}

fn fail_sometimes(targets: &Mutex<Targets>) -> Result<(), Fault> {
    let mut targets = lock(targets);
    if !targets.calm && targets.random.one_in(4) {
        return Err(Fault::unavailable("by chance"));
    }
    Ok(())
}

fn number(task: &Task) -> usize {
    task.subject.parse().unwrap()
}

fn lane_of(task: &Task) -> String {
    task.lane.clone().unwrap_or_default()
}

impl Service for Errands {
    fn model(&self) -> &'static ServiceModel {
        &MODEL
    }

    fn operations(self: Arc<Self>) -> Vec<Box<dyn AnyOperation>> {
        Vec::new()
    }

    fn quotas(&self) -> &'static ServiceQuotas {
        &QUOTAS
    }

    fn destroys(&self, _: &str) -> bool {
        false
    }

    fn due(&self, cx: &mut Cx<'_>, task: &Task) -> Result<(), Fault> {
        count(cx, &task.subject)?;
        cx.publish(&Event {
            id: task.subject.clone(),
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            time: cx.now().0,
            source: "aws.errands".to_owned(),
            detail_type: "Done".to_owned(),
            resources: Vec::new(),
            detail: json!(number(task)),
        })?;
        fail_sometimes(&self.targets)
    }

    fn workers(&self) -> &'static [Worker] {
        &WORKERS
    }

    fn begin(&self, _: &mut Cx<'_>, task: &Task) -> Result<Option<Job>, Fault> {
        fail_sometimes(&self.targets)?;
        let (targets, task) = (Arc::clone(&self.targets), task.clone());
        Ok(Some(Job::blocking(move || {
            let mut targets = lock(&targets);
            if !targets.healed && task.target.as_deref() == Some("0") {
                return Err(Failure::new("Down", "it is down"));
            }
            targets.asked.entry(lane_of(&task)).or_default().push(number(&task));
            Ok(Value::Null)
        })))
    }

    fn settle(&self, cx: &mut Cx<'_>, task: &Task, outcome: &Outcome) -> Result<Next, Fault> {
        match outcome {
            Outcome::Done(_) => {
                count(cx, &task.subject)?;
                let lane = lane_of(task);
                let mut settled =
                    SETTLED.get(&mut cx.tx, &[&lane])?.map_or_else(Vec::new, |so_far| so_far.to_vec());
                settled.push(number(task));
                SETTLED.put(&mut cx.tx, &[&lane], &settled)?;
                fail_sometimes(&self.targets)?;
                Ok(Next::Done)
            }
            Outcome::Failed(_) | Outcome::Over(_) => Ok(Next::Again),
        }
    }

    fn consumers(self: Arc<Self>) -> Vec<Arc<dyn Consumer>> {
        vec![Arc::clone(&self.hears) as _]
    }
}

type Looking = Pin<Box<dyn Future<Output = Result<(), Fault>>>>;

/// The call that enqueues, under way: whether it is durable.
type Enqueuing = Pin<Box<dyn Future<Output = bool>>>;

struct Run {
    random: Random,
    world: World,
    disk: SimDisk,
    targets: Arc<Mutex<Targets>>,
    held: Arc<Mutex<Vec<Held>>>,
    server: Option<Server<Settled>>,
    /// What is being enqueued: its number, and whether it is inside the store.
    enqueuing: Option<(usize, Enqueuing)>,
    looking: Option<Looking>,
    next: usize,
    /// Whether each is inside, by number.
    tasks: BTreeMap<usize, bool>,
    durable: BTreeSet<usize>,
    report: Report,
}

/// Runs errands through so many steps, and holds them to what is promised.
pub fn run_errands(seed: u64, steps: usize) -> Report {
    let mut random = Random(seed);
    let (world, disk) = (World::new(random.draw()), SimDisk::new(random.draw()));
    let targets =
        Targets { random: Random(random.draw()), asked: BTreeMap::new(), calm: false, healed: false };
    let mut run = Run {
        random,
        world,
        disk,
        targets: Arc::new(Mutex::new(targets)),
        held: Arc::default(),
        server: None,
        enqueuing: None,
        looking: None,
        next: 0,
        tasks: BTreeMap::new(),
        durable: BTreeSet::new(),
        report: Report::default(),
    };
    run.start();
    for _ in 0..steps {
        run.step();
    }
    run.end()
}

impl Run {
    fn start(&mut self) {
        let engine = Embedded::open_on(Arc::new(self.disk.clone()), SIZES, self.world.witness()).unwrap();
        let hears = Arc::new(Hears(Arc::clone(&self.targets)));
        let service = Arc::new(Errands { targets: Arc::clone(&self.targets), hears });
        let hands = Hands { targets: Arc::clone(&self.targets), held: Arc::clone(&self.held) };
        self.server =
            Some(self.world.start_with(Settled(engine), vec![service as _], Some(Arc::new(hands) as _)));
    }

    fn server(&mut self) -> &mut Server<Settled> {
        self.server.as_mut().unwrap()
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..15 if self.enqueuing.is_none() => self.enqueue(),
            0..30 => self.go_on(),
            30..60 => {
                if self.looking.is_none() {
                    let deployment = Arc::clone(&self.server().deployment);
                    self.looking = Some(Box::pin(async move { deployment.run_due_tasks().await }));
                }
                self.look_on();
            }
            60..88 => {
                let most = 1 + self.random.below(2) as usize;
                self.server().stepper.step(most);
            }
            88..93 => self.world.pass(self.random.below(40) as i64),
            93..96 => {
                let held = lock(&self.held).pop();
                held.into_iter().for_each(run);
            }
            96 => self.crash(),
            _ => self.look_on(),
        }
    }

    /// Something is to be done: inside, outside, or outside and in a lane.
    fn enqueue(&mut self) {
        let n = self.next;
        self.next += 1;
        let target = self.random.below(TARGETS as u64).to_string();
        let timer = Timer {
            at: self.world.now().0,
            service: "errands".to_owned(),
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            task: "run".to_owned(),
            subject: n.to_string(),
        };
        let inside = self.random.one_in(3);
        self.tasks.insert(n, inside);
        let task =
            Task { outside: !inside, ..Task::from(timer) }.named(&format!("errand-{n}")).aimed_at(&target);
        let task = if !inside && self.random.one_in(2) { task.in_lane(&target) } else { task };
        let writing = self.server().write(|tx| task.enqueue(tx));
        self.enqueuing = Some((n, writing));
        self.go_on();
    }

    fn go_on(&mut self) {
        if let Some((n, writing)) = &mut self.enqueuing
            && let Some(written) = poll(writing.as_mut())
        {
            if written {
                self.durable.insert(*n);
            } else {
                // It met a change of its lane, and a caller would begin anew.
                self.tasks.remove(n);
            }
            self.enqueuing = None;
        }
    }

    fn look_on(&mut self) {
        if let Some(looking) = &mut self.looking
            && poll(looking.as_mut()).is_some()
        {
            self.looking = None;
        }
    }

    /// The process ends, whatever it was doing, and half of the time so does the computer.
    fn crash(&mut self) {
        self.report.crashes += 1;
        self.report.broken_off += usize::from(self.looking.is_some());
        self.disk = if self.random.one_in(2) { self.disk.kill() } else { self.disk.crash() };
        (self.enqueuing, self.looking, self.server) = (None, None, None);
        lock(&self.held).clear();
        self.start();
    }

    /// Time passes, and all is done that can be.
    fn settle_down(&mut self) {
        for _ in 0..60 {
            self.world.pass(LEASE_SECONDS + 1);
            let held = std::mem::take(&mut *lock(&self.held));
            held.into_iter().for_each(run);
            for _ in 0..3 {
                let deployment = Arc::clone(&self.server().deployment);
                let _failed = self.server().finish(Box::pin(async move { deployment.run_due_tasks().await }));
            }
        }
    }

    fn waiting(&mut self) -> Vec<Task> {
        self.server().read(|tx| {
            let mut tasks = Task::inside(tx, None, usize::MAX)?.tasks;
            tasks.extend(Task::outside(tx, None, usize::MAX)?.tasks);
            tasks.extend(Task::in_lanes(tx, None, usize::MAX)?.tasks);
            Ok(tasks)
        })
    }

    fn end(mut self) -> Report {
        self.crash();
        // Everything answers now but for the one target, which holds up nothing else.
        lock(&self.targets).calm = true;
        self.settle_down();
        let down = DOWN.to_string();
        let left = self.waiting();
        assert!(left.iter().all(|task| task.target.as_ref() == Some(&down)), "a dead target delays others");
        lock(&self.targets).healed = true;
        self.settle_down();
        assert_eq!(self.waiting(), [], "what waits comes to its end once targets are there again");
        let dead: BTreeSet<usize> = self
            .server()
            .read(|tx| DeadLetter::list(tx, None, usize::MAX))
            .iter()
            .map(|(_, letter)| number(&letter.task))
            .collect();
        let tasks = self.tasks.clone();
        for (n, inside) in &tasks {
            let (subject, heard) = (n.to_string(), format!("heard {n}"));
            let counts = self.server().read(|tx| {
                Ok([COUNTS.get(tx, &[&subject])?, COUNTS.get(tx, &[&heard])?]
                    .map(|count| count.map_or(0, |count| *count)))
            });
            let there = self.durable.contains(n);
            assert!(counts[0] <= 1, "{n} took effect {} times", counts[0]);
            assert!(!there || counts[0] == 1 || dead.contains(n), "{n} was lost");
            assert!(!(counts[0] == 1 && dead.contains(n)), "{n} is done and dead");
            assert_eq!(counts[1], if *inside { counts[0] } else { 0 }, "{n} was heard {} times", counts[1]);
        }
        let asked = lock(&self.targets).asked.clone();
        for (lane, asked) in &asked {
            self.report.asked += asked.len();
            let settled = self.server().read(|tx| SETTLED.get(tx, &[lane]));
            let settled = settled.map_or_else(Vec::new, |settled| settled.to_vec());
            assert!(settled.iter().all(|n| asked.contains(n)), "what was settled was done");
            let distinct: BTreeSet<_> = asked.iter().collect();
            self.report.again += asked.len() - distinct.len();
            if !lane.is_empty() {
                assert!(asked.is_sorted(), "lane {lane} was done as {asked:?}");
                assert!(settled.is_sorted(), "lane {lane} was settled as {settled:?}");
            }
        }
        self.report.enqueued = self.durable.len();
        self.report.dead = dead.len();
        self.report
    }
}
