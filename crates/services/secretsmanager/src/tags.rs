//! Tags of secrets.

use crate::SecretsManager;
use crate::access::{Asked, find};
use crate::api::{Tag, TagResourceRequest, UntagResourceRequest, ops};
use crate::errors::{invalid_parameter, limit_exceeded};
use crate::quotas::TAGS_MAX;
use platform::{Cx, Fault, Handle};
use policy::key;
use std::collections::BTreeMap;
use wire::Unit;

/// Keys and values of a request; a tag may lack either.
pub(crate) fn pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().filter_map(|tag| Some((tag.key.as_deref()?, tag.value.as_deref().unwrap_or_default())))
}

pub(crate) fn of(tags: &[Tag]) -> BTreeMap<String, String> {
    pairs(tags).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Adds tags or gives those that are there another value. Policies do not tell keys apart that differ by case alone: a second such tag is
/// refused.
pub(crate) fn add(tags: &mut BTreeMap<String, String>, requested: &[Tag]) -> Result<(), Fault> {
    let many = || limit_exceeded(format!("You can't attach more than {TAGS_MAX} tags to a secret."));
    // Of many tags, each would be compared with all others.
    if requested.len() > TAGS_MAX {
        return Err(many());
    }
    if requested.iter().any(|tag| tag.key.is_none()) {
        return Err(invalid_parameter("A tag must have a key."));
    }
    if let Some(key) = key::repeated(pairs(requested).map(|(key, _)| key)) {
        return Err(invalid_parameter(format!(
            "The tag key {key} is named twice. Tag keys that differ by case alone are the same."
        )));
    }
    for (key, value) in pairs(requested) {
        check_key(key)?;
        if !value.chars().all(may_be_in_tag) {
            return Err(invalid_parameter(format!(
                "The value of the tag {key} has characters that tags may not have."
            )));
        }
        if let Some(held) = tags.keys().find(|held| *held != key && key::same(held, key)) {
            return Err(invalid_parameter(format!(
                "There is the tag key {held}, from which {key} differs by case alone."
            )));
        }
        tags.insert(key.to_owned(), value.to_owned());
    }
    if tags.len() > TAGS_MAX { Err(many()) } else { Ok(()) }
}

fn check_key(key: &str) -> Result<(), Fault> {
    if key::fold(key).starts_with("aws:") {
        return Err(invalid_parameter("Tag keys that begin with aws: are reserved for AWS."));
    }
    match key.chars().all(may_be_in_tag) {
        true => Ok(()),
        false => {
            Err(invalid_parameter(format!("The tag key {key:?} has characters that tags may not have.")))
        }
    }
}

/// AWS General Reference, "Tagging your AWS resources": letters, numbers, spaces and these.
fn may_be_in_tag(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}

impl Handle<ops::TagResource> for SecretsManager {
    fn handle(&self, cx: &mut Cx<'_>, input: &TagResourceRequest) -> Result<Unit, Fault> {
        let asked = Asked::to::<ops::TagResource>().adding(&input.tags);
        let mut secret = find(cx, &input.secret_id, &asked)?;
        secret.require_primary()?;
        add(&mut secret.tags, &input.tags)?;
        // A change that takes the caller's own permission away is refused (API Reference, `TagResource`).
        asked.require(cx, &secret, &input.secret_id)?;
        secret.save(cx)?;
        Ok(Unit)
    }
}

impl Handle<ops::UntagResource> for SecretsManager {
    fn handle(&self, cx: &mut Cx<'_>, input: &UntagResourceRequest) -> Result<Unit, Fault> {
        let asked = Asked::to::<ops::UntagResource>().removing(&input.tag_keys);
        let mut secret = find(cx, &input.secret_id, &asked)?;
        secret.require_primary()?;
        for key in &input.tag_keys {
            check_key(key)?;
            secret.tags.remove(key);
        }
        // A change that takes the caller's own permission away is refused (API Reference, `TagResource`).
        asked.require(cx, &secret, &input.secret_id)?;
        secret.save(cx)?;
        Ok(Unit)
    }
}
