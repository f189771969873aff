//! Faults in the form of the caller's protocol.

use platform::{Blame, Call, Fault};
use wire::route::{Route, RouteError};
use wire::sigv4::SigError;
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
    errors: &[],
    operations: &[],
};

/// The protocol and the service of an answer to a request, whether or not its operation was found.
pub(crate) fn answered_in(routed: &Result<Route, RouteError>) -> (Protocol, &'static ServiceModel) {
    match routed {
        Ok(route) => (route.protocol, route.service),
        Err(error) => (error.protocol, error.meant().unwrap_or(&UNKNOWN_SERVICE)),
    }
}

/// Writes a fault as the answer to a call.
pub(crate) fn fault_answer(route: &Route, fault: &Fault, call: &Call) -> Answer {
    let query = is_query(route.protocol);
    let error = match (fault.blame(), route.service.error(fault.code())) {
        (Blame::Sender | Blame::Throttled | Blame::Bug, Some(model)) => {
            ErrorAnswer::of(model, fault.message())
        }
        (blame, _) => {
            let (code, status) = match blame {
                // The common errors of the IAM and STS API references, and what KMS answers.
                Blame::Denied if query => ("AccessDenied", 403),
                Blame::Denied => ("AccessDeniedException", 400),
                Blame::Sender | Blame::Throttled => common(fault.code(), route.protocol),
                Blame::Unavailable | Blame::Conflict | Blame::Gone => (unavailable_code(route.protocol), 503),
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

fn is_query(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Query | Protocol::QueryJson | Protocol::Ec2Query)
}

/// Code and status of an error that is common to all services; some have other names where JSON is spoken.
fn common(code: &str, protocol: Protocol) -> (&str, u16) {
    match code {
        "InvalidClientTokenId" => {
            let (code, status, _) = SigError::UnknownKey.answer(protocol);
            (code, status)
        }
        "ValidationError" if !is_query(protocol) => ("ValidationException", 400),
        code => (code, 400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use wire::{ErrorModel, OperationModel};

    fn call() -> Call {
        Call {
            request_id: "id".to_owned(),
            event_id: "event".to_owned(),
            now: wire::Timestamp(0),
            region: "us-east-1".to_owned(),
            source_ip: Ipv4Addr::LOCALHOST.to_string(),
            user_agent: None,
            referer: None,
            host: None,
            secure: false,
            tls: None,
            client: platform::Client::default(),
        }
    }

    fn answer(
        service: &'static ServiceModel,
        operation: &'static OperationModel,
        protocol: Protocol,
        code: &'static str,
    ) -> (u16, String) {
        let route = Route { service, operation, protocol };
        let answer = fault_answer(&route, &Fault::new(code, "why"), &call());
        (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
    }

    fn forms(service: &ServiceModel) -> impl Iterator<Item = Protocol> {
        let json = service.protocols.contains(&Protocol::Query).then_some(Protocol::QueryJson);
        service.protocols.iter().copied().filter(|protocol| *protocol != Protocol::Cbor).chain(json)
    }

    #[test]
    fn every_operation_answers_every_error_of_its_service_by_its_code() {
        let mut seen = 0;
        for service in assembly::models() {
            for (operation, protocol) in service
                .operations
                .iter()
                .flat_map(|operation| forms(service).map(move |form| (operation, form)))
            {
                for error in service.errors {
                    let ErrorModel { shape, code, status, .. } = error;
                    let wanted = match protocol {
                        Protocol::Query => format!("<Code>{code}</Code>"),
                        Protocol::QueryJson => format!(r#""Code":"{code}""#),
                        _ => format!(r#""__type":"{shape}""#),
                    };
                    let (found, body) = answer(service, operation, protocol, shape);
                    assert!(
                        found == *status && body.contains(&wanted),
                        "{}:{} {shape}: {found} {body}",
                        service.name,
                        operation.name
                    );
                    seen += 1;
                }
            }
        }
        assert!(seen > 10_000, "{seen}");
    }

    /// IAM API Reference, "Common Errors"; answers of KMS.
    #[test]
    fn common_errors_go_by_the_names_of_their_protocol() {
        let (iam, kms) = (&iam::api::MODEL, &kms::api::MODEL);
        for (service, protocol, code, status, wanted) in [
            (iam, Protocol::Query, "InvalidClientTokenId", 403, "<Code>InvalidClientTokenId</Code>"),
            (iam, Protocol::Query, "ValidationError", 400, "<Code>ValidationError</Code>"),
            (kms, Protocol::Json11, "InvalidClientTokenId", 400, r#""__type":"UnrecognizedClientException""#),
            (kms, Protocol::Json11, "ValidationError", 400, r#""__type":"ValidationException""#),
        ] {
            let (found, body) = answer(service, service.operations.first().unwrap(), protocol, code);
            assert!(found == status && body.contains(wanted), "{code}: {found} {body}");
        }
    }
}
