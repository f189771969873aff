//! Writes typed values as JSON (RFC 8259).

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::reader::plain_length;
use crate::{
    codec::ErrorAnswer,
    field::{Field, Writer},
    schema::{Kind, Location, Schema, TimestampFormat},
    types::{Document, Timestamp},
};

/// A writer that appends to a buffer.
#[derive(Debug)]
pub struct JsonWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> JsonWriter<'a> {
    /// Appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        JsonWriter { out }
    }

    /// Writes an error: `__type`, the message under the name its shape has for it, then further members.
    pub(crate) fn error(&mut self, error: &ErrorAnswer<'_>) {
        self.out.extend_from_slice(b"{\"__type\":");
        write_string(self.out, error.code);
        if !error.message.is_empty() {
            self.out.extend_from_slice(b",\"");
            self.out.extend_from_slice(error.message_member.as_bytes());
            self.out.extend_from_slice(b"\":");
            write_string(self.out, error.message);
        }
        if let Some((members, schema)) = error.members {
            let before = self.out.len();
            members.write(self, schema);
            // `{…}` follows what is written already: its opening bracket becomes the comma, unless it is empty.
            let empty = self.out.get(before..).is_none_or(|written| written == b"{}");
            if let Some(bracket) = self.out.get_mut(before).filter(|_| !empty) {
                *bracket = b',';
                return;
            }
            self.out.truncate(before);
        }
        self.out.push(b'}');
    }

    /// Writes the members of a structure; `body_only` leaves out those that the REST protocols bind elsewhere.
    pub(crate) fn members(&mut self, schema: &'static Schema, fields: &[&dyn Field], body_only: bool) {
        let mut separator = b'{';
        for (member, field) in schema.members.iter().zip(fields) {
            if field.present() && (!body_only || member.location == Location::Body) {
                self.name(separator, member.wire);
                separator = b',';
                field.write(self, member.schema);
            }
        }
        if separator == b'{' {
            self.out.push(b'{');
        }
        self.out.push(b'}');
    }

    /// Writes a separator, a name of the model (which needs no escapes) and the colon.
    #[inline]
    fn name(&mut self, separator: u8, name: &str) {
        self.out.push(separator);
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }
}

impl Writer for JsonWriter<'_> {
    fn boolean(&mut self, _schema: &'static Schema, value: bool) {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    fn integer(&mut self, _schema: &'static Schema, value: i64) {
        write_integer(self.out, value);
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        write_double(self.out, schema, value);
    }

    fn text(&mut self, _schema: &'static Schema, value: &str) {
        write_string(self.out, value);
    }

    fn blob(&mut self, _schema: &'static Schema, value: &[u8]) {
        self.out.push(b'"');
        let start = self.out.len();
        let length = base64::encoded_len(value.len(), true).unwrap_or(0);
        self.out.resize(start.saturating_add(length), 0);
        // The place is exactly as long as the text, so that this does not fail.
        let _written = STANDARD.encode_slice(value, self.out.get_mut(start..).unwrap_or(&mut []));
        self.out.push(b'"');
    }

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        match schema.timestamp_format.unwrap_or(TimestampFormat::EpochSeconds) {
            TimestampFormat::EpochSeconds => write_epoch_seconds(self.out, value),
            TimestampFormat::Iso8601 => write_string(self.out, &value.rfc3339()),
            TimestampFormat::Rfc822 => write_string(self.out, &value.http_date()),
        }
    }

    fn document(&mut self, _schema: &'static Schema, value: &Document) {
        write_document(self.out, value);
    }

    fn list(&mut self, schema: &'static Schema, _count: usize, items: &mut dyn Iterator<Item = &dyn Field>) {
        let Some(element) = schema.element else { return };
        self.out.push(b'[');
        let mut first = true;
        for item in items {
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            if item.present() {
                item.write(self, element.schema);
            } else {
                self.out.extend_from_slice(b"null");
            }
        }
        self.out.push(b']');
    }

    fn map(
        &mut self,
        schema: &'static Schema,
        _count: usize,
        entries: &mut dyn Iterator<Item = (&str, &dyn Field)>,
    ) {
        let Some(element) = schema.value else { return };
        self.out.push(b'{');
        let mut first = true;
        for (key, value) in entries {
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            write_string(self.out, key);
            self.out.push(b':');
            if value.present() {
                value.write(self, element.schema);
            } else {
                self.out.extend_from_slice(b"null");
            }
        }
        self.out.push(b'}');
    }

    fn structure(&mut self, schema: &'static Schema, fields: &[&dyn Field]) {
        self.members(schema, fields, false);
    }

    fn union(&mut self, schema: &'static Schema, index: usize, value: &dyn Field) {
        if let Some(member) = schema.members.get(index) {
            self.name(b'{', member.wire);
            value.write(self, member.schema);
            self.out.push(b'}');
        }
    }
}

/// Appends a text in quotes, with the escapes that JSON demands.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at_checked(plain_length(rest)).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        let Some((byte, after)) = special.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                let _infallible = write!(out, "\\u{control:04x}");
            }
        }
        rest = after;
    }
    out.push(b'"');
}

/// Appends a whole number.
pub fn write_integer(out: &mut Vec<u8>, value: i64) {
    let _infallible = write!(out, "{value}");
}

/// Appends any number; what JSON has no number for is written as Smithy says: `"NaN"`, `"Infinity"`, `"-Infinity"`.
pub fn write_double(out: &mut Vec<u8>, schema: &'static Schema, value: f64) {
    let _infallible = if value.is_nan() {
        out.write_all(b"\"NaN\"")
    } else if value.is_infinite() {
        out.write_all(if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" })
    } else if schema.kind == Kind::Float {
        #[expect(clippy::cast_possible_truncation, reason = "the shape has single precision")]
        let single = value as f32;
        write!(out, "{single:?}")
    } else {
        write!(out, "{value:?}")
    };
}

/// Appends an open value.
pub fn write_document(out: &mut Vec<u8>, value: &Document) {
    match value {
        Document::Null => out.extend_from_slice(b"null"),
        Document::Boolean(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Document::Integer(value) => write_integer(out, *value),
        Document::Double(value) => write_double(out, &DOUBLE, *value),
        Document::String(value) => write_string(out, value),
        Document::List(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_document(out, item);
            }
            out.push(b']');
        }
        Document::Map(entries) => {
            out.push(b'{');
            for (index, (key, item)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_string(out, key);
                out.push(b':');
                write_document(out, item);
            }
            out.push(b'}');
        }
    }
}

static DOUBLE: Schema = Schema::new("Double", Kind::Double);

fn write_epoch_seconds(out: &mut Vec<u8>, value: Timestamp) {
    let millis = value.0.unsigned_abs();
    let sign = if value.0 < 0 { "-" } else { "" };
    let _infallible = match millis % 1000 {
        0 => write!(out, "{sign}{}", millis / 1000),
        fraction => write!(out, "{sign}{}.{fraction:03}", millis / 1000),
    };
}
