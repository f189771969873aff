//! AWS Identity and Access Management: users, groups, roles, managed and inline policies, permissions boundaries, access keys,
//! passwords and other credentials of users, MFA devices, instance profiles, and the account they are in.
//!
//! The room, from the bottom up: `entity` is what all named things share (names without regard to case, ARNs, unique ids,
//! quotas, being fetched for an action); one file a resource follows, each with its rows and its operations; `directory` is
//! what the pipeline asks on every call, answered from point reads alone.
//!
//! Rows refer to each other by unique id, managed policies by ARN, so that renaming touches one row. What is looked at from
//! both sides (members of a group, uses of a policy, instance profiles of a role) has a row for the other direction, written in
//! the same transaction.

mod access;
mod access_keys;
mod account;
mod attachments;
mod attempts;
mod aws_managed;
mod boundaries;
mod credential_report;
mod credentials;
mod details;
mod directory;
mod documents;
mod entity;
mod errors;
mod groups;
mod inline;
mod instance_profiles;
mod limits;
mod login_profiles;
mod mfa_assignments;
mod mfa_devices;
mod page;
mod passwords;
mod policies;
mod policy_entities;
mod policy_names;
mod policy_versions;
mod proxy_keys;
mod qr;
mod quotas;
mod roles;
mod service_credentials;
mod signing_certificates;
mod ssh_keys;
mod ssh_public_key;
mod tags;
mod trust;
mod usage;
mod users;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use access_keys::{add_root_key, bootstrap};
pub use proxy_keys::{
    NewProxyKey, ProxyKey, create_proxy_key, delete_proxy_key, proxy_keys, set_proxy_key_active,
};

pub use iam_api as api;

use api::MODEL;
use attempts::Attempts;
use platform::{AnyOperation, Cx, Fault, Service, ServiceQuotas};
use policy::Policy;
use quick_cache::sync::Cache;
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::ServiceModel;

/// The service.
#[derive(Debug)]
pub struct Iam {
    /// Session policies by their text: a session brings its own with every call.
    session_policies: Cache<String, Arc<Policy>>,
    /// Wrong passwords and codes.
    attempts: Attempts,
}

impl Default for Iam {
    fn default() -> Self {
        let session_policies = Cache::new(limits::SESSION_POLICIES_CACHED);
        Self { session_policies, attempts: Attempts::default() }
    }
}

impl Service for Iam {
    fn model(&self) -> &'static ServiceModel {
        &MODEL
    }

    fn operations(self: Arc<Self>) -> Vec<Box<dyn AnyOperation>> {
        iam_api::operations!(platform::operations, self)
    }

    fn quotas(&self) -> &'static ServiceQuotas {
        &quotas::QUOTAS
    }

    fn internal_error(&self) -> Option<(&'static str, &'static str)> {
        // API Reference, "Errors" of most operations.
        let message = "The request processing has failed because of an unknown error, exception or failure.";
        Some(("ServiceFailureException", message))
    }

    fn tag(&self, cx: &mut Cx<'_>, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), Fault> {
        tags::tag_by_arn(cx, arn, tags)
    }

    fn untag(&self, cx: &mut Cx<'_>, arn: &str, keys: &[String]) -> Result<(), Fault> {
        tags::untag_by_arn(cx, arn, keys)
    }
}
