//! Calls whose clients go before they are answered.

use crate::guard::LOSE;
use crate::watched::value;
use crate::world::World;
use http::header::USER_AGENT;
use platform::{Client, Connected};
use rustix::net::sockopt::set_socket_linger;
use server::{Limits, Peer, Port, Proxies, listen};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const LOOKUP: &str = "CloudTrail_20131101.LookupEvents";
/// How many attempts the pipeline makes at a call.
const ATTEMPTS: usize = 100;

/// A client that is there for so many looks.
#[derive(Debug)]
struct Leaving {
    stays: usize,
    looks: AtomicUsize,
}

impl Leaving {
    fn after(stays: usize) -> (Arc<Self>, Client) {
        let leaving = Arc::new(Self { stays, looks: AtomicUsize::new(0) });
        (Arc::clone(&leaving), Client::of(leaving))
    }
}

impl Connected for Leaving {
    fn is_gone(&self) -> bool {
        self.looks.fetch_add(1, Ordering::SeqCst) >= self.stays
    }
}

fn abandoned(world: &World, service: &str, operation: &str) -> f64 {
    let sample = format!(
        r#"fastness_requests_total{{service="{service}",operation="{operation}",protocol="json_1_1",outcome="abandoned"}}"#
    );
    value(&world.exposition(), &sample)
}

#[tokio::test]
async fn a_call_stops_before_its_transaction_and_between_attempts_without_effect_or_record() {
    let world = World::new();
    let (_, client) = Leaving::after(0);
    assert_eq!(world.json_for(client, "kms", "TrentService.CreateKey").await, 503);
    let keys = world.json(&world.root, "kms", "TrentService.ListKeys", "{}").await.1;
    assert!(keys.contains(r#""Keys":[]"#), "{keys}");
    let (leaving, client) = Leaving::after(2);
    assert_eq!(world.json_for(client, "rogue", "Rogue.Conflict").await, 503);
    assert_eq!(leaving.looks.load(Ordering::SeqCst), 3);
    for (service, operation) in [("kms", "CreateKey"), ("rogue", "Conflict")] {
        assert_eq!(abandoned(&world, service, operation), 1.0);
        assert!(world.records(operation).await.is_empty());
    }
}

#[tokio::test]
async fn a_call_that_committed_is_recorded_whoever_waits_for_it() {
    let world = World::new();
    let (_, client) = Leaving::after(1);
    assert_eq!(world.json_for(client, "kms", "TrentService.CreateKey").await, 200);
    assert_eq!(world.records("CreateKey").await.len(), 1);
}

#[tokio::test]
async fn a_call_that_acted_outside_of_its_transaction_goes_on_to_its_record() {
    let world = World::new();
    let (leaving, client) = Leaving::after(1);
    assert_eq!(world.json_for(client, "rogue", "Rogue.Act").await, 503);
    assert_eq!(leaving.looks.load(Ordering::SeqCst), 1);
    assert_eq!(world.records("Act").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[expect(clippy::await_holding_lock, reason = "a call on another thread waits for it meanwhile")]
async fn a_call_stops_while_it_waits_for_its_turn_among_those_that_lose() {
    let world = World::new();
    let held = LOSE.go.lock().unwrap();
    let parts = world.signed_json(&world.root, "rogue", "Rogue.Lose", "{}");
    let peer = Peer { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), secure: false, tls: None };
    let gate = Arc::clone(&world.gate);
    let first = tokio::spawn(async move { gate.handle(&parts, b"{}", peer, Client::default()).await.status });
    while LOSE.attempts.load(Ordering::SeqCst) < 4 {
        tokio::task::yield_now().await;
    }
    // Three looks before three attempts; at the fourth it waits behind the first.
    let (leaving, client) = Leaving::after(3);
    let mut parts = world.signed_json(&world.root, "rogue", "Rogue.Lose", "{}");
    parts.headers.insert(USER_AGENT, "second".parse().unwrap());
    assert_eq!(world.gate.handle(&parts, b"{}", peer, client).await.status, 503);
    assert_eq!((LOSE.attempts.load(Ordering::SeqCst), abandoned(&world, "rogue", "Lose")), (4, 1.0));
    assert!(leaving.looks.load(Ordering::SeqCst) <= 5);
    drop(held);
    assert_eq!(first.await.unwrap(), 503);
    assert_eq!(LOSE.attempts.load(Ordering::SeqCst), ATTEMPTS);
    assert_eq!(world.records("Lose").await.len(), 1);
}

/// Whether the system still holds the connection of a client's port as open.
fn is_open(server: SocketAddr, client: SocketAddr) -> bool {
    const OPEN: &str = "01";
    let (local, remote) = (format!(":{:04X}", server.port()), format!(":{:04X}", client.port()));
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    sockets.lines().any(|line| {
        let fields: Vec<_> = line.split_whitespace().take(4).collect();
        matches!(*fields, [_, from, to, state] if from.ends_with(&local) && to.ends_with(&remote) && state == OPEN)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn costly_calls_of_clients_that_reset_are_not_run_and_half_closed_ones_are_answered() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopping) = watch::channel(false);
    let ports = vec![Port { listener, tls: None }];
    let gate = Arc::clone(&world.gate);
    let listening = tokio::spawn(listen(gate, ports, Limits::default(), Proxies::default(), stopping));

    // Something to look through.
    world.json(&world.root, "kms", "TrentService.ListKeys", "{}").await;
    let parts = world.signed_json(&world.root, "cloudtrail", LOOKUP, "{}");
    let mut request = "POST / HTTP/1.1\r\ncontent-length: 2\r\n".to_owned();
    for (name, value) in &parts.headers {
        request.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    request.push_str("\r\n{}");
    let turns = Arc::clone(&world.turns);
    let turn = turns.take().unwrap();
    let mut clients = Vec::new();
    for waiting in 1..=4 {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        while world.turns.waiting() < waiting {
            tokio::task::yield_now().await;
        }
        clients.push(client);
    }
    let mut halved = clients.pop().unwrap();
    halved.shutdown().await.unwrap();
    for client in clients {
        let from = client.local_addr().unwrap();
        set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
        drop(client);
        while is_open(address, from) {
            tokio::task::yield_now().await;
        }
    }
    drop(turn);
    let mut answer = String::new();
    halved.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("ListKeys"), "{answer}");
    // They came before it.
    assert_eq!(abandoned(&world, "cloudtrail", "LookupEvents"), 3.0);
    assert_eq!(world.records("LookupEvents").await.len(), 1);
    stop.send_replace(true);
    listening.await.unwrap();
}
