//! Why a request was decided as it was: the slow path beside [`evaluate`](crate::evaluate), run for denials and when asked.
//!
//! An [`Explanation`] names the statement that decided, each statement that came close with the element that failed and the
//! values on both sides, and the least change found that would allow the request. A change is suggested only after an
//! evaluation with it applied has allowed the request.

mod amend;
mod candidates;
mod change;
mod chosen;
mod edit;
mod grants;
mod least;
mod look;
mod text;

pub use change::{Call, Change, Chosen, Place, Target};
pub use grants::{GrantReport, Grants, LookedAt};

use crate::decision::{Grantor, Reason, StatementRef};
use crate::document::PolicyKind;
use crate::evaluate::evaluate;
use crate::meter::{EXPLANATION_STEPS_MAX, Meter};
use crate::request::{Mode, Policies, Request};
use amend::World;
use serde::{Deserialize, Serialize};

/// Most statements told of one policy; the closest are.
const STATEMENTS_MAX: usize = 4;
/// Most conditions told of the statement that decided.
const CONDITIONS_MAX: usize = 32;
/// Most values told of one element.
const VALUES_MAX: usize = 8;
/// The longest value told whole, in characters.
const VALUE_CHARS_MAX: usize = 256;
/// The longest text of a deciding statement that is quoted, in characters.
const STATEMENT_CHARS_MAX: usize = 2_048;

/// What a policy is called where it is kept, which the engine itself does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyName {
    /// In words, such as ``inline policy `reader` of user alice``.
    pub name: String,
    /// The ARN of a managed policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// The version of a managed policy that was in force: `v3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether the account can change the document; AWS's managed policies it cannot.
    pub editable: bool,
    /// Whether a change of the document reaches others than the caller, as with managed policies and those of groups.
    pub shared: bool,
}

impl PolicyName {
    /// A policy that concerns one principal or resource and can be changed.
    pub fn own(name: impl Into<String>) -> Self {
        PolicyName { name: name.into(), arn: None, version: None, editable: true, shared: false }
    }
}

/// What the [`Policies`] of a request are called, in the same order. Where a name is missing the kind stands for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Identity policies.
    pub identity: Vec<PolicyName>,
    /// The permissions boundary.
    pub boundary: Option<PolicyName>,
    /// Session policies.
    pub session: Vec<PolicyName>,
    /// The policy of the resource.
    pub resource: Option<PolicyName>,
}

/// What is known of a request beside what decides it.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// What its policies are called.
    pub names: Names,
    /// How policies that are to allow it name the resource, if not by its ARN: what is yet to be made may have another at the next call.
    pub resource: Option<String>,
    /// The grants that were looked at.
    pub grants: Grants,
    /// What the call asks for after this.
    pub further: Vec<Further>,
}

/// A permission that a call asks for after the one that is explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Further {
    /// The action.
    pub action: String,
    /// The resource's ARN, or what is known of it.
    pub resource: String,
}

/// How a request was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is allowed.
    Allowed,
    /// A statement denies it.
    ExplicitDeny,
    /// Nothing allows it.
    ImplicitDeny,
}

/// Why a request was decided as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The decision.
    pub decision: Outcome,
    /// The kind of policy that decided: the one with the deciding statement or, of an implicit denial, the first one missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PolicyKind>,
    /// What else decided, where no policy did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The statement that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<Deciding>,
    /// The policies that were asked, each with the statements that applied or came close.
    pub policies: Vec<PolicyReport>,
    /// How many policies were asked but not looked into, because together they are very long.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unread: usize,
    /// The caller's grants that were looked at and do not cover the request, the closest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<GrantReport>,
    /// How many grants were looked at that are not told.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub other_grants: usize,
    /// The least change found that would allow the request; none if it is allowed, or if no candidate would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Vec<Change>>,
    /// Why no change is suggested for a denied request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_change: Option<String>,
    /// What the call asks for after this, each of which is decided by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<Further>,
}

/// A statement that decided a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deciding {
    /// The kind of its policy, by where the policy stands.
    pub kind: PolicyKind,
    /// Its policy.
    pub policy: PolicyName,
    /// Its number in the document, from 0.
    pub index: usize,
    /// Its `Sid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Its text, cut to a named limit.
    pub text: String,
    /// It is in doubt that it applies. A doubt denies.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_doubt: bool,
    /// Its conditions, which hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Compared>,
    /// How many conditions are not told.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub other_conditions: usize,
}

/// A condition beside the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// The operator.
    pub operator: String,
    /// The key.
    pub key: String,
    /// What the statement says, cut to named limits.
    pub policy: Vec<String>,
    /// What the request has; none if the key is absent.
    pub request: Option<Vec<String>>,
}

/// What one policy said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyReport {
    /// The kind, by where the policy stands.
    pub kind: PolicyKind,
    /// Which policy.
    pub policy: PolicyName,
    /// The statements that applied or came close, closest first.
    pub statements: Vec<StatementReport>,
    /// How many statements are not told.
    pub others: usize,
}

/// What one statement said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatementReport {
    /// Its number in the document, from 0.
    pub index: usize,
    /// Its `Sid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// `Allow` or `Deny`.
    pub effect: String,
    /// It applies, but by naming the caller's account only: the caller's own policies must allow as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub delegates: bool,
    /// The elements that did not match; none if the statement applies.
    pub failures: Vec<Failure>,
}

/// One element of a statement that did not match the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// `Action`, `NotAction`, `Resource`, `NotResource`, `Principal`, `NotPrincipal` or `Condition`.
    pub element: String,
    /// The operator of a condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// The key of a condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What the statement says, cut to named limits.
    pub policy: Vec<String>,
    /// What the request has; none if it does not have the condition key.
    pub request: Option<Vec<String>>,
}

impl Failure {
    /// Whether it is a condition.
    #[must_use]
    pub fn is_condition(&self) -> bool {
        self.element == "Condition"
    }
}

/// Explains one check. The decision is that of [`evaluate`]; for a denied request the least change is looked for.
#[must_use]
pub fn explain(request: &Request<'_>, policies: &Policies<'_>, mode: Mode, known: &Known) -> Explanation {
    let decision = evaluate(request, policies, mode);
    let meter = Meter::new(EXPLANATION_STEPS_MAX);
    let world = World::new(request, policies, mode, known, &meter);
    let (reports, unread) = look::reports(&world, &decision);
    let (outcome, kind, because) = match decision.reason {
        Reason::Allowed { by: Grantor::Policy(kind) } => (Outcome::Allowed, Some(kind), None),
        Reason::Allowed { by } => (Outcome::Allowed, None, Some(granted(by).to_owned())),
        Reason::ExplicitDeny { kind } => (Outcome::ExplicitDeny, Some(kind), None),
        Reason::Implicit { missing } => {
            let dangling = world.is_dangling().then(|| {
                "the permissions boundary is a policy that no longer exists, which allows nothing".to_owned()
            });
            (Outcome::ImplicitDeny, Some(missing), dangling)
        }
    };
    let change = if decision.allowed { None } else { least::change(&world) };
    let no_change = (!decision.allowed && change.is_none()).then(|| least::excuse(&world).to_owned());
    Explanation {
        decision: outcome,
        kind,
        because,
        statement: decision.statement.and_then(|found| deciding(&world, found)),
        policies: reports,
        unread,
        grants: known.grants.looked.iter().map(|grant| grant.report.clone()).collect(),
        other_grants: known.grants.others,
        change,
        no_change,
        further: known.further.clone(),
    }
}

/// Whether a request would be allowed with these changes made, in their order.
#[must_use]
pub fn allowed_after(
    request: &Request<'_>,
    policies: &Policies<'_>,
    mode: Mode,
    known: &Known,
    changes: &[Change],
) -> bool {
    let meter = Meter::new(EXPLANATION_STEPS_MAX);
    least::allowed(&World::new(request, policies, mode, known, &meter), changes)
}

fn granted(by: Grantor) -> &'static str {
    match by {
        Grantor::Policy(_) => "a policy allows it",
        Grantor::Root => "the caller is the root user of the account",
        Grantor::Grant => "a KMS grant covers it",
        Grantor::CallerIdentity => "no policy can refuse sts:GetCallerIdentity",
    }
}

fn deciding(world: &World<'_>, found: StatementRef<'_>) -> Option<Deciding> {
    let policy = world.policy(found.kind, found.policy)?;
    // What decided is told whatever was spent on the rest.
    let source = crate::source::Source::read(policy.text()).ok()?;
    let written = source.statements().nth(found.statement)?;
    let text = policy.text().get(written.0.span.clone()).unwrap_or_default();
    let compared = written.conditions().take(CONDITIONS_MAX).map(|tested| Compared {
        operator: tested.operator.to_owned(),
        key: cut_value(tested.key),
        policy: told(tested.json.texts()),
        request: look::told_values(world.request, tested.key),
    });
    let conditions: Vec<Compared> = compared.collect();
    let other_conditions = written.conditions().count() - conditions.len();
    Some(Deciding {
        kind: found.kind,
        policy: world.name(found.kind, found.policy),
        index: found.statement,
        sid: found.sid.map(str::to_owned),
        text: cut(text, STATEMENT_CHARS_MAX),
        in_doubt: look::is_in_doubt(world, policy, found.statement),
        conditions,
        other_conditions,
    })
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A text of at most so many characters.
fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A value as it is told.
fn cut_value(text: &str) -> String {
    cut(text, VALUE_CHARS_MAX)
}

/// Values as they are told.
fn told(values: Vec<String>) -> Vec<String> {
    let more = values.len().saturating_sub(VALUES_MAX);
    let mut told: Vec<String> = values.iter().take(VALUES_MAX).map(|value| cut_value(value)).collect();
    if more > 0 {
        told.push(format!("… and {more} more"));
    }
    told
}
