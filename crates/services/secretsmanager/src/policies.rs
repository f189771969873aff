//! Resource policies of secrets.

use crate::SecretsManager;
use crate::access::{Asked, find};
use crate::api::{
    DeleteResourcePolicyRequest, DeleteResourcePolicyResponse, GetResourcePolicyRequest,
    GetResourcePolicyResponse, ListResourcePoliciesRequest, ListResourcePoliciesResponse,
    PutResourcePolicyRequest, PutResourcePolicyResponse, ResourcePolicySummary,
    ValidateResourcePolicyRequest, ValidateResourcePolicyResponse, ValidationErrorsEntry, ops,
};
use crate::errors::invalid_parameter;
use crate::lists::page_of;
use crate::secret::Secret;
use platform::{Access, Blame, Cx, Document, Fault, Handle, Pins};
use policy::{Policy, PolicyError, PolicyKind, Version, admit};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The only policy that a secret has.
const DEFAULT: &str = "default";

const PUBLIC: &str =
    "The resource policy grants broad access to the secret: it allows principals that it does not name.";

const LOCKOUT: &str = "The resource policy would keep you from changing the resource policy of the secret.";

/// A policy as the secret's row keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ResourcePolicy {
    /// The text, with unique ids in place of users and roles.
    pinned: Document,
    #[serde(default, skip_serializing_if = "Pins::is_empty")]
    pins: Pins,
}

impl ResourcePolicy {
    fn read(cx: &mut Cx<'_>, text: &str) -> Result<Self, Fault> {
        let malformed = |message: &str| Fault::new("MalformedPolicyDocumentException", message);
        let worded = |error: PolicyError| {
            malformed(&format!("This resource policy is malformed: {}", error.message()))
        };
        admit(text, PolicyKind::Resource, Version::V2008).map_err(worded)?;
        let pinned = Pins::pin(cx, text)?;
        let (pinned, pins) =
            pinned.ok_or_else(|| malformed("This resource policy contains an unsupported principal."))?;
        let policy = Policy::parse(&pinned, PolicyKind::Resource).map_err(worded)?;
        Ok(Self { pinned: Document::new(pinned, policy), pins })
    }

    pub(crate) fn compiled(&self) -> Result<Arc<Policy>, Fault> {
        self.pinned.policy(PolicyKind::Resource)
    }

    fn shown(&self, cx: &mut Cx<'_>) -> Result<String, Fault> {
        self.pins.shown(cx, self.pinned.text())
    }
}

/// Requires that the secret has a policy of its own: those in other Regions have their primary secret's, one in another account has not.
fn require_own_policy(secret: &Secret) -> Result<(), Fault> {
    match &secret.origin {
        Some(origin) if origin.account != secret.account => secret.require_live(),
        _ => secret.require_primary(),
    }
}

fn check_name(name: Option<&str>) -> Result<(), Fault> {
    match name {
        None | Some(DEFAULT) => Ok(()),
        Some(_) => Err(invalid_parameter("The only resource policy that you can use is default.")),
    }
}

impl Handle<ops::PutResourcePolicy> for SecretsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &PutResourcePolicyRequest,
    ) -> Result<PutResourcePolicyResponse, Fault> {
        let block = input.block_public_policy.map(|block| if block { "true" } else { "false" });
        let asked = Asked::to::<ops::PutResourcePolicy>().key("secretsmanager:BlockPublicPolicy", block);
        let mut secret = find(cx, &input.secret_id, &asked)?;
        require_own_policy(&secret)?;
        check_name(input.policy_name.as_deref())?;
        let policy = ResourcePolicy::read(cx, &input.resource_policy)?;
        if input.block_public_policy == Some(true) && policy.compiled()?.is_public() {
            return Err(Fault::new("PublicPolicyException", PUBLIC));
        }
        secret.policy = Some(policy);
        secret.save(cx)?;
        Ok(PutResourcePolicyResponse {
            arn: Some(secret.arn()),
            name: Some(secret.name),
            policy_name: input.policy_name.clone(),
        })
    }
}

impl Handle<ops::GetResourcePolicy> for SecretsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GetResourcePolicyRequest,
    ) -> Result<GetResourcePolicyResponse, Fault> {
        let secret = find(cx, &input.secret_id, &Asked::to::<ops::GetResourcePolicy>())?;
        secret.require_live()?;
        check_name(input.policy_name.as_deref())?;
        let policy = secret.policy.as_ref().map(|policy| policy.shown(cx)).transpose()?;
        Ok(GetResourcePolicyResponse {
            arn: Some(secret.arn()),
            name: Some(secret.name),
            resource_policy: policy,
            policy_name: input.policy_name.clone(),
        })
    }
}

impl Handle<ops::DeleteResourcePolicy> for SecretsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &DeleteResourcePolicyRequest,
    ) -> Result<DeleteResourcePolicyResponse, Fault> {
        let mut secret = find(cx, &input.secret_id, &Asked::to::<ops::DeleteResourcePolicy>())?;
        require_own_policy(&secret)?;
        check_name(input.policy_name.as_deref())?;
        secret.policy = None;
        secret.save(cx)?;
        Ok(DeleteResourcePolicyResponse {
            arn: Some(secret.arn()),
            name: Some(secret.name),
            policy_name: input.policy_name.clone(),
        })
    }
}

impl Handle<ops::ListResourcePolicies> for SecretsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &ListResourcePoliciesRequest,
    ) -> Result<ListResourcePoliciesResponse, Fault> {
        // It has no action of its own (Service Authorization Reference): who may read policies may list them.
        let secret = find(cx, &input.secret_id, &Asked::to_action("secretsmanager:ListResourcePolicies"))?;
        secret.require_live()?;
        let policies = secret.policy.iter().map(|_| (DEFAULT.to_owned(), DEFAULT)).collect();
        let list = format!("secretsmanager:ListResourcePolicies/{}", secret.arn());
        let (names, next_token) =
            page_of(cx, &list, policies, (input.max_results, 100), input.next_token.as_deref())?;
        let summary = |name: &str| ResourcePolicySummary { policy_name: Some(name.to_owned()) };
        Ok(ListResourcePoliciesResponse {
            resource_policies: names.into_iter().map(summary).collect(),
            next_token,
        })
    }
}

impl Handle<ops::ValidateResourcePolicy> for SecretsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &ValidateResourcePolicyRequest,
    ) -> Result<ValidateResourcePolicyResponse, Fault> {
        let validate = Asked::to::<ops::ValidateResourcePolicy>();
        let put = Asked::to::<ops::PutResourcePolicy>();
        let secret = match &input.secret_id {
            Some(id) => {
                let secret = find(cx, id, &validate)?;
                put.require(cx, &secret, id)?;
                secret.require_live()?;
                Some(secret)
            }
            None => {
                cx.authorize(&Access::to("secretsmanager:ValidateResourcePolicy", "*"))?;
                cx.authorize(&Access::to("secretsmanager:PutResourcePolicy", "*"))?;
                None
            }
        };
        let policy = ResourcePolicy::read(cx, &input.resource_policy)?;
        let mut errors = Vec::new();
        let mut found = |check: &str, message: &str| {
            errors.push(ValidationErrorsEntry {
                check_name: Some(check.to_owned()),
                error_message: Some(message.to_owned()),
            });
        };
        if policy.compiled()?.is_public() {
            found("PUBLIC_POLICY", PUBLIC);
        }
        if let Some(secret) = secret {
            let changed = Secret { policy: Some(policy), ..secret };
            match put.require(cx, &changed, &changed.name) {
                Err(fault) if fault.blame() == Blame::Denied => found("LOCKOUT", LOCKOUT),
                result => result?,
            }
        }
        Ok(ValidateResourcePolicyResponse {
            policy_validation_passed: Some(errors.is_empty()),
            validation_errors: Some(errors),
        })
    }
}
