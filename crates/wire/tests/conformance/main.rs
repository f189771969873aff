//! The protocol test suites of botocore, run backwards: what a client sends is decoded and compared with its
//! parameters, what a client is to understand is encoded from the result and compared with the answer.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail loudly too"
)]

mod comparable;
#[path = "../dynamic/mod.rs"]
mod dynamic;
mod model;
mod run;
#[path = "../xml/mod.rs"]
mod xml;

use std::path::Path;

use run::Side;

/// Cases that say nothing about a server's codec, by reason.
const SKIPPED: &[(&str, &[&str])] = &[
    (
        "the body is compressed by a rule that the case leaves out",
        &[
            "SDKAppliedContentEncoding_awsJson1_0",
            "SDKAppliedContentEncoding_awsJson1_1",
            "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_0",
            "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_1",
            "SDKAppliedContentEncoding_awsQuery",
            "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsQuery",
            "SDKAppliedContentEncoding_restJson1",
            "SDKAppendedGzipAfterProvidedEncoding_restJson1",
        ],
    ),
    (
        "clients know errors by three marks, of which one is written here: `__type`, in REST-JSON the header",
        &[
            "AwsJson10FooErrorUsingXAmznErrorType",
            "AwsJson10FooErrorUsingXAmznErrorTypeWithUri",
            "AwsJson10FooErrorUsingXAmznErrorTypeWithUriAndNamespace",
            "AwsJson10FooErrorUsingCode",
            "AwsJson10FooErrorUsingCodeAndNamespace",
            "AwsJson10FooErrorUsingCodeUriAndNamespace",
            "AwsJson11FooErrorUsingXAmznErrorType",
            "AwsJson11FooErrorUsingXAmznErrorTypeWithUri",
            "AwsJson11FooErrorUsingXAmznErrorTypeWithUriAndNamespace",
            "AwsJson11FooErrorUsingCode",
            "AwsJson11FooErrorUsingCodeAndNamespace",
            "AwsJson11FooErrorUsingCodeUriAndNamespace",
            "RestJsonFooErrorUsingXAmznErrorTypeWithUri",
            "RestJsonFooErrorUsingXAmznErrorTypeWithUriAndNamespace",
            "RestJsonFooErrorUsingCode",
            "RestJsonFooErrorUsingCodeAndNamespace",
            "RestJsonFooErrorUsingCodeUriAndNamespace",
            "RestJsonFooErrorWithDunderType",
            "RestJsonFooErrorWithDunderTypeAndNamespace",
            "RestJsonFooErrorWithDunderTypeUriAndNamespace",
        ],
    ),
    (
        "clients read answers that are not written here: other members, nulls, other offsets, other empty bodies",
        &[
            "AwsJson10DeserializeIgnoreType",
            "AwsJson10DeserializeAllowNulls",
            "AwsJson10HandlesUnexpectedJsonOutput",
            "AwsJson10ServiceRespondsWithNoPayload",
            "AwsJson11DateTimeWithNegativeOffset",
            "AwsJson11DateTimeWithPositiveOffset",
            "AwsJson11DeserializeIgnoreType",
            "AwsJson11StructuresDontDeserializeNullValues",
            "handles_unexpected_json_output",
            "json_1_1_service_responds_with_no_payload",
            "empty_output_no_body",
            "NoOutputClientAllowsEmptyCbor",
            "NoOutputClientAllowsEmptyBody",
            "AwsQueryDateTimeWithNegativeOffset",
            "AwsQueryDateTimeWithPositiveOffset",
            "RestJsonDateTimeWithNegativeOffset",
            "RestJsonDateTimeWithPositiveOffset",
            "RestJsonDeserializeIgnoreType",
            "RestJsonDeserializesDenseSetMapAndSkipsNull",
            "RestJsonDoesntDeserializeNullStructureValues",
            "RestJsonEmptyInputAndEmptyOutputJsonObjectOutput",
            "RestJsonGreetingWithErrorsNoPayload",
            "RestJsonHttpResponseCodeWithNoPayload",
            "RestJsonIgnoreQueryParamsInResponseNoPayload",
            "RestJsonNoInputAndOutputNoPayload",
        ],
    ),
    (
        "clients fill in what is not among the parameters",
        &["QueryProtocolIdempotencyTokenAutoFill", "RestJsonQueryIdempotencyTokenAutoFill"],
    ),
    (
        "an empty list or map has no form that differs from none",
        &[
            "QueryEmptyQueryMaps",
            "RestJsonHttpPrefixHeadersAreNotPresent",
            "RestJsonOmitsEmptyListQueryValues",
        ],
    ),
    (
        "the model is unlike those of AWS's services, where a flattened list is called as its items are",
        &["QueryXmlLists"],
    ),
    (
        "a map of query parameters holds all of them, which clients leave out of what they were given",
        &["RestJsonQueryParamsStringListMap", "RestJsonQueryPrecedence"],
    ),
    (
        "clients send an empty structure where a payload is absent",
        &["RestJsonHttpWithEmptyStructurePayload", "RestJsonHttpWithHeadersButNoPayload"],
    ),
];

#[test]
fn json_1_0() {
    run::suites(&["json_1_0", "json_1_0-query-compatible"]);
}

#[test]
fn json_1_1() {
    run::suites(&["json"]);
}

#[test]
fn rpc_v2_cbor() {
    run::suites(&[
        "smithy-rpc-v2-cbor",
        "smithy-rpc-v2-cbor-query-compatible",
        "smithy-rpc-v2-cbor-non-query-compatible",
    ]);
}

#[test]
fn query() {
    run::suites(&["query"]);
}

#[test]
fn rest_json() {
    run::suites(&["rest-json"]);
}

/// The file of a suite, or `None` where the suites are not at hand.
fn file(side: Side, suite: &str) -> Option<String> {
    let root =
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/botocore-protocols"));
    let folder = match side {
        Side::Input => "input",
        Side::Output => "output",
    };
    if !root.is_dir() {
        return None;
    }
    let path = root.join(folder).join(format!("{suite}.json"));
    Some(std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// Why a case is skipped, if it is.
fn skipped(id: &str) -> Option<&'static str> {
    SKIPPED.iter().find(|(_, ids)| ids.contains(&id)).map(|(reason, _)| *reason)
}
