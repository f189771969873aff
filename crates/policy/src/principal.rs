//! The `Principal` and `NotPrincipal` elements: whom a statement of a resource, key or trust policy concerns.
//!
//! Source: IAM User Guide, "AWS JSON policy elements: Principal" and "NotPrincipal".

use crate::request::Principal;

/// Which map entry of a `Principal` element a name stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrincipalField {
    /// `AWS`: an account, user, role, session or unique id; also the bare `"Principal": "*"`.
    Aws,
    /// `Service`: an AWS service.
    Service,
    /// `Federated`: an identity provider.
    Federated,
    /// `CanonicalUser`: an S3 canonical user id.
    CanonicalUser,
}

/// One name in a `Principal` or `NotPrincipal` element, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedPrincipal<'a> {
    /// The map entry it stands in.
    pub field: PrincipalField,
    /// `*`, an account number, an ARN, a unique id, a service name, a provider or a canonical user id.
    pub value: &'a str,
}

impl NamedPrincipal<'_> {
    /// Whether the name is the ARN of an IAM user, a role or a session of a role: what is pinned to a unique id when the policy is
    /// saved, so that a principal created later under the same name does not inherit the permission. Sessions of federated users have
    /// no unique id.
    #[must_use]
    pub fn is_pinnable(&self) -> bool {
        let pinnable = match Who::aws(self.value) {
            Some(Who::User | Who::Role) => true,
            Some(Who::Session) => self.value.contains(":assumed-role/"),
            _ => false,
        };
        self.field == PrincipalField::Aws && pinnable
    }

    /// Whether the name is what one was pinned to: the unique id of a user or role, or `unique id:session name`.
    #[must_use]
    pub fn is_unique_id(&self) -> bool {
        let who = Who::aws(self.value);
        self.field == PrincipalField::Aws && matches!(who, Some(Who::UniqueId | Who::UniqueSession))
    }
}

impl PrincipalField {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "AWS" => Some(PrincipalField::Aws),
            "Service" => Some(PrincipalField::Service),
            "Federated" => Some(PrincipalField::Federated),
            "CanonicalUser" => Some(PrincipalField::CanonicalUser),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            PrincipalField::Aws => "AWS",
            PrincipalField::Service => "Service",
            PrincipalField::Federated => "Federated",
            PrincipalField::CanonicalUser => "CanonicalUser",
        }
    }
}

/// How a statement's principal fits the caller, weakest first. What each is worth is decided in `evaluate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// The caller's account is named: the account may grant the permission to its principals.
    Account,
    /// The caller's role, or the user behind a federated session, is named: boundary and session policies still limit.
    RoleLike,
    /// The caller is named, or everybody is.
    Direct,
}

/// One compiled name.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    who: Who,
    /// An account number for [`Who::Account`], otherwise the name as written.
    name: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Everybody,
    Account,
    User,
    Role,
    /// An assumed-role or federated-user session ARN.
    Session,
    UniqueId,
    /// A session of a role, by the role's unique id: `AROA…:session`.
    UniqueSession,
    Service,
    Provider,
    CanonicalUser,
}

impl Who {
    /// What a name under `AWS` is; none if it is nothing that may stand there.
    fn aws(text: &str) -> Option<Who> {
        if text == "*" {
            return Some(Who::Everybody);
        }
        if is_account(text) {
            return Some(Who::Account);
        }
        if is_unique_id(text) {
            return Some(Who::UniqueId);
        }
        if let Some((id, session)) = text.split_once(':')
            && id.starts_with("AROA")
            && is_unique_id(id)
        {
            return is_session_name(session).then_some(Who::UniqueSession);
        }
        let mut parts = text.splitn(6, ':');
        let (Some("arn"), Some(partition), Some(service), Some(""), Some(account), Some(name)) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        let valid = partition.starts_with("aws")
            && is_account(account)
            && !text.contains(|c: char| c.is_control() || matches!(c, '*' | '?'));
        let who = match (service, name.split_once('/')) {
            ("iam", None) if name == "root" => Who::Account,
            ("iam", Some(("user", path))) if is_path(path) => Who::User,
            ("iam", Some(("role", path))) if is_path(path) => Who::Role,
            ("sts", Some(("assumed-role", path))) if path.split('/').count() == 2 && is_path(path) => {
                Who::Session
            }
            ("sts", Some(("federated-user", name))) if !name.is_empty() && !name.contains('/') => {
                Who::Session
            }
            _ => return None,
        };
        valid.then_some(who)
    }
}

fn is_path(text: &str) -> bool {
    !text.is_empty() && text.split('/').all(|part| !part.is_empty())
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// IAM User Guide, "IAM identifiers": unique ids of users start with AIDA, of roles with AROA.
fn is_unique_id(text: &str) -> bool {
    (16..=128).contains(&text.len())
        && (text.starts_with("AIDA") || text.starts_with("AROA"))
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// The characters are those of `RoleSessionName` (STS API Reference, `AssumeRole`).
fn is_session_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'=' | b',' | b'.' | b'@' | b'-')
        })
}

/// A service name, or the domain name of an identity provider.
fn is_domain(text: &str) -> bool {
    text.contains('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/'))
}

impl Entry {
    /// None if the name may not stand in this field; partial wildcards never may.
    pub(crate) fn parse(named: NamedPrincipal<'_>) -> Option<Self> {
        let text = named.value;
        let who = match named.field {
            PrincipalField::Aws => Who::aws(text)?,
            PrincipalField::Service if is_domain(text) => Who::Service,
            PrincipalField::Federated if is_domain(text) || is_provider(text) => Who::Provider,
            PrincipalField::CanonicalUser
                if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
            {
                Who::CanonicalUser
            }
            _ => return None,
        };
        let account = (who == Who::Account).then(|| text.split(':').nth(4)).flatten();
        Some(Entry { who, name: account.unwrap_or(text).into() })
    }

    /// How this name fits the caller.
    fn fit(&self, caller: &Principal<'_>) -> Option<Fit> {
        let name = &*self.name;
        let fit = |same: bool, fit: Fit| same.then_some(fit);
        match (self.who, *caller) {
            (Who::Everybody, _) => Some(Fit::Direct),
            (Who::Account, _) => fit(caller.account() == Some(name), Fit::Account),
            (Who::User, Principal::User { arn, .. }) => fit(arn == name, Fit::Direct),
            (Who::User, Principal::Federated { user_arn, .. }) => fit(user_arn == name, Fit::RoleLike),
            (Who::Role, Principal::RoleSession { role_arn, .. }) => fit(role_arn == name, Fit::RoleLike),
            (Who::Session, Principal::RoleSession { session_arn, .. }) => {
                fit(session_arn == name, Fit::Direct)
            }
            (Who::Session, Principal::Federated { arn, .. }) => fit(arn == name, Fit::Direct),
            (Who::UniqueId, Principal::User { id, .. }) => fit(id == name, Fit::Direct),
            (Who::UniqueId, Principal::Federated { user_id, .. }) => fit(user_id == name, Fit::RoleLike),
            (Who::UniqueId, Principal::RoleSession { role_id, .. }) => fit(role_id == name, Fit::RoleLike),
            (Who::UniqueSession, Principal::RoleSession { role_id, session_name, .. }) => {
                let same = name.split_once(':') == Some((role_id, session_name));
                fit(same, Fit::Direct)
            }
            (Who::Service, Principal::Service { name: service }) => fit(service == name, Fit::Direct),
            (Who::Provider, Principal::Provider { name: provider }) => fit(provider == name, Fit::Direct),
            _ => None,
        }
    }
}

impl Entry {
    /// Whether this name could be the caller's, though it does not fit: which accounts canonical user ids are of is not known.
    fn may_fit(&self, caller: &Principal<'_>) -> bool {
        self.who == Who::CanonicalUser && caller.account().is_some()
    }
}

/// `arn:aws:iam::123456789012:saml-provider/Name` or `…:oidc-provider/host`.
fn is_provider(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let (Some("arn"), Some(partition), Some("iam"), Some(""), Some(account), Some(name)) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let named =
        matches!(name.split_once('/'), Some(("saml-provider" | "oidc-provider", path)) if !path.is_empty());
    named && partition.starts_with("aws") && is_account(account) && !text.contains(['*', '?'])
}

/// A compiled `Principal` or `NotPrincipal` element.
#[derive(Clone, Debug)]
pub(crate) enum Principals {
    Only(Box<[Entry]>),
    Except(Box<[Entry]>),
}

impl Principals {
    /// Whether everybody is meant, or everybody but some.
    pub(crate) fn is_wide(&self) -> bool {
        match self {
            Principals::Only(entries) => entries.iter().any(|entry| entry.who == Who::Everybody),
            Principals::Except(_) => true,
        }
    }

    /// How an `Allow` statement with this element fits the caller.
    pub(crate) fn allow_fit(&self, caller: &Principal<'_>) -> Option<Fit> {
        match self {
            // A token bearer is whom its provider says: only naming the provider vouches for it.
            Principals::Only(entries) if matches!(caller, Principal::Provider { .. }) => {
                let named = entries.iter().filter(|entry| entry.who != Who::Everybody);
                named.filter_map(|entry| entry.fit(caller)).max()
            }
            Principals::Only(entries) => entries.iter().filter_map(|entry| entry.fit(caller)).max(),
            Principals::Except(entries) => {
                let listed = entries.iter().any(|entry| entry.fit(caller).is_some() || entry.may_fit(caller));
                (!listed && !matches!(caller, Principal::Provider { .. })).then_some(Fit::Direct)
            }
        }
    }

    /// Whether a `Deny` statement with this element applies to the caller.
    ///
    /// `NotPrincipal` spares a caller only if everything the caller is has been listed: its session, the role or user
    /// behind it, and its account; and it spares nobody who has a permissions boundary.
    pub(crate) fn denies(&self, caller: &Principal<'_>, bounded: bool) -> bool {
        match self {
            Principals::Only(entries) => {
                entries.iter().any(|entry| entry.fit(caller).is_some() || entry.may_fit(caller))
            }
            Principals::Except(entries) => {
                let listed = |fit: Fit| entries.iter().any(|entry| entry.fit(caller) == Some(fit));
                let everybody = entries.iter().any(|entry| entry.who == Who::Everybody);
                let spared = everybody
                    || match caller {
                        Principal::Anonymous => false,
                        Principal::Service { .. } | Principal::Provider { .. } => listed(Fit::Direct),
                        Principal::Root { .. } => listed(Fit::Account),
                        Principal::User { .. } => listed(Fit::Direct) && listed(Fit::Account),
                        Principal::RoleSession { .. } | Principal::Federated { .. } => {
                            listed(Fit::Direct) && listed(Fit::RoleLike) && listed(Fit::Account)
                        }
                    };
                bounded || !spared
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aws(value: &str) -> NamedPrincipal<'_> {
        NamedPrincipal { field: PrincipalField::Aws, value }
    }

    #[test]
    fn names_that_may_stand_under_aws() {
        for (text, expected) in [
            ("*", Some(Who::Everybody)),
            ("111122223333", Some(Who::Account)),
            ("arn:aws:iam::111122223333:root", Some(Who::Account)),
            ("arn:aws-cn:iam::111122223333:root", Some(Who::Account)),
            ("arn:aws:iam::111122223333:user/a", Some(Who::User)),
            ("arn:aws:iam::111122223333:role/p/q/r", Some(Who::Role)),
            ("arn:aws:sts::111122223333:assumed-role/r/s", Some(Who::Session)),
            ("arn:aws:sts::111122223333:federated-user/f", Some(Who::Session)),
            ("AIDAABCDEFGHIJKLMNOP", Some(Who::UniqueId)),
            ("AROAABCDEFGHIJKLMNOP", Some(Who::UniqueId)),
            ("AROAABCDEFGHIJKLMNOP:session@example.com", Some(Who::UniqueSession)),
            ("AROAABCDEFGHIJKLMNOP:", None),
            ("AROAABCDEFGHIJKLMNOP:a:b", None),
            ("AROAABCDEFGHIJKLMNOP:a*", None),
            ("AIDAABCDEFGHIJKLMNOP:session", None),
            ("AIDA", None),
            ("AIDAabcdefghijklmnop", None),
            ("", None),
            ("11112222333", None),
            ("arn:aws:iam::111122223333:user/*", None),
            ("arn:aws:iam::*:root", None),
            ("arn:aws:iam::111122223333:user/", None),
            ("arn:aws:iam::111122223333:user//a", None),
            ("arn:aws:iam::111122223333:group/g", None),
            ("arn:aws:iam:eu-west-1:111122223333:user/a", None),
            ("arn:aws:sts::111122223333:assumed-role/r", None),
            ("arn:aws:sts::111122223333:assumed-role/p/r/s", None),
            ("arn:aws:kms::111122223333:key/k", None),
            ("anyone", None),
            ("arn:aws:iam::1111:user/a", None),
            ("arn:aws:iam::aws:role/r", None),
            ("arn:other:iam::111122223333:user/a", None),
        ] {
            assert_eq!(Who::aws(text), expected, "{text}");
        }
    }

    #[test]
    fn names_that_may_stand_elsewhere() {
        for (field, text, expected) in [
            (PrincipalField::Service, "ec2.amazonaws.com", true),
            (PrincipalField::Service, "*", false),
            (PrincipalField::Service, "ec2", false),
            (PrincipalField::Federated, "accounts.google.com", true),
            (PrincipalField::Federated, "arn:aws:iam::111122223333:saml-provider/p", true),
            (PrincipalField::Federated, "arn:aws:iam::111122223333:oidc-provider/host/id/X", true),
            (PrincipalField::Federated, "arn:aws:iam::111122223333:role/p", false),
            (PrincipalField::Federated, "*", false),
            (PrincipalField::CanonicalUser, &"a1".repeat(32), true),
            (PrincipalField::CanonicalUser, "a1", false),
        ] {
            assert_eq!(Entry::parse(NamedPrincipal { field, value: text }).is_some(), expected, "{text}");
        }
    }

    #[test]
    fn users_roles_and_sessions_of_roles_are_pinnable() {
        for text in
            ["iam::111122223333:user/a", "iam::111122223333:role/a", "sts::111122223333:assumed-role/r/s"]
        {
            let arn = format!("arn:aws:{text}");
            assert!(aws(&arn).is_pinnable() && !aws(&arn).is_unique_id(), "{text}");
        }
        for text in ["AIDAABCDEFGHIJKLMNOP", "AROAABCDEFGHIJKLMNOP", "AROAABCDEFGHIJKLMNOP:session"] {
            assert!(!aws(text).is_pinnable() && aws(text).is_unique_id(), "{text}");
        }
        for text in ["*", "111122223333", "arn:aws:sts::111122223333:federated-user/f"] {
            assert!(!aws(text).is_pinnable() && !aws(text).is_unique_id(), "{text}");
        }
    }
}
