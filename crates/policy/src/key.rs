//! Names of condition keys and of tags: which of them are the same.
//!
//! Names of condition keys are not case-sensitive, and a tag key is part of one: `aws:PrincipalTag/team` asks for the tag `Team` too (IAM
//! User Guide, "AWS global condition context keys"). So two names that differ by case alone are one name to a policy, and everything
//! that compares such names asks here: where a policy looks a key up, and where a service refuses or replaces a tag.

use std::borrow::Cow;
use std::collections::BTreeSet;

/// The form in which names are compared: equal for two names if and only if they are the same.
///
/// Each character goes to lower case, to upper case and to lower case again, where that gives one character. So U+212A (Kelvin sign) is
/// `k`, U+017F (long s) is `s`, U+0131 (dotless i) is `i`, and a final sigma is a sigma, while `ß` is not `ss`. Texts are not normalized:
/// an `é` of one character is not an `e` with an accent after it.
#[must_use]
pub fn fold(name: &str) -> Cow<'_, str> {
    match (name.is_ascii(), name.bytes().any(|byte| byte.is_ascii_uppercase())) {
        (true, false) => Cow::Borrowed(name),
        (true, true) => Cow::Owned(name.to_ascii_lowercase()),
        (false, _) => Cow::Owned(name.chars().map(fold_char).collect()),
    }
}

/// Whether two names are the same.
#[must_use]
pub fn same(left: &str, right: &str) -> bool {
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(right);
    }
    left.chars().map(fold_char).eq(right.chars().map(fold_char))
}

/// The first name that is the same as one before it.
pub fn repeated<'n>(names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let mut seen = BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(fold(name)))
}

/// A character as names are compared.
pub(crate) fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let lower = |c: char| only(c.to_lowercase()).unwrap_or(c);
    let upper = |c: char| only(c.to_uppercase()).unwrap_or(c);
    lower(upper(lower(c)))
}

fn only(mut chars: impl Iterator<Item = char>) -> Option<char> {
    chars.next().filter(|_| chars.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_the_same() {
        for (left, right, expected) in [
            ("stack", "STACK", true),
            ("stack", "Stac\u{212A}", true),
            ("stack", "\u{17F}tack", true),
            ("aws:TagKeys", "AWS:tagkeys", true),
            ("GRÖSSE", "größe", false),
            ("GRÖẞE", "größe", true),
            ("ΟΔΟΣ", "οδος", true),
            ("ΟΔΟΣ", "οδοσ", true),
            ("\u{e9}", "e\u{301}", false),
            ("stack", "stack ", false),
            ("", "", true),
        ] {
            assert_eq!(same(left, right), expected, "{left} {right}");
            assert_eq!(fold(left) == fold(right), expected, "{left} {right}");
            assert_eq!(repeated([left, right]).is_some(), expected, "{left} {right}");
        }
        assert_eq!(repeated(["a", "b", "B", "A"]), Some("B"));
    }

    #[test]
    fn a_character_is_the_same_in_either_case() {
        for c in char::MIN..=char::MAX {
            let folded = fold_char(c);
            assert_eq!(fold_char(folded), folded, "{c:?}");
            for other in [only(c.to_lowercase()), only(c.to_uppercase())].into_iter().flatten() {
                assert_eq!(fold_char(other), folded, "{c:?} {other:?}");
            }
        }
    }
}
