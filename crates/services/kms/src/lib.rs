//! AWS Key Management Service: keys that never leave, what may be done with them, and by whom.
//!
//! A KMS key is one row: its metadata, key policy, tags, alias names and its materials, each sealed by the keyring and of use at
//! its own place only. A call finds the key by any of its names, asks the key policy, the caller's policies and the grants, looks
//! the key's state up in one table (`state.rs`), and only then opens the material. Nothing here sees plaintext key material: that
//! stays in the keyring.
//!
//! ```text
//! kms/keys         [account, region, key id]                        the key
//! kms/aliases      [account, region, alias/name]                    the key it stands for
//! kms/grants       [account, region, key id, grant id]              the grant
//! kms/held-grants  [account, region, key id, grantee, number]       what a grantee holds on a key: read by point gets
//! kms/retirees     [account, region, retiring principal, key account, key id, grant id]
//! kms/grant-counts [account, region, key id]
//! kms/key-counts   [account, region, part]
//! kms/last-usages  [account, region, key id]                        what the key was last used for
//! kms/shreds       [shred, key ARN]                                 what is sealed under a shred
//! kms/closed-shreds [shred]
//! kms/stores       [account, region, store id]                      the custom key store
//! kms/stored-keys  [account, region, store id, name in the store]   the KMS key that lies there
//! kms/orphans      [account, region, store id, name in the store]   what is to be removed there
//! ```
//!
//! `CIPHERTEXT.md` describes the ciphertexts byte by byte.

mod aliases;
mod asymmetric;
mod authorize;
mod ciphertext;
mod context;
mod cryptographic;
mod data_key_pairs;
mod data_keys;
mod deletion;
mod encryption;
mod errors;
mod grants;
mod import;
mod key;
mod keys;
mod kinds;
mod last_usage;
mod limits;
mod macs;
mod managed;
mod material;
mod names;
mod pages;
mod policies;
mod proxy;
mod public_keys;
mod quotas;
mod random;
mod recipient;
mod regions;
mod rotation;
mod shared_secrets;
mod shreds;
mod signing;
mod state;
mod stores;
mod tags;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;

pub use proxy::{XKS_PATH, XksProxy};

pub use kms_api as api;

use attestation::Roots;
use platform::{AnyOperation, Cx, Fault, Service, ServiceQuotas, Task, TrailFacts};
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::{AccessLevel, ServiceModel};

/// The service.
#[derive(Debug, Default)]
pub struct Kms {
    /// Who vouches for attested environments.
    roots: Roots,
}

impl Kms {
    /// The service, which trusts these roots of attestation documents.
    pub fn new(roots: Roots) -> Self {
        Self { roots }
    }
}

impl Service for Kms {
    fn model(&self) -> &'static ServiceModel {
        &api::MODEL
    }

    fn operations(self: Arc<Self>) -> Vec<Box<dyn AnyOperation>> {
        kms_api::operations!(platform::operations, self)
    }

    fn quotas(&self) -> &'static ServiceQuotas {
        &quotas::QUOTAS
    }

    fn internal_error(&self) -> Option<(&'static str, &'static str)> {
        // API Reference, "Errors" of every operation.
        let message =
            "The request was rejected because an internal exception occurred. The request can be retried.";
        Some(("KMSInternalException", message))
    }

    /// Cryptographic operations are read-only events, and KMS records response elements of changes only (KMS Developer Guide,
    /// "Examples of AWS KMS log entries").
    fn trail(&self, operation: &str) -> TrailFacts {
        const READ_ONLY: [&str; 15] = [
            "Decapsulate",
            "Decrypt",
            "DeriveSharedSecret",
            "Encapsulate",
            "Encrypt",
            "GenerateDataKey",
            "GenerateDataKeyPair",
            "GenerateDataKeyPairWithoutPlaintext",
            "GenerateDataKeyWithoutPlaintext",
            "GenerateMac",
            "GenerateRandom",
            "ReEncrypt",
            "Sign",
            "Verify",
            "VerifyMac",
        ];
        let access = self.model().operation(operation).and_then(|model| model.access);
        let read_only = READ_ONLY.contains(&operation) || access.is_some_and(AccessLevel::reads);
        TrailFacts { read_only, response: !read_only }
    }

    fn tag(&self, cx: &mut Cx<'_>, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), Fault> {
        tags::tag_by_arn(cx, arn, tags)
    }

    fn untag(&self, cx: &mut Cx<'_>, arn: &str, keys: &[String]) -> Result<(), Fault> {
        tags::untag_by_arn(cx, arn, keys)
    }

    fn destroys(&self, task: &str) -> bool {
        !matches!(task, stores::CONNECT | stores::DISCONNECT | rotation::TASK)
    }

    fn due(&self, cx: &mut Cx<'_>, task: &Task) -> Result<(), Fault> {
        match task.task.as_str() {
            stores::CONNECT => stores::connect_due(cx, task),
            deletion::TASK => deletion::due(cx, task),
            stores::orphans::TASK => stores::orphans::due(cx, task),
            stores::DISCONNECT => stores::disconnect_due(cx, task),
            rotation::TASK => rotation::due(cx, task),
            import::TASK => import::due(cx, task),
            shreds::TASK => shreds::due(cx, task),
            _ => Err(Fault::bug(format!("no such task of KMS: {task:?}"))),
        }
    }
}
