//! Trust policies: whom they name exists when they are saved, and users, roles and sessions of roles are pinned to unique ids, so that
//! a principal created later under the same name does not inherit the trust (IAM User Guide, "AWS JSON policy elements:
//! Principal").

use crate::account::Account;
use crate::entity::{self, Entity, Head};
use crate::errors::{malformed_policy, quota};
use crate::roles::Role;
use crate::users::User;
use crate::{documents, limits};
use platform::{Document, Fault, Tx};
use policy::{NamedPrincipal, Policy, PolicyKind, PrincipalField, Version, rewrite_principals};

/// Identity providers that every account knows (IAM User Guide, "AWS JSON policy elements: Principal").
const WEB_IDENTITY_PROVIDERS: [&str; 4] =
    ["accounts.google.com", "cognito-identity.amazonaws.com", "graph.facebook.com", "www.amazon.com"];

/// Checks a trust policy and pins whom it names.
pub(crate) fn pinned(tx: &mut Tx<'_>, text: &str) -> Result<Document, Fault> {
    documents::admit(text, PolicyKind::Trust, Version::V2008)?;
    if documents::counted(text) > limits::TRUST_CHARS {
        return Err(quota("ACLSizePerRole", limits::TRUST_CHARS));
    }
    let text = rewrite(text, |named| pin(tx, named))?;
    let policy =
        Policy::parse(&text, PolicyKind::Trust).map_err(|error| malformed_policy(error.message()))?;
    Ok(Document::new(text, policy))
}

/// The policy as it is shown: with ARNs in place of the unique ids of users and roles that still exist.
pub(crate) fn shown(tx: &mut Tx<'_>, text: &str) -> Result<String, Fault> {
    rewrite(text, |named| arn_of(tx, named.value))
}

/// The unique id of the user, role or session of a role with this ARN.
pub(crate) fn unique_id(tx: &mut Tx<'_>, arn: &str) -> Result<Option<String>, Fault> {
    let Some((service, account, resource)) = split(arn) else { return Ok(None) };
    let Some((kind, path)) = resource.split_once('/') else { return Ok(None) };
    let name = path.rsplit('/').next().unwrap_or(path);
    Ok(match (service, kind) {
        ("iam", "user") => id_of(entity::find::<User>(tx, account, name)?.as_deref(), arn),
        ("iam", "role") => id_of(entity::find::<Role>(tx, account, name)?.as_deref(), arn),
        ("sts", "assumed-role") => match path.split_once('/') {
            // Sessions are compared as they are written, and so is the name of their role.
            Some((role, session)) => entity::find::<Role>(tx, account, role)?
                .filter(|found| found.head().name == role)
                .map(|found| format!("{}:{session}", found.head().id)),
            None => None,
        },
        _ => None,
    })
}

fn id_of<T: Entity>(row: Option<&T>, arn: &str) -> Option<String> {
    row.filter(|row| row.arn() == arn).map(|row| row.head().id.clone())
}

/// The ARN of the user, role or session of a role with a unique id, if there still is one.
fn arn_of(tx: &mut Tx<'_>, id: &str) -> Result<Option<String>, Fault> {
    if let Some((role, session)) = id.split_once(':').filter(|(role, _)| role.starts_with("AROA")) {
        let role = Role::TABLE.get(tx, &[role])?;
        return Ok(role.map(|role| {
            let Head { account, name, .. } = role.head();
            format!("arn:aws:sts::{account}:assumed-role/{name}/{session}")
        }));
    }
    Ok(match id.get(..4) {
        Some("AIDA") => User::TABLE.get(tx, &[id])?.map(|user| user.arn()),
        Some("AROA") => Role::TABLE.get(tx, &[id])?.map(|role| role.arn()),
        _ => None,
    })
}

/// What is stored in place of a name; none if it stays as it is.
fn pin(tx: &mut Tx<'_>, named: NamedPrincipal<'_>) -> Result<Option<String>, Fault> {
    let value = named.value;
    let (label, pinned) = match named.field {
        PrincipalField::Aws => ("AWS", pin_aws(tx, named)?),
        PrincipalField::Service => ("SERVICE", is_service(value).then(|| value.to_owned())),
        PrincipalField::Federated => {
            ("FEDERATED", WEB_IDENTITY_PROVIDERS.contains(&value).then(|| value.to_owned()))
        }
        PrincipalField::CanonicalUser => ("CANONICALUSER", None),
    };
    match pinned {
        Some(pinned) => Ok((pinned != value).then_some(pinned)),
        None => Err(malformed_policy(format!("Invalid principal in policy: \"{label}\":\"{value}\""))),
    }
}

/// What is stored for a name under `AWS`; none if nobody has that name.
fn pin_aws(tx: &mut Tx<'_>, named: NamedPrincipal<'_>) -> Result<Option<String>, Fault> {
    let value = named.value;
    if named.is_pinnable() {
        return unique_id(tx, value);
    }
    if value == "*" {
        return Ok(Some(value.to_owned()));
    }
    if named.is_unique_id() {
        return Ok(arn_of(tx, value)?.map(|_| value.to_owned()));
    }
    let account = match split(value) {
        None => value,
        Some(("iam", account, "root")) => account,
        // The session of a federated user is named as it will be called.
        Some(("sts", account, _)) => return Ok(Account::exists(tx, account)?.then(|| value.to_owned())),
        Some(_) => return Ok(None),
    };
    // An account number stands for the ARN of the account's root.
    Ok(Account::exists(tx, account)?.then(|| format!("arn:aws:iam::{account}:root")))
}

fn is_service(name: &str) -> bool {
    name.strip_suffix(".amazonaws.com").is_some_and(|name| !name.is_empty())
}

/// Service, account and resource of an ARN of the partition `aws` without a region.
fn split(arn: &str) -> Option<(&str, &str, &str)> {
    let (service, rest) = arn.strip_prefix("arn:aws:")?.split_once("::")?;
    let (account, resource) = rest.split_once(':')?;
    Some((service, account, resource))
}

fn rewrite(
    text: &str,
    mut replace: impl FnMut(NamedPrincipal<'_>) -> Result<Option<String>, Fault>,
) -> Result<String, Fault> {
    let mut failed = None;
    let rewritten = rewrite_principals(text, |named| {
        if failed.is_some() {
            return None;
        }
        replace(named).unwrap_or_else(|fault| {
            failed = Some(fault);
            None
        })
    });
    match failed {
        Some(fault) => Err(fault),
        None => rewritten.map_err(|error| malformed_policy(error.message())),
    }
}
