//! Resources by their tags and types.

use crate::api::{
    ComplianceDetails, GetResourcesInput, GetResourcesOutput, ResourceTagMapping, Tag, TagFilter, ops,
};
use crate::{Tagging, invalid, pages};
use platform::index::{self, ArnParts, Entry};
use platform::regions::GLOBAL;
use platform::{Access, Cx, Fault, Handle};
use policy::key;
use std::sync::Arc;

/// The resources on a page, at most and if nothing is said (API Reference, `GetResources`).
const PAGE_MAX: i32 = 100;

/// The rows that are looked at for one page: with filters that few resources pass, a page may be short, or empty with a token.
const LOOKED_AT_MAX: usize = 1000;

/// Tags on a page, where a caller counts pages by tags (API Reference, `GetResources`, `TagsPerPage`).
const TAGS_PER_PAGE: std::ops::RangeInclusive<i32> = 100..=500;

impl Handle<ops::GetResources> for Tagging {
    fn handle(&self, cx: &mut Cx<'_>, input: &GetResourcesInput) -> Result<GetResourcesOutput, Fault> {
        cx.authorize(&Access::to("tag:GetResources", "*"))?;
        let limits = check(input)?;
        let (found, token) = match &input.resource_arn_list {
            Some(arns) => (named(cx, arns)?, String::new()),
            None => page(cx, input, limits)?,
        };
        // There are no tag policies, so nothing breaks one.
        let details = input.include_compliance_details == Some(true);
        let details =
            || details.then(|| ComplianceDetails { compliance_status: Some(true), ..Default::default() });
        let excluded = input.exclude_compliant_resources == Some(true);
        let mappings = found.iter().filter(|_| !excluded).map(|entry| {
            let tags = entry.tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() });
            ResourceTagMapping {
                resource_arn: Some(entry.arn.clone()),
                tags: Some(tags.collect()),
                compliance_details: details(),
            }
        });
        Ok(GetResourcesOutput {
            pagination_token: Some(token),
            resource_tag_mapping_list: Some(mappings.collect()),
        })
    }
}

/// The most resources and tags of a page.
#[derive(Clone, Copy)]
struct Limits {
    resources: usize,
    tags: usize,
}

fn check(input: &GetResourcesInput) -> Result<Limits, Fault> {
    let others = [
        input.tag_filters.as_ref().is_some_and(|filters| !filters.is_empty()),
        input.resource_type_filters.as_ref().is_some_and(|filters| !filters.is_empty()),
        input.resources_per_page.is_some(),
        input.tags_per_page.is_some(),
        input.pagination_token.as_ref().is_some_and(|token| !token.is_empty()),
    ];
    if input.resource_arn_list.is_some() && others.contains(&true) {
        return Err(invalid("ResourceARNList cannot be given together with filters or pages."));
    }
    if input.exclude_compliant_resources == Some(true) && input.include_compliance_details != Some(true) {
        return Err(invalid("ExcludeCompliantResources needs IncludeComplianceDetails."));
    }
    if input.resources_per_page.is_some() && input.tags_per_page.is_some() {
        return Err(invalid("Give either ResourcesPerPage or TagsPerPage."));
    }
    let resources = input.resources_per_page.unwrap_or(PAGE_MAX);
    if !(1..=PAGE_MAX).contains(&resources) {
        return Err(invalid(format!("ResourcesPerPage must be between 1 and {PAGE_MAX}.")));
    }
    let tags = input.tags_per_page;
    if tags.is_some_and(|tags| !TAGS_PER_PAGE.contains(&tags) || tags % 100 != 0) {
        return Err(invalid("TagsPerPage must be a multiple of 100 between 100 and 500."));
    }
    let filters = input.tag_filters.iter().flatten();
    let keys: Option<Vec<&str>> = filters.map(|filter| filter.key.as_deref()).collect();
    let keys = keys.ok_or_else(|| invalid("Each tag filter needs a key."))?;
    if key::repeated(keys.iter().copied()).is_some() {
        return Err(invalid("A tag key may be in one filter only."));
    }
    let size = |number: i32| usize::try_from(number).unwrap_or(0);
    Ok(Limits { resources: size(resources), tags: tags.map_or(usize::MAX, size) })
}

/// The resources with these ARNs that the account has in the region, and that have or had tags.
fn named(cx: &mut Cx<'_>, arns: &[String]) -> Result<Vec<Arc<Entry>>, Fault> {
    let mut found = Vec::new();
    for arn in arns {
        let parts = ArnParts::of(arn).ok_or_else(|| invalid(format!("{arn} is not a valid ARN.")))?;
        if parts.account == cx.account() && (parts.region == cx.region() || is_global(cx, parts)) {
            let entry = index::resource(&mut cx.tx, arn)?;
            found.extend(entry.filter(|entry| entry.tagged));
        }
    }
    Ok(found)
}

/// Whether a resource is global and told of in this region.
pub(crate) fn is_global(cx: &Cx<'_>, parts: ArnParts<'_>) -> bool {
    parts.region.is_empty() && cx.region() == GLOBAL
}

/// A page of the resources that pass the filters, and the token for the next.
fn page(
    cx: &mut Cx<'_>,
    input: &GetResourcesInput,
    limits: Limits,
) -> Result<(Vec<Arc<Entry>>, String), Fault> {
    let filters = input.tag_filters.as_deref().unwrap_or_default();
    let types = input.resource_type_filters.as_deref().unwrap_or_default();
    let list = format!("tag:GetResources/{filters:?}/{types:?}");
    let held = pages::place(cx, &list, input.pagination_token.as_ref())?;
    // A place is in the region's resources, or in the global ones that follow them.
    let (mut in_global, mut after) = match held.as_deref().map(|held| held.split_at_checked(1)) {
        Some(Some((scope, place))) => (scope == "g", Some(place.to_owned())),
        _ => (false, None),
    };
    let (account, home) = (cx.account(), cx.region());
    let (mut found, mut tags, mut looked_at) = (Vec::new(), 0, 0);
    loop {
        let region = if in_global { "" } else { home };
        let rows = match filters.first().and_then(|filter| filter.key.as_deref()) {
            Some(key) => cx.tagged(region, key, after.as_deref(), limits.resources)?,
            None => index::resources(&mut cx.tx, account, region, after.as_deref(), limits.resources)?,
        };
        let ended = rows.len() < limits.resources;
        looked_at += rows.len();
        for (place, entry) in rows {
            if entry.tagged && has_type(&entry, types) && filters.iter().all(|filter| passes(&entry, filter))
            {
                let held = entry.tags.len().max(1);
                if found.len() >= limits.resources || tags + held > limits.tags {
                    return Ok((found, token(cx, &list, in_global, after.as_deref())?));
                }
                tags += held;
                found.push(entry);
            }
            after = Some(place);
        }
        if ended && (in_global || home != GLOBAL) {
            return Ok((found, pages::token(cx, &list, None)?));
        }
        if ended {
            (in_global, after) = (true, None);
        }
        if looked_at >= LOOKED_AT_MAX {
            return Ok((found, token(cx, &list, in_global, after.as_deref())?));
        }
    }
}

fn token(cx: &Cx<'_>, list: &str, in_global: bool, after: Option<&str>) -> Result<String, Fault> {
    let scope = if in_global { "g" } else { "r" };
    pages::token(cx, list, Some(&format!("{scope}{}", after.unwrap_or_default())))
}

fn has_type(entry: &Entry, types: &[String]) -> bool {
    let Some(parts) = ArnParts::of(&entry.arn) else { return false };
    let kind = parts.kind();
    types.is_empty() || types.iter().any(|wanted| *wanted == kind || wanted == parts.service)
}

fn passes(entry: &Entry, filter: &TagFilter) -> bool {
    let value = filter.key.as_ref().and_then(|key| entry.tags.get(key));
    let values = filter.values.as_deref().unwrap_or_default();
    value.is_some_and(|value| values.is_empty() || values.contains(value))
}
