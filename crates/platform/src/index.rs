//! The index of all resources, and the log of their changes, for whoever needs them without knowing the services: the tagging API,
//! Resource Explorer, Config.
//!
//! A service calls [`Cx::keep`] with each resource that it creates or changes, and [`Cx::drop_resource`] with each that is gone, in the
//! transaction that does it.

use crate::{Cx, Fault, Log, Table, Tx};
use keyring::BlindKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows by account, region, service and the rest of the ARN.
const RESOURCES: Table<Entry> = Table::new("platform/resources");

/// Tags by account, region, the blinded key and value, and the resource's place. Names of rows are in the clear, and tags are not.
const TAGS: Table<Tag> = Table::new("platform/tags");

/// The key that blinds tags, in one row. It gives away which tags are the same, and nothing else.
const BLIND: Table<Blind> = Table::new("platform/index-key");

#[derive(Clone, Serialize, Deserialize)]
struct Blind {
    key: Vec<u8>,
}

/// A tag of some resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Tag {
    key: String,
    value: String,
}

/// Changes of resources, each a [`Change`] as JSON, oldest first.
pub const CHANGES: Log = Log::new(3, b"log\0changes");

/// A resource as a service describes it.
#[derive(Clone, Copy, Debug)]
pub struct Indexed<'r> {
    /// Its ARN.
    pub arn: &'r str,
    /// Its CloudFormation type, as in `AWS::KMS::Key`.
    pub kind: &'static str,
    /// Its tags.
    pub tags: &'r BTreeMap<String, String>,
}

/// A resource in the index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its ARN.
    pub arn: String,
    /// Its CloudFormation type.
    pub kind: String,
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Whether it has, or ever had, a tag.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tagged: bool,
    /// When it came into the index, in milliseconds since the epoch.
    pub created: i64,
    /// When it changed last, in milliseconds since the epoch.
    pub changed: i64,
}

/// A change of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The resource.
    pub arn: String,
    /// Its CloudFormation type.
    pub kind: String,
    /// What became of it.
    pub change: ChangeKind,
    /// When, in milliseconds since the epoch.
    pub at: i64,
}

/// What became of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeKind {
    /// It was created.
    Created,
    /// Its configuration or its tags changed.
    Changed,
    /// It is gone.
    Deleted,
}

/// The parts of an ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArnParts<'a> {
    /// The service.
    pub service: &'a str,
    /// The region; empty for global resources.
    pub region: &'a str,
    /// The account; empty for resources whose names are global.
    pub account: &'a str,
    /// The type and name within the service.
    pub resource: &'a str,
}

impl<'a> ArnParts<'a> {
    /// Splits an ARN of the `aws` partition; none if it is not one.
    pub fn of(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (arn, partition) = (parts.next()?, parts.next()?);
        let (service, region, account) = (parts.next()?, parts.next()?, parts.next()?);
        let resource = parts.next().filter(|resource| !resource.is_empty())?;
        let whole = arn == "arn" && partition == "aws" && !service.is_empty();
        whole.then_some(Self { service, region, account, resource })
    }

    /// The resource's type as the tagging API names it, `kms:key`; only the service where ARNs have no type.
    pub fn kind(&self) -> String {
        match self.resource.split_once([':', '/']) {
            Some((kind, _)) => format!("{}:{kind}", self.service),
            None => self.service.to_owned(),
        }
    }

    fn path(self) -> [&'a str; 4] {
        [self.account, self.region, self.service, self.resource]
    }
}

impl Cx<'_> {
    /// Takes a resource into the index, as it is after this call, and logs the change.
    ///
    /// # Errors
    /// Unavailable, if the store or the keyring is. A bug, if the ARN is none.
    pub fn keep(&mut self, resource: &Indexed<'_>) -> Result<(), Fault> {
        let parts = parts(resource.arn)?;
        let held = RESOURCES.get(&mut self.tx, &parts.path())?;
        let now = self.now().0;
        let entry = Entry {
            arn: resource.arn.to_owned(),
            kind: resource.kind.to_owned(),
            tags: resource.tags.clone(),
            tagged: !resource.tags.is_empty() || held.as_ref().is_some_and(|held| held.tagged),
            created: held.as_ref().map_or(now, |held| held.created),
            changed: now,
        };
        RESOURCES.put(&mut self.tx, &parts.path(), &entry)?;
        self.index_tags(parts, held.as_ref().map(|held| &held.tags), resource.tags)?;
        let change = if held.is_some() { ChangeKind::Changed } else { ChangeKind::Created };
        self.log_change(resource.arn, resource.kind, change)
    }

    /// Takes a resource that is gone out of the index, and logs the change.
    ///
    /// # Errors
    /// As [`keep`](Self::keep).
    pub fn drop_resource(&mut self, arn: &str) -> Result<(), Fault> {
        let parts = parts(arn)?;
        let Some(held) = RESOURCES.get(&mut self.tx, &parts.path())? else { return Ok(()) };
        RESOURCES.delete(&mut self.tx, &parts.path());
        self.index_tags(parts, Some(&held.tags), &BTreeMap::new())?;
        self.log_change(arn, &held.kind, ChangeKind::Deleted)
    }

    fn index_tags(
        &mut self,
        parts: ArnParts<'_>,
        before: Option<&BTreeMap<String, String>>,
        after: &BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        let ArnParts { service, region, account, resource } = parts;
        let is_in = |tags: Option<&BTreeMap<String, String>>, key: &String, value: &String| {
            tags.and_then(|tags| tags.get(key)) == Some(value)
        };
        for (key, value) in
            before.into_iter().flatten().filter(|(key, value)| !is_in(Some(after), key, value))
        {
            let [key, value] = self.blinded(key, value)?;
            TAGS.delete(&mut self.tx, &[account, region, &key, &value, service, resource]);
        }
        for (key, value) in after.iter().filter(|(key, value)| !is_in(before, key, value)) {
            let [blind_key, blind_value] = self.blinded(key, value)?;
            let path = [account, region, &blind_key, &blind_value, service, resource];
            TAGS.put(&mut self.tx, &path, &Tag { key: key.clone(), value: value.clone() })?;
        }
        Ok(())
    }

    /// A tag's key and value as names of rows have them.
    fn blinded(&mut self, key: &str, value: &str) -> Result<[String; 2], Fault> {
        let held = BLIND.get(&mut self.tx, &[])?;
        let blind = match &held {
            Some(blind) => BlindKey::new(&blind.key),
            None => {
                let key = BlindKey::random_bytes(self.random());
                BLIND.put(&mut self.tx, &[], &Blind { key: key.clone() })?;
                BlindKey::new(&key)
            }
        };
        Ok([blind.blind(&[key]), blind.blind(&[key, value])])
    }

    fn log_change(&mut self, arn: &str, kind: &str, change: ChangeKind) -> Result<(), Fault> {
        let change = Change { arn: arn.to_owned(), kind: kind.to_owned(), change, at: self.now().0 };
        let change = serde_json::to_vec(&change).map_err(|error| Fault::bug(format!("a change: {error}")))?;
        self.tx.append(CHANGES, &change)
    }
}

/// The resource with an ARN.
///
/// # Errors
/// Unavailable, if the store or the keyring is.
pub fn resource(tx: &mut Tx<'_>, arn: &str) -> Result<Option<Arc<Entry>>, Fault> {
    match ArnParts::of(arn) {
        Some(parts) => RESOURCES.get(tx, &parts.path()),
        None => Ok(None),
    }
}

/// The first `limit` resources of an account in a region, after the one at `after`, in the order of service and name; each with its place
/// there.
///
/// # Errors
/// Unavailable, if the store or the keyring is.
pub fn resources(
    tx: &mut Tx<'_>,
    account: &str,
    region: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(String, Arc<Entry>)>, Fault> {
    RESOURCES.scan(tx, &[account, region], after, limit)
}

impl Cx<'_> {
    /// The first `limit` resources of the account in a region that have a tag with this key, after the one at `after`; each with its place.
    ///
    /// # Errors
    /// Unavailable, if the store or the keyring is.
    pub fn tagged(
        &mut self,
        region: &str,
        key: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Arc<Entry>)>, Fault> {
        let (account, [key, _]) = (self.account(), self.blinded(key, "")?);
        let rows = TAGS.scan(&mut self.tx, &[account, region, &key], after, limit)?;
        let entries = rows.into_iter().filter_map(|(place, _)| {
            let (service, resource) = place.split_once('\0')?.1.split_once('\0')?;
            let entry = RESOURCES.get(&mut self.tx, &[account, region, service, resource]).transpose()?;
            Some(entry.map(|entry| (place, entry)))
        });
        entries.collect()
    }

    /// The first `limit` tag keys of the account in a region, after the one at `after`; with a key, the values of that key instead. Each with
    /// its place, whose order is none that callers know.
    ///
    /// # Errors
    /// Unavailable, if the store or the keyring is.
    pub fn tags_in_use(
        &mut self,
        region: &str,
        key: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<BTreeMap<String, String>, Fault> {
        let blinded = key.map(|key| self.blinded(key, "")).transpose()?;
        let blinded = blinded.as_ref().map(|[key, _]| key.as_str());
        let prefix: Vec<&str> = [self.account(), region].into_iter().chain(blinded).collect();
        let mut names = BTreeMap::new();
        let mut last = after.map(str::to_owned);
        while names.len() < limit {
            // Rows of one name follow each other, and blinded names are hexadecimal.
            let passed = last.as_ref().map(|name| format!("{name}\u{1}"));
            let rows = TAGS.scan(&mut self.tx, &prefix, passed.as_deref(), 1)?;
            let Some((place, tag)) = rows.into_iter().next() else { break };
            let name = place.split('\0').next().unwrap_or_default().to_owned();
            let text = if key.is_some() { &tag.value } else { &tag.key };
            names.insert(name.clone(), text.clone());
            last = Some(name);
        }
        Ok(names)
    }
}

fn parts(arn: &str) -> Result<ArnParts<'_>, Fault> {
    ArnParts::of(arn).ok_or_else(|| Fault::bug(format!("{arn} is not an ARN")))
}
