//! InitializeCluster: whose a cluster is, and when it becomes active.

use crate::access::Asked;
use crate::api::{ClusterState, HsmState, InitializeClusterRequest, InitializeClusterResponse, ops};
use crate::cluster::{Cluster, find, wrong_state};
use crate::errors::invalid;
use crate::{CloudHsm, certificates, settle};
use hsm::USE_MAX;
use platform::{Cx, Fault, Handle};
use std::sync::Arc;

impl Handle<ops::InitializeCluster> for CloudHsm {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &InitializeClusterRequest,
    ) -> Result<InitializeClusterResponse, Fault> {
        let mut cluster = find(cx, Asked::to("cloudhsm:InitializeCluster"), &input.cluster_id)?;
        if cluster.state != ClusterState::Uninitialized {
            return Err(wrong_state(&cluster));
        }
        let active = cluster.hsms.iter().any(|hsm| hsm.state == HsmState::Active);
        let csr = cluster.device.as_ref().filter(|_| active).map(|device| device.csr.clone());
        let csr = csr.ok_or_else(|| invalid(format!("The cluster {} has no active HSM.", cluster.id)))?;
        cluster.claim = Some(certificates::check(cx, &csr, &input.signed_cert, &input.trust_anchor)?);
        cluster.state = ClusterState::InitializeInProgress;
        settle::soon(cx, &cluster)?;
        cluster.put(cx)?;
        Ok(InitializeClusterResponse { state: Some(cluster.state), state_message: None })
    }
}

/// Sees whether an initialized cluster has become active: whether its owner has, by the tools of PKCS#11, given its token's user a PIN.
pub(crate) fn look(cx: &mut Cx<'_>, cluster: &mut Cluster) -> Result<(), Fault> {
    let Some(device) = cluster.device.as_ref().filter(|_| cluster.state == ClusterState::Initialized) else {
        return Ok(());
    };
    if cluster.active_zones().is_empty() {
        return Ok(());
    }
    let token = device.token();
    // A device that does not answer now tells nothing: the cluster stays as it is.
    let flags = cx.aside(|| {
        Arc::clone(token.module()).within(USE_MAX, move || {
            let flags = token.flags(true);
            token.module().rest();
            flags
        })
    })?;
    if flags.is_ok_and(|flags| flags.has_user) {
        cluster.state = ClusterState::Active;
        cluster.put(cx)?;
    }
    Ok(())
}
