//! The rules for documents that are to be saved: those of the grammar, and those that services ask for beyond it, in AWS's words.
//!
//! A stored document is parsed with [`Policy::parse`] alone, so that a new rule does not disable what was saved before it. The words
//! are those of AWS's recorded answers, as public test suites and issue trackers have them. A service checks in stages: the first stage
//! that finds a fault, in any statement, answers.

mod arn;
mod identity;
mod trust;

use crate::document::{Policy, PolicyKind, Version};
use crate::error::PolicyError;
use crate::grammar::{self, Place};
use crate::json::{Json, Node};

/// The first fault of one statement in one stage.
type Stage = fn(&Json<'_>, &Place<'_>) -> Result<(), PolicyError>;

/// Parses a document that a caller wants to save. `oldest` is the oldest version of the language that its place takes.
///
/// # Errors
/// When the service would refuse the document, in its words.
pub fn admit(text: &str, kind: PolicyKind, oldest: Version) -> Result<Policy, PolicyError> {
    check(text, kind, oldest)?;
    Policy::parse(text, kind)
}

/// The fault that a service finds in a document before it is parsed.
fn check(text: &str, kind: PolicyKind, oldest: Version) -> Result<(), PolicyError> {
    let root = Place::root();
    match kind {
        PolicyKind::Identity | PolicyKind::Boundary => {
            identity::begins(text, &root)?;
            identity::check(&grammar::read(text, &root)?, &root, oldest)
        }
        PolicyKind::Session => identity::check(&grammar::read(text, &root)?, &root, oldest),
        PolicyKind::Trust => trust::check(&trust::read(text, &root)?, &root),
        // What KMS and CloudHSM answer beyond the grammar is not known.
        PolicyKind::Key | PolicyKind::Resource => Ok(()),
    }
}

/// Runs the stages one after the other, each over all statements.
fn run(stages: &[Stage], statements: &Json<'_>, place: &Place<'_>) -> Result<(), PolicyError> {
    for stage in stages {
        for (place, statement) in grammar::each(statements, place) {
            stage(statement, &place)?;
        }
    }
    Ok(())
}

/// Whether the value is a string, or a list of strings.
fn is_text(json: &Json<'_>) -> bool {
    json.items().iter().all(|item| matches!(item.node, Node::String(_)))
}

fn is_empty_list(json: &Json<'_>) -> bool {
    matches!(&json.node, Node::Array(items) if items.is_empty())
}

/// Calls `check` with every string of the named members, and where it stands.
fn each_text(
    statement: &Json<'_>,
    place: &Place<'_>,
    names: &[&str],
    mut check: impl FnMut(&str) -> Result<(), String>,
) -> Result<(), PolicyError> {
    for (name, list) in statement.members() {
        if !names.contains(&name.as_str()) {
            continue;
        }
        let place = place.name(name);
        for (place, item) in grammar::each(list, &place) {
            if let Node::String(text) = &item.node {
                check(text).map_err(|message| place.error(message, item))?;
            }
        }
    }
    Ok(())
}
