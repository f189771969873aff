//! The decision: which policies must allow, and which may deny.
//!
//! Sources: IAM User Guide, "Policy evaluation logic" and "Cross-account policy evaluation logic"; KMS Developer Guide,
//! "Key policies" and "Grants in AWS KMS".

use std::sync::Arc;

use crate::action::Action;
use crate::arn::Arn;
use crate::decision::{Decision, Grantor, StatementRef};
use crate::document::{Policy, PolicyKind};
use crate::meter::{DECISION_STEPS_MAX, Meter};
use crate::principal::Fit;
use crate::request::{Boundary, Mode, Policies, Principal, Request};
use crate::statement::Check;
use crate::truth::Truth;

/// Decides one check.
///
/// An explicit deny in any policy wins. Otherwise the caller's identity policies and, where they count, the resource's
/// policy must allow, within the limits of the permissions boundary and the session policies. What nothing allows is
/// denied.
///
/// A decision takes no more than a named number of steps. What they do not suffice for is in doubt, as are conditions that cannot be
/// told: a doubt never allows, and always denies.
pub fn evaluate<'a>(request: &Request<'_>, policies: &Policies<'a>, mode: Mode) -> Decision<'a> {
    evaluate_within(request, policies, mode, &Meter::new(DECISION_STEPS_MAX))
}

/// [`evaluate`] with the steps of a meter.
pub(crate) fn evaluate_within<'a>(
    request: &Request<'_>,
    policies: &Policies<'a>,
    mode: Mode,
    meter: &Meter,
) -> Decision<'a> {
    let evaluation = Evaluation {
        action: Action::new(request.action),
        check: Check {
            request,
            resource: Arn::resource(request.resource),
            meter,
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
            let found = document.deny().find(&self.action, self.check.meter, |number, _| {
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
        let found = document.allow().find(&self.action, self.check.meter, |number, named| {
            named == Truth::True
                && document.statement(number).is_some_and(|statement| statement.allows(&self.check).is_some())
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
        document.allow().find(&self.action, self.check.meter, |number, named| {
            let statement = document.statement(number).filter(|_| named == Truth::True);
            let fit = statement.and_then(|statement| statement.allows(&self.check));
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::context::{Context, Values};

    const ACCOUNT: &str = "111122223333";

    /// `a:long` is a text of 100 kB, every other key `x`.
    struct Keys {
        long: String,
        lookups: Cell<usize>,
    }

    impl Context for Keys {
        fn get(&self, key: &str) -> Option<Values<'_>> {
            self.lookups.set(self.lookups.get() + 1);
            Some(Values::One(if key == "a:long" { &self.long } else { "x" }))
        }
    }

    /// Whether a caller with these conditions in as many policies is allowed or denied, with the steps and the lookups that takes.
    fn decide(effect: &str, condition: &str, policies: usize) -> (bool, usize, usize) {
        let parse = |effect: &str, condition: &str| {
            let text = format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Action":"s3:*","Resource":"*","Condition":{condition}}}}}"#
            );
            Arc::new(Policy::parse(&text, PolicyKind::Identity).unwrap())
        };
        let mut identity = vec![parse(effect, condition); policies];
        if effect == "Deny" {
            identity.push(parse("Allow", "{}"));
        }
        let keys = Keys { long: "a".repeat(100_000), lookups: Cell::new(0) };
        let request = Request {
            action: "s3:GetObject",
            resource: "arn:aws:s3:::b/k",
            resource_account: ACCOUNT,
            principal: Principal::User {
                account: ACCOUNT,
                arn: "arn:aws:iam::111122223333:user/a",
                id: "AIDA",
            },
            context: &keys,
        };
        let meter = Meter::new(DECISION_STEPS_MAX);
        let policies = Policies { identity: &identity, ..Policies::default() };
        let decision = evaluate_within(&request, &policies, Mode::Standard, &meter);
        (decision.allowed, DECISION_STEPS_MAX - meter.left(), keys.lookups.get())
    }

    #[test]
    fn an_ordinary_decision_takes_few_steps() {
        let condition =
            r#"{"StringEquals":{"a:x":["w","x"]},"StringLike":{"a:y":"${a:z}*"},"Null":{"a:x":"false"}}"#;
        for effect in ["Allow", "Deny"] {
            let (allowed, steps, lookups) = decide(effect, condition, 1);
            assert_eq!((allowed, lookups), (effect == "Allow", 4));
            assert!(steps < 500, "{steps}");
        }
        // A long value is no trouble to patterns without `?` inside.
        let (allowed, steps, _) = decide("Allow", r#"{"StringLike":{"a:long":["*b*","*a?","a*a*a"]}}"#, 1);
        assert!(allowed && steps < 300_000, "{steps}");
    }

    #[test]
    fn a_hostile_decision_ends_and_does_not_allow() {
        let pattern = "*".to_owned() + &"?a".repeat(900) + "b*";
        let variables = "${a:x}".repeat(20_000);
        let long_variables = "*${a:long}b".repeat(10_000);
        let many: Vec<String> = (0..10_000).map(|number| format!("*a{number}*")).collect();
        let many = serde_json::to_string(&many).unwrap();
        for (operator, values, policies, ends) in [
            ("StringLike", format!("\"{pattern}\""), 1, true),
            ("StringNotLike", format!("\"{pattern}\""), 1, true),
            ("StringLike", many, 1, true),
            ("StringEquals", format!("\"{variables}\""), 10, false),
            ("StringNotEquals", format!("\"{variables}\""), 10, false),
            ("StringEqualsIgnoreCase", format!("\"{variables}\""), 10, false),
            ("StringLike", format!("\"{long_variables}\""), 10, false),
        ] {
            for effect in ["Allow", "Deny"] {
                let condition = format!(r#"{{"{operator}":{{"a:long":{values}}}}}"#);
                let (allowed, steps, lookups) = decide(effect, &condition, policies);
                let text = format!("{effect} {operator} {:.20}: {steps} steps, {lookups} lookups", values);
                assert!(steps < DECISION_STEPS_MAX || !allowed, "{text}");
                assert!(steps == DECISION_STEPS_MAX || !ends, "{text}");
                assert!(lookups <= DECISION_STEPS_MAX / 64, "{text}");
            }
        }
    }
}
