//! From requests to typed inputs and from typed outputs to answers, whatever the protocol.

use http::{HeaderName, HeaderValue, request::Parts};

use crate::{
    cbor, constraint,
    constraint::{Trace, Violation},
    field::{Field, Malformed, Shape},
    json,
    model::{ErrorModel, OperationModel, Protocol, ServiceModel},
    query::{self, Envelope},
    rest,
    schema::Schema,
    xks,
};

/// What goes back to the caller; `Content-Length` is the server's to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Body.
    pub body: Vec<u8>,
}

/// An error as the protocols need it.
#[derive(Clone, Copy)]
pub struct ErrorAnswer<'a> {
    /// Name of the error's shape; JSON and CBOR send it as `__type`.
    pub code: &'a str,
    /// The code of the Query protocol, where it differs.
    pub query_code: Option<&'a str>,
    /// Text for the caller; may be empty.
    pub message: &'a str,
    /// Name of the member that carries the text: `message` or `Message`.
    pub message_member: &'a str,
    /// HTTP status.
    pub status: u16,
    /// Whether the caller is to blame.
    pub sender: bool,
    /// Further members of the error's shape: all but its text.
    pub members: Option<(&'a dyn Field, &'static Schema)>,
}

impl std::fmt::Debug for ErrorAnswer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.message)
    }
}

impl<'a> ErrorAnswer<'a> {
    /// An error that no model describes; below status 500 the caller is to blame.
    pub fn new(code: &'a str, message: &'a str, status: u16) -> Self {
        ErrorAnswer {
            code,
            query_code: None,
            message,
            message_member: "message",
            status,
            sender: status < 500,
            members: None,
        }
    }

    /// An error of a model.
    pub fn of(model: &ErrorModel, message: &'a str) -> Self {
        ErrorAnswer {
            code: model.shape,
            query_code: Some(model.code),
            message,
            message_member: model.message,
            status: model.status,
            sender: model.sender,
            members: None,
        }
    }
}

/// Why a request is not decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The bytes are not of the protocol's or the input's form.
    Malformed {
        /// The error's code, which depends on the protocol.
        code: &'static str,
        /// Text for the caller.
        message: String,
    },
    /// The input breaks constraints of the model.
    Invalid {
        /// The error's code, which depends on the service.
        code: &'static str,
        /// Text for the caller: all violations.
        message: String,
        /// What is broken.
        violations: Vec<Violation>,
    },
    /// The protocol is not spoken here.
    Unsupported,
}

impl Rejection {
    /// The error's code.
    pub fn code(&self) -> &'static str {
        match self {
            Rejection::Malformed { code, .. } | Rejection::Invalid { code, .. } => code,
            Rejection::Unsupported => "InternalFailure",
        }
    }

    /// Text for the caller.
    pub fn message(&self) -> &str {
        match self {
            Rejection::Malformed { message, .. } | Rejection::Invalid { message, .. } => message,
            Rejection::Unsupported => "protocol not supported",
        }
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Rejection::Malformed { .. } | Rejection::Invalid { .. } => 400,
            Rejection::Unsupported => 500,
        }
    }

    /// The answer to give.
    pub fn answer(&self) -> ErrorAnswer<'_> {
        ErrorAnswer::new(self.code(), self.message(), self.status())
    }

    /// A `SerializationException`, as the JSON and CBOR services answer to what they cannot read.
    pub(crate) fn serialization(malformed: Malformed) -> Self {
        Rejection::Malformed { code: "SerializationException", message: malformed.0.into_owned() }
    }
}

/// Decodes the input of `operation` and checks it against the model.
///
/// # Errors
/// If the request is malformed or breaks constraints of the model.
pub fn decode<T: Shape>(
    protocol: Protocol,
    service: &ServiceModel,
    operation: &OperationModel,
    parts: &Parts,
    body: &[u8],
) -> Result<T, Rejection> {
    let mut value = T::default();
    decode_into(protocol, service, operation, parts, body, &mut value, T::SCHEMA)?;
    Ok(value)
}

/// [`decode`] into a value whose type is not known here; it holds nothing useful after an error.
///
/// # Errors
/// As [`decode`].
pub fn decode_into(
    protocol: Protocol,
    service: &ServiceModel,
    operation: &OperationModel,
    parts: &Parts,
    body: &[u8],
    value: &mut dyn Field,
    schema: &'static Schema,
) -> Result<(), Rejection> {
    let trace = match protocol {
        Protocol::Json10 | Protocol::Json11 => {
            json::read(body, value, schema).map_err(Rejection::serialization)?
        }
        Protocol::Cbor => cbor::read(body, value, schema).map_err(Rejection::serialization)?,
        Protocol::Query | Protocol::QueryJson => query::read(parts, body, value, schema)?,
        Protocol::RestJson | Protocol::Xks => {
            rest::read(operation, parts, body, value, schema).map_err(Rejection::serialization)?
        }
        Protocol::Ec2Query | Protocol::RestXml => return Err(Rejection::Unsupported),
    };
    accept(service, trace)
}

/// Encodes the output of `operation`.
pub fn encode(
    protocol: Protocol,
    service: &ServiceModel,
    operation: &OperationModel,
    output: &dyn Field,
    schema: &'static Schema,
    request_id: &str,
) -> Answer {
    match protocol {
        Protocol::Json10 | Protocol::Json11 => {
            json::encode(protocol, operation.status, output, schema, request_id)
        }
        Protocol::Cbor => cbor::encode(operation, output, schema, request_id),
        Protocol::Query => query::encode(service, operation, output, schema, request_id),
        Protocol::QueryJson => query::json::encode(operation, output, schema, request_id),
        Protocol::RestJson | Protocol::Xks => rest::encode(operation, output, schema, request_id),
        Protocol::Ec2Query | Protocol::RestXml => {
            encode_error(protocol, service, &Rejection::Unsupported.answer(), request_id)
        }
    }
}

/// Encodes an error.
pub fn encode_error(
    protocol: Protocol,
    service: &ServiceModel,
    error: &ErrorAnswer<'_>,
    request_id: &str,
) -> Answer {
    match protocol {
        Protocol::Cbor => cbor::encode_error(service, error, request_id),
        Protocol::QueryJson => query::json::encode_error(error, request_id),
        Protocol::Query | Protocol::Ec2Query | Protocol::RestXml => {
            query::encode_error(Envelope::of(protocol, service), error, request_id)
        }
        Protocol::Json10 | Protocol::Json11 => json::encode_error(protocol, service, error, request_id),
        Protocol::RestJson => rest::encode_error(error, request_id),
        Protocol::Xks => xks::encode_error(error, request_id),
    }
}

/// Carries the id of the request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

/// The id as a header; empty if it has bytes that no header may have.
pub(crate) fn request_id_value(request_id: &str) -> HeaderValue {
    HeaderValue::from_str(request_id).unwrap_or(HeaderValue::from_static(""))
}

/// `code;Sender` or `code;Receiver`, for clients that know a service from the time it spoke Query.
pub(crate) fn query_error_header(
    service: &ServiceModel,
    error: &ErrorAnswer<'_>,
) -> Option<(HeaderName, HeaderValue)> {
    if !service.query_compatible {
        return None;
    }
    let fault = if error.sender { "Sender" } else { "Receiver" };
    let value = format!("{};{fault}", error.query_code.unwrap_or(error.code));
    HeaderValue::try_from(value).ok().map(|value| (QUERY_ERROR, value))
}

/// Accepts an input that breaks no constraints.
pub(crate) fn accept(service: &ServiceModel, trace: Trace) -> Result<(), Rejection> {
    let violations = trace.into_violations();
    if violations.is_empty() {
        return Ok(());
    }
    let (code, message) = constraint::refusal(service.validation, &violations);
    Err(Rejection::Invalid { code, message, violations })
}
