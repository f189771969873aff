//! Faults in the form of the caller's protocol.

use platform::{Blame, Call, Fault};
use wire::route::{Route, RouteError};
use wire::{Answer, ErrorAnswer, Protocol, ServiceModel, ValidationStyle};

/// Stands for the service of a request that names none.
pub(crate) static UNKNOWN_SERVICE: ServiceModel = ServiceModel {
    name: "unknown",
    service_id: "unknown",
    endpoint_prefix: "unknown",
    signing_name: "unknown",
    api_version: "",
    target_prefix: None,
    protocols: &[],
    xml_namespace: None,
    global: false,
    validation: ValidationStyle::Json,
    query_compatible: false,
    operations: &[],
};

/// The protocol and the service of an answer to a request, whether or not its operation was found.
pub(crate) fn answered_in(routed: &Result<Route, RouteError>) -> (Protocol, &'static ServiceModel) {
    match routed {
        Ok(route) => (route.protocol, route.service),
        Err(error) => (error.protocol, error.service.unwrap_or(&UNKNOWN_SERVICE)),
    }
}

/// Writes a fault as the answer to a call.
pub(crate) fn fault_answer(route: &Route, fault: &Fault, call: &Call) -> Answer {
    let query = is_query(route.protocol);
    let error = match (fault.blame(), route.operation.error(fault.code())) {
        (Blame::Sender | Blame::Throttled | Blame::Bug, Some(model)) => {
            ErrorAnswer::of(model, fault.message())
        }
        (blame, _) => {
            let (code, status) = match blame {
                // The common errors of the IAM and STS API references, and what KMS answers.
                Blame::Denied if query => ("AccessDenied", 403),
                Blame::Denied => ("AccessDeniedException", 400),
                Blame::Sender | Blame::Throttled => {
                    (common_code(fault.code(), query), common_status(fault.code()))
                }
                Blame::Unavailable | Blame::Conflict => (unavailable_code(route.protocol), 503),
                Blame::Bug => ("InternalFailure", 500),
            };
            ErrorAnswer::new(code, fault.message(), status)
        }
    };
    wire::encode_error(route.protocol, route.service, &error, &call.request_id)
}

/// What a call is refused with that Fastness cannot serve at the moment.
pub(crate) fn unavailable_code(protocol: Protocol) -> &'static str {
    if is_query(protocol) { "ServiceUnavailable" } else { "ServiceUnavailableException" }
}

/// What a call is refused with that came too soon after others.
pub(crate) fn throttling_code(protocol: Protocol) -> &'static str {
    if is_query(protocol) { "Throttling" } else { "ThrottlingException" }
}

fn is_query(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Query | Protocol::Ec2Query)
}

/// Common errors have other names where JSON is spoken.
fn common_code(code: &str, query: bool) -> &str {
    match code {
        "InvalidClientTokenId" if !query => "UnrecognizedClientException",
        "ValidationError" if !query => "ValidationException",
        code => code,
    }
}

fn common_status(code: &str) -> u16 {
    if code == "InvalidClientTokenId" { 403 } else { 400 }
}
