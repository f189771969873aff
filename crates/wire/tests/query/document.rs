//! Values from the XML that clients read them from (botocore 1.44, `QueryParser`).

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use wire::{Kind, Member, Schema, Timestamp, TimestampFormat};

use crate::{dynamic::Value, xml::Element};

/// The value whose content `element` has.
pub(crate) fn value(schema: &'static Schema, element: &Element) -> Value {
    let text = element.text.as_str();
    match schema.kind {
        Kind::Boolean => Value::Boolean(text.parse().expect("boolean")),
        Kind::Integer | Kind::Long => Value::Integer(text.parse().expect("integer")),
        Kind::Float => Value::Double(text.parse::<f32>().expect("single").into()),
        Kind::Double => Value::Double(text.parse().expect("double")),
        Kind::String => Value::String(text.to_owned()),
        Kind::Blob => Value::Blob(STANDARD.decode(text).expect("base64")),
        Kind::Timestamp => Value::Timestamp(match schema.timestamp_format {
            Some(TimestampFormat::EpochSeconds) => {
                Timestamp::from_epoch_seconds(text.parse().expect("seconds")).expect("time")
            }
            _ => Timestamp::parse_rfc3339(text).expect("time"),
        }),
        Kind::List => {
            let of = schema.element.expect("list");
            let name = of.xml_name.unwrap_or("member");
            assert!(element.children.iter().all(|child| child.name == name), "{element:?}");
            Value::List(element.children.iter().map(|child| value(of.schema, child)).collect())
        }
        Kind::Map => {
            assert!(element.children.iter().all(|child| child.name == "entry"), "{element:?}");
            entries(schema, element.children.iter())
        }
        Kind::Structure => {
            let fields = schema.members.iter().map(|member| field(member, element));
            Value::Structure(fields.collect())
        }
        Kind::Union => {
            let fields = schema.members.iter().map(|member| field(member, element));
            let mut there = fields.enumerate().filter(|(_, field)| !matches!(field, Value::Absent));
            there.next().map_or(Value::Absent, |(index, field)| Value::Union(index, Box::new(field)))
        }
        Kind::Document => panic!("no form"),
    }
}

fn field(member: &'static Member, parent: &Element) -> Value {
    let flattened = member.flattened || member.schema.flattened;
    let item = member.schema.element.and_then(|element| element.xml_name);
    let name = item.filter(|_| flattened && member.wire == member.name).unwrap_or(member.wire);
    let mut here = parent.children.iter().filter(|child| child.name == name).peekable();
    match member.schema.kind {
        _ if here.peek().is_none() => Value::Absent,
        Kind::List if flattened => {
            let of = member.schema.element.expect("list").schema;
            Value::List(here.map(|child| value(of, child)).collect())
        }
        Kind::Map if flattened => entries(member.schema, here),
        _ => value(member.schema, here.next().expect("one")),
    }
}

fn entries<'a>(schema: &'static Schema, elements: impl Iterator<Item = &'a Element>) -> Value {
    let (key, of) = (schema.key.expect("map"), schema.value.expect("map"));
    let names = [key.xml_name.unwrap_or("key"), of.xml_name.unwrap_or("value")];
    let entry = |element: &Element| match element.children.as_slice() {
        [key, item] if [&*key.name, &*item.name] == names => (key.text.clone(), value(of.schema, item)),
        other => panic!("entry {other:?}"),
    };
    Value::Map(elements.map(entry).collect::<BTreeMap<_, _>>())
}

/// What of a value XML can say: it has no flattened lists and maps that are empty, and not all characters.
pub(crate) fn sayable(schema: &'static Schema, value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(allowed(&text)),
        Value::List(items) => {
            let of = schema.element.expect("list").schema;
            Value::List(items.into_iter().map(|item| sayable(of, item)).collect())
        }
        Value::Map(entries) => {
            let of = schema.value.expect("map").schema;
            Value::Map(entries.into_iter().map(|(key, item)| (allowed(&key), sayable(of, item))).collect())
        }
        Value::Structure(fields) => {
            let fields =
                schema.members.iter().zip(fields).map(|(member, field)| member_sayable(member, field));
            Value::Structure(fields.collect())
        }
        Value::Union(index, field) => match member_sayable(&schema.members[index], *field) {
            Value::Absent => Value::Absent,
            field => Value::Union(index, Box::new(field)),
        },
        value => value,
    }
}

fn member_sayable(member: &'static Member, field: Value) -> Value {
    let flattened = member.flattened || member.schema.flattened;
    match sayable(member.schema, field) {
        Value::List(items) if flattened && items.is_empty() => Value::Absent,
        Value::Map(entries) if flattened && entries.is_empty() => Value::Absent,
        field => field,
    }
}

/// XML 1.0, section 2.2: characters that a document cannot hold.
fn allowed(text: &str) -> String {
    let allowed = |c: char| match c {
        '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'.. => c,
        _ => '\u{FFFD}',
    };
    text.chars().map(allowed).collect()
}
