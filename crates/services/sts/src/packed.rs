//! What a caller may put into a session: policies and tags, and how much of them.

use crate::api::{PolicyDescriptorType, Tag};
use platform::{Cx, Fault};
use policy::{PolicyKind, Version, admit, key};
use std::collections::BTreeMap;

/// How many bytes of policies and tags fit into one session, so that its token stays well below what a header may hold.
const PACKED_BYTES_MAX: usize = 4096;

/// How many managed policies a session can have (STS API reference, `PolicyArns`).
const POLICY_ARNS_MAX: usize = 10;

/// How many tags a session can have (IAM User Guide, "Passing session tags in AWS STS").
const TAGS_MAX: usize = 50;

/// Policies and tags that were found valid.
pub(crate) struct Packed {
    pub(crate) policies: Vec<String>,
    pub(crate) policy_arns: Vec<String>,
    /// Their unique ids.
    pub(crate) policy_ids: Vec<String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// How full the session is, in percent; none if the caller put nothing in.
    pub(crate) percent: Option<i32>,
}

/// Checks what a caller wants to put into a session of an identity in `account`. `inherited` are the transitive tags of the
/// caller's own session.
pub(crate) fn pack(
    cx: &mut Cx<'_>,
    account: &str,
    policy: Option<&str>,
    policy_arns: &[PolicyDescriptorType],
    tags: &[Tag],
    inherited: BTreeMap<String, String>,
) -> Result<Packed, Fault> {
    if let Some(text) = policy {
        admit(text, PolicyKind::Session, Version::V2008)
            .map_err(|error| Fault::new("MalformedPolicyDocumentException", error.to_string()))?;
    }
    if policy_arns.len() > POLICY_ARNS_MAX {
        return Err(invalid(format!("The number of managed policies must not exceed {POLICY_ARNS_MAX}.")));
    }
    let arns: Vec<String> = policy_arns.iter().filter_map(|descriptor| descriptor.arn.clone()).collect();
    let mut policy_ids = Vec::with_capacity(arns.len());
    for arn in &arns {
        let found = cx.directory().managed_policy_id(&mut cx.tx, account, arn)?;
        policy_ids.push(found.ok_or_else(|| {
            Fault::new("MalformedPolicyDocumentException", format!("The policy {arn} does not exist."))
        })?);
    }
    if key::repeated(tags.iter().map(|tag| tag.key.as_str())).is_some() {
        return Err(invalid_value(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ));
    }
    if tags.iter().any(|tag| inherited.keys().any(|held| key::same(held, &tag.key))) {
        return Err(invalid_value(
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the \
             calling session.",
        ));
    }
    let mut all = inherited;
    for tag in tags {
        if key::fold(&tag.key).starts_with("aws:") {
            let message = "System tags cannot be added/updated by requester";
            return Err(invalid(message));
        }
        all.insert(tag.key.clone(), tag.value.clone());
    }
    if all.len() > TAGS_MAX {
        return Err(invalid(format!("A session cannot have more than {TAGS_MAX} tags.")));
    }
    let bytes = policy.map_or(0, str::len)
        + arns.iter().map(String::len).sum::<usize>()
        + all.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    let percent = i32::try_from((bytes * 100).div_ceil(PACKED_BYTES_MAX)).unwrap_or(i32::MAX);
    if percent > 100 {
        let message =
            format!("Packed size of session tags and policies consumes {percent}% of allotted space.");
        return Err(Fault::new("PackedPolicyTooLargeException", message));
    }
    Ok(Packed {
        policies: policy.map(str::to_owned).into_iter().collect(),
        policy_arns: arns,
        policy_ids,
        tags: all,
        percent: (bytes > 0).then_some(percent),
    })
}

/// A tag that AWS refuses because of another.
pub(crate) fn invalid_value(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterValue", message)
}

/// A parameter that AWS refuses beyond the model's constraints.
pub(crate) fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("ValidationError", message)
}
