//! One compiled statement, without its action element, which is in the policy's index.

use crate::arn::{Arn, ArnPattern};
use crate::condition::Condition;
use crate::glob::{Scope, Unset};
use crate::meter::Meter;
use crate::principal::{Fit, Principals};
use crate::request::{Principal, Request};
use crate::truth::Truth;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) sid: Option<Box<str>>,
    pub(crate) effect: Effect,
    /// None in the policies that are attached to a principal.
    pub(crate) principals: Option<Principals>,
    pub(crate) resources: Resources,
    pub(crate) conditions: Box<[Condition]>,
}

/// A `Resource` or `NotResource` element.
#[derive(Debug)]
pub(crate) enum Resources {
    Only(Box<[ArnPattern]>),
    Except(Box<[ArnPattern]>),
    /// The element is absent: the resource that carries the policy.
    Own,
}

/// A request prepared for many statements.
#[derive(Debug)]
pub(crate) struct Check<'r> {
    pub(crate) request: &'r Request<'r>,
    pub(crate) resource: Arn<'r>,
    /// The caller has a permissions boundary.
    pub(crate) bounded: bool,
    /// The steps that are left.
    pub(crate) meter: &'r Meter,
}

impl Check<'_> {
    /// What the patterns of an element are matched with.
    pub(crate) fn scope(&self, unset: Unset) -> Scope<'_> {
        Scope { context: self.request.context, meter: self.meter, unset }
    }
}

impl Statement {
    /// How this `Allow` statement fits the request, whose action it is known to name. What is in doubt is not allowed.
    pub(crate) fn allows(&self, check: &Check<'_>) -> Option<Fit> {
        let caller: &Principal<'_> = &check.request.principal;
        let fit = match &self.principals {
            Some(principals) => principals.allow_fit(caller)?,
            None => Fit::Direct,
        };
        (self.covers(check) == Truth::True).then_some(fit)
    }

    /// Whether this `Deny` statement applies to the request, whose action it may name. What is in doubt is denied.
    pub(crate) fn denies(&self, check: &Check<'_>) -> bool {
        let caller: &Principal<'_> = &check.request.principal;
        self.principals.as_ref().is_none_or(|principals| principals.denies(caller, check.bounded))
            && self.covers(check) != Truth::False
    }

    /// Whether the resource and the conditions apply.
    pub(crate) fn covers(&self, check: &Check<'_>) -> Truth {
        let resource = self.covers_resource(check);
        if resource == Truth::False {
            return resource;
        }
        let scope = check.scope(Unset::Nothing);
        resource.min(Truth::all(&self.conditions, |condition| condition.holds(&scope)))
    }

    /// Whether the resource element alone applies.
    pub(crate) fn covers_resource(&self, check: &Check<'_>) -> Truth {
        let scope = check.scope(Unset::InDoubt);
        let any = |patterns: &[ArnPattern]| {
            Truth::any(patterns, |pattern| pattern.matches(&check.resource, &scope))
        };
        match &self.resources {
            Resources::Only(patterns) => any(patterns),
            Resources::Except(patterns) => any(patterns).not(),
            Resources::Own => Truth::True,
        }
    }
}
