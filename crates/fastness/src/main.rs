//! The `fastness` command.

use std::process::ExitCode;

/// Most of what a call costs beyond its system calls is small allocations from several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    fastness::run()
}
