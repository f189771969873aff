//! The policy document: its grammar, and its compiled form.
//!
//! Source: IAM User Guide, "Grammar of the IAM JSON policy language".

use crate::action::Index;
use crate::decision::StatementRef;
use crate::error::PolicyError;
use crate::grammar;
use crate::principal::NamedPrincipal;
use crate::statement::{Effect, Statement};
use serde::{Deserialize, Serialize};

/// A parsed and compiled policy document.
#[derive(Debug)]
pub struct Policy {
    kind: PolicyKind,
    version: Version,
    /// The text, for explanations: what is compiled cannot be quoted.
    text: Box<str>,
    statements: Box<[Statement]>,
    allow: Index,
    deny: Index,
}

/// What a document is for: this decides which elements it must and may not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyKind {
    /// Attached to a user, group or role, inline or managed.
    Identity,
    /// Attached to a resource.
    Resource,
    /// The trust policy of a role: who may assume it.
    Trust,
    /// The key policy of a KMS key.
    Key,
    /// A managed policy used as a permissions boundary.
    Boundary,
    /// Passed when a session is made.
    Session,
}

impl PolicyKind {
    /// Whether policies of this kind belong to the caller, so that they name no principal.
    pub(crate) fn is_callers(self) -> bool {
        match self {
            PolicyKind::Identity | PolicyKind::Boundary | PolicyKind::Session => true,
            PolicyKind::Resource | PolicyKind::Trust | PolicyKind::Key => false,
        }
    }
}

/// The version of the policy language. Managed policies must have the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// `2008-10-17`, also where no version is given: policy variables are plain text.
    V2008,
    /// `2012-10-17`
    V2012,
}

impl Policy {
    /// Parses a document strictly.
    ///
    /// # Errors
    /// When the text is not JSON, has duplicate or unknown elements, or is not a policy of this kind; the error's
    /// message is fit for AWS's `MalformedPolicyDocument` errors. Limits on the length of documents differ between
    /// services and are theirs to check; only [128 KiB](crate::DOCUMENT_BYTES_MAX) is enforced here.
    pub fn parse(text: &str, kind: PolicyKind) -> Result<Policy, PolicyError> {
        let document = grammar::parse(text, kind)?;
        let (mut allow, mut deny, mut statements) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (statement, actions)) in document.statements.into_iter().enumerate() {
            match statement.effect {
                Effect::Allow => allow.push((number, actions)),
                Effect::Deny => deny.push((number, actions)),
            }
            statements.push(statement);
        }
        Ok(Policy {
            kind,
            version: document.version,
            text: text.into(),
            statements: statements.into(),
            allow: Index::new(allow),
            deny: Index::new(deny),
        })
    }

    /// What the document was parsed as.
    #[must_use]
    pub fn kind(&self) -> PolicyKind {
        self.kind
    }

    /// The version the document declares.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The text it was parsed from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn allow(&self) -> &Index {
        &self.allow
    }

    pub(crate) fn deny(&self) -> &Index {
        &self.deny
    }

    pub(crate) fn statements(&self) -> &[Statement] {
        &self.statements
    }

    pub(crate) fn statement(&self, number: usize) -> Option<&Statement> {
        self.statements.get(number)
    }

    pub(crate) fn reference(&self, policy: usize, statement: usize) -> StatementRef<'_> {
        let sid = self.statement(statement).and_then(|statement| statement.sid.as_deref());
        StatementRef { kind: self.kind, policy, statement, sid }
    }
}

/// Visits every name in the `Principal` and `NotPrincipal` elements of a document and replaces those for which
/// `replace` answers; the rest of the text stays as it is.
///
/// Services use it to check that principals exist, to store unique ids in place of user and role ARNs
/// ([`NamedPrincipal::is_pinnable`]), and to show ARNs again for ids that still exist.
///
/// # Errors
/// When the text is not JSON of the outline of a policy. It need not be valid otherwise.
pub fn rewrite_principals(
    text: &str,
    mut replace: impl FnMut(NamedPrincipal<'_>) -> Option<String>,
) -> Result<String, PolicyError> {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    grammar::visit_principals(text, |named, span| {
        if let Some(replacement) = replace(named) {
            out.push_str(text.get(copied..span.start).unwrap_or_default());
            out.push_str(&serde_json::Value::from(replacement).to_string());
            copied = span.end;
        }
    })?;
    out.push_str(text.get(copied..).unwrap_or_default());
    Ok(out)
}
