//! The sample service through the public entry points.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly too")]

#[path = "sample/api.rs"]
pub mod api;

use api::*;
use http::{Request, request::Parts};
use wire::{
    Blob, ErrorAnswer, Operation, Protocol, Rejection, Shape, Timestamp, Unit, decode, encode, encode_error,
};

fn parts() -> Parts {
    Request::builder().method("POST").uri("/").body(()).unwrap().into_parts().0
}

fn json<O: Operation>(body: &str) -> Result<O::Input, Rejection> {
    decode(Protocol::Json11, &MODEL, O::MODEL, &parts(), body.as_bytes())
}

#[test]
fn a_request_is_read() {
    let input = json::<ops::Encrypt>(
        r#" {"KeyId":"alias\/a\u00e9\ud83d\ude00","Plaintext":"aGk=","Unknown":[{"a":null},1e5,"\\"],
            "EncryptionContext":{"b":"2","a":"1"},"GrantTokens":["x"],"DryRun":true,"EncryptionAlgorithm":"RSAES_OAEP_SHA_1"} "#,
    )
    .unwrap();
    assert_eq!(input.key_id, "alias/aé😀");
    assert_eq!(input.plaintext, Blob(b"hi".to_vec()));
    assert_eq!(input.grant_tokens.as_deref(), Some(&["x".to_owned()][..]));
    assert_eq!(input.dry_run, Some(true));
    assert_eq!(input.encryption_algorithm, Some(EncryptionAlgorithmSpec::RsaesOaepSha1));
    assert_eq!(
        format!("{input:?}"),
        r#"EncryptRequest { KeyId: "alias/aé😀", Plaintext: ***, EncryptionContext: {"a": "1", "b": "2"}, GrantTokens: ["x"], EncryptionAlgorithm: "RSAES_OAEP_SHA_1", DryRun: true }"#
    );
}

#[test]
fn the_last_of_equal_keys_wins() {
    let input = json::<ops::CreateNode>(
        r#"{"Node":{"Name":"a","Secret":"s"},"Limit":1,"Limit":null,"Node":{"Name":"b","Children":[{"Name":"c"}]}}"#,
    )
    .unwrap();
    assert_eq!(
        format!("{input:?}"),
        r#"CreateNodeRequest { Node: Node { Name: "b", Children: [Node { Name: "c" }] } }"#
    );
}

#[test]
fn violations_are_collected_in_the_words_of_aws() {
    let long = "x".repeat(9);
    let cases: &[(Result<(), Rejection>, &str)] = &[
        (
            json::<ops::Encrypt>(r#"{"KeyId":"","EncryptionAlgorithm":"ROT13","GrantTokens":["a",""]}"#).map(drop),
            "4 validation errors detected: \
             Value '' at 'keyId' failed to satisfy constraint: Member must have length greater than or equal to 1; \
             Value 'ROT13' at 'encryptionAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [SYMMETRIC_DEFAULT, RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256]; \
             Value '' at 'grantTokens.2.member' failed to satisfy constraint: Member must have length greater than or equal to 1; \
             Value null at 'plaintext' failed to satisfy constraint: Member must not be null",
        ),
        (
            json::<ops::Encrypt>(r#"{"KeyId":"a","Plaintext":"QUFBQUFBQUFBQUFBQUFBQUE="}"#).map(drop),
            "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 16",
        ),
        (
            json::<ops::Encrypt>(&format!(r#"{{"KeyId":"a","Plaintext":"aGk=","EncryptionContext":{{"{long}":"1","b":""}}}}"#)).map(drop),
            "2 validation errors detected: \
             Value '{b=, xxxxxxxxx=1}' at 'encryptionContext' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 8]; \
             Value '{b=, xxxxxxxxx=1}' at 'encryptionContext' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length greater than or equal to 1]",
        ),
        (
            json::<ops::Encrypt>(r#"{"KeyId":"a","Plaintext":"aGk=","GrantTokens":["1","2","3","4","5","6","7","8","9","10","11"]}"#).map(drop),
            "1 validation error detected: Value '[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]' at 'grantTokens' failed to satisfy constraint: Member must have length less than or equal to 10",
        ),
        (
            json::<ops::CreateNode>(r#"{"Limit":1001,"Node":{"Name":"1","Secret":"hidden","Children":[{"Name":"a"},{}],"Target":{"Node":{}}}}"#).map(drop),
            "5 validation errors detected: \
             Value '1001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 1000; \
             Value '1' at 'node.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][\\w-]*; \
             Value at 'node.secret' failed to satisfy constraint: Member must have length less than or equal to 4; \
             Value null at 'node.children.2.member.name' failed to satisfy constraint: Member must not be null; \
             Value null at 'node.target.node.name' failed to satisfy constraint: Member must not be null",
        ),
    ];
    for (result, message) in cases {
        let rejection = result.as_ref().unwrap_err();
        assert_eq!(
            (rejection.code(), rejection.message(), rejection.status()),
            ("ValidationException", *message, 400)
        );
    }
}

#[test]
fn malformed_bodies_are_refused() {
    let deep = format!(r#"{{"x":{}"#, "[".repeat(100_000));
    let cases: &[(&str, &str)] = &[
        ("null", "NULL_VALUE can not be converted to a structure"),
        ("[]", "Start of list found where not expected"),
        ("{} {}", "unexpected text after the end of the JSON value"),
        (r#"{"KeyId":1}"#, "NUMBER_VALUE can not be converted to a String"),
        (r#"{"KeyId":{}}"#, "Start of structure or map found where not expected."),
        (r#"{"KeyId":true}"#, "TRUE_VALUE can not be converted to a String"),
        (r#"{"Plaintext":"*"}"#, "STRING_VALUE can not be converted to a Blob: invalid base64"),
        (r#"{"DryRun":"true"}"#, "STRING_VALUE can not be converted to a Boolean"),
        (r#"{"GrantTokens":"a"}"#, "STRING_VALUE can not be converted to a list"),
        (r#"{"KeyId":"\ud800"}"#, "invalid JSON at byte 16: half of a surrogate pair"),
        (r#"{"KeyId":"\x"}"#, "invalid JSON at byte 12: unknown escape in a string"),
        ("{\"KeyId\":\"\n\"}", "invalid JSON at byte 10: control character in a string"),
        (r#"{"KeyId":"a"#, "invalid JSON at byte 11: string without an end"),
        (r#"{"KeyId":"a",}"#, "invalid JSON at byte 13: comma before a closing bracket"),
        (r#"{"Context":1e400,"x":[1.]}"#, "invalid JSON at byte 22: number without digits after the point"),
        (r#"{"x":01}"#, "invalid JSON at byte 5: expected a value"),
        (r#"{"x":nul}"#, "invalid JSON at byte 5: unknown word"),
        (&deep, "nested too deeply"),
    ];
    for (body, message) in cases {
        let rejection = json::<ops::Encrypt>(body).unwrap_err();
        assert_eq!((rejection.code(), rejection.message()), ("SerializationException", *message));
    }
    let rejection = decode::<EncryptRequest>(
        Protocol::Json11,
        &MODEL,
        ops::Encrypt::MODEL,
        &parts(),
        b"{\"KeyId\":\"\xff\"}",
    );
    assert_eq!(rejection.unwrap_err().message(), "the body is not UTF-8");
}

#[test]
fn unions_hold_exactly_one_member() {
    let node =
        |target: &str| json::<ops::CreateNode>(&format!(r#"{{"Node":{{"Name":"a","Target":{target}}}}}"#));
    let input = node(r#"{"__type":"x","Node":null,"Other":{"Alias":"b"}}"#).unwrap();
    assert!(
        matches!(input.node.target, Some(Target::Other(other)) if matches!(&*other, Target::Alias(name) if name == "b"))
    );
    for (target, message) in [
        ("{}", "union without a member"),
        (r#"{"Alias":"a","Tags":{}}"#, "more than one member of a union"),
        (r#"{"Else":1}"#, "unknown member of a union"),
    ] {
        assert_eq!(node(target).unwrap_err().message(), message);
    }
}

#[test]
fn an_answer_is_written() {
    let nodes = vec![Node {
        name: "a\"\\\n\u{1}é".into(),
        created: Some(Timestamp(1_795_302_463_120)),
        r#type: Some("t".into()),
        parent: Some(Box::new(Node { name: "p".into(), created: Some(Timestamp(-1000)), ..Node::default() })),
        target: Some(Target::Tags([("k".to_owned(), "v".to_owned())].into())),
        ..Node::default()
    }];
    let output = ListNodesResponse { nodes, by_name: Some([("n".to_owned(), Node::default())].into()) };
    let answer =
        encode(Protocol::Json11, &MODEL, ops::ListNodes::MODEL, &output, ListNodesResponse::SCHEMA, "id-1");
    assert_eq!(answer.status, 200);
    assert_eq!(
        String::from_utf8(answer.body).unwrap(),
        r#"{"Nodes":[{"Name":"a\"\\\n\u0001é","Created":1795302463.120,"type":"t","Parent":{"Name":"p","Created":-1},"Target":{"Tags":{"k":"v"}}}],"ByName":{"n":{"Name":""}}}"#
    );
    let headers: Vec<_> =
        answer.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(headers, [("x-amzn-requestid", "id-1"), ("content-type", "application/x-amz-json-1.1")]);
}

#[test]
fn an_error_is_written() {
    let not_found = MODEL.error("NotFound").unwrap();
    let extra = LimitExceeded { limit: Some(5), message: None };
    let nothing = LimitExceeded::default();
    let mut with_extra = ErrorAnswer::new("LimitExceededException", "too \"many\"", 400);
    with_extra.members = Some((&extra, LimitExceeded::SCHEMA));
    let mut with_nothing = with_extra;
    with_nothing.members = Some((&nothing, LimitExceeded::SCHEMA));
    with_nothing.message = "";
    for (error, status, body) in [
        (ErrorAnswer::of(not_found, "no"), 404, r#"{"__type":"NotFoundException","Message":"no"}"#),
        (with_extra, 400, r#"{"__type":"LimitExceededException","message":"too \"many\"","Limit":5}"#),
        (with_nothing, 400, r#"{"__type":"LimitExceededException"}"#),
    ] {
        let answer = encode_error(Protocol::Json11, &MODEL, &error, "id");
        assert_eq!((answer.status, String::from_utf8(answer.body).unwrap().as_str()), (status, body));
    }
}

#[test]
fn the_trail_hides_secrets() {
    let input = json::<ops::CreateNode>(
        r#"{"Limit":3,"Node":{"Name":"a","Secret":"s3","Created":1795302463,"type":"t","Target":{"Alias":"b"}}}"#,
    )
    .unwrap();
    let mut out = Vec::new();
    wire::trail_json(&input, CreateNodeRequest::SCHEMA, &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        r#"{"node":{"name":"a","created":"Nov 21, 2026, 11:07:43 PM","type":"t","target":{"alias":"b"}},"limit":3}"#
    );
    let input = json::<ops::Encrypt>(r#"{"KeyId":"k","Plaintext":"aGk="}"#).unwrap();
    let mut out = Vec::new();
    wire::trail_json(&input, EncryptRequest::SCHEMA, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), r#"{"keyId":"k"}"#);
}

fn cbor<O: Operation>(body: &[u8]) -> Result<O::Input, Rejection> {
    decode(Protocol::Cbor, &MODEL, O::MODEL, &parts(), body)
}

#[test]
fn cbor_is_read() {
    // {_ "Node": {"Name": (_ "a", "b"), "Created": 1(1.5), "Other": [1, 2(h'')], "Secret": null}, "Limit": 7}
    let body = b"\xbf\x64Node\xa4\x64Name\x7f\x61a\x61b\xff\x67Created\xc1\xf9\x3e\x00\
                 \x65Other\x82\x01\xc2\x40\x66Secret\xf6\x65Limit\x18\x07\xff";
    let input = cbor::<ops::CreateNode>(body).unwrap();
    assert_eq!(
        format!("{input:?}"),
        r#"CreateNodeRequest { Node: Node { Name: "ab", Created: 1970-01-01T00:00:01.500Z }, Limit: 7 }"#
    );
    assert_eq!(
        cbor::<ops::CreateNode>(b"").unwrap_err().message(),
        "1 validation error detected: Value null at 'node' failed to satisfy constraint: Member must not be null"
    );
}

#[test]
fn malformed_cbor_is_refused() {
    let deep = [&b"\xa1\x61x"[..], &[0x81; 100_000]].concat();
    let cases: &[(&[u8], &str)] = &[
        (b"\xa0\xa0", "unexpected bytes after the end of the CBOR value"),
        (b"\x80", "Start of list found where not expected"),
        (b"\xa1", "invalid CBOR: the body ends too early"),
        (b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff", "invalid CBOR: the body ends too early"),
        (b"\xa1\x65KeyId\x7b\xff\xff\xff\xff\xff\xff\xff\xff", "invalid CBOR: the body ends too early"),
        (b"\xa1\x6bGrantTokens\x9a\xff\xff\xff\xff\x61a", "invalid CBOR: the body ends too early"),
        (b"\xa1\x65KeyId\x41a", "BLOB_VALUE can not be converted to a String"),
        (b"\xa1\x65KeyId\xc0\x61a", "TAGGED_VALUE can not be converted to a String"),
        (b"\xa1\x65KeyId\x61\xff", "invalid CBOR: text is not UTF-8"),
        (b"\xa1\x65KeyId\x7f\x61\xc3\x61\xa9\xff", "invalid CBOR: text is not UTF-8"),
        (b"\xa1\x65KeyId\x7f\x41a\xff", "invalid CBOR: wrong chunk of a string"),
        (b"\xa1\x65KeyId\xff", "invalid CBOR: reserved or misplaced initial byte"),
        (b"\xa1\x66DryRun\x01", "NUMBER_VALUE can not be converted to a Boolean"),
        (b"\xa1\x01\x01", "NUMBER_VALUE can not be converted to the name of a member"),
        (&deep, "nested too deeply"),
    ];
    for (body, message) in cases {
        let rejection = cbor::<ops::Encrypt>(body).unwrap_err();
        assert_eq!(
            (rejection.code(), rejection.message()),
            ("SerializationException", *message),
            "{body:x?}"
        );
    }
}

#[test]
fn many_items_take_little_memory() {
    let body = format!(r#"{{"Node":{{"Name":"a","Children":[{}{{}}]}}}}"#, "{},".repeat(200_000));
    assert_eq!(json::<ops::CreateNode>(&body).unwrap_err().message(), "too many items");
}

#[test]
fn cbor_is_written() {
    let output = Node { name: "n".into(), created: Some(Timestamp(1500)), ..Node::default() };
    let answer = encode(Protocol::Cbor, &MODEL, ops::CreateNode::MODEL, &output, Node::SCHEMA, "id-1");
    assert_eq!(answer.body, b"\xa2\x64Name\x61n\x67Created\xc1\xfb\x3f\xf8\x00\x00\x00\x00\x00\x00");
    let headers: Vec<_> =
        answer.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(
        headers,
        [
            ("x-amzn-requestid", "id-1"),
            ("smithy-protocol", "rpc-v2-cbor"),
            ("content-type", "application/cbor")
        ]
    );
    let answer = encode(Protocol::Cbor, &MODEL, ops::DeleteNode::MODEL, &Unit, Unit::SCHEMA, "id-1");
    assert_eq!((answer.headers.len(), answer.body.len()), (2, 0));
}
