//! One compiled statement, without its action element, which is in the policy's index.

use crate::arn::{Arn, ArnPattern};
use crate::condition::Condition;
use crate::principal::{Fit, Principals};
use crate::request::{Principal, Request};

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
}

impl Statement {
    /// How this `Allow` statement fits the request, whose action it is known to name.
    pub(crate) fn allows(&self, check: &Check<'_>) -> Option<Fit> {
        let caller: &Principal<'_> = &check.request.principal;
        let fit = match &self.principals {
            Some(principals) => principals.allow_fit(caller)?,
            None => Fit::Direct,
        };
        self.covers(check).then_some(fit)
    }

    /// Whether this `Deny` statement applies to the request, whose action it is known to name.
    pub(crate) fn denies(&self, check: &Check<'_>) -> bool {
        let caller: &Principal<'_> = &check.request.principal;
        self.principals.as_ref().is_none_or(|principals| principals.denies(caller, check.bounded))
            && self.covers(check)
    }

    fn covers(&self, check: &Check<'_>) -> bool {
        let context = check.request.context;
        self.covers_resource(check) && self.conditions.iter().all(|condition| condition.holds(context))
    }

    /// Whether the resource element alone applies.
    pub(crate) fn covers_resource(&self, check: &Check<'_>) -> bool {
        let context = check.request.context;
        let any = |patterns: &[ArnPattern]| {
            patterns.iter().any(|pattern| pattern.matches(&check.resource, context))
        };
        match &self.resources {
            Resources::Only(patterns) => any(patterns),
            Resources::Except(patterns) => !any(patterns),
            Resources::Own => true,
        }
    }
}
