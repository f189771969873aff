//! Key policies: the root of trust of every key (KMS Developer Guide, "Key policies in AWS KMS").

use crate::Kms;
use crate::api::{
    GetKeyPolicyRequest, GetKeyPolicyResponse, ListKeyPoliciesRequest, ListKeyPoliciesResponse,
    PutKeyPolicyRequest, ops,
};
use crate::authorize::Use;
use crate::errors::{limit_exceeded, validation};
use crate::key::Key;
use crate::limits::POLICY_BYTES;
use crate::names::{Takes, find};
use crate::pages;
use platform::{Cx, Document, Fault, Handle, Pins};
use policy::{Policy, PolicyKind, Version, admit};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wire::Unit;

/// The only policy that a key has.
const DEFAULT: &str = "default";

/// A key policy as the key's row keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeyPolicy {
    /// What is evaluated: ARNs of users, roles and sessions of roles are replaced by unique ids, so that a principal made later under the same name
    /// has none of the permissions.
    pinned: Document,
    #[serde(default, skip_serializing_if = "Pins::is_empty")]
    pins: Pins,
}

impl KeyPolicy {
    /// Checks a policy document and pins its principals.
    pub(crate) fn read(cx: &mut Cx<'_>, text: &str) -> Result<Self, Fault> {
        if text.len() > POLICY_BYTES {
            return Err(limit_exceeded(format!("A key policy cannot exceed {POLICY_BYTES} bytes.")));
        }
        admit(text, PolicyKind::Key, Version::V2008).map_err(|error| malformed(error.message()))?;
        let (pinned, pins) = Pins::pin(cx, text)?.ok_or_else(|| malformed(INVALID_PRINCIPALS))?;
        let policy = Policy::parse(&pinned, PolicyKind::Key).map_err(|error| malformed(error.message()))?;
        Ok(Self { pinned: Document::new(pinned, policy), pins })
    }

    /// The policy of keys made without one: the account decides, by its IAM policies (KMS Developer Guide, "Default key policy").
    pub(crate) fn default_of(account: &str) -> Self {
        let text = format!(
            r#"{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:aws:iam::{account}:root"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"#
        );
        Self::fixed(&text)
    }

    /// A policy of our own, which names nobody who could be gone.
    pub(crate) fn fixed(text: &str) -> Self {
        Self { pinned: Document::of(text), pins: Pins::default() }
    }

    pub(crate) fn policy(&self) -> Result<Arc<Policy>, Fault> {
        self.pinned.policy(PolicyKind::Key)
    }

    /// The text as it was given, but with unique ids in place of principals that are gone.
    pub(crate) fn shown(&self, cx: &mut Cx<'_>) -> Result<String, Fault> {
        self.pins.shown(cx, self.pinned.text())
    }
}

const INVALID_PRINCIPALS: &str = "Policy contains a statement with one or more invalid principals.";

fn malformed(message: &str) -> Fault {
    Fault::new("MalformedPolicyDocumentException", message)
}

/// Requires that the caller could still replace the key's policy, unless that check is to be left out.
pub(crate) fn keep_out_of_lockout(cx: &mut Cx<'_>, key: &Key, bypass: Option<bool>) -> Result<(), Fault> {
    let asks = Use::of_key(key, "kms:PutKeyPolicy")
        .with("kms:PolicyName", DEFAULT)
        .with("kms:BypassPolicyLockoutSafetyCheck", "false");
    if bypass == Some(true) || asks.is_allowed(cx)? {
        return Ok(());
    }
    Err(malformed("The new key policy will not allow you to update the key policy in the future."))
}

impl Handle<ops::PutKeyPolicy> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &PutKeyPolicyRequest) -> Result<Unit, Fault> {
        let found = find(cx, "kms:PutKeyPolicy", &input.key_id, Takes::Keys)?;
        let name = input.policy_name.as_deref().unwrap_or(DEFAULT);
        let bypass = input.bypass_policy_lockout_safety_check;
        Use::of(&found, "kms:PutKeyPolicy")
            .with("kms:PolicyName", name)
            .with("kms:BypassPolicyLockoutSafetyCheck", if bypass == Some(true) { "true" } else { "false" })
            .authorize(cx)?;
        if name != DEFAULT {
            return Err(validation(format!(
                "The policy {name} cannot be set. Only the default key policy can."
            )));
        }
        let mut key = (*found.key).clone();
        key.policy = KeyPolicy::read(cx, &input.policy)?;
        keep_out_of_lockout(cx, &key, bypass)?;
        key.put(cx)?;
        Ok(Unit)
    }
}

impl Handle<ops::GetKeyPolicy> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &GetKeyPolicyRequest) -> Result<GetKeyPolicyResponse, Fault> {
        let found = find(cx, "kms:GetKeyPolicy", &input.key_id, Takes::Keys)?;
        let name = input.policy_name.as_deref().unwrap_or(DEFAULT);
        Use::of(&found, "kms:GetKeyPolicy").with("kms:PolicyName", name).authorize(cx)?;
        if name != DEFAULT {
            return Err(Fault::new("NotFoundException", "No such policy exists"));
        }
        let policy = found.key.policy.shown(cx)?;
        Ok(GetKeyPolicyResponse { policy: Some(policy), policy_name: Some(DEFAULT.to_owned()) })
    }
}

impl Handle<ops::ListKeyPolicies> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &ListKeyPoliciesRequest,
    ) -> Result<ListKeyPoliciesResponse, Fault> {
        let found = find(cx, "kms:ListKeyPolicies", &input.key_id, Takes::Keys)?;
        Use::of(&found, "kms:ListKeyPolicies").authorize(cx)?;
        let list = format!("kms:ListKeyPolicies/{}", found.key.arn);
        let wanted = (pages::KEYS.of(input.limit), input.marker.as_deref());
        let (names, next) = pages::of_sorted(cx, &list, &[DEFAULT.to_owned()], wanted, String::as_str)?;
        Ok(ListKeyPoliciesResponse {
            policy_names: Some(names),
            truncated: Some(next.is_some()),
            next_marker: next,
        })
    }
}
