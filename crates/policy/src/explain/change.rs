//! A change of policies, or of the call, that can be applied and evaluated.

use super::PolicyName;
use super::edit::{append, insert, quoted, remove};
use crate::document::PolicyKind;
use crate::json::{Json, Node};
use crate::source::Source;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The kind, by where the policy stands.
    pub kind: PolicyKind,
    /// Its number among those of its kind, from 0.
    pub index: usize,
    /// What it is called.
    pub policy: PolicyName,
}

/// Which statement of which policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The policy.
    #[serde(flatten)]
    pub target: Target,
    /// The statement's number in the document, from 0.
    pub statement: usize,
    /// The statement's `Sid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

/// A condition key with the value that a call is to be made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// The key as the policy writes it.
    pub key: String,
    /// The value.
    pub value: String,
}

/// Another call in the place of the one that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// What it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<Chosen>,
    /// The keys that it does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// It has a ciphertext, which must have been made with these values for the call to be of use.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_ciphertext: bool,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Change {
    /// Make another call; no policy changes.
    Call(Call),
    /// Add values to an element of a statement.
    AddValues {
        /// The statement.
        at: Place,
        /// The members that lead to the element: `["Condition", "IpAddress", "aws:SourceIp"]`.
        element: Vec<String>,
        /// What to add.
        values: Vec<String>,
    },
    /// Add a condition to a statement.
    AddCondition {
        /// The statement.
        at: Place,
        /// The operator.
        operator: String,
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// Take one value out of an element of a statement that has others.
    RemoveValue {
        /// The statement.
        at: Place,
        /// The member: `Action` or `Resource`.
        element: String,
        /// What to take out.
        value: String,
    },
    /// Add a statement to a policy.
    AddStatement {
        /// The policy.
        to: Target,
        /// The statement.
        statement: Value,
    },
    /// Attach a new policy with this statement, or make the session with it.
    NewPolicy {
        /// The kind.
        kind: PolicyKind,
        /// The statement.
        statement: Value,
    },
    /// Remove a statement.
    RemoveStatement {
        /// The statement.
        at: Place,
    },
    /// Detach a policy, or make the session without it.
    Detach {
        /// The policy.
        from: Target,
    },
}

impl Change {
    /// The kind of policy that changes; none if it is the call.
    #[must_use]
    pub fn kind(&self) -> Option<PolicyKind> {
        match self {
            Change::Call(_) => None,
            Change::NewPolicy { kind, .. } => Some(*kind),
            Change::Detach { from } => Some(from.kind),
            other => other.target().map(|target| target.kind),
        }
    }

    /// The policy whose document changes.
    pub(super) fn target(&self) -> Option<&Target> {
        match self {
            Change::AddValues { at, .. }
            | Change::AddCondition { at, .. }
            | Change::RemoveValue { at, .. }
            | Change::RemoveStatement { at } => Some(&at.target),
            Change::AddStatement { to, .. } => Some(to),
            Change::Call(_) | Change::NewPolicy { .. } | Change::Detach { .. } => None,
        }
    }

    /// The document with the change made; none if it does not fit the document.
    pub(super) fn edit(&self, text: &str) -> Option<String> {
        let source = Source::read(text).ok()?;
        let statement = |at: &Place| source.statements().nth(at.statement).map(|written| written.0);
        match self {
            Change::AddValues { at, element, values } => add_values(text, statement(at)?, element, values),
            Change::AddCondition { at, operator, key, value } => {
                let statement = statement(at)?;
                let value = quoted(value);
                let keys = format!("{{{}:{value}}}", quoted(key));
                Some(match statement.member("Condition") {
                    None => insert(text, statement, "Condition", &format!("{{{}:{keys}}}", quoted(operator))),
                    Some(conditions) => match conditions.member(operator) {
                        None => insert(text, conditions, operator, &keys),
                        Some(held) => match held.member(key) {
                            None => insert(text, held, key, &value),
                            Some(values) => append(text, values, &value),
                        },
                    },
                })
            }
            Change::RemoveValue { at, element, value } => {
                let list = statement(at)?.member(element)?;
                let index = list.items().iter().position(|item| item.text().as_ref() == Some(value))?;
                remove(text, list, index)
            }
            Change::AddStatement { statement, .. } => {
                Some(append(text, source.member("Statement")?, &statement.to_string()))
            }
            Change::RemoveStatement { at } => remove(text, source.member("Statement")?, at.statement),
            Change::Call(_) | Change::NewPolicy { .. } | Change::Detach { .. } => None,
        }
    }
}

fn add_values(text: &str, statement: &Json<'_>, element: &[String], values: &[String]) -> Option<String> {
    let (last, above) = element.split_last()?;
    let parent = above.iter().try_fold(statement, |json, name| json.member(name))?;
    let items = values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(",");
    match parent.member(last) {
        Some(list) => Some(append(text, list, &items)),
        // An entry of a principal element that is not there yet.
        None if matches!(parent.node, Node::Object(_)) => {
            Some(insert(text, parent, last, &format!("[{items}]")))
        }
        None => None,
    }
}
