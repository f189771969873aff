//! What a cluster waits for is done by timers, after the operation was answered: as at AWS, where it takes minutes.

use crate::CloudHsm;
use crate::api::{ClusterState, HsmState};
use crate::backups;
use crate::certificates;
use crate::cluster::{CLUSTERS, Cluster};
use crate::devices::{self, Device};
use crate::errors;
use hsm::USE_MAX;
use platform::trail::{Resource, ServiceEvent};
use platform::{Cx, Fault, Timer};
use std::sync::Arc;

/// The task of the timers that bring a cluster from one state to the next.
pub(crate) const TASK: &str = "settle-cluster";

/// How long a deleted cluster is still shown, in milliseconds.
const DELETED_SHOWN_MILLIS: i64 = 60 * 60 * 1000;

/// Has the cluster settled as soon as possible.
pub(crate) fn soon(cx: &mut Cx<'_>, cluster: &Cluster) -> Result<(), Fault> {
    timer(cluster, cx.now().0).set(&mut cx.tx)
}

fn timer(cluster: &Cluster, at: i64) -> Timer {
    Timer {
        at,
        service: crate::api::MODEL.name.to_owned(),
        account: cluster.account.clone(),
        region: cluster.region.clone(),
        task: TASK.to_owned(),
        subject: cluster.id.clone(),
    }
}

impl CloudHsm {
    /// Does what the states of a cluster and its HSMs say is under way.
    pub(crate) fn settle(&self, cx: &mut Cx<'_>, due: &Timer) -> Result<(), Fault> {
        let path = [due.account.as_str(), &due.region, &due.subject];
        let Some(found) = CLUSTERS.get(&mut cx.tx, &path)? else { return Ok(()) };
        let mut cluster = (*found).clone();
        match cluster.state {
            ClusterState::CreateInProgress => {
                // One that was made from a backup is somebody's already.
                cluster.state = match cluster.claim {
                    Some(_) => ClusterState::Initialized,
                    None => ClusterState::Uninitialized,
                };
            }
            ClusterState::InitializeInProgress => {
                certificates::keep(cx, &cluster)?;
                backups::make(cx, &cluster)?;
                cluster.state = ClusterState::Initialized;
            }
            ClusterState::DeleteInProgress => {
                cluster.state = ClusterState::Deleted;
                timer(&cluster, cx.now().0.saturating_add(DELETED_SHOWN_MILLIS)).set(&mut cx.tx)?;
                cluster.put(cx)?;
                if let Some(device) = cluster.device.take() {
                    cluster.put(cx)?;
                    backups::release(cx, &device)?;
                }
                tell(cx, &cluster);
                return Ok(());
            }
            ClusterState::Deleted => {
                CLUSTERS.delete(&mut cx.tx, &path);
                return cx.drop_resource(&cluster.arn());
            }
            _ => {}
        }
        self.settle_hsms(cx, &mut cluster)?;
        tell(cx, &cluster);
        cluster.put(cx)
    }

    fn settle_hsms(&self, cx: &mut Cx<'_>, cluster: &mut Cluster) -> Result<(), Fault> {
        let mut left = Vec::new();
        for mut hsm in std::mem::take(&mut cluster.hsms) {
            match hsm.state {
                HsmState::CreateInProgress => match self.prepare(cx, cluster) {
                    Ok(()) => hsm.state = HsmState::Active,
                    Err(fault) if fault.blame() == platform::Blame::Sender => {
                        hsm.state = HsmState::Degraded;
                        hsm.message = Some(fault.message().to_owned());
                    }
                    Err(fault) => return Err(fault),
                },
                HsmState::DeleteInProgress => {
                    if cluster.claim.is_some() {
                        backups::make(cx, cluster)?;
                    }
                    continue;
                }
                _ => {}
            }
            left.push(hsm);
        }
        cluster.hsms = left;
        if cluster.hsms.is_empty() && cluster.claim.is_none() {
            // Nothing is in it that anybody could want back.
            if let Some(device) = cluster.device.take() {
                cluster.put(cx)?;
                backups::release(cx, &device)?;
            }
        }
        Ok(())
    }

    /// Gives a cluster its token, if it has none, and requires that the token answers.
    fn prepare(&self, cx: &mut Cx<'_>, cluster: &mut Cluster) -> Result<(), Fault> {
        if let Some(device) = &cluster.device {
            let token = device.token();
            let module = Arc::clone(token.module());
            let answer = cx.aside(|| module.within(USE_MAX, move || token.flags(false)))?;
            return answer.map(drop).map_err(|error| errors::device(&error));
        }
        let officer = cluster.officer.clone();
        let officer = officer.ok_or_else(|| Fault::bug(format!("{} has no officer", cluster.id)))?;
        let taken = devices::take(cx, &self.devices, &cluster.id, officer)?;
        let taken = taken.ok_or_else(|| errors::service("No hardware security module is available."))?;
        let mut device = Device {
            module: taken.token.module().path().to_owned(),
            serial: taken.token.serial().to_owned(),
            so_pin: taken.so_pin,
            csr: String::new(),
            certificate: String::new(),
        };
        let pin = device.so_pin(cx)?;
        (device.csr, device.certificate) = certificates::issue(cx, &taken.token, &pin, &cluster.id)?;
        cluster.device = Some(device);
        Ok(())
    }
}

/// Tells the trail what became of a cluster.
fn tell(cx: &mut Cx<'_>, cluster: &Cluster) {
    let hsms: Vec<_> = cluster
        .hsms
        .iter()
        .map(|hsm| serde_json::json!({"hsmId": hsm.id, "state": hsm.state.as_str()}))
        .collect();
    cx.emit(ServiceEvent {
        name: "ClusterStateChange",
        resource: Resource {
            kind: "AWS::CloudHSM::Cluster",
            arn: cluster.arn(),
            account: cluster.account.clone(),
        },
        details: serde_json::json!({
            "clusterId": cluster.id,
            "state": cluster.state.as_str(),
            "hsms": hsms,
        }),
    });
}
