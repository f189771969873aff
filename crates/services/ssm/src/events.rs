//! Events of Parameter Store, as EventBridge has them (Systems Manager User Guide, "Reference: Amazon EventBridge event patterns and types
//! for Systems Manager"): `Parameter Store Change` and `Parameter Store Policy Action`.
//!
//! Each begins here. Nobody takes events yet, so that none is written.

use crate::names::Place;
use crate::parameter::Parameter;
use platform::{Cx, Fault};

/// Something was done to a parameter: `Create`, `Update`, `Delete` or `LabelParameterVersion`.
pub(crate) fn change(_: &mut Cx<'_>, _: &Place, _: &Parameter, _operation: &str) -> Result<(), Fault> {
    Ok(())
}

/// A policy of a parameter tells what it was set to tell.
pub(crate) fn policy(
    _: &mut Cx<'_>,
    _: &Place,
    _: &Parameter,
    _kind: &str,
    _text: &str,
) -> Result<(), Fault> {
    Ok(())
}
