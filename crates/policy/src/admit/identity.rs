//! The stages of IAM and STS for policies that belong to a principal: managed, inline and session policies.

use super::{arn, each_text, is_empty_list, is_text, run};
use crate::condition::Operator;
use crate::document::Version;
use crate::error::PolicyError;
use crate::grammar::{self, NO_ACTIONS, NO_RESOURCES, PRINCIPAL, Place, SAME_SID, SYNTAX};
use crate::json::{Json, Node};
use crate::value::Instant;
use std::collections::HashSet;

const LEGACY: &str = "The policy failed legacy parsing";

/// Refuses white space before the document.
pub(super) fn begins(text: &str, root: &Place<'_>) -> Result<(), PolicyError> {
    if text.starts_with(|c: char| c.is_whitespace()) {
        return Err(PolicyError::new("JSON strings must not have leading spaces", root.to_string(), 0));
    }
    Ok(())
}

pub(super) fn check(json: &Json<'_>, root: &Place<'_>, oldest: Version) -> Result<(), PolicyError> {
    let mut version = Version::V2008;
    for (name, value) in grammar::object(json, root)? {
        let place = root.name(name);
        match (name.as_str(), &value.node) {
            ("Version", _) => version = grammar::version(value, &place)?,
            ("Id", Node::String(_)) | ("Statement", _) => {}
            _ => return Err(place.error(SYNTAX, value)),
        }
    }
    let place = root.name("Statement");
    let statements = json.member("Statement").ok_or_else(|| place.error(SYNTAX, json))?;
    if is_empty_list(statements) {
        return Err(place.error(SYNTAX, statements));
    }
    run(&[syntax], statements, &place)?;
    if version < oldest {
        let message = "Policy document must be version 2012-10-17 or greater.";
        return Err(root.name("Version").error(message, json));
    }
    run(&[legacy_elements, legacy_resources], statements, &place)?;
    let mut seen = HashSet::new();
    for (place, statement) in grammar::each(statements, &place) {
        if let Some(sid) = statement.member("Sid").and_then(Json::text).filter(|sid| !sid.is_empty())
            && !seen.insert(sid)
        {
            return Err(place.error(SAME_SID, statement));
        }
    }
    run(&[has_actions, principal, has_resources, resources, actions], statements, &place)
}

/// The form of a statement, whatever its values are.
fn syntax(statement: &Json<'_>, place: &Place<'_>) -> Result<(), PolicyError> {
    for (name, value) in grammar::object(statement, place)? {
        let place = place.name(name);
        let valid = match name.as_str() {
            "Sid" => matches!(value.node, Node::String(_)),
            "Effect" => value
                .text()
                .is_some_and(|text| text.eq_ignore_ascii_case("Allow") || text.eq_ignore_ascii_case("Deny")),
            "Action" | "NotAction" | "Resource" | "NotResource" => is_text(value),
            "Principal" | "NotPrincipal" => true,
            "Condition" => conditions(value, &place).map(|()| true)?,
            _ => false,
        };
        if !valid {
            return Err(place.error(SYNTAX, value));
        }
    }
    let both = |one: &str, other: &str| statement.member(one).and(statement.member(other));
    if let Some(second) = both("Action", "NotAction").or(both("Resource", "NotResource")) {
        return Err(place.error(SYNTAX, second));
    }
    match statement.member("Effect") {
        Some(_) => Ok(()),
        None => Err(place.name("Effect").error(SYNTAX, statement)),
    }
}

/// Operators that there are, each with an object of keys whose values are scalars.
fn conditions(json: &Json<'_>, place: &Place<'_>) -> Result<(), PolicyError> {
    for (operator, keys) in grammar::object(json, place)? {
        let place = place.name(operator);
        let values = grammar::object(keys, &place)?;
        if !values.is_empty() && Operator::parse(operator).is_none() {
            return Err(place.error(SYNTAX, keys));
        }
        for (key, value) in values {
            if value.items().iter().any(|item| item.text().is_none()) {
                return Err(place.name(key).error(SYNTAX, value));
            }
        }
    }
    Ok(())
}

/// The case of an effect, and the form of dates.
fn legacy_elements(statement: &Json<'_>, place: &Place<'_>) -> Result<(), PolicyError> {
    if let Some(effect) = statement.member("Effect")
        && !matches!(effect.text().as_deref(), Some("Allow" | "Deny"))
    {
        return Err(place.name("Effect").error(LEGACY, effect));
    }
    let Some(conditions) = statement.member("Condition") else { return Ok(()) };
    let place = place.name("Condition");
    for (operator, keys) in conditions.members() {
        let base = operator.split_once(':').map_or(operator.as_str(), |(_, base)| base);
        if !base.starts_with("Date") {
            continue;
        }
        let place = place.name(operator);
        for (key, values) in keys.members() {
            let place = place.name(key);
            for (place, value) in grammar::each(values, &place) {
                if value.text().is_none_or(|text| Instant::parse(&text).is_none()) {
                    return Err(place.error(LEGACY, value));
                }
            }
        }
    }
    Ok(())
}

fn legacy_resources(statement: &Json<'_>, place: &Place<'_>) -> Result<(), PolicyError> {
    each_text(statement, place, &["Resource", "NotResource"], |text| {
        if arn::is_legacy(text) { Ok(()) } else { Err(LEGACY.to_owned()) }
    })
}

fn has_actions(statement: &Json<'_>, place: &Place<'_>) -> Result<(), PolicyError> {
    has(statement, place, ["Action", "NotAction"], NO_ACTIONS)
}

/// No principal: whom the policy belongs to is whom it is about.
fn principal(statement: &Json<'_>, place: &Place<'_>) -> Result<(), PolicyError> {
    for (name, value) in statement.members() {
        if let "Principal" | "NotPrincipal" = name.as_str() {
            return Err(place.name(name).error(PRINCIPAL, value));
        }
    }
    Ok(())
}

fn has_resources(statement: &Json<'_>, place: &Place<'_>) -> Result<(), PolicyError> {
    has(statement, place, ["Resource", "NotResource"], NO_RESOURCES)
}

/// One of two elements, with something in it.
fn has(
    statement: &Json<'_>,
    place: &Place<'_>,
    [only, except]: [&str; 2],
    message: &str,
) -> Result<(), PolicyError> {
    match statement
        .member(only)
        .map(|json| (only, json))
        .or(statement.member(except).map(|json| (except, json)))
    {
        None => Err(place.error(message, statement)),
        Some((name, list)) if is_empty_list(list) => Err(place.name(name).error(message, list)),
        Some(_) => Ok(()),
    }
}

fn resources(statement: &Json<'_>, place: &Place<'_>) -> Result<(), PolicyError> {
    each_text(statement, place, &["Resource", "NotResource"], arn::fault)
}

fn actions(statement: &Json<'_>, place: &Place<'_>) -> Result<(), PolicyError> {
    each_text(statement, place, &["Action", "NotAction"], grammar::action_fault)
}
