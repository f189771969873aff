//! Conditions: operator families, set operators, `IfExists`, and what an absent key means to each.
//!
//! Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Set operators for multi-valued
//! context keys".

use std::cmp::Ordering;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::arn::{Arn, ArnPattern};
use crate::context::Values;
use crate::glob::{LOOKUP_STEPS, Pattern, Scope, Syntax};
use crate::key;
use crate::truth::Truth;
use crate::value::{Decimal, Instant, Network};

/// One key under one operator.
#[derive(Debug)]
pub(crate) struct Condition {
    /// Folded.
    key: Box<str>,
    quantifier: Quantifier,
    if_exists: bool,
    negated: bool,
    values: Comparison,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    Single,
    /// `ForAllValues:`
    All,
    /// `ForAnyValue:`
    Any,
}

/// The policy's values, in the form the operator compares.
#[derive(Debug)]
enum Comparison {
    /// No value, which AWS saves and does not say the meaning of.
    Nothing,
    /// `Null`: whether the key is to be absent.
    Absent(Box<[bool]>),
    Text(Box<[Pattern]>),
    TextIgnoringCase(Box<[Pattern]>),
    Bool(Box<[Pattern]>),
    Number(Order, Box<[Decimal]>),
    Date(Order, Box<[Instant]>),
    Binary(Box<[Box<[u8]>]>),
    Address(Box<[Network]>),
    Arn(Box<[ArnPattern]>),
}

/// How the request's value must stand to the policy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Order::Equal => ordering.is_eq(),
            Order::Less => ordering.is_lt(),
            Order::LessOrEqual => ordering.is_le(),
            Order::Greater => ordering.is_gt(),
            Order::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// A parsed operator name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operator {
    quantifier: Quantifier,
    if_exists: bool,
    negated: bool,
    family: Family,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Null,
    String,
    StringIgnoreCase,
    StringLike,
    Numeric(Order),
    Date(Order),
    Bool,
    Binary,
    Ip,
    Arn,
}

impl Operator {
    /// None if there is no such operator. `Null` takes neither `IfExists` nor a set operator.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (quantifier, rest) = match text.split_once(':') {
            Some(("ForAllValues", rest)) => (Quantifier::All, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
            Some(_) => return None,
            None => (Quantifier::Single, text),
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        let (family, negated) = family(base)?;
        if family == Family::Null && (if_exists || quantifier != Quantifier::Single) {
            return None;
        }
        Some(Operator { quantifier, if_exists, negated, family })
    }
}

/// The family of an operator, and whether it is the negated member of it.
fn family(name: &str) -> Option<(Family, bool)> {
    Some(match name {
        "Null" => (Family::Null, false),
        "StringEquals" => (Family::String, false),
        "StringNotEquals" => (Family::String, true),
        "StringEqualsIgnoreCase" => (Family::StringIgnoreCase, false),
        "StringNotEqualsIgnoreCase" => (Family::StringIgnoreCase, true),
        "StringLike" => (Family::StringLike, false),
        "StringNotLike" => (Family::StringLike, true),
        "NumericEquals" => (Family::Numeric(Order::Equal), false),
        "NumericNotEquals" => (Family::Numeric(Order::Equal), true),
        "NumericLessThan" => (Family::Numeric(Order::Less), false),
        "NumericLessThanEquals" => (Family::Numeric(Order::LessOrEqual), false),
        "NumericGreaterThan" => (Family::Numeric(Order::Greater), false),
        "NumericGreaterThanEquals" => (Family::Numeric(Order::GreaterOrEqual), false),
        "DateEquals" => (Family::Date(Order::Equal), false),
        "DateNotEquals" => (Family::Date(Order::Equal), true),
        "DateLessThan" => (Family::Date(Order::Less), false),
        "DateLessThanEquals" => (Family::Date(Order::LessOrEqual), false),
        "DateGreaterThan" => (Family::Date(Order::Greater), false),
        "DateGreaterThanEquals" => (Family::Date(Order::GreaterOrEqual), false),
        "Bool" => (Family::Bool, false),
        "BinaryEquals" => (Family::Binary, false),
        "IpAddress" => (Family::Ip, false),
        "NotIpAddress" => (Family::Ip, true),
        "ArnEquals" | "ArnLike" => (Family::Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Family::Arn, true),
        _ => return None,
    })
}

impl Condition {
    /// Compiles the values under `key`; the error is the value that the operator cannot compare with.
    pub(crate) fn parse(
        operator: Operator,
        key: &str,
        values: &[String],
        variables: bool,
    ) -> Result<Self, String> {
        let values = match operator.family {
            _ if values.is_empty() => Comparison::Nothing,
            Family::Null => Comparison::Absent(compile(values, boolean)?),
            Family::String => Comparison::Text(compile(values, |text| pattern(text, false, variables))?),
            Family::StringLike => Comparison::Text(compile(values, |text| pattern(text, true, variables))?),
            Family::StringIgnoreCase => {
                Comparison::TextIgnoringCase(compile(values, |text| pattern(text, false, variables))?)
            }
            Family::Bool => Comparison::Bool(compile(values, |text| boolean_pattern(text, variables))?),
            Family::Numeric(order) => Comparison::Number(order, compile(values, Decimal::parse)?),
            Family::Date(order) => Comparison::Date(order, compile(values, Instant::parse)?),
            Family::Binary => Comparison::Binary(compile(values, binary)?),
            Family::Ip => Comparison::Address(compile(values, Network::parse)?),
            Family::Arn => {
                Comparison::Arn(compile(values, |text| ArnPattern::condition(text, variables).ok())?)
            }
        };
        let Operator { quantifier, if_exists, negated, .. } = operator;
        Ok(Condition { key: key::fold(key).into(), quantifier, if_exists, negated, values })
    }

    /// The key, folded.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Whether the condition holds only for requests that have the key, with values that the policy names: itself, or by an account, an
    /// organization or a small network that they belong to.
    pub(crate) fn names_values(&self) -> bool {
        !self.negated && !self.if_exists && self.quantifier != Quantifier::All && self.values.are_named()
    }

    /// Whether the condition holds for the request.
    pub(crate) fn holds(&self, scope: &Scope<'_>) -> Truth {
        if scope.meter.spend(LOOKUP_STEPS).is_err() {
            return Truth::Doubt;
        }
        let found = scope.context.get(&self.key).filter(|values| !values.is_empty());
        if matches!(found, Some(Values::Unknown)) || matches!(self.values, Comparison::Nothing) {
            return Truth::Doubt;
        }
        if let Comparison::Absent(expected) = &self.values {
            return expected.contains(&found.is_none()).into();
        }
        let Some(values) = found else {
            let holds = self.if_exists
                || match self.quantifier {
                    Quantifier::Single => self.negated,
                    Quantifier::All => true,
                    Quantifier::Any => false,
                };
            return holds.into();
        };
        let passes = |value: &str| self.values.any(value, scope).negated_if(self.negated);
        let null = || values.iter().all(|value| value.is_empty() && scope.meter.spend(1).is_ok());
        match self.quantifier {
            // A multivalued key needs a set operator, and what is without is not documented (IAM User Guide, "Single-valued vs.
            // multivalued context keys").
            Quantifier::Single => match values.single() {
                Some(value) => passes(value),
                None => Truth::any(values.iter(), passes).min(Truth::Doubt),
            },
            Quantifier::All if null() => Truth::True,
            Quantifier::All => Truth::all(values.iter(), passes),
            Quantifier::Any if null() => Truth::False,
            Quantifier::Any => Truth::any(values.iter(), passes),
        }
    }
}

impl Comparison {
    /// Whether each of the policy's values stands for one value, or for those that belong to one account, organization or small network.
    fn are_named(&self) -> bool {
        match self {
            Comparison::Text(patterns) | Comparison::TextIgnoringCase(patterns) => {
                patterns.iter().all(Pattern::is_named)
            }
            Comparison::Arn(patterns) => patterns.iter().all(ArnPattern::is_named),
            Comparison::Address(networks) => networks.iter().all(Network::is_small),
            Comparison::Nothing
            | Comparison::Absent(_)
            | Comparison::Bool(_)
            | Comparison::Number(..)
            | Comparison::Date(..)
            | Comparison::Binary(_) => false,
        }
    }

    /// Whether `value` matches one of the policy's values. One that is not of the operator's type is in doubt.
    fn any(&self, value: &str, scope: &Scope<'_>) -> Truth {
        // Of many values, those that come after the steps were spent are not even looked at.
        if scope.meter.is_spent() {
            return Truth::Doubt;
        }
        match self {
            Comparison::Nothing => Truth::Doubt,
            Comparison::Absent(_) => Truth::False,
            Comparison::Text(patterns) => Truth::any(patterns, |pattern| pattern.matches(value, scope)),
            Comparison::TextIgnoringCase(patterns) => {
                Truth::any(patterns, |pattern| pattern.matches_ignoring_case(value, scope))
            }
            Comparison::Bool(patterns) => match boolean(value) {
                Some(_) => Truth::any(patterns, |pattern| pattern.matches_ignoring_case(value, scope)),
                None => Truth::Doubt,
            },
            Comparison::Number(order, numbers) => {
                compare(value, Decimal::parse, numbers, scope, |value, number| order.holds(value.cmp(number)))
            }
            Comparison::Date(order, instants) => {
                compare(value, Instant::parse, instants, scope, |value, date| order.holds(value.cmp(date)))
            }
            Comparison::Binary(blobs) => compare(value, binary, blobs, scope, |value, blob| value == blob),
            Comparison::Address(networks) => {
                let address = |text: &str| text.parse::<IpAddr>().ok();
                compare(value, address, networks, scope, |value, network| network.contains(*value))
            }
            Comparison::Arn(patterns) => {
                if scope.meter.spend(value.len()).is_err() {
                    return Truth::Doubt;
                }
                let arn = Arn::value(value);
                Truth::any(patterns, |pattern| pattern.matches(&arn, scope))
            }
        }
    }
}

/// Steps for a comparison of what is no text.
const COMPARISON_STEPS: usize = 8;

/// Whether a value, if it is one of the operator's type, compares with one of the policy's.
fn compare<V, P>(
    value: &str,
    parse: impl Fn(&str) -> Option<V>,
    policy: &[P],
    scope: &Scope<'_>,
    holds: impl Fn(&V, &P) -> bool,
) -> Truth {
    if scope.meter.spend(value.len() + COMPARISON_STEPS * policy.len()).is_err() {
        return Truth::Doubt;
    }
    match parse(value) {
        Some(value) => policy.iter().any(|policy| holds(&value, policy)).into(),
        None => Truth::Doubt,
    }
}

fn compile<T>(values: &[String], mut one: impl FnMut(&str) -> Option<T>) -> Result<Box<[T]>, String> {
    values.iter().map(|text| one(text).ok_or_else(|| text.clone())).collect()
}

fn pattern(text: &str, wildcards: bool, variables: bool) -> Option<Pattern> {
    Pattern::parse(text, Syntax { wildcards, variables }).ok()
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// `true`, `false`, or a text with a variable.
fn boolean_pattern(text: &str, variables: bool) -> Option<Pattern> {
    pattern(text, false, variables)
        .filter(|pattern| pattern.literal().is_none_or(|text| boolean(text).is_some()))
}

fn binary(text: &str) -> Option<Box<[u8]>> {
    STANDARD.decode(text).ok().map(Into::into)
}
