//! The constraints of the models, and the words AWS refuses with where they are broken.
//!
//! Values are checked by the [`Field`] implementations while they are read. A broken constraint does not end the
//! reading: all of them are collected and reported together, as AWS does. The texts are those of AWS's common
//! service framework, as seen in answers of KMS, DynamoDB, IAM and others.

use std::fmt::Write as _;

use crate::{
    debug::{self, SHOWN_BYTES_MAX},
    field::{Field, Malformed},
    model::ValidationStyle,
    schema::{Kind, MEMBERS_MAX, Member, Schema},
    types::Blob,
};

/// Most broken constraints that are reported; the rest are counted only as one refusal.
pub const VIOLATIONS_MAX: usize = 50;

/// Most list items and map entries in one request, all lists and maps together.
///
/// Far above what any operation allows; bounds the memory that a small body of `[{},{},…]` can take.
pub const ITEMS_MAX: usize = 50_000;

/// Deepest nesting of structures, lists, maps and documents in one request.
pub const DEPTH_MAX: usize = 64;

/// Longest key of a map in the path of a violation; keys may be as long as bodies, and there may be many violations.
const KEY_SHOWN_BYTES_MAX: usize = 256;

/// One broken constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where: lower-camel names from the input down, as in `grantTokens.1.member`.
    pub path: String,
    /// The value as shown to the caller; `None` where it is missing or must not be shown.
    pub value: Shown,
    /// What is wrong, as in `Member must not be null`.
    pub constraint: String,
}

/// How much of an offending value is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// There is none.
    Null,
    /// It is sensitive.
    Hidden,
    /// The text, shortened if long.
    Text(String),
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.value {
            Shown::Null => write!(f, "Value null at '{}'", self.path)?,
            Shown::Hidden => write!(f, "Value at '{}'", self.path)?,
            Shown::Text(text) => write!(f, "Value '{text}' at '{}'", self.path)?,
        }
        write!(f, " failed to satisfy constraint: {}", self.constraint)
    }
}

/// What a reader finds wrong on its way, and the limits it keeps.
///
/// Paths are built from the inside out: a violation is recorded without a path, and each container that it passes on
/// the way back puts its own step in front. A valid request pays for a comparison a container.
#[derive(Debug, Default)]
pub struct Trace {
    violations: Vec<Violation>,
    depth: usize,
    items: usize,
}

/// The number of violations at some moment; see [`Trace::mark`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(usize);

impl Trace {
    /// Remembers the present moment for [`Trace::member`] and its like.
    #[inline]
    pub fn mark(&self) -> Mark {
        Mark(self.violations.len())
    }

    /// What was broken since `mark` was broken in `member`.
    #[inline]
    pub fn member(&mut self, mark: Mark, member: &Member) {
        if self.violations.len() > mark.0 {
            self.prefix(mark, &lower_first(member.name));
        }
    }

    /// What was broken since `mark` was broken in the list item at `index`, counted from zero.
    #[inline]
    pub fn item(&mut self, mark: Mark, index: usize) {
        if self.violations.len() > mark.0 {
            self.prefix(mark, &format!("{}.member", index.saturating_add(1)));
        }
    }

    /// What was broken since `mark` was broken in the value of the entry `key` of a map of `schema`.
    ///
    /// AWS reports a value that itself breaks a constraint at the map, and what lies deeper at `key.member.…`; a
    /// violation that still has no path is therefore left for [`entries`] to phrase.
    #[inline]
    pub fn entry(&mut self, mark: Mark, schema: &'static Schema, key: &str) {
        if self.violations.len() > mark.0 {
            self.prefix_entry(mark, schema, key);
        }
    }

    #[cold]
    fn prefix_entry(&mut self, mark: Mark, schema: &'static Schema, key: &str) {
        let hidden = schema.key.is_some_and(|key| key.schema.sensitive);
        let key = if hidden {
            debug::HIDDEN.to_owned()
        } else {
            debug::shorten(key.to_owned(), KEY_SHOWN_BYTES_MAX)
        };
        for violation in self.violations.iter_mut().skip(mark.0) {
            if violation.path.is_empty() {
                MAP_VALUE.clone_into(&mut violation.path);
            } else {
                violation.path = format!("{key}.member.{}", violation.path);
            }
        }
    }

    /// Goes one level deeper; [`Trace::leave`] comes back.
    #[inline]
    pub fn enter(&mut self) -> Result<(), Malformed> {
        if self.depth >= DEPTH_MAX {
            return Err(Malformed::new("nested too deeply"));
        }
        self.depth = self.depth.saturating_add(1);
        Ok(())
    }

    /// Comes back from one level deeper.
    #[inline]
    pub fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Counts one list item or map entry.
    #[inline]
    pub fn count_item(&mut self) -> Result<(), Malformed> {
        self.items = self.items.saturating_add(1);
        if self.items > ITEMS_MAX { Err(Malformed::new("too many items")) } else { Ok(()) }
    }

    /// All that was broken.
    pub fn into_violations(self) -> Vec<Violation> {
        self.violations
    }

    #[cold]
    fn prefix(&mut self, mark: Mark, step: &str) {
        for violation in self.violations.iter_mut().skip(mark.0) {
            violation.path = if violation.path.is_empty() {
                step.to_owned()
            } else {
                format!("{step}.{}", violation.path)
            };
        }
    }

    #[cold]
    fn record(&mut self, value: Shown, constraint: String) {
        self.record_at(String::new(), value, constraint);
    }

    #[cold]
    fn record_at(&mut self, path: String, value: Shown, constraint: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(Violation { path, value, constraint });
        }
    }
}

/// The members of a structure that were there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen([u64; MEMBERS_MAX / 64]);

impl Seen {
    /// Notes that the member at `index` is there (or, after all, is not). Returns whether it was there before.
    #[inline]
    pub fn set(&mut self, index: usize, there: bool) -> bool {
        let Some(word) = self.0.get_mut(index / 64) else { return false };
        let bit = 1u64 << (index % 64);
        let before = *word & bit != 0;
        if there {
            *word |= bit;
        } else {
            *word &= !bit;
        }
        before
    }

    /// Whether the member at `index` is there.
    #[inline]
    pub fn has(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word & (1u64 << (index % 64)) != 0)
    }
}

/// Records the required members of `schema` that are not among `seen`.
#[inline]
pub fn required(trace: &mut Trace, schema: &'static Schema, seen: &Seen) {
    for (index, member) in schema.members.iter().enumerate() {
        if member.required && !seen.has(index) {
            trace.record_at(lower_first(member.name), Shown::Null, NOT_NULL.to_owned());
        }
    }
}

/// Records that a list item is missing.
pub fn null_item(trace: &mut Trace) {
    trace.record(Shown::Null, NOT_NULL.to_owned());
}

/// Checks a number against the schema's range.
#[inline]
pub fn range(trace: &mut Trace, schema: &'static Schema, value: i64) {
    if let Some(min) = schema.min.filter(|min| value < *min) {
        trace.record(shown(schema, &value), value_at_least(min));
    }
    if let Some(max) = schema.max.filter(|max| value > *max) {
        trace.record(shown(schema, &value), value_at_most(max));
    }
}

/// Checks a number that need not be whole against the schema's range.
#[expect(clippy::cast_precision_loss, reason = "ranges of models are small whole numbers")]
pub fn double_range(trace: &mut Trace, schema: &'static Schema, value: f64) {
    if let Some(min) = schema.min.filter(|min| value < *min as f64) {
        trace.record(shown(schema, &value), value_at_least(min));
    }
    if let Some(max) = schema.max.filter(|max| value > *max as f64) {
        trace.record(shown(schema, &value), value_at_most(max));
    }
}

/// Checks a text against the schema's length, pattern and set of values.
#[inline]
pub fn text(trace: &mut Trace, schema: &'static Schema, value: &str) {
    for constraint in text_broken(schema, value) {
        trace.record(shown(schema, &value), constraint);
    }
}

/// Records a text that is none of the schema's values.
#[cold]
pub fn not_in_set(trace: &mut Trace, schema: &'static Schema, value: &str) {
    trace.record(shown(schema, &value), one_of(schema));
}

/// Checks bytes against the schema's length.
pub fn blob(trace: &mut Trace, schema: &'static Schema, value: &Blob) {
    let count = value.0.len();
    if let Some(constraint) = count_broken(schema, count) {
        // What AWS's framework, written in Java, shows for bytes.
        let text = format!("java.nio.HeapByteBuffer[pos=0 lim={count} cap={count}]");
        trace.record(shown(schema, &text), constraint);
    }
}

/// Checks the number of items of a list or map; `value` is what was stored of it, for the message.
#[inline]
pub fn size(trace: &mut Trace, schema: &'static Schema, count: usize, value: &dyn Field) {
    if schema.min.is_none() && schema.max.is_none() {
        return;
    }
    if let Some(constraint) = count_broken(schema, count) {
        trace.record(shown_field(schema, value), constraint);
    }
}

/// Checks the key of a map entry. [`entries`] completes the message.
#[inline]
pub fn key(trace: &mut Trace, schema: &'static Schema, key: &str) {
    if let Some(of) = schema.key
        && !text_broken(of.schema, key).is_empty()
    {
        trace.record_at(MAP_KEY.to_owned(), Shown::Null, String::new());
    }
}

/// Phrases what was recorded of keys and values of `map` since `mark`: once for all keys, once for all values.
#[inline]
pub fn entries(trace: &mut Trace, mark: Mark, schema: &'static Schema, map: &dyn Field) {
    if trace.violations.len() > mark.0 {
        phrase_entries(trace, mark, schema, map);
    }
}

#[cold]
fn phrase_entries(trace: &mut Trace, mark: Mark, schema: &'static Schema, map: &dyn Field) {
    let sides = [(MAP_KEY, "Map keys", schema.key), (MAP_VALUE, "Map value", schema.value)];
    for (place, words, element) in sides {
        let before = trace.violations.len();
        let mut index = 0;
        trace.violations.retain(|violation| {
            let keep = index < mark.0 || violation.path != place;
            index = index.saturating_add(1);
            keep
        });
        if trace.violations.len() < before {
            let all = element.map(|element| all_constraints(element.schema)).unwrap_or_default();
            let hidden = element.is_some_and(|element| element.schema.sensitive);
            let value = if hidden { Shown::Hidden } else { shown_field(schema, map) };
            trace.record(value, format!("{words} must satisfy constraint: [{}]", all.join(", ")));
        }
    }
}

/// Code and message of the refusal, from at least one violation.
pub fn refusal(style: ValidationStyle, violations: &[Violation]) -> (&'static str, String) {
    let count = violations.len();
    let mut message = format!("{count} validation error{} detected: ", if count == 1 { "" } else { "s" });
    for (index, violation) in violations.iter().enumerate() {
        let _infallible = write!(message, "{}{violation}", if index == 0 { "" } else { "; " });
    }
    (style.code(), message)
}

/// `KeyId` → `keyId`: AWS lowers the first letter, whatever follows (`SSEKMSKeyId` → `sSEKMSKeyId`).
pub(crate) fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    match chars.next() {
        Some(first) => {
            let mut lowered = String::with_capacity(name.len());
            lowered.push(first.to_ascii_lowercase());
            lowered.push_str(chars.as_str());
            lowered
        }
        None => String::new(),
    }
}

/// Stand in for the path of violations that [`entries`] has still to phrase; no path can look so.
const MAP_KEY: &str = "\0key";
const MAP_VALUE: &str = "\0value";

const NOT_NULL: &str = "Member must not be null";

#[inline]
fn text_broken(schema: &'static Schema, value: &str) -> Vec<String> {
    let mut broken = Vec::new();
    if !short_enough(schema, value.len())
        && let Some(constraint) = count_broken(schema, value.chars().count())
    {
        broken.push(constraint);
    }
    if let Some(pattern) = schema.pattern
        && !pattern.matches(value)
    {
        broken.push(must_match(pattern.source()));
    }
    if !schema.values.is_empty() && !schema.values.contains(&value) {
        broken.push(one_of(schema));
    }
    broken
}

/// Whether the length in bytes alone shows that the length in characters keeps both bounds.
fn short_enough(schema: &'static Schema, bytes: usize) -> bool {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    // A character takes one byte at least and four at most.
    schema.max.is_none_or(|max| bytes <= max) && schema.min.is_none_or(|min| bytes / 4 >= min)
}

fn count_broken(schema: &'static Schema, count: usize) -> Option<String> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    if let Some(min) = schema.min.filter(|min| count < *min) {
        return Some(length_at_least(min));
    }
    schema.max.filter(|max| count > *max).map(length_at_most)
}

/// Every constraint of a shape, as AWS lists them for the keys and values of maps.
fn all_constraints(schema: &'static Schema) -> Vec<String> {
    let number = matches!(schema.kind, Kind::Integer | Kind::Long | Kind::Float | Kind::Double);
    let mut all = Vec::new();
    all.extend(schema.max.map(if number { value_at_most } else { length_at_most }));
    all.extend(schema.min.map(if number { value_at_least } else { length_at_least }));
    all.extend(schema.pattern.map(|pattern| must_match(pattern.source())));
    if !schema.values.is_empty() {
        all.push(one_of(schema));
    }
    all
}

fn length_at_least(min: i64) -> String {
    format!("Member must have length greater than or equal to {min}")
}

fn length_at_most(max: i64) -> String {
    format!("Member must have length less than or equal to {max}")
}

fn value_at_least(min: i64) -> String {
    format!("Member must have value greater than or equal to {min}")
}

fn value_at_most(max: i64) -> String {
    format!("Member must have value less than or equal to {max}")
}

fn must_match(pattern: &str) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

fn one_of(schema: &'static Schema) -> String {
    format!("Member must satisfy enum value set: [{}]", schema.values.join(", "))
}

fn shown(schema: &'static Schema, value: &dyn std::fmt::Display) -> Shown {
    if schema.sensitive {
        Shown::Hidden
    } else {
        Shown::Text(debug::shorten(value.to_string(), SHOWN_BYTES_MAX))
    }
}

fn shown_field(schema: &'static Schema, value: &dyn Field) -> Shown {
    if schema.sensitive { Shown::Hidden } else { Shown::Text(debug::java(value, schema)) }
}
