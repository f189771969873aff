//! Policy variables: condition keys whose values stand in the text of a pattern.
//!
//! Source: IAM User Guide, "Policy elements: Variables and tags".

use crate::context::{Context, Values};
use crate::key;

/// `${key}` or `${key, 'default'}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    /// Folded.
    key: Box<str>,
    default: Option<Box<str>>,
}

/// A variable that is not well-formed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadVariable;

impl Variable {
    /// The condition key, folded.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Whether something stands in its place where the key is absent.
    pub(crate) fn has_default(&self) -> bool {
        self.default.is_some()
    }

    pub(crate) fn parse(text: &str) -> Result<Self, BadVariable> {
        let (key, default) = match text.split_once(',') {
            None => (text, None),
            Some((key, quoted)) => {
                let inner = quoted.trim().strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
                (key, Some(inner.filter(|inner| !inner.contains('\'')).ok_or(BadVariable)?))
            }
        };
        let key = key.trim();
        if key.is_empty()
            || key.contains(|c: char| c.is_whitespace() || matches!(c, '$' | '{' | '*' | '?' | '\''))
        {
            return Err(BadVariable);
        }
        Ok(Variable { key: key::fold(key).into(), default: default.map(Into::into) })
    }

    /// The text to put in its place.
    pub(crate) fn value<'v>(&'v self, context: &'v dyn Context) -> Value<'v> {
        match context.get(&self.key).filter(|values| !values.is_empty()) {
            None => self.default.as_deref().map_or(Value::Unset, Value::Text),
            Some(Values::One(text)) => Value::Text(text),
            // No variable may name a multivalued key (IAM User Guide, "Single-valued vs. multivalued context keys").
            Some(Values::Many(_) | Values::Owned(_) | Values::Unknown) => Value::InDoubt,
        }
    }
}

/// The value of a variable.
pub(crate) enum Value<'v> {
    Text(&'v str),
    /// The key is absent, and there is no default.
    Unset,
    /// The key has several values, or ones that cannot be told.
    InDoubt,
}
