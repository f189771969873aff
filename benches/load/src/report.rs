//! The table.

use crate::client::Sample;
use std::io::Write as _;
use std::time::Duration;

/// One measured operation.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) sample: Sample,
    /// CPU time that the server used meanwhile.
    pub(crate) cpu: Duration,
}

impl Row {
    #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
    fn count(&self) -> f64 {
        self.sample.latencies.len().max(1) as f64
    }

    fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.count()
    }

    fn percentile(&self, hundredth: usize) -> f64 {
        let latencies = &self.sample.latencies;
        let at = latencies.len().saturating_sub(1) * hundredth / 100;
        latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    }
}

/// Prints all rows, each beside the first, which is the bare server.
pub(crate) fn print(
    rows: &[Row],
    connections: u32,
    time: Duration,
    started: Duration,
    idle: u64,
    loaded: u64,
) {
    let mut out = std::io::stdout();
    let bare = rows.first().map_or(1.0, Row::cpu_us);
    let mut line = |text: String| {
        // Nobody is left to tell if the output is closed.
        let _closed = writeln!(out, "{text}");
    };
    line(format!("{connections} connections, {} s each, requests signed one by one", time.as_secs()));
    line(format!(
        "{:<20} {:>10} {:>12} {:>8} {:>9} {:>9}",
        "", "requests/s", "CPU µs/req", "× bare", "p50 ms", "p99 ms"
    ));
    for row in rows {
        line(format!(
            "{:<20} {:>10.0} {:>12.1} {:>8.2} {:>9.2} {:>9.2}",
            row.name,
            row.count() / row.sample.elapsed.as_secs_f64(),
            row.cpu_us(),
            row.cpu_us() / bare,
            row.percentile(50),
            row.percentile(99),
        ));
    }
    line(format!("start to first answer: {:.0} ms", started.as_secs_f64() * 1e3));
    line(format!("memory: {:.1} MB idle, {:.1} MB after the load", mb(idle), mb(loaded)));
}

#[expect(clippy::cast_precision_loss, reason = "sizes of processes are far below 2^52 KiB")]
fn mb(kib: u64) -> f64 {
    kib as f64 * 1024.0 / 1e6
}
