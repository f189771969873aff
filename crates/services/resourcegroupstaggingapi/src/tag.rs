//! Tagging resources of any service.

use crate::api::{
    ErrorCode, FailureInfo, TagResourcesInput, TagResourcesOutput, UntagResourcesInput, UntagResourcesOutput,
    ops,
};
use crate::find::is_global;
use crate::{Tagging, invalid};
use platform::index::ArnParts;
use platform::{Access, Blame, Cx, Fault, Handle, Service};
use policy::key;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Handle<ops::TagResources> for Tagging {
    fn handle(&self, cx: &mut Cx<'_>, input: &TagResourcesInput) -> Result<TagResourcesOutput, Fault> {
        let tags = input.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        cx.authorize(&Access::to("tag:TagResources", "*").requesting_tags(tags))?;
        if let Some(key) = key::repeated(input.tags.keys().map(String::as_str)) {
            return Err(invalid(format!("Tag keys that differ by case alone are the same: {key}")));
        }
        let failed =
            each(cx, &input.resource_arn_list, |service, cx, arn| service.tag(cx, arn, &input.tags))?;
        Ok(TagResourcesOutput { failed_resources_map: Some(failed) })
    }
}

impl Handle<ops::UntagResources> for Tagging {
    fn handle(&self, cx: &mut Cx<'_>, input: &UntagResourcesInput) -> Result<UntagResourcesOutput, Fault> {
        let keys = input.tag_keys.iter().map(String::as_str);
        cx.authorize(&Access::to("tag:UntagResources", "*").removing_tags(keys))?;
        let failed =
            each(cx, &input.resource_arn_list, |service, cx, arn| service.untag(cx, arn, &input.tag_keys))?;
        Ok(UntagResourcesOutput { failed_resources_map: Some(failed) })
    }
}

/// Does something to each resource, and tells which failed.
fn each(
    cx: &mut Cx<'_>,
    arns: &[String],
    change: impl Fn(&dyn Service, &mut Cx<'_>, &str) -> Result<(), Fault>,
) -> Result<BTreeMap<String, FailureInfo>, Fault> {
    let mut failed = BTreeMap::new();
    for arn in arns {
        let changed = owner(cx, arn).and_then(|service| change(&*service, cx, arn));
        match changed {
            Ok(()) => {}
            Err(fault) if matches!(fault.blame(), Blame::Conflict | Blame::Unavailable) => return Err(fault),
            Err(fault) => {
                failed.insert(arn.clone(), failure(&fault));
            }
        }
    }
    Ok(failed)
}

/// The service that has a resource of the caller's account in this region.
fn owner(cx: &Cx<'_>, arn: &str) -> Result<Arc<dyn Service>, Fault> {
    let parts = ArnParts::of(arn).ok_or_else(|| invalid(format!("{arn} is not a valid ARN.")))?;
    if parts.account != cx.account() {
        return Err(invalid(format!("{arn} belongs to another account.")));
    }
    if parts.region != cx.region() && !is_global(cx, parts) {
        return Err(invalid(format!("{arn} is not in the Region {}.", cx.region())));
    }
    cx.service_of_arns(parts.service)
        .ok_or_else(|| invalid(format!("{arn} is of no service whose resources can be tagged here.")))
}

fn failure(fault: &Fault) -> FailureInfo {
    let (code, status) = match fault.blame() {
        Blame::Bug => (ErrorCode::InternalServiceException, 500),
        Blame::Denied => (ErrorCode::InvalidParameterException, 403),
        _ => (ErrorCode::InvalidParameterException, 400),
    };
    FailureInfo {
        status_code: Some(status),
        error_code: Some(code),
        error_message: Some(format!("{}: {}", fault.code(), fault.message())),
    }
}
