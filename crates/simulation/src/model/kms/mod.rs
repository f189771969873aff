//! Keys, aliases and grants.

mod access;
mod key;
mod time;

pub use key::{GRANTED, GRANTED_FOR_ENCRYPTION, Grant, Imported, Key, State};
pub use time::Due;

use super::policy::{alias_arn, place, twin};
use super::{Call, Model, Refused, Who};
use crate::action::{Action, KeyName, Kind, Proof, Tampering};
use access::Ask;
use key::{
    encrypts, has_material, is_primary, not_going, opens, rotates, supports, takes_material, unborn, usable,
};
use serde_json::Value;
use time::{DAY_MS, ROTATED};

/// Rotations on demand that a key can have.
const ON_DEMAND_MAX: usize = 25;

/// How near an automatic rotation must be to keep one on demand from happening.
const NEAR_MS: i64 = 20 * 60 * 1000;

impl Model {
    pub(super) fn predict_kms(&self, who: &Who, call: &Call) -> Result<(), Refused> {
        match &call.action {
            Action::CreateKey(kind, policy, bypass) => {
                self.require(who, "kms:CreateKey", "*")?;
                match policy {
                    None => Ok(()),
                    Some(policy) => self.check_policy(who, &unborn(*kind), "", policy, *bypass),
                }
            }
            Action::DescribeKey(name) => {
                let (id, key) = self.find(name)?;
                self.allow(who, id, key, &Ask::of("DescribeKey").or_grant())
            }
            Action::EnableKey(id) => has_material(self.manage(who, "EnableKey", id)?),
            Action::DisableKey(id) => has_material(self.manage(who, "DisableKey", id)?),
            Action::ScheduleKeyDeletion(id, days) => {
                self.manage(who, "ScheduleKeyDeletion", id)?;
                if (7..=30).contains(days) { Ok(()) } else { Err("Validation") }
            }
            Action::CancelKeyDeletion(id) => {
                let key = self.by_id(id)?;
                self.allow(who, id, key, &Ask::of("CancelKeyDeletion"))?;
                if not_going(key).is_err() { Ok(()) } else { Err("KMSInvalidState") }
            }
            Action::CreateAlias(alias, id) => {
                let key = self.by_id(id)?;
                self.require(who, "kms:CreateAlias", &alias_arn(alias))?;
                self.allow(who, id, key, &Ask::of("CreateAlias"))?;
                not_going(key)?;
                if self.aliases.contains_key(alias) { Err("AlreadyExists") } else { Ok(()) }
            }
            Action::UpdateAlias(alias, id) => {
                let key = self.by_id(id)?;
                self.require(who, "kms:UpdateAlias", &alias_arn(alias))?;
                let old = self.aliases.get(alias).ok_or("NotFound")?;
                self.allow(who, old, &self.keys[old], &Ask::of("UpdateAlias"))?;
                self.allow(who, id, key, &Ask::of("UpdateAlias"))?;
                not_going(key)?;
                let (from, to) = (self.keys[old].kind, key.kind);
                if from == to || (from.encrypts() && to.encrypts()) { Ok(()) } else { Err("Validation") }
            }
            Action::DeleteAlias(alias) => {
                self.require(who, "kms:DeleteAlias", &alias_arn(alias))?;
                let id = self.aliases.get(alias).ok_or("NotFound")?;
                self.allow(who, id, &self.keys[id], &Ask::of("DeleteAlias"))
            }
            Action::TagResource(id, ..) => self.manage(who, "TagResource", id).map(drop),
            Action::UntagResource(id, _) => self.manage(who, "UntagResource", id).map(drop),
            Action::PutKeyPolicy(id, policy, bypass) => {
                let key = self.by_id(id)?;
                self.allow(who, id, key, &Ask::of("PutKeyPolicy"))?;
                self.check_policy(who, key, id, policy, *bypass)
            }
            Action::CreateGrant { key: id, grantee, retiring, operations } => {
                let key = self.by_id(id)?;
                self.allow(who, id, key, &Ask::of("CreateGrant").delegating(operations))?;
                usable(key)?;
                if !operations.iter().all(|operation| supports(key.kind, GRANTED[*operation])) {
                    return Err("Validation");
                }
                let named = std::iter::once(grantee).chain(retiring);
                if named.into_iter().all(|party| self.exists(party)) { Ok(()) } else { Err("InvalidArn") }
            }
            Action::RevokeGrant(id, grant) => {
                let key = self.by_id(id)?;
                self.allow(who, id, key, &Ask::of("RevokeGrant"))?;
                if key.grants.contains_key(grant) { Ok(()) } else { Err("NotFound") }
            }
            Action::RetireGrant(id, grant) => {
                let key = self.by_id(id)?;
                self.allow(who, id, key, &Ask::of("RetireGrant").retiring(key.grants.get(grant)))?;
                if key.grants.contains_key(grant) { Ok(()) } else { Err("NotFound") }
            }
            Action::Encrypt(name, _, app) => self.encrypt(who, "Encrypt", name, app, call.now),
            Action::GenerateDataKey(name, app) => self.encrypt(who, "GenerateDataKey", name, app, call.now),
            Action::Decrypt { blob, key: named, app, tampering } => {
                let (id, key) = match named {
                    _ if *tampering == Tampering::Header => return Err("InvalidCiphertext"),
                    Some(name) => self.find(name)?,
                    None => (blob.key.as_str(), self.keys.get(&blob.key).ok_or("AccessDenied")?),
                };
                self.allow(who, id, key, &Ask::of("Decrypt").or_grant().with(app))?;
                if place(id).0 != place(&blob.key).0 {
                    return Err("IncorrectKey");
                }
                opens(key, blob, *tampering, app, call.now)
            }
            Action::Sign(name) => self.prove(who, "Sign", name, Kind::Signing).map(drop),
            Action::GenerateMac(name) => self.prove(who, "GenerateMac", name, Kind::Mac).map(drop),
            Action::Verify(proof, name, tampering) => {
                let is_of = self.prove(who, "Verify", name, Kind::Signing)?;
                if proof.holds(is_of, *tampering) { Ok(()) } else { Err("KMSInvalidSignature") }
            }
            Action::VerifyMac(proof, name, tampering) => {
                let is_of = self.prove(who, "VerifyMac", name, Kind::Mac)?;
                if proof.holds(is_of, *tampering) { Ok(()) } else { Err("KMSInvalidMac") }
            }
            Action::GetParametersForImport(id) => {
                takes_material(self.manage(who, "GetParametersForImport", id)?)
            }
            Action::ImportKeyMaterial { key: id, parameters, material, new, .. } => {
                let key = self.manage(who, "ImportKeyMaterial", id)?;
                takes_material(key)?;
                if parameters.key != *id {
                    return Err("InvalidImportToken");
                }
                if parameters.valid_to <= call.now {
                    return Err("ExpiredImportToken");
                }
                let known = key.materials().any(|imported| imported.byte == *material);
                if new.unwrap_or(key.imported.is_empty()) == known {
                    return Err("IncorrectKeyMaterial");
                }
                if known || key.pending.is_none() { Ok(()) } else { Err("KMSInvalidState") }
            }
            Action::DeleteImportedKeyMaterial(id) => {
                let key = self.by_id(id)?;
                self.allow(who, id, key, &Ask::of("DeleteImportedKeyMaterial"))?;
                takes_material(key)
            }
            Action::ReplicateKey(id) => {
                let key = self.by_id(id)?;
                self.allow(who, id, key, &Ask::of("ReplicateKey"))?;
                usable(key)?;
                is_primary(id, key)?;
                self.require(who, "kms:CreateKey", "*")?;
                if self.keys.contains_key(&twin(id)) { Err("AlreadyExists") } else { Ok(()) }
            }
            Action::UpdatePrimaryRegion(id, region) => {
                let (key, other) = (self.by_id(id)?, twin(id));
                let asks = Ask::of("UpdatePrimaryRegion");
                self.allow(who, id, key, &asks)?;
                usable(key)?;
                is_primary(id, key)?;
                if place(id).1 == *region {
                    return Err("UnsupportedOperation");
                }
                let replica = self.by_id(&other)?;
                self.allow(who, &other, replica, &asks)?;
                usable(replica)
            }
            Action::ReEncrypt { blob, app, to, to_app } => {
                let from = self.keys.get(&blob.key).ok_or("AccessDenied")?;
                let (to_id, to) = self.find(to)?;
                self.allow(who, &blob.key, from, &Ask::of("ReEncryptFrom").or_grant().with(app))?;
                self.allow(who, to_id, to, &Ask::of("ReEncryptTo").or_grant().with(to_app))?;
                encrypts(to)?;
                opens(from, blob, Tampering::None, app, call.now)?;
                to.has_material_at(call.now)
            }
            Action::EnableKeyRotation(id, _) => self.schedule(who, "EnableKeyRotation", id),
            Action::DisableKeyRotation(id) => self.schedule(who, "DisableKeyRotation", id),
            Action::RotateKeyOnDemand(id) => {
                let key = self.by_id(id)?;
                self.allow(who, id, key, &Ask::of("RotateKeyOnDemand"))?;
                rotates(id, key)?;
                if key.on_demand >= ON_DEMAND_MAX {
                    return Err("LimitExceeded");
                }
                if key.rotation.is_some_and(|(_, next)| next <= call.now + NEAR_MS) {
                    return Err("Conflict");
                }
                let nothing = key.kind == Kind::Imported && key.pending.is_none();
                if nothing { Err("KMSInvalidState") } else { Ok(()) }
            }
            other => unreachable!("{other:?} is not of KMS"),
        }
    }

    pub(super) fn apply_kms(&mut self, call: &Call, response: &Value) -> Vec<&'static str> {
        let now = call.now;
        match &call.action {
            Action::CreateKey(kind, policy, _) => {
                let id = response["keyMetadata"]["keyId"].as_str().unwrap().to_owned();
                let mut key = unborn(*kind);
                if let Some(policy) = policy {
                    key.policy = self.pinned(policy).unwrap();
                }
                self.keys.insert(id, key);
            }
            Action::EnableKey(id) => {
                let key = self.key_mut(id);
                if key.state != State::Enabled {
                    key.state = State::Enabled;
                    return self.catch_up(id, now);
                }
            }
            Action::DisableKey(id) => self.key_mut(id).state = State::Disabled,
            Action::ScheduleKeyDeletion(id, days) => {
                let (days, waits) = (i64::from(*days), self.has_replica(id));
                self.key_mut(id).state = if waits {
                    State::PendingReplicaDeletion(days)
                } else {
                    State::PendingDeletion(call.waits_from + days * DAY_MS)
                };
            }
            Action::CancelKeyDeletion(id) => {
                let key = self.key_mut(id);
                key.state = if key.lacks_material() { State::PendingImport } else { State::Disabled };
            }
            Action::ImportKeyMaterial { key: id, material, valid_to, .. } => {
                let material_id = response["keyMaterialId"].as_str().unwrap().to_owned();
                let key = self.key_mut(id);
                let first = key.imported.is_empty();
                let known =
                    key.imported.iter_mut().chain(&mut key.pending).find(|known| known.byte == *material);
                let imported = Imported { id: material_id, byte: *material, here: Some(*valid_to) };
                match known {
                    Some(known) => *known = imported,
                    None if first => key.imported.push(imported),
                    None => key.pending = Some(imported),
                }
                if key.state == State::PendingImport && !key.lacks_material() {
                    key.state = State::Enabled;
                }
            }
            Action::DeleteImportedKeyMaterial(id) => {
                let key = self.key_mut(id);
                if let Some(current) = key.imported.last().map(|imported| imported.id.clone()) {
                    key.take_away(&current);
                }
            }
            Action::ReplicateKey(id) => {
                let replica = Key {
                    primary: self.keys[id].primary.clone(),
                    rotation: self.keys[id].rotation,
                    on_demand: self.keys[id].on_demand,
                    ..unborn(Kind::MultiRegion)
                };
                self.keys.insert(twin(id), replica);
                return vec!["CreateKey"];
            }
            Action::UpdatePrimaryRegion(id, region) => {
                for name in [id, &twin(id)] {
                    self.key_mut(name).primary = Some((*region).to_owned());
                }
                return vec!["UpdatePrimaryRegion"];
            }
            Action::CreateAlias(alias, id) | Action::UpdateAlias(alias, id) => {
                self.aliases.insert(alias.clone(), id.clone());
            }
            Action::DeleteAlias(alias) => drop(self.aliases.remove(alias)),
            Action::TagResource(id, tag, value) => {
                self.key_mut(id).tags.insert(tag.clone(), value.clone());
            }
            Action::UntagResource(id, tag) => drop(self.key_mut(id).tags.remove(tag)),
            Action::PutKeyPolicy(id, policy, _) => {
                let policy = self.pinned(policy).unwrap();
                self.key_mut(id).policy = policy;
            }
            Action::CreateGrant { key, grantee, retiring, operations } => {
                let id = response["grantId"].as_str().unwrap().to_owned();
                let grant = Grant {
                    grantee: self.pin(grantee).unwrap(),
                    retiring: retiring.as_ref().map(|party| self.pin(party).unwrap()),
                    operations: operations.clone(),
                };
                self.key_mut(key).grants.insert(id, grant);
            }
            Action::RevokeGrant(id, grant) | Action::RetireGrant(id, grant) => {
                self.key_mut(id).grants.remove(grant);
            }
            Action::EnableKeyRotation(id, days) => {
                let key = self.key_mut(id);
                if key.rotation.is_none_or(|(period, _)| period != *days) {
                    key.rotation = Some((*days, now + days * DAY_MS));
                    return self.share(id);
                }
            }
            Action::DisableKeyRotation(id) => {
                if self.key_mut(id).rotation.take().is_some() {
                    return self.share(id);
                }
            }
            Action::RotateKeyOnDemand(id) => {
                let key = self.key_mut(id);
                key.on_demand += 1;
                key.imported.extend(key.pending.take());
                return [vec![ROTATED], self.share(id)].concat();
            }
            Action::DescribeKey(_)
            | Action::Encrypt(..)
            | Action::GenerateDataKey(..)
            | Action::Decrypt { .. }
            | Action::ReEncrypt { .. }
            | Action::Sign(_)
            | Action::Verify(..)
            | Action::GenerateMac(_)
            | Action::VerifyMac(..)
            | Action::GetParametersForImport(_) => {}
            other => unreachable!("{other:?} is not of KMS"),
        }
        Vec::new()
    }

    fn find(&self, name: &KeyName) -> Result<(&str, &Key), Refused> {
        let id = match name {
            KeyName::Id(id) | KeyName::Arn(id) => id,
            KeyName::Alias(alias) => self.aliases.get(alias).ok_or("NotFound")?,
        };
        let (id, key) = self.keys.get_key_value(id).ok_or("NotFound")?;
        Ok((id, key))
    }

    fn by_id(&self, id: &str) -> Result<&Key, Refused> {
        self.keys.get(id).ok_or("NotFound")
    }

    fn key_mut(&mut self, id: &str) -> &mut Key {
        self.keys.get_mut(id).unwrap()
    }
}

impl Proof {
    fn holds(&self, key: &str, tampering: Tampering) -> bool {
        tampering == Tampering::None && self.key == key
    }
}
