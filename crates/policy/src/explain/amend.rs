//! A request with its policies, to which changes can be made.

use super::change::{Call, Change};
use super::{Known, Names, PolicyName};
use crate::context::{Context, Values};
use crate::decision::Decision;
use crate::document::{Policy, PolicyKind, Version};
use crate::evaluate::evaluate_within;
use crate::key;
use crate::meter::{DECISION_STEPS_MAX, Meter};
use crate::request::{Boundary, Mode, Policies, Request};
use crate::source::Source;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How much text of policies of one kind is looked into, in bytes. A caller with a hundred long policies must not make denials dear.
const READ_BYTES_MAX: usize = 64 * 1024;

/// Steps for reading a byte of a document.
const READ_STEPS: usize = 4;

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
    pub(super) known: &'a Known,
    called: Called,
    /// The steps that are left to the explanation.
    pub(super) meter: &'a Meter,
}

impl<'a> World<'a> {
    pub(super) fn new(
        request: &'a Request<'a>,
        policies: &Policies<'a>,
        mode: Mode,
        known: &'a Known,
        meter: &'a Meter,
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
            names: Arc::new(known.names.clone()),
            known,
            called: Called::default(),
            meter,
        }
    }

    /// Calls `with` with the request and policies as they are now.
    pub(super) fn with<T>(&self, with: impl FnOnce(&Request<'_>, &Policies<'_>) -> T) -> T {
        let context = Amended { base: self.request.context, called: &self.called };
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
            grant: self.grant || self.is_granted(),
        };
        with(&request, &policies)
    }

    /// Decides as [`evaluate`](crate::evaluate) does, while there are steps.
    pub(super) fn evaluate(&self) -> Decided {
        let part = self.meter.part(DECISION_STEPS_MAX);
        let before = part.left();
        let decided =
            self.with(|request, policies| Decided::of(&evaluate_within(request, policies, self.mode, &part)));
        self.meter.settle(before, &part);
        decided
    }

    /// A document as it is written; none if there are no steps left to read it.
    pub(super) fn source<'t>(&self, text: &'t str) -> Option<Source<'t>> {
        self.meter.spend(READ_STEPS * text.len()).ok()?;
        Source::read(text).ok()
    }

    /// Whether the call has become one that a grant covers.
    fn is_granted(&self) -> bool {
        let mut calls = self.known.grants.looked.iter().filter_map(|grant| grant.call.as_ref());
        calls.any(|call| self.called == Called::default().with(call, self.request.context))
    }

    /// The resource as a policy that is to allow the request names it.
    pub(super) fn resource_named(&self, version: Version) -> Option<String> {
        match &self.known.resource {
            Some(pattern) => Some(pattern.clone()),
            None => literal(self.request.resource, version),
        }
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
            Change::Call(call) => world.called = world.called.with(call, self.request.context),
            Change::NewPolicy { kind, statement } => {
                let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
                let policy = Arc::new(Policy::parse(&text, *kind).ok()?);
                world.put(*kind, world.count(*kind), policy);
            }
            Change::Detach { from } => world.detach(from.kind, from.index)?,
            other => {
                let target = other.target()?;
                let held = self.policy(target.kind, target.index)?;
                // It is read for the change, and again with the change made.
                self.meter.spend(2 * READ_STEPS * held.text().len()).ok()?;
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

/// What a call has other than the one that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Called {
    /// Condition keys, folded, with their values or without.
    values: BTreeMap<String, Option<String>>,
    /// Multivalued keys that list others.
    lists: BTreeMap<&'static str, Vec<String>>,
}

/// Keys by their beginnings, and the key that lists what they go on with (KMS Developer Guide, "kms:EncryptionContextKeys"; IAM User
/// Guide, "aws:TagKeys").
const LISTED: [(&str, &str); 2] =
    [("kms:encryptioncontext:", "kms:encryptioncontextkeys"), ("aws:requesttag/", "aws:tagkeys")];

impl Called {
    fn with(&self, call: &Call, base: &dyn Context) -> Self {
        let mut called = self.clone();
        let given = call.with.iter().map(|chosen| (&chosen.key, Some(chosen.value.clone())));
        for (key, value) in given.chain(call.without.iter().map(|key| (key, None))) {
            let lower = key::fold(key).into_owned();
            let listed = LISTED.iter().find(|(beginning, _)| lower.starts_with(beginning));
            if let Some((beginning, list)) = listed {
                // Folding keeps the number of characters.
                let name: String = key.chars().skip(beginning.len()).collect();
                let held = || base.get(list).map(|values| values.iter().map(str::to_owned).collect());
                let names = called.lists.entry(list).or_insert_with(|| held().unwrap_or_default());
                names.retain(|held| !key::same(held, &name));
                names.extend(value.is_some().then_some(name));
                names.sort();
            }
            called.values.insert(lower, value);
        }
        called
    }
}

/// The context of a call that was amended.
struct Amended<'c> {
    base: &'c dyn Context,
    called: &'c Called,
}

impl Context for Amended<'_> {
    fn get(&self, key: &str) -> Option<Values<'_>> {
        if let Some(value) = self.called.values.get(key) {
            return value.as_deref().map(Values::One);
        }
        match self.called.lists.get(key) {
            Some(names) => Some(Values::Owned(names)),
            None => self.base.get(key),
        }
    }
}

/// A pattern that matches this text alone; none if the version of the language has no way to write it.
pub(super) fn literal(text: &str, version: Version) -> Option<String> {
    if text == "*" || !(text.contains(['*', '?']) || text.contains("${")) {
        return Some(text.to_owned());
    }
    if version < Version::V2012 {
        return None;
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' => out.extend(["${", c.encode_utf8(&mut [0; 4]), "}"]),
            '$' if chars.peek() == Some(&'{') => out.push_str("${$}"),
            c => out.push(c),
        }
    }
    Some(out)
}
