//! The keys and values of tags in use.

use crate::api::{GetTagKeysInput, GetTagKeysOutput, GetTagValuesInput, GetTagValuesOutput, ops};
use crate::{Tagging, pages};
use platform::regions::GLOBAL;
use platform::{Access, Cx, Fault, Handle, index};
use std::collections::BTreeSet;

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
    let (account, region) = (cx.account(), cx.region());
    // Global resources are told of in one region.
    let global = (region == GLOBAL).then_some("");
    let mut names = BTreeSet::new();
    for region in [region].into_iter().chain(global) {
        names.extend(index::tag_names(&mut cx.tx, account, region, key, after.as_deref(), PAGE + 1)?);
    }
    let more = names.len() > PAGE;
    let names: Vec<String> = names.into_iter().take(PAGE).collect();
    let token = pages::token(cx, list, names.last().filter(|_| more).map(String::as_str))?;
    Ok((names, token))
}
