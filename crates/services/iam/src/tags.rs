//! Tags of users, roles, customer managed policies, instance profiles and virtual MFA devices.
//!
//! Keys are kept as written but compared without regard to case (IAM User Guide, "Rules for tagging in IAM and AWS STS").

use crate::access::Ask;
use crate::entity::{self, Entity, Kind};
use crate::errors::{invalid_input, limit_exceeded};
use crate::instance_profiles::InstanceProfile;
use crate::page::{Page, Pager};
use crate::roles::Role;
use crate::users::User;
use crate::{Iam, api, api::ops, limits};
use crate::{mfa_devices, policies};
use platform::index::ArnParts;
use platform::{As, Cx, Fault, Handle};
use policy::key;
use std::collections::BTreeMap;
use wire::Unit;

/// Tags by key.
pub(crate) type Tags = BTreeMap<String, String>;

/// The tags of a new entity.
pub(crate) fn of_new(given: Option<&Vec<api::Tag>>) -> Result<Tags, Fault> {
    let mut tags = Tags::new();
    merge(&mut tags, given.map_or(&[], Vec::as_slice))?;
    Ok(tags)
}

/// Tags as answers list them; none instead of an empty list.
pub(crate) fn answer(tags: &Tags) -> Option<Vec<api::Tag>> {
    (!tags.is_empty()).then(|| list_of(tags))
}

/// Tags as a list, which may be empty.
pub(crate) fn list_of(tags: &Tags) -> Vec<api::Tag> {
    tags.iter().map(|(key, value)| api::Tag { key: key.clone(), value: value.clone() }).collect()
}

fn merge(tags: &mut Tags, given: &[api::Tag]) -> Result<(), Fault> {
    let repeated = key::repeated(given.iter().map(|tag| tag.key.as_str())).is_some();
    for api::Tag { key, value } in given {
        if repeated {
            return Err(invalid_input(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        if key::fold(key).starts_with("aws:") {
            return Err(invalid_input(
                "Caller is not authorized to add or remove tags with the reserved prefix aws:",
            ));
        }
        take_out(tags, key);
        tags.insert(key.clone(), value.clone());
    }
    if tags.len() > limits::TAGS {
        return Err(limit_exceeded("The number of tags has reached the maximum limit."));
    }
    Ok(())
}

fn take_out(tags: &mut Tags, key: &str) {
    tags.retain(|held, _| !key::same(held, key));
}

fn tag<T: Entity>(cx: &mut Cx<'_>, row: &T, given: &[api::Tag]) -> Result<Unit, Fault> {
    let mut row = row.clone();
    merge(&mut row.head_mut().tags, given)?;
    row.save(cx)?;
    Ok(Unit)
}

fn untag<T: Entity>(cx: &mut Cx<'_>, row: &T, keys: &[String]) -> Result<Unit, Fault> {
    let mut row = row.clone();
    for key in keys {
        take_out(&mut row.head_mut().tags, key);
    }
    row.save(cx)?;
    Ok(Unit)
}

fn list<T: Entity>(
    cx: &Cx<'_>,
    row: &T,
    marker: Option<&String>,
    max_items: Option<i32>,
) -> Result<Page<api::Tag>, Fault> {
    let mut pager = Pager::begin(cx, &format!("tags/{}", row.head().id), marker, max_items)?;
    pager.entries(0, list_of(&row.head().tags));
    pager.end(cx)
}

impl Handle<ops::TagUser> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::TagUserRequest) -> Result<Unit, Fault> {
        let user = entity::fetch::<User>(cx, Ask::to("iam:TagUser").tags(&input.tags), &input.user_name)?;
        tag(cx, &*user, &input.tags)
    }
}

impl Handle<ops::UntagUser> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::UntagUserRequest) -> Result<Unit, Fault> {
        let ask = Ask::to("iam:UntagUser").tag_keys(&input.tag_keys);
        let user = entity::fetch::<User>(cx, ask, &input.user_name)?;
        untag(cx, &*user, &input.tag_keys)
    }
}

impl Handle<ops::ListUserTags> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListUserTagsRequest,
    ) -> Result<api::ListUserTagsResponse, Fault> {
        let user = entity::fetch::<User>(cx, Ask::to("iam:ListUserTags"), &input.user_name)?;
        let page = list(cx, &*user, input.marker.as_ref(), input.max_items)?;
        Ok(api::ListUserTagsResponse {
            tags: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::TagRole> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::TagRoleRequest) -> Result<Unit, Fault> {
        let role = entity::fetch::<Role>(cx, Ask::to("iam:TagRole").tags(&input.tags), &input.role_name)?;
        tag(cx, &*role, &input.tags)
    }
}

impl Handle<ops::UntagRole> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::UntagRoleRequest) -> Result<Unit, Fault> {
        let ask = Ask::to("iam:UntagRole").tag_keys(&input.tag_keys);
        let role = entity::fetch::<Role>(cx, ask, &input.role_name)?;
        untag(cx, &*role, &input.tag_keys)
    }
}

impl Handle<ops::ListRoleTags> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListRoleTagsRequest,
    ) -> Result<api::ListRoleTagsResponse, Fault> {
        let role = entity::fetch::<Role>(cx, Ask::to("iam:ListRoleTags"), &input.role_name)?;
        let page = list(cx, &*role, input.marker.as_ref(), input.max_items)?;
        Ok(api::ListRoleTagsResponse {
            tags: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::TagPolicy> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::TagPolicyRequest) -> Result<Unit, Fault> {
        let ask = Ask::to("iam:TagPolicy").tags(&input.tags);
        let policy = policies::fetch_own(cx, ask, &input.policy_arn)?;
        tag(cx, &*policy, &input.tags)
    }
}

impl Handle<ops::UntagPolicy> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::UntagPolicyRequest) -> Result<Unit, Fault> {
        let ask = Ask::to("iam:UntagPolicy").tag_keys(&input.tag_keys);
        let policy = policies::fetch_own(cx, ask, &input.policy_arn)?;
        untag(cx, &*policy, &input.tag_keys)
    }
}

impl Handle<ops::ListPolicyTags> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListPolicyTagsRequest,
    ) -> Result<api::ListPolicyTagsResponse, Fault> {
        let policy = policies::fetch(cx, Ask::to("iam:ListPolicyTags"), &input.policy_arn)?;
        let page = list(cx, &*policy, input.marker.as_ref(), input.max_items)?;
        Ok(api::ListPolicyTagsResponse {
            tags: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::TagInstanceProfile> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::TagInstanceProfileRequest) -> Result<Unit, Fault> {
        let ask = Ask::to("iam:TagInstanceProfile").tags(&input.tags);
        let profile = entity::fetch::<InstanceProfile>(cx, ask, &input.instance_profile_name)?;
        tag(cx, &*profile, &input.tags)
    }
}

impl Handle<ops::UntagInstanceProfile> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::UntagInstanceProfileRequest) -> Result<Unit, Fault> {
        let ask = Ask::to("iam:UntagInstanceProfile").tag_keys(&input.tag_keys);
        let profile = entity::fetch::<InstanceProfile>(cx, ask, &input.instance_profile_name)?;
        untag(cx, &*profile, &input.tag_keys)
    }
}

impl Handle<ops::ListInstanceProfileTags> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListInstanceProfileTagsRequest,
    ) -> Result<api::ListInstanceProfileTagsResponse, Fault> {
        let ask = Ask::to("iam:ListInstanceProfileTags");
        let profile = entity::fetch::<InstanceProfile>(cx, ask, &input.instance_profile_name)?;
        let page = list(cx, &*profile, input.marker.as_ref(), input.max_items)?;
        Ok(api::ListInstanceProfileTagsResponse {
            tags: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

/// Tags the entity with an ARN, as the caller.
pub(crate) fn tag_by_arn(cx: &mut Cx<'_>, arn: &str, tags: &Tags) -> Result<(), Fault> {
    let (kind, name) = named(arn)?;
    let tags = list_of(tags);
    match kind {
        Kind::User => cx.call::<ops::TagUser>(As::Caller, &api::TagUserRequest { user_name: name, tags }),
        Kind::Role => cx.call::<ops::TagRole>(As::Caller, &api::TagRoleRequest { role_name: name, tags }),
        Kind::Policy => {
            let input = api::TagPolicyRequest { policy_arn: arn.to_owned(), tags };
            cx.call::<ops::TagPolicy>(As::Caller, &input)
        }
        Kind::InstanceProfile => {
            let input = api::TagInstanceProfileRequest { instance_profile_name: name, tags };
            cx.call::<ops::TagInstanceProfile>(As::Caller, &input)
        }
        Kind::MfaDevice => {
            let input = api::TagMFADeviceRequest { serial_number: arn.to_owned(), tags };
            cx.call::<ops::TagMFADevice>(As::Caller, &input)
        }
        Kind::Group => Err(untaggable(arn)),
    }
    .map(drop)
}

/// Takes tags of the entity with an ARN away, as the caller.
pub(crate) fn untag_by_arn(cx: &mut Cx<'_>, arn: &str, keys: &[String]) -> Result<(), Fault> {
    let (kind, name) = named(arn)?;
    let tag_keys = keys.to_vec();
    match kind {
        Kind::User => {
            cx.call::<ops::UntagUser>(As::Caller, &api::UntagUserRequest { user_name: name, tag_keys })
        }
        Kind::Role => {
            cx.call::<ops::UntagRole>(As::Caller, &api::UntagRoleRequest { role_name: name, tag_keys })
        }
        Kind::Policy => {
            let input = api::UntagPolicyRequest { policy_arn: arn.to_owned(), tag_keys };
            cx.call::<ops::UntagPolicy>(As::Caller, &input)
        }
        Kind::InstanceProfile => {
            let input = api::UntagInstanceProfileRequest { instance_profile_name: name, tag_keys };
            cx.call::<ops::UntagInstanceProfile>(As::Caller, &input)
        }
        Kind::MfaDevice => {
            let input = api::UntagMFADeviceRequest { serial_number: arn.to_owned(), tag_keys };
            cx.call::<ops::UntagMFADevice>(As::Caller, &input)
        }
        Kind::Group => Err(untaggable(arn)),
    }
    .map(drop)
}

/// The kind and the name, without its path, of the entity with an ARN.
fn named(arn: &str) -> Result<(Kind, String), Fault> {
    let parts = ArnParts::of(arn).and_then(|parts| parts.resource.split_once('/'));
    let (noun, path) = parts.ok_or_else(|| untaggable(arn))?;
    let kinds = [Kind::User, Kind::Group, Kind::Role, Kind::Policy, Kind::InstanceProfile, Kind::MfaDevice];
    let kind = kinds.into_iter().find(|kind| kind.noun() == noun).ok_or_else(|| untaggable(arn))?;
    Ok((kind, path.rsplit('/').next().unwrap_or_default().to_owned()))
}

fn untaggable(arn: &str) -> Fault {
    invalid_input(format!("{arn} is not of a kind that can be tagged."))
}

impl Handle<ops::TagMFADevice> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::TagMFADeviceRequest) -> Result<Unit, Fault> {
        let ask = Ask::to("iam:TagMFADevice").tags(&input.tags);
        let device = mfa_devices::fetch(cx, ask, &input.serial_number)?;
        tag(cx, &*device, &input.tags)
    }
}

impl Handle<ops::UntagMFADevice> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::UntagMFADeviceRequest) -> Result<Unit, Fault> {
        let ask = Ask::to("iam:UntagMFADevice").tag_keys(&input.tag_keys);
        let device = mfa_devices::fetch(cx, ask, &input.serial_number)?;
        untag(cx, &*device, &input.tag_keys)
    }
}

impl Handle<ops::ListMFADeviceTags> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListMFADeviceTagsRequest,
    ) -> Result<api::ListMFADeviceTagsResponse, Fault> {
        let device = mfa_devices::fetch(cx, Ask::to("iam:ListMFADeviceTags"), &input.serial_number)?;
        let page = list(cx, &*device, input.marker.as_ref(), input.max_items)?;
        Ok(api::ListMFADeviceTagsResponse {
            tags: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}
