//! REST-JSON: members bound to the path, the query string, headers, the status and the body, which is JSON.
//!
//! Decisions where the protocol leaves room:
//! * a value that is there twice, though its member is no list, is refused, because the two ways to read it differ;
//! * percent signs without two digits stand for themselves, as in the canonical form that was signed;
//! * a list or map of which there is nothing is absent, not empty: the protocol has no form for the difference;
//! * a map of query parameters holds all of them, as Smithy has it, but not those of a signature (`X-Amz-…`);
//! * headers that HTTP cannot carry (line feeds in values, say) are left out of answers.

mod reader;
mod text;
mod writer;

use http::{HeaderName, HeaderValue, request::Parts};

use crate::{
    codec::{Answer, ErrorAnswer, REQUEST_ID, request_id_value},
    constraint::Trace,
    field::{Field, Malformed},
    model::OperationModel,
    schema::Schema,
};

/// Names the error, for clients that look there before they look into the body.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Where a value stands that is not among others in a JSON body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A part of the path.
    Label,
    /// A parameter of the query string.
    Query,
    /// A header.
    Header,
    /// The whole body.
    Payload,
}

/// Reads a request into `value`, with all broken constraints in the [`Trace`].
///
/// # Errors
/// If the body is not JSON or a value is not of its schema's form.
pub(crate) fn read(
    operation: &OperationModel,
    parts: &Parts,
    body: &[u8],
    value: &mut dyn Field,
    schema: &'static Schema,
) -> Result<Trace, Malformed> {
    let mut reader = reader::RestReader::new(operation, parts, body);
    value.read(&mut reader, schema)?;
    Ok(reader.finish())
}

/// Answers with `output`; without a body, if the operation has no output.
pub(crate) fn encode(
    operation: &OperationModel,
    output: &dyn Field,
    schema: &'static Schema,
    request_id: &str,
) -> Answer {
    let mut writer = writer::RestWriter::new(operation.status, headers(request_id));
    if operation.output.is_some() {
        output.write(&mut writer, schema);
    }
    writer.finish()
}

/// Answers with an error: its name in a header, its text and members in the body.
pub(crate) fn encode_error(error: &ErrorAnswer<'_>, request_id: &str) -> Answer {
    let mut headers = headers(request_id);
    headers.extend(HeaderValue::try_from(error.code).ok().map(|code| (ERROR_TYPE, code)));
    let mut writer = writer::RestWriter::new(error.status, headers);
    writer.error(error);
    writer.finish()
}

fn headers(request_id: &str) -> Vec<(HeaderName, HeaderValue)> {
    vec![(REQUEST_ID, request_id_value(request_id))]
}
