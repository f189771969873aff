//! Keys, aliases and grants.

use super::policy::{Document, Statement, alias_arn, key_arn};
use super::{Call, Model, Pinned, Refused, Verdict, Who};
use crate::action::{Action, Blob, KeyName, Tampering};
use serde_json::Value;
use std::collections::BTreeMap;

const DAY_MS: i64 = 86_400_000;

/// Rotations on demand that a key can have.
const ON_DEMAND_MAX: usize = 25;

/// How near an automatic rotation must be to keep one on demand from happening.
const NEAR_MS: i64 = 20 * 60 * 1000;

/// The operations that grants here give.
pub const GRANTED: [&str; 8] = [
    "Encrypt",
    "Decrypt",
    "GenerateDataKey",
    "ReEncryptFrom",
    "ReEncryptTo",
    "CreateGrant",
    "RetireGrant",
    "DescribeKey",
];

/// A KMS key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its state.
    pub state: State,
    policy: Vec<(Statement, Pinned)>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its grants by id.
    pub grants: BTreeMap<String, Grant>,
    /// Period in days and time of the next automatic rotation.
    pub rotation: Option<(i64, i64)>,
    on_demand: usize,
    /// How often it was rotated in all.
    pub rotated: usize,
}

/// What state a key is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It can be used.
    Enabled,
    /// It cannot.
    Disabled,
    /// It will be gone at this time.
    PendingDeletion(i64),
}

impl State {
    /// The state as `DescribeKey` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingDeletion(_) => "PendingDeletion",
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
            Action::CreateKey(policy, bypass) => {
                self.require(who, "kms:CreateKey", "*")?;
                match policy {
                    None => Ok(()),
                    Some(policy) => self.check_policy(who, &self.unborn(), "", policy, *bypass),
                }
            }
            Action::DescribeKey(name) => {
                let (id, key) = self.find(name)?;
                self.allow(who, id, key, &Ask::of("DescribeKey").or_grant())
            }
            Action::EnableKey(id) => self.manage(who, "EnableKey", id).map(drop),
            Action::DisableKey(id) => self.manage(who, "DisableKey", id).map(drop),
            Action::ScheduleKeyDeletion(id, days) => {
                self.manage(who, "ScheduleKeyDeletion", id)?;
                if (7..=30).contains(days) { Ok(()) } else { Err("Validation") }
            }
            Action::CancelKeyDeletion(id) => {
                let key = self.by_id(id)?;
                self.allow(who, id, key, &Ask::of("CancelKeyDeletion"))?;
                match key.state {
                    State::PendingDeletion(_) => Ok(()),
                    _ => Err("KMSInvalidState"),
                }
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
                not_going(key)
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
            Action::Encrypt(name, _, app) => self.encrypt(who, "Encrypt", name, app),
            Action::GenerateDataKey(name, app) => self.encrypt(who, "GenerateDataKey", name, app),
            Action::Decrypt { blob, key: named, app, tampering } => {
                self.decrypt(who, "Decrypt", blob, named.as_ref(), app, *tampering)
            }
            Action::ReEncrypt { blob, app, to, to_app } => {
                let from = self.keys.get(&blob.key).ok_or("AccessDenied")?;
                let (to_id, to) = self.find(to)?;
                self.allow(who, &blob.key, from, &Ask::of("ReEncryptFrom").or_grant().with(app))?;
                self.allow(who, to_id, to, &Ask::of("ReEncryptTo").or_grant().with(to_app))?;
                usable(to)?;
                usable(from)?;
                if blob.app == *app { Ok(()) } else { Err("InvalidCiphertext") }
            }
            Action::EnableKeyRotation(id, _) => self.rotation(who, "EnableKeyRotation", id).map(drop),
            Action::DisableKeyRotation(id) => self.rotation(who, "DisableKeyRotation", id).map(drop),
            Action::RotateKeyOnDemand(id) => {
                let key = self.rotation(who, "RotateKeyOnDemand", id)?;
                if key.on_demand >= ON_DEMAND_MAX {
                    return Err("LimitExceeded");
                }
                let near = key.rotation.is_some_and(|(_, next)| next <= call.now + NEAR_MS);
                if near { Err("Conflict") } else { Ok(()) }
            }
            other => unreachable!("{other:?} is not of KMS"),
        }
    }

    pub(super) fn apply_kms(&mut self, call: &Call, response: &Value) {
        let now = call.now;
        match &call.action {
            Action::CreateKey(policy, _) => {
                let id = response["keyMetadata"]["keyId"].as_str().unwrap().to_owned();
                let mut key = self.unborn();
                if let Some(policy) = policy {
                    key.policy = self.pinned(policy).unwrap();
                }
                self.keys.insert(id, key);
            }
            Action::EnableKey(id) => {
                let key = self.key_mut(id);
                if key.state != State::Enabled {
                    key.state = State::Enabled;
                    key.catch_up(now);
                }
            }
            Action::DisableKey(id) => self.key_mut(id).state = State::Disabled,
            Action::ScheduleKeyDeletion(id, days) => {
                self.key_mut(id).state = State::PendingDeletion(now + i64::from(*days) * DAY_MS);
            }
            Action::CancelKeyDeletion(id) => self.key_mut(id).state = State::Disabled,
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
                }
            }
            Action::DisableKeyRotation(id) => self.key_mut(id).rotation = None,
            Action::RotateKeyOnDemand(id) => {
                let key = self.key_mut(id);
                key.on_demand += 1;
                key.rotated += 1;
            }
            Action::DescribeKey(_)
            | Action::Encrypt(..)
            | Action::GenerateDataKey(..)
            | Action::Decrypt { .. }
            | Action::ReEncrypt { .. } => {}
            other => unreachable!("{other:?} is not of KMS"),
        }
    }

    /// The keys whose time has come: to go, and to be rotated.
    pub fn due(&self, now: i64) -> (Vec<String>, Vec<String>) {
        let of = |test: &dyn Fn(&Key) -> bool| {
            self.keys.iter().filter(|(_, key)| test(key)).map(|(id, _)| id.clone()).collect()
        };
        let goes = |key: &Key| matches!(key.state, State::PendingDeletion(at) if at <= now);
        (of(&goes), of(&|key| key.state == State::Enabled && key.is_due(now)))
    }

    /// A key goes for good.
    pub fn delete_key(&mut self, id: &str) {
        self.keys.remove(id);
        self.aliases.retain(|_, key| key != id);
    }

    /// A key is rotated because it is time.
    pub fn rotate_key(&mut self, id: &str, now: i64) {
        self.key_mut(id).catch_up(now);
    }

    fn unborn(&self) -> Key {
        let account = Statement { allow: true, party: None, actions: 1, resource: "*".to_owned(), app: None };
        Key {
            state: State::Enabled,
            policy: vec![(account, Pinned::Account)],
            tags: BTreeMap::new(),
            grants: BTreeMap::new(),
            rotation: None,
            on_demand: 0,
            rotated: 0,
        }
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

    fn rotation(&self, who: &Who, action: &str, id: &str) -> Result<&Key, Refused> {
        let key = self.by_id(id)?;
        self.allow(who, id, key, &Ask::of(action))?;
        usable(key)?;
        Ok(key)
    }

    fn encrypt(&self, who: &Who, action: &str, name: &KeyName, app: &Option<String>) -> Result<(), Refused> {
        let (id, key) = self.find(name)?;
        self.allow(who, id, key, &Ask::of(action).or_grant().with(app))?;
        usable(key)
    }

    fn decrypt(
        &self,
        who: &Who,
        action: &str,
        blob: &Blob,
        named: Option<&KeyName>,
        app: &Option<String>,
        tampering: Tampering,
    ) -> Result<(), Refused> {
        if tampering == Tampering::Header {
            return Err("InvalidCiphertext");
        }
        let (id, key) = match named {
            Some(name) => self.find(name)?,
            None => (blob.key.as_str(), self.keys.get(&blob.key).ok_or("AccessDenied")?),
        };
        self.allow(who, id, key, &Ask::of(action).or_grant().with(app))?;
        if id != blob.key {
            return Err("IncorrectKey");
        }
        usable(key)?;
        let whole = tampering == Tampering::None && blob.app == *app;
        if whole { Ok(()) } else { Err("InvalidCiphertext") }
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
    fn is_due(&self, now: i64) -> bool {
        self.rotation.is_some_and(|(_, next)| next <= now)
    }

    fn catch_up(&mut self, now: i64) {
        if self.is_due(now)
            && let Some((period, next)) = &mut self.rotation
        {
            *next = now + *period * DAY_MS;
            self.rotated += 1;
        }
    }
}

fn usable(key: &Key) -> Result<(), Refused> {
    match key.state {
        State::Enabled => Ok(()),
        State::Disabled => Err("Disabled"),
        State::PendingDeletion(_) => Err("KMSInvalidState"),
    }
}

fn not_going(key: &Key) -> Result<(), Refused> {
    if matches!(key.state, State::PendingDeletion(_)) { Err("KMSInvalidState") } else { Ok(()) }
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
