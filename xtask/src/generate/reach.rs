//! Which shapes the implemented operations need, and which members close a circle.

use crate::model::{Kind, Model, Operation, Reference, Shape};
use std::collections::BTreeSet;

/// The shapes reachable from these operations, through members, list items and map entries.
///
/// An error counts where it carries more than its text, because then the service has something to fill in.
pub(crate) fn shapes(model: &Model, operations: &[&Operation]) -> Result<BTreeSet<String>, String> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = Vec::new();
    for operation in operations {
        open.extend(operation.input.iter().chain(&operation.output).map(|it| it.shape.as_str()));
        for error in &operation.errors {
            if carries_more_than_text(model.shape(&error.shape)?) {
                open.push(&error.shape);
            }
        }
    }
    while let Some(name) = open.pop() {
        if reached.insert(name.to_owned()) {
            open.extend(references(model.shape(name)?).map(|it| it.shape.as_str()));
        }
    }
    Ok(reached)
}

/// Whether an error has members besides its text.
pub(crate) fn carries_more_than_text(error: &Shape) -> bool {
    error.members.0.iter().any(|(name, _)| !name.eq_ignore_ascii_case("message"))
}

/// Whether a member of this shape makes the structure contain itself, so that it must be boxed. A list or a map in
/// between breaks the circle, as it does in Rust.
pub(crate) fn contains_itself(model: &Model, structure: &str, member: &str) -> Result<bool, String> {
    let mut seen = BTreeSet::new();
    let mut open = vec![member];
    while let Some(name) = open.pop() {
        if name == structure {
            return Ok(true);
        }
        let shape = model.shape(name)?;
        if shape.kind == Kind::Structure && seen.insert(name) {
            open.extend(shape.members.0.iter().map(|(_, reference)| reference.shape.as_str()));
        }
    }
    Ok(false)
}

fn references(shape: &Shape) -> impl Iterator<Item = &Reference> {
    let items = shape.member.iter().chain(&shape.key).chain(&shape.value).map(|reference| &**reference);
    items.chain(shape.members.0.iter().map(|(_, reference)| reference))
}
