//! A whole server without threads, sockets, a wall clock or chance: whatever it does is decided by whoever drives it.

use assembly::Parts;
use keyring::{Access, KeyFile, Keyring, Random as _};
use platform::{Client, Env, Fault, LogEntry, Outside, Service, TRAIL, Tx, Vouching};
use server::{Clock, Deployment, Peer, Quotas, Uptime};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use store::{Engine, KeyRange, Limits, Stepper, Store, Witness};
use wire::{Answer, Timestamp};

/// The only account.
pub const ACCOUNT: &str = "111122223333";

/// The region that is called, but for keys that are named to be in the other.
pub const REGION: &str = "us-east-1";

/// The region to which multi-Region keys are replicated.
pub const AWAY: &str = "eu-west-1";

/// When worlds begin: 2026-11-21T23:07:43Z. Time moves by whole seconds, which is as exactly as records tell it.
const START_MS: i64 = 1_795_302_463_000;

/// Most records read of the trail at once.
const RECORDS_MAX: usize = 500;

/// Who the root user signs as.
const ROOT_ID: &str = "AKIAROOTROOTROOTROOT";
const ROOT_SECRET: &str = "root-root-root-root-root-root-root-root-";

/// Random bytes that depend on a seed alone.
#[derive(Debug)]
pub struct Seeded(Mutex<simdisk::Random>);

impl Seeded {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(simdisk::Random(seed)))
    }
}

impl keyring::Random for Seeded {
    fn fill(&self, out: &mut [u8]) {
        let mut random = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&random.draw().to_le_bytes()[..chunk.len()]);
        }
    }
}

struct Hand {
    time: Arc<AtomicI64>,
    passed: Arc<AtomicI64>,
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.time.load(Ordering::Relaxed))
    }

    fn uptime(&self) -> Uptime {
        Uptime { boot: "a".to_owned(), millis: self.passed.load(Ordering::Relaxed) }
    }
}

/// What signs requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The access key id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// The token, of temporary credentials.
    pub token: Option<String>,
}

impl Credentials {
    /// The root user's.
    pub fn root() -> Self {
        Self { id: ROOT_ID.to_owned(), secret: ROOT_SECRET.to_owned(), token: None }
    }
}

/// What outlives the process: the keyring file, time, and the source of randomness.
pub struct World {
    scratch: tempfile::TempDir,
    random: Arc<Seeded>,
    time: Arc<AtomicI64>,
    passed: Arc<AtomicI64>,
}

/// One life of the server's process.
pub struct Server<E> {
    /// The deployment that is called.
    pub deployment: Arc<Deployment>,
    /// Commits what waits, when it is told to.
    pub stepper: Stepper<E>,
    store: Store,
    keyring: Keyring,
}

/// Rows by their keys, as they lie in the store.
pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// A call under way.
pub type Calling = Pin<Box<dyn Future<Output = Answer>>>;

impl World {
    /// A world that is decided by its seed.
    pub fn new(seed: u64) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let (data, keys) = (scratch.path().join("data"), scratch.path().join("keys"));
        std::fs::create_dir(&data).unwrap();
        std::fs::create_dir(&keys).unwrap();
        let random = Arc::new(Seeded::new(seed));
        let seal = KeyFile::create(&keys.join("root.key"), &*random).unwrap();
        Keyring::create(&data.join("keyring.json"), &seal, Arc::clone(&random) as _).unwrap();
        Self { scratch, random, time: Arc::new(AtomicI64::new(START_MS)), passed: Arc::default() }
    }

    /// Starts the server over what an engine holds. Over nothing, the account is made.
    pub fn start<E: Engine>(&self, engine: E) -> Server<E> {
        self.start_with(engine, Vec::new(), None)
    }

    /// The same with other services beside, and with what runs jobs.
    pub(crate) fn start_with<E: Engine>(
        &self,
        engine: E,
        others: Vec<Arc<dyn Service>>,
        outside: Option<Arc<dyn Outside>>,
    ) -> Server<E> {
        let (store, mut stepper) = Store::open_stepped(engine, Limits::default());
        let keyring = self.keyring();
        if store.begin().version() == 0 {
            let mut tx = Tx::begin(&store, &keyring);
            iam::bootstrap(&mut tx, &keyring, ACCOUNT, ROOT_ID, ROOT_SECRET, self.now()).unwrap();
            let mut committed = Box::pin(store.commit(tx.into_txn()));
            assert!(poll(committed.as_mut()).is_none());
            stepper.step(1);
            // A disk that failed is found out by the next who writes to it.
            let _ = poll(committed.as_mut()).unwrap();
        }
        let iam = Arc::new(iam::Iam::default());
        let mut services = assembly::services(Parts { iam: Arc::clone(&iam), ..Parts::default() });
        services.extend(others);
        let env = Env::new(keyring.clone(), Arc::clone(&self.random) as _, iam);
        let clock = Arc::new(Hand { time: Arc::clone(&self.time), passed: Arc::clone(&self.passed) });
        // Time stands still while many calls are made.
        let mut quotas = Quotas::new(&services);
        for name in ["cloudtrail:*", "iam:*", "kms:*", "sts:*", "unidentified:*"] {
            quotas.set(name, server::PER_SECOND_MAX).unwrap();
        }
        let deployment =
            Deployment::new(store.clone(), env, clock, ACCOUNT, REGION, services).with_limits(&quotas, None);
        let deployment = Arc::new(match outside {
            Some(outside) => deployment.with_outside(outside),
            None => deployment,
        });
        Server { deployment, stepper, store, keyring }
    }

    fn keyring(&self) -> Keyring {
        let seal = KeyFile::open(&self.scratch.path().join("keys/root.key"), Access::Owner).unwrap();
        let path = self.scratch.path().join("data/keyring.json");
        Keyring::open(&path, &[&seal], Arc::clone(&self.random) as _).unwrap()
    }

    /// What vouches for the store's history.
    pub fn witness(&self) -> Arc<dyn Witness> {
        Arc::new(Vouching::new(&self.keyring()))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.time.load(Ordering::Relaxed))
    }

    /// Lets so many seconds pass.
    pub fn pass(&self, seconds: i64) {
        self.leap(seconds);
        self.passed.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    /// Sets the clock on by so many seconds, or back, while no time passes.
    pub fn leap(&self, seconds: i64) {
        self.time.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    /// The seconds that have passed since the beginning, whatever the clock says.
    pub fn passed(&self) -> i64 {
        self.passed.load(Ordering::Relaxed) / 1000
    }

    /// Some random bytes of this world.
    pub fn draw(&self) -> u64 {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

impl<E: Engine> Server<E> {
    /// Begins a call, and goes with it until it waits for the disk.
    pub fn begin(&self, parts: http::request::Parts, body: Vec<u8>) -> Calling {
        let deployment = Arc::clone(&self.deployment);
        Box::pin(async move {
            let peer = Peer { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), secure: false, tls: None };
            deployment.handle(&parts, &body, peer, Client::default()).await
        })
    }

    /// Makes one call by itself.
    pub fn call(&mut self, parts: http::request::Parts, body: Vec<u8>) -> Answer {
        let calling = self.begin(parts, body);
        self.finish(calling)
    }

    /// Does what timers are due for.
    pub fn run_timers(&mut self) {
        let deployment = Arc::clone(&self.deployment);
        if let Err(fault) = self.finish(Box::pin(async move { deployment.run_due_tasks().await })) {
            panic!("{}", fault.for_operator());
        }
    }

    /// Drives a future to its end, committing whatever waits.
    pub fn finish<T>(&mut self, mut future: Pin<Box<dyn Future<Output = T> + '_>>) -> T {
        loop {
            if let Some(output) = poll(future.as_mut()) {
                return output;
            }
            self.stepper.step(usize::MAX);
        }
    }

    /// Begins to write what no call wrote; true once it is durable, false if it never will be.
    pub(crate) fn write(
        &self,
        write: impl FnOnce(&mut Tx<'_>) -> Result<(), Fault>,
    ) -> Pin<Box<dyn Future<Output = bool>>> {
        let mut tx = Tx::begin(&self.store, &self.keyring);
        write(&mut tx).unwrap();
        let (store, txn) = (self.store.clone(), tx.into_txn());
        Box::pin(async move { store.commit(txn).await.is_ok() })
    }

    /// Reads what is committed.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault>) -> T {
        read(&mut Tx::begin(&self.store, &self.keyring)).unwrap()
    }

    /// The position of the next record of the trail.
    pub fn trail_end(&self) -> u64 {
        Tx::begin(&self.store, &self.keyring).log_bounds(TRAIL).1
    }

    /// Records of the trail from a position on, the oldest first.
    pub fn trail(&self, from: u64) -> Vec<LogEntry> {
        let tx = Tx::begin(&self.store, &self.keyring);
        let mut records = Vec::new();
        let mut next = from;
        while next < self.trail_end() {
            let more = tx.read_log(TRAIL, next, store::Order::Forward, RECORDS_MAX).unwrap();
            next = more.last().unwrap().position + 1;
            records.extend(more);
        }
        records
    }

    /// All rows as they lie in the store.
    pub fn rows(&self) -> Rows {
        let rows = self.store.begin().scan(&KeyRange::all(), store::Order::Forward, usize::MAX).unwrap();
        rows.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
    }
}

/// Asks a future once how it is getting on.
pub fn poll<T>(future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Option<T> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
