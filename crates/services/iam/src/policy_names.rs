//! What the policies of a caller are called: the names to what `directory` hands out without them.

use crate::attachments::{self, Holder};
use crate::entity::{self, Entity, Head};
use crate::groups::Group;
use crate::policies::{self, ManagedPolicy};
use crate::roles::Role;
use crate::users::User;
use crate::{aws_managed, entity::Kind};
use platform::{Caller, Fault, Principal, Session, Tx};
use policy::{Names, PolicyName};

/// The names of a caller's policies, in the order in which `Directory::permissions` has the policies.
pub(crate) fn of_caller(tx: &mut Tx<'_>, caller: &Caller) -> Result<Names, Fault> {
    let mut names = match &caller.principal {
        Principal::Anonymous | Principal::Service { .. } | Principal::Root { .. } => Names::default(),
        Principal::User { id, .. } => of_user(tx, id)?,
        Principal::Role { id, .. } => match Role::TABLE.get(tx, &[id])? {
            Some(role) => of_holder(tx, &*role)?,
            None => Names::default(),
        },
        Principal::Federated { issuer_name: None, .. } => {
            let all = aws_managed::find(aws_managed::ADMINISTRATOR);
            Names { identity: all.iter().map(|policy| managed(policy)).collect(), ..Names::default() }
        }
        Principal::Federated { issuer_id, .. } => of_user(tx, issuer_id)?,
    };
    if let Some(session) = caller.session.as_deref() {
        names.session = of_session(tx, caller.principal.account(), session)?;
    }
    Ok(names)
}

fn of_user(tx: &mut Tx<'_>, id: &str) -> Result<Names, Fault> {
    let Some(user) = User::TABLE.get(tx, &[id])? else { return Ok(Names::default()) };
    let mut names = of_holder(tx, &*user)?;
    for id in &user.groups {
        let group = entity::referred::<Group>(tx, id)?;
        let held = of_holder(tx, &*group)?.identity;
        names.identity.extend(held.into_iter().map(|name| PolicyName { shared: true, ..name }));
    }
    Ok(names)
}

fn of_holder<T: Holder>(tx: &mut Tx<'_>, row: &T) -> Result<Names, Fault> {
    let holder = format!("{} {}", T::KIND.noun(), row.head().name);
    let mut identity: Vec<PolicyName> = row
        .grants()
        .inline
        .keys()
        .map(|name| PolicyName::own(format!("inline policy `{name}` of {holder}")))
        .collect();
    for policy in attachments::attached(tx, row)? {
        identity.push(managed(&policy));
    }
    let boundary = match row.boundary() {
        None => None,
        Some(arn) => policies::find(tx, &row.head().account, arn)?.map(|policy| {
            let name = managed(&policy);
            PolicyName { name: format!("permissions boundary {} of {holder}", name.name), ..name }
        }),
    };
    Ok(Names { identity, boundary, ..Names::default() })
}

fn of_session(tx: &mut Tx<'_>, account: &str, session: &Session) -> Result<Vec<PolicyName>, Fault> {
    let given = session.policies.iter();
    let mut names: Vec<PolicyName> =
        given.map(|_| PolicyName::own("the session policy that the session was made with")).collect();
    let found = policies::of_session(tx, account, session)?;
    for (arn, policy) in session.policy_arns.iter().zip(found) {
        names.push(match policy {
            Some(policy) => managed(&policy),
            None => PolicyName {
                name: format!("managed policy {arn}, which is gone and allows nothing,"),
                arn: Some(arn.clone()),
                version: None,
                editable: false,
                shared: true,
            },
        });
    }
    Ok(names)
}

fn managed(policy: &ManagedPolicy) -> PolicyName {
    let Head { account, name, .. } = policy.head();
    let version = policy.versions().iter().find(|version| policy.is_default(version));
    let version = version.map(|version| format!("v{}", version.number));
    let shown = version.as_deref().map(|version| format!(" ({version})")).unwrap_or_default();
    PolicyName {
        name: format!("managed policy {name}{shown}"),
        arn: Some(Kind::Policy.arn(account, &policy.head().path, name)),
        version,
        editable: account != aws_managed::ACCOUNT,
        shared: true,
    }
}
