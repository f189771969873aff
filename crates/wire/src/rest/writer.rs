//! Puts the members of an output into the parts of an answer.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, header};

use super::{Place, text::TextWriter};
use crate::{
    codec::{Answer, ErrorAnswer},
    field::{Field, Writer},
    json::{JsonWriter, write_string},
    schema::{Kind, Location, Member, Schema},
    types::{Document, Timestamp},
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain");

/// A writer of a whole answer, whose output is a structure.
#[derive(Debug)]
pub(super) struct RestWriter {
    answer: Answer,
    content_type: Option<HeaderValue>,
}

impl RestWriter {
    pub(super) fn new(status: u16, headers: Vec<(HeaderName, HeaderValue)>) -> Self {
        RestWriter { answer: Answer { status, headers, body: Vec::new() }, content_type: None }
    }

    /// Writes an error: its text under the name that its shape has for it, then its members.
    pub(super) fn error(&mut self, error: &ErrorAnswer<'_>) {
        match error.members {
            Some((members, schema)) => members.write(self, schema),
            None => self.answer.body.extend_from_slice(b"{}"),
        }
        self.content_type = Some(JSON);
        if error.message.is_empty() {
            return;
        }
        let members = std::mem::take(&mut self.answer.body);
        let body = &mut self.answer.body;
        body.push(b'{');
        write_string(body, error.message_member);
        body.push(b':');
        write_string(body, error.message);
        // `{…}`: its opening bracket becomes the comma, unless there is nothing in it.
        match members.strip_prefix(b"{") {
            Some(rest @ [b'"', ..]) => {
                body.push(b',');
                body.extend_from_slice(rest);
            }
            _ => body.push(b'}'),
        }
    }

    /// The answer, with a content type if nothing else has set it.
    pub(super) fn finish(self) -> Answer {
        let RestWriter { mut answer, content_type } = self;
        // RFC 9110, section 15: answers of these statuses have no content.
        if matches!(answer.status, 204 | 205 | 304) {
            answer.body.clear();
            return answer;
        }
        let has_type = answer.headers.iter().any(|(name, _)| name == header::CONTENT_TYPE);
        let content_type = content_type.filter(|_| !has_type);
        answer.headers.extend(content_type.map(|content_type| (header::CONTENT_TYPE, content_type)));
        answer
    }

    fn header(&mut self, name: &str, value: &[u8]) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value)) {
            self.answer.headers.push((name, value));
        }
    }

    fn member(&mut self, member: &'static Member, field: &dyn Field) {
        let mut text = TextWriter::new(Place::Header);
        match member.location {
            Location::Header => {
                field.write(&mut text, member.schema);
                if member.json_value {
                    text.out = STANDARD.encode(&text.out).into_bytes();
                }
                self.header(member.wire, &text.out);
            }
            Location::Prefix => {
                field.write(&mut text, member.schema);
                for (key, value) in &text.entries {
                    self.header(&format!("{}{key}", member.wire), value);
                }
            }
            Location::StatusCode => {
                field.write(&mut text, member.schema);
                let status = std::str::from_utf8(&text.out).ok().and_then(|text| text.parse().ok());
                self.answer.status =
                    status.filter(|status| (200..=599).contains(status)).unwrap_or(self.answer.status);
            }
            Location::Payload => self.payload(member, field),
            // Together, after all others; or of requests only.
            Location::Body | Location::Label | Location::Query | Location::QueryMap => {}
        }
    }

    fn payload(&mut self, member: &'static Member, field: &dyn Field) {
        let content_type = match member.schema.kind {
            Kind::Blob => BYTES,
            Kind::String => TEXT,
            _ => JSON,
        };
        if content_type == JSON {
            field.write(&mut JsonWriter::new(&mut self.answer.body), member.schema);
        } else {
            let mut text = TextWriter::new(Place::Payload);
            field.write(&mut text, member.schema);
            self.answer.body = text.out;
        }
        self.content_type = Some(content_type);
    }
}

impl Writer for RestWriter {
    fn boolean(&mut self, _schema: &'static Schema, _value: bool) {}

    fn integer(&mut self, _schema: &'static Schema, _value: i64) {}

    fn double(&mut self, _schema: &'static Schema, _value: f64) {}

    fn text(&mut self, _schema: &'static Schema, _value: &str) {}

    fn blob(&mut self, _schema: &'static Schema, _value: &[u8]) {}

    fn timestamp(&mut self, _schema: &'static Schema, _value: Timestamp) {}

    fn document(&mut self, _schema: &'static Schema, _value: &Document) {}

    fn list(
        &mut self,
        _schema: &'static Schema,
        _count: usize,
        _items: &mut dyn Iterator<Item = &dyn Field>,
    ) {
    }

    fn map(
        &mut self,
        _schema: &'static Schema,
        _count: usize,
        _entries: &mut dyn Iterator<Item = (&str, &dyn Field)>,
    ) {
    }

    fn structure(&mut self, schema: &'static Schema, fields: &[&dyn Field]) {
        for (member, field) in schema.members.iter().zip(fields) {
            if field.present() {
                self.member(member, *field);
            }
        }
        if !schema.members.iter().any(|member| member.location == Location::Payload) {
            JsonWriter::new(&mut self.answer.body).members(schema, fields, true);
            self.content_type = Some(JSON);
        }
    }

    fn union(&mut self, _schema: &'static Schema, _index: usize, _value: &dyn Field) {}
}
