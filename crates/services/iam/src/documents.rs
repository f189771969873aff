//! Policy documents as they come in and go out.

use crate::errors::{malformed_policy, quota};
use crate::limits;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use platform::{Document, Fault};
use policy::{Policy, PolicyKind, Version};

/// All but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A document as IAM answers it: percent-encoded after RFC 3986 (IAM API Reference, `GetPolicyVersion`).
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// The length that quotas limit: white space does not count.
pub(crate) fn counted(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

/// Parses a document that is to be saved.
pub(crate) fn admit(text: &str, kind: PolicyKind, oldest: Version) -> Result<Policy, Fault> {
    policy::admit(text, kind, oldest).map_err(|error| malformed_policy(error.message()))
}

/// A version of a managed policy.
pub(crate) fn managed(text: &str) -> Result<Document, Fault> {
    let policy = admit(text, PolicyKind::Identity, Version::V2012)?;
    if counted(text) > limits::POLICY_CHARS {
        return Err(quota("PolicySize", limits::POLICY_CHARS));
    }
    Ok(Document::new(text, policy))
}

/// An inline policy of a user, group or role.
pub(crate) fn inline(text: &str) -> Result<Document, Fault> {
    Ok(Document::new(text, admit(text, PolicyKind::Identity, Version::V2008)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(encoded("{\"a\": [\"*~-._é\"]}"), "%7B%22a%22%3A%20%5B%22%2A~-._%C3%A9%22%5D%7D");
    }

    #[test]
    fn white_space_does_not_count() {
        assert_eq!(counted(" {\n\t\"a\" : 1 }\r\n"), 7);
    }
}
