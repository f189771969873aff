//! Who a grant names: its grantee and its retiring principal.

use platform::{Cx, Fault, Principal};
use policy::{NamedPrincipal, PrincipalField};
use serde::{Deserialize, Serialize};

/// A principal of a grant. As in key policies, a user or role is the one that exists when it is named: one made later under the
/// same name is another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Party {
    /// The ARN, or the account's number, as it was given.
    arn: String,
    /// What it is known by: unique id of a user or role, `unique id:session` of a role session, `account:name` of a federated
    /// user, number of an account, name of a service.
    pub(super) id: String,
    /// Whether it is a service of AWS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) service: bool,
}

impl Party {
    /// The principal that `text` names, which has to exist.
    pub(super) fn find(cx: &mut Cx<'_>, text: &str) -> Result<Self, Fault> {
        let id = identify(cx, text)?.ok_or_else(|| {
            Fault::new("InvalidArnException", format!("ARN does not refer to a valid principal: {text}"))
        })?;
        Ok(Self { arn: text.to_owned(), id, service: false })
    }

    /// The service of this name. Services need not be of this deployment.
    pub(super) fn service(name: &str) -> Self {
        Self { arn: name.to_owned(), id: name.to_owned(), service: true }
    }

    /// What it is shown as where principals are shown; none for a service.
    pub(super) fn principal(&self, cx: &mut Cx<'_>) -> Result<Option<String>, Fault> {
        if self.service { Ok(None) } else { self.shown(cx).map(Some) }
    }

    /// Its name, if it is a service.
    pub(super) fn service_name(&self) -> Option<String> {
        self.service.then(|| self.id.clone())
    }

    /// The principal's account; a service's name.
    pub(super) fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or(&self.arn)
    }

    /// The ARN, or the unique id of what has gone.
    fn shown(&self, cx: &mut Cx<'_>) -> Result<String, Fault> {
        let named = NamedPrincipal { field: PrincipalField::Aws, value: &self.arn };
        let gone = named.is_pinnable()
            && cx.directory().unique_id(&mut cx.tx, &self.arn)?.as_ref() != Some(&self.id);
        Ok(if gone { self.id.clone() } else { self.arn.clone() })
    }
}

/// All that a caller is known by, from the most particular to the account.
pub(super) fn identities(principal: &Principal) -> Vec<String> {
    let own = principal.user_id();
    match principal {
        Principal::Anonymous => Vec::new(),
        Principal::Service { name } => vec![name.clone()],
        Principal::Root { account } => vec![account.clone()],
        Principal::User { account, .. } => vec![own, account.clone()],
        Principal::Role { account, id, .. } => vec![own, id.clone(), account.clone()],
        Principal::Federated { account, issuer_id, .. } => vec![own, issuer_id.clone(), account.clone()],
    }
}

pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn identify(cx: &mut Cx<'_>, text: &str) -> Result<Option<String>, Fault> {
    if is_account(text) {
        return Ok(Some(text.to_owned()));
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", "aws", service, "", account, name] = parts.as_slice() else { return Ok(None) };
    if !is_account(account) {
        return Ok(None);
    }
    let path: Vec<&str> = name.split('/').collect();
    match (*service, path.as_slice()) {
        ("iam", ["root"]) => Ok(Some((*account).to_owned())),
        ("iam", ["user" | "role", .., _]) => cx.directory().unique_id(&mut cx.tx, text),
        ("sts", ["assumed-role", _, session]) if !session.is_empty() => {
            cx.directory().unique_id(&mut cx.tx, text)
        }
        ("sts", ["federated-user", user]) if !user.is_empty() => Ok(Some(format!("{account}:{user}"))),
        _ => Ok(None),
    }
}
