//! Why a document is not a policy.

use thiserror::Error;

/// Why a document is not a policy.
///
/// The message is AWS's own wording where AWS's is known, fit for `MalformedPolicyDocument` (IAM, STS) and
/// `MalformedPolicyDocumentException` (KMS); path and offset say where, which AWS does not.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct PolicyError {
    message: String,
    path: String,
    offset: usize,
}

impl PolicyError {
    pub(crate) fn new(message: impl Into<String>, path: impl Into<String>, offset: usize) -> Self {
        PolicyError { message: message.into(), path: path.into(), offset }
    }

    /// What is wrong, in AWS's words.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The element at fault, such as `Statement[2].Condition.StringEquals.aws:SourceArn`; empty for the whole document.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where the element starts: bytes from the beginning of the document.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }
}
