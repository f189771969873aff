//! Every operation with its largest input: what its record keeps.

use assembly::{Parts, services};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;
use std::sync::Arc;
use wire::{
    Document, Field, Kind, Malformed, Reader, Schema, TRAIL_BYTES_MAX, Timestamp, Writer, trail_json,
};

/// The longest text that is made where the model has no limit: as long as the longest policy.
const TEXT_CHARS_MAX: i64 = 131_072;

/// Most items of a list or map.
const ITEMS_MAX: i64 = 300;

/// Texts up to this length stay as they are, in characters: names, ARNs, descriptions.
const KEPT_CHARS: usize = 8192;

/// The largest value of any schema; smaller within lists and maps, which would not end otherwise.
struct Largest {
    within: bool,
}

impl Largest {
    fn text(&self, schema: &Schema) -> String {
        let longest = if self.within { 256 } else { TEXT_CHARS_MAX };
        let length = schema.max.unwrap_or(longest).min(longest);
        match schema.values.first() {
            Some(value) => (*value).to_owned(),
            None => "X".repeat(usize::try_from(length).unwrap()),
        }
    }

    fn items(&self, schema: &Schema) -> usize {
        let most = if self.within { 2 } else { ITEMS_MAX };
        usize::try_from(schema.max.unwrap_or(most).min(most)).unwrap()
    }
}

impl Field for Largest {
    fn read(&mut self, _: &mut dyn Reader, _: &'static Schema) -> Result<(), Malformed> {
        Err(Malformed("it is written only".into()))
    }

    fn write(&self, writer: &mut dyn Writer, schema: &'static Schema) {
        let inner = Largest { within: true };
        match schema.kind {
            Kind::Boolean => writer.boolean(schema, true),
            Kind::Integer | Kind::Long => writer.integer(schema, schema.max.unwrap_or(i64::from(i32::MAX))),
            Kind::Float | Kind::Double => writer.double(schema, 0.5),
            Kind::String => writer.text(schema, &self.text(schema)),
            Kind::Blob => writer.blob(schema, &[7; 4096]),
            Kind::Timestamp => writer.timestamp(schema, Timestamp(0)),
            Kind::Document => writer.document(schema, &Document::String(self.text(schema))),
            Kind::List => {
                let count = self.items(schema);
                writer.list(schema, count, &mut (0..count).map(|_| &inner as &dyn Field));
            }
            Kind::Map => {
                let keys: Vec<String> = (0..self.items(schema)).map(|n| format!("{n:0>120}")).collect();
                writer.map(
                    schema,
                    keys.len(),
                    &mut keys.iter().map(|key| (key.as_str(), &inner as &dyn Field)),
                );
            }
            Kind::Structure => {
                let fields: Vec<&dyn Field> = schema.members.iter().map(|_| self as &dyn Field).collect();
                writer.structure(schema, &fields);
            }
            Kind::Union => writer.union(schema, 0, self),
        }
    }

    fn clear(&mut self) {}
}

/// Requires that every member is there that may be: whole, or if it is long with its length and digest.
fn check(schema: &'static Schema, found: &Value, place: &str) {
    let largest = Largest { within: false };
    for member in schema.members.iter().filter(|member| !member.schema.sensitive) {
        let (first, rest) = member.name.split_at(1);
        let name = format!("{}{rest}", first.to_lowercase());
        let (place, value) = (format!("{place}.{name}"), &found[&name]);
        match member.schema.kind {
            Kind::Blob => assert_eq!(value, &Value::Null, "{place}"),
            Kind::Structure => check(member.schema, value, &place),
            Kind::Boolean => assert_eq!(value, &Value::Bool(true), "{place}"),
            Kind::Integer | Kind::Long | Kind::Float | Kind::Double => {
                assert!(value.is_number(), "{place}: {value}")
            }
            Kind::Timestamp => assert!(value.is_string(), "{place}: {value}"),
            Kind::String | Kind::Document if largest.text(member.schema).len() <= KEPT_CHARS => {
                assert_eq!(value, &Value::String(largest.text(member.schema)), "{place}");
            }
            Kind::String | Kind::Document if value.is_object() => {
                let text = largest.text(member.schema);
                assert_eq!(value["originalSize"], text.len(), "{place}");
                assert_eq!(value["sha256"], hex::encode(digest(&SHA256, text.as_bytes())), "{place}");
            }
            _ if value["omitted"] == true => {
                assert!(value["originalSize"].as_u64().is_some_and(|size| size >= 256), "{place}: {value}");
                assert_eq!(value["sha256"].as_str().map(str::len), Some(64), "{place}: {value}");
            }
            _ => assert!(value.is_string() || value.is_array() || value.is_object(), "{place}: {value}"),
        }
    }
}

#[test]
fn every_operation_with_its_largest_input_keeps_every_member() {
    let (mut walked, mut shortened) = (0, 0);
    for service in services(Parts::default()) {
        let implemented = Arc::clone(&service).operations();
        for operation in implemented {
            let model = operation.model();
            for schema in [model.input, model.output].into_iter().flatten() {
                let mut record = Vec::new();
                trail_json(&Largest { within: false }, schema, &mut record);
                assert!(record.len() <= TRAIL_BYTES_MAX, "{}: {} bytes", model.name, record.len());
                let record: Value = serde_json::from_slice(&record).unwrap_or_default();
                check(schema, &record, model.name);
                walked += 1;
                shortened += u32::from(record.to_string().contains(r#""omitted":true"#));
            }
        }
    }
    assert!(walked > 200 && shortened > 20, "{walked} walked, {shortened} shortened");
}
