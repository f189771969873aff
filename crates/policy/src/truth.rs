//! The truth of a part of a statement, of which a doubt is the third value.
//!
//! A doubt never widens access: an `Allow` applies if all of it is true, a `Deny` unless some of it is false. What is in doubt is listed
//! in `docs/decisions/0028-doubts.md`.

/// False, in doubt, or true. Of parts that must all be true the least counts, of alternatives the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Truth {
    False,
    Doubt,
    True,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Truth::True } else { Truth::False }
    }
}

impl Truth {
    /// The opposite; that of a doubt is a doubt.
    pub(crate) fn not(self) -> Self {
        match self {
            Truth::False => Truth::True,
            Truth::Doubt => Truth::Doubt,
            Truth::True => Truth::False,
        }
    }

    /// The opposite if `negated`.
    pub(crate) fn negated_if(self, negated: bool) -> Self {
        if negated { self.not() } else { self }
    }

    /// Whether it is true for an item at least. Looks no further than the first for which it is.
    pub(crate) fn any<T>(items: impl IntoIterator<Item = T>, mut test: impl FnMut(T) -> Truth) -> Self {
        let mut best = Truth::False;
        for item in items {
            best = best.max(test(item));
            if best == Truth::True {
                break;
            }
        }
        best
    }

    /// Whether it is true for every item. Looks no further than the first for which it is false.
    pub(crate) fn all<T>(items: impl IntoIterator<Item = T>, mut test: impl FnMut(T) -> Truth) -> Self {
        Self::any(items, |item| test(item).not()).not()
    }
}
