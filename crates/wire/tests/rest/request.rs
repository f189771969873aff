//! Values as the requests that clients make of them (Smithy, "HTTP binding traits" and "AWS restJson1 protocol").

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, Request, request::Parts};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use wire::{Field as _, Kind, Location, Member, OperationModel, Schema, TimestampFormat, json::JsonWriter};

use crate::dynamic::Value;

/// The request for `operation` with an input.
pub(crate) fn request(
    operation: &OperationModel,
    schema: &'static Schema,
    fields: &[Value],
) -> (Parts, Vec<u8>) {
    let (path, literals) = operation.uri.split_once('?').unwrap_or((operation.uri, ""));
    let mut path = path.to_owned();
    let mut query: Vec<String> =
        literals.split('&').filter(|literal| !literal.is_empty()).map(str::to_owned).collect();
    let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
    let mut payload = None;
    let mut body: Vec<(&Member, &Value)> = Vec::new();
    let named: Vec<&str> = schema.members.iter().map(|member| member.wire).collect();
    for (member, value) in schema.members.iter().zip(fields) {
        let default = match member.location {
            Location::Header => TimestampFormat::Rfc822,
            _ => TimestampFormat::Iso8601,
        };
        match (member.location, value) {
            (Location::Body, value) => body.push((member, value)),
            (_, Value::Absent) => {}
            (Location::Label, value) => {
                let text = text(member.schema, default, value);
                path = path.replace(&format!("{{{}}}", member.wire), &encode(&text));
                let greedy: Vec<String> = text.split('/').map(encode).collect();
                path = path.replace(&format!("{{{}+}}", member.wire), &greedy.join("/"));
            }
            (Location::Query, Value::List(items)) => {
                let of = member.schema.element.unwrap().schema;
                query.extend(items.iter().map(|item| pair(member.wire, &text(of, default, item))));
            }
            (Location::Query, value) => query.push(pair(member.wire, &text(member.schema, default, value))),
            (Location::QueryMap, Value::Map(entries)) => {
                for (name, values) in entries.iter().filter(|(name, _)| !named.contains(&name.as_str())) {
                    let Value::List(values) = values else { panic!("{values:?}") };
                    query.extend(values.iter().map(|value| pair(name, &text(member.schema, default, value))));
                }
            }
            (Location::Header, Value::List(items)) => {
                let of = member.schema.element.unwrap().schema;
                let items: Vec<String> =
                    items.iter().map(|item| quoted(of, text(of, default, item))).collect();
                headers.push((member.wire.to_owned(), items.join(", ").into_bytes()));
            }
            (Location::Header, value) => {
                let text = text(member.schema, default, value);
                let text = if member.json_value { STANDARD.encode(text) } else { text };
                headers.push((member.wire.to_owned(), text.into_bytes()));
            }
            (Location::Prefix, Value::Map(entries)) => {
                for (name, value) in entries {
                    let text = text(member.schema.value.unwrap().schema, default, value);
                    headers.push((format!("{}{name}", member.wire), text.into_bytes()));
                }
            }
            (Location::Payload, Value::Blob(bytes)) => payload = Some(bytes.clone()),
            (location, value) => panic!("{location:?} {value:?}"),
        }
    }
    let body = payload.unwrap_or_else(|| json(&body));
    let mut parts = Request::builder()
        .method(operation.method)
        .uri(if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) })
        .body(())
        .unwrap()
        .into_parts()
        .0;
    for (name, value) in headers {
        let name = HeaderName::try_from(name.to_ascii_lowercase()).unwrap();
        parts.headers.append(name, HeaderValue::from_bytes(&value).unwrap());
    }
    (parts, body)
}

fn json(members: &[(&Member, &Value)]) -> Vec<u8> {
    let mut body = b"{".to_vec();
    for (member, value) in members.iter().filter(|(_, value)| value.present()) {
        if body.len() > 1 {
            body.push(b',');
        }
        body.extend_from_slice(format!("{:?}:", member.wire).as_bytes());
        value.write(&mut JsonWriter::new(&mut body), member.schema);
    }
    body.push(b'}');
    body
}

fn pair(name: &str, value: &str) -> String {
    format!("{}={}", encode(name), encode(value))
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn quoted(of: &'static Schema, text: String) -> String {
    let quote = of.kind == Kind::String && text.contains([',', '"']);
    if quote { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) } else { text }
}

fn text(schema: &'static Schema, default: TimestampFormat, value: &Value) -> String {
    match value {
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Double(value) if value.is_nan() => "NaN".to_owned(),
        Value::Double(value) if value.is_infinite() => {
            if *value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
        }
        Value::Double(value) => format!("{value:?}"),
        Value::String(value) => value.clone(),
        Value::Timestamp(value) => match schema.timestamp_format.unwrap_or(default) {
            TimestampFormat::EpochSeconds => {
                let millis = value.0.unsigned_abs();
                format!("{}{}.{:03}", if value.0 < 0 { "-" } else { "" }, millis / 1000, millis % 1000)
            }
            TimestampFormat::Iso8601 => value.rfc3339(),
            TimestampFormat::Rfc822 => value.http_date(),
        },
        other => panic!("{other:?}"),
    }
}
