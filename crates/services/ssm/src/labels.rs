//! LabelParameterVersion and UnlabelParameterVersion.

use crate::access::require;
use crate::api::{
    LabelParameterVersionRequest, LabelParameterVersionResult, UnlabelParameterVersionRequest,
    UnlabelParameterVersionResult, ops,
};
use crate::errors::{not_found, version_not_found};
use crate::names::{self, Place};
use crate::parameter::{LABELS, Labels, Parameter, labels, labels_of};
use crate::{SystemsManager, events};
use platform::{Cx, Fault, Handle};
use std::sync::Arc;

/// Labels of a version (API Reference, "LabelParameterVersion").
const LABELS_MAX: usize = 10;

fn is_label(label: &str) -> bool {
    let start = |word: &str| label.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(word));
    label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        && !label.starts_with(|c: char| c.is_ascii_digit())
        && !start("aws")
        && !start("ssm")
}

/// The parameter with this version, for those who may do `action`.
fn find(
    cx: &mut Cx<'_>,
    action: &str,
    (place, name): (&Place, &str),
    version: Option<i64>,
) -> Result<(Arc<Parameter>, i64), Fault> {
    let found = Parameter::find(cx, place)?;
    require(cx, action, place, found.as_deref())?;
    let found = found.ok_or_else(not_found)?;
    let number = version.unwrap_or(found.latest.number);
    match (found.oldest..=found.latest.number).contains(&number) {
        true => Ok((found, number)),
        false => Err(version_not_found(&number.to_string(), name)),
    }
}

fn put(cx: &mut Cx<'_>, place: &Place, labels: &Labels) -> Result<(), Fault> {
    if labels.is_empty() {
        LABELS.delete(&mut cx.tx, &place.path());
        return Ok(());
    }
    LABELS.put(&mut cx.tx, &place.path(), labels)
}

impl Handle<ops::LabelParameterVersion> for SystemsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &LabelParameterVersionRequest,
    ) -> Result<LabelParameterVersionResult, Fault> {
        let place = names::own(cx, &input.name)?;
        let named = (&place, input.name.as_str());
        let (found, number) = find(cx, "ssm:LabelParameterVersion", named, input.parameter_version)?;
        let (valid, invalid): (Vec<_>, Vec<_>) =
            input.labels.iter().cloned().partition(|label| is_label(label));
        let mut all = (*labels(cx, &place)?).clone();
        all.extend(valid.iter().map(|label| (label.clone(), number)));
        if labels_of(&all, number).count() > LABELS_MAX {
            let message = "A parameter version can have maximum 10 labels. Move one or more labels to another version and try again.";
            return Err(Fault::new("ParameterVersionLabelLimitExceeded", message));
        }
        put(cx, &place, &all)?;
        if !valid.is_empty() {
            events::change(cx, &place, &found, "LabelParameterVersion")?;
        }
        Ok(LabelParameterVersionResult { invalid_labels: Some(invalid), parameter_version: Some(number) })
    }
}

impl Handle<ops::UnlabelParameterVersion> for SystemsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &UnlabelParameterVersionRequest,
    ) -> Result<UnlabelParameterVersionResult, Fault> {
        let place = names::own(cx, &input.name)?;
        let named = (&place, input.name.as_str());
        let version = Some(input.parameter_version);
        let (_, number) = find(cx, "ssm:UnlabelParameterVersion", named, version)?;
        let mut all = (*labels(cx, &place)?).clone();
        let (removed, invalid) =
            input.labels.iter().cloned().partition::<Vec<_>, _>(|label| all.get(label) == Some(&number));
        all.retain(|label, _| !removed.contains(label));
        put(cx, &place, &all)?;
        Ok(UnlabelParameterVersionResult { removed_labels: Some(removed), invalid_labels: Some(invalid) })
    }
}
