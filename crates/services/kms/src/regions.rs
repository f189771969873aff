//! Multi-Region keys: a primary key and its replicas in other Regions, interchangeable in use (KMS Developer Guide, "Multi-Region keys
//! in AWS KMS").
//!
//! They share their id, material, spec, usage, origin and rotation. All else (policy, grants, aliases, tags, description, state) each has
//! for itself. As all Regions are in one store, what is shared changes in all rows with one transaction.

use crate::api::{
    MultiRegionConfiguration, MultiRegionKey, MultiRegionKeyType, OriginType, ReplicateKeyRequest,
    ReplicateKeyResponse, UpdatePrimaryRegionRequest, ops,
};
use crate::authorize::Use;
use crate::errors::{key_not_found, limit_exceeded, unsupported};
use crate::key::{KEYS, Key, State};
use crate::keys::New;
use crate::limits::RELATED_KEYS;
use crate::material::Material;
use crate::names::{Takes, find, key_arn};
use crate::{Kms, deletion, quotas, rotation, state, tags};
use platform::trail::{Resource, ServiceEvent};
use platform::{Cx, Fault, Handle};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use wire::Unit;

/// Where the related keys of a multi-Region key are. Each of their rows has the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MultiRegion {
    primary: String,
    replicas: BTreeSet<String>,
}

impl MultiRegion {
    /// A primary key without replicas.
    pub(crate) fn primary(region: &str) -> Self {
        Self { primary: region.to_owned(), replicas: BTreeSet::new() }
    }

    /// Whether the key has to stay for its replicas.
    pub(crate) fn keeps(&self, key: &Key) -> bool {
        key.region == self.primary && !self.replicas.is_empty()
    }

    pub(crate) fn configuration(&self, key: &Key) -> MultiRegionConfiguration {
        let named = |region: &String| MultiRegionKey {
            arn: Some(key_arn(region, &key.account, &key.id)),
            region: Some(region.clone()),
        };
        MultiRegionConfiguration {
            multi_region_key_type: key.multi_region_type(),
            primary_key: Some(named(&self.primary)),
            replica_keys: Some(self.replicas.iter().map(named).collect()),
        }
    }

    /// All of its Regions but that of `key`.
    fn others<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = &'a String> {
        std::iter::once(&self.primary).chain(&self.replicas).filter(|region| **region != key.region)
    }
}

impl Key {
    /// What the key is of a multi-Region key; none if it is not of one.
    pub(crate) fn multi_region_type(&self) -> Option<MultiRegionKeyType> {
        let regions = self.multi_region.as_ref()?;
        let is_primary = regions.primary == self.region;
        Some(if is_primary { MultiRegionKeyType::Primary } else { MultiRegionKeyType::Replica })
    }
}

impl Handle<ops::ReplicateKey> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &ReplicateKeyRequest) -> Result<ReplicateKeyResponse, Fault> {
        let region = &input.replica_region;
        let found = find(cx, "kms:ReplicateKey", &input.key_id, Takes::Keys)?;
        let arn = key_arn(region, &found.key.account, &found.key.id);
        let mut asks = Use::of(&found, "kms:ReplicateKey")
            .with("kms:ReplicaRegion", region.as_str())
            .before("kms:CreateKey", "*");
        if input.tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
            asks = asks.before("kms:TagResource", arn.as_str());
        }
        asks.authorize(cx)?;
        require_served(cx, region)?;
        state::REPLICATE.require(&found.key)?;
        let mut primary = (*found.key).clone();
        let mut regions = of_primary(&primary)?.clone();
        let origin = primary.origin.0;
        let new = New {
            spec: primary.spec.0,
            usage: primary.usage.0,
            origin,
            kind: Some(MultiRegionKeyType::Replica),
            region,
            policy: input.policy.as_deref(),
            bypass: input.bypass_policy_lockout_safety_check,
            tags: input.tags.as_deref().unwrap_or_default(),
            named: arn.clone(),
        };
        new.authorize(cx)?;
        let tags = new.tags(cx, &arn)?;
        quotas::count_elsewhere(cx, "CreateKey", region, 2)?;
        if *region == regions.primary || !regions.replicas.insert(region.clone()) {
            return Err(Fault::new("AlreadyExistsException", format!("Key {arn} already exists")));
        }
        if regions.replicas.len() >= RELATED_KEYS {
            return Err(limit_exceeded(format!(
                "A multi-Region key cannot be in more than {RELATED_KEYS} Regions."
            )));
        }
        primary.multi_region = Some(regions);
        let mut replica = Key {
            region: region.clone(),
            created: cx.now().0,
            description: input.description.clone().unwrap_or_default(),
            // Imported material is not copied.
            state: if origin == OriginType::External { State::PendingImport } else { State::Enabled },
            tags,
            policy: new.policy(cx)?,
            aliases: Vec::new(),
            materials: Vec::new(),
            pending: None,
            arn,
            ..primary.clone()
        };
        share(cx, &primary, &mut replica)?;
        let replica = new.put(cx, replica)?;
        put(cx, &primary)?;
        emit(cx, "CreateKey", &replica);
        Ok(ReplicateKeyResponse {
            replica_key_metadata: Some(replica.metadata()?),
            replica_policy: Some(replica.policy.shown(cx)?),
            replica_tags: Some(tags::listed(&replica)),
        })
    }
}

impl Handle<ops::UpdatePrimaryRegion> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &UpdatePrimaryRegionRequest) -> Result<Unit, Fault> {
        const ACTION: &str = "kms:UpdatePrimaryRegion";
        let region = &input.primary_region;
        let found = find(cx, ACTION, &input.key_id, Takes::Keys)?;
        Use::of(&found, ACTION)
            .with("kms:PrimaryRegion", region.as_str())
            .before(ACTION, key_arn(region, &found.key.account, &found.key.id))
            .authorize(cx)?;
        require_served(cx, region)?;
        state::UPDATE_PRIMARY.require(&found.key)?;
        let mut old = (*found.key).clone();
        let mut regions = of_primary(&old)?.clone();
        if *region == regions.primary {
            return Err(unsupported(format!("{} is the primary key already.", old.arn)));
        }
        if !regions.replicas.remove(region) {
            return Err(key_not_found(&key_arn(region, &old.account, &old.id)));
        }
        let mut new = related(cx, &old, region)?;
        Use::of_key(&new, ACTION).with("kms:PrimaryRegion", region.as_str()).authorize(cx)?;
        quotas::count_elsewhere(cx, "UpdatePrimaryRegion", region, 1)?;
        state::UPDATE_PRIMARY.require(&new)?;
        regions.replicas.insert(std::mem::replace(&mut regions.primary, region.clone()));
        rotation::pause(cx, &old)?;
        rotation::start(cx, &new)?;
        old.multi_region = Some(regions.clone());
        old.put(cx)?;
        new.multi_region = Some(regions);
        put(cx, &new)?;
        emit(cx, "UpdatePrimaryRegion", &new);
        Ok(Unit)
    }
}

/// Writes a key; if it is a primary key, then also what its replicas share with it.
pub(crate) fn put(cx: &mut Cx<'_>, key: &Key) -> Result<(), Fault> {
    key.put(cx)?;
    let Some(regions) = key.multi_region.as_ref().filter(|regions| regions.keeps(key)) else { return Ok(()) };
    let mut changed = false;
    for region in &regions.replicas {
        let mut replica = related(cx, key, region)?;
        if share(cx, key, &mut replica)? {
            replica.put(cx)?;
            changed = true;
        }
    }
    if changed {
        emit(cx, "SynchronizeMultiRegionKey", key);
    }
    Ok(())
}

/// Gives a replica what it shares with its primary: whether that was anything new.
fn share(cx: &mut Cx<'_>, primary: &Key, replica: &mut Key) -> Result<bool, Fault> {
    let missing = primary.materials.get(replica.materials.len()..).unwrap_or_default();
    let mut changed = !missing.is_empty()
        || replica.rotation != primary.rotation
        || replica.multi_region != primary.multi_region;
    for material in missing {
        let copy = match replica.pending.take_if(|pending| pending.id == material.id) {
            // Imported into both, and rotated to.
            Some(own) => Material { created: material.created, rotation: material.rotation, ..own },
            None => material.copied(cx, primary, replica)?,
        };
        replica.materials.push(copy);
    }
    let pending = |key: &Key| key.pending.as_ref().map(|material| material.id);
    if pending(replica) != pending(primary) {
        let copy = primary.pending.as_ref().map(|material| material.copied(cx, primary, replica));
        replica.pending = copy.transpose()?;
        changed = true;
    }
    replica.rotation = primary.rotation;
    replica.multi_region.clone_from(&primary.multi_region);
    Ok(changed)
}

/// Whether the key and all related ones have imported the material for the next rotation.
pub(crate) fn all_have_pending(cx: &mut Cx<'_>, key: &Key) -> Result<bool, Fault> {
    let has = |key: &Key| key.pending.as_ref().is_some_and(Material::is_here);
    let mut all = has(key);
    if let Some(regions) = &key.multi_region {
        for region in regions.others(key) {
            all &= has(&related(cx, key, region)?);
        }
    }
    Ok(all)
}

/// Takes a key that is deleted out of what its related keys know. A primary key that waited for its last replica to go waits its own time
/// from now on.
pub(crate) fn forget(cx: &mut Cx<'_>, deleted: &Key) -> Result<(), Fault> {
    let Some(regions) = &deleted.multi_region else { return Ok(()) };
    let mut left = regions.clone();
    left.replicas.remove(&deleted.region);
    for region in regions.others(deleted) {
        let mut key = related(cx, deleted, region)?;
        key.multi_region = Some(left.clone());
        if let (State::PendingReplicaDeletion { days }, true) = (key.state, left.replicas.is_empty()) {
            deletion::wait(cx, &mut key, days)?;
        }
        key.put(cx)?;
    }
    Ok(())
}

/// The related key in another Region.
fn related(cx: &mut Cx<'_>, key: &Key, region: &str) -> Result<Key, Fault> {
    let found = KEYS.get(&mut cx.tx, &[&key.account, region, &key.id])?;
    let found = found.ok_or_else(|| Fault::bug(format!("{} has no related key in {region}", key.arn)))?;
    Ok((*found).clone())
}

fn of_primary(key: &Key) -> Result<&MultiRegion, Fault> {
    let regions = key.multi_region.as_ref().filter(|regions| regions.primary == key.region);
    regions.ok_or_else(|| not_primary(key))
}

/// A key in a Region that is not served could not be reached.
fn require_served(cx: &Cx<'_>, region: &str) -> Result<(), Fault> {
    match cx.serves(region) {
        true => Ok(()),
        false => Err(unsupported(format!("{region} is not a Region in which AWS KMS is available."))),
    }
}

/// The key is a replica, or of one Region only.
pub(crate) fn not_primary(key: &Key) -> Fault {
    unsupported(format!("{} is not a multi-region primary key.", key.arn))
}

/// Records what a call, or KMS by itself, did in the key's Region.
pub(crate) fn emit(cx: &mut Cx<'_>, name: &'static str, key: &Key) {
    cx.emit(ServiceEvent {
        name,
        details: serde_json::json!({ "keyId": key.arn }),
        resource: Resource { kind: "AWS::KMS::Key", arn: key.arn.clone(), account: key.account.clone() },
    });
}
