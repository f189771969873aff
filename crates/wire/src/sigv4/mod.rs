//! Signature Version 4: who signed a request, and whether the signature covers what arrived.
//!
//! A server calls [`parse`] to learn which access key is meant, fetches that key's secret, derives (or takes
//! from a cache) the [`SigningKey`] of the [`Scope`], and calls [`Presented::verify`] with the same head and
//! the whole body. Clients and tests sign with [`Signer`], through the same canonicalization.
//!
//! The algorithm is that of the IAM User Guide, "AWS Signature Version 4 for API requests". Where the guide
//! leaves a choice, this module takes the stricter reading:
//!
//! * `Host` and every `x-amz-*` header present must be signed; both forms of authentication at once, and any
//!   part of them twice, are refused.
//! * The body is always covered. `UNSIGNED-PAYLOAD` stands for it only where the scope names a service of the
//!   S3 family, whose authorization reference defines it; the six operations of other services whose models
//!   waive the body's signature must be signed like all others.
//! * A session token must be covered, also in the query form (some services let it be added afterwards).
//! * `+` in a query string is read as a space, as forms have it. Decoders of query strings must do so too, or
//!   a signed value could be read in two ways.

mod canonical;
mod encoding;
mod error;
mod key;
mod parse;
mod sign;
mod verify;

pub use error::SigError;
pub use key::{Scope, SigningKey};
pub use parse::{Form, Presented, parse};
pub use sign::Signer;

pub(crate) use canonical::host;
pub(crate) use encoding::{decode_query, query_pairs};

/// The only algorithm, as `Authorization` and `X-Amz-Algorithm` name it.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The last element of every scope.
const TERMINATOR: &str = "aws4_request";

/// Clock skew allowed to callers, both ways, in milliseconds: AWS says 15 minutes in its messages.
pub const SKEW_MS: i64 = 15 * 60 * 1000;

/// Longest life of a presigned request, in seconds: seven days (S3 API reference, `X-Amz-Expires`).
pub const EXPIRES_SECONDS_MAX: u32 = 604_800;

/// Life of a presigned request that does not say its own, in seconds. Services other than S3 take such requests, as clients that do not
/// know S3's parameter make them, and believe them as long as those that are signed in a header.
const EXPIRES_SECONDS_DEFAULT: u32 = 900;

/// Longest `Authorization` header, in bytes.
pub const AUTHORIZATION_BYTES_MAX: usize = 8 * 1024;

/// Longest access key id, in bytes (IAM API reference: 16 to 128 characters).
pub const ACCESS_KEY_ID_BYTES_MAX: usize = 128;

/// Longest region or service in a scope, in bytes; AWS's longest names are well below half of it.
pub const SCOPE_ELEMENT_BYTES_MAX: usize = 64;

/// Longest session token, in bytes.
pub const SESSION_TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Most headers one signature may cover.
pub const SIGNED_HEADERS_MAX: usize = 128;

/// Most parameters in the query string of a signed request.
pub const QUERY_PARAMETERS_MAX: usize = 1024;

/// Whether `service` signs and canonicalizes as S3 does: paths as sent, bodies optional.
fn is_s3(service: &str) -> bool {
    matches!(service, "s3" | "s3express" | "s3-object-lambda" | "s3-outposts")
}
