//! CopyBackupToRegion. Every region of a deployment has the same devices: the copy is of the backup's record, and stands for the same token.

use crate::access::{self, Asked};
use crate::api::{
    BackupState, CopyBackupToRegionRequest, CopyBackupToRegionResponse, DestinationBackup, ops,
};
use crate::backups::{self, Backup, Source};
use crate::errors::invalid;
use crate::{CloudHsm, tags};
use platform::{Cx, Fault, Handle, Pins};
use std::collections::BTreeMap;
use wire::Timestamp;

impl Handle<ops::CopyBackupToRegion> for CloudHsm {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &CopyBackupToRegionRequest,
    ) -> Result<CopyBackupToRegionResponse, Fault> {
        let requested = input.tag_list.as_deref().unwrap_or_default();
        let region = cx.region();
        let named = access::backup_arn(&input.destination_region, cx.account(), "*");
        let further = (!requested.is_empty()).then_some(("cloudhsm:TagResource", named.as_str()));
        let asked = Asked { adding: requested, further, ..Asked::to("cloudhsm:CopyBackupToRegion") };
        let original = backups::find(cx, asked, &input.backup_id)?;
        let id = access::new_id(cx, "backup");
        let arn = access::backup_arn(&input.destination_region, cx.account(), &id);
        Asked::require_tagging(cx, (&arn, &named), requested)?;
        if original.state != BackupState::Ready {
            return Err(backups::wrong_state(&original));
        }
        if !cx.serves(&input.destination_region) {
            return Err(invalid(format!(
                "{} is not a Region that AWS CloudHSM is in.",
                input.destination_region
            )));
        }
        if input.destination_region == region {
            return Err(invalid("A backup is copied to another Region than its own."));
        }
        let mut own = BTreeMap::new();
        tags::add(&mut own, requested)?;
        let copy = Backup {
            region: input.destination_region.clone(),
            id,
            tags: if requested.is_empty() { original.tags.clone() } else { own },
            source: Some(Source {
                region: region.to_owned(),
                backup: original.id.clone(),
                cluster: original.cluster.clone(),
                copied: cx.now().0,
            }),
            policy: None,
            pins: Pins::default(),
            ..original.clone()
        };
        copy.expire_after(cx, copy.retention_days)?;
        copy.put(cx)?;
        Ok(CopyBackupToRegionResponse {
            destination_backup: Some(DestinationBackup {
                create_timestamp: Some(Timestamp(original.created)),
                source_region: Some(region.to_owned()),
                source_backup: Some(original.id),
                source_cluster: Some(original.cluster),
            }),
        })
    }
}
