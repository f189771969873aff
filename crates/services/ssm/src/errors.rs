//! Errors that several operations give. The words are AWS's where they are public.

use platform::Fault;

pub(crate) fn validation(message: impl Into<String>) -> Fault {
    Fault::new("ValidationException", message)
}

/// AWS says nothing more.
pub(crate) fn not_found() -> Fault {
    Fault::new("ParameterNotFound", "")
}

pub(crate) fn version_not_found(version: &str, name: &str) -> Fault {
    Fault::new(
        "ParameterVersionNotFound",
        format!(
            "Systems Manager could not find version {version} of {name}. Verify the version and try again."
        ),
    )
}

pub(crate) fn invalid_token() -> Fault {
    Fault::new("InvalidNextToken", "The specified token isn't valid.")
}
