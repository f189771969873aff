//! The atlas: the facts by which a request for any AWS service is told, served here or not.
//!
//! `cargo xtask models` takes them from the botocore package into `models/services.json`, one service a line; `cargo xtask generate`
//! writes them as constants for the router.

use crate::files::{self, Error, Result};
use crate::generate::{formatted, optional, protocol};
use crate::model::XmlNamespace;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// One service.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Entry {
    service_id: String,
    endpoint_prefix: String,
    signing_name: String,
    api_version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target_prefix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    json_version: Option<String>,
    protocols: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    xml_namespace: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    query_compatible: bool,
    /// Method and path of each operation that is named by nothing else, as its calls bear no signature of version 4.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    unsigned: BTreeMap<String, (String, String)>,
}

/// A model, as far as the atlas reads it.
#[derive(Deserialize)]
pub(crate) struct Source {
    metadata: Metadata,
    operations: BTreeMap<String, Operation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    service_id: String,
    endpoint_prefix: String,
    signing_name: Option<String>,
    api_version: String,
    target_prefix: Option<String>,
    json_version: Option<String>,
    protocol: Option<String>,
    #[serde(default)]
    protocols: Vec<String>,
    xml_namespace: Option<XmlNamespace>,
    aws_query_compatible: Option<Value>,
    #[serde(default)]
    auth: Vec<String>,
}

#[derive(Deserialize)]
struct Operation {
    http: Http,
    authtype: Option<String>,
    #[serde(default)]
    auth: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    request_uri: String,
}

impl Entry {
    /// The facts of a model.
    pub(crate) fn of(source: Source) -> Self {
        let Source { metadata: facts, operations } = source;
        let protocols = match facts.protocols {
            protocols if protocols.is_empty() => facts.protocol.into_iter().collect(),
            protocols => protocols,
        };
        let is_rest = protocols.iter().any(|protocol: &String| protocol.starts_with("rest-"));
        let unsigned = operations.into_iter().filter(|(_, operation)| {
            let schemes = if operation.auth.is_empty() { &facts.auth } else { &operation.auth };
            let none = matches!(operation.authtype.as_deref(), Some("none" | "bearer"));
            is_rest && (none || (!schemes.is_empty() && !schemes.iter().any(|it| it.contains("sigv4"))))
        });
        let unsigned = unsigned.map(|(name, it)| (name, (it.http.method, it.http.request_uri))).collect();
        Self {
            signing_name: facts.signing_name.unwrap_or_else(|| facts.endpoint_prefix.clone()),
            service_id: facts.service_id,
            endpoint_prefix: facts.endpoint_prefix,
            api_version: facts.api_version,
            target_prefix: facts.target_prefix,
            json_version: facts.json_version,
            protocols,
            xml_namespace: facts.xml_namespace.map(|namespace| namespace.uri().to_owned()),
            query_compatible: facts.aws_query_compatible.is_some(),
            unsigned,
        }
    }
}

/// Stores the facts of all services.
pub(crate) fn store(entries: &BTreeMap<String, Entry>) -> Result<bool> {
    let mut text = "{".to_owned();
    for (index, (name, entry)) in entries.iter().enumerate() {
        let line = serde_json::to_string(entry).map_err(|error| Error::Other(error.to_string()))?;
        let _ = write!(text, "{}\n{name:?}: {line}", if index == 0 { "" } else { "," });
    }
    text.push_str("\n}\n");
    files::ensure(&stored(), &text)
}

/// The generated file and its text.
pub(crate) fn file() -> Result<(PathBuf, String)> {
    let path = stored();
    let entries: BTreeMap<String, Entry> = serde_json::from_str(&files::read(&path)?)
        .map_err(|error| Error::Content(path.clone(), error.to_string()))?;
    let mut rows = String::new();
    for (name, entry) in &entries {
        let protocols = entry.protocols.iter().map(|it| protocol(it, entry.json_version.as_deref()));
        let protocols: Vec<&str> = protocols
            .collect::<std::result::Result<_, _>>()
            .map_err(|it| Error::Content(path.clone(), it))?;
        let _ = write!(
            rows,
            "    service({name:?}, {:?}, {:?}, {:?}, {:?}, {}, &[{}])",
            entry.service_id,
            entry.endpoint_prefix,
            entry.signing_name,
            entry.api_version,
            optional(entry.target_prefix.as_deref()),
            protocols.join(", ")
        );
        if let Some(uri) = &entry.xml_namespace {
            let _ = write!(rows, ".namespace({uri:?})");
        }
        if entry.query_compatible {
            rows.push_str(".query_compatible()");
        }
        if !entry.unsigned.is_empty() {
            rows.push_str(".unsigned(&[");
            for (name, (method, uri)) in &entry.unsigned {
                let _ =
                    write!(rows, "OperationModel::new({name:?}).http({method:?}, {uri:?}, 200).unsigned(), ");
            }
            rows.push_str("])");
        }
        rows.push_str(",\n");
    }
    let text = format!(
        "//! Generated by `cargo xtask generate` from models/services.json. Do not edit.

use super::service;
use crate::model::{{OperationModel, Protocol::*, ServiceModel}};

/// Every service of AWS that botocore has a model of, by name.
#[rustfmt::skip]
pub(super) static ALL: [ServiceModel; {}] = [
{rows}];
",
        entries.len()
    );
    Ok((files::repository("crates/wire/src/route/atlas/all.rs"), formatted(&text)?))
}

fn stored() -> PathBuf {
    files::repository("models/services.json")
}
