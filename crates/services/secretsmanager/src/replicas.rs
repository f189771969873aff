//! Replicas of a secret, kept in step with their primary secret in the transaction that changes it.

use crate::SecretsManager;
use crate::access::{Asked, find};
use crate::api::{
    RemoveRegionsFromReplicationRequest, RemoveRegionsFromReplicationResponse, ReplicaRegionType,
    ReplicateSecretToRegionsRequest, ReplicateSecretToRegionsResponse, ReplicationStatusType, StatusType,
    StopReplicationToReplicaRequest, StopReplicationToReplicaResponse, ops,
};
use crate::envelope;
use crate::errors::{invalid_parameter, invalid_request};
use crate::secret::{self, Secret};
use crate::stages::Versions;
use crate::update;
use crate::values::VALUES;
use platform::{Blame, Cx, Fault, Handle};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wire::Timestamp;

/// A replica as its primary secret knows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Replica {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) name: String,
    /// The KMS key as the caller named it; none for `aws/secretsmanager`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kms_key: Option<String>,
    /// The ARN of a replica in another account, which is not that of the primary secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) arn: Option<String>,
    /// The reason why the replica is behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
    /// Whether the replica's account has ended the replication.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) detached: bool,
}

/// The primary secret as its replica knows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) name: String,
    pub(crate) arn: String,
    /// Whether anything has been replicated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) begun: bool,
    /// Whether the primary secret's account has ended the replication.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) detached: bool,
}

const NAME_TAKEN: &str = "Replication failed: Secret with this name already exists in this region";

impl Replica {
    pub(crate) fn status(&self) -> StatusType {
        match (&self.failure, self.detached) {
            (_, true) => StatusType::Detached,
            (Some(_), _) => StatusType::Failed,
            (None, _) => StatusType::InSync,
        }
    }

    fn row(&self, cx: &mut Cx<'_>) -> Result<Option<Secret>, Fault> {
        let found = secret::at(&mut cx.tx, &self.account, &self.region, &self.name)?;
        Ok(found.map(|secret| Secret::clone(&secret)))
    }
}

/// The condition keys of a request that adds Regions.
pub(crate) fn with_regions<'a>(
    asked: Asked<'a>,
    regions: &'a [ReplicaRegionType],
    overwrite: Option<bool>,
) -> Asked<'a> {
    asked
        .list("secretsmanager:AddReplicaRegions", regions.iter().filter_map(|region| region.region.clone()))
        .key(
            "secretsmanager:ForceOverwriteReplicaSecret",
            overwrite.map(|force| if force { "true" } else { "false" }),
        )
}

/// Adds Regions to a secret and takes it there.
pub(crate) fn add(
    cx: &mut Cx<'_>,
    secret: &mut Secret,
    regions: &[ReplicaRegionType],
    overwrite: bool,
) -> Result<(), Fault> {
    for wanted in regions {
        let region =
            wanted.region.as_deref().ok_or_else(|| invalid_parameter("A replica must have a Region."))?;
        if !cx.serves(region) {
            return Err(invalid_parameter(format!("{region} is not a Region that Secrets Manager is in.")));
        }
        if region == secret.region {
            return Err(invalid_parameter("Invalid replica region: the secret is in this Region."));
        }
        if secret.replicas.iter().any(|replica| replica.region == region && replica.failure.is_none()) {
            return Err(invalid_parameter(format!(
                "Invalid replica region: there is a replica in {region}."
            )));
        }
        secret.replicas.retain(|replica| replica.region != region);
        let mut replica = Replica {
            account: secret.account.clone(),
            region: region.to_owned(),
            name: secret.name.clone(),
            kms_key: update::key(wanted.kms_key_id.as_deref()),
            arn: None,
            failure: None,
            detached: false,
        };
        match replica.row(cx)? {
            Some(_) if !overwrite => replica.failure = Some(NAME_TAKEN.to_owned()),
            Some(other) if !other.replicas.is_empty() => replica.failure = Some(NAME_TAKEN.to_owned()),
            found => {
                if let Some(other) = found {
                    other.erase(cx)?;
                }
                let copy = Secret {
                    region: replica.region.clone(),
                    kms_key: replica.kms_key.clone(),
                    versions: Versions::default(),
                    rotation: None,
                    replicas: Vec::new(),
                    origin: Some(secret.as_origin()),
                    ..secret.clone()
                };
                copy.insert(cx)?;
            }
        }
        secret.replicas.push(replica);
    }
    sync(cx, secret)
}

/// Brings all replicas to the state of their primary secret. One that cannot be brought there says so in its status.
pub(crate) fn sync(cx: &mut Cx<'_>, primary: &mut Secret) -> Result<(), Fault> {
    let mut replicas = std::mem::take(&mut primary.replicas);
    for replica in &mut replicas {
        if replica.detached || replica.failure.as_deref() == Some(NAME_TAKEN) {
            continue;
        }
        match copy(cx, primary, replica) {
            Ok(()) => replica.failure = None,
            Err(fault) if matches!(fault.blame(), Blame::Sender | Blame::Denied) => {
                replica.failure = Some(format!("Replication failed: {}", fault.message()));
            }
            Err(fault) => return Err(fault),
        }
    }
    primary.replicas = replicas;
    Ok(())
}

fn copy(cx: &mut Cx<'_>, primary: &Secret, replica: &Replica) -> Result<(), Fault> {
    let Some(mut held) = replica.row(cx)? else { return Ok(()) };
    for (version, from) in primary.versions.iter().filter(|(_, from)| from.key.is_some()) {
        if held.versions.get(version).is_some_and(|copied| copied.key.is_some()) {
            continue;
        }
        let sealed = primary.sealed(cx, version)?;
        let value = envelope::open(cx, primary, version, &sealed)?;
        let sealed = envelope::seal(cx, &held, version, (&value, sealed.binary))?;
        VALUES.put(&mut cx.tx, &held.version_path(version), &sealed)?;
        held.versions.add(version, from.created, Some(sealed.key));
    }
    let gone: Vec<_> =
        held.versions.ids().filter(|id| primary.versions.get(id).is_none()).map(str::to_owned).collect();
    for version in gone {
        held.erase_version(&mut cx.tx, &version);
        held.versions.remove(&version);
    }
    held.versions.label_like(&primary.versions);
    held.description.clone_from(&primary.description);
    held.changed = primary.changed;
    if held.account == primary.account {
        held.tags.clone_from(&primary.tags);
        held.policy.clone_from(&primary.policy);
    }
    if let Some(origin) = &mut held.origin {
        (origin.begun, origin.detached) = (true, false);
    }
    held.put(cx)
}

/// The replicas in other Regions, as answers show them.
pub(crate) fn statuses(
    cx: &mut Cx<'_>,
    secret: &Secret,
) -> Result<Option<Vec<ReplicationStatusType>>, Fault> {
    let mut statuses = Vec::new();
    for replica in secret.replicas.iter().filter(|replica| replica.account == secret.account) {
        let accessed = match replica.row(cx)? {
            Some(row) if replica.failure.as_deref() != Some(NAME_TAKEN) => row.accessed(cx)?,
            _ => None,
        };
        statuses.push(ReplicationStatusType {
            region: Some(replica.region.clone()),
            kms_key_id: Some(replica.kms_key.clone().unwrap_or_else(|| secret::DEFAULT_KEY.to_owned())),
            status: Some(replica.status()),
            status_message: Some(
                replica.failure.clone().unwrap_or_else(|| "Replication succeeded".to_owned()),
            ),
            last_accessed_date: accessed.map(Timestamp),
        });
    }
    Ok((!statuses.is_empty()).then_some(statuses))
}

impl Secret {
    /// This secret as its replicas know it.
    fn as_origin(&self) -> Origin {
        Origin {
            account: self.account.clone(),
            region: self.region.clone(),
            name: self.name.clone(),
            arn: self.arn(),
            begun: false,
            detached: false,
        }
    }
}

impl Handle<ops::ReplicateSecretToRegions> for SecretsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &ReplicateSecretToRegionsRequest,
    ) -> Result<ReplicateSecretToRegionsResponse, Fault> {
        let (regions, overwrite) = (&input.add_replica_regions, input.force_overwrite_replica_secret);
        let asked = with_regions(Asked::to::<ops::ReplicateSecretToRegions>(), regions, overwrite);
        let mut secret = find(cx, &input.secret_id, &asked)?;
        secret.require_primary()?;
        add(cx, &mut secret, regions, overwrite == Some(true))?;
        secret.put(cx)?;
        let replication_status = statuses(cx, &secret)?;
        Ok(ReplicateSecretToRegionsResponse { arn: Some(secret.arn()), replication_status })
    }
}

impl Handle<ops::RemoveRegionsFromReplication> for SecretsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &RemoveRegionsFromReplicationRequest,
    ) -> Result<RemoveRegionsFromReplicationResponse, Fault> {
        let asked = Asked::to::<ops::RemoveRegionsFromReplication>();
        let mut secret = find(cx, &input.secret_id, &asked)?;
        secret.require_primary()?;
        for region in &input.remove_replica_regions {
            let at =
                secret.replicas.iter().position(|one| one.region == *region && one.account == secret.account);
            let at = at.ok_or_else(|| invalid_parameter(format!("There is no replica in {region}.")))?;
            let replica = secret.replicas.remove(at);
            if let Some(held) = replica.row(cx)?
                && held.origin.as_ref().is_some_and(|origin| origin.arn == secret.arn())
            {
                held.erase(cx)?;
            }
        }
        secret.put(cx)?;
        let replication_status = statuses(cx, &secret)?.or(Some(Vec::new()));
        Ok(RemoveRegionsFromReplicationResponse { arn: Some(secret.arn()), replication_status })
    }
}

impl Handle<ops::StopReplicationToReplica> for SecretsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &StopReplicationToReplicaRequest,
    ) -> Result<StopReplicationToReplicaResponse, Fault> {
        let mut secret = find(cx, &input.secret_id, &Asked::to::<ops::StopReplicationToReplica>())?;
        secret.require_live()?;
        let Some(origin) = secret.origin.take() else {
            return Err(invalid_request("The secret is not a replica secret."));
        };
        if let Some(primary) = secret::at(&mut cx.tx, &origin.account, &origin.region, &origin.name)? {
            let mut primary = Secret::clone(&primary);
            let own = |replica: &Replica| {
                [&replica.account, &replica.region, &replica.name]
                    == [&secret.account, &secret.region, &secret.name]
            };
            if origin.account == secret.account {
                primary.replicas.retain(|replica| !own(replica));
            } else {
                primary
                    .replicas
                    .iter_mut()
                    .filter(|replica| own(replica))
                    .for_each(|one| one.detached = true);
            }
            primary.put(cx)?;
        }
        secret.changed = cx.now().0;
        secret.put(cx)?;
        Ok(StopReplicationToReplicaResponse { arn: Some(secret.arn()) })
    }
}

impl Versions {
    /// Takes over the labels of versions of the same ids. A label may be on a version that has no value here yet.
    fn label_like(&mut self, other: &Versions) {
        let mut all: BTreeMap<_, _> =
            other.iter().map(|(id, version)| (id.to_owned(), version.clone())).collect();
        for (id, version) in &mut all {
            version.key = self.get(id).and_then(|held| held.key.clone());
        }
        *self = Versions::of(all);
    }
}
