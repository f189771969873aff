//! A policy document as a row keeps it: its text, parsed once for all rows that have the same.

use crate::Fault;
use policy::{Policy, PolicyKind};
use quick_cache::sync::Cache;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::convert::Infallible;
use std::sync::{Arc, LazyLock, OnceLock};

/// How many texts are shared between rows. Most keys have the same few policies.
const SHARED_MAX: usize = 1024;

/// The longest text that is, in bytes.
const SHARED_BYTES_MAX: usize = 8 * 1024;

static SHARED: LazyLock<Cache<String, Document>> = LazyLock::new(|| Cache::new(SHARED_MAX));

/// A policy document: the text as the caller wrote it, and the policy it parses to.
///
/// In a row it is stored as the text alone.
#[derive(Clone, Debug, Default)]
pub struct Document(Arc<Parsed>);

#[derive(Debug, Default)]
struct Parsed {
    text: Box<str>,
    policy: OnceLock<Arc<Policy>>,
}

impl Document {
    /// Keeps a text that has been parsed and found valid.
    pub fn new(text: impl AsRef<str>, policy: Policy) -> Self {
        let document = Self::of(text.as_ref());
        // If it is there already, it is the same.
        document.0.policy.get_or_init(|| Arc::new(policy));
        document
    }

    /// Keeps a text that is known to be valid; it is parsed when it is first asked for.
    pub fn of(text: &str) -> Self {
        let alone = || Self(Arc::new(Parsed { text: text.into(), policy: OnceLock::new() }));
        if text.len() > SHARED_BYTES_MAX {
            return alone();
        }
        match SHARED.get_or_insert_with(text, || Ok::<_, Infallible>(alone())) {
            Ok(shared) => shared,
            Err(never) => match never {},
        }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The policy.
    ///
    /// # Errors
    /// A bug: what is stored was found valid when it was put there.
    pub fn policy(&self, kind: PolicyKind) -> Result<Arc<Policy>, Fault> {
        if let Some(policy) = self.0.policy.get().filter(|policy| policy.kind() == kind) {
            return Ok(Arc::clone(policy));
        }
        let policy = Policy::parse(self.text(), kind)
            .map_err(|error| Fault::bug(format!("a stored policy does not parse: {error}")))?;
        let policy = Arc::new(policy);
        // The same text may be a policy of another kind elsewhere; then it is parsed each time, which is rare.
        let _other_kind = self.0.policy.set(Arc::clone(&policy));
        Ok(policy)
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.text() == other.text()
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_with_the_same_text_share_it_and_each_kind_is_its_own() {
        let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
        let document = Document::new(text, Policy::parse(text, PolicyKind::Identity).unwrap());
        let read: Document = serde_json::from_str(&serde_json::to_string(&document).unwrap()).unwrap();
        let policy = |document: &Document, kind| document.policy(kind).unwrap();
        let identity = policy(&document, PolicyKind::Identity);
        assert!(Arc::ptr_eq(&identity, &policy(&read, PolicyKind::Identity)));
        assert_eq!(policy(&read, PolicyKind::Session).kind(), PolicyKind::Session);
        assert_eq!(policy(&read, PolicyKind::Identity).kind(), PolicyKind::Identity);
        // The grammar of key policies asks for a principal.
        assert!(document.policy(PolicyKind::Key).is_err());

        let long = format!("{text}{}", " ".repeat(SHARED_BYTES_MAX));
        assert_eq!(Document::of(&long), Document::of(&long));
        assert!(!Arc::ptr_eq(&Document::of(&long).0, &Document::of(&long).0));
    }
}
