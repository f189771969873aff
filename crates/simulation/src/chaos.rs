//! Many clients at once, on a disk that fails, in a process that is killed, in a time that jumps: all decided by one seed.

use crate::action::Signature;
use crate::clients::Clients;
use crate::ledger::Ledger;
use crate::look;
use crate::model::Call;
use crate::request::{Request, error};
use crate::world::{Calling, Credentials, Server, World, poll};
use http::request::Parts;
use platform::Fault;
use simdisk::{Failure, Random, SimDisk};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::pin::Pin;
use std::sync::Arc;
use store::{Embedded, Engine, EngineStats, Group, Logs, Room, Sizes, Snapshot, StoreError};
use wire::Answer;

/// How many calls can be under way at once.
const CLIENTS: usize = 6;

/// So small that segments of the journal end and checkpoints happen all the time.
pub(crate) const SIZES: Sizes =
    Sizes { segment_bytes: 24 << 10, changed_bytes: 8 << 10, table_cache_bytes: 1 << 20, reserve_bytes: 1 };

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Stands for all answers, records and crashes in their order.
    pub trace: u64,
    /// Calls that were answered, other than as unavailable.
    pub acknowledged: usize,
    /// Calls that were answered as unavailable, or never.
    pub lost: usize,
    /// How often the process ended without warning.
    pub crashes: usize,
    /// How often it was stopped.
    pub stops: usize,
    /// How often the disk filled up and room was made again.
    pub fillings: usize,
}

/// The engine of a data directory, doing nothing in the background.
pub(crate) struct Settled(pub(crate) Embedded);

impl Engine for Settled {
    fn version(&self) -> u64 {
        self.0.version()
    }

    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.0.snapshot()
    }

    fn logs(&self) -> Arc<dyn Logs> {
        self.0.logs()
    }

    fn commit(&mut self, group: &Group, oldest: u64) -> Result<(), StoreError> {
        self.0.commit(group, oldest)?;
        self.0.settle()
    }

    fn room(&self) -> Room {
        self.0.room()
    }

    fn stats(&self) -> Box<dyn Fn() -> EngineStats + Send + Sync> {
        self.0.stats()
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.0.close()
    }
}

type Timers = Pin<Box<dyn Future<Output = Result<(), Fault>>>>;

struct Chaos {
    random: Random,
    world: World,
    disk: SimDisk,
    server: Option<Server<Settled>>,
    clients: Clients,
    ledger: Ledger,
    under_way: BTreeMap<String, Calling>,
    timers: Option<Timers>,
    /// Something on the disk has failed, or is to fail.
    failing: bool,
    /// There is no room on the disk.
    full: bool,
    /// Calls that were under way when there was none.
    unlucky: BTreeSet<String>,
    made: usize,
    trace: DefaultHasher,
    report: Report,
}

/// Runs a deployment through so many steps.
pub fn run(seed: u64, steps: usize) -> Report {
    let mut random = Random(seed);
    let (world, disk) = (World::new(random.draw()), SimDisk::new(random.draw()));
    let server = Some(
        world.start(Settled(Embedded::open_on(Arc::new(disk.clone()), SIZES, world.witness()).unwrap())),
    );
    let mut chaos = Chaos {
        random,
        world,
        disk,
        server,
        clients: Clients::default(),
        ledger: Ledger::default(),
        under_way: BTreeMap::new(),
        timers: None,
        failing: false,
        full: false,
        unlucky: BTreeSet::new(),
        made: 0,
        trace: DefaultHasher::new(),
        report: Report::default(),
    };
    for _ in 0..steps {
        chaos.step();
    }
    chaos.end()
}

impl Chaos {
    fn step(&mut self) {
        match self.random.below(200) {
            0..60 if self.under_way.len() < CLIENTS => self.begin(),
            0..110 => self.go_on(),
            110..170 => {
                let waiting = self.server().stepper.waiting() as u64;
                let most = 1 + self.random.below(waiting.max(1)) as usize;
                self.server().stepper.step(most);
                self.read();
            }
            170..180 => self.world.pass(self.random.below(120) as i64),
            180..183 => self.world.pass([3600, 7 * 86_400, 90 * 86_400][self.random.below(3) as usize]),
            183..190 if self.timers.is_none() => {
                let deployment = Arc::clone(&self.server().deployment);
                self.timers = Some(Box::pin(async move { deployment.run_due_tasks().await }));
            }
            190..195 if self.failing && self.random.one_in(2) => self.crash(),
            195..197 => {
                let failures = [Failure::PowerCut, Failure::Killed, Failure::IoError, Failure::DiskFull];
                let failure = failures[self.random.below(4) as usize];
                self.disk.fail_after(self.random.below(60), failure);
                self.failing = true;
            }
            197 => self.crash(),
            199 if self.random.one_in(2) => self.fill_or_empty(),
            198 if self.random.one_in(2) => self.stop(),
            _ => self.go_on(),
        }
    }

    fn server(&mut self) -> &mut Server<Settled> {
        self.server.as_mut().unwrap()
    }

    /// The disk fills up, or somebody makes room: then everything goes on without a new start.
    fn fill_or_empty(&mut self) {
        self.full = !self.full;
        self.ledger.lacked_room = true;
        self.disk.set_free(if self.full { 0 } else { u64::MAX });
        if !self.full {
            self.unlucky.extend(self.under_way.keys().cloned());
            let failing = self.failing;
            assert!(self.server().deployment.watch_room() || failing);
            self.report.fillings += 1;
        }
    }

    /// A client makes a call, valid or not.
    fn begin(&mut self) {
        self.made += 1;
        let mark = format!("call-{}", self.made);
        let random = &mut self.random;
        let mut dice = |bound: usize| random.below(bound.max(1) as u64) as usize;
        let action = self.clients.action(&mut dice, self.world.now().0);
        let (by, credentials) = self.clients.caller(&action, &mut dice);
        let request = action.request();
        let (call, parts, body) = if dice(8) == 7 {
            let (parts, body) = self.malformed(&request, &credentials, &mark);
            (None, parts, body)
        } else {
            let now = self.world.now();
            let (parts, body) = request.sign(&credentials, now, &mark);
            (Some(Call { action, by, now: now.0, waits_from: now.0 }), parts, body)
        };
        let end = self.server().trail_end();
        self.ledger.begin(mark.clone(), call, end);
        let calling = self.server().begin(parts, body);
        self.under_way.insert(mark.clone(), calling);
        self.go_on_with(&mark);
    }

    /// What is no valid call, whoever signs it.
    fn malformed(&mut self, request: &Request, by: &Credentials, mark: &str) -> (Parts, Vec<u8>) {
        let now = self.world.now();
        let mut broken = request.body().to_vec();
        // No text, in any protocol.
        let at = self.random.below(broken.len() as u64) as usize;
        broken[at] = 0xff;
        match self.random.below(5) {
            // A change after the signature.
            0 => (request.sign(by, now, mark).0, broken),
            1 => request.clone().with_body([b"\xff", broken.as_slice()].concat()).sign(by, now, mark),
            2 => {
                let (mut parts, body) = request.sign(by, now, mark);
                parts.headers.remove("authorization");
                (parts, body)
            }
            3 => {
                let stranger = Credentials { secret: "x".repeat(40), ..by.clone() };
                request.sign(&stranger, now, mark)
            }
            _ => {
                let (parts, body) = request.sign(by, wire::Timestamp(now.0 - 3_600_000), mark);
                (parts, body)
            }
        }
    }

    /// Something under way goes on.
    fn go_on(&mut self) {
        if let Some(timers) = &mut self.timers
            && self.random.one_in(3)
        {
            if let Some(done) = poll(timers.as_mut()) {
                self.timers = None;
                if let Err(fault) = done {
                    // One that began while the disk was full may only now be told of it.
                    let lucky =
                        !(self.failing || self.full || fault.for_operator().contains("the disk is full"));
                    assert!(!lucky, "a timer failed: {}", fault.for_operator());
                }
            }
            return;
        }
        if !self.under_way.is_empty() {
            let which = self.random.below(self.under_way.len() as u64) as usize;
            let mark = self.under_way.keys().nth(which).unwrap().clone();
            self.go_on_with(&mark);
        }
    }

    fn go_on_with(&mut self, mark: &str) {
        let Some(answer) = poll(self.under_way.get_mut(mark).unwrap().as_mut()) else { return };
        self.under_way.remove(mark);
        self.answered(mark, &answer);
    }

    fn answered(&mut self, mark: &str, answer: &Answer) {
        (mark, answer.status).hash(&mut self.trace);
        if !self.ledger.is_by_chance(mark) {
            answer.body.hash(&mut self.trace);
        }
        let text = String::from_utf8_lossy(&answer.body);
        assert_ne!(answer.status, 500, "{mark}: {text}");
        if answer.status == 503 {
            assert!(self.failing || self.full || self.unlucky.contains(mark), "{mark}: {text}");
            self.ledger.unanswered(mark);
            self.report.lost += 1;
            return;
        }
        self.report.acknowledged += 1;
        let (call, before) = self.ledger.answered(mark, error(answer).as_deref());
        if let Some(call) = call.filter(|_| answer.status < 300) {
            self.clients.check(&call.action, &before, answer);
            self.clients.learn(&call.action, &before, call.now, answer);
        }
    }

    /// Reads what is new in the trail.
    fn read(&mut self) {
        let server = self.server.as_ref().unwrap();
        assert!(server.trail_end() >= self.ledger.read, "records are gone");
        for entry in server.trail(self.ledger.read) {
            entry.bytes.hash(&mut self.trace);
            self.ledger.read(entry.position, &serde_json::from_slice(&entry.bytes).unwrap());
        }
    }

    /// The process ends, whatever it was doing, and half of the time so does the computer.
    fn crash(&mut self) {
        self.report.crashes += 1;
        self.report.lost += self.under_way.len();
        let disk = self.after_failure();
        self.drop_all();
        self.disk = disk;
        self.restart();
    }

    /// The process is told to stop: what waits is committed and answered.
    fn stop(&mut self) {
        let closed = self.server.take().unwrap().stepper.close();
        assert!(closed.is_ok() || self.failing, "{closed:?}");
        self.report.stops += 1;
        // Answers that were on their way are not waited for: whatever they said, the records tell.
        self.report.lost += self.under_way.len();
        let disk = if closed.is_ok() { self.disk.clone() } else { self.after_failure() };
        self.drop_all();
        self.disk = disk;
        self.restart();
    }

    fn after_failure(&mut self) -> SimDisk {
        if self.random.one_in(2) { self.disk.kill() } else { self.disk.crash() }
    }

    fn drop_all(&mut self) {
        self.under_way.clear();
        self.timers = None;
        self.server = None;
    }

    /// The server comes back and is looked at.
    fn restart(&mut self) {
        let engine = loop {
            match Embedded::open_on(Arc::new(self.disk.clone()), SIZES, self.world.witness()) {
                Ok(engine) => break engine,
                // A failure that was still to come hit the opening; it hits only once.
                Err(StoreError::Io { .. }) => self.disk = self.after_failure(),
                Err(error) => panic!("{error}"),
            }
        };
        // Nothing more is to fail now.
        self.disk.heal();
        self.disk.set_free(u64::MAX);
        (self.failing, self.full) = (false, false);
        self.unlucky.clear();
        self.server = Some(self.world.start(Settled(engine)));
        self.read();
        self.ledger.restarted();
        let now = self.world.now().0;
        self.clients.signatures.retain(|(signature, _)| !is_long_expired(signature, now));
        let server = self.server.as_mut().unwrap();
        look::look(&self.world, server).assert_is(&self.ledger.model);
        self.read();
    }

    /// Lets everything come to rest and looks at it a last time.
    fn end(mut self) -> Report {
        self.crash();
        self.world.pass(400 * 86_400);
        self.server().run_timers();
        self.read();
        assert_eq!(
            self.ledger.model.due(self.world.now().0, self.world.now().0),
            [],
            "a timer did not go off"
        );
        let server = self.server.as_mut().unwrap();
        look::look(&self.world, server).assert_is(&self.ledger.model);
        look::use_all(&self.world, server, &self.ledger.model, &self.clients);
        let mut recorded = BTreeMap::<String, usize>::new();
        for entry in server.trail(0) {
            let record: serde_json::Value = serde_json::from_slice(&entry.bytes).unwrap();
            *recorded.entry(record["userAgent"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        for mark in &self.ledger.acknowledged {
            assert_eq!(recorded.get(mark), Some(&1), "records of {mark}");
        }
        self.report.trace = self.trace.finish();
        self.report
    }
}

fn is_long_expired(signature: &Signature, now: i64) -> bool {
    matches!(signature, Signature::Session { expires, .. } if expires + 86_400_000 < now)
}
