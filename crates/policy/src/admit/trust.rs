//! The stages of IAM for the trust policy of a role.

use super::{each_text, is_empty_list, run};
use crate::action::{Action, ActionPattern};
use crate::error::PolicyError;
use crate::grammar::{self, NO_TRUST_ACTION, Place};
use crate::json::{Json, Node};
use crate::meter::{DECISION_STEPS_MAX, Meter};
use crate::truth::Truth;

const INVALID_JSON: &str = "This policy contains invalid Json";

/// The actions that a role can be trusted with (Service Authorization Reference, "Actions defined by AWS Security Token Service": those
/// whose resource is a role).
const ACTIONS: &[&str] = &[
    "sts:assumerole",
    "sts:assumerolewithsaml",
    "sts:assumerolewithwebidentity",
    "sts:setcontext",
    "sts:setsourceidentity",
    "sts:tagsession",
];

/// The JSON of a trust policy.
pub(super) fn read<'t>(text: &'t str, root: &Place<'_>) -> Result<Json<'t>, PolicyError> {
    grammar::read(text, root).map_err(|error| PolicyError::new(INVALID_JSON, "", error.offset()))
}

pub(super) fn check(json: &Json<'_>, root: &Place<'_>) -> Result<(), PolicyError> {
    if !matches!(json.node, Node::Object(_)) {
        return Err(root.error(INVALID_JSON, json));
    }
    let place = root.name("Statement");
    let statements =
        json.member("Statement").ok_or_else(|| place.error("Missing required field Statement", json))?;
    if is_empty_list(statements) {
        return Err(place.error("Could not parse the policy: Statement is empty!", statements));
    }
    run(&[effect, actions], statements, &place)
}

fn effect(statement: &Json<'_>, place: &Place<'_>) -> Result<(), PolicyError> {
    if let Some(effect) = statement.member("Effect")
        && let Some(text) = effect.text()
        && !matches!(text.as_str(), "Allow" | "Deny")
    {
        return Err(place.name("Effect").error(format!("Invalid effect: {text}"), effect));
    }
    Ok(())
}

/// Actions of STS that are about a role. A pattern has to match one.
fn actions(statement: &Json<'_>, place: &Place<'_>) -> Result<(), PolicyError> {
    each_text(statement, place, &["Action", "NotAction"], |text| {
        let trusts = match ActionPattern::parse(text) {
            Ok(pattern) if pattern.is_service("sts") => {
                let meter = Meter::new(DECISION_STEPS_MAX);
                ACTIONS.iter().any(|action| pattern.matches(&Action::new(action), &meter) != Truth::False)
            }
            _ => false,
        };
        if trusts { Ok(()) } else { Err(NO_TRUST_ACTION.to_owned()) }
    })
}
