//! Runs the cases of a suite.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Request, request::Parts};
use serde_json::Value as Json;
use wire::{
    Answer, Document, ErrorAnswer, Kind, OperationModel, Protocol, Schema, ServiceModel, Shape, Timestamp,
    Unit, decode_into, encode, encode_error,
};

use crate::{comparable::comparable, dynamic::Value, file, model::Suite, skipped};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    Input,
    Output,
}

/// Runs all cases of the suites, both ways, and names every one that fails.
pub(crate) fn suites(names: &[&str]) {
    let mut failures = Vec::new();
    let mut passed = 0;
    for name in names {
        for side in [Side::Input, Side::Output] {
            let Some(text) = file(side, name) else {
                eprintln!("skipped: no conformance suites here");
                return;
            };
            let suites: Vec<Json> = serde_json::from_str(&text).expect("suites");
            for json in &suites {
                let suite = Suite::new(json);
                for case in json["cases"].as_array().expect("cases") {
                    let id = case["id"].as_str().expect("id");
                    let outcome = run(side, &suite, case);
                    match (outcome, skipped(id)) {
                        (Ok(()), None) => passed += 1,
                        (Ok(()), Some(_)) => {
                            failures.push(format!("{name} {side:?} {id}: skipped, but passes"))
                        }
                        (Err(_), Some(reason)) => eprintln!("skipped: {id}: {reason}"),
                        (Err(problem), None) => failures.push(format!("{name} {side:?} {id}: {problem}")),
                    }
                }
            }
        }
    }
    println!("{names:?}: {passed} passed");
    assert!(
        failures.is_empty(),
        "{} of {} failed:\n{}",
        failures.len(),
        failures.len() + passed,
        failures.join("\n")
    );
}

fn run(side: Side, suite: &Suite<'_>, case: &Json) -> Result<(), String> {
    let protocol = suite.protocol();
    let service = suite.service();
    let operation = suite.operation(&case["given"]);
    match side {
        Side::Input => input(protocol, &service, &operation, case),
        Side::Output if case.get("errorCode").is_some() => error(protocol, &service, &operation, case),
        Side::Output => output(protocol, &service, &operation, case),
    }
}

fn input(
    protocol: Protocol,
    service: &ServiceModel,
    operation: &OperationModel,
    case: &Json,
) -> Result<(), String> {
    let schema = operation.input.unwrap_or(Unit::SCHEMA);
    let (parts, body) = request(protocol, &case["serialized"]);
    let expected = value(schema, &case["params"]);
    let mut decoded = Value::default();
    decode_into(protocol, service, operation, &parts, &body, &mut decoded, schema)
        .map_err(|rejection| format!("rejected: {}", rejection.message()))?;
    same("parameters", &text(&decoded), &text(&expected))
}

fn output(
    protocol: Protocol,
    service: &ServiceModel,
    operation: &OperationModel,
    case: &Json,
) -> Result<(), String> {
    let schema = operation.output.unwrap_or(Unit::SCHEMA);
    let result = value(schema, &case["result"]);
    let answer = encode(protocol, service, operation, &result, schema, request_id(case));
    compare(protocol, schema, &answer, &case["response"])
}

fn error(
    protocol: Protocol,
    service: &ServiceModel,
    operation: &OperationModel,
    case: &Json,
) -> Result<(), String> {
    let code = case["errorCode"].as_str().expect("code");
    let model = operation.errors.iter().find(|error| error.shape == code || error.code == code);
    let model = model.ok_or("the model has no such error")?;
    let schema = model.schema.unwrap_or(Unit::SCHEMA);
    // The text goes into the answer by itself; the rest are further members.
    let mut members = case["error"].clone();
    let mut message = case["errorMessage"].as_str().unwrap_or("").to_owned();
    if let Some(Json::String(text)) =
        members.as_object_mut().and_then(|members| members.remove(model.message))
    {
        message = text;
    }
    let members = value(schema, &members);
    let mut error = ErrorAnswer::of(model, &message);
    error.members = Some((&members, schema));
    // In the models of query-compatible services the status is that of the former Query error.
    error.status = case["response"]["status_code"].as_u64().unwrap_or(0).try_into().expect("status");
    let answer = encode_error(protocol, service, &error, request_id(case));
    compare(protocol, with_type(schema), &answer, &case["response"])
}

/// The id that a case wants to see in the answer, or any.
fn request_id(case: &Json) -> &str {
    case["response"]["headers"]["X-Amzn-Requestid"].as_str().unwrap_or("request-id")
}

/// Builds the request of a case.
fn request(protocol: Protocol, serialized: &Json) -> (Parts, Vec<u8>) {
    let text = serialized["body"].as_str().unwrap_or("");
    let body = match protocol {
        Protocol::Cbor => STANDARD.decode(text).expect("base64"),
        _ => text.as_bytes().to_vec(),
    };
    let mut builder = Request::builder()
        .method(serialized["method"].as_str().expect("method"))
        .uri(serialized["uri"].as_str().expect("uri"));
    for (name, value) in serialized["headers"].as_object().into_iter().flatten() {
        builder = builder.header(name, value.as_str().expect("header"));
    }
    (builder.body(()).expect("request").into_parts().0, body)
}

/// Compares an answer with the expected one: status, the headers that are named, and the body by its meaning.
fn compare(
    protocol: Protocol,
    schema: &'static Schema,
    answer: &Answer,
    expected: &Json,
) -> Result<(), String> {
    same("status", &answer.status.to_string(), &expected["status_code"].to_string())?;
    for (name, value) in expected["headers"].as_object().into_iter().flatten() {
        // The suites repeat the request's target in some answers, where it means nothing; the server adds the length.
        if ["x-amz-target", "content-length"].iter().any(|other| name.eq_ignore_ascii_case(other)) {
            continue;
        }
        let values: Vec<&str> = answer
            .headers
            .iter()
            .filter(|(own, _)| own.as_str().eq_ignore_ascii_case(name))
            .filter_map(|(_, value)| value.to_str().ok())
            .collect();
        same(name, &values.join(", "), value.as_str().expect("header"))?;
    }
    // Some answers say nothing of the body.
    let Some(text) = expected["body"].as_str() else { return Ok(()) };
    match protocol {
        Protocol::Query => {
            let body = std::str::from_utf8(&answer.body).expect("UTF-8");
            same("body", &comparable(body), &comparable(text))
        }
        Protocol::Cbor => {
            let expected = STANDARD.decode(text).expect("base64");
            if expected.is_empty() || answer.body.is_empty() {
                return same(
                    "length of the body",
                    &answer.body.len().to_string(),
                    &expected.len().to_string(),
                );
            }
            same("body", &cbor(&answer.body, schema)?, &cbor(&expected, schema)?)
        }
        _ => same("body", &json(std::str::from_utf8(&answer.body).expect("UTF-8")), &json(text)),
    }
}

/// CBOR as comparable text, with the names of error types stripped of their namespaces.
fn cbor(body: &[u8], schema: &'static Schema) -> Result<String, String> {
    let mut value = Value::default();
    wire::cbor::read(body, &mut value, schema).map_err(|malformed| malformed.to_string())?;
    if let Value::Structure(fields) = &mut value
        && let Some(Value::String(name)) = fields.first_mut()
        && schema.members.first().is_some_and(|member| member.name == "__type")
    {
        *name = bare(name).to_owned();
    }
    Ok(text(&value))
}

/// JSON as comparable text, with the names of error types stripped of their namespaces.
fn json(text: &str) -> String {
    let Ok(mut json) = serde_json::from_str::<Json>(text) else { return format!("not JSON: {text}") };
    numbers(&mut json);
    if let Some(Json::String(name)) = json.get_mut("__type") {
        *name = bare(name).to_owned();
    }
    json.to_string()
}

/// For comparisons: in this form not-a-number is equal to itself.
fn text(value: &Value) -> String {
    format!("{value:?}")
}

/// Makes `1` and `1.0` the same.
fn numbers(json: &mut Json) {
    match json {
        Json::Number(number) => *json = number.as_f64().into(),
        Json::Array(items) => items.iter_mut().for_each(numbers),
        Json::Object(members) => members.values_mut().for_each(numbers),
        _ => {}
    }
}

fn bare(name: &str) -> &str {
    let name = name.split_once('#').map_or(name, |(_, name)| name);
    name.split_once(':').map_or(name, |(name, _)| name)
}

/// The schema of an error with its type as the first member.
fn with_type(schema: &'static Schema) -> &'static Schema {
    static TYPE: Schema = Schema::new("String", Kind::String);
    let mut members = vec![wire::Member::new("__type", &TYPE)];
    members.extend_from_slice(schema.members);
    Box::leak(Box::new(Schema::structure(schema.name, members.leak())))
}

/// The value that a case writes in its own way: blobs as plain text, times as seconds, special numbers as text.
fn value(schema: &'static Schema, json: &Json) -> Value {
    match (schema.kind, json) {
        (Kind::Structure, Json::Null) if schema.members.is_empty() => Value::Structure(Vec::new()),
        (Kind::Document, json) => Value::Document(document(json)),
        (_, Json::Null) => Value::Absent,
        (Kind::Boolean, Json::Bool(flag)) => Value::Boolean(*flag),
        (Kind::Integer | Kind::Long, Json::Number(number)) => {
            Value::Integer(number.as_i64().expect("integer"))
        }
        (Kind::Float | Kind::Double, Json::Number(number)) => Value::Double(number.as_f64().expect("number")),
        (Kind::Float | Kind::Double, Json::String(text)) => Value::Double(text.parse().expect("number")),
        (Kind::String, Json::String(text)) => Value::String(text.clone()),
        (Kind::Blob, Json::String(text)) => Value::Blob(text.clone().into_bytes()),
        (Kind::Timestamp, Json::Number(number)) => {
            Value::Timestamp(Timestamp::from_epoch_seconds(number.as_f64().expect("time")).expect("time"))
        }
        (Kind::Timestamp, Json::String(text)) => Value::Timestamp(
            Timestamp::parse_rfc3339(text).or_else(|_| Timestamp::parse_http_date(text)).expect("time"),
        ),
        (Kind::List, Json::Array(items)) => {
            let element = schema.element.expect("list");
            Value::List(items.iter().map(|item| value(element.schema, item)).collect())
        }
        (Kind::Map, Json::Object(entries)) => {
            let element = schema.value.expect("map");
            let entries = entries.iter().map(|(key, item)| (key.clone(), value(element.schema, item)));
            Value::Map(entries.collect::<BTreeMap<_, _>>())
        }
        (Kind::Structure, Json::Object(members)) => Value::Structure(
            schema
                .members
                .iter()
                .map(|member| {
                    members.get(member.name).map_or(Value::Absent, |json| value(member.schema, json))
                })
                .collect(),
        ),
        (Kind::Union, Json::Object(members)) => {
            let (name, json) = members.iter().next().expect("one member");
            let index = schema.members.iter().position(|member| member.name == name).expect("member");
            Value::Union(index, Box::new(value(schema.members[index].schema, json)))
        }
        (kind, json) => panic!("{kind:?} from {json}"),
    }
}

fn document(json: &Json) -> Document {
    match json {
        Json::Null => Document::Null,
        Json::Bool(flag) => Document::Boolean(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Document::Integer(integer),
            None => Document::Double(number.as_f64().expect("number")),
        },
        Json::String(text) => Document::String(text.clone()),
        Json::Array(items) => Document::List(items.iter().map(document).collect()),
        Json::Object(members) => {
            Document::Map(members.iter().map(|(name, json)| (name.clone(), document(json))).collect())
        }
    }
}

fn same(what: &str, own: &str, expected: &str) -> Result<(), String> {
    if own == expected {
        Ok(())
    } else {
        Err(format!("{what}:\n    own      {own}\n    expected {expected}"))
    }
}
