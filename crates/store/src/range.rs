use std::ops::{Bound, RangeBounds};

/// A range of keys, in the order of their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    pub(crate) lower: Bound<Vec<u8>>,
    pub(crate) upper: Bound<Vec<u8>>,
}

/// In which direction a scan or a log read goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// From the lowest key or position to the highest.
    Forward,
    /// From the highest to the lowest.
    Reverse,
}

impl KeyRange {
    /// Every key.
    pub fn all() -> KeyRange {
        KeyRange { lower: Bound::Unbounded, upper: Bound::Unbounded }
    }

    /// The keys from `lower`, which is included, to `upper`, which is not.
    pub fn between(lower: &[u8], upper: &[u8]) -> KeyRange {
        KeyRange { lower: Bound::Included(lower.to_vec()), upper: Bound::Excluded(upper.to_vec()) }
    }

    /// The keys that begin with `prefix`.
    pub fn prefix(prefix: &[u8]) -> KeyRange {
        // The first key after all that begin with the prefix: drop trailing 0xff, then add one to the last byte.
        let mut upper = prefix.to_vec();
        while upper.pop_if(|last| *last == u8::MAX).is_some() {}
        let upper = match upper.last_mut() {
            Some(last) => {
                *last += 1;
                Bound::Excluded(upper)
            }
            None => Bound::Unbounded,
        };
        KeyRange { lower: Bound::Included(prefix.to_vec()), upper }
    }

    /// The keys of this range that come after `key`: the next page of a forward scan.
    #[must_use]
    pub fn after(self, key: &[u8]) -> KeyRange {
        let higher = match &self.lower {
            Bound::Included(lower) | Bound::Excluded(lower) => key >= lower.as_slice(),
            Bound::Unbounded => true,
        };
        if higher { KeyRange { lower: Bound::Excluded(key.to_vec()), ..self } } else { self }
    }

    /// The keys of this range that come before `key`: the next page of a reverse scan.
    #[must_use]
    pub fn before(self, key: &[u8]) -> KeyRange {
        let lower = match &self.upper {
            Bound::Included(upper) | Bound::Excluded(upper) => key <= upper.as_slice(),
            Bound::Unbounded => true,
        };
        if lower { KeyRange { upper: Bound::Excluded(key.to_vec()), ..self } } else { self }
    }

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        <(Bound<&[u8]>, Bound<&[u8]>) as RangeBounds<[u8]>>::contains(&self.bounds(), key)
    }

    /// Whether no key can lie in the range. Ordered maps panic when asked for such a range.
    pub fn is_empty(&self) -> bool {
        match (&self.lower, &self.upper) {
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(lower), Bound::Included(upper)) => lower > upper,
            (
                Bound::Included(lower) | Bound::Excluded(lower),
                Bound::Included(upper) | Bound::Excluded(upper),
            ) => lower >= upper,
        }
    }

    /// The bounds as the ordered maps take them.
    pub fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (self.lower.as_ref().map(Vec::as_slice), self.upper.as_ref().map(Vec::as_slice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_its_successor() {
        let range = KeyRange::prefix(b"a\xff\xff");
        assert_eq!(range, KeyRange::between(b"a\xff\xff", b"b"));
        assert_eq!(KeyRange::prefix(b"\xff").upper, Bound::Unbounded);
        assert_eq!(
            KeyRange::prefix(b""),
            KeyRange { lower: Bound::Included(vec![]), upper: Bound::Unbounded }
        );
        for (key, within) in
            [(&b"a\xff\xff"[..], true), (b"a\xff\xff\xff", true), (b"b", false), (b"a\xff", false)]
        {
            assert_eq!(range.contains(key), within, "{key:?}");
        }
    }

    #[test]
    fn pages_never_widen_the_range() {
        let range = KeyRange::between(b"b", b"d");
        assert_eq!(range.clone().after(b"a"), range);
        assert_eq!(range.clone().before(b"e"), range);
        assert!(!range.clone().after(b"b").contains(b"b"));
        assert!(range.clone().after(b"x").is_empty());
        assert!(KeyRange::between(b"b", b"b").is_empty());
    }
}
