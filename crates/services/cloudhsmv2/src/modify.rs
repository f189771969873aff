//! ModifyCluster.

use crate::CloudHsm;
use crate::access::Asked;
use crate::api::{BackupState, ClusterState, ModifyClusterRequest, ModifyClusterResponse, ops};
use crate::backups::BACKUPS;
use crate::cluster::{find, known_type, retention, wrong_state};
use crate::errors::invalid;
use platform::{Cx, Fault, Handle};

impl Handle<ops::ModifyCluster> for CloudHsm {
    fn handle(&self, cx: &mut Cx<'_>, input: &ModifyClusterRequest) -> Result<ModifyClusterResponse, Fault> {
        let mut cluster = find(cx, Asked::to("cloudhsm:ModifyCluster"), &input.cluster_id)?;
        if input.hsm_type.is_none() && input.backup_retention_policy.is_none() {
            return Err(invalid(
                "Name the type of HSM or the backup retention policy that the cluster is to have.",
            ));
        }
        let modifiable = [ClusterState::Uninitialized, ClusterState::Initialized, ClusterState::Active];
        if !modifiable.contains(&cluster.state) {
            return Err(wrong_state(&cluster));
        }
        if let Some(name) = &input.hsm_type
            && known_type(name)? != cluster.hsm_type
        {
            // Another type is another device, and keys that cannot leave their token cannot move to it.
            return Err(invalid(format!("The cluster {} cannot change its type of HSM.", cluster.id)));
        }
        if let Some(policy) = &input.backup_retention_policy {
            cluster.retention_days = retention(policy)?;
            let all = BACKUPS.scan(&mut cx.tx, &[&cluster.account, &cluster.region], None, usize::MAX)?;
            for (_, backup) in all {
                if backup.cluster == cluster.id && backup.state == BackupState::Ready {
                    backup.expire_after(cx, cluster.retention_days)?;
                }
            }
        }
        cluster.put(cx)?;
        Ok(ModifyClusterResponse { cluster: Some(cluster.on_the_wire(None)) })
    }
}
