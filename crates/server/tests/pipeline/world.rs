//! A deployment whose time stands still until it is moved.

use crate::doer::{Doer, Hands};
use assembly::Parts;
use keyring::{KeyFile, Keyring, SystemRandom};
use platform::{Client, Env, Fault, Service, Turns, Tx};
use server::{Clock, Deployment, Gate, Peer, Quotas, Uptime};
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use store::{Engine, Memory, Store};
use telemetry::{Exposition, Telemetry};
use tokio::runtime::{Handle, RuntimeFlavor};
use wire::Timestamp;
use wire::sigv4::{Scope, Signer, SigningKey};

/// 2026-11-21T23:07:43Z
const START: i64 = 1_795_302_463_000;

pub(crate) const DAY_MS: i64 = 24 * 3600 * 1000;

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

/// Credentials that sign.
#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
}

pub(crate) struct World {
    pub(crate) doer: Arc<Doer>,
    pub(crate) hands: Arc<Hands>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) turns: Arc<Turns>,
    telemetry: Arc<Telemetry>,
    store: Store,
    keyring: Keyring,
    time: Arc<AtomicI64>,
    passed: Arc<AtomicI64>,
    _scratch: tempfile::TempDir,
    pub(crate) root: Signed,
}

impl World {
    /// With quotas that no test reaches while its time stands still.
    pub(crate) fn new() -> Self {
        Self::on(Memory::new())
    }

    /// The same, with its store on this engine.
    pub(crate) fn on(engine: impl Engine) -> Self {
        let all = ["cloudtrail:*", "iam:*", "kms:*", "rogue:*", "sts:*", "unidentified:*"];
        Self::made(engine, &all.map(|name| (name, 1e6)), None)
    }

    /// With quotas as AWS has them, but for some, and so many calls in flight.
    pub(crate) fn with_quotas(chosen: &[(&str, f64)], calls_max: Option<usize>) -> Self {
        Self::made(Memory::new(), chosen, calls_max)
    }

    fn made(engine: impl Engine, chosen: &[(&str, f64)], calls_max: Option<usize>) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let (data, keys) = (scratch.path().join("data"), scratch.path().join("keys"));
        std::fs::create_dir(&data).unwrap();
        std::fs::create_dir(&keys).unwrap();
        let seal = KeyFile::create(&keys.join("root.key"), &SystemRandom).unwrap();
        let keyring = Keyring::create(&data.join("keyring.json"), &seal, Arc::new(SystemRandom)).unwrap();
        let store = Store::open(engine).unwrap();
        let root = Signed { id: "AKIAROOTROOTROOTROOT".to_owned(), secret: "s".repeat(40), token: None };
        let mut tx = Tx::begin(&store, &keyring);
        let now = Timestamp(START);
        iam::bootstrap(&mut tx, &keyring, "111122223333", &root.id, &root.secret, now).unwrap();
        store.commit_blocking(tx.into_txn()).unwrap();
        let (doer, hands) = (Arc::new(Doer::default()), Arc::new(Hands::default()));
        let iam = Arc::new(iam::Iam::default());
        let mut services = assembly::services(Parts { iam: Arc::clone(&iam), ..Parts::default() });
        services.extend([
            Arc::new(crate::guard::ROGUE) as Arc<dyn Service>,
            Arc::new(crate::calls::KEEPER),
            Arc::clone(&doer) as _,
        ]);
        let turns = Arc::new(Turns::new(1));
        let env = Env {
            aside,
            turns: Arc::clone(&turns),
            ..Env::new(keyring.clone(), Arc::new(SystemRandom), iam)
        };
        let time = Arc::new(AtomicI64::new(START));
        let passed = Arc::new(AtomicI64::new(0));
        let clock = Arc::new(Hand { time: Arc::clone(&time), passed: Arc::clone(&passed) });
        let models: Vec<_> = services.iter().map(|service| service.model()).collect();
        let telemetry = Arc::new(Telemetry::new(&models, None));
        let gate = Gate::sealed(&services, String::new).with_telemetry(Arc::clone(&telemetry));
        let mut quotas = Quotas::new(&services);
        for (name, per_second) in chosen {
            quotas.set(name, *per_second).unwrap();
        }
        let deployment = Deployment::new(store.clone(), env, clock, "111122223333", "us-east-1", services)
            .with_limits(&quotas, calls_max.and_then(NonZeroUsize::new))
            .with_outside(Arc::clone(&hands) as _);
        gate.open(Arc::new(deployment)).unwrap();
        Self {
            doer,
            hands,
            gate: Arc::new(gate),
            turns,
            telemetry,
            store,
            keyring,
            time,
            passed,
            _scratch: scratch,
            root,
        }
    }

    /// Reads what is committed.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&mut Tx<'_>) -> T) -> T {
        read(&mut Tx::begin(&self.store, &self.keyring))
    }

    /// Writes what no call wrote.
    pub(crate) fn write(&self, write: impl FnOnce(&mut Tx<'_>)) {
        let mut tx = Tx::begin(&self.store, &self.keyring);
        write(&mut tx);
        self.store.commit_blocking(tx.into_txn()).unwrap();
    }

    pub(crate) fn pass(&self, ms: i64) {
        self.time.fetch_add(ms, Ordering::Relaxed);
        self.passed.fetch_add(ms, Ordering::Relaxed);
    }

    /// Sets the clock on, or back, while no time passes.
    pub(crate) fn leap(&self, ms: i64) {
        self.time.fetch_add(ms, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.time.load(Ordering::Relaxed))
    }

    pub(crate) async fn record_unrecorded(&self) {
        self.gate.deployment().unwrap().record_unrecorded().await;
    }

    /// What LookupEvents finds by the name of an event.
    pub(crate) async fn records(&self, event: &str) -> Vec<serde_json::Value> {
        let filter =
            format!(r#"{{"LookupAttributes":[{{"AttributeKey":"EventName","AttributeValue":"{event}"}}]}}"#);
        let (status, body) =
            self.json(&self.root, "cloudtrail", "CloudTrail_20131101.LookupEvents", &filter).await;
        assert_eq!(status, 200, "{body}");
        let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
        let events = answer["Events"].as_array().unwrap();
        let record = |event: &serde_json::Value| {
            serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap()).unwrap()
        };
        events.iter().map(record).collect()
    }

    /// What is seen of it from outside.
    pub(crate) fn exposition(&self) -> Exposition {
        let gate = Arc::clone(&self.gate);
        Exposition::new(Arc::clone(&self.telemetry), move || gate.state(), "0.0.0")
    }

    pub(crate) fn deployment(&self) -> Arc<Deployment> {
        self.gate.deployment().unwrap()
    }

    /// The deployment is closed; the store can still be read.
    pub(crate) async fn seal(&self) {
        self.gate.seal().await.unwrap();
    }

    pub(crate) async fn try_timers(&self) -> Result<(), Fault> {
        self.gate.deployment().unwrap().run_due_tasks().await
    }

    /// Looks how much room there is, and tells whether that is enough.
    pub(crate) fn watch_room(&self) -> bool {
        self.gate.deployment().unwrap().watch_room()
    }

    /// What clock and store say of the time.
    pub(crate) fn moment(&self) -> server::Moment {
        self.gate.deployment().unwrap().moment().unwrap()
    }

    /// Says that the clock is right.
    pub(crate) async fn confirm_clock(&self) {
        let confirmed = self.gate.deployment().unwrap().confirm_clock(serde_json::json!({})).await;
        assert!(confirmed.is_ok_and(|moment| !moment.held));
    }

    pub(crate) async fn run_timers(&self) {
        if let Err(fault) = self.try_timers().await {
            panic!("{}", fault.for_operator());
        }
    }

    /// A call of a JSON service, signed now.
    pub(crate) async fn json(&self, by: &Signed, service: &str, target: &str, body: &str) -> (u16, String) {
        let parts = self.signed_json(by, service, target, body);
        self.answer(&parts, body.as_bytes(), Client::default()).await
    }

    /// The same, for this client.
    pub(crate) async fn json_for(&self, client: Client, service: &str, target: &str) -> u16 {
        let parts = self.signed_json(&self.root, service, target, "{}");
        self.answer(&parts, b"{}", client).await.0
    }

    /// The head of a call of a JSON service, signed now.
    pub(crate) fn signed_json(
        &self,
        by: &Signed,
        service: &str,
        target: &str,
        body: &str,
    ) -> http::request::Parts {
        let builder = http::Request::post("/").header("host", "localhost");
        let builder =
            builder.header("content-type", "application/x-amz-json-1.1").header("x-amz-target", target);
        signed(by, service, self.now(), builder, body)
    }

    /// A call of a Query service, signed now.
    pub(crate) async fn query(&self, by: &Signed, service: &str, form: &str) -> (u16, String) {
        self.query_signed_at(by, service, form, self.now()).await
    }

    pub(crate) async fn query_signed_at(
        &self,
        by: &Signed,
        service: &str,
        form: &str,
        at: Timestamp,
    ) -> (u16, String) {
        let builder = http::Request::post("/").header("host", "localhost");
        let builder = builder.header("content-type", "application/x-www-form-urlencoded");
        let parts = signed(by, service, at, builder, form);
        self.answer(&parts, form.as_bytes(), Client::default()).await
    }

    /// A call of a Query service that nobody signed.
    pub(crate) async fn unsigned(&self, host: &str, form: &str) -> (u16, String) {
        let builder = http::Request::post("/").header("host", format!("{host}.us-east-1.amazonaws.com"));
        let builder = builder.header("content-type", "application/x-www-form-urlencoded");
        let (parts, ()) = builder.body(()).unwrap().into_parts();
        self.answer(&parts, form.as_bytes(), Client::default()).await
    }

    /// A presigned GET, used now.
    pub(crate) async fn presigned(
        &self,
        by: &Signed,
        query: &str,
        at: Timestamp,
        expires: u32,
    ) -> (u16, String) {
        let (mut parts, ()) = http::Request::get(format!("/?{query}"))
            .header("host", "localhost")
            .body(())
            .unwrap()
            .into_parts();
        let scope = Scope::at(at, "us-east-1", "sts");
        let key = SigningKey::derive(by.secret.as_bytes(), &scope);
        let signer =
            Signer { access_key_id: &by.id, session_token: by.token.as_deref(), scope: &scope, key: &key };
        signer.presign(&mut parts, b"", at, expires).unwrap();
        self.answer(&parts, b"", Client::default()).await
    }

    async fn answer(&self, parts: &http::request::Parts, body: &[u8], client: Client) -> (u16, String) {
        let peer = Peer { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), secure: false, tls: None };
        let answer = self.gate.handle(parts, body, peer, client).await;
        (answer.status, String::from_utf8(answer.body).unwrap())
    }
}

/// As the program does it, where the runtime has more than one thread.
fn aside(work: &mut dyn FnMut()) {
    let handle = Handle::try_current().ok();
    match handle.map(|handle| handle.runtime_flavor()) {
        Some(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

fn signed(
    by: &Signed,
    service: &str,
    at: Timestamp,
    builder: http::request::Builder,
    body: &str,
) -> http::request::Parts {
    let (mut parts, ()) = builder.body(()).unwrap().into_parts();
    let scope = Scope::at(at, "us-east-1", service);
    let key = SigningKey::derive(by.secret.as_bytes(), &scope);
    let signer =
        Signer { access_key_id: &by.id, session_token: by.token.as_deref(), scope: &scope, key: &key };
    signer.sign(&mut parts, body.as_bytes(), at).unwrap();
    parts
}
