//! What the pipeline needs of IAM: credentials, permissions, roles. Every answer is made of point reads.

use crate::attachments::{self, Holder};
use crate::entity::{self, Entity};
use crate::errors::malformed_policy;
use crate::groups::Group;
use crate::roles::Role;
use crate::users::User;
use crate::{Iam, access_keys, aws_managed, policies, policy_names, proxy_keys, trust};
use platform::{
    AccessKey, Boundary, Call, Caller, Cx, Directory, Fault, Mfa, Permissions, Principal, Session, Tx,
};
use policy::{Names, Policy, PolicyKind};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Directory for Iam {
    fn access_key(&self, tx: &mut Tx<'_>, id: &str) -> Result<Option<AccessKey>, Fault> {
        access_keys::find(tx, id)
    }

    fn proxy_key(&self, tx: &mut Tx<'_>, id: &str) -> Result<Option<AccessKey>, Fault> {
        proxy_keys::find(tx, id)
    }

    fn permissions(&self, tx: &mut Tx<'_>, caller: &Caller) -> Result<Option<Arc<Permissions>>, Fault> {
        let found = match &caller.principal {
            Principal::Anonymous | Principal::Service { .. } | Principal::Root { .. } => {
                Some(Permissions::default())
            }
            Principal::User { account, id, .. } => of_user(tx, account, id)?,
            Principal::Role { account, id, .. } => match Role::TABLE.get(tx, &[id])? {
                Some(role) if role.head().account == *account => Some(of_holder(tx, &*role)?),
                _ => None,
            },
            // What the root user makes such a session of may be anything; its session policies limit it.
            Principal::Federated { issuer_name: None, .. } => {
                let identity = vec![aws_managed::document(aws_managed::ADMINISTRATOR)?];
                Some(Permissions { identity, ..Permissions::default() })
            }
            Principal::Federated { account, issuer_id, .. } => of_user(tx, account, issuer_id)?,
        };
        let Some(mut permissions) = found else { return Ok(None) };
        if let Some(session) = caller.session.as_deref() {
            let account = caller.principal.account();
            permissions.session = self.of_session(tx, account, session)?;
            add_session_tags(&mut permissions.tags, &session.tags);
        }
        Ok(Some(Arc::new(permissions)))
    }

    fn policy_names(&self, tx: &mut Tx<'_>, caller: &Caller) -> Result<Names, Fault> {
        policy_names::of_caller(tx, caller)
    }

    fn role(&self, tx: &mut Tx<'_>, account: &str, name: &str) -> Result<Option<platform::Role>, Fault> {
        let Some(role) = entity::find::<Role>(tx, account, name)? else { return Ok(None) };
        let head = role.head().clone();
        Ok(Some(platform::Role {
            principal: Principal::Role {
                account: head.account,
                path: head.path,
                name: head.name,
                id: head.id,
                session: String::new(),
            },
            trust: role.trust.policy(PolicyKind::Trust)?,
            max_session_seconds: role.max_session_seconds,
            tags: head.tags,
        }))
    }

    fn mfa(&self, cx: &mut Cx<'_>, serial_number: &str, code: &str) -> Result<Mfa, Fault> {
        self.vouch(cx, serial_number, code)
    }

    fn managed_policy_id(&self, tx: &mut Tx<'_>, account: &str, arn: &str) -> Result<Option<String>, Fault> {
        Ok(policies::find(tx, account, arn)?.map(|policy| policy.head().id.clone()))
    }

    fn unique_id(&self, tx: &mut Tx<'_>, arn: &str) -> Result<Option<String>, Fault> {
        trust::unique_id(tx, arn)
    }

    fn note_use(&self, tx: &mut Tx<'_>, key: &str, call: &Call, service: &str) -> Result<(), Fault> {
        access_keys::note_use(tx, key, call, service)
    }
}

impl Iam {
    /// The policies that were given when the session was made.
    fn of_session(
        &self,
        tx: &mut Tx<'_>,
        account: &str,
        session: &Session,
    ) -> Result<Vec<Arc<Policy>>, Fault> {
        let mut found = Vec::with_capacity(session.policies.len() + session.policy_arns.len());
        for text in &session.policies {
            found.push(self.session_policies.get_or_insert_with(text, || {
                let policy = Policy::parse(text, PolicyKind::Session);
                policy.map(Arc::new).map_err(|error| malformed_policy(error.message()))
            })?);
        }
        for policy in policies::of_session(tx, account, session)? {
            // One that has been deleted since allows nothing.
            found.push(match policy {
                Some(policy) => policy.document()?.policy(PolicyKind::Identity)?,
                None => aws_managed::document(aws_managed::DENY_ALL)?,
            });
        }
        Ok(found)
    }
}

fn of_user(tx: &mut Tx<'_>, account: &str, id: &str) -> Result<Option<Permissions>, Fault> {
    let Some(user) = User::TABLE.get(tx, &[id])?.filter(|user| user.head().account == account) else {
        return Ok(None);
    };
    let mut permissions = of_holder(tx, &*user)?;
    for id in &user.groups {
        let group = entity::referred::<Group>(tx, id)?;
        add_grants(tx, &mut permissions.identity, &*group)?;
    }
    Ok(Some(permissions))
}

fn of_holder<T: Holder>(tx: &mut Tx<'_>, row: &T) -> Result<Permissions, Fault> {
    let boundary = match row.boundary() {
        None => Boundary::Unset,
        Some(arn) => match policies::find(tx, &row.head().account, arn)? {
            Some(policy) => Boundary::Set(policy.document()?.policy(PolicyKind::Identity)?),
            None => Boundary::Dangling,
        },
    };
    let mut identity = Vec::new();
    add_grants(tx, &mut identity, row)?;
    Ok(Permissions { identity, boundary, session: Vec::new(), tags: row.head().tags.clone() })
}

fn add_grants<T: Holder>(tx: &mut Tx<'_>, identity: &mut Vec<Arc<Policy>>, row: &T) -> Result<(), Fault> {
    for document in row.grants().inline.values() {
        identity.push(document.policy(PolicyKind::Identity)?);
    }
    for policy in attachments::attached(tx, row)? {
        identity.push(policy.document()?.policy(PolicyKind::Identity)?);
    }
    Ok(())
}

/// A session's tags come before the principal's own of the same key (IAM User Guide, "Pass session tags in AWS STS").
fn add_session_tags(tags: &mut BTreeMap<String, String>, session: &BTreeMap<String, String>) {
    for (key, value) in session {
        tags.retain(|held, _| !policy::key::same(held, key));
        tags.insert(key.clone(), value.clone());
    }
}
