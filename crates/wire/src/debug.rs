//! Values as text, for logs and for messages, with what is sensitive left out.

use std::fmt::{self, Write as _};

use crate::{
    field::{Field, Writer},
    schema::Schema,
    types::{Document, Timestamp},
};

/// Longest text of a value in a message to the caller.
pub(crate) const SHOWN_BYTES_MAX: usize = 2048;

/// Stands in place of what is sensitive.
pub(crate) const HIDDEN: &str = "***";

/// Writes `value` in the manner of `derive(Debug)`, with the model's names, without what is sensitive and without the
/// contents of blobs.
///
/// # Errors
/// If `f` fails.
pub fn debug(value: &dyn Field, schema: &'static Schema, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = Text { out: String::new(), style: Style::Rust, max: usize::MAX };
    value.write(&mut text, schema);
    f.write_str(&text.out)
}

/// `value` as Java's `toString` shows it, shortened; for messages in AWS's words.
pub(crate) fn java(value: &dyn Field, schema: &'static Schema) -> String {
    let mut text = Text { out: String::new(), style: Style::Java, max: SHOWN_BYTES_MAX };
    value.write(&mut text, schema);
    shorten(text.out, SHOWN_BYTES_MAX)
}

/// Cuts `text` to at most `max` bytes, marking the cut.
pub(crate) fn shorten(mut text: String, max: usize) -> String {
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max));
        text.push_str("...");
    }
    text
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Rust,
    Java,
}

struct Text {
    out: String,
    style: Style,
    max: usize,
}

impl Text {
    fn rust(&self) -> bool {
        self.style == Style::Rust
    }

    /// Writes what `schema` allows to be seen.
    fn put(&mut self, schema: &'static Schema, value: fmt::Arguments<'_>) {
        // Writing to a String does not fail.
        let _infallible =
            if schema.sensitive { self.out.write_str(HIDDEN) } else { self.out.write_fmt(value) };
    }

    fn separate(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.push_str(", ");
        }
    }

    fn full(&self) -> bool {
        self.out.len() > self.max
    }

    fn members(
        &mut self,
        schema: &'static Schema,
        members: &mut dyn Iterator<Item = (&'static str, &'static Schema, &dyn Field)>,
    ) {
        if schema.sensitive {
            self.out.push_str(HIDDEN);
            return;
        }
        let (open, equals, close) = if self.rust() { (" { ", ": ", " }") } else { ("(", "=", ")") };
        self.out.push_str(schema.name);
        self.out.push_str(open);
        let mut first = true;
        for (name, of, value) in members {
            self.separate(&mut first);
            self.out.push_str(name);
            self.out.push_str(equals);
            value.write(self, of);
        }
        self.out.push_str(close);
    }
}

impl Writer for Text {
    fn boolean(&mut self, schema: &'static Schema, value: bool) {
        self.put(schema, format_args!("{value}"));
    }

    fn integer(&mut self, schema: &'static Schema, value: i64) {
        self.put(schema, format_args!("{value}"));
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        self.put(schema, format_args!("{value}"));
    }

    fn text(&mut self, schema: &'static Schema, value: &str) {
        if self.rust() {
            self.put(schema, format_args!("{value:?}"));
        } else {
            self.put(schema, format_args!("{value}"));
        }
    }

    fn blob(&mut self, schema: &'static Schema, value: &[u8]) {
        self.put(schema, format_args!("({} bytes)", value.len()));
    }

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        self.put(schema, format_args!("{value}"));
    }

    fn document(&mut self, schema: &'static Schema, value: &Document) {
        self.put(schema, format_args!("{value:?}"));
    }

    fn list(&mut self, schema: &'static Schema, _count: usize, items: &mut dyn Iterator<Item = &dyn Field>) {
        let Some(element) = schema.element.filter(|_| !schema.sensitive) else {
            self.out.push_str(HIDDEN);
            return;
        };
        self.out.push('[');
        let mut first = true;
        for item in items {
            if self.full() {
                break;
            }
            self.separate(&mut first);
            item.write(self, element.schema);
        }
        self.out.push(']');
    }

    fn map(
        &mut self,
        schema: &'static Schema,
        _count: usize,
        entries: &mut dyn Iterator<Item = (&str, &dyn Field)>,
    ) {
        let (Some(key), Some(element)) = (schema.key, schema.value.filter(|_| !schema.sensitive)) else {
            self.out.push_str(HIDDEN);
            return;
        };
        self.out.push('{');
        let mut first = true;
        for (name, value) in entries {
            if self.full() {
                break;
            }
            self.separate(&mut first);
            self.text(key.schema, name);
            self.out.push_str(if self.rust() { ": " } else { "=" });
            value.write(self, element.schema);
        }
        self.out.push('}');
    }

    fn structure(&mut self, schema: &'static Schema, fields: &[&dyn Field]) {
        let mut present = schema
            .members
            .iter()
            .zip(fields)
            .filter(|(_, field)| field.present())
            .map(|(member, field)| (member.name, member.schema, *field));
        self.members(schema, &mut present);
    }

    fn union(&mut self, schema: &'static Schema, index: usize, value: &dyn Field) {
        let mut one = schema.members.get(index).map(|member| (member.name, member.schema, value)).into_iter();
        self.members(schema, &mut one);
    }
}
