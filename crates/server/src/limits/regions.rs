//! The regions whose calls are counted apart.

use super::short::number;

/// AWS's regions (AWS General Reference, "AWS service endpoints"), sorted. Any region with the form of a name is served; calls of those
/// that are not listed here are counted together, so that a caller does not get a quota more by making up a name.
pub(super) const REGIONS: [&str; 39] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

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
