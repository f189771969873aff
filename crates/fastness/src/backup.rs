//! Backups: everything that a deployment is, sealed as it is stored, in one file that proves itself whole.

pub(crate) mod container;
mod digest;
mod make;
mod parts;
mod restore;
mod verify;

pub(crate) use self::digest::Sha256;
pub(crate) use self::make::{make, run};
pub(crate) use self::restore::run as restore;
pub(crate) use self::verify::run as verify;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The newest form of a backup that this program writes and reads.
const FORMAT: u32 = 1;

/// In front of the names of the store's parts.
const STORE_PREFIX: &str = "store/";

/// What a backup says of itself, at its end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    /// The deployment's id.
    deployment: String,
    /// Its first account.
    account: String,
    /// When the backup was made (RFC 3339).
    made: String,
    /// The place in the store's history that it ends with, `VERSION:LINK`.
    head: String,
    /// The least generation of the shreds that all KMS keys in it can be used with.
    shreds: u64,
    /// Its parts, in order.
    parts: Vec<Part>,
}

/// A part of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    name: String,
    bytes: u64,
    sha256: String,
}

impl Manifest {
    /// Its facts, for programs; the parts are counted.
    fn facts(&self) -> Value {
        json!({
            "deployment": self.deployment, "account": self.account, "made": self.made, "head": self.head, "shreds": self.shreds,
            "parts": self.parts.len(), "bytes": self.parts.iter().map(|part| part.bytes).sum::<u64>(),
        })
    }

    /// What is attested of it.
    fn statement(json: &[u8]) -> Vec<u8> {
        let mut hash = digest::Sha256::default();
        hash.update(json);
        [&b"backup\0"[..], hash.finish().as_bytes()].concat()
    }
}
