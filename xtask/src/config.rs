//! What the models do not say: which operations are implemented, and where the generator departs from a model.

use crate::files::{self, Error, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

const IMPLEMENTED_FILE: &str = "models/implemented.toml";
const OVERRIDES_FILE: &str = "models/overrides.toml";

/// The hand-kept files beside the models.
#[derive(Debug)]
pub(crate) struct Config {
    implemented: BTreeMap<String, Vec<String>>,
    patterns: Vec<PatternOverride>,
    bounds: Vec<Bound>,
    prefixes: Vec<Prefix>,
    secrets: Vec<Secret>,
}

/// The prefix of a service's actions, where it is not the service in the scope of a signature.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prefix {
    service: String,
    prefix: String,
}

/// Shapes that a model does not call sensitive and that are.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    service: String,
    shapes: Vec<String>,
    /// Why, for readers of the file.
    #[serde(rename = "because")]
    _because: String,
}

/// The most items of lists and maps for which a model names none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bound {
    service: String,
    shapes: Vec<String>,
    max: i64,
    /// Why, for readers of the file.
    #[serde(rename = "because")]
    _because: String,
}

/// A pattern that the `regex` crate cannot compile, or would read differently than AWS does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatternOverride {
    pub service: String,
    /// The shapes that have this pattern.
    pub shapes: Vec<String>,
    /// The pattern as the model has it: if the model changes, the override must be thought over again.
    pub pattern: String,
    /// What is generated instead; nothing: the shape has no pattern then.
    pub instead: Option<String>,
    /// Why, for readers of the file.
    #[serde(rename = "because")]
    _because: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Overrides {
    #[serde(default, rename = "pattern")]
    patterns: Vec<PatternOverride>,
    #[serde(default, rename = "bound")]
    bounds: Vec<Bound>,
    #[serde(default, rename = "prefix")]
    prefixes: Vec<Prefix>,
    #[serde(default, rename = "secret")]
    secrets: Vec<Secret>,
}

impl Config {
    /// Reads the files.
    pub(crate) fn read() -> Result<Self> {
        let implemented = read(IMPLEMENTED_FILE)?;
        let Overrides { patterns, bounds, prefixes, secrets } = read(OVERRIDES_FILE)?;
        Ok(Self { implemented, patterns, bounds, prefixes, secrets })
    }

    /// One service, without overrides.
    #[cfg(test)]
    pub(crate) fn of(service: &str, operations: &[&str]) -> Self {
        let operations = operations.iter().map(|&name| name.to_owned()).collect();
        let implemented = BTreeMap::from([(service.to_owned(), operations)]);
        let (patterns, bounds, prefixes, secrets) = Default::default();
        Self { implemented, patterns, bounds, prefixes, secrets }
    }

    /// The services, by their names in botocore.
    pub(crate) fn services(&self) -> impl Iterator<Item = &str> {
        self.implemented.keys().map(String::as_str)
    }

    /// The implemented operations of a service.
    pub(crate) fn implemented(&self, service: &str) -> &[String] {
        self.implemented.get(service).map_or(&[], Vec::as_slice)
    }

    /// The most items that a list or map of a service may have, where its model does not say.
    pub(crate) fn bound(&self, service: &str, shape: &str) -> Option<i64> {
        let mut bounds = self.bounds.iter().filter(|it| it.service == service);
        bounds.find(|it| it.shapes.iter().any(|name| name == shape)).map(|it| it.max)
    }

    /// The prefix of a service's actions, where it is not the service in the scope of a signature.
    pub(crate) fn prefix(&self, service: &str) -> Option<&str> {
        self.prefixes.iter().find(|it| it.service == service).map(|it| it.prefix.as_str())
    }

    /// Tells whether a shape is sensitive though its model does not say so.
    pub(crate) fn is_secret(&self, service: &str, shape: &str) -> bool {
        self.secrets(service).any(|name| name == shape)
    }

    /// The shapes of a service that are sensitive though its model does not say so.
    pub(crate) fn secrets(&self, service: &str) -> impl Iterator<Item = &str> {
        let of = self.secrets.iter().filter(move |it| it.service == service);
        of.flat_map(|it| it.shapes.iter().map(String::as_str))
    }

    /// The departures from the patterns of a service's model.
    pub(crate) fn patterns(&self, service: &str) -> impl Iterator<Item = &PatternOverride> {
        self.patterns.iter().filter(move |it| it.service == service)
    }
}

fn read<T: DeserializeOwned>(path: &str) -> Result<T> {
    let path = files::repository(path);
    toml::from_str(&files::read(&path)?).map_err(|error| Error::Content(path, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models;

    /// Implemented operations exist, and are sorted, so that two lists merge without thought.
    #[test]
    fn implemented_operations_are_in_the_model_and_sorted() {
        let config = Config::read().unwrap();
        for service in config.services() {
            let model = models::load(service).unwrap();
            let implemented = config.implemented(service);
            assert!(implemented.is_sorted(), "{service}");
            for operation in implemented {
                assert!(model.operations.contains_key(operation), "{service}: {operation}");
            }
        }
    }
}
