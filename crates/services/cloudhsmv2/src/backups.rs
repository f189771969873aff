//! Backups: the token of a cluster, kept whatever becomes of the cluster (AWS CloudHSM User Guide, "Cluster backups").

use crate::access::{self, Asked, backup_arn};
use crate::api::{
    self, BackupState, ClusterMode, DeleteBackupRequest, DeleteBackupResponse, ModifyBackupAttributesRequest,
    ModifyBackupAttributesResponse, RestoreBackupRequest, RestoreBackupResponse, ops,
};
use crate::cluster::{CLUSTERS, Claim, Cluster, text};
use crate::devices::{self, Device};
use crate::errors::{invalid, not_found};
use crate::{CloudHsm, tags};
use platform::{Access, Cx, Document, Fault, Handle, Indexed, Pins, Table, Timer};
use policy::{Mode, PolicyKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::Timestamp;

/// `[account, region, backup id]`
pub(crate) const BACKUPS: Table<Backup> = Table::new("cloudhsmv2/backups");

/// The tasks of timers: a backup may have been kept long enough, or has been deleted for so long that it goes.
pub(crate) const EXPIRE: &str = "expire-backup";
pub(crate) const DELETE: &str = "delete-backup";

pub(crate) const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// How long a deleted backup can be restored (DeleteBackup).
const RESTORABLE_DAYS: i64 = 7;

/// A backup.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Backup {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) id: String,
    pub(crate) cluster: String,
    /// In milliseconds since the epoch.
    pub(crate) created: i64,
    #[serde(with = "text")]
    pub(crate) state: BackupState,
    pub(crate) hsm_type: String,
    #[serde(with = "text")]
    pub(crate) mode: ClusterMode,
    pub(crate) never_expires: bool,
    /// Where its cluster is gone: else the cluster says it.
    pub(crate) retention_days: i32,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) device: Device,
    pub(crate) claim: Claim,
    pub(crate) source: Option<Source>,
    /// When it goes for good, if it was deleted.
    pub(crate) delete_at: Option<i64>,
    /// The resource policy, with its principals pinned.
    pub(crate) policy: Option<Document>,
    #[serde(default, skip_serializing_if = "Pins::is_empty")]
    pub(crate) pins: Pins,
}

/// Of what a backup is a copy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) region: String,
    pub(crate) backup: String,
    pub(crate) cluster: String,
    /// When it was copied.
    pub(crate) copied: i64,
}

impl Backup {
    pub(crate) fn path(&self) -> [&str; 3] {
        [&self.account, &self.region, &self.id]
    }

    pub(crate) fn put(&self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        BACKUPS.put(&mut cx.tx, &self.path(), self)?;
        cx.keep(&Indexed { arn: &self.arn(), kind: "AWS::CloudHSM::Backup", tags: &self.tags })
    }

    pub(crate) fn arn(&self) -> String {
        backup_arn(&self.region, &self.account, &self.id)
    }

    pub(crate) fn on_the_wire(&self) -> api::Backup {
        let source = self.source.as_ref();
        api::Backup {
            backup_id: self.id.clone(),
            backup_arn: Some(self.arn()),
            backup_state: Some(self.state),
            cluster_id: Some(self.cluster.clone()),
            create_timestamp: Some(Timestamp(self.created)),
            copy_timestamp: source.map(|source| Timestamp(source.copied)),
            never_expires: Some(self.never_expires),
            source_region: source.map(|source| source.region.clone()),
            source_backup: source.map(|source| source.backup.clone()),
            source_cluster: source.map(|source| source.cluster.clone()),
            delete_timestamp: self.delete_at.map(Timestamp),
            tag_list: Some(tags::list(&self.tags)),
            hsm_type: Some(self.hsm_type.clone()),
            mode: Some(self.mode),
        }
    }

    fn timer(&self, task: &str, at: i64) -> Timer {
        Timer {
            at,
            service: api::MODEL.name.to_owned(),
            account: self.account.clone(),
            region: self.region.clone(),
            task: task.to_owned(),
            subject: self.id.clone(),
        }
    }

    /// Sees to it that it goes when it has been kept for so many days.
    pub(crate) fn expire_after(&self, cx: &mut Cx<'_>, days: i32) -> Result<(), Fault> {
        let at = self.created.saturating_add(i64::from(days).saturating_mul(DAY_MILLIS));
        self.timer(EXPIRE, at.max(cx.now().0)).set(&mut cx.tx)
    }
}

/// Makes a backup of a cluster that is somebody's.
pub(crate) fn make(cx: &mut Cx<'_>, cluster: &Cluster) -> Result<(), Fault> {
    let Some((device, claim)) = cluster.device.as_ref().zip(cluster.claim.as_ref()) else { return Ok(()) };
    let backup = Backup {
        account: cluster.account.clone(),
        region: cluster.region.clone(),
        id: access::new_id(cx, "backup"),
        cluster: cluster.id.clone(),
        // It is kept for so many days from here.
        created: cx.waits_from().0,
        state: BackupState::Ready,
        hsm_type: cluster.hsm_type.clone(),
        mode: cluster.mode,
        never_expires: false,
        retention_days: cluster.retention_days,
        tags: cluster.tags.clone(),
        device: device.clone(),
        claim: claim.clone(),
        source: None,
        delete_at: None,
        policy: None,
        pins: Pins::default(),
    };
    backup.expire_after(cx, backup.retention_days)?;
    backup.put(cx)
}

/// A backup of the caller's account.
pub(crate) fn find(cx: &mut Cx<'_>, asked: Asked<'_>, id: &str) -> Result<Backup, Fault> {
    let (account, region) = (cx.account(), cx.region());
    let arn = backup_arn(region, account, id);
    let found = BACKUPS.get(&mut cx.tx, &[account, region, id])?;
    let none = BTreeMap::new();
    let tags = found.as_ref().map_or(&none, |backup| &backup.tags);
    asked.require(cx, &arn, tags)?;
    match found {
        Some(backup) => {
            cx.touch("AWS::CloudHSM::Backup", &arn, account);
            Ok((*backup).clone())
        }
        None => Err(not_found("backup", id)),
    }
}

/// The backup that a cluster is made from: of the caller's account by id or ARN, of another that shares it by ARN.
pub(crate) fn to_restore(cx: &mut Cx<'_>, name: &str) -> Result<Arc<Backup>, Fault> {
    let (own, region) = (cx.account(), cx.region());
    let (account, id) = match name.rsplit_once(":backup/") {
        Some((place, id)) => {
            let mut parts = place.rsplit(':');
            let account = parts.next().unwrap_or_default();
            if parts.next() != Some(region) {
                return Err(not_found("backup", name));
            }
            (account, id)
        }
        None => (own, name),
    };
    let arn = backup_arn(region, account, id);
    let found = BACKUPS.get(&mut cx.tx, &[account, region, id])?;
    let shared = match found.as_ref().and_then(|backup| backup.policy.as_ref()) {
        Some(document) => Some(document.policy(PolicyKind::Resource)?),
        None => None,
    };
    let mut access = Access::to("cloudhsm:CreateCluster", arn.as_str()).owned_by(account);
    if let Some(backup) = &found {
        access = access.tagged(&backup.tags);
    }
    if let Some(policy) = &shared {
        access = access.with_policy(policy, Mode::Standard);
    }
    cx.authorize(&access)?;
    let backup = found.ok_or_else(|| not_found("backup", id))?;
    cx.touch("AWS::CloudHSM::Backup", &arn, account);
    if backup.state != BackupState::Ready {
        return Err(wrong_state(&backup));
    }
    Ok(backup)
}

pub(crate) fn wrong_state(backup: &Backup) -> Fault {
    invalid(format!("The backup {} is in state {}, in which this is not possible.", backup.id, backup.state))
}

impl Handle<ops::DeleteBackup> for CloudHsm {
    fn handle(&self, cx: &mut Cx<'_>, input: &DeleteBackupRequest) -> Result<DeleteBackupResponse, Fault> {
        let mut backup = find(cx, Asked::to("cloudhsm:DeleteBackup"), &input.backup_id)?;
        if backup.state != BackupState::Ready {
            return Err(wrong_state(&backup));
        }
        put_to_deletion(cx, &mut backup)?;
        Ok(DeleteBackupResponse { backup: Some(backup.on_the_wire()) })
    }
}

fn put_to_deletion(cx: &mut Cx<'_>, backup: &mut Backup) -> Result<(), Fault> {
    let at = cx.waits_from().0.saturating_add(RESTORABLE_DAYS * DAY_MILLIS);
    backup.state = BackupState::PendingDeletion;
    backup.delete_at = Some(at);
    backup.timer(DELETE, at).set(&mut cx.tx)?;
    backup.put(cx)
}

impl Handle<ops::RestoreBackup> for CloudHsm {
    fn handle(&self, cx: &mut Cx<'_>, input: &RestoreBackupRequest) -> Result<RestoreBackupResponse, Fault> {
        let mut backup = find(cx, Asked::to("cloudhsm:RestoreBackup"), &input.backup_id)?;
        if backup.state != BackupState::PendingDeletion {
            return Err(wrong_state(&backup));
        }
        if let Some(at) = backup.delete_at.take() {
            backup.timer(DELETE, at).clear(&mut cx.tx)?;
        }
        backup.state = BackupState::Ready;
        backup.put(cx)?;
        Ok(RestoreBackupResponse { backup: Some(backup.on_the_wire()) })
    }
}

impl Handle<ops::ModifyBackupAttributes> for CloudHsm {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &ModifyBackupAttributesRequest,
    ) -> Result<ModifyBackupAttributesResponse, Fault> {
        let mut backup = find(cx, Asked::to("cloudhsm:ModifyBackupAttributes"), &input.backup_id)?;
        if backup.state != BackupState::Ready {
            return Err(wrong_state(&backup));
        }
        backup.never_expires = input.never_expires;
        if !backup.never_expires {
            backup.expire_after(cx, backup.retention_days)?;
        }
        backup.put(cx)?;
        Ok(ModifyBackupAttributesResponse { backup: Some(backup.on_the_wire()) })
    }
}

/// A backup that may have been kept long enough. The last of a cluster stays.
pub(crate) fn expire(cx: &mut Cx<'_>, due: &Timer) -> Result<(), Fault> {
    let path = [due.account.as_str(), &due.region, &due.subject];
    let Some(found) = BACKUPS.get(&mut cx.tx, &path)? else { return Ok(()) };
    if found.never_expires || found.state != BackupState::Ready {
        return Ok(());
    }
    let cluster = CLUSTERS.get(&mut cx.tx, &[&found.account, &found.region, &found.cluster])?;
    let days = cluster.map_or(found.retention_days, |cluster| cluster.retention_days);
    let at = found.created.saturating_add(i64::from(days).saturating_mul(DAY_MILLIS));
    if at > cx.now().0 {
        return found.timer(EXPIRE, at).set(&mut cx.tx);
    }
    let all = BACKUPS.scan(&mut cx.tx, &[&found.account, &found.region], None, usize::MAX)?;
    let others = all.iter().filter(|(_, other)| {
        other.cluster == found.cluster && other.state == BackupState::Ready && other.created >= found.created
    });
    if others.count() <= 1 {
        return found.timer(EXPIRE, cx.now().0.saturating_add(DAY_MILLIS)).set(&mut cx.tx);
    }
    remove(cx, &found)
}

/// A deleted backup that nobody has restored.
pub(crate) fn delete(cx: &mut Cx<'_>, due: &Timer) -> Result<(), Fault> {
    let path = [due.account.as_str(), &due.region, &due.subject];
    match BACKUPS.get(&mut cx.tx, &path)? {
        Some(backup) if backup.delete_at.is_some_and(|at| at <= cx.now().0) => remove(cx, &backup),
        _ => Ok(()),
    }
}

fn remove(cx: &mut Cx<'_>, backup: &Backup) -> Result<(), Fault> {
    BACKUPS.delete(&mut cx.tx, &backup.path());
    cx.drop_resource(&backup.arn())?;
    cx.emit(platform::trail::ServiceEvent {
        name: "BackupDeleted",
        resource: platform::trail::Resource {
            kind: "AWS::CloudHSM::Backup",
            arn: backup.arn(),
            account: backup.account.clone(),
        },
        details: serde_json::json!({"backupId": backup.id, "clusterId": backup.cluster}),
    });
    release(cx, &backup.device)
}

/// Gives a token back if no cluster and no backup has it any more.
pub(crate) fn release(cx: &mut Cx<'_>, device: &Device) -> Result<(), Fault> {
    let same = |other: &Device| other.serial == device.serial && other.module == device.module;
    let clusters = CLUSTERS.scan(&mut cx.tx, &[], None, usize::MAX)?;
    let backups = BACKUPS.scan(&mut cx.tx, &[], None, usize::MAX)?;
    let needed = clusters.iter().any(|(_, cluster)| cluster.device.as_ref().is_some_and(same))
        || backups.iter().any(|(_, backup)| same(&backup.device));
    if needed {
        return Ok(());
    }
    devices::give_back(cx, device)
}
