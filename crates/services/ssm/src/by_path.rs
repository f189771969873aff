//! GetParametersByPath.

use crate::api::{GetParametersByPathRequest, GetParametersByPathResult, Parameter as Shown, ops};
use crate::filters::{self, Filter, List};
use crate::lists::{self, Asked, Page};
use crate::names::{self, PUBLIC, Place};
use crate::parameter::{Parameter, Version, labels};
use crate::{SystemsManager, get, public, quotas};
use platform::{Access, Cx, Fault, Handle};
use std::sync::Arc;

/// How many there are on a page, at most and if nothing is said.
const PAGE: usize = 10;

impl Handle<ops::GetParametersByPath> for SystemsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GetParametersByPathRequest,
    ) -> Result<GetParametersByPathResult, Fault> {
        quotas::count(cx, "GetParametersByPath")?;
        let path = names::path(&input.path)?;
        let recursive = input.recursive == Some(true);
        let is_public = format!("{path}/").starts_with(PUBLIC);
        // What is directly below the root belongs to `/`, whose ARN ends with the slash.
        let named = if path.is_empty() { "/" } else { path };
        let arn = names::arn(cx.region(), if is_public { "" } else { cx.account() }, named);
        let recursively = if recursive { "true" } else { "false" };
        cx.authorize(&Access::to("ssm:GetParametersByPath", arn).key("ssm:Recursive", recursively))?;
        let filters = filters::read(List::ByPath, input.parameter_filters.as_deref().unwrap_or_default())?;
        let size = lists::size(input.max_results, PAGE);
        let list = format!("ssm:GetParametersByPath/{path}/{recursively}");
        if is_public {
            return public::list(cx, path, recursive, (&list, size, input.next_token.as_deref()));
        }
        let ranges = [filters::below(path, recursive)];
        let asked = Asked { list: &list, size, token: input.next_token.as_deref(), ranges: &ranges };
        let decrypts = input.with_decryption == Some(true);
        let Page { items, next_token } = asked.page(cx, |cx, found| item(cx, found, &filters, decrypts))?;
        Ok(GetParametersByPathResult { parameters: Some(items), next_token })
    }
}

/// A parameter as the page has it, if it passes.
fn item(
    cx: &mut Cx<'_>,
    found: &Arc<Parameter>,
    filters: &[Filter],
    decrypts: bool,
) -> Result<Option<Shown>, Fault> {
    if !filters.iter().all(|filter| filter.passes(found)) {
        return Ok(None);
    }
    let place = Place::new(cx.account(), cx.region(), &found.name);
    let wanted = filters.iter().find_map(Filter::labels);
    let version = match wanted {
        None => Some(found.latest.clone()),
        Some(wanted) => labelled(cx, &place, found, wanted)?,
    };
    version.map(|version| get::shown(cx, (&place, &found.name), &version, decrypts)).transpose()
}

/// The newest version that has one of these labels.
fn labelled(
    cx: &mut Cx<'_>,
    place: &Place,
    found: &Parameter,
    wanted: &[String],
) -> Result<Option<Version>, Fault> {
    let labels = labels(cx, place)?;
    let number = wanted.iter().filter_map(|label| labels.get(label)).max();
    Ok(number.map(|number| found.version(cx, place, *number)).transpose()?.flatten())
}
