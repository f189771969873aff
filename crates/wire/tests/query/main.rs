//! The Query protocol: forms in, XML out.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail loudly too"
)]

pub mod api;
mod document;
#[path = "../dynamic/mod.rs"]
mod dynamic;
mod form;
#[path = "../dynamic/random.rs"]
mod random;
#[path = "../xml/mod.rs"]
mod xml;

use api::*;
use dynamic::Value;
use http::{Request, request::Parts};
use proptest::{collection, prelude::*};
use wire::{
    Blob, ErrorAnswer, Field, Operation, Protocol, Rejection, Schema, Shape, Timestamp, Unit, decode,
    decode_into, encode, encode_error, trail_json,
};

fn parts(method: &str, uri: &str) -> Parts {
    Request::builder().method(method).uri(uri).body(()).unwrap().into_parts().0
}

fn read<O: Operation>(form: &str) -> Result<O::Input, Rejection> {
    decode(Protocol::Query, &MODEL, O::MODEL, &parts("POST", "/"), form.as_bytes())
}

/// The input as text, or code and message of the refusal.
fn forms(form: &str) -> String {
    match read::<ops::PutForms>(form) {
        Ok(forms) => format!("{forms:?}"),
        Err(rejection) => format!("{}: {}", rejection.code(), rejection.message()),
    }
}

#[test]
fn a_request_is_read() {
    let input = read::<ops::CreateUser>(
        "Action=CreateUser&Version=2010-05-08&UserName=bob&Path=%2Fteam%2F&Tags.member.1.Key=a%20b&\
         Tags.member.1.Value=1+2&Tags.member.2.Key=empty&Tags.member.2.Value=",
    )
    .unwrap();
    assert_eq!(
        format!("{input:?}"),
        r#"CreateUserRequest { Path: "/team/", UserName: "bob", Tags: [Tag { Key: "a b", Value: "1 2" }, Tag { Key: "empty", Value: "" }] }"#
    );
}

#[test]
fn violations_are_collected_in_the_words_of_aws() {
    let rejection = read::<ops::CreateUser>(
        "Path=x&Tags.member.1.Value=v&Tags.member.3.Key=%00&Tags.member.3.Value=w&PermissionsBoundary=arn",
    )
    .unwrap_err();
    assert_eq!((rejection.code(), rejection.status()), ("ValidationError", 400));
    assert_eq!(
        rejection.message(),
        "5 validation errors detected: \
         Value 'x' at 'path' failed to satisfy constraint: Member must satisfy regular expression pattern: (\\u002F)|(\\u002F[\\u0021-\\u007E]+\\u002F); \
         Value 'arn' at 'permissionsBoundary' failed to satisfy constraint: Member must have length greater than or equal to 20; \
         Value null at 'tags.1.member.key' failed to satisfy constraint: Member must not be null; \
         Value '\0' at 'tags.2.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+; \
         Value null at 'userName' failed to satisfy constraint: Member must not be null"
    );
    let many: Vec<String> =
        (1..=51).map(|n| format!("Tags.member.{n}.Key=k&Tags.member.{n}.Value=v")).collect();
    let rejection = read::<ops::CreateUser>(&format!("UserName=bob&{}", many.join("&"))).unwrap_err();
    assert!(
        rejection.message().ends_with(
            "at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50"
        ) && rejection.message().starts_with("1 validation error"),
        "{}",
        rejection.message()
    );
}

#[test]
fn where_parameters_come_from() {
    let text = |method: &str, uri: &str, form: &str| {
        decode::<Forms>(Protocol::Query, &MODEL, ops::PutForms::MODEL, &parts(method, uri), form.as_bytes())
            .map_or_else(|rejection| rejection.message().to_owned(), |forms| format!("{forms:?}"))
    };
    assert_eq!(text("GET", "/?Text=a&Number=1", ""), r#"Forms { Text: "a", Number: 1 }"#);
    // The router takes the action from there, too.
    assert_eq!(text("POST", "/?Text=a", "Number=1"), r#"Forms { Text: "a", Number: 1 }"#);
    assert_eq!(text("POST", "/?Text=a", "Text=b"), "a parameter is there twice");
    assert_eq!(text("GET", "/?Text=a", "Number=1"), r#"Forms { Text: "a" }"#);
    assert_eq!(text("GET", "/?Text=a&X-Amz-Algorithm=x&X-Amz-Algorithm=y", ""), r#"Forms { Text: "a" }"#);
}

#[test]
fn every_form_a_parameter_can_take() {
    let cases: &[(&str, &str)] = &[
        ("", "Forms {  }"),
        ("Action=PutForms&Version=2010-05-08&Unknown.a.b=1&&=&x", "Forms {  }"),
        ("Other=r&Renamed=x", r#"Forms { Renamed: "r" }"#),
        ("Number=-7&Double=1e3&Flag=True", "Forms { Number: -7, Double: 1000, Flag: true }"),
        ("Double=NaN&Single=-Infinity", "Forms { Double: NaN, Single: -inf }"),
        ("Data=aGk%3D", "Forms { Data: (2 bytes) }"),
        (
            "Date=2026-11-21T23:07:43Z&Epoch=0.5",
            "Forms { Date: 2026-11-21T23:07:43Z, Epoch: 1970-01-01T00:00:00.500Z }",
        ),
        ("List=", "Forms { List: [] }"),
        ("List.member.1=a&List.member.2=b", r#"Forms { List: ["a", "b"] }"#),
        // In the order of the numbers, whatever is missing between.
        ("List.member.10=c&List.member.9=b&List.member.0=a", r#"Forms { List: ["a", "b", "c"] }"#),
        ("List.member.18446744073709551615=z&List.member.1=a", r#"Forms { List: ["a", "z"] }"#),
        ("ListNamed.Item.1=a", r#"Forms { ListNamed: ["a"] }"#),
        (
            "Lists.member.1.member.1=a&Lists.member.2=&Lists.member.3.member.1=b",
            r#"Forms { Lists: [["a"], [], ["b"]] }"#,
        ),
        ("Flat.1=a&Flat.2=b", r#"Forms { Flat: ["a", "b"] }"#),
        ("Item.1=a", r#"Forms { FlatItems: ["a"] }"#),
        ("FlatItems=", r#"Forms { FlatItems: [] }"#),
        ("FlatName.1=a&FlatNamed.1=x", r#"Forms { FlatNamed: ["a"] }"#),
        (
            "Map.entry.1.key=a&Map.entry.1.value.Text=t&Map.entry.2.key=b",
            r#"Forms { Map: {"a": Forms { Text: "t" }, "b": Forms {  }} }"#,
        ),
        ("MapNamed.entry.1.K=a&MapNamed.entry.1.V=1", r#"Forms { MapNamed: {"a": 1} }"#),
        ("MapFlat.1.K=a&MapFlat.1.V=1&MapFlat.2.K=a&MapFlat.2.V=2", r#"Forms { MapFlat: {"a": 2} }"#),
        ("MapLists.entry.1.key=a&MapLists.entry.1.value.member.1=b", r#"Forms { MapLists: {"a": ["b"]} }"#),
        ("Inner.Inner.Text=t", r#"Forms { Inner: Forms { Inner: Forms { Text: "t" } } }"#),
        (
            "Forms.Form.1.List.member.1=a&Forms.Form.2.Flat.1=b",
            r#"Forms { Forms: [Forms { List: ["a"] }, Forms { Flat: ["b"] }] }"#,
        ),
        (
            "FlatForm.2.Text=b&FlatForm.1.Text=a",
            r#"Forms { FlatForms: [Forms { Text: "a" }, Forms { Text: "b" }] }"#,
        ),
        ("One.Text=t", r#"Forms { One: One { Text: "t" } }"#),
        ("One.Item.1=a", r#"Forms { One: One { Names: ["a"] } }"#),
        ("One.Form.Text=t", r#"Forms { One: One { Form: Forms { Text: "t" } } }"#),
        // What stands before the point in the order of bytes does not part what belongs together.
        ("Flat.1=a&Flat-1=x&Flat%20=y&Flat!=z&Flat=", r#"Forms { Flat: ["a"] }"#),
        ("Text=%41%zz%2", r#"Forms { Text: "A%zz%2" }"#),
        ("%54ext=%C3%A9+%2B", r#"Forms { Text: "é +" }"#),
    ];
    for (form, expected) in cases {
        assert_eq!(forms(form), *expected, "{form}");
    }
}

#[test]
fn malformed_forms_are_refused() {
    let deep = format!("{}Text=x", "Inner.".repeat(100_000));
    let many = "a&".repeat(10_001);
    let cases: &[(&str, &str)] = &[
        ("Text=a&Text=b", "a parameter is there twice"),
        ("Text=a&%54ext=a", "a parameter is there twice"),
        ("Item.1=a&FlatItems.1=a", "a parameter is there twice, under two names"),
        ("Text=%ff", "a parameter is not UTF-8"),
        ("%ff=a", "a parameter is not UTF-8"),
        ("Text.a=b", "Start of list found where not expected"),
        ("Text=a&Text.a=b", "Start of list found where not expected"),
        ("Number=", "Number must be a whole number"),
        ("Number=1.0", "Number must be a whole number"),
        ("Number=2147483648", "Number must be a whole number"),
        ("Longs.member.1=+1", "Longs.member.1 must be a whole number"),
        ("Double=inf", "Double must be a number"),
        ("Flag=1", "Flag must be true or false"),
        ("Data=%25", "Data must be base64"),
        ("Date=1", "Date must be a timestamp"),
        ("Epoch=2026-11-21T23:07:43Z", "Epoch must be a timestamp"),
        ("List=a", "Unexpected list element termination"),
        ("List.member=a", "Unexpected list element termination"),
        ("List.1=a", "List must be a list: List.member.1 and so on"),
        ("List.member.1=a&List.item.1=b", "List must be a list: List.member.1 and so on"),
        ("List.member.x=a", "List.member must be a list: items have numbers"),
        ("List.member.01=a&List.member.1=b", "List.member must be a list: items have numbers"),
        ("List.member..1=a", "List.member must be a list: items have numbers"),
        ("List.member.=a", "List.member must be a list: items have numbers"),
        ("List.member.18446744073709551616=a", "List.member must be a list: items have numbers"),
        ("List.member.1.member.1=a", "Start of list found where not expected"),
        ("Map.1.key=a", "Map must be a list: Map.entry.1 and so on"),
        ("Map.entry.1.value.Text=t", "Map.entry.1 must have a key"),
        ("MapNamed.entry.1.K=a", "MapNamed.entry.1 must have a value"),
        ("MapNamed.entry.1=a", "Unexpected list element termination"),
        ("Inner=a", "Unexpected complex element termination"),
        ("One=", "union without a member"),
        ("One.Other=a", "unknown member of a union"),
        ("One.Text=a&One.Form.Text=b", "more than one member of a union"),
        (&deep, "nested too deeply"),
        (&many, "too many parameters"),
    ];
    for (form, message) in cases {
        let shown: String = form.chars().take(60).collect();
        assert_eq!(forms(form), format!("MalformedInput: {message}"), "{shown}");
    }
    let not_text =
        decode::<Unit>(Protocol::Query, &MODEL, ops::PutForms::MODEL, &parts("POST", "/"), b"\xff");
    assert_eq!(not_text.unwrap_err().message(), "the body is not UTF-8");
}

#[test]
fn many_items_are_counted_and_not_kept() {
    let longs: Vec<String> = (1..=9000).map(|n| format!("Longs.member.{n}={n}")).collect();
    assert_eq!(
        forms(&longs.join("&")),
        "ValidationError: 1 validation error detected: Value '[1, 2, 3, 4]' at 'longs' failed to satisfy constraint: \
         Member must have length less than or equal to 4"
    );
}

fn written(output: &dyn Field, schema: &'static Schema) -> String {
    let answer = encode(Protocol::Query, &MODEL, ops::PutForms::MODEL, output, schema, "id<1>");
    let text = String::from_utf8(answer.body).unwrap();
    assert_eq!(xml::parse(&text).attributes, [("xmlns".to_owned(), MODEL.xml_namespace.unwrap().to_owned())]);
    let text = text.strip_prefix(
        r#"<PutFormsResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><PutFormsResult>"#,
    );
    let end = "</PutFormsResult><ResponseMetadata><RequestId>id&lt;1&gt;</RequestId></ResponseMetadata></PutFormsResponse>";
    text.and_then(|text| text.strip_suffix(end)).unwrap().to_owned()
}

#[test]
fn an_answer_is_written() {
    let forms = Forms {
        text: Some("<a b=\"c\"> & ]]> 'd'\r\n\t\0\u{1f}\u{7f}\u{fffe}\u{ffff}é\u{feff}😀".into()),
        renamed: Some(String::new()),
        single: Some(f64::from(1.1f32)),
        data: Some(Blob(b"hi".to_vec())),
        date: Some(Timestamp(1_795_302_463_120)),
        epoch: Some(Timestamp(-1500)),
        list: Some(vec![]),
        flat: Some(vec![]),
        flat_items: Some(vec!["a".into(), "b".into()]),
        map_named: Some([("k&".to_owned(), 1)].into()),
        map_flat: Some([("k".to_owned(), 1)].into()),
        one: Some(One::Names(vec!["n".into()])),
        ..Forms::default()
    };
    assert_eq!(
        written(&forms, Forms::SCHEMA),
        "<Text>&lt;a b=&quot;c&quot;&gt; &amp; ]]&gt; 'd'&#xD;\n\t\u{fffd}\u{fffd}\u{7f}\u{fffd}\u{fffd}é\u{feff}😀</Text>\
         <Other></Other><Single>1.1</Single><Data>aGk=</Data><Date>2026-11-21T23:07:43.120Z</Date>\
         <Epoch>-1.500</Epoch><List></List><Item>a</Item><Item>b</Item>\
         <MapNamed><entry><K>k&amp;</K><V>1</V></entry></MapNamed><MapFlat><K>k</K><V>1</V></MapFlat>\
         <One><Item>n</Item></One>"
    );
    let answer = encode(Protocol::Query, &MODEL, ops::PutUserPolicy::MODEL, &Unit, Unit::SCHEMA, "id-1");
    assert_eq!(
        String::from_utf8(answer.body).unwrap(),
        r#"<PutUserPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></PutUserPolicyResponse>"#
    );
    let headers: Vec<_> =
        answer.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(headers, [("x-amzn-requestid", "id-1"), ("content-type", "text/xml")]);
}

#[test]
fn an_error_is_written() {
    let exists = MODEL.error("EntityAlreadyExistsException").unwrap();
    let mut unknown = ErrorAnswer::new("InternalFailure", "", 500);
    unknown.sender = false;
    for (error, status, body) in [
        (
            ErrorAnswer::of(exists, "User with name <bob> already exists."),
            409,
            r#"<Error><Type>Sender</Type><Code>EntityAlreadyExists</Code><Message>User with name &lt;bob&gt; already exists.</Message></Error>"#,
        ),
        (unknown, 500, "<Error><Type>Receiver</Type><Code>InternalFailure</Code></Error>"),
    ] {
        let answer = encode_error(Protocol::Query, &MODEL, &error, "id");
        let expected = format!(
            r#"<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">{body}<RequestId>id</RequestId></ErrorResponse>"#
        );
        assert_eq!((answer.status, String::from_utf8(answer.body).unwrap()), (status, expected));
    }
}

/// The form of answers of AWS's STS to `Accept: application/json`.
#[test]
fn answers_in_json() {
    let forms = Forms {
        text: Some("\"é".into()),
        single: Some(f64::from(1.1f32)),
        data: Some(Blob(b"hi".to_vec())),
        date: Some(Timestamp(1_795_302_463_120)),
        epoch: Some(Timestamp(-1500)),
        list: Some(vec![]),
        flat_items: Some(vec!["a".into(), "b".into()]),
        map_flat: Some([("k".to_owned(), 1)].into()),
        one: Some(One::Names(vec!["n".into()])),
        ..Forms::default()
    };
    let answer = encode(Protocol::QueryJson, &MODEL, ops::PutForms::MODEL, &forms, Forms::SCHEMA, "id\"1");
    assert_eq!(
        String::from_utf8(answer.body).unwrap(),
        r#"{"PutFormsResponse":{"PutFormsResult":{"Text":"\"é","Single":1.1,"Data":"aGk=","Date":1795302463.120,"Epoch":-1.500,"List":[],"FlatItems":["a","b"],"MapFlat":{"k":1},"One":{"Names":["n"]}},"ResponseMetadata":{"RequestId":"id\"1"}}}"#
    );
    let headers: Vec<_> =
        answer.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(headers, [("x-amzn-requestid", "id\"1"), ("content-type", "application/json")]);

    let empty = encode(Protocol::QueryJson, &MODEL, ops::PutUserPolicy::MODEL, &Unit, Unit::SCHEMA, "id");
    assert_eq!(empty.body, br#"{"PutUserPolicyResponse":{"ResponseMetadata":{"RequestId":"id"}}}"#);

    let exists = MODEL.error("EntityAlreadyExistsException").unwrap();
    let error = ErrorAnswer::of(exists, "User \"bob\" exists.");
    let answer = encode_error(Protocol::QueryJson, &MODEL, &error, "id");
    assert_eq!(answer.status, 409);
    assert_eq!(
        String::from_utf8(answer.body).unwrap(),
        r#"{"Error":{"Code":"EntityAlreadyExists","Message":"User \"bob\" exists.","Type":"Sender"},"RequestId":"id"}"#
    );
}

fn trail<T: Shape>(value: &T) -> String {
    let mut out = Vec::new();
    trail_json(value, T::SCHEMA, &mut out);
    String::from_utf8(out).unwrap()
}

/// As in the examples of the IAM User Guide, "Logging IAM and AWS STS API calls with AWS CloudTrail".
#[test]
fn the_trail_is_that_of_cloudtrail() {
    let created = Timestamp(1_795_302_463_000);
    let user = User {
        path: "/".into(),
        user_name: "Bob".into(),
        user_id: "EXAMPLEUSERID".into(),
        arn: "arn:aws:iam::123456789012:user/Bob".into(),
        create_date: created,
        tags: None,
    };
    assert_eq!(
        trail(&CreateUserResponse { user: Some(user) }),
        r#"{"user":{"path":"/","userName":"Bob","userId":"EXAMPLEUSERID","arn":"arn:aws:iam::123456789012:user/Bob","createDate":"Nov 21, 2026, 11:07:43 PM"}}"#
    );
    let output = AssumeRoleResponse {
        credentials: Some(Credentials {
            access_key_id: "ASIAIOSFODNN7EXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI".into(),
            session_token: "FwoGZXIvYXdzEXAMPLE".into(),
            expiration: created,
        }),
        assumed_role_user: Some(AssumedRoleUser {
            assumed_role_id: "AROAEXAMPLE:Bob".into(),
            arn: "arn:aws:sts::123456789012:assumed-role/Admin/Bob".into(),
        }),
    };
    assert_eq!(
        trail(&output),
        r#"{"credentials":{"accessKeyId":"ASIAIOSFODNN7EXAMPLE","sessionToken":"FwoGZXIvYXdzEXAMPLE","expiration":"Nov 21, 2026, 11:07:43 PM"},"assumedRoleUser":{"assumedRoleId":"AROAEXAMPLE:Bob","arn":"arn:aws:sts::123456789012:assumed-role/Admin/Bob"}}"#
    );
    let output = CreateAccessKeyResponse {
        access_key: AccessKey {
            user_name: "Bob".into(),
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            status: "Active".into(),
            secret_access_key: "wJalrXUtnFEMI".into(),
            create_date: Some(created),
        },
    };
    assert_eq!(
        trail(&output),
        r#"{"accessKey":{"userName":"Bob","accessKeyId":"AKIAIOSFODNN7EXAMPLE","status":"Active","createDate":"Nov 21, 2026, 11:07:43 PM"}}"#
    );
    let input = read::<ops::PutUserPolicy>(
        "UserName=Bob&PolicyName=p&PolicyDocument=%7B%22Version%22%3A%222012-10-17%22%7D",
    );
    assert_eq!(
        trail(&input.unwrap()),
        r#"{"userName":"Bob","policyName":"p","policyDocument":"{\"Version\":\"2012-10-17\"}"}"#
    );
}

fn text(value: &Value) -> String {
    format!("{value:?}")
}

proptest! {
    #[test]
    fn what_clients_send_is_read(value in random::value(&FORMS, 3)) {
        let value = form::sayable(&FORMS, value);
        let body = form::form(&FORMS, &value);
        let mut decoded = Value::default();
        let outcome = decode_into(
            Protocol::Query, &MODEL, ops::PutForms::MODEL, &parts("POST", "/"), body.as_bytes(), &mut decoded, &FORMS,
        );
        prop_assert_eq!(outcome.map_err(|rejection| rejection.message().to_owned()), Ok(()), "{}", body);
        prop_assert_eq!(text(&decoded), text(&value), "{}", body);
        let typed = read::<ops::PutForms>(&body).unwrap();
        prop_assert_eq!(written(&typed, &FORMS), written(&value, &FORMS));
    }

    #[test]
    fn what_is_written_clients_can_read(value in random::value(&FORMS, 3)) {
        let body = format!("<r>{}</r>", written(&value, &FORMS));
        let value = document::sayable(&FORMS, value);
        prop_assert_eq!(text(&document::value(&FORMS, &xml::parse(&body))), text(&value), "{}", body);
    }

    #[test]
    fn random_bytes_are_harmless(body in collection::vec(any::<u8>(), 0..64)) {
        let _outcome = decode::<Forms>(Protocol::Query, &MODEL, ops::PutForms::MODEL, &parts("POST", "/"), &body).is_ok();
    }

    #[test]
    fn random_parameters_are_harmless(body in "((Text|List|Flat|Item|Map|Inner|Forms|One|Form|member|entry|key|value|1|2|01|[.=&%]){1,3}[.=&]){0,12}") {
        if let Ok(input) = read::<ops::PutForms>(&body) {
            written(&input, &FORMS);
        }
    }
}
