//! The Resource Groups Tagging API: tags of all services' resources, by their ARNs.
//!
//! It reads the platform's index of resources, and changes tags through the service that has them, as the caller, so that the caller
//! needs the permissions of both (Resource Groups Tagging API Reference, "Required permissions").

mod find;
mod names;
mod pages;
mod quotas;
mod tag;
#[cfg(test)]
mod tests;

pub use resourcegroupstaggingapi_api as api;

use platform::{AnyOperation, Fault, Service, ServiceQuotas};
use std::sync::Arc;
use wire::ServiceModel;

/// The Resource Groups Tagging API.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tagging;

impl Service for Tagging {
    fn model(&self) -> &'static ServiceModel {
        &api::MODEL
    }

    fn operations(self: Arc<Self>) -> Vec<Box<dyn AnyOperation>> {
        resourcegroupstaggingapi_api::operations!(platform::operations, self)
    }

    fn quotas(&self) -> &'static ServiceQuotas {
        &quotas::QUOTAS
    }

    fn internal_error(&self) -> Option<(&'static str, &'static str)> {
        Some(("InternalServiceException", "The request processing failed because of an unknown error."))
    }
}

/// A parameter that cannot be taken.
fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterException", message)
}
