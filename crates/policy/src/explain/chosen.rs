//! What a caller chooses with each call: values that can be suggested to the caller.
//!
//! What nobody here can have, such as a session with MFA, is not among them; nor what an action has no parameter for.

use super::change::Call;
use crate::key;
use crate::request::Request;

/// Actions of which a call has an encryption context (KMS Developer Guide, "kms:EncryptionContext:context-key"); `CreateGrant` has it
/// in the constraints of the grant.
const WITH_CONTEXT: &[&str] = &[
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyPair",
    "kms:GenerateDataKeyPairWithoutPlaintext",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
];

/// Actions whose encryption context is that of a ciphertext: another one opens nothing.
const OF_CIPHERTEXT: &[&str] = &["kms:Decrypt", "kms:ReEncryptFrom"];

/// Actions of which a call gives tags (Service Authorization Reference, `aws:RequestTag`).
const WITH_TAGS: &[&str] = &[
    "cloudhsm:CopyBackupToRegion",
    "cloudhsm:CreateCluster",
    "cloudhsm:TagResource",
    "iam:CreateInstanceProfile",
    "iam:CreatePolicy",
    "iam:CreateRole",
    "iam:CreateUser",
    "iam:TagInstanceProfile",
    "iam:TagPolicy",
    "iam:TagRole",
    "iam:TagUser",
    "kms:CreateKey",
    "kms:ReplicateKey",
    "kms:TagResource",
    "sts:AssumeRole",
    "sts:GetFederationToken",
    "sts:TagSession",
];

/// Actions of which a call gives a permissions boundary. Others tell the one that the user or role has already.
const WITH_BOUNDARY: &[&str] =
    &["iam:CreateRole", "iam:CreateUser", "iam:PutRolePermissionsBoundary", "iam:PutUserPermissionsBoundary"];

/// What is asked when a role is taken on.
const OF_ASSUMING: &[&str] = &["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"];

/// Keys by their beginnings, in lower case, with the actions of which a caller chooses them.
const CHOSEN: &[(&str, &[&str])] = &[
    ("kms:encryptioncontext:", WITH_CONTEXT),
    ("aws:requesttag/", WITH_TAGS),
    ("iam:permissionsboundary", WITH_BOUNDARY),
    ("sts:externalid", OF_ASSUMING),
    ("sts:rolesessionname", OF_ASSUMING),
    ("sts:sourceidentity", OF_ASSUMING),
];

const CONTEXT: &str = "kms:encryptioncontext:";

/// The call, if its caller could make it.
pub(super) fn possible(request: &Request<'_>, mut call: Call) -> Option<Call> {
    let with = call.with.iter().map(|chosen| (&chosen.key, Some(chosen.value.as_str())));
    let without = call.without.iter().map(|key| (key, None));
    for (key, value) in with.chain(without) {
        let key = key::fold(key);
        if !is_chosen(request, &key, value) {
            return None;
        }
        if key.starts_with(CONTEXT) && names(OF_CIPHERTEXT, request.action) {
            // A context that was given is the ciphertext's; one that was not may have been forgotten.
            if request.context.get(&key).is_some()
                || request.context.get("kms:encryptioncontextkeys").is_some()
            {
                return None;
            }
            call.of_ciphertext = true;
        }
    }
    Some(call)
}

fn is_chosen(request: &Request<'_>, key: &str, value: Option<&str>) -> bool {
    // TLS can be asked for; nobody should be told to do without.
    if key == "aws:securetransport" {
        return value == Some("true");
    }
    // Only symmetric keys take an encryption context.
    let is_pair = || {
        let algorithm = request.context.get("kms:encryptionalgorithm").and_then(|values| values.single());
        algorithm.is_some_and(|algorithm| algorithm != "SYMMETRIC_DEFAULT")
    };
    CHOSEN.iter().any(|(beginning, actions)| {
        key.starts_with(beginning) && names(actions, request.action) && !(*beginning == CONTEXT && is_pair())
    })
}

fn names(actions: &[&str], action: &str) -> bool {
    actions.iter().any(|named| named.eq_ignore_ascii_case(action))
}
