//! Errors of the protocols that answer in XML.

use http::HeaderName;

use super::{BODY_BYTES_USUAL, XmlWriter, headers, open, xml};
use crate::{
    codec::{Answer, ErrorAnswer, request_id_value},
    model::{Protocol, ServiceModel},
};

/// The namespace of answers where the model names none.
const NAMESPACE_DEFAULT: &str = "http://webservices.amazon.com/AWSFault/2005-15-09";

/// The id of a request, as clients of S3 look for it.
const S3_REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");

/// The elements around an error.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Envelope {
    /// `ErrorResponse`, in this namespace.
    Response(Option<&'static str>),
    /// `Response` and `Errors`: EC2 alone.
    Errors,
    /// None: S3 alone (Smithy specification, "AWS restXml protocol", `noErrorWrapping`).
    None,
}

impl Envelope {
    /// The envelope of a service's errors.
    pub(crate) fn of(protocol: Protocol, service: &ServiceModel) -> Self {
        match protocol {
            Protocol::Ec2Query => Self::Errors,
            Protocol::RestXml if service.name == "s3" => Self::None,
            _ => Self::Response(service.xml_namespace),
        }
    }
}

/// Answers with an error.
pub(crate) fn encode_error(envelope: Envelope, error: &ErrorAnswer<'_>, request_id: &str) -> Answer {
    let mut body = String::with_capacity(BODY_BYTES_USUAL);
    let mut headers = headers(request_id);
    match envelope {
        Envelope::Response(namespace) => {
            open(&mut body, &["ErrorResponse"], Some(namespace.unwrap_or(NAMESPACE_DEFAULT)));
            let fault = if error.sender { "Sender" } else { "Receiver" };
            element(&mut body, "Error", |body| {
                element(body, "Type", |body| body.push_str(fault));
                content(body, error);
            });
            element(&mut body, "RequestId", |body| xml::write_text(body, request_id));
            body.push_str("</ErrorResponse>");
        }
        Envelope::Errors => element(&mut body, "Response", |body| {
            element(body, "Errors", |body| element(body, "Error", |body| content(body, error)));
            element(body, "RequestID", |body| xml::write_text(body, request_id));
        }),
        Envelope::None => {
            headers.push((S3_REQUEST_ID, request_id_value(request_id)));
            element(&mut body, "Error", |body| {
                content(body, error);
                element(body, "RequestId", |body| xml::write_text(body, request_id));
            });
        }
    }
    Answer { status: error.status, headers, body: body.into_bytes() }
}

fn content(body: &mut String, error: &ErrorAnswer<'_>) {
    element(body, "Code", |body| xml::write_text(body, error.query_code.unwrap_or(error.code)));
    if !error.message.is_empty() {
        element(body, "Message", |body| xml::write_text(body, error.message));
    }
    if let Some((members, schema)) = error.members {
        members.write(&mut XmlWriter::new(body), schema);
    }
}

fn element(body: &mut String, name: &str, content: impl FnOnce(&mut String)) {
    open(body, &[name], None);
    content(body);
    body.push_str("</");
    body.push_str(name);
    body.push('>');
}
