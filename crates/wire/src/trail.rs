//! Inputs and outputs as CloudTrail records them.

use crate::{
    field::{Field, Writer},
    json,
    schema::{Member, Schema},
    types::{Document, Timestamp},
};

/// Most bytes of one value in a record: CloudTrail leaves out `requestParameters` and `responseElements` above 100 KB.
pub const TRAIL_BYTES_MAX: usize = 100 * 1024;

/// Appends `value` as JSON in CloudTrail's form: names with the first letter lowered, timestamps as
/// `Nov 21, 2026, 11:07:43 PM`, blobs and sensitive values left out, as in the records of IAM, STS and KMS.
///
/// What is longer than [`TRAIL_BYTES_MAX`] becomes `{"omitted":true}`.
pub fn trail_json(value: &dyn Field, schema: &'static Schema, out: &mut Vec<u8>) {
    let start = out.len();
    let mut writer = TrailWriter { limit: start.saturating_add(TRAIL_BYTES_MAX), out };
    value.write(&mut writer, schema);
    if out.len() > start.saturating_add(TRAIL_BYTES_MAX) {
        out.truncate(start);
        out.extend_from_slice(br#"{"omitted":true}"#);
    }
}

struct TrailWriter<'a> {
    out: &'a mut Vec<u8>,
    limit: usize,
}

impl TrailWriter<'_> {
    /// Writes the name and value of an entry, unless the value leaves nothing to write. Returns whether it did.
    fn pair(&mut self, comma: bool, name: &str, schema: &'static Schema, value: &dyn Field) -> bool {
        self.named(comma, |out| json::write_string(out, name), schema, value)
    }

    /// [`pair`](Self::pair) for a member, whose name is one of the model and needs no escapes.
    fn member(&mut self, comma: bool, member: &Member, value: &dyn Field) -> bool {
        let name = |out: &mut Vec<u8>| {
            let (first, rest) = member.name.as_bytes().split_at_checked(1).unwrap_or_default();
            out.push(b'"');
            out.extend(first.iter().map(u8::to_ascii_lowercase));
            out.extend_from_slice(rest);
            out.push(b'"');
        };
        self.named(comma, name, member.schema, value)
    }

    fn named(
        &mut self,
        comma: bool,
        name: impl FnOnce(&mut Vec<u8>),
        schema: &'static Schema,
        value: &dyn Field,
    ) -> bool {
        let start = self.out.len();
        if comma {
            self.out.push(b',');
        }
        name(self.out);
        self.out.push(b':');
        let before = self.out.len();
        value.write(self, schema);
        if self.out.len() == before {
            self.out.truncate(start);
            return false;
        }
        true
    }

    fn full(&self) -> bool {
        self.out.len() > self.limit
    }
}

impl Writer for TrailWriter<'_> {
    fn boolean(&mut self, schema: &'static Schema, value: bool) {
        if !schema.sensitive {
            self.out.extend_from_slice(if value { b"true" } else { b"false" });
        }
    }

    fn integer(&mut self, schema: &'static Schema, value: i64) {
        if !schema.sensitive {
            json::write_integer(self.out, value);
        }
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        if !schema.sensitive {
            json::write_double(self.out, schema, value);
        }
    }

    fn text(&mut self, schema: &'static Schema, value: &str) {
        if !schema.sensitive {
            json::write_string(self.out, value);
        }
    }

    fn blob(&mut self, _schema: &'static Schema, _value: &[u8]) {}

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        if !schema.sensitive {
            json::write_string(self.out, &value.trail());
        }
    }

    fn document(&mut self, schema: &'static Schema, value: &Document) {
        if !schema.sensitive {
            json::write_document(self.out, value);
        }
    }

    fn list(&mut self, schema: &'static Schema, _count: usize, items: &mut dyn Iterator<Item = &dyn Field>) {
        let Some(element) = schema.element.filter(|_| !schema.sensitive) else { return };
        self.out.push(b'[');
        let mut first = true;
        for item in items {
            if self.full() {
                break;
            }
            let start = self.out.len();
            if !first {
                self.out.push(b',');
            }
            let before = self.out.len();
            item.write(self, element.schema);
            if self.out.len() == before {
                self.out.truncate(start);
            } else {
                first = false;
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
        let hidden = schema.sensitive || schema.key.is_some_and(|key| key.schema.sensitive);
        let Some(element) = schema.value.filter(|_| !hidden) else { return };
        self.out.push(b'{');
        let mut comma = false;
        for (name, value) in entries {
            if self.full() {
                break;
            }
            comma |= self.pair(comma, name, element.schema, value);
        }
        self.out.push(b'}');
    }

    fn structure(&mut self, schema: &'static Schema, fields: &[&dyn Field]) {
        if schema.sensitive {
            return;
        }
        self.out.push(b'{');
        let mut comma = false;
        for (member, field) in schema.members.iter().zip(fields) {
            if self.full() {
                break;
            }
            if field.present() {
                comma |= self.member(comma, member, *field);
            }
        }
        self.out.push(b'}');
    }

    fn union(&mut self, schema: &'static Schema, index: usize, value: &dyn Field) {
        if schema.sensitive {
            return;
        }
        self.out.push(b'{');
        if let Some(member) = schema.members.get(index) {
            self.member(false, member, value);
        }
        self.out.push(b'}');
    }
}
