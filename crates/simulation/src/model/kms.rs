//! Keys, aliases and grants.

use super::policy::{Document, Statement, alias_arn, key_arn, place, twin};
use super::{Call, Model, Pinned, Refused, Verdict, Who};
use crate::action::{Action, Blob, KeyName, Kind, Proof, Tampering};
use crate::world::REGION;
use serde_json::Value;
use std::collections::BTreeMap;

const DAY_MS: i64 = 86_400_000;

/// Rotations on demand that a key can have.
const ON_DEMAND_MAX: usize = 25;

/// How near an automatic rotation must be to keep one on demand from happening.
const NEAR_MS: i64 = 20 * 60 * 1000;

/// The operations that grants here give.
pub const GRANTED: [&str; 12] = [
    "Encrypt",
    "Decrypt",
    "GenerateDataKey",
    "ReEncryptFrom",
    "ReEncryptTo",
    "CreateGrant",
    "RetireGrant",
    "DescribeKey",
    "Sign",
    "Verify",
    "GenerateMac",
    "VerifyMac",
];

/// How many of them are for keys that encrypt; those behind are for others.
pub const GRANTED_FOR_ENCRYPTION: usize = 8;

const ROTATED: &str = "RotateKey";
const SYNCHRONIZED: &str = "SynchronizeMultiRegionKey";

/// A KMS key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What kind of key it is.
    pub kind: Kind,
    /// Its state.
    pub state: State,
    /// The region of the primary key, of a multi-Region key.
    primary: Option<String>,
    /// What was imported into it, the current material last.
    pub imported: Vec<Imported>,
    /// What was imported for the next rotation.
    pending: Option<Imported>,
    policy: Vec<(Statement, Pinned)>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its grants by id.
    pub grants: BTreeMap<String, Grant>,
    /// Period in days and time of the next automatic rotation.
    pub rotation: Option<(i64, i64)>,
    on_demand: usize,
}

/// Material that was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Its id.
    id: String,
    /// The byte that it is made of.
    byte: u8,
    /// Whether it is there still, and until when that is, if not for good.
    here: Option<Option<i64>>,
}

/// What a timer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// The key of this name goes for good.
    Delete(String),
    /// It is rotated.
    Rotate(String),
    /// Its material of this id expires.
    Expire(String, String),
}

/// What state a key is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It can be used.
    Enabled,
    /// It cannot.
    Disabled,
    /// It lacks material.
    PendingImport,
    /// It will be gone at this time.
    PendingDeletion(i64),
    /// It will be gone so many days after its replica.
    PendingReplicaDeletion(i64),
}

impl State {
    /// The state as `DescribeKey` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingImport => "PendingImport",
            Self::PendingDeletion(_) => "PendingDeletion",
            Self::PendingReplicaDeletion(_) => "PendingReplicaDeletion",
        }
    }
}

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    grantee: Pinned,
    retiring: Option<Pinned>,
    /// Indices in [`GRANTED`].
    operations: Vec<usize>,
}

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
                    State::PendingDeletion(now + days * DAY_MS)
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

    /// What timers have to do, in the order of its time.
    pub fn due(&self, now: i64) -> Vec<Due> {
        let mut all = Vec::new();
        for (name, key) in &self.keys {
            if let State::PendingDeletion(at) = key.state {
                all.push((at, Due::Delete(name.clone())));
            }
            if let (State::Enabled, Some((_, next)), true) = (key.state, key.rotation, key.leads(name)) {
                all.push((next, Due::Rotate(name.clone())));
            }
            for material in key.materials() {
                if let Some(Some(at)) = material.here {
                    all.push((at, Due::Expire(name.clone(), material.id.clone())));
                }
            }
        }
        all.retain(|(at, _)| *at <= now);
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, due)| due).collect()
    }

    /// A timer does what is due, if there is the key still. Gives the names of the events that are recorded.
    pub fn go_off(&mut self, due: &Due, now: i64) -> Vec<&'static str> {
        let (Due::Delete(name) | Due::Rotate(name) | Due::Expire(name, _)) = due;
        if !self.keys.contains_key(name) {
            return Vec::new();
        }
        match due {
            Due::Delete(_) => {
                self.keys.remove(name);
                self.aliases.retain(|_, key| key != name);
                if let Some(related) = self.keys.get_mut(&twin(name))
                    && let State::PendingReplicaDeletion(days) = related.state
                {
                    related.state = State::PendingDeletion(now + days * DAY_MS);
                }
                vec!["DeleteKey"]
            }
            Due::Rotate(_) => self.catch_up(name, now),
            Due::Expire(_, material) => {
                self.key_mut(name).take_away(material);
                vec!["DeleteExpiredKeyMaterial"]
            }
        }
    }

    /// Rotates a key, if it is time.
    fn catch_up(&mut self, name: &str, now: i64) -> Vec<&'static str> {
        let key = self.key_mut(name);
        let leads = key.leads(name);
        match &mut key.rotation {
            Some((period, next)) if *next <= now && leads => {
                *next = now + *period * DAY_MS;
                [vec![ROTATED], self.share(name)].concat()
            }
            _ => Vec::new(),
        }
    }

    /// Gives the replica what it shares.
    fn share(&mut self, name: &str) -> Vec<&'static str> {
        if !self.has_replica(name) {
            return Vec::new();
        }
        let (rotation, on_demand) = (self.keys[name].rotation, self.keys[name].on_demand);
        let replica = self.key_mut(&twin(name));
        (replica.rotation, replica.on_demand) = (rotation, on_demand);
        vec![SYNCHRONIZED]
    }

    fn has_replica(&self, name: &str) -> bool {
        let key = &self.keys[name];
        key.primary.is_some() && key.leads(name) && self.keys.contains_key(&twin(name))
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

    /// A key for an action that every state but that of waiting for deletion permits.
    fn manage(&self, who: &Who, action: &str, id: &str) -> Result<&Key, Refused> {
        let key = self.by_id(id)?;
        self.allow(who, id, key, &Ask::of(action))?;
        not_going(key)?;
        Ok(key)
    }

    /// A key for a change of its automatic rotation.
    fn schedule(&self, who: &Who, action: &str, id: &str) -> Result<(), Refused> {
        let key = self.by_id(id)?;
        self.allow(who, id, key, &Ask::of(action))?;
        if key.kind == Kind::Imported { Err("UnsupportedOperation") } else { rotates(id, key) }
    }

    fn encrypt(
        &self,
        who: &Who,
        action: &str,
        name: &KeyName,
        app: &Option<String>,
        now: i64,
    ) -> Result<(), Refused> {
        let (id, key) = self.find(name)?;
        self.allow(who, id, key, &Ask::of(action).or_grant().with(app))?;
        encrypts(key)?;
        key.has_material_at(now)
    }

    /// The id of a key of a kind, to prove something with it.
    fn prove(&self, who: &Who, action: &str, name: &KeyName, kind: Kind) -> Result<&str, Refused> {
        let (id, key) = self.find(name)?;
        self.allow(who, id, key, &Ask::of(action).or_grant())?;
        usable(key)?;
        if key.kind == kind { Ok(id) } else { Err("InvalidKeyUsage") }
    }

    /// A new policy must name those who exist, and must leave the caller in charge.
    fn check_policy(
        &self,
        who: &Who,
        key: &Key,
        id: &str,
        policy: &Document,
        bypass: bool,
    ) -> Result<(), Refused> {
        let policy = self.pinned(policy).ok_or("MalformedPolicy")?;
        let changed = Key { policy, grants: BTreeMap::new(), ..key.clone() };
        let asks = Ask::of("PutKeyPolicy");
        if bypass || self.allow(who, id, &changed, &asks).is_ok() { Ok(()) } else { Err("MalformedPolicy") }
    }

    fn pinned(&self, policy: &Document) -> Option<Vec<(Statement, Pinned)>> {
        let pin = |statement: &Statement| Some((statement.clone(), self.pin(statement.party.as_ref()?)?));
        policy.iter().map(pin).collect()
    }

    /// Whether the key policy, the caller's policies and grants let the caller do it.
    fn allow(&self, who: &Who, id: &str, key: &Key, asks: &Ask<'_>) -> Result<(), Refused> {
        let (action, arn) = (format!("kms:{}", asks.action), key_arn(id));
        let Verdict { allowed, mut denied } = self.by_identity(who, &action, &arn, asks.app)?;
        let (mut direct, mut by_account) = (false, false);
        for (statement, party) in &key.policy {
            let named = match party {
                Pinned::Everyone | Pinned::Account => true,
                Pinned::Serial(serial) => who.serial() == Some(*serial),
            };
            if !named || !statement.is_about(&action, &arn, asks.app) {
                continue;
            }
            match (statement.allow, party) {
                (false, _) => denied = true,
                (true, Pinned::Account) => by_account = true,
                (true, _) => direct = true,
            }
        }
        if denied {
            return Err("AccessDenied");
        }
        if direct || (by_account && allowed) || self.granted(who, id, key, asks)? {
            Ok(())
        } else {
            Err("AccessDenied")
        }
    }

    fn granted(&self, who: &Who, id: &str, key: &Key, asks: &Ask<'_>) -> Result<bool, Refused> {
        let (action, arn) = (format!("kms:{}", asks.action), key_arn(id));
        let by_account = self.speaks_for_account(who, &action, &arn, asks.app)?;
        let is = |party: &Pinned| match party {
            Pinned::Everyone => false,
            Pinned::Account => by_account,
            Pinned::Serial(serial) => who.serial() == Some(*serial),
        };
        let index = |name: &str| GRANTED.iter().position(|operation| *operation == name);
        Ok(match &asks.grant {
            Wanted::None => false,
            Wanted::Operation => index(asks.action).is_some_and(|operation| {
                key.grants.values().any(|grant| is(&grant.grantee) && grant.operations.contains(&operation))
            }),
            Wanted::Delegation(operations) => key.grants.values().any(|grant| {
                let wide = operations.iter().all(|operation| grant.operations.contains(operation));
                let may_delegate = index("CreateGrant").is_some_and(|of| grant.operations.contains(&of));
                is(&grant.grantee) && wide && may_delegate
            }),
            Wanted::Retirement(grant) => {
                let by_grantee = index("RetireGrant").is_some_and(|of| grant.operations.contains(&of));
                // The account made it, as there is only this one.
                by_account || grant.retiring.as_ref().is_some_and(is) || (by_grantee && is(&grant.grantee))
            }
        })
    }
}

impl Key {
    /// Whether it decides of its rotation itself.
    fn leads(&self, name: &str) -> bool {
        self.primary.as_deref().is_none_or(|primary| primary == place(name).1)
    }

    fn materials(&self) -> impl Iterator<Item = &Imported> {
        self.imported.iter().chain(&self.pending)
    }

    fn lacks_material(&self) -> bool {
        let gone = |material: &Imported| material.here.is_none();
        self.kind == Kind::Imported && (self.imported.is_empty() || self.imported.iter().any(gone))
    }

    /// Material that has expired is not used, even if it has not been taken away yet.
    fn has_material_at(&self, now: i64) -> Result<(), Refused> {
        self.imported.last().map_or(Ok(()), |material| material.is_here_at(now))
    }

    fn take_away(&mut self, id: &str) {
        self.pending.take_if(|pending| pending.id == id);
        if let Some(material) = self.imported.iter_mut().find(|material| material.id == id) {
            material.here = None;
            if matches!(self.state, State::Enabled | State::Disabled) {
                self.state = State::PendingImport;
            }
        }
    }
}

impl Imported {
    fn is_here_at(&self, now: i64) -> Result<(), Refused> {
        match self.here {
            Some(valid_to) if valid_to.is_none_or(|at| at > now) => Ok(()),
            _ => Err("KMSInvalidState"),
        }
    }
}

impl Proof {
    fn holds(&self, key: &str, tampering: Tampering) -> bool {
        tampering == Tampering::None && self.key == key
    }
}

fn unborn(kind: Kind) -> Key {
    let account = Statement { allow: true, party: None, actions: 1, resource: "*".to_owned(), app: None };
    Key {
        kind,
        state: if kind == Kind::Imported { State::PendingImport } else { State::Enabled },
        primary: (kind == Kind::MultiRegion).then(|| REGION.to_owned()),
        imported: Vec::new(),
        pending: None,
        policy: vec![(account, Pinned::Account)],
        tags: BTreeMap::new(),
        grants: BTreeMap::new(),
        rotation: None,
        on_demand: 0,
    }
}

fn usable(key: &Key) -> Result<(), Refused> {
    match key.state {
        State::Enabled => Ok(()),
        State::Disabled => Err("Disabled"),
        _ => Err("KMSInvalidState"),
    }
}

fn not_going(key: &Key) -> Result<(), Refused> {
    let goes = matches!(key.state, State::PendingDeletion(_) | State::PendingReplicaDeletion(_));
    if goes { Err("KMSInvalidState") } else { Ok(()) }
}

fn has_material(key: &Key) -> Result<(), Refused> {
    if key.state == State::PendingImport { Err("KMSInvalidState") } else { Ok(()) }
}

fn takes_material(key: &Key) -> Result<(), Refused> {
    if key.kind == Kind::Imported { Ok(()) } else { Err("UnsupportedOperation") }
}

fn encrypts(key: &Key) -> Result<(), Refused> {
    usable(key)?;
    if key.kind.encrypts() { Ok(()) } else { Err("InvalidKeyUsage") }
}

/// Whether the key opens a ciphertext of its own.
fn opens(
    key: &Key,
    blob: &Blob,
    tampering: Tampering,
    app: &Option<String>,
    now: i64,
) -> Result<(), Refused> {
    encrypts(key)?;
    if let Some(last) = blob.materials.checked_sub(1) {
        key.imported[last].is_here_at(now)?;
    }
    let whole = tampering == Tampering::None && blob.app == *app;
    if whole { Ok(()) } else { Err("InvalidCiphertext") }
}

fn is_primary(name: &str, key: &Key) -> Result<(), Refused> {
    if key.primary.is_some() && key.leads(name) { Ok(()) } else { Err("UnsupportedOperation") }
}

/// Whether the key is one that is rotated, and decides of that itself.
fn rotates(name: &str, key: &Key) -> Result<(), Refused> {
    usable(key)?;
    if key.kind.encrypts() && key.leads(name) { Ok(()) } else { Err("UnsupportedOperation") }
}

fn supports(kind: Kind, operation: &str) -> bool {
    match operation {
        "CreateGrant" | "RetireGrant" | "DescribeKey" => true,
        "Sign" | "Verify" => kind == Kind::Signing,
        "GenerateMac" | "VerifyMac" => kind == Kind::Mac,
        _ => kind.encrypts(),
    }
}

/// What is asked of a key.
struct Ask<'a> {
    action: &'a str,
    app: Option<&'a str>,
    grant: Wanted<'a>,
}

enum Wanted<'a> {
    None,
    Operation,
    Delegation(&'a [usize]),
    Retirement(&'a Grant),
}

impl<'a> Ask<'a> {
    fn of(action: &'a str) -> Self {
        Self { action, app: None, grant: Wanted::None }
    }

    fn or_grant(self) -> Self {
        Self { grant: Wanted::Operation, ..self }
    }

    fn delegating(self, operations: &'a [usize]) -> Self {
        Self { grant: Wanted::Delegation(operations), ..self }
    }

    fn retiring(self, grant: Option<&'a Grant>) -> Self {
        Self { grant: grant.map_or(Wanted::None, Wanted::Retirement), ..self }
    }

    fn with(self, app: &'a Option<String>) -> Self {
        Self { app: app.as_deref(), ..self }
    }
}
