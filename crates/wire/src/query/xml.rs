//! Writes typed values as XML elements.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::parameter_name;
use crate::{
    field::{Field, Writer},
    schema::{Element, Member, Schema, TimestampFormat, XmlNamespace},
    text,
    types::{Document, Timestamp},
};

/// A writer that appends the content of an element to a text.
#[derive(Debug)]
pub struct XmlWriter<'a> {
    out: &'a mut String,
    /// Set for a list or map that stands directly in its parent: name and namespace that its items take.
    flattened: Option<(&'static str, Option<XmlNamespace>)>,
}

impl<'a> XmlWriter<'a> {
    /// Appends to `out`.
    pub fn new(out: &'a mut String) -> Self {
        XmlWriter { out, flattened: None }
    }

    /// Writes an element.
    pub(crate) fn element(
        &mut self,
        name: &str,
        namespace: Option<XmlNamespace>,
        content: impl FnOnce(&mut Self),
    ) {
        self.out.push('<');
        self.out.push_str(name);
        if let Some(namespace) = namespace {
            write_namespace(self.out, namespace);
        }
        self.out.push('>');
        content(self);
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    fn member(&mut self, member: &'static Member, field: &dyn Field) {
        let name = parameter_name(member);
        let namespace = member.xml_namespace;
        if member.flattened || member.schema.flattened {
            self.flattened = Some((name, namespace));
            field.write(self, member.schema);
            self.flattened = None;
        } else {
            self.element(name, namespace, |writer| field.write(writer, member.schema));
        }
    }
}

/// Appends the declaration of a namespace, as an attribute.
pub(crate) fn write_namespace(out: &mut String, namespace: XmlNamespace) {
    out.push_str(" xmlns");
    if let Some(prefix) = namespace.prefix {
        out.push(':');
        out.push_str(prefix);
    }
    out.push_str("=\"");
    write_text(out, namespace.uri);
    out.push('"');
}

/// Appends `text` as the content of an element or attribute. What XML 1.0 cannot hold at all becomes U+FFFD.
pub(crate) fn write_text(out: &mut String, text: &str) {
    let mut rest = text;
    loop {
        let plain = rest.bytes().position(is_special).unwrap_or(rest.len());
        let (before, after) = rest.split_at_checked(plain).unwrap_or((rest, ""));
        out.push_str(before);
        let mut chars = after.chars();
        match chars.next() {
            None => return,
            Some('&') => out.push_str("&amp;"),
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some('"') => out.push_str("&quot;"),
            // A reader would turn a bare one into a line feed.
            Some('\r') => out.push_str("&#xD;"),
            Some('\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}') => out.push('\u{FFFD}'),
            Some(c) => out.push(c),
        }
        rest = chars.as_str();
    }
}

/// Whether a character that begins with `byte` may need more than to be copied; 0xEF begins U+FFFE, among others.
fn is_special(byte: u8) -> bool {
    matches!(byte, b'&' | b'<' | b'>' | b'"' | 0..=0x08 | 0x0B..=0x1F | 0xEF)
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
        self.out.push_str(&text::of_double(schema, value));
    }

    fn text(&mut self, _schema: &'static Schema, value: &str) {
        write_text(self.out, value);
    }

    fn blob(&mut self, _schema: &'static Schema, value: &[u8]) {
        STANDARD.encode_string(value, self.out);
    }

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        let format = schema.timestamp_format.unwrap_or(TimestampFormat::Iso8601);
        self.out.push_str(&text::of_timestamp(value, format));
    }

    fn document(&mut self, _schema: &'static Schema, _value: &Document) {
        // No service that answers in XML has open values.
    }

    fn list(&mut self, schema: &'static Schema, _count: usize, items: &mut dyn Iterator<Item = &dyn Field>) {
        let Some(element) = schema.element else { return };
        let own = (element_name(schema.element, "member"), None);
        let (name, namespace) = self.flattened.take().unwrap_or(own);
        for item in items {
            self.element(name, element.xml_namespace.or(namespace), |writer| {
                item.write(writer, element.schema)
            });
        }
    }

    fn map(
        &mut self,
        schema: &'static Schema,
        _count: usize,
        entries: &mut dyn Iterator<Item = (&str, &dyn Field)>,
    ) {
        let (Some(key), Some(value)) = (schema.key, schema.value) else { return };
        let (name, namespace) = self.flattened.take().unwrap_or(("entry", None));
        for (text, field) in entries {
            self.element(name, namespace, |writer| {
                let name = key.xml_name.unwrap_or("key");
                writer.element(name, key.xml_namespace, |writer| write_text(writer.out, text));
                let name = value.xml_name.unwrap_or("value");
                writer.element(name, value.xml_namespace, |writer| field.write(writer, value.schema));
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
