//! Action patterns, and the index from an action to the statements that may concern it.
//!
//! Real documents list thousands of actions of which a request concerns one, so a document is compiled into a table by
//! service prefix, then by exact action name. The hashes of a request are computed once for all its policies.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::ops::Range;

use crate::context::NoContext;
use crate::glob::{Pattern, Scope, Syntax, Unset};
use crate::meter::Meter;
use crate::truth::Truth;

/// An action of a request.
#[derive(Debug)]
pub(crate) struct Action {
    /// `service:name`, lower-cased.
    full: String,
    colon: usize,
    service_hash: u64,
    name_hash: u64,
}

impl Action {
    pub(crate) fn new(text: &str) -> Self {
        let full = text.to_ascii_lowercase();
        let colon = full.find(':').unwrap_or(full.len());
        let mut action = Action { full, colon, service_hash: 0, name_hash: 0 };
        action.service_hash = hash(action.service());
        action.name_hash = hash(action.name());
        action
    }

    pub(crate) fn full(&self) -> &str {
        &self.full
    }

    fn service(&self) -> &str {
        self.full.get(..self.colon).unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.full.get(self.colon + 1..).unwrap_or_default()
    }
}

/// The same for equal texts in every process: keys are compared after the hash, so a collision costs time only, and
/// no more than the size of a document.
fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Why a text is not an action pattern.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadAction {
    /// No `service:` in front.
    NoVendor,
    /// More than one colon.
    Colons,
    /// A service prefix that cannot exist.
    Vendor(String),
    /// An action name that cannot exist.
    Name,
}

/// One entry of an `Action` or `NotAction` element, lower-cased.
#[derive(Clone, Debug)]
pub(crate) enum ActionPattern {
    /// `*`, or `*:*`.
    All,
    /// A service prefix and what must match the name after it.
    Service(Box<str>, Pattern),
    /// `*:` and what must match the name, whatever the service.
    AnyService(Pattern),
}

impl ActionPattern {
    pub(crate) fn parse(text: &str) -> Result<Self, BadAction> {
        if !text.is_empty() && text.bytes().all(|byte| byte == b'*') {
            return Ok(ActionPattern::All);
        }
        let (vendor, name) = text.split_once(':').ok_or(BadAction::NoVendor)?;
        if name.contains(':') {
            return Err(BadAction::Colons);
        }
        let vendor_valid =
            vendor.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        if vendor != "*" && (vendor.is_empty() || !vendor_valid) {
            return Err(BadAction::Vendor(vendor.to_owned()));
        }
        let name_valid = name.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*' | b'?' | b'/')
        });
        if name.is_empty() || !name_valid {
            return Err(BadAction::Name);
        }
        let syntax = Syntax { wildcards: true, variables: false };
        let pattern = Pattern::parse(&name.to_ascii_lowercase(), syntax).map_err(|_| BadAction::Name)?;
        Ok(match (vendor, &pattern) {
            ("*", Pattern::All) => ActionPattern::All,
            ("*", _) => ActionPattern::AnyService(pattern),
            _ => ActionPattern::Service(vendor.to_ascii_lowercase().into(), pattern),
        })
    }

    /// Whether the pattern names actions of `prefix` alone.
    pub(crate) fn is_service(&self, prefix: &str) -> bool {
        matches!(self, ActionPattern::Service(service, _) if **service == *prefix)
    }

    /// Whether the pattern names the action.
    pub(crate) fn matches(&self, action: &Action, meter: &Meter) -> Truth {
        match self {
            ActionPattern::All => Truth::True,
            ActionPattern::Service(service, _) if **service != *action.service() => Truth::False,
            ActionPattern::Service(_, name) | ActionPattern::AnyService(name) => {
                name.matches(action.name(), &scope(meter))
            }
        }
    }
}

/// Names of actions have no variables.
fn scope(meter: &Meter) -> Scope<'_> {
    Scope { context: &NoContext, meter, unset: Unset::Nothing }
}

/// The actions of one statement.
#[derive(Debug)]
pub(crate) enum Actions {
    /// `Action`
    Only(Vec<ActionPattern>),
    /// `NotAction`
    Except(Vec<ActionPattern>),
}

/// From an action to the statements whose action element matches it.
#[derive(Debug, Default)]
pub(crate) struct Index {
    services: Table<Service>,
    /// Statements that concern every service, with what must match: in document order.
    general: Box<[(usize, Actions)]>,
}

/// The statements about one service.
#[derive(Debug, Default)]
struct Service {
    prefix: Box<str>,
    exact: Table<Name>,
    /// Patterns with wildcards, grouped by statement.
    patterns: Box<[(usize, Box<[Pattern]>)]>,
}

/// The statements that list one action literally.
#[derive(Debug)]
struct Name {
    name: Box<str>,
    statements: Vec<usize>,
}

impl Index {
    /// Compiles the action elements of statements, given with their numbers.
    pub(crate) fn new(statements: impl IntoIterator<Item = (usize, Actions)>) -> Self {
        let mut building: Vec<Building> = Vec::new();
        let mut places = HashMap::<Box<str>, usize>::new();
        let mut general = Vec::new();
        for (number, actions) in statements {
            let Actions::Only(patterns) = actions else {
                general.push((number, actions));
                continue;
            };
            let mut wide = Vec::new();
            for pattern in patterns {
                let ActionPattern::Service(prefix, name) = pattern else {
                    wide.push(pattern);
                    continue;
                };
                let place = *places.entry(prefix.clone()).or_insert_with(|| {
                    building.push(Building { prefix, ..Building::default() });
                    building.len() - 1
                });
                if let Some(service) = building.get_mut(place) {
                    service.add(number, name);
                }
            }
            if !wide.is_empty() {
                general.push((number, Actions::Only(wide)));
            }
        }
        let services =
            building.into_iter().map(|service| (hash(&service.prefix), service.finish())).collect();
        Index { services: Table::new(services), general: general.into() }
    }

    /// The first statement that may concern `action` and passes `test`, which is told whether it does. A statement may be offered more
    /// than once.
    pub(crate) fn find(
        &self,
        action: &Action,
        meter: &Meter,
        mut test: impl FnMut(usize, Truth) -> bool,
    ) -> Option<usize> {
        for service in self
            .services
            .get(action.service_hash)
            .iter()
            .filter(|service| *service.prefix == *action.service())
        {
            for name in service.exact.get(action.name_hash).iter().filter(|name| *name.name == *action.name())
            {
                if let Some(&found) = name.statements.iter().find(|&&number| test(number, Truth::True)) {
                    return Some(found);
                }
            }
            for (number, patterns) in &service.patterns {
                let named = Truth::any(patterns, |pattern| pattern.matches(action.name(), &scope(meter)));
                if named != Truth::False && test(*number, named) {
                    return Some(*number);
                }
            }
        }
        let mut general = self.general.iter().filter(|(number, actions)| {
            let any =
                |patterns| Truth::any(patterns, |pattern: &ActionPattern| pattern.matches(action, meter));
            let named = match actions {
                Actions::Only(patterns) => any(patterns),
                Actions::Except(patterns) => any(patterns).not(),
            };
            named != Truth::False && test(*number, named)
        });
        general.next().map(|(number, _)| *number)
    }
}

/// A [`Service`] while its statements are gathered.
#[derive(Default)]
struct Building {
    prefix: Box<str>,
    exact: HashMap<Box<str>, Vec<usize>>,
    patterns: Vec<(usize, Vec<Pattern>)>,
}

impl Building {
    fn add(&mut self, number: usize, name: Pattern) {
        if let Some(text) = name.literal() {
            let statements = self.exact.entry(text.into()).or_default();
            if statements.last() != Some(&number) {
                statements.push(number);
            }
            return;
        }
        match self.patterns.last_mut() {
            Some((last, patterns)) if *last == number => patterns.push(name),
            _ => self.patterns.push((number, vec![name])),
        }
    }

    fn finish(self) -> Service {
        let exact = self.exact.into_iter().map(|(name, statements)| (hash(&name), Name { name, statements }));
        let patterns = self.patterns.into_iter().map(|(number, patterns)| (number, patterns.into()));
        Service { prefix: self.prefix, exact: Table::new(exact.collect()), patterns: patterns.collect() }
    }
}

/// Values under a hash. Values that share one lie next to each other, and the caller compares their keys.
#[derive(Debug)]
struct Table<T> {
    places: HashMap<u64, Range<usize>, BuildHasherDefault<Hashed>>,
    values: Box<[T]>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { places: HashMap::default(), values: Box::default() }
    }
}

impl<T> Table<T> {
    fn new(mut entries: Vec<(u64, T)>) -> Self {
        entries.sort_by_key(|(hash, _)| *hash);
        let (hashes, values): (Vec<u64>, Vec<T>) = entries.into_iter().unzip();
        let mut places: HashMap<u64, Range<usize>, _> = HashMap::default();
        for (place, hash) in hashes.into_iter().enumerate() {
            places.entry(hash).or_insert(place..place).end = place + 1;
        }
        Table { places, values: values.into() }
    }

    fn get(&self, hash: u64) -> &[T] {
        self.places.get(&hash).and_then(|place| self.values.get(place.clone())).unwrap_or_default()
    }
}

/// The hasher of keys that are hashes already.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(texts: &[&str]) -> Actions {
        Actions::Only(texts.iter().map(|text| ActionPattern::parse(text).unwrap()).collect())
    }

    fn except(texts: &[&str]) -> Actions {
        Actions::Except(texts.iter().map(|text| ActionPattern::parse(text).unwrap()).collect())
    }

    fn found(statements: Vec<Actions>, action: &str) -> Vec<usize> {
        let index = Index::new(statements.into_iter().enumerate());
        let mut seen = Vec::new();
        let meter = Meter::new(1 << 20);
        let none = index.find(&Action::new(action), &meter, |number, named| {
            assert_eq!(named, Truth::True);
            seen.push(number);
            false
        });
        assert_eq!(none, None);
        seen.sort_unstable();
        seen.dedup();
        seen
    }

    #[test]
    fn actions_ignore_case_and_know_wildcards() {
        for (pattern, action, expected) in [
            ("*", "kms:Encrypt", true),
            ("*:*", "kms:Encrypt", true),
            ("kms:*", "KMS:encrypt", true),
            ("KMS:ENCRYPT", "kms:Encrypt", true),
            ("kms:Encrypt", "kms:EncryptX", false),
            ("kms:*crypt", "kms:Decrypt", true),
            ("kms:?ecrypt", "kms:Decrypt", true),
            ("kms:??ecrypt", "kms:Decrypt", false),
            ("s3:*", "kms:Decrypt", false),
            ("*:Decrypt", "kms:Decrypt", true),
            ("*:List*", "s3:ListBucket", true),
            ("*:Decrypt", "kms:Encrypt", false),
            ("kms:ReEncrypt*", "kms:ReEncryptFrom", true),
            ("kms:Generate*Key", "kms:GenerateDataKey", true),
        ] {
            let meter = Meter::new(1 << 20);
            let named = ActionPattern::parse(pattern).unwrap().matches(&Action::new(action), &meter);
            assert_eq!(named, Truth::from(expected), "{pattern}");
            let hits = usize::from(expected);
            assert_eq!(found(vec![only(&[pattern])], action).len(), hits, "{pattern}");
            assert_eq!(found(vec![except(&[pattern])], action).len(), 1 - hits, "not {pattern}");
        }
    }

    #[test]
    fn every_statement_of_an_action_is_offered() {
        let statements = vec![
            only(&["kms:Encrypt", "kms:Encrypt", "kms:En*", "s3:*"]),
            only(&["s3:GetObject"]),
            only(&["kms:encrypt"]),
            except(&["s3:*"]),
            only(&["*"]),
            except(&["kms:*"]),
        ];
        assert_eq!(found(statements, "kms:Encrypt"), [0, 2, 3, 4]);
    }

    #[test]
    fn without_steps_a_statement_may_concern_any_action() {
        for actions in [only(&["kms:*x"]), except(&["kms:*x"])] {
            let index = Index::new([(0, actions)]);
            let found =
                index.find(&Action::new("kms:Encrypt"), &Meter::new(0), |_, named| named == Truth::Doubt);
            assert_eq!(found, Some(0));
        }
    }

    #[test]
    fn what_is_no_action() {
        for (text, expected) in [
            ("", BadAction::NoVendor),
            ("Encrypt", BadAction::NoVendor),
            ("kms:a:b", BadAction::Colons),
            (":Encrypt", BadAction::Vendor(String::new())),
            ("k*:Encrypt", BadAction::Vendor("k*".into())),
            ("kms:", BadAction::Name),
            ("kms:Encrypt,kms:Decrypt", BadAction::Colons),
            ("kms:En crypt", BadAction::Name),
            ("kms:En,crypt", BadAction::Name),
            ("k ms:Encrypt", BadAction::Vendor("k ms".into())),
        ] {
            assert_eq!(ActionPattern::parse(text).unwrap_err(), expected, "{text}");
        }
    }
}
