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
/// MFA devices of one user.
pub(crate) const MFA_DEVICES: usize = 8;
/// Virtual MFA devices in an account, assigned or not: as many as users.
pub(crate) const MFA_DEVICES_PER_ACCOUNT: u32 = USERS_PER_ACCOUNT;
/// The longest serial number of an MFA device, in characters (IAM API Reference, `SerialNumber`).
pub(crate) const SERIAL_NUMBER_CHARS: usize = 256;
/// SSH public keys of one user.
pub(crate) const SSH_KEYS: usize = 5;
/// Signing certificates of one user, or of the root user.
pub(crate) const SIGNING_CERTIFICATES: usize = 2;
/// Service-specific credentials of one user for one service.
pub(crate) const SERVICE_CREDENTIALS: usize = 2;
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

/// The least length of a password in a password policy that does not say otherwise (IAM API Reference, `MinimumPasswordLength`).
pub(crate) const PASSWORD_CHARS_MIN: i32 = 6;
/// The least length of a password where there is no password policy (IAM User Guide, "Default password policy").
pub(crate) const DEFAULT_PASSWORD_CHARS: usize = 8;
/// Number of the four classes of characters a password has where there is no password policy.
pub(crate) const DEFAULT_PASSWORD_CLASSES: usize = 3;
/// Passwords of one user that are remembered: as many as a password policy can keep from coming again.
pub(crate) const PASSWORDS_REMEMBERED: usize = 24;

/// Lifetime of a credential report, in milliseconds (IAM API Reference, `GetCredentialReport`).
pub(crate) const REPORT_MS: i64 = 4 * 60 * 60 * 1000;
