//! AWS Query: form parameters in, XML out.
//!
//! Decisions where the protocol leaves room: parameters that no member has are skipped, as AWS does; a parameter that is there
//! twice is refused, because the two ways to read it differ; lists may have gaps in their numbers, and are read in their order.

mod reader;
mod xml;

pub use reader::{PARAMETERS_MAX, QueryReader};
pub use xml::XmlWriter;

use http::{HeaderName, HeaderValue, header, request::Parts};

use crate::{
    codec::{Answer, ErrorAnswer, REQUEST_ID, Rejection, request_id_value},
    constraint::Trace,
    field::{Field, Malformed},
    model::{OperationModel, ServiceModel},
    schema::Schema,
};

/// The namespace of answers where the model names none.
const NAMESPACE_DEFAULT: &str = "http://webservices.amazon.com/AWSFault/2005-15-09";

/// Reads the parameters, from the body or, in a GET, from the query string.
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
    let body = std::str::from_utf8(body).map_err(|_| malformed(Malformed::new("the body is not UTF-8")))?;
    let query = parts.uri.query().filter(|_| parts.method == http::Method::GET).unwrap_or("");
    let form = if body.is_empty() { query } else { body };
    let mut reader = QueryReader::new(form).map_err(malformed)?;
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
        body.push_str(&format!("<{wrapper}>"));
        output.write(&mut XmlWriter::new(&mut body), schema);
        body.push_str(&format!("</{wrapper}>"));
    }
    body.push_str("<ResponseMetadata><RequestId>");
    xml::write_text(&mut body, request_id);
    body.push_str("</RequestId></ResponseMetadata></");
    body.push_str(operation.name);
    body.push_str("Response>");
    Answer { status: operation.status, headers: headers(request_id), body: body.into_bytes() }
}

/// Answers with an error.
pub(crate) fn encode_error(
    namespace: Option<&'static str>,
    error: &ErrorAnswer<'_>,
    request_id: &str,
) -> Answer {
    let mut body = String::with_capacity(BODY_BYTES_USUAL);
    open(&mut body, &["ErrorResponse"], Some(namespace.unwrap_or(NAMESPACE_DEFAULT)));
    body.push_str(if error.sender {
        "<Error><Type>Sender</Type><Code>"
    } else {
        "<Error><Type>Receiver</Type><Code>"
    });
    xml::write_text(&mut body, error.query_code.unwrap_or(error.code));
    body.push_str("</Code><Message>");
    xml::write_text(&mut body, error.message);
    body.push_str("</Message>");
    if let Some((members, schema)) = error.members {
        members.write(&mut XmlWriter::new(&mut body), schema);
    }
    body.push_str("</Error><RequestId>");
    xml::write_text(&mut body, request_id);
    body.push_str("</RequestId></ErrorResponse>");
    Answer { status: error.status, headers: headers(request_id), body: body.into_bytes() }
}

/// Capacity that holds most bodies without growing.
const BODY_BYTES_USUAL: usize = 1024;

fn open(body: &mut String, name: &[&str], namespace: Option<&str>) {
    body.push('<');
    name.iter().for_each(|part| body.push_str(part));
    if let Some(namespace) = namespace {
        body.push_str(" xmlns=\"");
        xml::write_text(body, namespace);
        body.push('"');
    }
    body.push('>');
}

fn headers(request_id: &str) -> Vec<(HeaderName, HeaderValue)> {
    vec![
        (REQUEST_ID, request_id_value(request_id)),
        (header::CONTENT_TYPE, HeaderValue::from_static("text/xml")),
    ]
}
