//! Logs on standard error: what an operator of the process has to know. What callers did is in the audit trail.

use crate::config::{Log, LogFormat, LogLevel};
use std::any::Any;
use std::io::IsTerminal as _;
use std::panic::PanicHookInfo;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The crates of Fastness beside its services. All others are heard at `warn` and above only, whatever the level: at `trace`, some write down what goes
/// over the wire.
const OWN: [&str; 18] = [
    "assembly",
    "attestation",
    "confine",
    "fastness",
    "hsm",
    "keyring",
    "memory",
    "outbound",
    "platform",
    "policy",
    "primitives",
    "rotation",
    "seals",
    "server",
    "store",
    "telemetry",
    "wire",
    "xks",
];

/// Starts logging.
pub(crate) fn start(log: &Log) {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let json = match log.format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Json => true,
        LogFormat::Text => false,
    };
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_targets(OWN.map(|target| (target, level)))
        .with_targets(assembly::models().into_iter().map(|service| (service.name, level)));
    let output = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colors());
    let output = if json { output.json().flatten_event(true).boxed() } else { output.boxed() };
    tracing_subscriber::registry().with(output.with_filter(targets)).init();
    std::panic::set_hook(Box::new(panicked));
}

/// Whether colors go to standard error: to a terminal, unless its user wants none (<https://no-color.org>).
fn colors() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Logs where a panic happened. Its message is told only if it is a literal: one that was put together may hold data.
fn panicked(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let message = literal(panic.payload());
    tracing::error!(
        place,
        panic = message,
        thread = std::thread::current().name(),
        "a defect: the program panicked"
    );
}

fn literal(payload: &dyn Any) -> Option<&'static str> {
    payload.downcast_ref::<&'static str>().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Crates that are not in the binary.
    const PROVING_GROUND: [&str; 2] = ["simdisk", "simulation"];

    #[test]
    fn every_crate_is_heard() {
        let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let found: BTreeSet<String> = crates
            .read_dir()
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().join("Cargo.toml").exists())
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !PROVING_GROUND.contains(&name.as_str()))
            .collect();
        assert_eq!(found, OWN.map(ToOwned::to_owned).into(), "a crate is missing from OWN, or gone");
    }

    #[test]
    fn a_panic_s_message_is_told_only_if_it_is_a_literal() {
        let payload = |panic: fn()| std::panic::catch_unwind(panic).unwrap_err();
        assert_eq!(literal(&*payload(|| panic!("as written"))), Some("as written"));
        let cut = || assert_ne!("sécret".split_at(std::hint::black_box(2)).0, "");
        let payload = payload(cut);
        assert!(payload.downcast_ref::<String>().unwrap().contains("sécret"), "why this is needed");
        assert_eq!(literal(&*payload), None);
    }
}
