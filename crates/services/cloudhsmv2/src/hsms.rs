//! CreateHsm and DeleteHsm.

use crate::access::Asked;
use crate::api::{
    ClusterState, CreateHsmRequest, CreateHsmResponse, DeleteHsmRequest, DeleteHsmResponse, HsmState, ops,
};
use crate::cluster::{CLUSTERS, Hsm, find, wrong_state};
use crate::errors::{invalid, not_found, service};
use crate::{CloudHsm, access, devices, settle};
use platform::{Cx, Fault, Handle};

/// HSMs of an account in a Region (AWS CloudHSM User Guide, "AWS CloudHSM quotas").
const HSMS_MAX: usize = 6;

impl Handle<ops::CreateHsm> for CloudHsm {
    fn handle(&self, cx: &mut Cx<'_>, input: &CreateHsmRequest) -> Result<CreateHsmResponse, Fault> {
        let mut cluster = find(cx, Asked::to("cloudhsm:CreateHsm"), &input.cluster_id)?;
        let zone = &input.availability_zone;
        let subnet = cluster.subnets.get(zone).cloned();
        let subnet = subnet.ok_or_else(|| {
            invalid(format!("The cluster {} has no subnet in the Availability Zone {zone}.", cluster.id))
        })?;
        match cluster.state {
            ClusterState::Initialized | ClusterState::Active => {}
            // The one that the cluster is initialized with.
            ClusterState::Uninitialized if cluster.hsms.is_empty() => {}
            ClusterState::Uninitialized => {
                return Err(invalid(format!(
                    "The cluster {} has to be initialized before it has another HSM.",
                    cluster.id
                )));
            }
            _ => return Err(wrong_state(&cluster)),
        }
        if input.ip_address.is_some() && cluster.hsms.iter().any(|hsm| hsm.ip == input.ip_address) {
            return Err(invalid("The IP address is in use by another HSM of the cluster."));
        }
        let clusters = CLUSTERS.scan(&mut cx.tx, &[&cluster.account, &cluster.region], None, usize::MAX)?;
        if clusters.iter().map(|(_, cluster)| cluster.hsms.len()).sum::<usize>() >= HSMS_MAX {
            return Err(invalid(format!("An account has no more than {HSMS_MAX} HSMs in a Region.")));
        }
        if cluster.device.is_none() && !devices::any_free(cx, &self.devices)? {
            return Err(service("No hardware security module is available."));
        }
        if cluster.device.is_none() && cluster.officer.is_none() {
            cluster.officer = Some(devices::new_officer(cx)?);
        }
        let hsm = Hsm {
            id: access::new_id(cx, "hsm"),
            zone: zone.clone(),
            subnet,
            ip: input.ip_address.clone(),
            state: HsmState::CreateInProgress,
            message: None,
        };
        let shown = hsm.on_the_wire(&cluster);
        cluster.hsms.push(hsm);
        settle::soon(cx, &cluster)?;
        cluster.put(cx)?;
        Ok(CreateHsmResponse { hsm: Some(shown) })
    }
}

impl Handle<ops::DeleteHsm> for CloudHsm {
    fn handle(&self, cx: &mut Cx<'_>, input: &DeleteHsmRequest) -> Result<DeleteHsmResponse, Fault> {
        let mut cluster = find(cx, Asked::to("cloudhsm:DeleteHsm"), &input.cluster_id)?;
        let id = cluster.id.clone();
        let hsm = match (&input.hsm_id, &input.eni_ip, &input.eni_id) {
            (Some(hsm), None, None) => cluster.hsms.iter_mut().find(|other| other.id == *hsm),
            (None, Some(ip), None) => cluster.hsms.iter_mut().find(|other| other.ip.as_ref() == Some(ip)),
            (None, None, Some(eni)) => cluster.hsms.iter_mut().find(|other| other.eni() == *eni),
            _ => return Err(invalid("Name the HSM by one of HsmId, EniId and EniIp.")),
        };
        let hsm = hsm.ok_or_else(|| not_found("HSM of cluster", &id))?;
        if !matches!(hsm.state, HsmState::Active | HsmState::Degraded) {
            return Err(invalid(format!(
                "The HSM {} is in state {}, in which it cannot be deleted.",
                hsm.id, hsm.state
            )));
        }
        hsm.state = HsmState::DeleteInProgress;
        let hsm_id = Some(hsm.id.clone());
        settle::soon(cx, &cluster)?;
        cluster.put(cx)?;
        Ok(DeleteHsmResponse { hsm_id })
    }
}
