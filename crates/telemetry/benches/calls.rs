//! Nanoseconds that counting a call takes: `cargo bench -p telemetry`.

use std::hint::black_box;
use std::io::Write as _;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use telemetry::{Calls, Exposition, Outcome, State, Telemetry, What};
use wire::{OperationModel, Protocol, ServiceModel, ValidationStyle};

/// Calls timed together: few enough that a thread is hardly ever interrupted among them.
const ROUNDS: u32 = 1_000;
/// Times this is repeated; the fastest counts, since whatever else runs on the machine only slows down.
const BATCHES: usize = 3_000;

static OPERATIONS: [OperationModel; 3] =
    [OperationModel::new("Decrypt"), OperationModel::new("Encrypt"), OperationModel::new("Sign")];

static SERVICES: [ServiceModel; 4] = [service("a"), service("b"), service("c"), service("d")];

static LARGE: [OperationModel; 300] = [OperationModel::new("DescribeSomething"); 300];
static LARGE_SERVICE: ServiceModel = ServiceModel { operations: &LARGE, ..service("large") };

const fn service(name: &'static str) -> ServiceModel {
    ServiceModel {
        name,
        service_id: name,
        endpoint_prefix: name,
        signing_name: name,
        api_version: "2026-11-22",
        target_prefix: None,
        protocols: &[Protocol::Json11],
        xml_namespace: None,
        global: false,
        validation: ValidationStyle::Json,
        query_compatible: false,
        errors: &[],
        operations: &OPERATIONS,
    }
}

fn batch(calls: &Calls, what: &What) -> Duration {
    let start = Instant::now();
    for _ in 0..ROUNDS {
        let begun = calls.begin();
        begun.end(black_box(what), black_box(Outcome::Ok), 200, 300);
    }
    start.elapsed()
}

fn report(name: &str, best: Duration) {
    let nanos = best.as_secs_f64() * 1e9 / f64::from(ROUNDS);
    // Nobody is told if standard output is closed.
    let _closed = writeln!(std::io::stdout(), "{name:<44} {nanos:>6.1} ns");
}

fn main() {
    let models: Vec<&'static ServiceModel> = SERVICES.iter().collect();
    let calls = Calls::new(&models);
    let (service, operation) = (SERVICES.last(), OPERATIONS.get(1));
    let what = What { service, operation, protocol: Protocol::Json11 };
    let best = (0..BATCHES).map(|_| batch(&calls, &what)).min().unwrap_or_default();
    report("begin and end of a call, one thread", best);
    let clock = |_| {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(Instant::now().elapsed());
        }
        start.elapsed()
    };
    report("of these, reading the clock twice", (0..BATCHES).map(clock).min().unwrap_or_default());
    for threads in [2, 4] {
        let barrier = Barrier::new(threads);
        let best = std::thread::scope(|scope| {
            let run = || {
                barrier.wait();
                (0..BATCHES).map(|_| batch(&calls, &what)).min().unwrap_or_default()
            };
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            running.into_iter().filter_map(|thread| thread.join().ok()).max().unwrap_or_default()
        });
        report(&format!("the same operation on {threads} threads at once"), best);
    }
    scrape();
}

/// The page of a server of which each of 300 operations was called.
fn scrape() {
    let telemetry = Arc::new(Telemetry::new(&[&LARGE_SERVICE], None));
    for operation in &LARGE {
        let what =
            What { service: Some(&LARGE_SERVICE), operation: Some(operation), protocol: Protocol::Json11 };
        telemetry.calls.begin().end(&what, Outcome::Ok, 200, 300);
    }
    let exposition = Exposition::new(telemetry, State::default, "0.0.0");
    let mut best = Duration::MAX;
    let mut lines = 0;
    for _ in 0..200 {
        let start = Instant::now();
        lines = exposition.encode().map_or(0, |text| text.lines().count());
        best = best.min(start.elapsed());
    }
    let _closed = writeln!(std::io::stdout(), "a scrape of {lines} lines {:>28} µs", best.as_micros());
}
