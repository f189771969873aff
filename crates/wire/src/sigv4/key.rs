//! The scope of a signature and the key derived for it.

use std::fmt;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::{ALGORITHM, SCOPE_ELEMENT_BYTES_MAX, TERMINATOR, encoding};
use crate::Timestamp;

/// What a signing key is good for: one day, one region, one service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Day, in UTC, as in `20261121`.
    pub date: String,
    /// Region, as in `us-east-1`.
    pub region: String,
    /// Signing name of the service, as in `kms`.
    pub service: String,
}

impl Scope {
    /// The scope of a request signed at `now`.
    pub fn at(now: Timestamp, region: &str, service: &str) -> Self {
        let mut date = encoding::basic_text(now);
        date.truncate(8);
        Scope { date, region: region.to_owned(), service: service.to_owned() }
    }

    /// Whether each element has the form it has at AWS, so that the scope reads in one way only.
    pub(super) fn is_well_formed(&self) -> bool {
        let element = |text: &str| {
            (1..=SCOPE_ELEMENT_BYTES_MAX).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        };
        self.date.len() == 8
            && self.date.bytes().all(|byte| byte.is_ascii_digit())
            && element(&self.region)
            && element(&self.service)
    }
}

/// As in `20261121/us-east-1/kms/aws4_request`.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service)
    }
}

/// Key that signs the requests of one access key within one [`Scope`], ready for use; AWS-LC wipes it when it is dropped.
///
/// Deriving it takes four HMACs; a server may keep it for as long as the scope's day and the access key last.
#[expect(missing_debug_implementations, reason = "it is secret")]
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// Derives the key from a secret access key.
    pub fn derive(secret: &[u8], scope: &Scope) -> Self {
        let mut seed = Zeroizing::new(Vec::with_capacity(4 + secret.len()));
        seed.extend_from_slice(b"AWS4");
        seed.extend_from_slice(secret);
        let mut key = Zeroizing::new(mac(&hmac_key(&seed), scope.date.as_bytes()));
        for element in [scope.region.as_str(), scope.service.as_str(), TERMINATOR] {
            *key = mac(&hmac_key(&*key), element.as_bytes());
        }
        SigningKey(hmac_key(&*key))
    }

    /// The signature over the digest of a canonical request. `buffer` is overwritten.
    pub(super) fn sign(
        &self,
        date_time: &[u8; encoding::BASIC_BYTES],
        scope: &Scope,
        canonical_digest: &[u8],
        buffer: &mut Vec<u8>,
    ) -> [u8; 32] {
        string_to_sign(date_time, scope, canonical_digest, buffer);
        mac(&self.0, buffer)
    }
}

pub(super) fn string_to_sign(
    date_time: &[u8; encoding::BASIC_BYTES],
    scope: &Scope,
    canonical_digest: &[u8],
    out: &mut Vec<u8>,
) {
    out.clear();
    for piece in [ALGORITHM.as_bytes(), b"\n", date_time, b"\n", scope.date.as_bytes(), b"/"] {
        out.extend_from_slice(piece);
    }
    for piece in [&scope.region, "/", &scope.service, "/", TERMINATOR, "\n"] {
        out.extend_from_slice(piece.as_bytes());
    }
    encoding::push_hex(out, canonical_digest);
}

fn hmac_key(bytes: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, bytes)
}

fn mac(key: &hmac::Key, data: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(key, data);
    let mut out = [0; 32];
    out.copy_from_slice(tag.as_ref());
    out
}
