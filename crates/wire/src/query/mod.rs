//! AWS Query: form parameters in, XML out, or JSON where the caller asks for that.
//!
//! Decisions where the protocol leaves room:
//! * parameters that no member has are skipped, as AWS does;
//! * a parameter that is there twice is refused, because the two ways to read it differ;
//! * lists may have gaps in their numbers, and are read in their order; `01` is no number;
//! * a value where a list or structure belongs, and the reverse, are refused, as AWS does;
//! * in a POST, the query string and the form count alike, as for the router, which looks for `Action` in both.

mod error;
pub(crate) mod json;
mod reader;
mod xml;

pub(crate) use error::{Envelope, encode_error};

pub use reader::{PARAMETERS_MAX, QueryReader};
pub use xml::XmlWriter;

use http::{HeaderName, HeaderValue, header, request::Parts};

use crate::{
    codec::{Answer, REQUEST_ID, Rejection, request_id_value},
    constraint::Trace,
    field::{Field, Malformed},
    model::{OperationModel, ServiceModel},
    schema::{Member, Schema, XmlNamespace},
};

/// Reads the parameters, from the query string and, in a POST, from the body.
///
/// # Errors
/// `MalformedInput`, if the form or one of its values cannot be read.
pub(crate) fn read(
    parts: &Parts,
    body: &[u8],
    value: &mut dyn Field,
    schema: &'static Schema,
) -> Result<Trace, Rejection> {
    let malformed = |malformed: Malformed| Rejection::Malformed {
        code: "MalformedInput",
        message: malformed.0.into_owned(),
    };
    let query = parts.uri.query().unwrap_or("");
    let form = if parts.method == http::Method::POST { body } else { b"" };
    let form = std::str::from_utf8(form).map_err(|_| malformed(Malformed::new("the body is not UTF-8")))?;
    let mut reader = QueryReader::new(&[query, form]).map_err(malformed)?;
    value.read(&mut reader, schema).map_err(malformed)?;
    Ok(reader.finish())
}

/// Answers with `output` in the envelope of the operation.
pub(crate) fn encode(
    service: &ServiceModel,
    operation: &OperationModel,
    output: &dyn Field,
    schema: &'static Schema,
    request_id: &str,
) -> Answer {
    let mut body = String::with_capacity(BODY_BYTES_USUAL);
    open(&mut body, &[operation.name, "Response"], service.xml_namespace);
    if let Some(wrapper) = operation.result_wrapper {
        XmlWriter::new(&mut body).element(wrapper, None, |writer| output.write(writer, schema));
    }
    body.push_str("<ResponseMetadata><RequestId>");
    xml::write_text(&mut body, request_id);
    body.push_str("</RequestId></ResponseMetadata></");
    body.push_str(operation.name);
    body.push_str("Response>");
    Answer { status: operation.status, headers: headers(request_id), body: body.into_bytes() }
}

/// The name of a member's parameters or element. A flattened list that has no name of its own (`locationName`) takes
/// that of its items.
fn parameter_name(member: &Member) -> &'static str {
    let flattened = member.flattened || member.schema.flattened;
    let item = member.schema.element.filter(|_| flattened && member.wire == member.name);
    item.and_then(|item| item.xml_name).unwrap_or(member.wire)
}

/// Capacity that holds most bodies without growing.
const BODY_BYTES_USUAL: usize = 1024;

fn open(body: &mut String, name: &[&str], namespace: Option<&'static str>) {
    body.push('<');
    name.iter().for_each(|part| body.push_str(part));
    if let Some(uri) = namespace {
        xml::write_namespace(body, XmlNamespace { uri, prefix: None });
    }
    body.push('>');
}

fn headers(request_id: &str) -> Vec<(HeaderName, HeaderValue)> {
    vec![
        (REQUEST_ID, request_id_value(request_id)),
        (header::CONTENT_TYPE, HeaderValue::from_static("text/xml")),
    ]
}
