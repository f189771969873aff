//! Errors of KMS that several operations give, in AWS's words.

use crate::key::Key;
use platform::Fault;

/// The request contradicts itself or the API's rules, where the model alone does not say so.
pub(crate) fn validation(message: impl Into<String>) -> Fault {
    Fault::new("ValidationException", message)
}

pub(crate) fn key_not_found(arn: &str) -> Fault {
    Fault::new("NotFoundException", format!("Key '{arn}' does not exist"))
}

pub(crate) fn alias_not_found(arn: &str) -> Fault {
    Fault::new("NotFoundException", format!("Alias {arn} is not found."))
}

/// What AWS says of a resource of another account, whether it exists or not.
pub(crate) fn out_of_reach(caller: &str, action: &str, resource: &str) -> Fault {
    Fault::denied(format!(
        "User: {caller} is not authorized to perform: {action} on {resource} because the resource does not exist in this Region, \
         no resource-based policies allow access, or a resource-based policy explicitly denies access"
    ))
}

/// A ciphertext that was not made here, was altered or goes with another encryption context. AWS gives no message.
pub(crate) fn invalid_ciphertext() -> Fault {
    Fault::new("InvalidCiphertextException", "")
}

pub(crate) fn incorrect_key() -> Fault {
    let message = "The key ID in the request does not identify a CMK that can perform this operation.";
    Fault::new("IncorrectKeyException", message)
}

/// Everything has been checked, and nothing done.
pub(crate) fn dry_run() -> Fault {
    Fault::new("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
}

pub(crate) fn unsupported(message: impl Into<String>) -> Fault {
    Fault::new("UnsupportedOperationException", message)
}

/// The operation is not for keys whose material comes from there.
pub(crate) fn wrong_origin(key: &Key) -> Fault {
    let origin = key.origin.0;
    unsupported(format!("{} origin is {origin} which is not valid for this operation.", key.arn))
}

pub(crate) fn limit_exceeded(message: impl Into<String>) -> Fault {
    Fault::new("LimitExceededException", message)
}
