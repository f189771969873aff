//! The service's errors, in the words of AWS's answers.

use platform::Fault;
use std::fmt::Display;

pub(crate) fn no_such_entity(message: impl Into<String>) -> Fault {
    Fault::new("NoSuchEntityException", message)
}

pub(crate) fn already_exists(message: impl Into<String>) -> Fault {
    Fault::new("EntityAlreadyExistsException", message)
}

pub(crate) fn invalid_input(message: impl Into<String>) -> Fault {
    Fault::new("InvalidInputException", message)
}

pub(crate) fn delete_conflict(message: impl Into<String>) -> Fault {
    Fault::new("DeleteConflictException", message)
}

pub(crate) fn malformed_policy(message: impl Into<String>) -> Fault {
    Fault::new("MalformedPolicyDocumentException", message)
}

pub(crate) fn limit_exceeded(message: impl Into<String>) -> Fault {
    Fault::new("LimitExceededException", message)
}

/// A quota is used up: `Cannot exceed quota for UsersPerAccount: 5000`.
pub(crate) fn quota(name: &str, value: impl Display) -> Fault {
    limit_exceeded(format!("Cannot exceed quota for {name}: {value}"))
}

/// The common error of the Query protocol for parameters that do not fit each other or the caller.
pub(crate) fn validation(message: impl Into<String>) -> Fault {
    Fault::new("ValidationError", message)
}
