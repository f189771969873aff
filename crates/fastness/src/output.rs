//! Standard output of commands that tell much and change nothing.

use std::io::{self, ErrorKind, Stdout, Write};

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
