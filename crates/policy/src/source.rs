//! A document as it is written: what the compiled form drops, for those who must quote it.
//!
//! Reading is lenient: an element that the grammar would refuse is passed over, or handed out as it stands.

use crate::json::{self, Json, Node};
use crate::principal::{NamedPrincipal, PrincipalField};

/// A document that is JSON, whatever else it may be.
#[derive(Debug)]
pub(crate) struct Source<'t> {
    pub(crate) root: Json<'t>,
}

/// One statement as written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'j, 't>(pub(crate) &'j Json<'t>);

/// An element that lists patterns, or all but those.
#[derive(Debug)]
pub(crate) struct Patterns<'j, 't> {
    /// The member's name: `Action`, `NotAction`, …
    pub(crate) name: &'j str,
    /// Whether it is the `Not…` form.
    pub(crate) except: bool,
    pub(crate) json: &'j Json<'t>,
}

/// One key under one condition operator.
#[derive(Debug)]
pub(crate) struct Tested<'j, 't> {
    pub(crate) operator: &'j str,
    pub(crate) key: &'j str,
    pub(crate) json: &'j Json<'t>,
}

impl<'t> Source<'t> {
    pub(crate) fn read(text: &'t str) -> Result<Self, json::SyntaxError> {
        json::read(text).map(|root| Source { root })
    }

    /// A document with nothing in it.
    pub(crate) fn nothing() -> Self {
        Source { root: Json { node: Node::Null, span: 0..0 } }
    }

    pub(crate) fn member(&self, name: &str) -> Option<&Json<'t>> {
        self.root.member(name)
    }

    /// The statements in their order, as the compiled form numbers them.
    pub(crate) fn statements(&self) -> impl Iterator<Item = Written<'_, 't>> {
        self.member("Statement").into_iter().flat_map(Json::items).map(Written)
    }
}

impl<'t> Json<'t> {
    pub(crate) fn members(&self) -> &[(String, Json<'t>)] {
        match &self.node {
            Node::Object(members) => members,
            _ => &[],
        }
    }

    pub(crate) fn member(&self, name: &str) -> Option<&Json<'t>> {
        self.members().iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    /// The items of a list, or the one thing that stands in its place.
    pub(crate) fn items(&self) -> &[Json<'t>] {
        match &self.node {
            Node::Array(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    /// A scalar as text.
    pub(crate) fn text(&self) -> Option<String> {
        match &self.node {
            Node::String(text) => Some(text.clone()),
            Node::Number(text) => Some((*text).to_owned()),
            Node::Bool(value) => Some(value.to_string()),
            Node::Null | Node::Array(_) | Node::Object(_) => None,
        }
    }

    /// The scalars of a list, or the one in its place.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.items().iter().filter_map(Json::text).collect()
    }
}

impl<'j, 't> Written<'j, 't> {
    pub(crate) fn text(&self, name: &str) -> Option<&'j str> {
        match &self.0.member(name)?.node {
            Node::String(text) => Some(text),
            _ => None,
        }
    }

    fn patterns(&self, only: &str, except: &str) -> Option<Patterns<'j, 't>> {
        let found = self.0.members().iter().find(|(name, _)| name == only || name == except);
        found.map(|(name, json)| Patterns { name, except: name == except, json })
    }

    pub(crate) fn actions(&self) -> Option<Patterns<'j, 't>> {
        self.patterns("Action", "NotAction")
    }

    pub(crate) fn resources(&self) -> Option<Patterns<'j, 't>> {
        self.patterns("Resource", "NotResource")
    }

    pub(crate) fn principals(&self) -> Option<Patterns<'j, 't>> {
        self.patterns("Principal", "NotPrincipal")
    }

    /// The conditions in their order, as the compiled form numbers them.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = Tested<'j, 't>> + use<'j, 't> {
        let operators = self.0.member("Condition").map(Json::members).unwrap_or_default();
        operators.iter().flat_map(|(operator, keys)| {
            keys.members().iter().map(|(key, json)| Tested { operator, key, json })
        })
    }
}

impl Patterns<'_, '_> {
    pub(crate) fn texts(&self) -> Vec<String> {
        self.json.texts()
    }

    /// The names of a principal element, each with the entry it stands in.
    pub(crate) fn named(&self) -> Vec<(PrincipalField, String)> {
        if let Node::String(text) = &self.json.node {
            return vec![(PrincipalField::Aws, text.clone())];
        }
        let mut found = Vec::new();
        for (name, values) in self.json.members() {
            if let Some(field) = PrincipalField::parse(name) {
                found.extend(values.texts().into_iter().map(|value| (field, value)));
            }
        }
        found
    }
}

impl std::fmt::Display for NamedPrincipal<'_> {
    /// The name, with its map entry where that is not `AWS`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.field {
            PrincipalField::Aws => f.write_str(self.value),
            field => write!(f, "{}:{}", field.name(), self.value),
        }
    }
}
