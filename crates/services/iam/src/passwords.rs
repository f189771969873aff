//! Password policies: rules of an account for its users' passwords.

use crate::access::Ask;
use crate::account::Account;
use crate::errors::no_such_entity;
use crate::{Iam, api, api::ops, limits};
use platform::{Access, Cx, Fault, Handle, Principal, Table, Tx, Verdict};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wire::Unit;

/// By account.
const POLICIES: Table<PasswordPolicy> = Table::new("iam/password-policies");

/// Symbols, as the IAM User Guide lists it ("Set an account password policy for IAM users").
const SYMBOLS: &str = "!@#$%^&*()_+-=[]{}|'";

/// An account's password policy (IAM API Reference, `UpdateAccountPasswordPolicy`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PasswordPolicy {
    length: i32,
    symbols: bool,
    numbers: bool,
    uppercase: bool,
    lowercase: bool,
    /// Lets users change their own passwords without any other policy.
    change_own: bool,
    max_age_days: Option<i32>,
    reuse_prevention: Option<i32>,
    hard_expiry: Option<bool>,
}

impl PasswordPolicy {
    pub(crate) fn of(tx: &mut Tx<'_>, account: &str) -> Result<Option<Arc<Self>>, Fault> {
        POLICIES.get(tx, &[account])
    }

    /// Number of earlier passwords that must not come again.
    pub(crate) fn reuse_prevention(&self) -> usize {
        self.reuse_prevention.and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
    }

    /// Lifetime of a password, in days.
    pub(crate) fn max_age_days(&self) -> Option<i32> {
        self.max_age_days
    }

    fn admits(&self, password: &str, classes: &Classes) -> bool {
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        password.chars().count() >= length
            && (classes.symbols || !self.symbols)
            && (classes.numbers || !self.numbers)
            && (classes.uppercase || !self.uppercase)
            && (classes.lowercase || !self.lowercase)
    }
}

/// The classes of characters in a password.
struct Classes {
    symbols: bool,
    numbers: bool,
    uppercase: bool,
    lowercase: bool,
}

impl Classes {
    fn of(password: &str) -> Self {
        let any = |is: fn(char) -> bool| password.chars().any(is);
        Self {
            symbols: any(|c| SYMBOLS.contains(c)),
            numbers: any(|c| c.is_ascii_digit()),
            uppercase: any(|c| c.is_ascii_uppercase()),
            lowercase: any(|c| c.is_ascii_lowercase()),
        }
    }

    fn count(&self) -> usize {
        [self.symbols, self.numbers, self.uppercase, self.lowercase].into_iter().filter(|has| *has).count()
    }
}

/// The refusal of a password.
pub(crate) fn violation() -> Fault {
    let message = "Password does not conform to the account password policy.";
    Fault::new("PasswordPolicyViolationException", message)
}

/// Refuses what the account's policy does not admit or, without one, AWS's default: at least 8 characters of three classes, and not the
/// account's name (IAM User Guide, "Default password policy").
pub(crate) fn check(cx: &mut Cx<'_>, policy: Option<&PasswordPolicy>, password: &str) -> Result<(), Fault> {
    let classes = Classes::of(password);
    let admitted = match policy {
        Some(policy) => policy.admits(password, &classes),
        None => {
            let account = Account::of_caller(cx)?;
            let mut names = account.alias().into_iter().chain([cx.account()]);
            password.chars().count() >= limits::DEFAULT_PASSWORD_CHARS
                && classes.count() >= limits::DEFAULT_PASSWORD_CLASSES
                && !names.any(|name| name.eq_ignore_ascii_case(password))
        }
    };
    if admitted { Ok(()) } else { Err(violation()) }
}

/// Requires that a user is allowed an action, by policies or by an account that lets its users change their own passwords: that stands beside
/// their own policies, so that what denies explicitly, limits them or their session comes before it.
pub(crate) fn authorize_own(cx: &mut Cx<'_>, action: &'static str, resource: &str) -> Result<bool, Fault> {
    let account = cx.account();
    let open = PasswordPolicy::of(&mut cx.tx, account)?.is_some_and(|policy| policy.change_own);
    let plain = matches!(cx.caller().principal, Principal::User { .. }) && cx.caller().session.is_none();
    if !(open && plain) {
        return Ok(false);
    }
    let unlimited = matches!(cx.permissions()?.boundary, platform::Boundary::Unset);
    let explicit = match cx.decide(&Access::to(action, resource), false)? {
        Verdict::Allowed => false,
        Verdict::Denied { explicit, .. } => explicit,
    };
    if explicit || !unlimited {
        return Ok(false);
    }
    cx.authorize_everyone();
    Ok(true)
}

fn missing(account: &str) -> Fault {
    no_such_entity(format!("The Password Policy with domain name {account} cannot be found."))
}

impl Handle<ops::UpdateAccountPasswordPolicy> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::UpdateAccountPasswordPolicyRequest,
    ) -> Result<Unit, Fault> {
        Ask::to("iam:UpdateAccountPasswordPolicy").authorize(cx, "*", None)?;
        // What is left out goes back to its default (IAM API Reference, there).
        let policy = PasswordPolicy {
            length: input.minimum_password_length.unwrap_or(limits::PASSWORD_CHARS_MIN),
            symbols: input.require_symbols.unwrap_or(false),
            numbers: input.require_numbers.unwrap_or(false),
            uppercase: input.require_uppercase_characters.unwrap_or(false),
            lowercase: input.require_lowercase_characters.unwrap_or(false),
            change_own: input.allow_users_to_change_password.unwrap_or(false),
            max_age_days: input.max_password_age,
            reuse_prevention: input.password_reuse_prevention,
            hard_expiry: input.hard_expiry,
        };
        let account = cx.account();
        POLICIES.put(&mut cx.tx, &[account], &policy)?;
        Ok(Unit)
    }
}

impl Handle<ops::GetAccountPasswordPolicy> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, _: &Unit) -> Result<api::GetAccountPasswordPolicyResponse, Fault> {
        let action = "iam:GetAccountPasswordPolicy";
        if !authorize_own(cx, action, "*")? {
            Ask::to(action).authorize(cx, "*", None)?;
        }
        let account = cx.account();
        let policy = PasswordPolicy::of(&mut cx.tx, account)?.ok_or_else(|| missing(account))?;
        Ok(api::GetAccountPasswordPolicyResponse {
            password_policy: api::PasswordPolicy {
                minimum_password_length: Some(policy.length),
                require_symbols: Some(policy.symbols),
                require_numbers: Some(policy.numbers),
                require_uppercase_characters: Some(policy.uppercase),
                require_lowercase_characters: Some(policy.lowercase),
                allow_users_to_change_password: Some(policy.change_own),
                expire_passwords: Some(policy.max_age_days.is_some()),
                max_password_age: policy.max_age_days,
                password_reuse_prevention: policy.reuse_prevention,
                hard_expiry: policy.hard_expiry,
            },
        })
    }
}

impl Handle<ops::DeleteAccountPasswordPolicy> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, _: &Unit) -> Result<Unit, Fault> {
        Ask::to("iam:DeleteAccountPasswordPolicy").authorize(cx, "*", None)?;
        let account = cx.account();
        PasswordPolicy::of(&mut cx.tx, account)?.ok_or_else(|| missing(account))?;
        POLICIES.delete(&mut cx.tx, &[account]);
        Ok(Unit)
    }
}
