//! What is asked, by whom, and which policies are to be consulted.

use std::fmt;
use std::sync::Arc;

use crate::context::Context;
use crate::document::Policy;

/// Who makes the request.
///
/// Account numbers are twelve digits; ARNs carry the full path (`role/path/name`); unique ids are the `AIDA…`/`AROA…`
/// ids to which resource policies are pinned when they are saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are described by the type and by their variant")]
pub enum Principal<'a> {
    /// An unsigned request.
    Anonymous,
    /// An AWS service acting for itself, by its name (`cloudtrail.amazonaws.com`).
    Service { name: &'a str },
    /// The root user of an account.
    Root { account: &'a str },
    /// An IAM user.
    User { account: &'a str, arn: &'a str, id: &'a str },
    /// A session of an assumed role. `session_arn` is `arn:aws:sts::…:assumed-role/Name/Session`, without path.
    RoleSession {
        account: &'a str,
        session_arn: &'a str,
        role_arn: &'a str,
        role_id: &'a str,
        session_name: &'a str,
    },
    /// A session of `sts:GetFederationToken`: its own ARN (`…:federated-user/name`) and the user who asked for it.
    Federated { account: &'a str, arn: &'a str, user_arn: &'a str, user_id: &'a str },
    /// A bearer of a web identity or SAML token that is about to assume a role: the provider's ARN or domain name.
    Provider { name: &'a str },
}

impl<'a> Principal<'a> {
    /// The account the principal belongs to; none for anonymous callers, services and identity providers.
    #[must_use]
    pub fn account(&self) -> Option<&'a str> {
        match *self {
            Principal::Anonymous | Principal::Service { .. } | Principal::Provider { .. } => None,
            Principal::Root { account }
            | Principal::User { account, .. }
            | Principal::RoleSession { account, .. }
            | Principal::Federated { account, .. } => Some(account),
        }
    }
}

impl<'a> Principal<'a> {
    /// The unique id of the user or role behind the caller.
    pub(crate) fn id(&self) -> Option<&'a str> {
        match *self {
            Principal::User { id, .. } => Some(id),
            Principal::RoleSession { role_id, .. } => Some(role_id),
            Principal::Federated { user_id, .. } => Some(user_id),
            Principal::Anonymous
            | Principal::Service { .. }
            | Principal::Root { .. }
            | Principal::Provider { .. } => None,
        }
    }
}

impl fmt::Display for Principal<'_> {
    /// The principal as AWS names it in denial messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Principal::Anonymous => f.write_str("anonymous"),
            Principal::Service { name } | Principal::Provider { name } => f.write_str(name),
            Principal::Root { account } => write!(f, "arn:aws:iam::{account}:root"),
            Principal::User { arn, .. } | Principal::Federated { arn, .. } => f.write_str(arn),
            Principal::RoleSession { session_arn, .. } => f.write_str(session_arn),
        }
    }
}

/// One (action, resource) check. An API call that touches several resources makes several.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The action with its service prefix, in any case: `kms:Encrypt`.
    pub action: &'a str,
    /// The ARN of the resource, or `*` for an action without a resource type.
    pub resource: &'a str,
    /// The account that owns the resource; for `*`, the account in which the action happens.
    pub resource_account: &'a str,
    /// The caller.
    pub principal: Principal<'a>,
    /// The condition keys of the request.
    pub context: &'a dyn Context,
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("action", &self.action)
            .field("resource", &self.resource)
            .field("resource_account", &self.resource_account)
            .field("principal", &self.principal)
            .finish_non_exhaustive()
    }
}

/// The permissions boundary of the calling user or role.
#[derive(Clone, Copy, Debug, Default)]
pub enum Boundary<'a> {
    /// The principal has none.
    #[default]
    None,
    /// The principal is limited by this policy.
    Policy(&'a Policy),
    /// The principal names a boundary policy that no longer exists: everything is denied.
    Dangling,
}

/// The policies that concern one request. A policy that exists but cannot be read must not be left out: deny instead.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policies<'a> {
    /// Policies attached to the user or role, inline and managed, with those of the user's groups.
    pub identity: &'a [Arc<Policy>],
    /// The permissions boundary of the user or role.
    pub boundary: Boundary<'a>,
    /// Session policies, inline and managed; empty when the session was made without any.
    pub session: &'a [Arc<Policy>],
    /// The policy of the resource: a resource policy, the key policy, or the trust policy of the role to be assumed.
    pub resource: Option<&'a Policy>,
    /// A KMS grant covers the caller, the operation and its constraints. Only read in [`Mode::KmsKey`].
    pub grant: bool,
}

/// How the resource's own policy takes part in the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Within an account an identity policy or the resource policy is enough; across accounts both are needed.
    Standard,
    /// An operation on a KMS key: the key policy is the root of trust, grants count.
    KmsKey,
    /// `sts:AssumeRole` and its kin: the trust policy must match.
    AssumeRole,
}
