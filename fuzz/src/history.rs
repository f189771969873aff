//! Sequences of calls that an input chooses, beside the model.

use crate::Choices;
use simulation::sequence::Sequence;

/// Most calls of one input.
const CALLS_MAX: usize = 60;

pub(crate) fn history(data: &[u8]) {
    let mut choices = Choices(data);
    let mut sequence = Sequence::new(1);
    for _ in 0..CALLS_MAX {
        if choices.0.is_empty() {
            break;
        }
        sequence.step(&mut |bound| choices.below(bound));
    }
    sequence.compare();
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    (0..6)
        .map(|seed| {
            let mut random = simdisk::Random(seed);
            (0..400).map(|_| u8::try_from(random.below(256)).unwrap()).collect()
        })
        .collect()
}
