//! A deployment and the model of it never disagree.

use proptest::prelude::*;
use simulation::clients::Dice;
use simulation::sequence::{Reached, Sequence};

/// Choices that are read off a list, so that a shorter or smaller list makes a simpler run; 0 when it ends.
fn read_off(words: &[u16]) -> impl FnMut(usize) -> usize + '_ {
    let mut words = words.iter();
    move |bound| words.next().map_or(0, |word| usize::from(*word)) % bound.max(1)
}

fn run(steps: &[Vec<u16>]) -> Reached {
    let mut sequence = Sequence::new(1);
    for step in steps {
        let mut choices = read_off(step);
        let dice: &mut Dice<'_> = &mut choices;
        sequence.step(dice);
    }
    sequence.compare();
    sequence.reached
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_model_predicts_every_answer(steps in prop::collection::vec(prop::collection::vec(any::<u16>(), 24), 1..150)) {
        run(&steps);
    }
}

/// The operations that clients ask for; each succeeds sometimes.
const OPERATIONS: usize = 46;

/// How many outcomes of operations a few thousand calls come upon at the least.
const OUTCOMES: usize = 240;

/// Which outcomes of which operations long runs come upon: the test above would be worth little if they were few.
#[test]
fn runs_reach_most_outcomes() {
    let mut reached = Reached::new();
    for seed in 0..4 {
        let mut random = simdisk::Random(seed);
        let mut sequence = Sequence::new(seed);
        for _ in 0..900 {
            sequence.step(&mut |bound| usize::try_from(random.below(bound.max(1) as u64)).unwrap());
        }
        sequence.compare();
        reached.extend(sequence.reached);
    }
    let done = reached.iter().filter(|(_, outcome)| outcome == "done").count();
    assert_eq!(done, OPERATIONS, "{reached:#?}");
    assert!(reached.len() >= OUTCOMES, "only {} outcomes: {reached:#?}", reached.len());
}
