//! Who may do what with a key.

use super::key::{encrypts, not_going, rotates, usable};
use super::{GRANTED, Grant, Key};
use crate::action::{KeyName, Kind};
use crate::model::policy::{Document, Statement, key_arn};
use crate::model::{Model, Pinned, Refused, Verdict, Who};
use std::collections::BTreeMap;

impl Model {
    /// A key for an action that every state but that of waiting for deletion permits.
    pub(super) fn manage(&self, who: &Who, action: &str, id: &str) -> Result<&Key, Refused> {
        let key = self.by_id(id)?;
        self.allow(who, id, key, &Ask::of(action))?;
        not_going(key)?;
        Ok(key)
    }

    /// A key for a change of its automatic rotation.
    pub(super) fn schedule(&self, who: &Who, action: &str, id: &str) -> Result<(), Refused> {
        let key = self.by_id(id)?;
        self.allow(who, id, key, &Ask::of(action))?;
        if key.kind == Kind::Imported { Err("UnsupportedOperation") } else { rotates(id, key) }
    }

    pub(super) fn encrypt(
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
    pub(super) fn prove(&self, who: &Who, action: &str, name: &KeyName, kind: Kind) -> Result<&str, Refused> {
        let (id, key) = self.find(name)?;
        self.allow(who, id, key, &Ask::of(action).or_grant())?;
        usable(key)?;
        if key.kind == kind { Ok(id) } else { Err("InvalidKeyUsage") }
    }

    /// A new policy must name those who exist, and must leave the caller in charge.
    pub(super) fn check_policy(
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

    pub(super) fn pinned(&self, policy: &Document) -> Option<Vec<(Statement, Pinned)>> {
        let pin = |statement: &Statement| Some((statement.clone(), self.pin(statement.party.as_ref()?)?));
        policy.iter().map(pin).collect()
    }

    /// Whether the key policy, the caller's policies and grants let the caller do it.
    pub(super) fn allow(&self, who: &Who, id: &str, key: &Key, asks: &Ask<'_>) -> Result<(), Refused> {
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

    pub(super) fn granted(&self, who: &Who, id: &str, key: &Key, asks: &Ask<'_>) -> Result<bool, Refused> {
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

/// What is asked of a key.
pub(super) struct Ask<'a> {
    action: &'a str,
    app: Option<&'a str>,
    grant: Wanted<'a>,
}

pub(super) enum Wanted<'a> {
    None,
    Operation,
    Delegation(&'a [usize]),
    Retirement(&'a Grant),
}

impl<'a> Ask<'a> {
    pub(super) fn of(action: &'a str) -> Self {
        Self { action, app: None, grant: Wanted::None }
    }

    pub(super) fn or_grant(self) -> Self {
        Self { grant: Wanted::Operation, ..self }
    }

    pub(super) fn delegating(self, operations: &'a [usize]) -> Self {
        Self { grant: Wanted::Delegation(operations), ..self }
    }

    pub(super) fn retiring(self, grant: Option<&'a Grant>) -> Self {
        Self { grant: grant.map_or(Wanted::None, Wanted::Retirement), ..self }
    }

    pub(super) fn with(self, app: &'a Option<String>) -> Self {
        Self { app: app.as_deref(), ..self }
    }
}
