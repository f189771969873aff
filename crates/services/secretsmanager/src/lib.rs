//! AWS Secrets Manager: secrets in versions, encrypted under keys of KMS, and their rotation.
//!
//! A secret is one row of metadata, versions and labels; each value is a row of its own, encrypted under a data key that KMS made on the
//! caller's behalf and that only KMS opens again. `docs/decisions/0052-secrets.md` has the reasons.
//!
//! ```text
//! secretsmanager/secrets  [account, region, name]                    the secret
//! secretsmanager/created  [account, region, time, name]              the order of creation
//! secretsmanager/values   [account, region, name, suffix, version]   the encrypted value of a version
//! secretsmanager/accessed [account, region, name, suffix, version]   the day of its last use
//! secretsmanager/counts   [account, region, part]                    the number of secrets
//! ```

mod access;
mod associations;
mod batch;
mod create;
mod delete;
mod describe;
mod envelope;
mod errors;
mod lists;
mod password;
mod policies;
mod quotas;
mod replicas;
mod rotation;
mod secret;
mod stages;
mod tags;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod update;
mod values;
mod versions;

pub use secretsmanager_api as api;

use platform::{AnyOperation, Cx, Fault, Handle, Job, Next, Outcome, Service, ServiceQuotas, Task, Worker};
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::ServiceModel;

pub use rotation::{Databases, StepFailure, Values};

/// The service.
#[derive(Clone, Debug)]
pub struct SecretsManager {
    databases: Arc<dyn Databases>,
}

impl Default for SecretsManager {
    /// The service without databases: no rotation function is served.
    fn default() -> Self {
        Self::new(Arc::new(rotation::Nothing))
    }
}

impl SecretsManager {
    /// The service, which rotates passwords of these databases.
    pub fn new(databases: Arc<dyn Databases>) -> Self {
        Self { databases }
    }

    fn databases(&self) -> &dyn Databases {
        &*self.databases
    }
}

impl Service for SecretsManager {
    fn model(&self) -> &'static ServiceModel {
        &api::MODEL
    }

    fn operations(self: Arc<Self>) -> Vec<Box<dyn AnyOperation>> {
        secretsmanager_api::operations!(platform::operations, self)
    }

    fn quotas(&self) -> &'static ServiceQuotas {
        &quotas::QUOTAS
    }

    fn internal_error(&self) -> Option<(&'static str, &'static str)> {
        Some(errors::INTERNAL)
    }

    fn tag(&self, cx: &mut Cx<'_>, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), Fault> {
        let tags =
            tags.iter().map(|(key, value)| api::Tag { key: Some(key.clone()), value: Some(value.clone()) });
        let input = api::TagResourceRequest { secret_id: arn.to_owned(), tags: tags.collect() };
        Handle::<api::ops::TagResource>::handle(self, cx, &input).map(drop)
    }

    fn untag(&self, cx: &mut Cx<'_>, arn: &str, keys: &[String]) -> Result<(), Fault> {
        let input = api::UntagResourceRequest { secret_id: arn.to_owned(), tag_keys: keys.to_vec() };
        Handle::<api::ops::UntagResource>::handle(self, cx, &input).map(drop)
    }

    fn destroys(&self, task: &str) -> bool {
        !matches!(task, rotation::steps::OPEN | "rotate")
    }

    fn due(&self, cx: &mut Cx<'_>, task: &Task) -> Result<(), Fault> {
        match task.timer.task.as_str() {
            delete::TASK => delete::due(cx, task),
            rotation::steps::OPEN => rotation::steps::open(cx, task),
            _ => Err(Fault::bug(format!("no such task of Secrets Manager: {task:?}"))),
        }
    }

    fn workers(&self) -> &'static [Worker] {
        &rotation::steps::WORKERS
    }

    fn begin(&self, cx: &mut Cx<'_>, task: &Task) -> Result<Option<Job>, Fault> {
        self.begin_step(cx, task)
    }

    fn settle(&self, cx: &mut Cx<'_>, task: &Task, outcome: &Outcome) -> Result<Next, Fault> {
        self.settle_step(cx, task, outcome)
    }
}
