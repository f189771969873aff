//! Answers of Query services in JSON: the envelopes of the XML form as objects.
//!
//! No public document describes the form; it is read from answers of AWS. Names are the model's, timestamps are seconds
//! since the epoch, blobs are base64, lists are arrays, and maps are objects. A member without a value is left out, where AWS writes
//! `null`.

use http::{HeaderName, HeaderValue, header};

use super::BODY_BYTES_USUAL;
use crate::{
    codec::{Answer, ErrorAnswer, REQUEST_ID, request_id_value},
    field::Field,
    json::{JsonWriter, write_string},
    model::OperationModel,
    schema::Schema,
};

/// Answers with `output` in the envelope of the operation.
pub(crate) fn encode(
    operation: &OperationModel,
    output: &dyn Field,
    schema: &'static Schema,
    request_id: &str,
) -> Answer {
    let mut body = Vec::with_capacity(BODY_BYTES_USUAL);
    body.push(b'{');
    write_string(&mut body, &format!("{}Response", operation.name));
    body.extend_from_slice(b":{");
    if let Some(wrapper) = operation.result_wrapper {
        write_string(&mut body, wrapper);
        body.push(b':');
        output.write(&mut JsonWriter::new(&mut body), schema);
        body.push(b',');
    }
    body.extend_from_slice(b"\"ResponseMetadata\":{\"RequestId\":");
    write_string(&mut body, request_id);
    body.extend_from_slice(b"}}}");
    Answer { status: operation.status, headers: headers(request_id), body }
}

/// Answers with an error.
pub(crate) fn encode_error(error: &ErrorAnswer<'_>, request_id: &str) -> Answer {
    let mut body = Vec::with_capacity(BODY_BYTES_USUAL);
    body.extend_from_slice(b"{\"Error\":{\"Code\":");
    write_string(&mut body, error.query_code.unwrap_or(error.code));
    if !error.message.is_empty() {
        body.extend_from_slice(b",\"Message\":");
        write_string(&mut body, error.message);
    }
    body.extend_from_slice(b",\"Type\":");
    write_string(&mut body, if error.sender { "Sender" } else { "Receiver" });
    body.extend_from_slice(b"},\"RequestId\":");
    write_string(&mut body, request_id);
    body.push(b'}');
    Answer { status: error.status, headers: headers(request_id), body }
}

fn headers(request_id: &str) -> Vec<(HeaderName, HeaderValue)> {
    vec![
        (REQUEST_ID, request_id_value(request_id)),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ]
}
