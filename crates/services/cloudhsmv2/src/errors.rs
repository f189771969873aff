//! Errors that several operations give. AWS publishes their codes; the words are our own.

use hsm::HsmError;
use platform::Fault;

/// Something failed that the caller can do nothing about.
pub(crate) const INTERNAL: &str = "CloudHsmInternalFailureException";

pub(crate) fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("CloudHsmInvalidRequestException", message)
}

pub(crate) fn not_found(what: &str, name: &str) -> Fault {
    Fault::new("CloudHsmResourceNotFoundException", format!("The {what} {name} is not found."))
}

pub(crate) fn tag(message: impl Into<String>) -> Fault {
    Fault::new("CloudHsmTagException", message)
}

/// No device can do what is asked.
pub(crate) fn service(message: impl Into<String>) -> Fault {
    Fault::new("CloudHsmServiceException", message)
}

/// A device failed. The caller learns only that it did.
pub(crate) fn device(error: &HsmError) -> Fault {
    let message = "The hardware security module failed. The request can be retried.";
    Fault::new(INTERNAL, message).context(error.to_string())
}
