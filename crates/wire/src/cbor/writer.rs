//! Writes typed values as CBOR, with definite lengths and the shortest heads.

use super::{BREAK, INDEFINITE, TAG_EPOCH, major, simple};
use crate::{
    codec::ErrorAnswer,
    field::{Field, Writer},
    schema::{Kind, Schema},
    types::{Document, Timestamp},
};

/// A writer that appends to a buffer.
#[derive(Debug)]
pub struct CborWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> CborWriter<'a> {
    /// Appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        CborWriter { out }
    }

    /// Writes an error: `__type`, the message under the name its shape has for it, then further members.
    pub(crate) fn error(&mut self, error: &ErrorAnswer<'_>) {
        // Of indefinite length: members write themselves as a map of their own, of which the entries are taken.
        self.out.push((major::MAP << 5) | INDEFINITE);
        self.string("__type");
        self.string(error.code);
        if !error.message.is_empty() {
            self.string(error.message_member);
            self.string(error.message);
        }
        if let Some((members, schema)) = error.members {
            let mut map = Vec::new();
            members.write(&mut CborWriter::new(&mut map), schema);
            self.out.extend_from_slice(super::reader::entries(&map));
        }
        self.out.push(BREAK);
    }

    #[expect(clippy::cast_possible_truncation, reason = "each arm bounds the argument by its width")]
    fn head(&mut self, major: u8, argument: u64) {
        let initial = major << 5;
        match argument {
            0..=23 => self.out.push(initial | argument as u8),
            24..=0xFF => self.out.extend_from_slice(&[initial | 24, argument as u8]),
            0x100..=0xFFFF => {
                self.out.push(initial | 25);
                self.out.extend_from_slice(&(argument as u16).to_be_bytes());
            }
            0x1_0000..=0xFFFF_FFFF => {
                self.out.push(initial | 26);
                self.out.extend_from_slice(&(argument as u32).to_be_bytes());
            }
            _ => {
                self.out.push(initial | 27);
                self.out.extend_from_slice(&argument.to_be_bytes());
            }
        }
    }

    fn length(&mut self, major: u8, length: usize) {
        self.head(major, u64::try_from(length).unwrap_or(u64::MAX));
    }

    fn string(&mut self, text: &str) {
        self.length(major::TEXT, text.len());
        self.out.extend_from_slice(text.as_bytes());
    }

    fn whole(&mut self, value: i64) {
        if value < 0 {
            self.head(major::NEGATIVE, (!value).unsigned_abs());
        } else {
            self.head(major::UNSIGNED, value.unsigned_abs());
        }
    }

    fn simple(&mut self, info: u8) {
        self.out.push((major::SIMPLE << 5) | info);
    }

    fn float(&mut self, value: f64) {
        self.simple(simple::DOUBLE);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn open_value(&mut self, value: &Document) {
        match value {
            Document::Null => self.simple(simple::NULL),
            Document::Boolean(value) => self.simple(if *value { simple::TRUE } else { simple::FALSE }),
            Document::Integer(value) => self.whole(*value),
            Document::Double(value) => self.float(*value),
            Document::String(value) => self.string(value),
            Document::List(items) => {
                self.length(major::ARRAY, items.len());
                for item in items {
                    self.open_value(item);
                }
            }
            Document::Map(entries) => {
                self.length(major::MAP, entries.len());
                for (key, item) in entries {
                    self.string(key);
                    self.open_value(item);
                }
            }
        }
    }

    fn field(&mut self, schema: &'static Schema, field: &dyn Field) {
        if field.present() {
            field.write(self, schema);
        } else {
            self.simple(simple::NULL);
        }
    }
}

impl Writer for CborWriter<'_> {
    fn boolean(&mut self, _schema: &'static Schema, value: bool) {
        self.simple(if value { simple::TRUE } else { simple::FALSE });
    }

    fn integer(&mut self, _schema: &'static Schema, value: i64) {
        self.whole(value);
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        if schema.kind == Kind::Float {
            self.simple(simple::SINGLE);
            #[expect(clippy::cast_possible_truncation, reason = "the shape has single precision")]
            self.out.extend_from_slice(&(value as f32).to_be_bytes());
        } else {
            self.float(value);
        }
    }

    fn text(&mut self, _schema: &'static Schema, value: &str) {
        self.string(value);
    }

    fn blob(&mut self, _schema: &'static Schema, value: &[u8]) {
        self.length(major::BYTES, value.len());
        self.out.extend_from_slice(value);
    }

    fn timestamp(&mut self, _schema: &'static Schema, value: Timestamp) {
        self.head(major::TAG, TAG_EPOCH);
        if value.millisecond() == 0 {
            self.whole(value.epoch_seconds());
        } else {
            #[expect(
                clippy::cast_precision_loss,
                reason = "milliseconds of four-digit years are below 2^53"
            )]
            self.float(value.0 as f64 / 1000.0);
        }
    }

    fn document(&mut self, _schema: &'static Schema, value: &Document) {
        self.open_value(value);
    }

    fn list(&mut self, schema: &'static Schema, count: usize, items: &mut dyn Iterator<Item = &dyn Field>) {
        let Some(element) = schema.element else { return };
        self.length(major::ARRAY, count);
        for item in items {
            self.field(element.schema, item);
        }
    }

    fn map(
        &mut self,
        schema: &'static Schema,
        count: usize,
        entries: &mut dyn Iterator<Item = (&str, &dyn Field)>,
    ) {
        let Some(element) = schema.value else { return };
        self.length(major::MAP, count);
        for (key, value) in entries {
            self.string(key);
            self.field(element.schema, value);
        }
    }

    fn structure(&mut self, schema: &'static Schema, fields: &[&dyn Field]) {
        let count = schema.members.iter().zip(fields).filter(|(_, field)| field.present()).count();
        self.length(major::MAP, count);
        for (member, field) in schema.members.iter().zip(fields) {
            if field.present() {
                self.string(member.wire);
                field.write(self, member.schema);
            }
        }
    }

    fn union(&mut self, schema: &'static Schema, index: usize, value: &dyn Field) {
        if let Some(member) = schema.members.get(index) {
            self.length(major::MAP, 1);
            self.string(member.wire);
            value.write(self, member.schema);
        }
    }
}
