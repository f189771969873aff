//! The quotas of an account and of its entities (IAM User Guide, "IAM and AWS STS quotas").

/// Users in an account.
pub(crate) const USERS_PER_ACCOUNT: u32 = 5000;
/// Groups in an account.
pub(crate) const GROUPS_PER_ACCOUNT: u32 = 300;
/// Roles in an account.
pub(crate) const ROLES_PER_ACCOUNT: u32 = 1000;
/// Customer managed policies in an account.
pub(crate) const POLICIES_PER_ACCOUNT: u32 = 1500;
/// Instance profiles in an account.
pub(crate) const INSTANCE_PROFILES_PER_ACCOUNT: u32 = 1000;
/// Managed policies attached to one user, group or role.
pub(crate) const ATTACHED_POLICIES: usize = 10;
/// Groups that one user is in.
pub(crate) const GROUPS_PER_USER: usize = 10;
/// Access keys of one user, or of the root user.
pub(crate) const ACCESS_KEYS: usize = 2;
/// Versions of one customer managed policy.
pub(crate) const VERSIONS_PER_POLICY: usize = 5;
/// Versions of all customer managed policies of an account, as `GetAccountSummary` tells it.
pub(crate) const VERSIONS_PER_ACCOUNT: u32 = 10_000;
/// Tags of one entity.
pub(crate) const TAGS: usize = 50;
/// A managed policy's document, in characters other than white space.
pub(crate) const POLICY_CHARS: usize = 6144;
/// All inline policies of a user together, in characters other than white space.
pub(crate) const USER_INLINE_CHARS: usize = 2048;
/// All inline policies of a group together, in characters other than white space.
pub(crate) const GROUP_INLINE_CHARS: usize = 5120;
/// All inline policies of a role together, in characters other than white space.
pub(crate) const ROLE_INLINE_CHARS: usize = 10_240;
/// A role's trust policy, in characters other than white space.
pub(crate) const TRUST_CHARS: usize = 2048;

/// The longest session of a role that does not say otherwise, in seconds (IAM API Reference, `CreateRole`).
pub(crate) const MAX_SESSION_DEFAULT_SECONDS: i32 = 3600;

/// Entries of a page when the caller does not say (IAM API Reference, `MaxItems`).
pub(crate) const PAGE_ITEMS_DEFAULT: usize = 100;

/// How exactly the last use of an access key is known, in milliseconds: a key in constant use is noted once in this time.
pub(crate) const LAST_USED_GRANULARITY_MS: i64 = 15 * 60 * 1000;

/// Session policies that are kept parsed, over all sessions.
pub(crate) const SESSION_POLICIES_CACHED: usize = 1024;
