//! REST-JSON: values in the path, the query string, headers and the body.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail loudly too"
)]

pub mod api;
#[path = "../dynamic/mod.rs"]
mod dynamic;
#[path = "../dynamic/random.rs"]
mod random;
mod request;

use api::*;
use dynamic::Value;
use http::{HeaderName, HeaderValue, Request, request::Parts};
use proptest::{collection, prelude::*};
use wire::{
    Answer, Blob, ErrorAnswer, Location, Operation, OperationModel, Protocol, Rejection, Schema, Shape,
    Timestamp, Unit, decode, decode_into, encode, encode_error,
};

fn parts(uri: &str, headers: &[(&str, &[u8])]) -> Parts {
    let mut parts = Request::builder().method("PUT").uri(uri).body(()).unwrap().into_parts().0;
    for (name, value) in headers {
        let name = HeaderName::try_from(*name).unwrap();
        parts.headers.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    parts
}

fn read<O: Operation>(uri: &str, headers: &[(&str, &[u8])], body: &[u8]) -> Result<O::Input, Rejection> {
    decode(Protocol::RestJson, &MODEL, O::MODEL, &parts(uri, headers), body)
}

/// The input of `PutThing` as text, or code and message of the refusal.
fn thing(uri: &str, headers: &[(&str, &[u8])], body: &str) -> String {
    match read::<ops::PutThing>(uri, headers, body.as_bytes()) {
        Ok(thing) => format!("{thing:?}"),
        Err(rejection) => format!("{}: {}", rejection.code(), rejection.message()),
    }
}

const URI: &str = "/v1/a/things/1970-01-01T00:00:00Z";

#[test]
fn a_request_is_read_from_every_place() {
    let text = thing(
        "/v1/a%2Fb%20+%C3%A9/things/1970-01-01T00%3A00%3A00Z?thing&limit=2&max-limit=7&limit=1&color=GREEN&since=1970-01-01T00:00:01Z",
        &[
            ("x-flag", b"true"),
            ("X-Ratio", b"-Infinity"),
            ("If-Modified-Since", b"Sat, 21 Nov 2026 23:07:43 GMT"),
            ("X-Seconds", b"1.5"),
            ("X-Texts", b"a, \"b,c\", \"\\\"d\\\"\""),
            ("X-Texts", b"e"),
            ("X-Dates", b"Sat, 21 Nov 2026 23:07:43 GMT, Sat, 21 Nov 2026 23:07:44 GMT"),
            ("X-Json", b"eyJhIjoxfQ=="),
            ("x-meta-one", b"1"),
            ("X-Meta-Two", b""),
        ],
        r#"{"title":"t","Secret":"s","Created":1.5,"Document":{"a":[1]},"Limit":9,"X-Flag":1}"#,
    );
    assert_eq!(
        text,
        "PutThingRequest { Id: \"a/b +é\", At: 1970-01-01T00:00:00Z, Limit: 7, Limits: [2, 1], Since: 1970-01-01T00:00:01Z, Color: \"GREEN\", \
         All: {\"color\": [\"GREEN\"], \"limit\": [\"2\", \"1\"], \"max-limit\": [\"7\"], \"since\": [\"1970-01-01T00:00:01Z\"], \"thing\": [\"\"]}, \
         Flag: true, Ratio: -inf, Modified: 2026-11-21T23:07:43Z, Seconds: 1970-01-01T00:00:01.500Z, \
         Texts: [\"a\", \"b,c\", \"\\\"d\\\"\", \"e\"], Dates: [2026-11-21T23:07:43Z, 2026-11-21T23:07:44Z], Json: \"{\\\"a\\\":1}\", \
         Metadata: {\"one\": \"1\", \"two\": \"\"}, Title: \"t\", Secret: ***, Created: 1970-01-01T00:00:01.500Z, \
         Document: Map({\"a\": List([Integer(1)])}) }"
    );
}

#[test]
fn payloads_are_whole_bodies() {
    let file = |uri: &str, headers: &[(&str, &[u8])], body: &[u8]| {
        read::<ops::PutFile>(uri, headers, body).map_or_else(
            |rejection| rejection.message().to_owned(),
            |file| format!("{:?} {file:?}", file.content.0),
        )
    };
    assert_eq!(
        file("/files/a/b%2Fc/d", &[("content-type", b"image/png"), ("X-META-k", b"v")], b"\xff\0"),
        r#"[255, 0] File { Name: "a/b/c/d", ContentType: "image/png", Metadata: {"k": "v"}, Content: (2 bytes) }"#
    );
    assert_eq!(file("/files/a", &[], b""), r#"[] File { Name: "a", Content: (0 bytes) }"#);
    assert_eq!(
        file("/files/", &[("x-meta-k", b"\xc3\xa9")], b""),
        "2 validation errors detected: Value '{k=é}' at 'metadata' failed to satisfy constraint: Map value must satisfy \
         constraint: [Member must satisfy regular expression pattern: [ -~]*]; \
         Value null at 'name' failed to satisfy constraint: Member must not be null"
    );
}

#[test]
fn violations_of_all_places_are_collected() {
    assert_eq!(
        thing(
            "/v1/1/things/1970-01-01T00:00:00Z?max-limit=-1&limit=1&limit=2&limit=1001&limit=4&color=BLUE",
            &[("x-meta-A_", b"v")],
            r#"{"Secret":"hidden"}"#
        ),
        "ValidationException: 8 validation errors detected: \
         Value '1' at 'id' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][^\n]*; \
         Value '-1' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 0; \
         Value '1001' at 'limits.3.member' failed to satisfy constraint: Member must have value less than or equal to 1000; \
         Value '[1, 2, 1001]' at 'limits' failed to satisfy constraint: Member must have length less than or equal to 3; \
         Value 'BLUE' at 'color' failed to satisfy constraint: Member must satisfy enum value set: [RED, GREEN]; \
         Value '{a_=v}' at 'metadata' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 8, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [a-z0-9-]+]; \
         Value at 'secret' failed to satisfy constraint: Member must have length less than or equal to 4; \
         Value null at 'title' failed to satisfy constraint: Member must not be null"
    );
    assert_eq!(
        thing("/", &[], ""),
        "ValidationException: 3 validation errors detected: \
         Value null at 'id' failed to satisfy constraint: Member must not be null; \
         Value null at 'at' failed to satisfy constraint: Member must not be null; \
         Value null at 'title' failed to satisfy constraint: Member must not be null"
    );
}

#[test]
fn malformed_requests_are_refused() {
    let many = format!("{URI}?{}", "a&".repeat(10_001));
    let deep = format!("{{\"Document\":{}", "[".repeat(100_000));
    let refused = |uri: &str, headers: &[(&str, &[u8])], body: &str, message: &str| {
        let shown: String = uri.chars().take(60).collect();
        assert_eq!(
            thing(uri, headers, body),
            format!("SerializationException: {message}"),
            "{shown} {headers:?}"
        );
    };
    refused("/v1/%ff/things/1970-01-01T00:00:00Z", &[], "", "Id in the path is not UTF-8");
    refused("/v1/a/things/now", &[], "", "At in the path must be a timestamp");
    let twice = "the query parameter max-limit must not be there more than once";
    refused(&format!("{URI}?max-limit=1&max-limit=1"), &[], "", twice);
    refused(&format!("{URI}?max-limit=+1"), &[], "", "the query parameter max-limit must be a whole number");
    refused(&format!("{URI}?max%2Dlimit="), &[], "", "the query parameter max-limit must be a whole number");
    refused(&format!("{URI}?since=1"), &[], "", "the query parameter since must be a timestamp");
    refused(&format!("{URI}?x=%ff"), &[], "", "a query parameter is not UTF-8");
    refused(&many, &[], "", "too many query parameters");
    refused(URI, &[("X-Flag", b"yes")], "", "the header X-Flag must be true or false");
    refused(
        URI,
        &[("X-Flag", b"true"), ("X-Flag", b"true")],
        "",
        "the header X-Flag must not be there more than once",
    );
    refused(URI, &[("X-Ratio", b"1e999")], "", "the header X-Ratio must be a number");
    refused(URI, &[("X-Texts", b"\"a")], "", "the header X-Texts has a quotation without an end");
    refused(URI, &[("X-Texts", b"a,\xff")], "", "the header X-Texts is not UTF-8");
    refused(URI, &[("X-Meta-a", b"\xff")], "", "the header a is not UTF-8");
    refused(
        URI,
        &[("X-Meta-a", b"1"), ("x-meta-A", b"1")],
        "",
        "the header a must not be there more than once",
    );
    refused(URI, &[("X-Json", b"%")], "", "the header X-Json must be base64");
    refused(
        URI,
        &[("If-Modified-Since", b"2026-11-21T23:07:43Z")],
        "",
        "the header If-Modified-Since must be a timestamp",
    );
    refused(URI, &[], "[]", "Start of list found where not expected");
    refused(URI, &[], "{}{}", "unexpected text after the end of the JSON value");
    refused(URI, &[], "{", "invalid JSON at byte 1: expected a comma or a closing bracket");
    refused(URI, &[], &deep, "nested too deeply");
    let not_text = read::<ops::PutThing>(URI, &[], b"{\"title\":\"\xff\"}").unwrap_err();
    assert_eq!(not_text.message(), "the body is not UTF-8");
}

fn shown(answer: &Answer) -> String {
    let headers: Vec<String> = answer
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    format!("{} {} | {}", answer.status, headers.join(" | "), String::from_utf8_lossy(&answer.body))
}

fn written<T: Shape>(operation: &OperationModel, output: &T) -> String {
    shown(&encode(Protocol::RestJson, &MODEL, operation, output, T::SCHEMA, "id"))
}

#[test]
fn an_answer_is_written_to_every_place() {
    let mut output = PutThingResponse {
        status: Some(202),
        seconds: Some(Timestamp(1_795_302_463_120)),
        texts: Some(vec!["a".into(), "b,c".into(), "\"d\\".into(), String::new()]),
        json: Some("{\"a\":1}".into()),
        data: Some(Blob(b"hi".to_vec())),
        metadata: Some(
            [("one".to_owned(), "1\u{e9}".to_owned()), ("a b".to_owned(), "no name".to_owned())].into(),
        ),
        title: Some("t".into()),
        created: Some(Timestamp(1500)),
    };
    assert_eq!(
        written(ops::PutThing::MODEL, &output),
        "202 x-amzn-requestid: id | x-time: Sat, 21 Nov 2026 23:07:43 GMT | x-texts: a, \"b,c\", \"\\\"d\\\\\",  | x-json: eyJhIjoxfQ== | \
         x-data: aGk= | x-meta-one: 1é | content-type: application/json | {\"title\":\"t\",\"Created\":1.500}"
    );
    // Headers cannot carry line feeds, nor can an answer be an intermediate one.
    output = PutThingResponse {
        status: Some(101),
        texts: Some(vec!["a\r\nX-B: c".into()]),
        ..PutThingResponse::default()
    };
    assert_eq!(
        written(ops::PutThing::MODEL, &output),
        "201 x-amzn-requestid: id | content-type: application/json | {}"
    );
    assert_eq!(written(ops::DeleteThing::MODEL, &output), "204 x-amzn-requestid: id | ");
    assert_eq!(written(ops::PutFile::MODEL, &Unit), "200 x-amzn-requestid: id | ");
    let mut file = File { content: Blob(b"\0a".to_vec()), ..File::default() };
    assert_eq!(
        written(ops::GetFile::MODEL, &file),
        "200 x-amzn-requestid: id | content-type: application/octet-stream | \0a"
    );
    file.content_type = Some("image/png".into());
    assert_eq!(
        written(ops::GetFile::MODEL, &file),
        "200 x-amzn-requestid: id | content-type: image/png | \0a"
    );
}

#[test]
fn an_error_is_written() {
    let model = MODEL.error("ConflictException").unwrap();
    let members = ConflictException { message: None, retry_after: Some(3), holder: Some("h".into()) };
    let only_header = ConflictException { retry_after: Some(3), ..ConflictException::default() };
    let error = |members, message| ErrorAnswer { members, ..ErrorAnswer::of(model, message) };
    for (error, expected) in [
        (error(None, "no \"x\""), r#"content-type: application/json | {"Message":"no \"x\""}"#),
        (error(None, ""), "content-type: application/json | {}"),
        (
            error(Some((&members, ConflictException::SCHEMA)), "no"),
            r#"retry-after: 3 | content-type: application/json | {"Message":"no","Holder":"h"}"#,
        ),
        (
            error(Some((&members, ConflictException::SCHEMA)), ""),
            r#"retry-after: 3 | content-type: application/json | {"Holder":"h"}"#,
        ),
        (
            error(Some((&only_header, ConflictException::SCHEMA)), "no"),
            r#"retry-after: 3 | content-type: application/json | {"Message":"no"}"#,
        ),
    ] {
        assert_eq!(
            shown(&encode_error(Protocol::RestJson, &MODEL, &error, "id")),
            format!("409 x-amzn-requestid: id | x-amzn-errortype: ConflictException | {expected}")
        );
    }
    let rejection = read::<ops::PutThing>(URI, &[], b"[").unwrap_err();
    assert_eq!(
        shown(&encode_error(Protocol::RestJson, &MODEL, &rejection.answer(), "id")),
        "400 x-amzn-requestid: id | x-amzn-errortype: SerializationException | content-type: application/json | \
         {\"message\":\"Start of list found where not expected\"}"
    );
}

/// What of a value a request can say: no empty lists and maps outside of the body, no blanks around values of headers,
/// and all parameters in the map of them.
fn sayable(schema: &'static Schema, value: Value) -> Vec<Value> {
    let Value::Structure(mut fields) = value else { panic!("{value:?}") };
    for (member, field) in schema.members.iter().zip(&mut fields) {
        let empty = match field {
            Value::List(items) => items.is_empty(),
            Value::Map(entries) => entries.is_empty(),
            _ => false,
        };
        match member.location {
            Location::QueryMap => *field = Value::Absent,
            Location::Header if member.json_value => {}
            Location::Header | Location::Prefix => plain(field),
            _ => {}
        }
        if empty && member.location != Location::Body && member.location != Location::Header {
            *field = Value::Absent;
        }
    }
    fields
}

/// Makes texts such that a header can have them alone and in lists.
fn plain(value: &mut Value) {
    match value {
        Value::String(text) => {
            let kept: String = text.chars().filter(|c| matches!(c, ' '..='~')).collect();
            *text = format!("<{kept}>");
        }
        Value::List(items) => items.iter_mut().for_each(plain),
        Value::Map(entries) => {
            let names = ["one", "two-2", "x-y"].map(str::to_owned);
            *entries = names.into_iter().zip(std::mem::take(entries).into_values()).collect();
            entries.values_mut().for_each(plain);
            if entries.is_empty() {
                *value = Value::Absent;
            }
        }
        _ => {}
    }
}

fn survives(operation: &OperationModel, schema: &'static Schema, value: Value) -> Result<(), TestCaseError> {
    let fields = sayable(schema, value);
    let (parts, body) = request::request(operation, schema, &fields);
    let mut decoded = Value::default();
    let outcome = decode_into(Protocol::RestJson, &MODEL, operation, &parts, &body, &mut decoded, schema);
    prop_assert_eq!(outcome.map_err(|rejection| rejection.message().to_owned()), Ok(()), "{:?}", parts);
    let Value::Structure(mut decoded) = decoded else { panic!("{decoded:?}") };
    for (member, field) in schema.members.iter().zip(&mut decoded) {
        if member.location == Location::QueryMap {
            *field = Value::Absent;
        }
    }
    prop_assert_eq!(format!("{decoded:?}"), format!("{fields:?}"), "{:?}", parts);
    Ok(())
}

proptest! {
    #[test]
    fn what_clients_send_is_read(value in random::value(&PUT_THING_REQUEST, 3)) {
        survives(ops::PutThing::MODEL, &PUT_THING_REQUEST, value)?;
    }

    #[test]
    fn files_are_read(value in random::value(&FILE, 3)) {
        // An empty name is no path of the template, and a path loses its outer slashes.
        let Value::Structure(mut fields) = value else { panic!("{value:?}") };
        if let Value::String(name) = &mut fields[0] {
            *name = format!("n{}", name.replace('/', "-/-"));
        }
        survives(ops::PutFile::MODEL, &FILE, Value::Structure(fields))?;
    }

    #[test]
    fn random_requests_are_harmless(
        path in "[/a-z%0-9ff]{0,16}",
        query in "((max-)?limit|since|color|x|%[0-9a-f]{2}|[=&%+]){0,12}",
        headers in collection::vec(("(x-flag|x-ratio|x-texts|x-dates|x-json|x-meta-[a-z]?|content-type)", "[ -~\u{a0}-\u{ff}]{0,24}"), 0..6),
        body in collection::vec(any::<u8>(), 0..32),
    ) {
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        for uri in [format!("/v1/{path}/things/1970-01-01T00:00:00Z?{query}"), format!("/{path}?{query}")] {
            let _outcomes = (
                read::<ops::PutThing>(&uri, &headers, &body).is_ok(),
                read::<ops::PutThing>(&uri, &headers, b"{\"title\":\"\"}").is_ok(),
                read::<ops::PutFile>(&uri, &headers, &body).is_ok(),
            );
        }
    }
}
