//! The request context: condition keys and their values, as the caller of the engine supplies them.

/// Looks up condition keys of one request.
///
/// Lookups happen only for statements whose action, resource and principal already match, so an implementation may
/// compute values on demand. It must not fail: a key whose value cannot be determined is [`Values::Unknown`].
pub trait Context {
    /// The values of `key`, or `None` when the request has no such key.
    ///
    /// `key` is folded already (`aws:sourceip`, `kms:encryptioncontext:app`), and names whose case varies, such as tag keys, are
    /// compared with it by [`key::same`](crate::key::same). Where two names of the request are the one asked for, the answer is
    /// [`Values::Unknown`].
    fn get(&self, key: &str) -> Option<Values<'_>>;
}

/// A context without any key.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoContext;

impl Context for NoContext {
    fn get(&self, _key: &str) -> Option<Values<'_>> {
        None
    }
}

/// The value or values of one condition key, as text.
///
/// Booleans are `true`/`false`, numbers decimal, dates ISO 8601 or seconds since the epoch, binary values base64.
/// Whether a key is single-valued or multivalued is a property of the key, not of the number of values: a tag key list
/// with one entry is still [`Values::Many`]. An empty list is the same as an absent key.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// The value of a single-valued key.
    One(&'a str),
    /// The values of a multivalued key.
    Many(&'a [&'a str]),
    /// The values of a multivalued key, owned by the context.
    Owned(&'a [String]),
    /// The request has the key, but not one that can be told: of two values under names that are the same either could be meant.
    Unknown,
}

impl<'a> Values<'a> {
    /// The values one after the other.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let (one, many, owned): (Option<&'a str>, &'a [&'a str], &'a [String]) = match *self {
            Values::One(value) => (Some(value), &[], &[]),
            Values::Many(values) => (None, values, &[]),
            Values::Owned(values) => (None, &[], values),
            Values::Unknown => (None, &[], &[]),
        };
        one.into_iter().chain(many.iter().copied()).chain(owned.iter().map(String::as_str))
    }

    /// Whether there is no value, which is the same as no key.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Values::One(_) | Values::Unknown => false,
            Values::Many(values) => values.is_empty(),
            Values::Owned(values) => values.is_empty(),
        }
    }

    /// The value, if the key is single-valued.
    pub(crate) fn single(&self) -> Option<&'a str> {
        match self {
            Values::One(value) => Some(value),
            Values::Many(_) | Values::Owned(_) | Values::Unknown => None,
        }
    }
}
