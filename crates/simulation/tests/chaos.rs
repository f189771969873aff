//! Whole deployments in simulated trouble. `SEED=n` repeats one run, with `STEPS=n` a longer one.

use simulation::chaos::{Report, run};

/// How long a run is.
const STEPS: usize = 1200;

/// How many runs the tests make; `cargo xtask soak` makes more.
const SEEDS: u64 = 12;

fn told(seed: u64) -> Report {
    eprintln!("seed {seed}");
    run(seed, STEPS)
}

#[test]
fn whatever_happens_every_acknowledged_call_has_happened_once() {
    let number =
        |name: &str| -> Option<u64> { std::env::var(name).ok().and_then(|number| number.parse().ok()) };
    if let Some(seed) = number("SEED") {
        let steps = number("STEPS").map_or(STEPS, |steps| usize::try_from(steps).unwrap());
        eprintln!("{:?}", run(seed, steps));
        return;
    }
    let reports: Vec<Report> = (0..SEEDS).map(told).collect();
    // Trouble enough that it means something.
    let sum = |of: fn(&Report) -> usize| reports.iter().map(of).sum::<usize>();
    eprintln!("{reports:#?}");
    assert!(sum(|report| report.acknowledged) > 100 * reports.len());
    assert!(sum(|report| report.lost) > 5 * reports.len());
    assert!(sum(|report| report.fillings) > 2);
    assert!(sum(|report| report.crashes) > 5 * reports.len() && sum(|report| report.stops) > reports.len());
}

#[test]
fn the_same_seed_makes_the_same_run() {
    for seed in [1, 2] {
        assert_eq!(run(seed, STEPS), run(seed, STEPS), "seed {seed}");
    }
}
