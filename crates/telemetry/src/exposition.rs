//! All metrics, gathered when they are asked for. `docs/monitoring.md` says of each what it means.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use store::Distribution;

use crate::calls::BOUNDS_NS;
use crate::page::Page;
use crate::process::Process;
use crate::what::{Outcome, protocol_name};
use crate::{State, Telemetry};

const NS: f64 = 1e9;
const MICROS: f64 = 1e6;

/// What the monitoring listener shows.
pub struct Exposition {
    registry: Registry,
    gathered: Arc<Gathered>,
}

struct Gathered {
    telemetry: Arc<Telemetry>,
    state: Box<dyn Fn() -> State + Send + Sync>,
    version: &'static str,
    started: SystemTime,
}

impl Exposition {
    /// Shows what `telemetry` counts and what `state` tells, of a program of this version.
    pub fn new(
        telemetry: Arc<Telemetry>,
        state: impl Fn() -> State + Send + Sync + 'static,
        version: &'static str,
    ) -> Self {
        let started = SystemTime::now();
        let gathered = Arc::new(Gathered { telemetry, state: Box::new(state), version, started });
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(&gathered)));
        Self { registry, gathered }
    }

    /// All metrics in the text format of OpenMetrics 1.0.
    ///
    /// # Errors
    /// None that writing to memory could have.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// What the process is able to do now.
    pub fn state(&self) -> State {
        (self.gathered.state)()
    }
}

impl fmt::Debug for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exposition").finish_non_exhaustive()
    }
}

impl fmt::Debug for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gathered").finish_non_exhaustive()
    }
}

impl Collector for Gathered {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let page = &mut Page::new(encoder);
        let state = (self.state)();
        self.calls(page)?;
        self.process(page)?;
        self.traces(page)?;
        seal(page, &state)?;
        clock(page, &state)?;
        store(page, &state)?;
        audit(page, &state)
    }
}

impl Gathered {
    fn calls(&self, page: &mut Page<'_>) -> fmt::Result {
        let calls = &self.telemetry.calls;
        let counted = calls.counted();
        page.counters(
            "fastness_requests",
            "Calls answered, by what they were for and how they ended",
            counted.iter().flat_map(|one| {
                one.calls().map(|(protocol, outcome, count)| {
                    let labels = [
                        ("service", one.service),
                        ("operation", one.operation),
                        ("protocol", protocol_name(protocol)),
                        ("outcome", outcome.name()),
                    ];
                    (labels, count)
                })
            }),
        )?;
        page.histograms(
            "fastness_request_duration",
            "Time from the whole request being there to its answer being made, the audit record durable",
            counted.iter().map(|one| {
                let (classes, sum) = one.durations();
                let bounds = BOUNDS_NS.iter().map(|bound| seconds(*bound, NS)).chain([f64::INFINITY]);
                let buckets: Vec<_> = bounds.zip(classes).collect();
                ([("service", one.service), ("operation", one.operation)], seconds(sum, NS), buckets)
            }),
        )?;
        page.gauge("fastness_requests_in_flight", "Calls that are being served", calls.in_flight())?;
        let of_service = |outcome: Outcome, service: &str| {
            let own = counted.iter().filter(|one| one.service == service);
            own.flat_map(|one| one.calls())
                .filter(|(_, of, _)| *of == outcome)
                .map(|(_, _, count)| count)
                .sum::<u64>()
        };
        page.counters(
            "fastness_denials",
            "Calls of known callers who lacked a permission",
            calls
                .service_names()
                .map(|service| ([("service", service)], of_service(Outcome::Denied, service))),
        )?;
        page.counters(
            "fastness_signature_failures",
            "Signatures and credentials that were refused, by why",
            calls.refused_signatures().map(|(kind, count)| ([("kind", kind)], count)),
        )?;
        let (bytes_in, bytes_out) = counted.iter().fold((0, 0), |(bytes_in, bytes_out), one| {
            let own = one.bytes();
            (bytes_in + own.0, bytes_out + own.1)
        });
        page.counter("fastness_request_bytes", "Bytes of the bodies of requests", bytes_in)?;
        page.counter("fastness_response_bytes", "Bytes of the bodies of answers", bytes_out)?;
        let (accepted, open) = self.telemetry.connections.counts();
        page.counter("fastness_connections", "Connections of callers accepted", accepted)?;
        page.gauge("fastness_connections_open", "Connections of callers that are open", open)?;
        let (run, failed, due, late) = self.telemetry.timers.counts();
        page.counter("fastness_timers_run", "Durable timers done: deletions and rotations on schedule", run)?;
        page.counter("fastness_timers_failed", "Attempts at a durable timer that failed", failed)?;
        page.gauge(
            "fastness_timers_due",
            "Durable timers that are due and not done, as of the last look",
            due,
        )?;
        page.gauge_seconds("fastness_timers_late", "How long the first of them had been due", late)?;
        page.gauge(
            "fastness_timers_held",
            "Durable timers that are due by the clock and held back, as it is not believed",
            self.telemetry.timers.held(),
        )?;
        self.telemetry.tasks.write(page)
    }

    fn process(&self, page: &mut Page<'_>) -> fmt::Result {
        page.info("fastness_build", "The program", &[("version", self.version)])?;
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        page.gauge_seconds("process_start_time", "When the process started, since the epoch", started)?;
        let process = Process::now();
        if let Some(cpu) = process.cpu_seconds {
            page.counter_seconds("process_cpu", "Processor time spent by the process", cpu)?;
        }
        let gauges = [
            ("process_resident_memory_bytes", "Memory that the process holds", process.resident_bytes),
            ("process_virtual_memory_bytes", "Address space that the process holds", process.virtual_bytes),
            ("process_threads", "Threads of the process", process.threads),
            ("process_open_fds", "File descriptors that are open", process.open_fds),
            ("process_max_fds", "File descriptors that may be open", process.max_fds),
        ];
        gauges
            .into_iter()
            .try_for_each(|(name, help, value)| value.map_or(Ok(()), |value| page.gauge(name, help, value)))
    }

    fn traces(&self, page: &mut Page<'_>) -> fmt::Result {
        let (exported, dropped) =
            self.telemetry.traces.as_ref().map_or((0, [("queue_full", 0), ("not_taken", 0)]), |t| t.counts());
        page.counter("fastness_trace_spans_exported", "Spans that the collector took", exported)?;
        page.counters(
            "fastness_trace_spans_dropped",
            "Spans that were dropped, by why",
            dropped.into_iter().map(|(reason, count)| ([("reason", reason)], count)),
        )
    }
}

fn seal(page: &mut Page<'_>, state: &State) -> fmt::Result {
    page.gauge("fastness_ready", "Whether calls can be served", u64::from(state.unready().is_none()))?;
    page.gauge("fastness_sealed", "Whether the keyring is sealed", u64::from(state.sealed))?;
    page.gauges(
        "fastness_seal_slots",
        "Slots of the keyring, of which each one opens it, by the kind of their seal",
        state.slots.iter().map(|(kind, count)| ([("kind", *kind)], *count)),
    )
}

fn clock(page: &mut Page<'_>, state: &State) -> fmt::Result {
    let Some(clock) = &state.clock else { return Ok(()) };
    page.gauge(
        "fastness_clock_held",
        "Whether the clock is not believed, so that nothing irreversible is done",
        u64::from(clock.held),
    )?;
    page.gauge_signed_seconds(
        "fastness_clock_ahead",
        "How far the clock is ahead of the time known to the store; below zero: behind it",
        clock.ahead_seconds,
    )
}

fn store(page: &mut Page<'_>, state: &State) -> fmt::Result {
    let Some(store) = &state.store else { return Ok(()) };
    let counters = [
        ("fastness_store_commits", "Transactions that took effect", store.commits),
        (
            "fastness_store_conflicts",
            "Transactions that conflicted with another and were run again",
            store.conflicts,
        ),
        ("fastness_store_cache_hits", "Reads of rows that the cache answered", store.cache_hits),
        ("fastness_store_cache_misses", "Reads of rows that the cache did not answer", store.cache_misses),
        (
            "fastness_store_checkpoints",
            "Times that changed rows were written to the tables",
            store.engine.checkpoints,
        ),
    ];
    counters.into_iter().try_for_each(|(name, help, value)| page.counter(name, help, value))?;
    let gauges = [
        (
            "fastness_store_poisoned",
            "Whether a write failed, so that nothing is written until a new start",
            u64::from(store.poisoned),
        ),
        ("fastness_store_waiting_commits", "Transactions that wait to be durable", store.waiting),
        ("fastness_store_recent_keys", "Recently written keys held for finding conflicts", store.recent_keys),
        ("fastness_store_cache_bytes", "Bytes of rows in the cache", store.cache_bytes),
        (
            "fastness_store_journal_bytes",
            "Bytes of the journal that hold transactions and audit records",
            store.engine.journal_bytes,
        ),
        ("fastness_store_journal_segments", "Files of the journal", store.engine.journal_segments),
        (
            "fastness_store_checkpoint_lag_bytes",
            "Bytes of changed rows that are in the journal and not yet in the tables",
            store.engine.unsaved_bytes,
        ),
    ];
    gauges.into_iter().try_for_each(|(name, help, value)| page.gauge(name, help, value))?;
    let room = store.engine.room;
    page.gauge(
        "fastness_disk_full",
        "Whether calls are refused, as only the room is left that is kept in reserve",
        u64::from(room.is_short()),
    )?;
    if room.free != u64::MAX {
        page.gauge("fastness_disk_free_bytes", "Bytes that are free where the store is", room.free)?;
    }
    page.gauge("fastness_disk_reserve_bytes", "Bytes that are kept free there", room.reserve)?;
    page.histogram(
        "fastness_store_group_transactions",
        "Transactions made durable together, by one synchronization of the disk",
        distribution(&store.group_sizes, 1.0),
    )?;
    page.histogram_seconds(
        "fastness_store_commit_duration",
        "Time that it took to make such a group durable",
        distribution(&store.group_micros, MICROS),
    )
}

fn audit(page: &mut Page<'_>, state: &State) -> fmt::Result {
    let (Some(records), Some(store)) = (state.audit_records, &state.store) else { return Ok(()) };
    page.counter(
        "fastness_audit_records",
        "Audit records written durably since the deployment was made",
        records,
    )?;
    page.gauge_seconds(
        "fastness_audit_lag",
        "How long the oldest records that are not durable yet have been under way; calls wait for theirs",
        store.group_age,
    )
}

/// The sum and the buckets of a distribution, in units of which there are `per_unit` to one.
fn distribution(of: &Distribution, per_unit: f64) -> (f64, Vec<(f64, u64)>) {
    let bound = |bound| if bound == u64::MAX { f64::INFINITY } else { seconds(bound, per_unit) };
    (seconds(of.sum, per_unit), of.classes.iter().map(|(upper, count)| (bound(*upper), *count)).collect())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "durations and counts below 2^53 are exact, beyond that near enough"
)]
fn seconds(value: u64, per_second: f64) -> f64 {
    value as f64 / per_second
}
