//! The answer to one check, and AWS's words for a denial.

use crate::document::PolicyKind;
use crate::request::Request;

/// The outcome of [`evaluate`](crate::evaluate).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Decision<'a> {
    /// Whether the request may proceed.
    pub allowed: bool,
    /// What decided it.
    pub reason: Reason,
    /// The statement that decided it: the denying one, or the first found that allows.
    pub statement: Option<StatementRef<'a>>,
}

/// What decided a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Allowed, by this authority.
    Allowed {
        /// What granted the permission.
        by: Grantor,
    },
    /// A matching `Deny` statement in a policy of this kind.
    ExplicitDeny {
        /// The kind of policy the statement is in.
        kind: PolicyKind,
    },
    /// No policy of this kind allows the request, and one is needed.
    Implicit {
        /// The first kind of policy found missing.
        missing: PolicyKind,
    },
}

/// What granted a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grantor {
    /// A statement in a policy of this kind.
    Policy(PolicyKind),
    /// The caller is the root user of the account that owns the resource (or, across accounts, of its own).
    Root,
    /// A KMS grant.
    Grant,
    /// `sts:GetCallerIdentity`, which no policy can refuse to a signed request.
    CallerIdentity,
}

/// Where a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementRef<'a> {
    /// The kind of the policy.
    pub kind: PolicyKind,
    /// Index of the policy in the list of its kind; 0 for kinds with one policy.
    pub policy: usize,
    /// Index of the statement in the document.
    pub statement: usize,
    /// The statement's `Sid`.
    pub sid: Option<&'a str>,
}

impl<'a> Decision<'a> {
    pub(crate) fn allow(by: Grantor, statement: Option<StatementRef<'a>>) -> Self {
        Decision { allowed: true, reason: Reason::Allowed { by }, statement }
    }

    pub(crate) fn denied(statement: StatementRef<'a>) -> Self {
        let reason = Reason::ExplicitDeny { kind: statement.kind };
        Decision { allowed: false, reason, statement: Some(statement) }
    }

    pub(crate) fn implicit(missing: PolicyKind) -> Self {
        Decision { allowed: false, reason: Reason::Implicit { missing }, statement: None }
    }

    /// AWS's sentence for the denial (IAM User Guide, "Troubleshoot access denied error messages").
    ///
    /// Of an allowed request it names only the request itself.
    #[must_use]
    pub fn message(&self, request: &Request<'_>) -> String {
        let Request { action, resource, principal, .. } = *request;
        let subject =
            format!("User: {principal} is not authorized to perform: {action} on resource: {resource}");
        match self.reason {
            Reason::ExplicitDeny { kind } => {
                format!("{subject} with an explicit deny in {}", kind.with_article())
            }
            Reason::Implicit { missing } => {
                format!("{subject} because no {} allows the {action} action", missing.name())
            }
            Reason::Allowed { .. } => {
                format!("{principal} is authorized to perform: {action} on resource: {resource}")
            }
        }
    }
}

impl PolicyKind {
    /// The kind as AWS names it in "because no … allows".
    pub(crate) fn name(self) -> &'static str {
        match self {
            PolicyKind::Identity => "identity-based policy",
            PolicyKind::Resource | PolicyKind::Key => "resource-based policy",
            PolicyKind::Trust => "role trust policy",
            PolicyKind::Boundary => "permissions boundary",
            PolicyKind::Session => "session policy",
        }
    }

    /// The kind as AWS names it in "with an explicit deny in …"; "sessions policy" is AWS's spelling.
    fn with_article(self) -> &'static str {
        match self {
            PolicyKind::Identity => "an identity-based policy",
            PolicyKind::Resource | PolicyKind::Key => "a resource-based policy",
            PolicyKind::Trust => "the role trust policy",
            PolicyKind::Boundary => "a permissions boundary",
            PolicyKind::Session => "a sessions policy",
        }
    }
}
