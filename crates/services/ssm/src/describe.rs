//! DescribeParameters.

use crate::SystemsManager;
use crate::access::require_all;
use crate::api::{DescribeParametersRequest, DescribeParametersResult, ParameterMetadata, ops};
use crate::errors::validation;
use crate::filters::{self, List};
use crate::lists::{self, Asked, Page};
use crate::names::Place;
use crate::parameter::Parameter;
use crate::policies;
use platform::{Cx, Fault, Handle};
use wire::Timestamp;

/// How many there are on a page, at most and if nothing is said.
const PAGE: usize = 50;

impl Handle<ops::DescribeParameters> for SystemsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &DescribeParametersRequest,
    ) -> Result<DescribeParametersResult, Fault> {
        require_all(cx, "ssm:DescribeParameters")?;
        let filters = match (&input.filters, &input.parameter_filters) {
            (Some(_), Some(_)) => {
                return Err(validation(
                    "You can use either Filters or ParameterFilters in a single request.",
                ));
            }
            (Some(older), None) => filters::read_older(older)?,
            (None, newer) => filters::read(List::Describe, newer.as_deref().unwrap_or_default())?,
        };
        // Only those are listed whose sharing was promoted in Resource Access Manager, which there is not.
        let ranges = if input.shared == Some(true) { Vec::new() } else { filters::ranges(&filters) };
        let list = format!("ssm:DescribeParameters/{}", input.shared == Some(true));
        let size = lists::size(input.max_results, PAGE);
        let asked = Asked { list: &list, size, token: input.next_token.as_deref(), ranges: &ranges };
        let Page { items, next_token } = asked.page(cx, |cx, found| {
            let passes = filters.iter().all(|filter| filter.passes(found));
            Ok(passes.then(|| shown(&Place::new(cx.account(), cx.region(), &found.name), found)))
        })?;
        Ok(DescribeParametersResult { parameters: Some(items), next_token })
    }
}

fn shown(place: &Place, found: &Parameter) -> ParameterMetadata {
    let latest = &found.latest;
    ParameterMetadata {
        name: Some(found.name.clone()),
        arn: Some(place.arn()),
        r#type: Some(latest.r#type),
        key_id: latest.key.clone(),
        last_modified_date: Some(Timestamp(latest.modified)),
        last_modified_user: Some(latest.user.clone()),
        description: latest.description.clone(),
        allowed_pattern: latest.pattern.clone(),
        version: Some(latest.number),
        tier: Some(latest.tier),
        policies: Some(policies::shown(&latest.policies)),
        data_type: Some(latest.data_type.clone()),
    }
}
