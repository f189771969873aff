//! Parameters that AWS publishes under `/aws/service/global-infrastructure`, as far as the models in this repository have the facts: Regions
//! and services by their names (Systems Manager User Guide, "Calling AWS service, Region, endpoint, Availability Zone, local zone, and
//! wavelength zone public parameters"). What images there are, and which service is where, they do not tell.

use crate::api::{GetParametersByPathResult, Parameter as Shown, ParameterType};
use crate::data_types;
use crate::errors::{invalid_token, not_found, version_not_found};
use crate::names::{Reference, arn};
use platform::{Access, Cx, Fault, page, regions};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use wire::Timestamp;

/// When the facts were published: they have one version, which is this repository's first.
const PUBLISHED: Timestamp = Timestamp(1_764_547_200_000);

/// Values by name.
static PUBLIC: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let named = |kind: &str, name: &str| {
        (format!("/aws/service/global-infrastructure/{kind}/{name}"), name.to_owned())
    };
    let regions = regions::ALL.iter().map(|region| named("regions", region));
    let services = wire::route::services().map(|service| named("services", service.endpoint_prefix));
    regions.chain(services).collect()
});

fn shown(region: &str, name: &str, value: &str) -> Shown {
    Shown {
        name: Some(name.to_owned()),
        r#type: Some(ParameterType::String),
        value: Some(value.to_owned()),
        version: Some(1),
        last_modified_date: Some(PUBLISHED),
        arn: Some(arn(region, "", name)),
        data_type: Some(data_types::DEFAULT.to_owned()),
        ..Shown::default()
    }
}

/// Reads one for those who may do `action` to it.
///
/// # Errors
/// There is none, or not that version.
pub(crate) fn read(cx: &mut Cx<'_>, action: &str, reference: &Reference) -> Result<Shown, Fault> {
    let name = &reference.place.name;
    cx.authorize(&Access::to(action, arn(cx.region(), "", name)))?;
    let value = PUBLIC.get(name).ok_or_else(not_found)?;
    let selector = reference.selector.as_deref();
    if let Some(other) = selector.filter(|selector| *selector != "1") {
        return Err(version_not_found(other, name));
    }
    Ok(Shown { selector: selector.map(|selector| format!(":{selector}")), ..shown(cx.region(), name, value) })
}

/// A page of those below a path.
///
/// # Errors
/// The token is none of this list.
pub(crate) fn list(
    cx: &mut Cx<'_>,
    path: &str,
    recursive: bool,
    (list, size, token): (&str, usize, Option<&str>),
) -> Result<GetParametersByPathResult, Fault> {
    let after = page::after(cx, list, token).map_err(|page::InvalidMarker| invalid_token())?;
    let below = format!("{path}/");
    let start = after.map_or_else(|| below.clone(), |after| format!("{after}\0"));
    let mut found = PUBLIC
        .range(start..)
        .take_while(|(name, _)| name.starts_with(&below))
        .filter(|(name, _)| recursive || !name.get(below.len()..).is_some_and(|rest| rest.contains('/')));
    let mut parameters: Vec<Shown> = Vec::with_capacity(size);
    parameters.extend(found.by_ref().take(size).map(|(name, value)| shown(cx.region(), name, value)));
    let last = parameters.last().and_then(|last| last.name.as_deref());
    let next_token = match last.filter(|_| found.next().is_some()) {
        Some(last) => Some(page::marker(cx, list, last)?),
        None => None,
    };
    Ok(GetParametersByPathResult { parameters: Some(parameters), next_token })
}
