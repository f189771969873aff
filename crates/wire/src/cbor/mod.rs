//! CBOR (RFC 8949) as Smithy RPC v2 speaks it.
//!
//! Decisions where the protocol leaves room:
//! * lengths may be definite or not; a declared length is believed only as far as bytes follow;
//! * `null` and `undefined` are absence, unknown members are skipped, a key that comes again replaces what was there;
//! * timestamps must have tag 1, no other tag is read; numbers of any width are read for doubles;
//! * `__type` of an error is the bare name of the shape: clients cut a namespace off if there is one;
//! * a body without any bytes is an empty structure.

mod plain;
mod reader;
mod writer;

pub use reader::CborReader;
pub use writer::CborWriter;

use http::{HeaderName, HeaderValue, header};

use crate::{
    codec::{Answer, ErrorAnswer, REQUEST_ID, query_error_header, request_id_value},
    constraint::Trace,
    field::{Field, Malformed},
    model::{OperationModel, ServiceModel},
    schema::Schema,
};

/// Reads a body into `value`, with all broken constraints in the [`Trace`].
///
/// # Errors
/// If the body is not CBOR or not of the schema's form.
pub fn read(body: &[u8], value: &mut dyn Field, schema: &'static Schema) -> Result<Trace, Malformed> {
    let mut reader = CborReader::new(if body.is_empty() { EMPTY_STRUCTURE } else { body });
    value.read(&mut reader, schema)?;
    reader.finish()
}

/// Answers with `output` as the body; without a body if the operation has no output.
pub(crate) fn encode(
    operation: &OperationModel,
    output: &dyn Field,
    schema: &'static Schema,
    request_id: &str,
) -> Answer {
    let mut body = Vec::new();
    let mut headers = headers(request_id);
    if operation.output.is_some() {
        body.reserve(BODY_BYTES_USUAL);
        output.write(&mut CborWriter::new(&mut body), schema);
        headers.push(content_type());
    }
    Answer { status: operation.status, headers, body }
}

/// Answers with an error.
pub(crate) fn encode_error(service: &ServiceModel, error: &ErrorAnswer<'_>, request_id: &str) -> Answer {
    let mut body = Vec::with_capacity(BODY_BYTES_USUAL);
    CborWriter::new(&mut body).error(error);
    let mut headers = headers(request_id);
    headers.push(content_type());
    headers.extend(query_error_header(service, error));
    Answer { status: error.status, headers, body }
}

/// A map of no entries.
const EMPTY_STRUCTURE: &[u8] = &[0xA0];

/// Capacity that holds most bodies without growing.
const BODY_BYTES_USUAL: usize = 512;

fn headers(request_id: &str) -> Vec<(HeaderName, HeaderValue)> {
    const SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
    vec![
        (REQUEST_ID, request_id_value(request_id)),
        (SMITHY_PROTOCOL, HeaderValue::from_static("rpc-v2-cbor")),
    ]
}

fn content_type() -> (HeaderName, HeaderValue) {
    (header::CONTENT_TYPE, HeaderValue::from_static("application/cbor"))
}

/// Major types of RFC 8949, section 3.1.
mod major {
    pub(super) const UNSIGNED: u8 = 0;
    pub(super) const NEGATIVE: u8 = 1;
    pub(super) const BYTES: u8 = 2;
    pub(super) const TEXT: u8 = 3;
    pub(super) const ARRAY: u8 = 4;
    pub(super) const MAP: u8 = 5;
    pub(super) const TAG: u8 = 6;
    pub(super) const SIMPLE: u8 = 7;
}

/// Additional information of major type 7 (RFC 8949, section 3.3).
mod simple {
    pub(super) const FALSE: u8 = 20;
    pub(super) const TRUE: u8 = 21;
    pub(super) const NULL: u8 = 22;
    pub(super) const UNDEFINED: u8 = 23;
    pub(super) const HALF: u8 = 25;
    pub(super) const SINGLE: u8 = 26;
    pub(super) const DOUBLE: u8 = 27;
}

/// Additional information that means: until a break.
const INDEFINITE: u8 = 31;

/// Ends what has no definite length.
const BREAK: u8 = 0xFF;

/// The tag of seconds since the epoch (RFC 8949, section 3.4.2).
const TAG_EPOCH: u64 = 1;
