//! Runs simulations, one seed after the other, until the time is up: `soak MINUTES [FIRST-SEED]`.

use simulation::chaos::{self, Report};
use simulation::sequence::Sequence;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long a simulation is, in steps, and a sequence beside the model, in calls.
const STEPS: usize = 4000;
const CALLS: usize = 400;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let (Some(Ok(minutes)), first) = (arguments.next(), arguments.next()) else {
        tell("soak MINUTES [FIRST-SEED]");
        return ExitCode::FAILURE;
    };
    let first = first.and_then(Result::ok).unwrap_or(1000);
    let (begun, time) = (Instant::now(), Duration::from_secs(minutes * 60));
    let mut sum = Report::default();
    let mut calls = 0;
    let mut seed = first;
    while begun.elapsed() < time {
        // A failure says by itself what it is; this adds where it was.
        let Ok((report, more)) = catch_unwind(AssertUnwindSafe(|| run(seed))) else {
            tell(&format!(
                "FAILED: seed {seed}; `SEED={seed} STEPS={STEPS} cargo test -p simulation` repeats it"
            ));
            return ExitCode::FAILURE;
        };
        sum.acknowledged += report.acknowledged;
        sum.lost += report.lost;
        sum.crashes += report.crashes;
        sum.stops += report.stops;
        calls += more;
        seed += 1;
        if seed.is_multiple_of(20) {
            tell(&format!("seeds {first} to {} run: {sum:?}", seed - 1));
        }
    }
    tell(&format!(
        "seeds {first} to {} run: {sum:?}, and {calls} calls beside the model",
        seed.saturating_sub(1)
    ));
    ExitCode::SUCCESS
}

fn run(seed: u64) -> (Report, usize) {
    let report = chaos::run(seed, STEPS);
    let mut random = simdisk::Random(seed);
    let mut sequence = Sequence::new(seed);
    for _ in 0..CALLS {
        sequence.step(&mut |bound| usize::try_from(random.below(bound.max(1) as u64)).unwrap_or(0));
    }
    sequence.compare();
    (report, CALLS)
}

fn tell(text: &str) {
    // Nothing is left to be done if standard output is closed.
    let _closed = writeln!(std::io::stdout(), "{text}");
}
