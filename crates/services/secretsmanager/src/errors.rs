//! Errors that several operations give, in AWS's words where those are public.

use platform::{Blame, Fault};

/// Something failed that the caller can do nothing about.
pub(crate) const INTERNAL: (&str, &str) = ("InternalServiceError", "An error occurred on the server side.");

pub(crate) fn invalid_parameter(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterException", message)
}

/// A parameter does not fit the state of the secret.
pub(crate) fn invalid_request(message: impl Into<String>) -> Fault {
    Fault::new("InvalidRequestException", message)
}

pub(crate) fn validation(message: impl Into<String>) -> Fault {
    Fault::new("ValidationException", message)
}

pub(crate) fn limit_exceeded(message: impl Into<String>) -> Fault {
    Fault::new("LimitExceededException", message)
}

pub(crate) fn not_found(message: impl Into<String>) -> Fault {
    Fault::new("ResourceNotFoundException", message)
}

pub(crate) fn exists(message: impl Into<String>) -> Fault {
    Fault::new("ResourceExistsException", message)
}

pub(crate) fn no_secret() -> Fault {
    not_found("Secrets Manager can't find the specified secret.")
}

pub(crate) fn invalid_token() -> Fault {
    Fault::new("InvalidNextTokenException", "The NextToken value is invalid.")
}

/// The side of KMS at which a call to it failed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kms {
    Encrypts,
    Decrypts,
}

/// The answer to a call whose call to KMS failed. KMS's own words stay in its record.
pub(crate) fn of_kms(side: Kms, fault: Fault) -> Fault {
    match (fault.blame(), side) {
        (Blame::Denied, _) => fault.reworded(Fault::denied("Access to KMS is not allowed")),
        (Blame::Sender, Kms::Encrypts) => {
            let message =
                "Secrets Manager can't encrypt the protected secret text using the provided KMS key.";
            fault.named("EncryptionFailure", message)
        }
        (Blame::Sender, Kms::Decrypts) => {
            let message =
                "Secrets Manager can't decrypt the protected secret text using the provided KMS key.";
            fault.named("DecryptionFailure", message)
        }
        _ => fault,
    }
}
