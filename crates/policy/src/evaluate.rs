//! The decision: which policies must allow, and which may deny.
//!
//! Sources: IAM User Guide, "Policy evaluation logic" and "Cross-account policy evaluation logic"; KMS Developer Guide,
//! "Key policies" and "Grants in AWS KMS".

use std::sync::Arc;

use crate::action::Action;
use crate::arn::Arn;
use crate::decision::{Decision, Grantor, StatementRef};
use crate::document::{Policy, PolicyKind};
use crate::principal::Fit;
use crate::request::{Boundary, Mode, Policies, Principal, Request};
use crate::statement::Check;

/// Decides one check.
///
/// An explicit deny in any policy wins. Otherwise the caller's identity policies and, where they count, the resource's
/// policy must allow, within the limits of the permissions boundary and the session policies. What nothing allows is
/// denied.
pub fn evaluate<'a>(request: &Request<'_>, policies: &Policies<'a>, mode: Mode) -> Decision<'a> {
    let evaluation = Evaluation {
        action: Action::new(request.action),
        check: Check {
            request,
            resource: Arn::new(request.resource),
            bounded: !matches!(policies.boundary, Boundary::None),
        },
        policies,
        mode,
    };
    evaluation.decide()
}

struct Evaluation<'r, 'p, 'a> {
    action: Action,
    check: Check<'r>,
    policies: &'p Policies<'a>,
    mode: Mode,
}

impl<'a> Evaluation<'_, '_, 'a> {
    fn decide(&self) -> Decision<'a> {
        let request = self.check.request;
        let caller = request.principal;
        if self.action.full() == "sts:getcalleridentity" && caller != Principal::Anonymous {
            return Decision::allow(Grantor::CallerIdentity, None);
        }
        if let Some(statement) = self.explicit_deny() {
            return Decision::denied(statement);
        }
        if matches!(self.policies.boundary, Boundary::Dangling) {
            return Decision::implicit(PolicyKind::Boundary);
        }
        let same_account = match caller.account() {
            Some(account) => account == request.resource_account,
            None => true,
        };
        let resource = self.resource_allows();
        let grant = self.mode == Mode::KmsKey && self.policies.grant;
        if same_account && let Some((fit, statement)) = resource {
            let granted = Decision::allow(Grantor::Policy(statement.kind), Some(statement));
            match fit {
                Fit::Direct => return granted,
                Fit::RoleLike => match self.limited(granted) {
                    decision if decision.allowed || !grant => return decision,
                    _ => {}
                },
                Fit::Account => {}
            }
        }
        if grant {
            return Decision::allow(Grantor::Grant, None);
        }
        let own_policy_needed = !same_account || self.mode != Mode::Standard || caller.account().is_none();
        // A role is passed within its account only (IAM User Guide, "Granting a user permissions to pass a role").
        let passed_away = !same_account && self.action.full() == "iam:passrole";
        if passed_away || (own_policy_needed && resource.is_none()) {
            return Decision::implicit(self.resource_kind());
        }
        let granted = match (caller, self.identity_allows()) {
            (Principal::Root { .. }, _) => Decision::allow(Grantor::Root, None),
            (_, Some(statement)) => Decision::allow(Grantor::Policy(PolicyKind::Identity), Some(statement)),
            (_, None) => return Decision::implicit(PolicyKind::Identity),
        };
        self.limited(granted)
    }

    /// `granted`, if boundary and session policies allow it too.
    fn limited(&self, granted: Decision<'a>) -> Decision<'a> {
        match self.limits() {
            Ok(()) => granted,
            Err(missing) => Decision::implicit(missing),
        }
    }

    fn explicit_deny(&self) -> Option<StatementRef<'a>> {
        // The kind is told by where a policy stands: a managed policy can be a boundary or a session policy as well.
        let denies = |kind: Option<PolicyKind>, policy: usize, document: &'a Policy| {
            let found = document.deny().find(&self.action, |number| {
                document.statement(number).is_some_and(|statement| statement.denies(&self.check))
            });
            let statement = document.reference(policy, found?);
            Some(StatementRef { kind: kind.unwrap_or(statement.kind), ..statement })
        };
        let list = |kind, policies: &'a [Arc<Policy>]| {
            policies.iter().enumerate().find_map(|(number, policy)| denies(Some(kind), number, policy))
        };
        let boundary = self.boundary();
        self.policies
            .resource
            .and_then(|policy| denies(None, 0, policy))
            .or_else(|| list(PolicyKind::Identity, self.policies.identity))
            .or_else(|| boundary.and_then(|policy| denies(Some(PolicyKind::Boundary), 0, policy)))
            .or_else(|| list(PolicyKind::Session, self.policies.session))
    }

    fn boundary(&self) -> Option<&'a Policy> {
        match self.policies.boundary {
            Boundary::Policy(policy) => Some(policy),
            Boundary::None | Boundary::Dangling => None,
        }
    }

    fn allows(&self, policy: usize, document: &'a Policy) -> Option<StatementRef<'a>> {
        let found = document.allow().find(&self.action, |number| {
            document.statement(number).is_some_and(|statement| statement.allows(&self.check).is_some())
        });
        found.map(|number| document.reference(policy, number))
    }

    fn identity_allows(&self) -> Option<StatementRef<'a>> {
        self.policies.identity.iter().enumerate().find_map(|(number, policy)| self.allows(number, policy))
    }

    /// The best fit among the statements of the resource's policy that allow.
    fn resource_allows(&self) -> Option<(Fit, StatementRef<'a>)> {
        let document = self.policies.resource?;
        let mut best = None;
        document.allow().find(&self.action, |number| {
            let fit = document.statement(number).and_then(|statement| statement.allows(&self.check));
            if let Some(fit) = fit
                && best.is_none_or(|(other, _)| fit > other)
            {
                best = Some((fit, number));
            }
            fit == Some(Fit::Direct)
        });
        best.map(|(fit, number)| (fit, document.reference(0, number)))
    }

    /// The boundary and the session policies, which only limit: the first of them that does not allow.
    fn limits(&self) -> Result<(), PolicyKind> {
        if let Some(boundary) = self.boundary()
            && self.allows(0, boundary).is_none()
        {
            return Err(PolicyKind::Boundary);
        }
        let session = self.policies.session;
        // GetFederationToken without a policy gives a session that can do nothing by itself.
        let unlimited =
            session.is_empty() && !matches!(self.check.request.principal, Principal::Federated { .. });
        if unlimited || session.iter().any(|policy| self.allows(0, policy).is_some()) {
            Ok(())
        } else {
            Err(PolicyKind::Session)
        }
    }

    fn resource_kind(&self) -> PolicyKind {
        match self.mode {
            Mode::Standard => PolicyKind::Resource,
            Mode::KmsKey => PolicyKind::Key,
            Mode::AssumeRole => PolicyKind::Trust,
        }
    }
}
