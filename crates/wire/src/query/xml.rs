//! Writes typed values as XML elements.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    field::{Field, Writer},
    schema::{Element, Kind, Member, Schema, TimestampFormat},
    types::{Document, Timestamp},
};

/// A writer that appends the content of an element to a text.
#[derive(Debug)]
pub struct XmlWriter<'a> {
    out: &'a mut String,
    /// Set for a list or map that stands directly in its parent: the name its items take.
    flattened: Option<&'static str>,
}

impl<'a> XmlWriter<'a> {
    /// Appends to `out`.
    pub fn new(out: &'a mut String) -> Self {
        XmlWriter { out, flattened: None }
    }

    fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push('>');
        content(self);
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    fn member(&mut self, member: &'static Member, field: &dyn Field) {
        if member.flattened || member.schema.flattened {
            let item = member.schema.element.filter(|_| member.schema.kind == Kind::List);
            self.flattened = Some(item.and_then(|item| item.xml_name).unwrap_or(member.wire));
            field.write(self, member.schema);
            self.flattened = None;
        } else {
            self.element(member.wire, |writer| field.write(writer, member.schema));
        }
    }
}

/// Appends `text` as the content of an element. What XML 1.0 cannot hold at all becomes U+FFFD.
pub(crate) fn write_text(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // A reader would turn a bare one into a line feed.
            '\r' => out.push_str("&#xD;"),
            '\t' | '\n' => out.push(c),
            '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
}

fn element_name(element: Option<Element>, default: &'static str) -> &'static str {
    element.and_then(|element| element.xml_name).unwrap_or(default)
}

impl Writer for XmlWriter<'_> {
    fn boolean(&mut self, _schema: &'static Schema, value: bool) {
        self.out.push_str(if value { "true" } else { "false" });
    }

    fn integer(&mut self, _schema: &'static Schema, value: i64) {
        let _infallible = write!(self.out, "{value}");
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        let mut text = Vec::new();
        crate::json::write_double(&mut text, schema, value);
        // JSON has no word for the three values that are no numbers and takes them as strings.
        let text = String::from_utf8(text).unwrap_or_default();
        self.out.push_str(text.trim_matches('"'));
    }

    fn text(&mut self, _schema: &'static Schema, value: &str) {
        write_text(self.out, value);
    }

    fn blob(&mut self, _schema: &'static Schema, value: &[u8]) {
        STANDARD.encode_string(value, self.out);
    }

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        match schema.timestamp_format.unwrap_or(TimestampFormat::Iso8601) {
            TimestampFormat::EpochSeconds => {
                let _infallible = write!(self.out, "{}", value.epoch_seconds());
            }
            TimestampFormat::Iso8601 => self.out.push_str(&value.rfc3339()),
            TimestampFormat::Rfc822 => self.out.push_str(&value.http_date()),
        }
    }

    fn document(&mut self, _schema: &'static Schema, _value: &Document) {
        // No service that answers in XML has open values.
    }

    fn list(&mut self, schema: &'static Schema, _count: usize, items: &mut dyn Iterator<Item = &dyn Field>) {
        let Some(element) = schema.element else { return };
        let name = self.flattened.take().unwrap_or_else(|| element_name(schema.element, "member"));
        for item in items {
            self.element(name, |writer| item.write(writer, element.schema));
        }
    }

    fn map(
        &mut self,
        schema: &'static Schema,
        _count: usize,
        entries: &mut dyn Iterator<Item = (&str, &dyn Field)>,
    ) {
        let Some(element) = schema.value else { return };
        let name = self.flattened.take().unwrap_or("entry");
        for (key, value) in entries {
            self.element(name, |writer| {
                writer.element(element_name(schema.key, "key"), |writer| write_text(writer.out, key));
                let name = element_name(schema.value, "value");
                writer.element(name, |writer| value.write(writer, element.schema));
            });
        }
    }

    fn structure(&mut self, schema: &'static Schema, fields: &[&dyn Field]) {
        for (member, field) in schema.members.iter().zip(fields) {
            if field.present() {
                self.member(member, *field);
            }
        }
    }

    fn union(&mut self, schema: &'static Schema, index: usize, value: &dyn Field) {
        if let Some(member) = schema.members.get(index) {
            self.member(member, value);
        }
    }
}
