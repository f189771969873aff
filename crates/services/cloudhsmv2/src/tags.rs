//! Tags of clusters and backups.

use crate::CloudHsm;
use crate::access::Asked;
use crate::api::{
    ListTagsRequest, ListTagsResponse, Tag, TagResourceRequest, TagResourceResponse, UntagResourceRequest,
    UntagResourceResponse, ops,
};
use crate::backups::{self, Backup};
use crate::cluster::{self, Cluster};
use crate::errors::{invalid, tag};
use platform::{As, Cx, Fault, Handle, page};
use policy::key;
use std::collections::BTreeMap;

/// Tags of a resource (AWS CloudHSM User Guide, "AWS CloudHSM quotas").
const TAGS_MAX: usize = 50;

/// How many there are on a page, at most and if nothing is said.
const PAGE: usize = 100;

pub(crate) fn pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()))
}

pub(crate) fn list(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

/// Adds tags or gives those that are there another value. Policies do not tell keys apart that differ by case alone: a second such tag is
/// refused.
pub(crate) fn add(tags: &mut BTreeMap<String, String>, requested: &[Tag]) -> Result<(), Fault> {
    if let Some(key) = key::repeated(requested.iter().map(|tag| tag.key.as_str())) {
        return Err(tag(format!(
            "The tag key {key} is named twice. Tag keys that differ by case alone are the same."
        )));
    }
    for Tag { key, value } in requested {
        if key::fold(key).starts_with("aws:") {
            return Err(tag("Tag keys beginning with aws: are reserved."));
        }
        if let Some(held) = tags.keys().find(|held| *held != key && key::same(held, key)) {
            return Err(tag(format!("There is the tag key {held}, from which {key} differs by case alone.")));
        }
        tags.insert(key.clone(), value.clone());
    }
    if tags.len() > TAGS_MAX {
        let message = format!("A resource has no more than {TAGS_MAX} tags.");
        return Err(Fault::new("CloudHsmResourceLimitExceededException", message));
    }
    Ok(())
}

/// Tags the resource with an ARN, as the caller.
pub(crate) fn tag_by_arn(cx: &mut Cx<'_>, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), Fault> {
    let input = TagResourceRequest { resource_id: id_of(arn), tag_list: list(tags) };
    cx.call::<ops::TagResource>(As::Caller, &input).map(drop)
}

/// Takes tags of the resource with an ARN away, as the caller.
pub(crate) fn untag_by_arn(cx: &mut Cx<'_>, arn: &str, keys: &[String]) -> Result<(), Fault> {
    let input = UntagResourceRequest { resource_id: id_of(arn), tag_key_list: keys.to_vec() };
    cx.call::<ops::UntagResource>(As::Caller, &input).map(drop)
}

fn id_of(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}

/// What can have tags.
enum Tagged {
    Cluster(Box<Cluster>),
    Backup(Box<Backup>),
}

impl Tagged {
    fn find(cx: &mut Cx<'_>, asked: Asked<'_>, id: &str) -> Result<Self, Fault> {
        match id.starts_with("cluster-") {
            true => cluster::find(cx, asked, id).map(|cluster| Self::Cluster(Box::new(cluster))),
            false => backups::find(cx, asked, id).map(|backup| Self::Backup(Box::new(backup))),
        }
    }

    fn tags(&mut self) -> &mut BTreeMap<String, String> {
        match self {
            Self::Cluster(cluster) => &mut cluster.tags,
            Self::Backup(backup) => &mut backup.tags,
        }
    }

    fn put(&self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        match self {
            Self::Cluster(cluster) => cluster.put(cx),
            Self::Backup(backup) => backup.put(cx),
        }
    }
}

impl Handle<ops::TagResource> for CloudHsm {
    fn handle(&self, cx: &mut Cx<'_>, input: &TagResourceRequest) -> Result<TagResourceResponse, Fault> {
        let asked = Asked { adding: &input.tag_list, ..Asked::to("cloudhsm:TagResource") };
        let mut found = Tagged::find(cx, asked, &input.resource_id)?;
        add(found.tags(), &input.tag_list)?;
        found.put(cx)?;
        Ok(TagResourceResponse {})
    }
}

impl Handle<ops::UntagResource> for CloudHsm {
    fn handle(&self, cx: &mut Cx<'_>, input: &UntagResourceRequest) -> Result<UntagResourceResponse, Fault> {
        let asked = Asked { removing: &input.tag_key_list, ..Asked::to("cloudhsm:UntagResource") };
        let mut found = Tagged::find(cx, asked, &input.resource_id)?;
        for key in &input.tag_key_list {
            found.tags().remove(key);
        }
        found.put(cx)?;
        Ok(UntagResourceResponse {})
    }
}

impl Handle<ops::ListTags> for CloudHsm {
    fn handle(&self, cx: &mut Cx<'_>, input: &ListTagsRequest) -> Result<ListTagsResponse, Fault> {
        let mut found = Tagged::find(cx, Asked::to("cloudhsm:ListTags"), &input.resource_id)?;
        let list_name = format!("cloudhsm:ListTags/{}", input.resource_id);
        let after = page::after(cx, &list_name, input.next_token.as_deref())
            .map_err(|page::InvalidMarker| invalid("The NextToken is not valid."))?;
        let size =
            input.max_results.and_then(|size| usize::try_from(size).ok()).unwrap_or(PAGE).clamp(1, PAGE);
        let mut rest = list(found.tags());
        rest.retain(|tag| after.as_ref().is_none_or(|after| tag.key > *after));
        let more = rest.len() > size;
        rest.truncate(size);
        let next_token = match rest.last().filter(|_| more) {
            Some(last) => Some(page::marker(cx, &list_name, &last.key)?),
            None => None,
        };
        Ok(ListTagsResponse { tag_list: rest, next_token })
    }
}
