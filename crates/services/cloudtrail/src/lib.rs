//! AWS CloudTrail: what happened.
//!
//! The records themselves are written by the pipeline, in the transaction of the call they are about; this service reads them.

pub mod api;
mod lookup_events;
mod quotas;
mod record;

use api::{MODEL, ops};
use platform::{AnyOperation, Service, ServiceQuotas, operations};
use std::sync::Arc;
use wire::ServiceModel;

/// The service.
#[derive(Clone, Copy, Debug, Default)]
pub struct CloudTrail;

impl Service for CloudTrail {
    fn model(&self) -> &'static ServiceModel {
        &MODEL
    }

    fn operations(self: Arc<Self>) -> Vec<Box<dyn AnyOperation>> {
        operations![self; ops::LookupEvents]
    }

    fn quotas(&self) -> &'static ServiceQuotas {
        &quotas::QUOTAS
    }
}
