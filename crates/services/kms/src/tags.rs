//! Tags of keys.

use crate::Kms;
use crate::api::{
    ListResourceTagsRequest, ListResourceTagsResponse, Tag, TagResourceRequest, UntagResourceRequest, ops,
};
use crate::authorize::Use;
use crate::errors::limit_exceeded;
use crate::key::Key;
use crate::limits::TAGS_PER_KEY;
use crate::names::{Takes, find};
use crate::{pages, state};
use platform::{As, Cx, Fault, Handle};
use policy::key;
use std::collections::BTreeMap;
use wire::Unit;

/// Adds tags or gives those that are there another value.
///
/// Policies do not tell keys apart that differ by case alone, so of two such tags one could stand for the other: a second one is refused.
pub(crate) fn add(tags: &mut BTreeMap<String, String>, requested: &[Tag]) -> Result<(), Fault> {
    if requested.len() > TAGS_PER_KEY {
        return Err(tag_fault("Too many tags"));
    }
    let repeated = key::repeated(requested.iter().map(|tag| tag.tag_key.as_str())).is_some();
    for Tag { tag_key, tag_value } in requested {
        let other = |held: &String| held != tag_key && key::same(held, tag_key);
        if repeated || tags.keys().any(other) {
            return Err(tag_fault("Duplicate tag keys"));
        }
        check(tag_key)?;
        if !tag_value.chars().all(may_be_in_tag) {
            return Err(tag_fault("Tag values contain invalid characters"));
        }
        tags.insert(tag_key.clone(), tag_value.clone());
    }
    if tags.len() > TAGS_PER_KEY {
        return Err(limit_exceeded(format!("A KMS key cannot have more than {TAGS_PER_KEY} tags.")));
    }
    Ok(())
}

/// The tags of a key as answers list them.
pub(crate) fn listed(key: &Key) -> Vec<Tag> {
    let tags = key.tags.iter();
    tags.map(|(key, value)| Tag { tag_key: key.clone(), tag_value: value.clone() }).collect()
}

fn check(key: &str) -> Result<(), Fault> {
    if key::fold(key).starts_with("aws:") {
        return Err(tag_fault("Tags beginning with aws: are reserved"));
    }
    if !key.chars().all(may_be_in_tag) {
        return Err(tag_fault("Tag keys contain invalid characters"));
    }
    Ok(())
}

/// AWS General Reference, "Tagging your AWS resources": letters, numbers, spaces and these.
fn may_be_in_tag(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}

fn tag_fault(message: &str) -> Fault {
    Fault::new("TagException", message)
}

/// Tags the key with an ARN, as the caller.
pub(crate) fn tag_by_arn(cx: &mut Cx<'_>, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), Fault> {
    let tags = tags.iter().map(|(key, value)| Tag { tag_key: key.clone(), tag_value: value.clone() });
    let input = TagResourceRequest { key_id: arn.to_owned(), tags: tags.collect() };
    cx.call::<ops::TagResource>(As::Caller, &input).map(drop)
}

/// Takes tags of the key with an ARN away, as the caller.
pub(crate) fn untag_by_arn(cx: &mut Cx<'_>, arn: &str, keys: &[String]) -> Result<(), Fault> {
    let input = UntagResourceRequest { key_id: arn.to_owned(), tag_keys: keys.to_vec() };
    cx.call::<ops::UntagResource>(As::Caller, &input).map(drop)
}

impl Handle<ops::TagResource> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &TagResourceRequest) -> Result<Unit, Fault> {
        let found = find(cx, "kms:TagResource", &input.key_id, Takes::Keys)?;
        let requested = input.tags.iter().map(|tag| (tag.tag_key.as_str(), tag.tag_value.as_str()));
        Use::of(&found, "kms:TagResource").requesting_tags(requested).authorize(cx)?;
        state::LABEL.require(&found.key)?;
        let mut key = (*found.key).clone();
        add(&mut key.tags, &input.tags)?;
        key.put(cx)?;
        Ok(Unit)
    }
}

impl Handle<ops::UntagResource> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &UntagResourceRequest) -> Result<Unit, Fault> {
        let found = find(cx, "kms:UntagResource", &input.key_id, Takes::Keys)?;
        Use::of(&found, "kms:UntagResource")
            .removing_tags(input.tag_keys.iter().map(String::as_str))
            .authorize(cx)?;
        state::LABEL.require(&found.key)?;
        let mut key = (*found.key).clone();
        for tag in &input.tag_keys {
            check(tag)?;
            key.tags.remove(tag);
        }
        key.put(cx)?;
        Ok(Unit)
    }
}

impl Handle<ops::ListResourceTags> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &ListResourceTagsRequest,
    ) -> Result<ListResourceTagsResponse, Fault> {
        let found = find(cx, "kms:ListResourceTags", &input.key_id, Takes::Keys)?;
        Use::of(&found, "kms:ListResourceTags").authorize(cx)?;
        let tags = listed(&found.key);
        let list = format!("kms:ListResourceTags/{}", found.key.arn);
        let wanted = (pages::TAGS.of(input.limit), input.marker.as_deref());
        let (tags, next) = pages::of_sorted(cx, &list, &tags, wanted, |tag| &tag.tag_key)?;
        Ok(ListResourceTagsResponse { tags: Some(tags), truncated: Some(next.is_some()), next_marker: next })
    }
}
