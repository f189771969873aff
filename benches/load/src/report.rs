//! The table.

use crate::client::Sample;
use crate::process::Cpu;
use std::io::Write as _;
use std::time::Duration;

/// One measured operation.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) sample: Sample,
    /// CPU time that the server used meanwhile.
    pub(crate) cpu: Cpu,
}

impl Row {
    #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
    fn count(&self) -> f64 {
        self.sample.latencies.len().max(1) as f64
    }

    fn each_us(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / self.count()
    }

    /// The CPU time of a request.
    pub(crate) fn cpu_us(&self) -> f64 {
        self.each_us(self.cpu.total())
    }

    fn percentile(&self, hundredth: usize) -> f64 {
        let latencies = &self.sample.latencies;
        let at = latencies.len().saturating_sub(1) * hundredth / 100;
        latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    }
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

/// Prints a row, beside one of the bare server.
pub(crate) fn row(row: &Row, bare: &Row) {
    line(format_args!(
        "{:<24} {:>10.0} {:>12.1} {:>6.1} {:>6.1} {:>8.2} {:>9.2} {:>9.2}",
        row.name,
        row.count() / row.sample.elapsed.as_secs_f64(),
        row.cpu_us(),
        row.each_us(row.cpu.user),
        row.each_us(row.cpu.kernel),
        row.cpu_us() / bare.cpu_us(),
        row.percentile(50),
        row.percentile(99),
    ));
}

/// Kibibytes as the megabytes that are printed.
#[expect(clippy::cast_precision_loss, reason = "sizes of processes are far below 2^52 KiB")]
pub(crate) fn mb(kib: u64) -> f64 {
    kib as f64 * 1024.0 / 1e6
}
