//! Conditions: operator families, set operators, `IfExists`, and what an absent key means to each.
//!
//! Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Set operators for multi-valued
//! context keys".

use std::cmp::Ordering;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::arn::{Arn, ArnPattern};
use crate::context::Context;
use crate::glob::{Pattern, Syntax};
use crate::value::{Decimal, Instant, Network};

/// One key under one operator.
#[derive(Debug)]
pub(crate) struct Condition {
    /// Lower-cased.
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
    /// `Null`: whether the key is to be absent.
    Absent(Box<[bool]>),
    Text(Box<[Pattern]>),
    TextIgnoringCase(Box<[Pattern]>),
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
            Family::Null => Comparison::Absent(compile(values, boolean)?),
            Family::String => Comparison::Text(compile(values, |text| pattern(text, false, variables))?),
            Family::StringLike => Comparison::Text(compile(values, |text| pattern(text, true, variables))?),
            Family::StringIgnoreCase => {
                Comparison::TextIgnoringCase(compile(values, |text| pattern(text, false, variables))?)
            }
            Family::Bool => {
                Comparison::TextIgnoringCase(compile(values, |text| boolean_pattern(text, variables))?)
            }
            Family::Numeric(order) => Comparison::Number(order, compile(values, Decimal::parse)?),
            Family::Date(order) => Comparison::Date(order, compile(values, Instant::parse)?),
            Family::Binary => Comparison::Binary(compile(values, binary)?),
            Family::Ip => Comparison::Address(compile(values, Network::parse)?),
            Family::Arn => {
                Comparison::Arn(compile(values, |text| ArnPattern::condition(text, variables).ok())?)
            }
        };
        let Operator { quantifier, if_exists, negated, .. } = operator;
        Ok(Condition { key: key.to_lowercase().into(), quantifier, if_exists, negated, values })
    }

    /// Whether the condition holds for the request.
    pub(crate) fn holds(&self, context: &dyn Context) -> bool {
        let found = context.get(&self.key).filter(|values| !values.is_empty());
        if let Comparison::Absent(expected) = &self.values {
            return expected.contains(&found.is_none());
        }
        let Some(values) = found else {
            return self.if_exists
                || match self.quantifier {
                    Quantifier::Single => self.negated,
                    Quantifier::All => true,
                    Quantifier::Any => false,
                };
        };
        let passes = |value: &str| self.values.any(value, context) != self.negated;
        let null = || values.all(str::is_empty);
        match self.quantifier {
            Quantifier::Single => values.single().is_some_and(passes),
            Quantifier::All => null() || values.all(passes),
            Quantifier::Any => !null() && values.any(passes),
        }
    }
}

impl Comparison {
    /// Whether `value` matches one of the policy's values. A value of another type matches none.
    fn any(&self, value: &str, context: &dyn Context) -> bool {
        match self {
            Comparison::Absent(_) => false,
            Comparison::Text(patterns) => patterns.iter().any(|pattern| pattern.matches(value, context)),
            Comparison::TextIgnoringCase(patterns) => {
                patterns.iter().any(|pattern| match pattern.literal() {
                    Some(text) => same_ignoring_case(text, value),
                    None => pattern.expand(context).is_some_and(|text| same_ignoring_case(&text, value)),
                })
            }
            Comparison::Number(order, numbers) => Decimal::parse(value)
                .is_some_and(|value| numbers.iter().any(|number| order.holds(value.cmp(number)))),
            Comparison::Date(order, instants) => Instant::parse(value)
                .is_some_and(|value| instants.iter().any(|instant| order.holds(value.cmp(instant)))),
            Comparison::Binary(blobs) => {
                binary(value).is_some_and(|value| blobs.iter().any(|blob| **blob == *value))
            }
            Comparison::Address(networks) => value
                .parse::<IpAddr>()
                .is_ok_and(|address| networks.iter().any(|network| network.contains(address))),
            Comparison::Arn(patterns) => {
                let arn = Arn::new(value);
                patterns.iter().any(|pattern| pattern.matches(&arn, context))
            }
        }
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

fn same_ignoring_case(left: &str, right: &str) -> bool {
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(right);
    }
    left.chars().flat_map(char::to_lowercase).eq(right.chars().flat_map(char::to_lowercase))
}
