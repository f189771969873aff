//! Events of Parameter Store, as EventBridge has them (Systems Manager User Guide, "Reference: Amazon EventBridge event patterns and types
//! for Systems Manager"): `Parameter Store Change` and `Parameter Store Policy Action`.

use crate::names::Place;
use crate::parameter::Parameter;
use platform::{Cx, Event, Fault, ids};
use serde_json::{Value, json};

fn publish(cx: &mut Cx<'_>, place: &Place, detail_type: &str, detail: Value) -> Result<(), Fault> {
    let event = Event {
        id: ids::uuid(cx.random()),
        account: place.account.clone(),
        region: place.region.clone(),
        time: cx.now().0,
        source: "aws.ssm".to_owned(),
        detail_type: detail_type.to_owned(),
        resources: vec![place.arn()],
        detail,
    };
    cx.publish(&event)
}

/// Something was done to a parameter: `Create`, `Update`, `Delete` or `LabelParameterVersion`.
pub(crate) fn change(
    cx: &mut Cx<'_>,
    place: &Place,
    found: &Parameter,
    operation: &str,
) -> Result<(), Fault> {
    let latest = &found.latest;
    let mut detail = json!({ "operation": operation, "name": found.name, "type": latest.r#type.as_str() });
    if let (Some(description), Some(members)) = (&latest.description, detail.as_object_mut()) {
        members.insert("description".to_owned(), json!(description));
    }
    publish(cx, place, "Parameter Store Change", detail)
}

/// A policy of a parameter tells what it was set to tell.
pub(crate) fn policy(
    cx: &mut Cx<'_>,
    place: &Place,
    found: &Parameter,
    kind: &str,
    text: &str,
) -> Result<(), Fault> {
    let detail = json!({
        "parameter-name": found.name,
        "parameter-type": found.latest.r#type.as_str(),
        "policy-type": kind,
        "policy-content": text,
        "action-status": "Success",
    });
    publish(cx, place, "Parameter Store Policy Action", detail)
}
