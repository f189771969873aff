//! Values as the form parameters that clients make of them (botocore 1.44, `QuerySerializer`).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use wire::{Kind, Member, Schema, TimestampFormat};

use crate::dynamic::Value;

/// The parameters of a value, percent-encoded.
pub(crate) fn form(schema: &'static Schema, value: &Value) -> String {
    let mut parameters = Vec::new();
    write(&mut parameters, "", schema, false, value);
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let pairs: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

/// What of a value the form can say: it has nothing for empty structures and maps, and for items that are such.
pub(crate) fn sayable(schema: &'static Schema, value: Value) -> Value {
    said(schema, value).unwrap_or_else(|| match schema.kind {
        Kind::Structure => Value::Structure(vec![Value::Absent; schema.members.len()]),
        _ => Value::Absent,
    })
}

fn said(schema: &'static Schema, value: Value) -> Option<Value> {
    match value {
        Value::Absent => None,
        Value::List(items) => {
            let of = schema.element.unwrap().schema;
            Some(Value::List(items.into_iter().filter_map(|item| said(of, item)).collect()))
        }
        Value::Map(entries) if entries.is_empty() => None,
        Value::Map(entries) => {
            let of = schema.value.unwrap().schema;
            Some(Value::Map(entries.into_iter().map(|(key, item)| (key, sayable(of, item))).collect()))
        }
        Value::Structure(fields) => {
            let said = |(member, field): (&Member, Value)| said(member.schema, field).unwrap_or_default();
            let fields: Vec<Value> = schema.members.iter().zip(fields).map(said).collect();
            let any = fields.iter().any(|field| !matches!(field, Value::Absent));
            any.then_some(Value::Structure(fields))
        }
        Value::Union(index, field) => {
            said(schema.members[index].schema, *field).map(|field| Value::Union(index, Box::new(field)))
        }
        value => Some(value),
    }
}

fn write(
    parameters: &mut Vec<(String, String)>,
    prefix: &str,
    schema: &'static Schema,
    flattened: bool,
    value: &Value,
) {
    let mut put = |text: String| parameters.push((prefix.to_owned(), text));
    match value {
        Value::Absent | Value::Document(_) => {}
        Value::Boolean(value) => put(value.to_string()),
        Value::Integer(value) => put(value.to_string()),
        Value::Double(value) if value.is_nan() => put("NaN".to_owned()),
        Value::Double(value) if value.is_infinite() => {
            put(if *value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned());
        }
        Value::Double(value) => put(format!("{value:?}")),
        Value::String(value) => put(value.clone()),
        Value::Blob(value) => put(STANDARD.encode(value)),
        Value::Timestamp(value) => put(match schema.timestamp_format {
            Some(TimestampFormat::EpochSeconds) => {
                let millis = value.0;
                let sign = if millis < 0 { "-" } else { "" };
                format!("{sign}{}.{:03}", millis.unsigned_abs() / 1000, millis.unsigned_abs() % 1000)
            }
            _ => value.rfc3339(),
        }),
        Value::List(items) if items.is_empty() => put(String::new()),
        Value::List(items) => {
            let element = schema.element.unwrap();
            let prefix = match flattened {
                true => prefix.to_owned(),
                false => format!("{prefix}.{}", element.xml_name.unwrap_or("member")),
            };
            for (number, item) in (1..).zip(items) {
                write(parameters, &format!("{prefix}.{number}"), element.schema, false, item);
            }
        }
        Value::Map(entries) => {
            let (key, of) = (schema.key.unwrap(), schema.value.unwrap());
            let prefix = if flattened { prefix.to_owned() } else { format!("{prefix}.entry") };
            for (number, (name, item)) in (1..).zip(entries) {
                let key = format!("{prefix}.{number}.{}", key.xml_name.unwrap_or("key"));
                parameters.push((key, name.clone()));
                let place = format!("{prefix}.{number}.{}", of.xml_name.unwrap_or("value"));
                write(parameters, &place, of.schema, false, item);
            }
        }
        Value::Structure(fields) => {
            for (member, field) in schema.members.iter().zip(fields) {
                write_member(parameters, prefix, member, field);
            }
        }
        Value::Union(index, field) => write_member(parameters, prefix, &schema.members[*index], field),
    }
}

fn write_member(
    parameters: &mut Vec<(String, String)>,
    prefix: &str,
    member: &'static Member,
    field: &Value,
) {
    let flattened = member.flattened || member.schema.flattened;
    let mut name = member.wire;
    if let Some(item) = member.schema.element.and_then(|element| element.xml_name)
        && flattened
        && member.wire == member.name
        && !matches!(field, Value::List(items) if items.is_empty())
    {
        name = item;
    }
    let place = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
    write(parameters, &place, member.schema, flattened, field);
}
