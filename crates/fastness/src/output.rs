//! Standard output of commands that tell much and change nothing.

use crate::Failure;
use serde_json::Value;
use std::io::{self, ErrorKind, Stdout, Write};
use std::sync::OnceLock;

/// The status that a shell gives for a process that SIGPIPE ended. Rust ignores the signal, so that the write fails instead.
const PIPE_CLOSED: i32 = 128 + 13;

/// Standard output. Once its reader has had enough, as `head` has, nothing is left to be done or said, and the process ends.
pub(crate) struct Output(Stdout);

pub(crate) fn output() -> Output {
    Output(io::stdout())
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).inspect_err(end_if_closed)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().inspect_err(end_if_closed)
    }
}

fn end_if_closed(error: &io::Error) {
    if error.kind() == ErrorKind::BrokenPipe {
        std::process::exit(PIPE_CLOSED);
    }
}

/// Chosen once, before the command runs.
static JSON: OnceLock<bool> = OnceLock::new();

/// Chooses the form of what commands print: JSON for programs, else text for people.
pub(crate) fn choose(json: bool) {
    let _chosen = JSON.set(json);
}

/// Whether `--json` was given.
pub(crate) fn wants_json() -> bool {
    JSON.get() == Some(&true)
}

/// Prints facts in the form that was chosen.
pub(crate) fn print(
    facts: impl FnOnce() -> Value,
    text: impl FnOnce(&mut Output) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut out = output();
    if wants_json() {
        return Ok(writeln!(out, "{:#}", facts())?);
    }
    text(&mut out)
}

/// A text of somebody else's, without the characters by which it could command a terminal.
pub(crate) fn harmless(text: &str) -> String {
    let tame =
        |c: char| if c.is_control() && c != '\n' { c.escape_default().collect() } else { c.to_string() };
    text.chars().map(tame).collect()
}
