//! GetParameter and GetParameters.

use crate::access::require;
use crate::api::{
    GetParameterRequest, GetParameterResult, GetParametersRequest, GetParametersResult, Parameter as Shown,
    ops,
};
use crate::errors::not_found;
use crate::names::{PUBLIC, Place, Reference, SECRETS};
use crate::parameter::{Parameter, Version};
use crate::{SystemsManager, public, quotas, secrets, values};
use platform::{Cx, Fault, Handle};
use std::collections::BTreeSet;
use wire::Timestamp;

/// A version of a parameter as it is shown.
///
/// # Errors
/// It is to be decrypted, and KMS does not serve the caller.
pub(crate) fn shown(
    cx: &mut Cx<'_>,
    (place, name): (&Place, &str),
    version: &Version,
    decrypts: bool,
) -> Result<Shown, Fault> {
    Ok(Shown {
        name: Some(name.to_owned()),
        r#type: Some(version.r#type),
        value: Some(values::read(cx, place, version, decrypts)?),
        version: Some(version.number),
        selector: None,
        source_result: None,
        last_modified_date: Some(Timestamp(version.modified)),
        arn: Some(place.arn()),
        data_type: Some(version.data_type.clone()),
    })
}

/// Reads a parameter for those who may do `action`.
///
/// # Errors
/// There is none, or not that version of it.
fn read(cx: &mut Cx<'_>, action: &str, reference: &Reference, decrypts: bool) -> Result<Shown, Fault> {
    let place = &reference.place;
    let own = place.account == cx.account();
    if own && place.name.starts_with(SECRETS) {
        return secrets::read(cx, action, reference, decrypts);
    }
    if own && place.name.starts_with(PUBLIC) {
        return public::read(cx, action, reference);
    }
    let found = Parameter::find(cx, place)?;
    require(cx, action, place, found.as_deref())?;
    let found = found.ok_or_else(not_found)?;
    let version = found.select(cx, reference)?;
    let selector = reference.selector.as_ref().map(|selector| format!(":{selector}"));
    Ok(Shown { selector, ..shown(cx, (place, &found.name), &version, decrypts)? })
}

impl Handle<ops::GetParameter> for SystemsManager {
    fn handle(&self, cx: &mut Cx<'_>, input: &GetParameterRequest) -> Result<GetParameterResult, Fault> {
        quotas::count(cx, "GetParameter")?;
        let reference = Reference::read(cx, &input.name)?;
        let parameter = read(cx, "ssm:GetParameter", &reference, input.with_decryption == Some(true))?;
        Ok(GetParameterResult { parameter: Some(parameter) })
    }
}

impl Handle<ops::GetParameters> for SystemsManager {
    fn handle(&self, cx: &mut Cx<'_>, input: &GetParametersRequest) -> Result<GetParametersResult, Fault> {
        quotas::count(cx, "GetParameters")?;
        let (mut parameters, mut invalid) = (Vec::new(), Vec::new());
        let decrypts = input.with_decryption == Some(true);
        // Who names one twice gets it once.
        for name in input.names.iter().collect::<BTreeSet<_>>() {
            let read = Reference::read(cx, name)
                .and_then(|reference| read(cx, "ssm:GetParameters", &reference, decrypts));
            match read {
                Ok(parameter) => parameters.push(parameter),
                Err(fault) if is_of_the_name(&fault) => invalid.push(name.clone()),
                Err(fault) => return Err(fault),
            }
        }
        // Names that are none ask for nothing that anybody could refuse.
        cx.authorize_everyone();
        Ok(GetParametersResult { parameters: Some(parameters), invalid_parameters: Some(invalid) })
    }
}

fn is_of_the_name(fault: &Fault) -> bool {
    ["ParameterNotFound", "ParameterVersionNotFound", "ValidationException"].contains(&fault.code())
}
