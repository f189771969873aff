//! Resource policies of parameters, by which other accounts may read them: PutResourcePolicy, GetResourcePolicies and DeleteResourcePolicy.

use crate::SystemsManager;
use crate::access::require;
use crate::api::{
    DeleteResourcePolicyRequest, DeleteResourcePolicyResponse, GetResourcePoliciesRequest,
    GetResourcePoliciesResponse, GetResourcePoliciesResponseEntry, ParameterTier, PutResourcePolicyRequest,
    PutResourcePolicyResponse, ops,
};
use crate::names::{Place, Reference, arn};
use crate::parameter::Parameter;
use platform::{Access, Cx, Document, Fault, Handle, Pins, ids};
use policy::{Policy, PolicyError, PolicyKind, Version, admit};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The longest policy, in bytes, and how many there are of a resource (API Reference, "ResourcePolicyLimitExceededException").
const POLICY_BYTES_MAX: usize = 1024;

/// The policy of a parameter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Shared {
    pub(crate) policy: Document,
    #[serde(default, skip_serializing_if = "Pins::is_empty")]
    pins: Pins,
    id: String,
    /// What tells one text of it from the next.
    hash: String,
}

/// The parameter that an ARN names, for those of its account who may do `action`.
fn find(cx: &mut Cx<'_>, action: &str, text: &str) -> Result<(Place, Arc<Parameter>), Fault> {
    let own = arn(cx.region(), cx.account(), "/");
    let reference = match text.starts_with(&own) {
        true => Reference::read(cx, text).ok().filter(|reference| reference.selector.is_none()),
        false => None,
    };
    let Some(Reference { place, .. }) = reference else {
        // Nobody learns without permission what there is.
        cx.authorize(&Access::to(action, text))?;
        return Err(invalid(
            "ResourceArn isn't the Amazon Resource Name of a parameter of this account and Region.",
        ));
    };
    let found = Parameter::find(cx, &place)?;
    require(cx, action, &place, found.as_deref())?;
    match found {
        Some(found) => Ok((place, found)),
        None => Err(Fault::new(
            "ResourceNotFoundException",
            "The specified parameter to be shared could not be found.",
        )),
    }
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("ResourcePolicyInvalidParameterException", message)
}

/// The policy of the parameter that goes by this id and hash.
fn held<'p>(found: &'p Parameter, id: &str, hash: &str) -> Result<&'p Shared, Fault> {
    let held = found.shared.as_ref().filter(|shared| shared.id == id).ok_or_else(|| {
        let message = "No policies with the specified policy ID and hash could be found.";
        Fault::new("ResourcePolicyNotFoundException", message)
    })?;
    match held.hash == hash {
        true => Ok(held),
        false => Err(Fault::new(
            "ResourcePolicyConflictException",
            "The hash provided in the call doesn't match the stored hash.",
        )),
    }
}

fn malformed(error: &PolicyError) -> Fault {
    let message = format!("The specified policy document is malformed or invalid: {}", error.message());
    Fault::new("MalformedResourcePolicyDocumentException", message)
}

fn document(cx: &mut Cx<'_>, text: &str) -> Result<(Document, Pins), Fault> {
    admit(text, PolicyKind::Resource, Version::V2008).map_err(|error| malformed(&error))?;
    let (pinned, pins) = Pins::pin(cx, text)?.ok_or_else(|| {
        let message = "The specified policy document is malformed or invalid: it names a principal that does not exist.";
        Fault::new("MalformedResourcePolicyDocumentException", message)
    })?;
    let policy = Policy::parse(&pinned, PolicyKind::Resource).map_err(|error| malformed(&error))?;
    Ok((Document::new(pinned, policy), pins))
}

impl Handle<ops::PutResourcePolicy> for SystemsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &PutResourcePolicyRequest,
    ) -> Result<PutResourcePolicyResponse, Fault> {
        let (place, found) = find(cx, "ssm:PutResourcePolicy", &input.resource_arn)?;
        if input.policy.len() > POLICY_BYTES_MAX {
            let message = format!("A resource policy has no more than {POLICY_BYTES_MAX} bytes.");
            return Err(Fault::new("ResourcePolicyLimitExceededException", message));
        }
        if found.latest.tier != ParameterTier::Advanced {
            return Err(invalid("To share a parameter, it must be in the advanced parameter tier."));
        }
        let id = match (&input.policy_id, &input.policy_hash, &found.shared) {
            (Some(id), Some(hash), _) => held(&found, id, hash)?.id.clone(),
            (None, None, None) => ids::uuid(cx.random()),
            (None, None, Some(_)) => {
                let message =
                    "The parameter has a resource policy: name its PolicyId and PolicyHash to change it.";
                return Err(Fault::new("ResourcePolicyLimitExceededException", message));
            }
            _ => return Err(invalid("PolicyId and PolicyHash are given together.")),
        };
        let (policy, pins) = document(cx, &input.policy)?;
        let mut hash = [0; 32];
        cx.random().fill(&mut hash);
        let shared = Shared { policy, pins, id, hash: hex::encode(hash) };
        let answer = PutResourcePolicyResponse {
            policy_id: Some(shared.id.clone()),
            policy_hash: Some(shared.hash.clone()),
        };
        Parameter { shared: Some(shared), ..(*found).clone() }.put(cx, &place)?;
        Ok(answer)
    }
}

impl Handle<ops::GetResourcePolicies> for SystemsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GetResourcePoliciesRequest,
    ) -> Result<GetResourcePoliciesResponse, Fault> {
        let (_, found) = find(cx, "ssm:GetResourcePolicies", &input.resource_arn)?;
        // There is one policy at most, so that no page has another after it.
        if input.next_token.is_some() {
            return Err(invalid("The NextToken isn't valid."));
        }
        let mut policies = Vec::new();
        if let Some(shared) = &found.shared {
            policies.push(GetResourcePoliciesResponseEntry {
                policy_id: Some(shared.id.clone()),
                policy_hash: Some(shared.hash.clone()),
                policy: Some(shared.pins.shown(cx, shared.policy.text())?),
            });
        }
        Ok(GetResourcePoliciesResponse { next_token: None, policies: Some(policies) })
    }
}

impl Handle<ops::DeleteResourcePolicy> for SystemsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &DeleteResourcePolicyRequest,
    ) -> Result<DeleteResourcePolicyResponse, Fault> {
        let (place, found) = find(cx, "ssm:DeleteResourcePolicy", &input.resource_arn)?;
        held(&found, &input.policy_id, &input.policy_hash)?;
        Parameter { shared: None, ..(*found).clone() }.put(cx, &place)?;
        Ok(DeleteResourcePolicyResponse {})
    }
}
