//! Asking for permission (Service Authorization Reference, "AWS Systems Manager"; Systems Manager User Guide, "How Parameter Store authorizes
//! parameter retrieval"): each operation asks for its own action, on each parameter or path that it names.

use crate::names::Place;
use crate::parameter::Parameter;
use platform::{Access, Cx, Fault};
use policy::{Mode, PolicyKind};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The CloudFormation type of a parameter.
pub(crate) const TYPE: &str = "AWS::SSM::Parameter";

/// `action` on a resource with these tags, which policies know by two names.
pub(crate) fn tagged<'a>(
    action: &'a str,
    arn: impl Into<Cow<'a, str>>,
    tags: &'a BTreeMap<String, String>,
) -> Access<'a> {
    let access = Access::to(action, arn).tagged(tags);
    tags.iter()
        .fold(access, |access, (key, value)| access.key(format!("ssm:resourceTag/{key}"), value.as_str()))
}

/// Requires that the caller may do `action` to a parameter, which may not be there, and names it in the audit record.
pub(crate) fn require(
    cx: &mut Cx<'_>,
    action: &str,
    place: &Place,
    found: Option<&Parameter>,
) -> Result<(), Fault> {
    require_with(cx, action, place, found, |access| access)
}

/// As [`require`], with what else policies may ask.
pub(crate) fn require_with<'a>(
    cx: &mut Cx<'_>,
    action: &'a str,
    place: &'a Place,
    found: Option<&'a Parameter>,
    more: impl FnOnce(Access<'a>) -> Access<'a>,
) -> Result<(), Fault> {
    static NO_TAGS: BTreeMap<String, String> = BTreeMap::new();
    let arn = place.arn();
    cx.touch(TYPE, &arn, &place.account);
    let access = tagged(action, arn, found.map_or(&NO_TAGS, |found| &found.tags)).owned_by(&place.account);
    let shared = found.and_then(|found| found.shared.as_ref());
    match shared.map(|shared| shared.policy.policy(PolicyKind::Resource)).transpose()? {
        Some(policy) => {
            let access: Access<'_> = more(access);
            cx.authorize(&access.with_policy(&policy, Mode::Standard))
        }
        None => cx.authorize(&more(access)),
    }
}

/// Requires that the caller may do `action` to all of the account and Region.
pub(crate) fn require_all(cx: &mut Cx<'_>, action: &str) -> Result<(), Fault> {
    let arn = format!("arn:aws:ssm:{}:{}:*", cx.region(), cx.account());
    cx.authorize(&Access::to(action, arn))
}
