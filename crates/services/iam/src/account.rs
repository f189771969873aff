//! The account: its root user's access keys, its alias, and how much it holds of what quotas limit.

use crate::access::Ask;
use crate::api::SummaryKeyType as Key;
use crate::credentials::Owner;
use crate::entity::Kind;
use crate::errors::{already_exists, no_such_entity};
use crate::page::Pager;
use crate::signing_certificates::CERTIFICATES;
use crate::{Iam, api, api::ops, limits};
use platform::{Cx, Fault, Handle, Table, Tally, Tx};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wire::Unit;

/// By account.
const ACCOUNTS: Table<Account> = Table::new("iam/accounts");

/// Accounts by alias: aliases are unique in the deployment.
const ALIASES: Table<String> = Table::new("iam/account-aliases");

/// An account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    id: String,
    /// In milliseconds since the epoch.
    created: i64,
    #[serde(default)]
    alias: Option<String>,
    /// Ids of the root user's access keys.
    pub(crate) access_keys: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counts: Option<Counts>,
}

/// How many of each kind that a quota limits there are, by account and kind.
const COUNTS: Tally = Tally::new("iam/counts");

/// The kind of versions of managed policies, whose number is told but not limited.
const VERSIONS: &str = "policy-version";

/// The kind of MFA devices in use, whose number is told but not limited.
const MFA_IN_USE: &str = "mfa-in-use";

/// Counts in the account's row, where they were kept before they were kept in [`COUNTS`].
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Counts {
    users: u32,
    groups: u32,
    roles: u32,
    policies: u32,
    versions: u32,
    instance_profiles: u32,
}

impl Account {
    pub(crate) fn new(id: &str, now: i64) -> Self {
        Self { id: id.to_owned(), created: now, alias: None, access_keys: Vec::new(), counts: None }
    }

    /// When it was created, in milliseconds since the epoch.
    pub(crate) fn created(&self) -> i64 {
        self.created
    }

    /// Its alias, if it has one.
    pub(crate) fn alias(&self) -> Option<&str> {
        self.alias.as_deref()
    }

    pub(crate) fn exists(tx: &mut Tx<'_>, id: &str) -> Result<bool, Fault> {
        Ok(ACCOUNTS.get(tx, &[id])?.is_some())
    }

    /// The account that a caller belongs to.
    pub(crate) fn load(tx: &mut Tx<'_>, id: &str) -> Result<Self, Fault> {
        let account = ACCOUNTS.get(tx, &[id])?.ok_or_else(|| Fault::bug(format!("no account {id}")))?;
        Ok(Self::clone(&account))
    }

    pub(crate) fn of_caller(cx: &mut Cx<'_>) -> Result<Self, Fault> {
        let id = cx.account();
        Self::load(&mut cx.tx, id)
    }

    pub(crate) fn save(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        ACCOUNTS.put(tx, &[&self.id], self)
    }

    /// Counts one more of a kind, if that is within its quota: whether it was.
    pub(crate) fn add(tx: &mut Tx<'_>, account: &str, kind: Kind, id: &str) -> Result<bool, Fault> {
        Self::settle(tx, account)?;
        COUNTS.add(tx, &[account, kind.noun()], kind.quota().1, id)
    }

    /// Counts one less of a kind.
    pub(crate) fn take(tx: &mut Tx<'_>, account: &str, kind: Kind, id: &str) -> Result<(), Fault> {
        Self::settle(tx, account)?;
        COUNTS.take(tx, &[account, kind.noun()], id)
    }

    /// Counts one more version of the managed policy with this ARN.
    pub(crate) fn add_version(tx: &mut Tx<'_>, account: &str, arn: &str) -> Result<(), Fault> {
        Self::settle(tx, account)?;
        COUNTS.add(tx, &[account, VERSIONS], u32::MAX, arn).map(drop)
    }

    /// Counts one version less.
    pub(crate) fn take_version(tx: &mut Tx<'_>, account: &str, arn: &str) -> Result<(), Fault> {
        Self::settle(tx, account)?;
        COUNTS.take(tx, &[account, VERSIONS], arn)
    }

    /// Counts one more MFA device in use.
    pub(crate) fn add_mfa_in_use(tx: &mut Tx<'_>, account: &str, serial_number: &str) -> Result<(), Fault> {
        COUNTS.add(tx, &[account, MFA_IN_USE], u32::MAX, serial_number).map(drop)
    }

    /// Counts one MFA device in use less.
    pub(crate) fn take_mfa_in_use(tx: &mut Tx<'_>, account: &str, serial_number: &str) -> Result<(), Fault> {
        COUNTS.take(tx, &[account, MFA_IN_USE], serial_number)
    }

    /// Counts in parts what the account's row counts, if it still does.
    fn settle(tx: &mut Tx<'_>, account: &str) -> Result<(), Fault> {
        let row = ACCOUNTS.get(tx, &[account])?;
        let Some(counts) = row.as_ref().and_then(|row| row.counts) else { return Ok(()) };
        let Counts { users, groups, roles, policies, versions, instance_profiles } = counts;
        for (kind, count) in [
            (Kind::User, users),
            (Kind::Group, groups),
            (Kind::Role, roles),
            (Kind::Policy, policies),
            (Kind::InstanceProfile, instance_profiles),
        ] {
            for number in 0..count {
                COUNTS.add(tx, &[account, kind.noun()], kind.quota().1, &number.to_string())?;
            }
        }
        for number in 0..versions {
            COUNTS.add(tx, &[account, VERSIONS], u32::MAX, &number.to_string())?;
        }
        Self { counts: None, ..Self::load(tx, account)? }.save(tx)
    }
}

impl Handle<ops::CreateAccountAlias> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::CreateAccountAliasRequest) -> Result<Unit, Fault> {
        Ask::to("iam:CreateAccountAlias").authorize(cx, "*", None)?;
        let alias = &input.account_alias;
        let mut account = Account::of_caller(cx)?;
        if let Some(owner) = ALIASES.get(&mut cx.tx, &[alias])? {
            if *owner == account.id {
                return Ok(Unit);
            }
            return Err(already_exists(format!("The account alias {alias} already exists.")));
        }
        // An account has one alias: a new one takes the place of the old (IAM API Reference, `CreateAccountAlias`).
        if let Some(old) = account.alias.replace(alias.clone()) {
            ALIASES.delete(&mut cx.tx, &[&old]);
        }
        ALIASES.put(&mut cx.tx, &[alias], &account.id)?;
        account.save(&mut cx.tx)?;
        Ok(Unit)
    }
}

impl Handle<ops::DeleteAccountAlias> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DeleteAccountAliasRequest) -> Result<Unit, Fault> {
        Ask::to("iam:DeleteAccountAlias").authorize(cx, "*", None)?;
        let alias = &input.account_alias;
        let mut account = Account::of_caller(cx)?;
        if account.alias.as_ref() != Some(alias) {
            return Err(no_such_entity(format!("The account alias {alias} cannot be found.")));
        }
        account.alias = None;
        ALIASES.delete(&mut cx.tx, &[alias]);
        account.save(&mut cx.tx)?;
        Ok(Unit)
    }
}

impl Handle<ops::ListAccountAliases> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListAccountAliasesRequest,
    ) -> Result<api::ListAccountAliasesResponse, Fault> {
        let action = "iam:ListAccountAliases";
        Ask::to(action).authorize(cx, "*", None)?;
        let account = Account::of_caller(cx)?;
        let mut pager = Pager::begin(cx, action, input.marker.as_ref(), input.max_items)?;
        pager.entries(0, account.alias);
        let page = pager.end(cx)?;
        Ok(api::ListAccountAliasesResponse {
            account_aliases: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::GetAccountSummary> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, _: &Unit) -> Result<api::GetAccountSummaryResponse, Fault> {
        Ask::to("iam:GetAccountSummary").authorize(cx, "*", None)?;
        let account = Account::of_caller(cx)?;
        // Until they are counted in parts.
        let old = account.counts.unwrap_or_default();
        let sum = |kind: &str, old: u32| {
            Ok::<_, Fault>(COUNTS.about(&cx.tx, &[&account.id, kind])?.saturating_add(old))
        };
        let [users, groups, roles] =
            [sum("user", old.users)?, sum("group", old.groups)?, sum("role", old.roles)?];
        let [policies, versions] = [sum("policy", old.policies)?, sum(VERSIONS, old.versions)?];
        let instance_profiles = sum("instance-profile", old.instance_profiles)?;
        let [mfa_devices, mfa_in_use] = [sum(Kind::MfaDevice.noun(), 0)?, sum(MFA_IN_USE, 0)?];
        let root = Owner { account: account.id.clone(), id: account.id.clone() };
        let certificates = CERTIFICATES.any(&mut cx.tx, &root)?;
        let count = |number: u32| i64::from(number);
        let size = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let entries = [
            (Key::Users, count(users)),
            (Key::UsersQuota, count(limits::USERS_PER_ACCOUNT)),
            (Key::Groups, count(groups)),
            (Key::GroupsQuota, count(limits::GROUPS_PER_ACCOUNT)),
            (Key::Roles, count(roles)),
            (Key::RolesQuota, count(limits::ROLES_PER_ACCOUNT)),
            (Key::Policies, count(policies)),
            (Key::PoliciesQuota, count(limits::POLICIES_PER_ACCOUNT)),
            (Key::PolicyVersionsInUse, count(versions)),
            (Key::PolicyVersionsInUseQuota, count(limits::VERSIONS_PER_ACCOUNT)),
            (Key::InstanceProfiles, count(instance_profiles)),
            (Key::InstanceProfilesQuota, count(limits::INSTANCE_PROFILES_PER_ACCOUNT)),
            (Key::MFADevices, count(mfa_devices)),
            (Key::MFADevicesInUse, count(mfa_in_use)),
            (Key::GlobalEndpointTokenVersion, 1),
            (Key::AccountSigningCertificatesPresent, i64::from(certificates)),
            (Key::SigningCertificatesPerUserQuota, size(limits::SIGNING_CERTIFICATES)),
            (Key::AccountAccessKeysPresent, i64::from(!account.access_keys.is_empty())),
            (Key::AccessKeysPerUserQuota, size(limits::ACCESS_KEYS)),
            (Key::GroupsPerUserQuota, size(limits::GROUPS_PER_USER)),
            (Key::AttachedPoliciesPerUserQuota, size(limits::ATTACHED_POLICIES)),
            (Key::AttachedPoliciesPerGroupQuota, size(limits::ATTACHED_POLICIES)),
            (Key::AttachedPoliciesPerRoleQuota, size(limits::ATTACHED_POLICIES)),
            (Key::VersionsPerPolicyQuota, size(limits::VERSIONS_PER_POLICY)),
            (Key::PolicySizeQuota, size(limits::POLICY_CHARS)),
            (Key::UserPolicySizeQuota, size(limits::USER_INLINE_CHARS)),
            (Key::GroupPolicySizeQuota, size(limits::GROUP_INLINE_CHARS)),
            (Key::RolePolicySizeQuota, size(limits::ROLE_INLINE_CHARS)),
            (Key::AssumeRolePolicySizeQuota, size(limits::TRUST_CHARS)),
        ];
        // What there is nothing of yet is counted all the same: tools take a missing entry for a missing answer.
        let none =
            [Key::AccountMFAEnabled, Key::AccountPasswordPresent, Key::Providers, Key::ServerCertificates];
        let entries = entries.into_iter().chain(none.map(|key| (key, 0)));
        let summary: BTreeMap<String, i32> = entries
            .map(|(key, value)| (key.as_str().to_owned(), i32::try_from(value).unwrap_or(i32::MAX)))
            .collect();
        Ok(api::GetAccountSummaryResponse { summary_map: Some(summary) })
    }
}
