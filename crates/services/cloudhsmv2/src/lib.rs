//! AWS CloudHSM: clusters of hardware security modules, their backups, and the keys that KMS keeps in them, over devices that speak PKCS#11.
//!
//! A **cluster** is a token: what the standard calls the place of keys that has a security officer, a user, and objects that can be kept
//! from leaving it. Its first **HSM** takes a free slot of a configured device and initializes the token there; further ones are further
//! places in the cluster, at the same token, as keys that cannot leave a token cannot be copied to another. The security officer is the PRECO
//! user, whose PIN is the cluster's `PreCoPassword`; the token's user is `kmsuser`, and the cluster is active when it has a PIN. A
//! **backup** is the token, kept: clusters made from it have its keys. `docs/decisions/0022-cloudhsm.md` has the reasons.
//!
//! ```text
//! cloudhsmv2/clusters     [account, region, cluster id]
//! cloudhsmv2/backups      [account, region, backup id]
//! cloudhsmv2/free-tokens  [serial number]                 tokens that were erased, to be taken again
//! ```

mod access;
mod backups;
mod certificates;
mod cluster;
mod copies;
mod devices;
mod errors;
mod hsms;
mod initialize;
mod keys;
mod lists;
mod modify;
mod policies;
mod quotas;
mod settle;
mod tags;

pub use devices::DeviceSettings;

pub use cloudhsmv2_api as api;

use platform::{AnyOperation, Cx, Fault, Service, ServiceQuotas, Task};
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::ServiceModel;

/// The service, with the devices that it may use.
#[derive(Debug, Default)]
pub struct CloudHsm {
    devices: Vec<DeviceSettings>,
    refused: Arc<keys::Refused>,
}

impl CloudHsm {
    /// The service, over these devices.
    pub fn new(devices: Vec<DeviceSettings>) -> Self {
        Self { devices, refused: Arc::default() }
    }
}

impl Service for CloudHsm {
    fn model(&self) -> &'static ServiceModel {
        &api::MODEL
    }

    fn operations(self: Arc<Self>) -> Vec<Box<dyn AnyOperation>> {
        cloudhsmv2_api::operations!(platform::operations, self)
    }

    fn quotas(&self) -> &'static ServiceQuotas {
        &quotas::QUOTAS
    }

    fn internal_error(&self) -> Option<(&'static str, &'static str)> {
        Some((errors::INTERNAL, "An internal failure occurred. The request can be retried."))
    }

    fn tag(&self, cx: &mut Cx<'_>, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), Fault> {
        tags::tag_by_arn(cx, arn, tags)
    }

    fn untag(&self, cx: &mut Cx<'_>, arn: &str, keys: &[String]) -> Result<(), Fault> {
        tags::untag_by_arn(cx, arn, keys)
    }

    /// What a cluster waits for was asked for already.
    fn destroys(&self, task: &str) -> bool {
        task != settle::TASK
    }

    fn due(&self, cx: &mut Cx<'_>, task: &Task) -> Result<(), Fault> {
        match task.task.as_str() {
            settle::TASK => self.settle(cx, task),
            backups::EXPIRE => backups::expire(cx, task),
            backups::DELETE => backups::delete(cx, task),
            _ => Err(Fault::bug(format!("no such task of CloudHSM: {task:?}"))),
        }
    }
}
