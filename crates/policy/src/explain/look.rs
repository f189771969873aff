//! Element by element: what of a statement did not match.

use super::amend::World;
use super::{
    CONDITIONS_MAX, Failure, PolicyReport, STATEMENTS_MAX, StatementReport, VALUES_MAX, cut_value, told,
};
use crate::action::{Action, ActionPattern};
use crate::arn::Arn;
use crate::context::Values;
use crate::decision::{Decision, Reason};
use crate::document::{Policy, PolicyKind};
use crate::glob::Unset;
use crate::key;
use crate::meter::{DECISION_STEPS_MAX, Meter};
use crate::principal::Fit;
use crate::request::Request;
use crate::source::{Source, Written};
use crate::statement::{Check, Effect, Statement};
use crate::truth::Truth;

/// A statement beside the request: as compiled, as written, and what of it failed.
pub(super) struct Looked<'p, 'j, 't> {
    pub(super) statement: &'p Statement,
    pub(super) written: Written<'j, 't>,
    pub(super) number: usize,
    pub(super) fit: Option<Fit>,
    pub(super) action: bool,
    pub(super) resource: bool,
    pub(super) principal: bool,
    /// Numbers of the conditions that do not hold, in their order.
    pub(super) conditions: Vec<usize>,
}

impl Looked<'_, '_, '_> {
    pub(super) fn applies(&self) -> bool {
        self.failed() == 0
    }

    /// Whether the condition of this number does not hold.
    pub(super) fn failed_on(&self, condition: usize) -> bool {
        self.conditions.binary_search(&condition).is_ok()
    }

    /// How many elements failed.
    pub(super) fn failed(&self) -> usize {
        usize::from(!self.action)
            + usize::from(!self.resource)
            + usize::from(!self.principal)
            + self.conditions.len()
    }
}

/// Looks at every statement of a policy.
pub(super) fn look<'p, 'j, 't>(
    policy: &'p Policy,
    source: &'j Source<'t>,
    request: &Request<'_>,
    bounded: bool,
    meter: &Meter,
) -> Vec<Looked<'p, 'j, 't>> {
    let action = Action::new(request.action);
    let check = Check { request, resource: Arn::resource(request.resource), bounded, meter };
    let scope = check.scope(Unset::Nothing);
    let pairs = source.statements().enumerate();
    pairs
        .filter_map(|(number, written)| {
            let statement = policy.statement(number)?;
            let fit = match (&statement.principals, statement.effect) {
                (None, _) => Some(Fit::Direct),
                (Some(principals), Effect::Allow) => principals.allow_fit(&request.principal),
                (Some(principals), Effect::Deny) => {
                    principals.denies(&request.principal, bounded).then_some(Fit::Direct)
                }
            };
            // What is in doubt denies, and does not allow.
            let applies = |found: Truth| match statement.effect {
                Effect::Allow => found == Truth::True,
                Effect::Deny => found != Truth::False,
            };
            let conditions = statement.conditions.iter().enumerate();
            Some(Looked {
                statement,
                written,
                number,
                fit,
                action: applies(names_action(written, &action, meter)),
                resource: applies(statement.covers_resource(&check)),
                principal: fit.is_some(),
                conditions: conditions
                    .filter(|(_, condition)| !applies(condition.holds(&scope)))
                    .map(|(index, _)| index)
                    .collect(),
            })
        })
        .collect()
}

/// Whether a statement that names the action does so, or covers the rest of the request, in doubt only.
pub(super) fn is_in_doubt(world: &World<'_>, policy: &Policy, number: usize) -> bool {
    let meter = Meter::new(DECISION_STEPS_MAX);
    let request = world.request;
    let resource = Arn::resource(request.resource);
    let check = Check { request, resource, bounded: world.is_bounded(), meter: &meter };
    policy.statement(number).is_some_and(|statement| statement.covers(&check) == Truth::Doubt)
}

fn names_action(written: Written<'_, '_>, action: &Action, meter: &Meter) -> Truth {
    let Some(actions) = written.actions() else { return Truth::False };
    let named = Truth::any(actions.texts(), |text| match ActionPattern::parse(&text) {
        Ok(pattern) => pattern.matches(action, meter),
        Err(_) => Truth::False,
    });
    named.negated_if(actions.except)
}

/// What each policy said of the request, and how many were not looked into.
pub(super) fn reports(world: &World<'_>, decision: &Decision<'_>) -> (Vec<PolicyReport>, usize) {
    // Where a statement denies, what others would allow does not matter.
    if let (Reason::ExplicitDeny { .. }, Some(found)) = (decision.reason, decision.statement) {
        let policy = world.policy(found.kind, found.policy);
        let report = policy.and_then(|policy| report(world, found.kind, found.policy, policy, true));
        return (report.into_iter().collect(), 0);
    }
    let (mut reports, mut all) = (Vec::new(), 0);
    for kind in world.kinds() {
        all += world.count(kind);
        let read = world.read(kind);
        reports.extend(read.filter_map(|(index, policy)| report(world, kind, index, policy, false)));
    }
    let unread = all - reports.len();
    (reports, unread)
}

fn report(
    world: &World<'_>,
    kind: PolicyKind,
    index: usize,
    policy: &Policy,
    denied: bool,
) -> Option<PolicyReport> {
    let source = world.source(policy.text())?;
    let request = world.request;
    let looked = look(policy, &source, request, world.is_bounded(), world.meter);
    let total = looked.len();
    let mut near: Vec<&Looked<'_, '_, '_>> = looked
        .iter()
        .filter(|looked| match looked.statement.effect {
            Effect::Deny => denied && looked.applies(),
            // One element off; or what the statement is about is right and the rest is not.
            Effect::Allow => {
                !denied
                    && (looked.action || same_service(looked.written, request.action))
                    && (looked.failed() <= 1 || (looked.action && looked.principal))
            }
        })
        .collect();
    near.sort_by_key(|looked| looked.failed());
    near.truncate(STATEMENTS_MAX);
    let statements: Vec<StatementReport> =
        near.into_iter().map(|looked| statement_report(looked, kind, request)).collect();
    let others = total.saturating_sub(statements.len());
    Some(PolicyReport { kind, policy: world.name(kind, index), statements, others })
}

/// Whether a statement is about the service of an action: what is about others only is not close.
fn same_service(written: Written<'_, '_>, action: &str) -> bool {
    let prefix = |text: &str| text.split(':').next().map(str::to_ascii_lowercase);
    written.actions().is_some_and(|actions| {
        actions.except || actions.texts().iter().any(|text| prefix(text) == prefix(action))
    })
}

fn statement_report(looked: &Looked<'_, '_, '_>, kind: PolicyKind, request: &Request<'_>) -> StatementReport {
    let mut failures = Vec::new();
    let element = |name: &str, policy: Vec<String>, request: String| Failure {
        element: name.to_owned(),
        operator: None,
        key: None,
        policy: told(policy),
        request: Some(told(vec![request])),
    };
    let written = looked.written;
    if !looked.principal
        && let Some(who) = written.principals()
    {
        let names = who.named().iter().map(|(field, value)| named(*field, value)).collect();
        let mut failure = element(who.name, names, request.principal.to_string());
        // Policies that are kept have users and roles pinned to these.
        if let (Some(shown), Some(id)) = (&mut failure.request, request.principal.id()) {
            shown.push(id.to_owned());
        }
        failures.push(failure);
    }
    if !looked.action
        && let Some(actions) = written.actions()
    {
        failures.push(element(actions.name, actions.texts(), request.action.to_owned()));
    }
    if !looked.resource
        && let Some(resources) = written.resources()
    {
        failures.push(element(resources.name, resources.texts(), request.resource.to_owned()));
    }
    let failed = written.conditions().enumerate().filter(|(index, _)| looked.failed_on(*index));
    failures.extend(failed.take(CONDITIONS_MAX).map(|(_, tested)| Failure {
        element: "Condition".to_owned(),
        operator: Some(tested.operator.to_owned()),
        key: Some(cut_value(tested.key)),
        policy: told(tested.json.texts()),
        request: told_values(request, tested.key),
    }));
    let own = matches!(kind, PolicyKind::Resource | PolicyKind::Trust | PolicyKind::Key);
    StatementReport {
        index: looked.number,
        sid: looked.statement.sid.as_deref().map(str::to_owned),
        effect: match looked.statement.effect {
            Effect::Allow => "Allow".to_owned(),
            Effect::Deny => "Deny".to_owned(),
        },
        delegates: own && failures.is_empty() && looked.fit == Some(Fit::Account),
        failures,
    }
}

fn named(field: crate::principal::PrincipalField, value: &str) -> String {
    crate::principal::NamedPrincipal { field, value }.to_string()
}

/// The request's values of a condition key, as they are told; none if it is absent.
pub(super) fn told_values(request: &Request<'_>, key: &str) -> Option<Vec<String>> {
    let values = request.context.get(&key::fold(key))?;
    if matches!(values, Values::Unknown) {
        return Some(vec!["several values, under names that differ by case alone".to_owned()]);
    }
    let mut told: Vec<String> = values.iter().take(VALUES_MAX).map(cut_value).collect();
    match values.iter().count().saturating_sub(VALUES_MAX) {
        0 => {}
        more => told.push(format!("… and {more} more")),
    }
    (!told.is_empty()).then_some(told)
}
