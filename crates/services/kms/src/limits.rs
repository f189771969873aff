//! The limits of AWS KMS (KMS Developer Guide, "Quotas"; API Reference for lengths and pages).

/// KMS keys of an account in a region.
pub(crate) const KEYS_PER_REGION: u32 = 100_000;

/// Keys of a multi-Region key, the primary included: all are changed in one transaction. AWS's own limit is the number of its Regions,
/// about 40.
pub(crate) const RELATED_KEYS: usize = 64;
/// Custom key stores of an account in a region.
pub(crate) const CUSTOM_KEY_STORES: usize = 10;

/// Aliases of a KMS key.
pub(crate) const ALIASES_PER_KEY: usize = 50;

/// Grants on a KMS key.
pub(crate) const GRANTS_PER_KEY: u32 = 50_000;

/// Tags of a KMS key.
pub(crate) const TAGS_PER_KEY: usize = 50;

/// Length of a key policy document, in bytes.
pub(crate) const POLICY_BYTES: usize = 32 * 1024;

/// On-demand rotations of a KMS key.
pub(crate) const ON_DEMAND_ROTATIONS: usize = 25;

/// Days between automatic rotations where none are given; the model bounds them to 90 to 2560.
pub(crate) const ROTATION_PERIOD_DEFAULT_DAYS: i32 = 365;

/// Time before an automatic rotation in which an on-demand rotation is refused, in milliseconds
/// (`ConflictException` of RotateKeyOnDemand: 20 minutes).
pub(crate) const ROTATION_CONFLICT_MILLIS: i64 = 20 * 60 * 1000;

/// Days ahead that imported material can expire (`ValidTo` of ImportKeyMaterial).
pub(crate) const EXPIRATION_DAYS: i64 = 365;

/// How long a wrapping key and its import token can be used, in milliseconds (GetParametersForImport: 24 hours).
pub(crate) const IMPORT_TOKEN_MILLIS: i64 = DAY_MILLIS;

/// Days that a key waits for its deletion: the fewest, the most and where none are given.
pub(crate) const DELETION_WINDOW_DAYS: std::ops::RangeInclusive<i32> = 7..=30;
pub(crate) const DELETION_WINDOW_DEFAULT_DAYS: i32 = 30;

/// Pairs of an encryption context in a grant's constraint, and the length of their keys and values, in characters.
pub(crate) const CONSTRAINT_PAIRS: usize = 8;
pub(crate) const CONSTRAINT_CHARS: usize = 384;

/// Length of a ciphertext, in bytes (`CiphertextType` of the model).
pub(crate) const CIPHERTEXT_BYTES: usize = 6144;

/// Grants looked at for one page of ListGrants; a page may hold fewer than were asked for.
pub(crate) const GRANTS_SCANNED: usize = 1000;

/// Grants in one row of what a grantee holds: bounds what one more grant costs. Even if their constraints are as long as they may be
/// and every character takes six bytes of JSON, such a row is within the store's 4 MiB.
pub(crate) const GRANTS_PER_ROW: usize = 64;

/// Rows of held grants removed in one transaction when a key is deleted.
pub(crate) const HOLDINGS_DELETED: usize = 16;

/// Milliseconds of a day.
pub(crate) const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
