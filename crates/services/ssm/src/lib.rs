//! AWS Systems Manager: Parameter Store, and the settings, tags and resource policies that belong to it.
//!
//! A parameter's row has its newest version, tags and resource policy; older versions and labels have rows of their own. A SecureString is
//! encrypted by KMS on behalf of who puts it, and only KMS can open it, on behalf of who reads it. Rows are in the order of the hierarchy, so
//! that a page of a list is a short range of them ([`names`]).
//!
//! ```text
//! ssm/parameters      [account, region, hierarchy above it, last part of its name]
//! ssm/versions        [account, region, hierarchy above it, last part of its name, number]
//! ssm/labels          [account, region, hierarchy above it, last part of its name]
//! ssm/settings        [account, region, id]
//! ssm/standard-counts [account, region, part]
//! ssm/advanced-counts [account, region, part]
//! ```

mod access;
mod by_path;
mod data_types;
mod delete;
mod describe;
mod errors;
mod events;
mod filters;
mod get;
mod history;
mod labels;
mod lists;
mod names;
mod parameter;
mod policies;
mod public;
mod put;
mod quotas;
mod secrets;
mod settings;
mod sharing;
mod stored;
mod tags;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tiers;
mod values;

pub use ssm_api as api;

use platform::{AnyOperation, Cx, Fault, Service, ServiceQuotas, Task};
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::ServiceModel;

/// The service.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemsManager;

impl Service for SystemsManager {
    fn model(&self) -> &'static ServiceModel {
        &api::MODEL
    }

    fn operations(self: Arc<Self>) -> Vec<Box<dyn AnyOperation>> {
        ssm_api::operations!(platform::operations, self)
    }

    fn quotas(&self) -> &'static ServiceQuotas {
        &quotas::QUOTAS
    }

    fn internal_error(&self) -> Option<(&'static str, &'static str)> {
        Some(("InternalServerError", "An error occurred on the server side."))
    }

    fn tag(&self, cx: &mut Cx<'_>, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), Fault> {
        tags::tag(self, cx, arn, tags)
    }

    fn untag(&self, cx: &mut Cx<'_>, arn: &str, keys: &[String]) -> Result<(), Fault> {
        tags::untag(self, cx, arn, keys)
    }

    fn destroys(&self, task: &str) -> bool {
        task != policies::NOTIFY
    }

    fn due(&self, cx: &mut Cx<'_>, task: &Task) -> Result<(), Fault> {
        match task.timer.task.as_str() {
            policies::EXPIRE | policies::NOTIFY => policies::due(cx, task),
            _ => Err(Fault::bug(format!("no such task of Systems Manager: {task:?}"))),
        }
    }
}
