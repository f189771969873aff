//! The keys and values of tags in use.

use crate::api::{GetTagKeysInput, GetTagKeysOutput, GetTagValuesInput, GetTagValuesOutput, ops};
use crate::{Tagging, pages};
use platform::regions::GLOBAL;
use platform::{Access, Cx, Fault, Handle};

/// The keys or values on a page.
const PAGE: usize = 100;

impl Handle<ops::GetTagKeys> for Tagging {
    fn handle(&self, cx: &mut Cx<'_>, input: &GetTagKeysInput) -> Result<GetTagKeysOutput, Fault> {
        cx.authorize(&Access::to("tag:GetTagKeys", "*"))?;
        let (tag_keys, token) = page(cx, "tag:GetTagKeys", None, input.pagination_token.as_ref())?;
        Ok(GetTagKeysOutput { pagination_token: Some(token), tag_keys: Some(tag_keys) })
    }
}

impl Handle<ops::GetTagValues> for Tagging {
    fn handle(&self, cx: &mut Cx<'_>, input: &GetTagValuesInput) -> Result<GetTagValuesOutput, Fault> {
        cx.authorize(&Access::to("tag:GetTagValues", "*"))?;
        let list = format!("tag:GetTagValues/{}", input.key);
        let (values, token) = page(cx, &list, Some(&input.key), input.pagination_token.as_ref())?;
        Ok(GetTagValuesOutput { pagination_token: Some(token), tag_values: Some(values) })
    }
}

/// A page of the tag keys there are, or of the values of a key.
fn page(
    cx: &mut Cx<'_>,
    list: &str,
    key: Option<&str>,
    token: Option<&String>,
) -> Result<(Vec<String>, String), Fault> {
    let after = pages::place(cx, list, token)?;
    let region = cx.region();
    let mut found = cx.tags_in_use(region, key, after.as_deref(), PAGE + 1)?;
    // Global resources are told of in one region.
    if region == GLOBAL {
        found.extend(cx.tags_in_use("", key, after.as_deref(), PAGE + 1)?);
    }
    let last = found.keys().nth(PAGE - 1).filter(|_| found.len() > PAGE);
    let token = pages::token(cx, list, last.map(String::as_str))?;
    let mut names: Vec<String> = found.into_values().take(PAGE).collect();
    names.sort_unstable();
    Ok((names, token))
}
