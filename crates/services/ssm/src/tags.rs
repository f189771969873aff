//! Tags of parameters.

use crate::SystemsManager;
use crate::access::{TYPE, tagged};
use crate::api::{
    AddTagsToResourceRequest, AddTagsToResourceResult, ListTagsForResourceRequest, ListTagsForResourceResult,
    RemoveTagsFromResourceRequest, RemoveTagsFromResourceResult, ResourceTypeForTagging, Tag, ops,
};
use crate::errors::validation;
use crate::names::{self, Place};
use crate::parameter::Parameter;
use platform::{Access, Cx, Fault, Handle};
use policy::key;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Tags of a resource (API Reference, "AddTagsToResource").
const TAGS_MAX: usize = 50;

pub(crate) fn pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()))
}

/// Adds tags or gives those that are there another value. Policies do not tell keys apart that differ by case alone: a second such tag is
/// refused.
pub(crate) fn add(tags: &mut BTreeMap<String, String>, requested: &[Tag]) -> Result<(), Fault> {
    if let Some(key) = key::repeated(requested.iter().map(|tag| tag.key.as_str())) {
        return Err(validation(format!(
            "The tag key {key} is named twice. Tag keys that differ by case alone are the same."
        )));
    }
    for Tag { key, value } in requested {
        if key::fold(key).starts_with("aws:") {
            return Err(validation("Tag keys beginning with aws: are reserved."));
        }
        if let Some(held) = tags.keys().find(|held| *held != key && key::same(held, key)) {
            let message = format!("There is the tag key {held}, from which {key} differs by case alone.");
            return Err(validation(message));
        }
        tags.insert(key.clone(), value.clone());
    }
    if tags.len() > TAGS_MAX {
        return Err(Fault::new("TooManyTagsError", format!("A parameter has no more than {TAGS_MAX} tags.")));
    }
    Ok(())
}

/// What is named by type and id, and the tags that a request would add to it or take away.
struct Named<'a> {
    kind: ResourceTypeForTagging,
    id: &'a str,
    adding: &'a [Tag],
    removing: &'a [String],
}

impl<'a> Named<'a> {
    fn of(kind: ResourceTypeForTagging, id: &'a str) -> Self {
        Self { kind, id, adding: &[], removing: &[] }
    }

    fn access<'b>(&'b self, action: &'b str, arn: String, held: &'b BTreeMap<String, String>) -> Access<'b> {
        tagged(action, arn, held)
            .requesting_tags(pairs(self.adding))
            .removing_tags(self.removing.iter().map(String::as_str))
    }

    /// The parameter, for those who may do `action` to it.
    ///
    /// # Errors
    /// There is none. Of other resources there are none yet.
    fn find(&self, cx: &mut Cx<'_>, action: &str) -> Result<(Place, Arc<Parameter>), Fault> {
        let none = BTreeMap::new();
        if self.kind != ResourceTypeForTagging::Parameter {
            let kind = self.kind.as_str().to_ascii_lowercase();
            let arn = format!("arn:aws:ssm:{}:{}:{kind}/{}", cx.region(), cx.account(), self.id);
            cx.authorize(&self.access(action, arn, &none))?;
            let message = format!("Fastness has no resources of the type {} yet.", self.kind);
            return Err(Fault::new("InvalidResourceType", message));
        }
        let place = names::own(cx, self.id).map_err(|_| invalid_id(self.id))?;
        let found = Parameter::find(cx, &place)?;
        let arn = place.arn();
        cx.touch(TYPE, &arn, &place.account);
        let held = found.as_ref().map_or(&none, |found| &found.tags);
        cx.authorize(&self.access(action, arn, held))?;
        found.map(|found| (place, found)).ok_or_else(|| invalid_id(self.id))
    }
}

fn invalid_id(id: &str) -> Fault {
    Fault::new(
        "InvalidResourceId",
        format!("The resource ID {id} isn't valid. Verify that it is the name of a parameter."),
    )
}

/// The name of the parameter that an ARN names, for the tagging API.
fn name_of(cx: &Cx<'_>, arn: &str) -> Result<String, Fault> {
    let place = names::arn(cx.region(), cx.account(), "");
    let name = arn.strip_prefix(&place).filter(|name| name.starts_with('/'));
    name.map(str::to_owned).ok_or_else(|| invalid_id(arn))
}

/// Tags the parameter with this ARN, as AddTagsToResource does.
pub(crate) fn tag(
    service: &SystemsManager,
    cx: &mut Cx<'_>,
    arn: &str,
    tags: &BTreeMap<String, String>,
) -> Result<(), Fault> {
    let tags = tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect();
    let (resource_type, resource_id) = (ResourceTypeForTagging::Parameter, name_of(cx, arn)?);
    let input = AddTagsToResourceRequest { resource_type, resource_id, tags };
    Handle::<ops::AddTagsToResource>::handle(service, cx, &input).map(drop)
}

/// Takes tags of the parameter with this ARN away, as RemoveTagsFromResource does.
pub(crate) fn untag(
    service: &SystemsManager,
    cx: &mut Cx<'_>,
    arn: &str,
    keys: &[String],
) -> Result<(), Fault> {
    let (resource_type, resource_id) = (ResourceTypeForTagging::Parameter, name_of(cx, arn)?);
    let input = RemoveTagsFromResourceRequest { resource_type, resource_id, tag_keys: keys.to_vec() };
    Handle::<ops::RemoveTagsFromResource>::handle(service, cx, &input).map(drop)
}

impl Handle<ops::AddTagsToResource> for SystemsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &AddTagsToResourceRequest,
    ) -> Result<AddTagsToResourceResult, Fault> {
        let named = Named { adding: &input.tags, ..Named::of(input.resource_type, &input.resource_id) };
        let (place, found) = named.find(cx, "ssm:AddTagsToResource")?;
        let mut parameter = (*found).clone();
        add(&mut parameter.tags, &input.tags)?;
        parameter.put(cx, &place)?;
        Ok(AddTagsToResourceResult {})
    }
}

impl Handle<ops::RemoveTagsFromResource> for SystemsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &RemoveTagsFromResourceRequest,
    ) -> Result<RemoveTagsFromResourceResult, Fault> {
        let named = Named { removing: &input.tag_keys, ..Named::of(input.resource_type, &input.resource_id) };
        let (place, found) = named.find(cx, "ssm:RemoveTagsFromResource")?;
        let mut parameter = (*found).clone();
        parameter.tags.retain(|key, _| !input.tag_keys.contains(key));
        parameter.put(cx, &place)?;
        Ok(RemoveTagsFromResourceResult {})
    }
}

impl Handle<ops::ListTagsForResource> for SystemsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &ListTagsForResourceRequest,
    ) -> Result<ListTagsForResourceResult, Fault> {
        let (_, found) =
            Named::of(input.resource_type, &input.resource_id).find(cx, "ssm:ListTagsForResource")?;
        let list = found.tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() });
        Ok(ListTagsForResourceResult { tag_list: Some(list.collect()) })
    }
}
