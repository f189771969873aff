//! GetParameterHistory.

use crate::access::require;
use crate::api::{GetParameterHistoryRequest, GetParameterHistoryResult, ParameterHistory, ops};
use crate::errors::{invalid_token, not_found};
use crate::names::Reference;
use crate::parameter::{Parameter, Version, labels, labels_of};
use crate::{SystemsManager, policies, values};
use platform::{Cx, Fault, Handle, page};
use wire::Timestamp;

/// How many there are on a page, at most and if nothing is said.
const PAGE: i64 = 50;

impl Handle<ops::GetParameterHistory> for SystemsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GetParameterHistoryRequest,
    ) -> Result<GetParameterHistoryResult, Fault> {
        let Reference { place, .. } = Reference::read(cx, &input.name)?;
        let found = Parameter::find(cx, &place)?;
        require(cx, "ssm:GetParameterHistory", &place, found.as_deref())?;
        let found = found.ok_or_else(not_found)?;
        let list = format!("ssm:GetParameterHistory/{}", place.arn());
        let after = page::after(cx, &list, input.next_token.as_deref())
            .map_err(|page::InvalidMarker| invalid_token())?;
        let after = after.and_then(|after| after.parse::<i64>().ok()).unwrap_or(0);
        let first = found.oldest.max(after.saturating_add(1));
        let size = input.max_results.map_or(PAGE, i64::from).clamp(1, PAGE);
        let last = found.latest.number.min(first.saturating_add(size - 1));
        let (labels, mut parameters) = (labels(cx, &place)?, Vec::new());
        for number in first..=last {
            let Some(version) = found.version(cx, &place, number)? else { continue };
            let value = values::read(cx, &place, &version, input.with_decryption == Some(true))?;
            let labels = labels_of(&labels, number).cloned().collect();
            parameters.push(shown(&found.name, version, value, labels));
        }
        let next_token = match last < found.latest.number {
            true => Some(page::marker(cx, &list, &last.to_string())?),
            false => None,
        };
        Ok(GetParameterHistoryResult { parameters: Some(parameters), next_token })
    }
}

fn shown(name: &str, version: Version, value: String, labels: Vec<String>) -> ParameterHistory {
    ParameterHistory {
        name: Some(name.to_owned()),
        r#type: Some(version.r#type),
        key_id: version.key,
        last_modified_date: Some(Timestamp(version.modified)),
        last_modified_user: Some(version.user),
        description: version.description,
        value: Some(value),
        allowed_pattern: version.pattern,
        version: Some(version.number),
        labels: Some(labels),
        tier: Some(version.tier),
        policies: Some(policies::shown(&version.policies)),
        data_type: Some(version.data_type),
    }
}
