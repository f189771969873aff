//! The regions whose calls are counted apart: all that AWS publishes. Calls of others, which an operator can have served, are counted
//! together.

use super::short::number;
use platform::regions::ALL as REGIONS;

/// How many places [`place`] tells apart.
pub(super) const PLACES: usize = REGIONS.len() + 1;

/// The names as numbers, in the same order.
static NUMBERS: [u128; REGIONS.len()] = numbers();

/// The place of a region among those that are counted apart.
pub(super) fn place(region: &str) -> usize {
    number(region).and_then(|number| NUMBERS.binary_search(&number).ok()).unwrap_or(REGIONS.len())
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which refuses an index out of bounds"
)]
const fn numbers() -> [u128; REGIONS.len()] {
    let mut numbers = [0; REGIONS.len()];
    let mut at = 0;
    while at < numbers.len() {
        let Some(number) = number(REGIONS[at]) else { return [0; REGIONS.len()] };
        numbers[at] = number;
        at += 1;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_regions_are_apart_and_all_others_together() {
        assert!(REGIONS.is_sorted());
        for (at, region) in REGIONS.into_iter().enumerate() {
            assert_eq!(place(region), at);
        }
        for other in
            ["", "xx-nowhere-1", "us-east-9", "us-east-11", "aa-a-1", "zz-z-9", "eu-west-1-and-much-longer-1"]
        {
            assert_eq!(place(other), PLACES - 1, "{other}");
        }
    }
}
