//! A document as the rules look at it.

use super::Fault;
use super::names::Vocabulary;
use crate::document::PolicyKind;
use crate::error::PolicyError;
use crate::json::{Json, Node};
use crate::key;
use crate::meter::Meter;
use crate::source::{Source, Written};

/// A document as the rules look at it. What is no JSON has no statements.
pub(super) struct Subject<'s> {
    pub(super) text: &'s str,
    pub(super) kind: PolicyKind,
    pub(super) source: &'s Source<'s>,
    /// The fault for which a service would not save the document.
    pub(super) refused: Option<&'s PolicyError>,
    pub(super) vocabulary: &'s Vocabulary,
    /// Where the text stops being JSON.
    pub(super) syntax: Option<usize>,
    /// The steps left for comparing the parts of the document with each other.
    pub(super) meter: &'s Meter,
}

impl<'s> Subject<'s> {
    pub(super) fn statements(&self) -> impl Iterator<Item = Written<'s, 's>> {
        self.source.statements().filter(|written| matches!(written.0.node, Node::Object(_)))
    }

    pub(super) fn allows(&self) -> impl Iterator<Item = Written<'s, 's>> {
        self.statements().filter(|written| written.text("Effect") == Some("Allow"))
    }

    pub(super) fn denies(&self) -> impl Iterator<Item = Written<'s, 's>> {
        self.statements().filter(|written| written.text("Effect") == Some("Deny"))
    }

    /// Whether it belongs to a resource, and so names principals.
    pub(super) fn is_owners(&self) -> bool {
        !self.kind.is_callers()
    }
}

impl<'j, 't> Written<'j, 't> {
    /// The texts of `Action` with their places; none of `NotAction`.
    pub(super) fn listed_actions(&self) -> Vec<(String, &'j Json<'t>)> {
        self.actions()
            .filter(|patterns| !patterns.except)
            .map(|patterns| items(patterns.json))
            .unwrap_or_default()
    }

    /// The texts of `Resource` with their places; none of `NotResource`.
    pub(super) fn listed_resources(&self) -> Vec<(String, &'j Json<'t>)> {
        self.resources()
            .filter(|patterns| !patterns.except)
            .map(|patterns| items(patterns.json))
            .unwrap_or_default()
    }

    pub(super) fn is_unconditional(&self) -> bool {
        self.conditions().next().is_none()
    }

    /// Whether a condition asks for one of these keys, in lower case.
    pub(super) fn asks_for(&self, keys: &[&str]) -> bool {
        self.conditions().any(|tested| keys.contains(&&*key::fold(tested.key)))
    }

    /// The place of a member, or of the statement if it has none such.
    pub(super) fn place(&self, member: &str) -> usize {
        self.0.member(member).unwrap_or(self.0).span.start
    }
}

/// The texts of a list with their places.
pub(super) fn items<'j, 't>(json: &'j Json<'t>) -> Vec<(String, &'j Json<'t>)> {
    json.items().iter().filter_map(|item| Some((item.text()?, item))).collect()
}

/// Whether a text is `*`, however often.
pub(super) fn is_star(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'*')
}

pub(super) fn fault(offset: usize, message: impl Into<String>) -> Fault {
    Fault { offset, message: message.into() }
}
