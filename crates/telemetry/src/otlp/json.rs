//! Spans in the JSON form of OTLP (opentelemetry-proto, "OTLP/JSON"): ids in hexadecimal, 64-bit integers as text, enumerations as
//! numbers, names in camel case.

use std::time::Duration;

use serde_json::{Value, json};

use super::Span;
use crate::what::Outcome;

/// `SPAN_KIND_INTERNAL` and `SPAN_KIND_SERVER`.
const INTERNAL: u8 = 1;
const SERVER: u8 = 2;

/// `STATUS_CODE_ERROR`. The conventions for servers call an error only what is the server's.
const ERROR: u8 = 2;

/// An `ExportTraceServiceRequest`.
pub(super) fn request(resource: &[(&'static str, String)], spans: &[Span]) -> Vec<u8> {
    let resource: Vec<Value> = resource.iter().map(|(key, value)| text(key, value)).collect();
    let spans: Vec<Value> = spans.iter().flat_map(values).collect();
    let scope = json!({ "name": "fastness" });
    let request = json!({
        "resourceSpans": [{ "resource": { "attributes": resource }, "scopeSpans": [{ "scope": scope, "spans": spans }] }]
    });
    request.to_string().into_bytes()
}

/// How many spans of a request the collector did not take, as its answer says.
pub(super) fn rejected(answer: &[u8]) -> u64 {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let rejected = answer.pointer("/partialSuccess/rejectedSpans");
    rejected.and_then(|count| count.as_u64().or_else(|| count.as_str()?.parse().ok())).unwrap_or(0)
}

fn values(span: &Span) -> impl Iterator<Item = Value> {
    let (service, operation) = (span.what.service(), span.what.operation());
    let mut attributes = vec![
        text("rpc.system", "aws-api"),
        text("rpc.service", span.what.service.map_or(service, |service| service.service_id)),
        text("rpc.method", operation),
        text("aws.request_id", &span.request_id),
        text("cloud.region", &span.region),
        text("fastness.outcome", span.outcome.name()),
        json!({ "key": "http.response.status_code", "value": { "intValue": span.status.to_string() } }),
    ];
    if span.outcome != Outcome::Ok {
        attributes.push(text("error.type", span.outcome.name()));
    }
    let mut call = json!({
        "traceId": span.context.trace,
        "spanId": span.context.span,
        "name": format!("{service}.{operation}"),
        "kind": SERVER,
        "startTimeUnixNano": nanos(span.start),
        "endTimeUnixNano": nanos(span.end),
        "attributes": attributes,
        "status": if span.outcome == Outcome::ServerError { json!({ "code": ERROR }) } else { json!({}) },
    });
    if let (Some(parent), Some(members)) = (&span.context.parent, call.as_object_mut()) {
        members.insert("parentSpanId".to_owned(), json!(parent));
    }
    let commit = span.commit.map(|(start, end)| {
        json!({
            "traceId": span.context.trace,
            "spanId": span.context.commit,
            "parentSpanId": span.context.span,
            "name": "commit",
            "kind": INTERNAL,
            "startTimeUnixNano": nanos(start),
            "endTimeUnixNano": nanos(end),
        })
    });
    [call].into_iter().chain(commit)
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn nanos(since_epoch: Duration) -> String {
    since_epoch.as_nanos().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_success_is_read_in_both_spellings() {
        assert_eq!(rejected(br#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"x"}}"#), 3);
        assert_eq!(rejected(br#"{"partialSuccess":{"rejectedSpans":2}}"#), 2);
        for none in
            ["", "{}", "[", r#"{"partialSuccess":null}"#, r#"{"partialSuccess":{"rejectedSpans":"-1"}}"#]
        {
            assert_eq!(rejected(none.as_bytes()), 0, "{none}");
        }
    }
}
