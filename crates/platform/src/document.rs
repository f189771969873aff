//! A policy document as a row keeps it: its text, parsed once.

use crate::Fault;
use policy::{Policy, PolicyKind};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::{Arc, OnceLock};

/// A policy document: the text as the caller wrote it, and the policy it parses to.
///
/// In a row it is stored as the text alone.
#[derive(Clone, Debug, Default)]
pub struct Document {
    text: String,
    policy: OnceLock<Arc<Policy>>,
}

impl Document {
    /// Keeps a text that has been parsed and found valid.
    pub fn new(text: impl Into<String>, policy: Policy) -> Self {
        Self { text: text.into(), policy: OnceLock::from(Arc::new(policy)) }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The policy.
    ///
    /// # Errors
    /// A bug: what is stored was found valid when it was put there.
    pub fn policy(&self, kind: PolicyKind) -> Result<Arc<Policy>, Fault> {
        if let Some(policy) = self.policy.get() {
            return Ok(Arc::clone(policy));
        }
        let policy = Policy::parse(&self.text, kind)
            .map_err(|error| Fault::bug(format!("a stored policy does not parse: {error}")))?;
        Ok(Arc::clone(self.policy.get_or_init(|| Arc::new(policy))))
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { text: String::deserialize(deserializer)?, policy: OnceLock::new() })
    }
}
