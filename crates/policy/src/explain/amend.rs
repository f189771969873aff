//! A request with its policies, to which changes can be made.

use super::change::Change;
use super::{Names, PolicyName};
use crate::context::{Context, Values};
use crate::decision::Decision;
use crate::document::{Policy, PolicyKind};
use crate::evaluate::evaluate;
use crate::request::{Boundary, Mode, Policies, Request};
use std::sync::Arc;

/// How much text of policies of one kind is looked into, in bytes. A caller with a hundred long policies must not make denials dear.
const READ_BYTES_MAX: usize = 64 * 1024;

/// A policy that was given, or one that was made of it.
#[derive(Clone, Debug)]
enum Held<'a> {
    Given(&'a Policy),
    Made(Arc<Policy>),
}

impl Held<'_> {
    fn policy(&self) -> &Policy {
        match self {
            Held::Given(policy) => policy,
            Held::Made(policy) => policy,
        }
    }
}

#[derive(Clone, Debug)]
enum Bound<'a> {
    None,
    Dangling,
    Set(Held<'a>),
}

/// A request with its policies.
#[derive(Clone, Debug)]
pub(super) struct World<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) mode: Mode,
    identity: Vec<Arc<Policy>>,
    boundary: Bound<'a>,
    session: Vec<Arc<Policy>>,
    resource: Option<Held<'a>>,
    grant: bool,
    names: Arc<Names>,
    /// Condition keys in lower case with the values that the call is to be made with.
    calls: Vec<(String, String)>,
}

impl<'a> World<'a> {
    pub(super) fn new(
        request: &'a Request<'a>,
        policies: &Policies<'a>,
        mode: Mode,
        names: &Names,
    ) -> World<'a> {
        World {
            request,
            mode,
            identity: policies.identity.to_vec(),
            boundary: match policies.boundary {
                Boundary::None => Bound::None,
                Boundary::Dangling => Bound::Dangling,
                Boundary::Policy(policy) => Bound::Set(Held::Given(policy)),
            },
            session: policies.session.to_vec(),
            resource: policies.resource.map(Held::Given),
            grant: policies.grant,
            names: Arc::new(names.clone()),
            calls: Vec::new(),
        }
    }

    /// Calls `with` with the request and policies as they are now.
    pub(super) fn with<T>(&self, with: impl FnOnce(&Request<'_>, &Policies<'_>) -> T) -> T {
        let context = Called { base: self.request.context, calls: &self.calls };
        let request = Request { context: &context, ..*self.request };
        let boundary = match &self.boundary {
            Bound::None => Boundary::None,
            Bound::Dangling => Boundary::Dangling,
            Bound::Set(held) => Boundary::Policy(held.policy()),
        };
        let policies = Policies {
            identity: &self.identity,
            boundary,
            session: &self.session,
            resource: self.resource.as_ref().map(Held::policy),
            grant: self.grant,
        };
        with(&request, &policies)
    }

    pub(super) fn evaluate(&self) -> Decided {
        self.with(|request, policies| Decided::of(&evaluate(request, policies, self.mode)))
    }

    pub(super) fn is_dangling(&self) -> bool {
        matches!(self.boundary, Bound::Dangling)
    }

    pub(super) fn is_bounded(&self) -> bool {
        !matches!(self.boundary, Bound::None)
    }

    pub(super) fn resource_kind(&self) -> PolicyKind {
        match self.mode {
            Mode::Standard => PolicyKind::Resource,
            Mode::KmsKey => PolicyKind::Key,
            Mode::AssumeRole => PolicyKind::Trust,
        }
    }

    /// The kinds of policies that were asked, in the order in which a denial names them.
    pub(super) fn kinds(&self) -> [PolicyKind; 4] {
        [self.resource_kind(), PolicyKind::Identity, PolicyKind::Boundary, PolicyKind::Session]
    }

    pub(super) fn count(&self, kind: PolicyKind) -> usize {
        match kind {
            PolicyKind::Identity => self.identity.len(),
            PolicyKind::Session => self.session.len(),
            PolicyKind::Boundary => usize::from(matches!(self.boundary, Bound::Set(_))),
            PolicyKind::Resource | PolicyKind::Trust | PolicyKind::Key => {
                usize::from(self.resource.is_some())
            }
        }
    }

    /// The policies of a kind with their numbers, as many of them as are looked into.
    pub(super) fn read(&self, kind: PolicyKind) -> impl Iterator<Item = (usize, &Policy)> {
        let all = (0..self.count(kind)).filter_map(move |index| Some((index, self.policy(kind, index)?)));
        let mut bytes = 0_usize;
        all.take_while(move |(_, policy)| {
            bytes = bytes.saturating_add(policy.text().len());
            bytes <= READ_BYTES_MAX
        })
    }

    pub(super) fn policy(&self, kind: PolicyKind, index: usize) -> Option<&Policy> {
        match kind {
            PolicyKind::Identity => self.identity.get(index).map(|policy| &**policy),
            PolicyKind::Session => self.session.get(index).map(|policy| &**policy),
            PolicyKind::Boundary => match &self.boundary {
                Bound::Set(held) => Some(held.policy()),
                Bound::None | Bound::Dangling => None,
            },
            PolicyKind::Resource | PolicyKind::Trust | PolicyKind::Key => {
                self.resource.as_ref().map(Held::policy)
            }
        }
    }

    pub(super) fn name(&self, kind: PolicyKind, index: usize) -> PolicyName {
        let known = match kind {
            PolicyKind::Identity => self.names.identity.get(index),
            PolicyKind::Session => self.names.session.get(index),
            PolicyKind::Boundary => self.names.boundary.as_ref(),
            PolicyKind::Resource | PolicyKind::Trust | PolicyKind::Key => self.names.resource.as_ref(),
        };
        known.cloned().unwrap_or_else(|| {
            let (word, many) = match kind {
                PolicyKind::Identity => ("identity policy", true),
                PolicyKind::Session => ("session policy", true),
                PolicyKind::Boundary => ("the permissions boundary", false),
                PolicyKind::Resource => ("the resource policy", false),
                PolicyKind::Trust => ("the trust policy", false),
                PolicyKind::Key => ("the key policy", false),
            };
            PolicyName::own(if many { format!("{word} {}", index + 1) } else { word.to_owned() })
        })
    }

    /// The world with a change made; none if the change does not fit.
    pub(super) fn apply(&self, change: &Change) -> Option<World<'a>> {
        let mut world = self.clone();
        match change {
            Change::Call { key, value } => {
                let key = key.to_lowercase();
                world.calls.retain(|(held, _)| *held != key);
                world.calls.push((key, value.clone()));
            }
            Change::NewPolicy { kind, statement } => {
                let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
                let policy = Arc::new(Policy::parse(&text, *kind).ok()?);
                world.put(*kind, world.count(*kind), policy);
            }
            Change::Detach { from } => world.detach(from.kind, from.index)?,
            other => {
                let target = other.target()?;
                let held = self.policy(target.kind, target.index)?;
                let policy = Policy::parse(&other.edit(held.text())?, held.kind()).ok()?;
                world.put(target.kind, target.index, Arc::new(policy));
            }
        }
        Some(world)
    }

    /// Puts a policy in the place of another, or at the end.
    fn put(&mut self, kind: PolicyKind, index: usize, policy: Arc<Policy>) {
        let list = match kind {
            PolicyKind::Identity => &mut self.identity,
            PolicyKind::Session => &mut self.session,
            PolicyKind::Boundary => {
                self.boundary = Bound::Set(Held::Made(policy));
                return;
            }
            PolicyKind::Resource | PolicyKind::Trust | PolicyKind::Key => {
                self.resource = Some(Held::Made(policy));
                return;
            }
        };
        match list.get_mut(index) {
            Some(held) => *held = policy,
            None => list.push(policy),
        }
    }

    fn detach(&mut self, kind: PolicyKind, index: usize) -> Option<()> {
        let (list, names) = match kind {
            PolicyKind::Identity => (&mut self.identity, &mut Arc::make_mut(&mut self.names).identity),
            PolicyKind::Session => (&mut self.session, &mut Arc::make_mut(&mut self.names).session),
            PolicyKind::Boundary => {
                self.boundary = Bound::None;
                return Some(());
            }
            PolicyKind::Resource | PolicyKind::Trust | PolicyKind::Key => {
                self.resource = None;
                return Some(());
            }
        };
        if index < names.len() {
            names.remove(index);
        }
        (index < list.len()).then(|| drop(list.remove(index)))
    }
}

/// A decision without what it refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decided {
    pub(super) allowed: bool,
    pub(super) reason: crate::decision::Reason,
    /// Kind, policy and statement.
    pub(super) statement: Option<(PolicyKind, usize, usize)>,
}

impl Decided {
    pub(super) fn of(decision: &Decision<'_>) -> Self {
        let statement = decision.statement.map(|found| (found.kind, found.policy, found.statement));
        Decided { allowed: decision.allowed, reason: decision.reason, statement }
    }
}

/// A context in which some keys have other values.
struct Called<'c> {
    base: &'c dyn Context,
    calls: &'c [(String, String)],
}

impl Context for Called<'_> {
    fn get(&self, key: &str) -> Option<Values<'_>> {
        match self.calls.iter().find(|(held, _)| held == key) {
            Some((_, value)) => Some(Values::One(value)),
            None => self.base.get(key),
        }
    }
}
