//! Fastness as the proxy of external key stores: another KMS, AWS's or another Fastness, keeps keys whose external half is a symmetric
//! key here ("External Key Store Proxy API Specification" of AWS KMS; `docs/decisions/0023-external-key-stores.md`).
//!
//! The key is one of the account and of the region that signs the call: a key store of eu-west-1 finds keys of eu-west-1. The caller is
//! the IAM user that the proxy's key stands for, and may do what key policy, policies and grants let that user do: `kms:Encrypt`,
//! `kms:Decrypt` and `kms:DescribeKey`.

mod api;
mod encryption;
mod health;
mod metadata;

pub use api::XKS_PATH;

use crate::names::{Found, Takes, find};
use api::ops;
use platform::{AnyOperation, Blame, Cx, Fault, Principal, Quota, Service, ServiceQuotas, TrailFacts};
use std::sync::Arc;
use wire::ServiceModel;

/// The proxy.
#[derive(Clone, Copy, Debug, Default)]
pub struct XksProxy;

static QUOTAS: ServiceQuotas = ServiceQuotas {
    code: "ThrottlingException",
    message: "The request rate is too high.",
    list: &[],
    // What AWS's own end keeps to unless asked for more ("GetHealthStatus", "KMS Considerations").
    rest: Quota::rest("rest", 1800.0),
};

impl Service for XksProxy {
    fn model(&self) -> &'static ServiceModel {
        &api::MODEL
    }

    fn operations(self: Arc<Self>) -> Vec<Box<dyn AnyOperation>> {
        platform::operations![self;
            ops::Decrypt,
            ops::Encrypt,
            ops::GetHealthStatus,
            ops::GetKeyMetadata,
        ]
    }

    fn quotas(&self) -> &'static ServiceQuotas {
        &QUOTAS
    }

    /// As KMS's own cryptographic operations.
    fn trail(&self, _: &str) -> TrailFacts {
        TrailFacts { read_only: true, response: false }
    }
}

/// Requires that the path is the caller's own: that of the user.
fn require_path(cx: &Cx<'_>, path: &str) -> Result<(), Fault> {
    match &cx.caller().principal {
        Principal::User { id, .. } if id == path => Ok(()),
        _ => Err(Fault::new("InvalidUriPathException", "The path is not the one of this access key.")),
    }
}

/// Finds the key of the caller's account that an external key id names.
fn found<'a>(cx: &mut Cx<'_>, action: &'static str, path: &str, id: &'a str) -> Result<Found<'a>, Fault> {
    require_path(cx, path)?;
    find(cx, action, id, Takes::Keys).map_err(told)
}

/// A fault of KMS in the words of the specification ("Error codes").
fn told(fault: Fault) -> Fault {
    if fault.blame() != Blame::Sender {
        return fault;
    }
    let code = match fault.code() {
        "NotFoundException" => "KeyNotFoundException",
        "DisabledException" | "KMSInvalidStateException" => "InvalidStateException",
        "InvalidKeyUsageException" => "InvalidKeyUsageException",
        "InvalidCiphertextException" => "InvalidCiphertextException",
        _ => return fault,
    };
    Fault::new(code, fault.message())
}
