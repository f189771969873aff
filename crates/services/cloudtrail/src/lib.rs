//! AWS CloudTrail: what happened.
//!
//! The records themselves are written by the pipeline, in the transaction of the call they are about; this service reads them.

mod glance;
mod lookup_events;
mod quotas;
mod record;

pub use cloudtrail_api as api;

use api::MODEL;
use platform::{AnyOperation, Service, ServiceQuotas};
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
        cloudtrail_api::operations!(platform::operations, self)
    }

    fn quotas(&self) -> &'static ServiceQuotas {
        &quotas::QUOTAS
    }
}
