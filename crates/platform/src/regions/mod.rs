//! The Regions that a deployment serves.

mod published;

pub use published::ALL;

use std::collections::BTreeSet;
use std::sync::Arc;

/// The Region of global services, which every deployment serves: their calls are signed for it and recorded in it.
pub const GLOBAL: &str = "us-east-1";

/// The longest name of a Region, in bytes.
const NAME_BYTES_MAX: usize = 32;

/// The Regions that are served: those of the partition `aws`, or those that an operator lists. A name that is not among them is refused
/// wherever a Region is named, so that nothing happens where nobody looks.
#[derive(Clone, Debug)]
pub struct Regions(Arc<BTreeSet<String>>);

/// A list of Regions that cannot be served.
#[derive(Debug, PartialEq, Eq)]
pub enum InvalidRegions {
    /// A name has not the form of a Region's.
    Form(String),
    /// The Region of global services is not among them.
    NotGlobal,
}

impl std::fmt::Display for InvalidRegions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Form(name) => {
                write!(f, "`{name}` does not have the form of a Region's name, such as eu-central-1")
            }
            Self::NotGlobal => write!(
                f,
                "`{GLOBAL}` must be among them: calls of global services are signed for it and recorded in it"
            ),
        }
    }
}

impl std::error::Error for InvalidRegions {}

impl Default for Regions {
    fn default() -> Self {
        Self(Arc::new(published::AWS.into_iter().map(str::to_owned).collect()))
    }
}

impl Regions {
    /// Those that an operator lists.
    ///
    /// # Errors
    /// [`InvalidRegions`].
    pub fn listed(names: impl IntoIterator<Item = String>) -> Result<Self, InvalidRegions> {
        let names: BTreeSet<String> = names.into_iter().collect();
        if let Some(name) = names.iter().find(|name| !has_form(name)) {
            return Err(InvalidRegions::Form(name.clone()));
        }
        if !names.contains(GLOBAL) {
            return Err(InvalidRegions::NotGlobal);
        }
        Ok(Self(Arc::new(names)))
    }

    /// Whether a Region is served.
    pub fn serve(&self, region: &str) -> bool {
        self.0.contains(region)
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The name that a mistaken one is nearest to, by single letters inserted, removed or replaced; none if all are far.
    pub fn nearest(&self, mistaken: &str) -> Option<&str> {
        const FAR: usize = 4;
        let mistaken = mistaken.get(..NAME_BYTES_MAX).unwrap_or(mistaken);
        let all = self.names().map(|name| (distance(name, mistaken), name));
        all.min().filter(|(distance, _)| *distance < FAR).map(|(_, name)| name)
    }
}

/// Whether a text has the form of a Region's name: two or more words of lower-case letters and a number of one or two digits, joined
/// by dashes.
fn has_form(text: &str) -> bool {
    let ([words @ .., b'-', b'0'..=b'9'] | [words @ .., b'-', b'0'..=b'9', b'0'..=b'9']) = text.as_bytes()
    else {
        return false;
    };
    let words = words.split(|byte| *byte == b'-');
    let mut letters = words.clone().map(|word| !word.is_empty() && word.iter().all(u8::is_ascii_lowercase));
    text.len() <= NAME_BYTES_MAX && words.count() >= 2 && letters.all(|is_word| is_word)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (at, from) in a.bytes().enumerate() {
        let mut left = at + 1;
        let mut diagonal = std::mem::replace(row.first_mut().unwrap_or(&mut 0), left);
        for (to, cell) in b.bytes().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(from != to);
            diagonal = *cell;
            left = replaced.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_regions_are_served_and_no_other() {
        let regions = Regions::default();
        assert!(ALL.is_sorted() && ALL.iter().all(|name| has_form(name)));
        assert!(["us-east-1", "eu-central-1", "ap-southeast-7"].iter().all(|name| regions.serve(name)));
        for other in
            ["", "mars", "qx-hidden-7", "us-east-9", "us-gov-west-1", "aws-global", "US-EAST-1", "us-east-1 "]
        {
            assert!(!regions.serve(other), "{other}");
        }
    }

    #[test]
    fn lists_have_names_of_regions_and_that_of_global_services() {
        let listed = |names: &[&str]| Regions::listed(names.iter().map(|name| (*name).to_owned()));
        let own = listed(&["us-east-1", "xx-lab-1"]).unwrap();
        assert!(own.serve("xx-lab-1") && !own.serve("eu-central-1"));
        assert_eq!(listed(&["eu-central-1"]).unwrap_err(), InvalidRegions::NotGlobal);
        for wrong in [
            "mars",
            "a-1",
            "eu-central",
            "eu--1",
            "-eu-1",
            "eu-central-123",
            "eu_central-1",
            "eu-central-1\n",
            "Eu-central-1",
        ] {
            assert_eq!(listed(&["us-east-1", wrong]).unwrap_err(), InvalidRegions::Form(wrong.to_owned()));
        }
    }

    #[test]
    fn a_mistaken_name_has_a_nearest_one() {
        let regions = Regions::default();
        for (mistaken, expected) in [
            ("us-east1", Some("us-east-1")),
            ("eu-cental-1", Some("eu-central-1")),
            ("eu-central-1", Some("eu-central-1")),
            ("us-eats-2", Some("us-east-2")),
            ("mars", None),
            ("", None),
        ] {
            assert_eq!(regions.nearest(mistaken), expected, "{mistaken}");
        }
        assert_eq!((distance("", ""), distance("kitten", "sitting"), distance("abc", "")), (0, 3, 3));
    }
}
