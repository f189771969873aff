//! What is seen from outside: of timers, of handlers that break the rules, and of a store that fails.

use crate::world::{DAY_MS, World};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::{Engine, EngineStats, Group, Logs, Memory, Room, Snapshot, StoreError};
use telemetry::Exposition;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// An engine whose disk breaks when it is told to.
pub(crate) struct Breaking {
    engine: Memory,
    broken: Arc<AtomicBool>,
    /// Whether there is no room.
    full: Arc<AtomicBool>,
}

impl Breaking {
    fn new(broken: &Arc<AtomicBool>, full: &Arc<AtomicBool>) -> Self {
        Self { engine: Memory::new(), broken: Arc::clone(broken), full: Arc::clone(full) }
    }
}

fn room(full: &AtomicBool) -> Room {
    Room { free: if full.load(Ordering::Relaxed) { 99 } else { 1000 }, reserve: 100 }
}

impl Engine for Breaking {
    fn version(&self) -> u64 {
        self.engine.version()
    }

    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.engine.snapshot()
    }

    fn logs(&self) -> Arc<dyn Logs> {
        self.engine.logs()
    }

    fn commit(&mut self, group: &Group, oldest: u64) -> Result<(), StoreError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(StoreError::io("writing", std::io::Error::other("broken")));
        }
        self.engine.commit(group, oldest)
    }

    fn room(&self) -> Room {
        room(&self.full)
    }

    fn stats(&self) -> Box<dyn Fn() -> EngineStats + Send + Sync> {
        let (engine, full) = (self.engine.stats(), Arc::clone(&self.full));
        Box::new(move || {
            let mut stats = engine();
            stats.room = room(&full);
            stats
        })
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.engine.close()
    }
}

/// The value of a sample, 0 if there is none.
pub(crate) fn value(exposition: &Exposition, sample: &str) -> f64 {
    let text = exposition.encode().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    format!("{} {body}", head.split(' ').nth(1).unwrap())
}

#[tokio::test]
async fn a_store_that_fails_is_told_of() {
    let broken = Arc::new(AtomicBool::new(false));
    let world = World::on(Breaking::new(&broken, &Arc::default()));
    let exposition = Arc::new(world.exposition());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let listening = tokio::spawn(server::monitor(Arc::clone(&exposition), listener, stopped));
    let call = async || world.json(&world.root, "kms", "TrentService.ListKeys", "{}").await.0;
    let failed = r#"fastness_requests_total{service="kms",operation="ListKeys",protocol="json_1_1",outcome="server_error"}"#;

    assert_eq!(call().await, 200);
    assert_eq!(get(address, "/readyz").await, "200 ready\n");
    broken.store(true, Ordering::Relaxed);
    assert_eq!(call().await, 503);
    // A disk that works again changes nothing: what is on it is not known until it is opened anew.
    broken.store(false, Ordering::Relaxed);
    assert_eq!(call().await, 503);
    assert_eq!(get(address, "/readyz").await, "503 store failed\n");
    assert_eq!(get(address, "/healthz").await, "503 store failed\n");
    assert!(get(address, "/metrics").await.contains("\nfastness_store_poisoned 1\n"));
    assert_eq!((value(&exposition, failed), value(&exposition, "fastness_ready")), (2.0, 0.0));
    assert_eq!(value(&exposition, "fastness_audit_records_total"), 1.0);

    stop.send_replace(true);
    listening.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn timers_are_seen_when_they_are_done_and_when_they_are_late() {
    let world = World::new();
    let exposition = world.exposition();
    let key = world.json(&world.root, "kms", "TrentService.CreateKey", "{}").await.1;
    let key: serde_json::Value = serde_json::from_str(&key).unwrap();
    let key = key["KeyMetadata"]["KeyId"].as_str().unwrap();
    let body = format!(r#"{{"KeyId":"{key}","PendingWindowInDays":7}}"#);
    assert_eq!(world.json(&world.root, "kms", "TrentService.ScheduleKeyDeletion", &body).await.0, 200);
    world.run_timers().await;
    assert_eq!(value(&exposition, "fastness_timers_run_total"), 0.0);
    world.pass(7 * DAY_MS + 90_000);
    // What the look finds is late; what it then does is no longer due.
    world.run_timers().await;
    assert_eq!(value(&exposition, "fastness_timers_run_total"), 1.0);
    assert_eq!(value(&exposition, "fastness_timers_due"), 0.0);
    assert_eq!(value(&exposition, "fastness_timers_late_seconds"), 0.0);

    let broken = Arc::new(AtomicBool::new(false));
    let world = World::on(Breaking::new(&broken, &Arc::default()));
    let exposition = world.exposition();
    let key = world.json(&world.root, "kms", "TrentService.CreateKey", "{}").await.1;
    let key: serde_json::Value = serde_json::from_str(&key).unwrap();
    let key = key["KeyMetadata"]["KeyId"].as_str().unwrap();
    let body = format!(r#"{{"KeyId":"{key}","PendingWindowInDays":7}}"#);
    assert_eq!(world.json(&world.root, "kms", "TrentService.ScheduleKeyDeletion", &body).await.0, 200);
    world.pass(7 * DAY_MS + 90_000);
    broken.store(true, Ordering::Relaxed);
    assert!(world.try_timers().await.is_err());
    assert_eq!(value(&exposition, "fastness_timers_failed_total"), 1.0);
    assert_eq!(value(&exposition, "fastness_timers_due"), 1.0);
    let late = value(&exposition, "fastness_timers_late_seconds");
    assert!((89.0..=91.0).contains(&late), "{late}");
}

#[tokio::test]
async fn defects_are_the_server_s_errors() {
    let world = World::new();
    let exposition = world.exposition();
    for operation in ["Forget", "Panic"] {
        world.json(&world.root, "rogue", &format!("Rogue.{operation}"), "{}").await;
        let sample = format!(
            r#"fastness_requests_total{{service="rogue",operation="{operation}",protocol="json_1_1",outcome="server_error"}}"#
        );
        assert_eq!(value(&exposition, &sample), 1.0);
    }
    assert_eq!(value(&exposition, "fastness_requests_in_flight"), 0.0);
}

#[tokio::test]
async fn a_full_disk_is_told_of_and_needs_no_new_start() {
    let full = Arc::new(AtomicBool::new(false));
    let world = World::on(Breaking::new(&Arc::default(), &full));
    let exposition = world.exposition();
    let key = world.json(&world.root, "kms", "TrentService.CreateKey", "{}").await;
    assert_eq!(key.0, 200);
    for round in 1..3 {
        full.store(true, Ordering::Relaxed);
        for (service, target) in [
            ("kms", "TrentService.CreateKey"),
            ("kms", "TrentService.ListKeys"),
            ("cloudtrail", "CloudTrail_20131101.LookupEvents"),
            ("kms", "TrentService.NoSuchOperation"),
        ] {
            let (status, body) = world.json(&world.root, service, target, "{}").await;
            assert_eq!(status, 503, "{body}");
        }
        let (_, told) = world.json(&world.root, "kms", "TrentService.ListKeys", "{}").await;
        assert!(told.contains("no room left on its disk"), "{told}");
        assert!(!world.watch_room() && value(&exposition, "fastness_disk_full") == 1.0);
        assert_eq!(exposition.state().unready(), Some("disk full"));
        assert!(!exposition.state().poisoned(), "a new start would not help");
        // Operators go on, as they are to help.
        world.confirm_clock().await;
        full.store(false, Ordering::Relaxed);
        assert!(world.watch_room());
        assert_eq!(world.json(&world.root, "kms", "TrentService.ListKeys", "{}").await.0, 200);
        assert_eq!(exposition.state().unready(), None);
        world.record_unrecorded().await;
        let counts = world.records("CallsRefusedUnrecorded").await;
        assert_eq!(counts.len(), round);
        // The first was found out by trying to record it, and again by trying to record that.
        assert_eq!(counts[0]["serviceEventDetails"]["callsRefusedForWantOfRoom"], 4);
    }
    assert_eq!(world.records("ConfirmClock").await.len(), 2);
    assert_eq!(world.records("CreateKey").await.len(), 1, "nothing else took effect");
}
