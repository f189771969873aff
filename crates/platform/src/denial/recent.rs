//! Denials without their requests' ids: the newest, of a caller or of an action.

use super::{Denial, SLOTS};
use crate::{Fault, Tx};

/// How many slots are read at a time.
const PAGE: usize = 256;

/// The denials that are wanted; what is not named is any.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// A caller: its ARN, its unique id, or the name of a user, a role or a session.
    pub user: Option<String>,
    /// An action, `kms:Decrypt` or `Decrypt`, or all of a service, `kms:*`; in any case, as policies have it.
    pub action: Option<String>,
}

impl Wanted {
    fn fits(&self, denial: &Denial) -> bool {
        self.user.as_deref().is_none_or(|user| is_caller(&denial.principal, &denial.principal_id, user))
            && self.action.as_deref().is_none_or(|action| is_action(&denial.action, action))
    }
}

impl Denial {
    /// The newest denials that are wanted, at most `limit`, the newest first. Looks through all slots: for operators.
    ///
    /// # Errors
    /// Unavailable, if the store or the keyring is.
    pub fn recent(tx: &mut Tx<'_>, wanted: &Wanted, limit: usize) -> Result<Vec<Self>, Fault> {
        let mut found: Vec<Self> = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = SLOTS.scan(tx, &[], after.as_deref(), PAGE)?;
            let fitting = page.iter().filter(|(_, denial)| wanted.fits(denial));
            found.extend(fitting.map(|(_, denial)| (**denial).clone()));
            // Times are all of one form, to the millisecond, so that their texts compare as they do.
            found.sort_by(|a, b| b.time.cmp(&a.time));
            found.truncate(limit);
            match page.last() {
                Some((name, _)) if page.len() == PAGE => after = Some(name.clone()),
                _ => return Ok(found),
            }
        }
    }
}

/// A session is named by its role, and by its own name: `arn:aws:sts::123456789012:assumed-role/ROLE/SESSION`.
fn is_caller(arn: &str, id: &str, user: &str) -> bool {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let mut names = resource.split('/').skip(1);
    arn == user || id == user || resource == user || names.any(|name| name == user)
}

fn is_action(denied: &str, wanted: &str) -> bool {
    let (service, name) = denied.split_once(':').unwrap_or(("", denied));
    match wanted.split_once(':') {
        Some((of, "*")) => of.eq_ignore_ascii_case(service),
        Some(_) => wanted.eq_ignore_ascii_case(denied),
        None => wanted.eq_ignore_ascii_case(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_and_actions_go_by_the_names_that_people_have_for_them() {
        let user = |name| is_caller("arn:aws:iam::123456789012:user/team/alice", "AIDAEXAMPLE", name);
        let session =
            |name| is_caller("arn:aws:sts::123456789012:assumed-role/deployer/ci", "AROAEXAMPLE:ci", name);
        for name in ["alice", "AIDAEXAMPLE", "arn:aws:iam::123456789012:user/team/alice", "user/team/alice"] {
            assert!(user(name) && !session(name), "{name}");
        }
        for name in ["deployer", "ci", "AROAEXAMPLE:ci"] {
            assert!(session(name) && !user(name), "{name}");
        }
        for name in ["", "user", "123456789012", "ali"] {
            assert!(!user(name), "{name}");
        }
        for action in ["kms:Decrypt", "KMS:decrypt", "decrypt", "kms:*"] {
            assert!(is_action("kms:Decrypt", action) && !is_action("iam:GetUser", action), "{action}");
        }
    }
}
