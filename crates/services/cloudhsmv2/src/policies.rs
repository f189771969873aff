//! Resource policies of backups: which other accounts may make clusters of them.

use crate::CloudHsm;
use crate::access::Asked;
use crate::api::{
    BackupState, DeleteResourcePolicyRequest, DeleteResourcePolicyResponse, GetResourcePolicyRequest,
    GetResourcePolicyResponse, PutResourcePolicyRequest, PutResourcePolicyResponse, ops,
};
use crate::backups::{self, Backup};
use crate::errors::{invalid, not_found};
use platform::{Cx, Document, Fault, Handle, Pins};
use policy::{Policy, PolicyError, PolicyKind, Version, admit};
use std::collections::BTreeMap;

/// The backup that an ARN names.
fn find(cx: &mut Cx<'_>, asked: Asked<'_>, arn: Option<&str>) -> Result<Backup, Fault> {
    let arn = arn.ok_or_else(|| invalid("ResourceArn is required."))?;
    let place = format!("arn:aws:cloudhsm:{}:{}:", cx.region(), cx.account());
    match arn.strip_prefix(&place).and_then(|rest| rest.split_once('/')) {
        Some(("backup", id)) => backups::find(cx, asked, id),
        other => {
            // Nobody learns without permission what there is.
            asked.require(cx, arn, &BTreeMap::new())?;
            match other {
                Some(_) => Err(invalid("Only backups have resource policies.")),
                None => Err(not_found("resource", arn)),
            }
        }
    }
}

/// A backup's policy, with the ARNs of those whom it names and who still exist.
fn shown(cx: &mut Cx<'_>, backup: &Backup) -> Result<Option<String>, Fault> {
    backup.policy.as_ref().map(|policy| backup.pins.shown(cx, policy.text())).transpose()
}

impl Handle<ops::PutResourcePolicy> for CloudHsm {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &PutResourcePolicyRequest,
    ) -> Result<PutResourcePolicyResponse, Fault> {
        let mut backup = find(cx, Asked::to("cloudhsm:PutResourcePolicy"), input.resource_arn.as_deref())?;
        let text = input.policy.as_deref().ok_or_else(|| invalid("Policy is required."))?;
        if backup.state != BackupState::Ready {
            return Err(backups::wrong_state(&backup));
        }
        let malformed = |error: PolicyError| invalid(format!("The policy is malformed: {}", error.message()));
        admit(text, PolicyKind::Resource, Version::V2008).map_err(malformed)?;
        let pinned = Pins::pin(cx, text)?;
        let (pinned, pins) = pinned
            .ok_or_else(|| invalid("The policy is malformed: it names a principal that does not exist."))?;
        let policy = Policy::parse(&pinned, PolicyKind::Resource).map_err(malformed)?;
        backup.policy = Some(Document::new(pinned, policy));
        backup.pins = pins;
        backup.put(cx)?;
        Ok(PutResourcePolicyResponse { resource_arn: Some(backup.arn()), policy: Some(text.to_owned()) })
    }
}

impl Handle<ops::GetResourcePolicy> for CloudHsm {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GetResourcePolicyRequest,
    ) -> Result<GetResourcePolicyResponse, Fault> {
        let backup = find(cx, Asked::to("cloudhsm:GetResourcePolicy"), input.resource_arn.as_deref())?;
        Ok(GetResourcePolicyResponse { policy: shown(cx, &backup)? })
    }
}

impl Handle<ops::DeleteResourcePolicy> for CloudHsm {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &DeleteResourcePolicyRequest,
    ) -> Result<DeleteResourcePolicyResponse, Fault> {
        let mut backup = find(cx, Asked::to("cloudhsm:DeleteResourcePolicy"), input.resource_arn.as_deref())?;
        let policy = shown(cx, &backup)?;
        (backup.policy, backup.pins) = (None, Pins::default());
        backup.put(cx)?;
        Ok(DeleteResourcePolicyResponse { resource_arn: Some(backup.arn()), policy })
    }
}
