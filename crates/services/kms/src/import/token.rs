//! Import tokens: the private half of a wrapping key, sealed, with what it is for.
//!
//! Nothing is stored of them. Whoever holds a token can read nothing of it, and it is of use for its key and its day only.

use super::wrapping::Wrapping;
use crate::api::{AlgorithmSpec, WrappingKeySpec};
use crate::key::Key;
use crate::limits::IMPORT_TOKEN_MILLIS;
use crate::shreds;
use crate::text::{Text, hexadecimal};
use keyring::{KeyringError, Material, MaterialSpec};
use platform::{Cx, Fault};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const PURPOSE: &str = "kms/import-token";

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Token {
    /// The ARN of the key to import into.
    key: String,
    spec: Text<WrappingKeySpec>,
    algorithm: Text<AlgorithmSpec>,
    /// In milliseconds since the epoch.
    pub(super) valid_to: i64,
    /// The private key, as the keyring sealed it.
    #[serde(with = "hexadecimal")]
    sealed: Vec<u8>,
}

impl Token {
    /// A token, and the public key that goes with it as a `SubjectPublicKeyInfo`.
    pub(super) fn make(
        cx: &mut Cx<'_>,
        key: &Key,
        (spec, algorithm): (WrappingKeySpec, AlgorithmSpec),
        wrapping: Wrapping,
    ) -> Result<(Self, Vec<u8>), Fault> {
        let (keyring, random, place) = (cx.keyring(), cx.random(), place(&key.arn));
        let sealed =
            cx.aside(|| keyring.generate_material(&place, MaterialSpec::Pair(wrapping.pair), random))??.0;
        // So that deleting another key does not take it away before it expires.
        shreds::note(cx, &key.arn, &sealed)?;
        let token = Self {
            key: key.arn.clone(),
            spec: Text(spec),
            algorithm: Text(algorithm),
            valid_to: cx.now().0.saturating_add(IMPORT_TOKEN_MILLIS),
            sealed,
        };
        let public_key = token.private_key(cx)?.pair()?.public_key().spki().to_vec();
        Ok((token, public_key))
    }

    pub(super) fn seal(&self, cx: &Cx<'_>) -> Result<Vec<u8>, Fault> {
        let json =
            serde_json::to_vec(self).map_err(|error| Fault::bug(format!("an import token: {error}")))?;
        Ok(cx.keyring().token_seal(PURPOSE, &json)?)
    }

    /// Opens a token that was made for this key and has not expired.
    pub(super) fn open(cx: &Cx<'_>, sealed: &[u8], key: &Key) -> Result<Self, Fault> {
        let invalid = || Fault::new("InvalidImportTokenException", "");
        let json = cx.keyring().token_open(PURPOSE, sealed).map_err(|_| invalid())?;
        let token: Self = serde_json::from_slice(&json).map_err(|_| invalid())?;
        if token.key != key.arn {
            return Err(invalid());
        }
        if token.valid_to <= cx.now().0 {
            return Err(expired());
        }
        Ok(token)
    }

    pub(super) fn wrapping(&self, key: &Key) -> Result<Wrapping, Fault> {
        Wrapping::new(key.spec.0, self.spec.0, self.algorithm.0)
    }

    /// The private key. It is gone before its time if a shred is given up that it was sealed under: a new one has to be asked for.
    pub(super) fn private_key(&self, cx: &Cx<'_>) -> Result<Arc<Material>, Fault> {
        cx.keyring().material(&place(&self.key), &self.sealed).map_err(|error| match error {
            KeyringError::Shredded => expired(),
            other => other.into(),
        })
    }
}

fn expired() -> Fault {
    Fault::new("ExpiredImportTokenException", "")
}

/// Where the keyring opens the private key.
fn place(key_arn: &str) -> Vec<u8> {
    [b"kms/wrapping-key\0", key_arn.as_bytes(), b"\0"].concat()
}
