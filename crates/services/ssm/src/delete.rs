//! DeleteParameter and DeleteParameters.

use crate::access::require;
use crate::api::{
    DeleteParameterRequest, DeleteParameterResult, DeleteParametersRequest, DeleteParametersResult, ops,
};
use crate::errors::not_found;
use crate::names::{self, Place};
use crate::parameter::{LABELS, PARAMETERS, Parameter, VERSIONS, version_key};
use crate::{SystemsManager, events, policies, tiers};
use platform::{Cx, Fault, Handle};

impl Handle<ops::DeleteParameter> for SystemsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &DeleteParameterRequest,
    ) -> Result<DeleteParameterResult, Fault> {
        let place = names::own(cx, &input.name)?;
        match delete(cx, "ssm:DeleteParameter", &place)? {
            true => Ok(DeleteParameterResult {}),
            false => Err(not_found()),
        }
    }
}

impl Handle<ops::DeleteParameters> for SystemsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &DeleteParametersRequest,
    ) -> Result<DeleteParametersResult, Fault> {
        let (mut deleted, mut invalid) = (Vec::new(), Vec::new());
        for name in &input.names {
            let there = match names::own(cx, name) {
                Ok(place) => delete(cx, "ssm:DeleteParameters", &place)?,
                Err(_) => false,
            };
            if there { &mut deleted } else { &mut invalid }.push(name.clone());
        }
        // Names that are none ask for nothing that anybody could refuse.
        cx.authorize_everyone();
        Ok(DeleteParametersResult { deleted_parameters: Some(deleted), invalid_parameters: Some(invalid) })
    }
}

/// Deletes a parameter for those who may: whether it was there.
fn delete(cx: &mut Cx<'_>, action: &str, place: &Place) -> Result<bool, Fault> {
    let found = Parameter::find(cx, place)?;
    require(cx, action, place, found.as_deref())?;
    let Some(found) = found else { return Ok(false) };
    remove(cx, place, &found)?;
    Ok(true)
}

/// Takes a parameter away with all of its versions.
pub(crate) fn remove(cx: &mut Cx<'_>, place: &Place, found: &Parameter) -> Result<(), Fault> {
    let path = place.path();
    let [account, region, parent, leaf] = path;
    policies::end(cx, place, &found.latest)?;
    tiers::uncount(cx, place, found.latest.tier)?;
    for number in found.oldest..found.latest.number {
        VERSIONS.delete(&mut cx.tx, &[account, region, parent, leaf, &version_key(number)]);
    }
    LABELS.delete(&mut cx.tx, &path);
    PARAMETERS.delete(&mut cx.tx, &path);
    cx.drop_resource(&place.arn())?;
    events::change(cx, place, found, "Delete")
}
