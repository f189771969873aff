//! Why the grants that were looked at do not permit a use, for those who are told of its denial.

use super::held::{Asked, Delegation, Held, Holding, speaks_for};
use super::party::is_account;
use super::{Constraints, Grant};
use crate::api::GrantOperation;
use crate::authorize::Use;
use crate::context::Pairs;
use crate::text::Text;
use platform::{Cx, Fault};
use policy::explain::{Call, Chosen, Failure, GrantReport, Grants, LookedAt};
use std::sync::Arc;

/// How many grants are told: a grantee may hold very many.
const GRANTS_TOLD: usize = 5;

/// What is asked of a grant, with what its constraints are about.
pub(super) struct Asking<'a> {
    pub(super) asked: &'a Asked<'a>,
    pub(super) pairs: &'a Pairs,
    pub(super) source: Option<&'a str>,
}

/// How close a grant comes to what is asked of it, the closest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    Permits,
    /// It is for other requests, by its constraint on the encryption context.
    OtherContext,
    /// It is for other requests, by its constraint on the source.
    OtherSource,
    OtherOperation,
}

impl Asking<'_> {
    pub(super) fn fit(&self, held: &Held) -> Fit {
        let constraints = &held.constraints;
        let has = |operation: GrantOperation| held.operations.contains(&Text(operation));
        let (operations, context) = match self.asked {
            // Constraints on the encryption context do not apply to DescribeKey (API Reference, `GrantConstraints`).
            Asked::Operation(operation) => {
                let without = matches!(operation, GrantOperation::DescribeKey | GrantOperation::RetireGrant);
                (has(*operation), without || constraints.admit(self.pairs))
            }
            Asked::Delegation(Delegation { operations, constraints: inner }) => {
                let all = has(GrantOperation::CreateGrant) && operations.iter().all(|of| has(*of));
                (all, inner.are_within(constraints))
            }
            Asked::Retirement(_) => (false, false),
        };
        match (operations, constraints.admit_source(self.source), context) {
            (false, _, _) => Fit::OtherOperation,
            (true, false, _) => Fit::OtherSource,
            (true, true, false) => Fit::OtherContext,
            (true, true, true) => Fit::Permits,
        }
    }

    /// What of a grant does not fit.
    fn failures(&self, fit: Fit, name: &str, held: &Held) -> Vec<Failure> {
        if fit == Fit::Permits {
            let limit = if is_account(name) {
                "the caller, whose own policies do not allow it"
            } else {
                "the caller, whose permissions boundary or session policies do not let it through"
            };
            return vec![Failure::of_grant("Grantee", vec![name.to_owned()], Some(vec![limit.to_owned()]))];
        }
        let mut failures = Vec::new();
        if fit == Fit::OtherOperation {
            let asked: Vec<String> = match self.asked {
                Asked::Operation(operation) => vec![operation.to_string()],
                Asked::Delegation(Delegation { operations, .. }) => {
                    let passed_on = operations.iter().filter(|of| **of != GrantOperation::CreateGrant);
                    [GrantOperation::CreateGrant].iter().chain(passed_on).map(ToString::to_string).collect()
                }
                Asked::Retirement(_) => Vec::new(),
            };
            let has = held.operations.iter().map(|operation| operation.0.to_string()).collect();
            failures.push(Failure::of_grant("Operations", has, Some(asked)));
        }
        let constraints = &held.constraints;
        // A new grant has to be for the same source, too.
        let passed_on = match self.asked {
            Asked::Delegation(Delegation { constraints: inner, .. }) => inner.source_arn.as_deref(),
            _ => self.source,
        };
        let sources = [self.source, passed_on];
        if let Some(other) = sources.into_iter().find(|source| !constraints.admit_source(*source)) {
            let wanted = constraints.source_arn.iter().cloned().collect();
            failures.push(Failure::of_grant(
                "SourceArn",
                wanted,
                other.map(|source| vec![source.to_owned()]),
            ));
        }
        failures.extend(self.context_failure(constraints));
        failures
    }

    fn context_failure(&self, constraints: &Constraints) -> Option<Failure> {
        let (name, wanted) = match (&constraints.equals, &constraints.subset) {
            (Some(equals), _) => ("EncryptionContextEquals", equals),
            (None, subset) => ("EncryptionContextSubset", subset.as_ref()?),
        };
        let (fits, given) = match self.asked {
            Asked::Operation(GrantOperation::DescribeKey | GrantOperation::RetireGrant) => return None,
            Asked::Operation(_) => (constraints.admit(self.pairs), self.pairs),
            Asked::Delegation(Delegation { constraints: inner, .. }) => {
                (inner.context_is_within(constraints), inner.pairs())
            }
            Asked::Retirement(_) => return None,
        };
        let given = (!given.is_empty()).then(|| shown(given));
        (!fits).then(|| Failure::of_grant(name, shown(wanted), given))
    }

    /// The encryption context with which a grant permits the operation that was asked for with another one.
    fn other_context(&self, constraints: &Constraints) -> Option<(Pairs, Call)> {
        if !matches!(self.asked, Asked::Operation(_)) {
            return None;
        }
        let wanted = constraints.pairs();
        let others = self.pairs.iter().filter(|(key, _)| !wanted.keys().any(|of| policy::key::same(of, key)));
        let key = |key: &String| format!("kms:EncryptionContext:{key}");
        let with = wanted.iter().map(|(of, value)| Chosen { key: key(of), value: value.clone() });
        let mut call = Call { with: with.collect(), ..Call::default() };
        let mut pairs = wanted.clone();
        if constraints.equals.is_some() {
            call.without = others.map(|(of, _)| key(of)).collect();
        } else {
            pairs.extend(others.map(|(key, value)| (key.clone(), value.clone())));
        }
        Some((pairs, call))
    }
}

/// The grants that were looked at.
#[derive(Default)]
pub(super) struct Looked<'n> {
    /// Those that came closest, with who holds them: rows that were read, and places in them.
    closest: Vec<(Fit, &'n str, Arc<Holding>, usize)>,
    total: usize,
}

impl<'n> Looked<'n> {
    pub(super) fn note(&mut self, fit: Fit, name: &'n str, holding: &Arc<Holding>, place: usize) {
        self.total += 1;
        let at = self.closest.partition_point(|(other, ..)| *other <= fit);
        if at < GRANTS_TOLD {
            self.closest.truncate(GRANTS_TOLD - 1);
            self.closest.insert(at, (fit, name, Arc::clone(holding), place));
        }
    }

    pub(super) fn told(self, cx: &mut Cx<'_>, asks: &Use<'_>, asking: &Asking<'_>) -> Result<Grants, Fault> {
        let others = self.total - self.closest.len();
        let mut looked = Vec::new();
        for (fit, grantee, holding, place) in self.closest {
            let Some(held) = holding.grants.get(place) else { continue };
            let failures = asking.failures(fit, grantee, held);
            let call = match asking.other_context(&held.constraints).filter(|_| fit == Fit::OtherContext) {
                Some((pairs, call)) => {
                    let use_of_it = asks.clone().with_context(&pairs);
                    speaks_for(cx, &use_of_it, grantee)?.then_some(call)
                }
                None => None,
            };
            let report = GrantReport { id: held.id.clone(), grantee: grantee.to_owned(), failures };
            looked.push(LookedAt { report, call });
        }
        Ok(Grants { looked, others })
    }
}

/// Why a grant is not the caller's to retire.
pub(super) fn not_retired(grant: &Grant, names: &[String]) -> Grants {
    let grantee = grant.operations.contains(&Text(GrantOperation::RetireGrant)).then_some(&grant.grantee);
    let parties = grant.retiring.iter().chain(grantee).map(|party| party.id.clone());
    let may = parties.chain([grant.issuer.clone()]).collect();
    let failures = vec![Failure::of_grant("Who may retire it", may, Some(names.to_vec()))];
    let report = GrantReport { id: grant.id.clone(), grantee: grant.grantee.id.clone(), failures };
    Grants { looked: vec![LookedAt { report, call: None }], others: 0 }
}

fn shown(pairs: &Pairs) -> Vec<String> {
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect()
}
