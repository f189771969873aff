//! JSON as awsJson 1.0 and 1.1 speak it; REST-JSON bodies build on the same reader and writer.
//!
//! Decisions where the protocol leaves room, all of them those of AWS's own servers:
//! * unknown members are skipped, `null` is absence, a key that comes again replaces what was there;
//! * a wrong type, bad UTF-8, bad escapes, trailing bytes and over-deep nesting are a `SerializationException`;
//! * a body without any bytes is an empty object.

mod reader;
mod writer;

pub use reader::JsonReader;
pub(crate) use reader::{is_json, text};
pub use writer::{JsonWriter, write_document, write_double, write_integer, write_string};

use http::{HeaderName, HeaderValue, header};

use crate::{
    codec::{Answer, ErrorAnswer, REQUEST_ID, query_error_header, request_id_value},
    constraint::Trace,
    field::{Field, Malformed},
    model::{Protocol, ServiceModel},
    schema::Schema,
};

/// Reads a body into `value`, with all broken constraints in the [`Trace`].
///
/// # Errors
/// If the body is not JSON or not of the schema's form.
pub fn read(body: &[u8], value: &mut dyn Field, schema: &'static Schema) -> Result<Trace, Malformed> {
    let text = std::str::from_utf8(body).map_err(|_| Malformed::new("the body is not UTF-8"))?;
    let blank = text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    let mut reader = JsonReader::new(if blank { "{}" } else { text });
    value.read(&mut reader, schema)?;
    reader.finish()
}

/// Answers with `output` as the body.
pub(crate) fn encode(
    protocol: Protocol,
    status: u16,
    output: &dyn Field,
    schema: &'static Schema,
    request_id: &str,
) -> Answer {
    let mut body = Vec::with_capacity(BODY_BYTES_USUAL);
    output.write(&mut JsonWriter::new(&mut body), schema);
    Answer { status, headers: headers(protocol, request_id), body }
}

/// Answers with an error: `__type` is the bare name of the shape, as KMS and most others write it.
pub(crate) fn encode_error(
    protocol: Protocol,
    service: &ServiceModel,
    error: &ErrorAnswer<'_>,
    request_id: &str,
) -> Answer {
    let mut body = Vec::with_capacity(BODY_BYTES_USUAL);
    let mut writer = JsonWriter::new(&mut body);
    writer.error(error);
    let mut headers = headers(protocol, request_id);
    headers.extend(query_error_header(service, error));
    Answer { status: error.status, headers, body }
}

/// Capacity that holds most bodies without growing.
const BODY_BYTES_USUAL: usize = 512;

fn headers(protocol: Protocol, request_id: &str) -> Vec<(HeaderName, HeaderValue)> {
    let content_type = match protocol {
        Protocol::Json10 => HeaderValue::from_static("application/x-amz-json-1.0"),
        _ => HeaderValue::from_static("application/x-amz-json-1.1"),
    };
    vec![(REQUEST_ID, request_id_value(request_id)), (header::CONTENT_TYPE, content_type)]
}
