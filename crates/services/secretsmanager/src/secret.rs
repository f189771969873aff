//! A secret as it is stored: one row of everything but the values of its versions.

use crate::api::Tag;
use crate::errors::{invalid_request, limit_exceeded};
use crate::policies::ResourcePolicy;
use crate::quotas::SECRETS_MAX;
use crate::replicas::{self, Origin, Replica};
use crate::rotation::Rotation;
use crate::stages::Versions;
use crate::values::VALUES;
use platform::{Cx, Fault, Indexed, Table, Tally, Tx};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The secrets, by account, Region and name.
pub(crate) const SECRETS: Table<Secret> = Table::new("secretsmanager/secrets");

/// Names in the order of creation, by account, Region, time and name.
pub(crate) const CREATED: Table<()> = Table::new("secretsmanager/created");

/// The number of secrets of an account in a Region.
const COUNTS: Tally = Tally::new("secretsmanager/counts");

/// The day of the last use of a version's value, in milliseconds since the epoch; by the secret's path, suffix and the version.
pub(crate) const ACCESSED: Table<i64> = Table::new("secretsmanager/accessed");

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// Type of secrets in AWS CloudFormation.
pub(crate) const KIND: &str = "AWS::SecretsManager::Secret";

/// A secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Secret {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) name: String,
    /// The six random characters at the end of the ARN, which tell secrets of one name apart.
    pub(crate) suffix: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// The partner that holds the secret, where one does: `Type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) partner: Option<String>,
    /// The KMS key as the caller named it; none for `aws/secretsmanager`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kms_key: Option<String>,
    pub(crate) created: i64,
    pub(crate) changed: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deletion: Option<Deletion>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<ResourcePolicy>,
    pub(crate) versions: Versions,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rotation: Option<Rotation>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) replicas: Vec<Replica>,
    /// The primary secret that this one is a replica of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<Origin>,
}

/// The plan to delete a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deletion {
    /// The time of the call, in milliseconds since the epoch: `DeletedDate`.
    pub(crate) asked: i64,
    /// The end of the recovery window.
    pub(crate) due: i64,
}

impl Secret {
    pub(crate) fn arn(&self) -> String {
        arn(&self.region, &self.account, &format!("{}-{}", self.name, self.suffix))
    }

    pub(crate) fn path(&self) -> [&str; 3] {
        [&self.account, &self.region, &self.name]
    }

    /// The path of what belongs to one of its versions.
    pub(crate) fn version_path<'a>(&'a self, version: &'a str) -> [&'a str; 5] {
        [&self.account, &self.region, &self.name, &self.suffix, version]
    }

    /// Requires that the secret is not about to be deleted.
    pub(crate) fn require_live(&self) -> Result<(), Fault> {
        match self.deletion {
            None => Ok(()),
            Some(_) => Err(invalid_request(
                "You can't perform this operation on the secret because it was marked for deletion.",
            )),
        }
    }

    /// Requires that the secret is live and its own, not a copy that another secret writes.
    pub(crate) fn require_primary(&self) -> Result<(), Fault> {
        self.require_live()?;
        match &self.origin {
            Some(origin) if origin.account == self.account => Err(invalid_request(
                "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
            )),
            Some(_) => Err(invalid_request(
                "Operation not permitted on a replica secret. Call must be made in primary secret's account.",
            )),
            None => Ok(()),
        }
    }

    /// The Region of the primary secret, if the secret is in several.
    pub(crate) fn primary_region(&self) -> Option<&str> {
        match &self.origin {
            Some(origin) => Some(&origin.region),
            None => (!self.replicas.is_empty()).then_some(&*self.region),
        }
    }

    /// The KMS key that new versions are encrypted under, by ARN.
    pub(crate) fn key_arn(&self) -> String {
        match self.kms_key.as_deref() {
            Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
            Some(alias) if alias.starts_with("alias/") => self.kms_arn(alias),
            Some(id) => self.kms_arn(&format!("key/{id}")),
            None => self.kms_arn(DEFAULT_KEY),
        }
    }

    fn kms_arn(&self, resource: &str) -> String {
        format!("arn:aws:kms:{}:{}:{resource}", self.region, self.account)
    }

    /// Writes a changed secret, and takes the change to its replicas.
    pub(crate) fn save(&mut self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        self.changed = cx.now().0;
        replicas::sync(cx, self)?;
        self.put(cx)
    }

    /// Writes the secret alone.
    pub(crate) fn put(&self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        SECRETS.put(&mut cx.tx, &self.path(), self)?;
        cx.keep(&Indexed { arn: &self.arn(), kind: KIND, tags: &self.tags })
    }

    /// Writes a new secret.
    pub(crate) fn insert(&self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        let place = [&*self.account, &self.region];
        if !COUNTS.add(&mut cx.tx, &place, SECRETS_MAX, &self.arn())? {
            return Err(limit_exceeded(format!(
                "You can't create more than {SECRETS_MAX} secrets in an account in a Region."
            )));
        }
        CREATED.put(&mut cx.tx, &self.created_path(&created_text(self.created)), &())?;
        self.put(cx)
    }

    /// Removes the secret and all of its versions.
    pub(crate) fn erase(&self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        for version in self.versions.ids() {
            self.erase_version(&mut cx.tx, version);
        }
        SECRETS.delete(&mut cx.tx, &self.path());
        CREATED.delete(&mut cx.tx, &self.created_path(&created_text(self.created)));
        COUNTS.take(&mut cx.tx, &[&self.account, &self.region], &self.arn())?;
        cx.drop_resource(&self.arn())
    }

    /// Removes what belongs to a version.
    pub(crate) fn erase_version(&self, tx: &mut Tx<'_>, version: &str) {
        VALUES.delete(tx, &self.version_path(version));
        ACCESSED.delete(tx, &self.version_path(version));
    }

    fn created_path<'a>(&'a self, created: &'a str) -> [&'a str; 4] {
        [&self.account, &self.region, created, &self.name]
    }

    /// The day on which a version's value was last read, in milliseconds since the epoch.
    pub(crate) fn version_accessed(&self, cx: &mut Cx<'_>, version: &str) -> Result<Option<i64>, Fault> {
        Ok(ACCESSED.get(&mut cx.tx, &self.version_path(version))?.map(|day| *day))
    }

    /// The day on which any value was last read.
    pub(crate) fn accessed(&self, cx: &mut Cx<'_>) -> Result<Option<i64>, Fault> {
        let place = [&*self.account, &self.region, &self.name, &self.suffix];
        let rows = ACCESSED.scan(&mut cx.tx, &place, None, usize::MAX)?;
        Ok(rows.iter().map(|(_, day)| **day).max())
    }

    pub(crate) fn tag_list(&self) -> Option<Vec<Tag>> {
        let tag =
            |(key, value): (&String, &String)| Tag { key: Some(key.clone()), value: Some(value.clone()) };
        (!self.tags.is_empty()).then(|| self.tags.iter().map(tag).collect())
    }
}

/// The alias of the key that is used where none is named.
pub(crate) const DEFAULT_KEY: &str = "alias/aws/secretsmanager";

pub(crate) fn arn(region: &str, account: &str, resource: &str) -> String {
    format!("arn:aws:secretsmanager:{region}:{account}:secret:{resource}")
}

/// A time as text whose order is that of time.
fn created_text(at: i64) -> String {
    format!("{:020}", at.max(0))
}

/// The secret at a place, if there is one.
pub(crate) fn at(
    tx: &mut Tx<'_>,
    account: &str,
    region: &str,
    name: &str,
) -> Result<Option<Arc<Secret>>, Fault> {
    SECRETS.get(tx, &[account, region, name])
}
