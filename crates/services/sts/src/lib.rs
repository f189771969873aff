//! AWS Security Token Service: temporary credentials.
//!
//! Nothing is stored here: a session lives in its token ([`platform::session`]), and what its principal may do is looked up in
//! IAM on every call.

mod assume_role;
mod caller_identity;
mod decode;
mod federation_token;
mod issue;
mod mfa;
mod packed;
mod quotas;
mod session_token;

pub use sts_api as api;

use api::MODEL;
use platform::{AnyOperation, Caller, Fault, Principal, Service, ServiceQuotas, TrailFacts};
use std::sync::Arc;
use wire::ServiceModel;

/// The service.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sts;

impl Service for Sts {
    fn model(&self) -> &'static ServiceModel {
        &MODEL
    }

    fn operations(self: Arc<Self>) -> Vec<Box<dyn AnyOperation>> {
        sts_api::operations!(platform::operations, self)
    }

    fn quotas(&self) -> &'static ServiceQuotas {
        &quotas::QUOTAS
    }

    fn admit(&self, operation: &str, caller: &Caller) -> Result<(), Fault> {
        // IAM User Guide, "Comparing the AWS STS API operations".
        let allowed = match operation {
            "GetCallerIdentity" => true,
            "DecodeAuthorizationMessage" => {
                caller.session.is_none() || matches!(caller.principal, Principal::Role { .. })
            }
            "AssumeRole" => !matches!(caller.principal, Principal::Federated { .. }),
            _ => caller.session.is_none(),
        };
        if allowed {
            return Ok(());
        }
        Err(Fault::denied(format!("Cannot call {operation} with session credentials")))
    }

    fn trail(&self, operation: &str) -> TrailFacts {
        // CloudTrail calls all of STS read-only and records what was handed out, secrets aside (CloudTrail User Guide,
        // "Logging IAM and AWS STS API calls").
        TrailFacts { read_only: true, response: operation != "GetCallerIdentity" }
    }
}
