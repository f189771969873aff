//! Work after the commit, in simulated trouble. `SEED=n` repeats one run, with `STEPS=n` a longer one.

use simulation::errands::{Report, run_errands};

/// How long a run is.
const STEPS: usize = 2000;

/// How many runs the tests make.
const SEEDS: u64 = 5;

#[test]
fn whatever_happens_what_was_enqueued_is_done_once_in_order_or_kept() {
    let number =
        |name: &str| -> Option<u64> { std::env::var(name).ok().and_then(|number| number.parse().ok()) };
    if let Some(seed) = number("SEED") {
        let steps = number("STEPS").map_or(STEPS, |steps| usize::try_from(steps).unwrap());
        eprintln!("{:?}", run_errands(seed, steps));
        return;
    }
    let told = |seed| {
        eprintln!("seed {seed}");
        run_errands(seed, STEPS)
    };
    let reports: Vec<Report> = (0..SEEDS).map(told).collect();
    eprintln!("{reports:#?}");
    // Trouble enough that it means something.
    let sum = |of: fn(&Report) -> usize| reports.iter().map(of).sum::<usize>();
    assert!(sum(|report| report.enqueued) > 50 * reports.len());
    assert!(sum(|report| report.crashes) > 10 * reports.len());
    assert!(sum(|report| report.broken_off) > 5 * reports.len());
    assert!(sum(|report| report.again) > reports.len());
}

#[test]
fn the_same_seed_makes_the_same_run() {
    assert_eq!(run_errands(1, STEPS), run_errands(1, STEPS));
}
