//! `Action` and `Version` of the Query protocols.

use std::borrow::Cow;

use crate::sigv4::{decode_query, query_pairs};

/// The two parameters that name an operation. Both may be absent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Action<'a> {
    pub(super) action: Option<Cow<'a, str>>,
    pub(super) version: Option<Cow<'a, str>>,
}

/// One of them was given twice; their text is not one word.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Twice;

impl<'a> Action<'a> {
    /// Takes the parameters from a query string or form.
    pub(super) fn read(&mut self, pairs: &'a str) -> Result<(), Twice> {
        for (name, value) in query_pairs(pairs) {
            // Encoded names are rare, and decoded all the same: a decoder of the form would see them, too.
            let Some(name) = decode_query(name) else { continue };
            let slot = match name.as_ref() {
                "Action" => &mut self.action,
                "Version" => &mut self.version,
                _ => continue,
            };
            // What is not UTF-8 names no operation, but it does name something.
            if slot.replace(decode_query(value).unwrap_or_default()).is_some() {
                return Err(Twice);
            }
        }
        Ok(())
    }
}
