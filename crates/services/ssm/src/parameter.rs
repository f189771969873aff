//! A parameter: its newest version and what all of its versions share in one row, its older versions in rows of their own.

use crate::access::TYPE;
use crate::api::{ParameterTier, ParameterType};
use crate::errors::version_not_found;
use crate::names::{Place, Reference};
use crate::policies::Held;
use crate::sharing::Shared;
use platform::index::Indexed;
use platform::{Cx, Fault, Table};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// `[account, region, hierarchy above it, last part of its name]`
pub(crate) const PARAMETERS: Table<Parameter> = Table::new("ssm/parameters");

/// `[account, region, hierarchy above it, last part of its name, number]`, of all versions but the newest
pub(crate) const VERSIONS: Table<Version> = Table::new("ssm/versions");

/// `[account, region, hierarchy above it, last part of its name]`, of parameters that have labels
pub(crate) const LABELS: Table<Labels> = Table::new("ssm/labels");

/// Versions by their labels.
pub(crate) type Labels = BTreeMap<String, i64>;

/// How many versions are kept (Systems Manager User Guide, "Working with parameter versions").
pub(crate) const VERSIONS_MAX: i64 = 100;

/// A parameter.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Parameter {
    /// As it was created: perhaps without the leading slash.
    pub(crate) name: String,
    pub(crate) latest: Version,
    /// The number of the oldest version that is kept.
    pub(crate) oldest: i64,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) shared: Option<Shared>,
}

/// One version of it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) number: i64,
    #[serde(with = "crate::stored")]
    pub(crate) r#type: ParameterType,
    pub(crate) value: Value,
    /// As the caller has named it: a key's id, ARN or alias.
    pub(crate) key: Option<String>,
    /// In milliseconds since the epoch.
    pub(crate) modified: i64,
    /// The ARN of who put it.
    pub(crate) user: String,
    pub(crate) description: Option<String>,
    pub(crate) pattern: Option<String>,
    /// Never Intelligent-Tiering.
    #[serde(with = "crate::stored")]
    pub(crate) tier: ParameterTier,
    pub(crate) policies: Vec<Held>,
    pub(crate) data_type: String,
}

/// A value as it is kept, and as it is shown to those who do not ask for decryption.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Value {
    /// Of a String or StringList.
    Text(String),
    /// Of a SecureString of the standard tier: what KMS encrypted, in base64.
    Direct(String),
    /// Of a SecureString of the advanced tier: the encrypted data key and what is sealed under it, in base64 (`crate::values`).
    Enveloped(String),
}

impl Value {
    pub(crate) fn shown(&self) -> &str {
        match self {
            Self::Text(text) | Self::Direct(text) | Self::Enveloped(text) => text,
        }
    }
}

/// The last part of the path of a version: its order is that of numbers.
pub(crate) fn version_key(number: i64) -> String {
    format!("{number:019}")
}

impl Parameter {
    pub(crate) fn find(cx: &mut Cx<'_>, place: &Place) -> Result<Option<Arc<Self>>, Fault> {
        PARAMETERS.get(&mut cx.tx, &place.path())
    }

    pub(crate) fn put(&self, cx: &mut Cx<'_>, place: &Place) -> Result<(), Fault> {
        cx.keep(&Indexed { arn: &place.arn(), kind: TYPE, tags: &self.tags })?;
        PARAMETERS.put(&mut cx.tx, &place.path(), self)
    }

    /// A version by its number; none if it is not kept.
    pub(crate) fn version(
        &self,
        cx: &mut Cx<'_>,
        place: &Place,
        number: i64,
    ) -> Result<Option<Version>, Fault> {
        if number == self.latest.number {
            return Ok(Some(self.latest.clone()));
        }
        let [account, region, parent, leaf] = place.path();
        let path = [account, region, parent, leaf, &version_key(number)];
        Ok(VERSIONS.get(&mut cx.tx, &path)?.map(|version| (*version).clone()))
    }

    /// The version that a reference selects: by number or label, or else the newest.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn select(&self, cx: &mut Cx<'_>, reference: &Reference) -> Result<Version, Fault> {
        let Some(selector) = reference.selector.as_deref() else { return Ok(self.latest.clone()) };
        let number = match selector.parse() {
            Ok(number) => Some(number),
            Err(_) => labels(cx, &reference.place)?.get(selector).copied(),
        };
        let found = number.map(|number| self.version(cx, &reference.place, number)).transpose()?;
        found.flatten().ok_or_else(|| version_not_found(selector, &self.name))
    }
}

/// The labels of a parameter.
pub(crate) fn labels(cx: &mut Cx<'_>, place: &Place) -> Result<Arc<Labels>, Fault> {
    Ok(LABELS.get(&mut cx.tx, &place.path())?.unwrap_or_default())
}

/// The labels of one of its versions.
pub(crate) fn labels_of(labels: &Labels, number: i64) -> impl Iterator<Item = &String> {
    labels.iter().filter(move |(_, version)| **version == number).map(|(label, _)| label)
}
