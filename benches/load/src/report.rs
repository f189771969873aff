//! The table.

use crate::client::Sample;
use crate::process::Cpu;
use std::io::Write as _;
use std::time::Duration;

/// One measured operation.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) rounds: Vec<Round>,
}

/// What one round of it came to.
pub(crate) struct Round {
    per_second: f64,
    /// CPU time of the server for a request, in microseconds.
    user_us: f64,
    kernel_us: f64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Round {
    #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
    pub(crate) fn new(sample: &Sample, cpu: Cpu) -> Self {
        let count = sample.latencies.len().max(1) as f64;
        let each_us = |time: Duration| time.as_secs_f64() * 1e6 / count;
        let percentile = |hundredth: usize| {
            let at = sample.latencies.len().saturating_sub(1) * hundredth / 100;
            sample.latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
        };
        Self {
            per_second: count / sample.elapsed.as_secs_f64(),
            user_us: each_us(cpu.user),
            kernel_us: each_us(cpu.kernel),
            p50_ms: percentile(50),
            p99_ms: percentile(99),
        }
    }

    pub(crate) fn cpu_us(&self) -> f64 {
        self.user_us + self.kernel_us
    }
}

impl Row {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), rounds: Vec::new() }
    }

    fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(of).collect())
    }

    /// The median of what `of` makes of a round of this and the same round of another.
    pub(crate) fn beside(&self, other: &Self, of: impl Fn(&Round, &Round) -> f64) -> f64 {
        median(self.rounds.iter().zip(&other.rounds).map(|(own, other)| of(own, other)).collect())
    }
}

/// The middle of some values; of two in the middle, the lower.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// Prints a line. Nobody is left to tell if the output is closed.
pub(crate) fn line(text: impl std::fmt::Display) {
    let _closed = writeln!(std::io::stdout(), "{text}");
}

/// Prints the heads of the columns.
pub(crate) fn heads() {
    line(format_args!(
        "{:<24} {:>10} {:>12} {:>6} {:>6} {:>8} {:>9} {:>9}",
        "", "requests/s", "CPU µs/req", "user", "kernel", "× bare", "p50 ms", "p99 ms"
    ));
}

/// Prints a row, beside one of the bare server: the median of each column.
pub(crate) fn row(row: &Row, bare: &Row) {
    line(format_args!(
        "{:<24} {:>10.0} {:>12.1} {:>6.1} {:>6.1} {:>8.2} {:>9.2} {:>9.2}",
        row.name,
        row.median(|round| round.per_second),
        row.median(Round::cpu_us),
        row.median(|round| round.user_us),
        row.median(|round| round.kernel_us),
        row.beside(bare, |own, bare| own.cpu_us() / bare.cpu_us()),
        row.median(|round| round.p50_ms),
        row.median(|round| round.p99_ms),
    ));
}

/// Prints rows, of which the first is that of the bare server.
pub(crate) fn rows(rows: &[Row]) {
    for (measured, bare) in rows.iter().zip(rows.first().into_iter().cycle()) {
        row(measured, bare);
    }
}

/// Kibibytes as the megabytes that are printed.
#[expect(clippy::cast_precision_loss, reason = "sizes of processes are far below 2^52 KiB")]
pub(crate) fn mb(kib: u64) -> f64 {
    kib as f64 * 1024.0 / 1e6
}
