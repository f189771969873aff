//! Requests that others signed.

use http::HeaderValue;
use wire::{Timestamp, sigv4::SigError};

use crate::support::*;

/// Requests as botocore 1.44.5 signs them with `SECRET` at `NOW`, the body covered.
const COVERED: [&str; 5] = [
    r#"POST / HTTP/1.1
Host:kms.us-east-1.example.net
X-Amz-Target:TrentService.Encrypt
Content-Type:application/x-amz-json-1.1
User-Agent:x
X-Amz-Date:20150830T123600Z
Authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=bd3fe035d1dfd4f3fb5c8f2206dbd2973ff00841407bcada0fe5c73e09295ebb

{"KeyId":"alias/a"}"#,
    "POST / HTTP/1.1
Host:iam.example.net
Content-Type:application/x-www-form-urlencoded; charset=utf-8
X-Amz-Date:20150830T123600Z
X-Amz-Security-Token:tok/en+==
Authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=b3e7b4e5d475ff6193b76466e3b73dcb79318297955e55496cdd336c064a1ecd

Action=GetUser&Version=2010-05-08",
    "GET /2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Afunction%3Af/policy?Qualifier=%24LATEST HTTP/1.1
Host:lambda.eu-west-1.example.net
X-Amz-Date:20150830T123600Z
Authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=5be977cf2238fc27a343b1aab234f0eeda00364483d08e817cff3ba5049b7b1f",
    "PUT /bucket/a%20b/../c//d%2B~e HTTP/1.1
Host:s3.us-east-1.example.net
X-Amz-Date:20150830T123600Z
X-Amz-Content-SHA256:85738f8f9a7f1b04b5329c590ebcb9e425925c6d0984089c43a022de4f19c281
Authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=d9dba5fe3d77e9776cf628dcd9e9c8daae6dc4fe78d1ff7895504ccb659a0e32

whatever",
    "GET /?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Security-Token=tok%2Fen%2B%3D%3D&X-Amz-Signature=64c926d976e0354caddd4cbcc6211bcd2ac75129ef0fd469efcec36c57aba74d HTTP/1.1
Host:sts.us-east-1.example.net
x-k8s-aws-id:cluster",
];

/// Likewise, the body not covered.
const UNCOVERED: [&str; 2] = [
    "PUT /bucket/a%20b/../c//d%2Be~f HTTP/1.1
Host:s3.us-east-1.example.net
X-Amz-Date:20150830T123600Z
X-Amz-Content-SHA256:UNSIGNED-PAYLOAD
Authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=38cdd66f25a01bae658a53b8e8eb47576414ceb45bfdc603f9083e61585a78d8

whatever",
    "GET /bucket/a%20b?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Security-Token=tok%2Fen%2B%3D%3D&X-Amz-Signature=c4fbdc3ceb8057a12f6da1eaed618cc3c2d81d07731c4724fb9951bcbb2443cb HTTP/1.1
Host:s3.us-east-1.example.net",
];

/// As [`UNCOVERED`], for a service other than S3.
const UNCOVERED_KMS: &str =
    "POST / HTTP/1.1
Host:kms.us-east-1.example.net
X-Amz-Target:TrentService.Encrypt
X-Amz-Content-SHA256:UNSIGNED-PAYLOAD
X-Amz-Date:20150830T123600Z
Authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-target, Signature=c156470a14f95c4b4b50e1bee50f21e5fe5afe43b2715ad0f54507f5154398f8

{}";

#[test]
fn verifies_what_botocore_signs() {
    for text in COVERED {
        let (parts, body) = read(text);
        check(&parts, &body, NOW).unwrap_or_else(|error| panic!("{text}: {error}"));
        for (what, parts, body) in mutations(&parts, &body) {
            assert!(check(&parts, &body, NOW).is_err(), "{what} was accepted: {text}");
        }
    }
}

#[test]
fn the_body_may_stay_uncovered_at_s3_only() {
    for text in UNCOVERED {
        let (parts, body) = read(text);
        check(&parts, &body, NOW).unwrap_or_else(|error| panic!("{text}: {error}"));
        check(&parts, b"other", NOW).unwrap_or_else(|error| panic!("{text}: {error}"));
        let streaming = HeaderValue::from_static("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
        let mut changed = clone(&parts);
        if changed.headers.insert("x-amz-content-sha256", streaming).is_some() {
            assert_eq!(check(&changed, &body, NOW).unwrap_err(), SigError::ContentDigest);
        }
    }
    let (parts, body) = read(UNCOVERED_KMS);
    assert_eq!(check(&parts, &body, NOW).unwrap_err(), SigError::ContentDigest);
    let (code, status, _) = SigError::ContentDigest.answer(wire::Protocol::Json11);
    assert_eq!((code, status), ("InvalidSignatureException", 400));
}

/// The date of AWS's first signing test suite stands in `Date`, with a wrong day of the week.
#[test]
fn verifies_a_date_header() {
    let (parts, body) = read(
        "GET / HTTP/1.1
Host:host.foo.com
Date:Mon, 09 Sep 2011 23:36:00 GMT
Authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20110909/us-east-1/host/aws4_request, SignedHeaders=date;host, Signature=b27ccfbfa7df52a200ff74193ca6e32d4b48b8856fab7ebf1c595d0670a7e470",
    );
    let signed = Timestamp(1_315_611_360_000);
    assert_eq!(check(&parts, &body, signed).unwrap().timestamp, signed);
    assert!(matches!(check(&parts, &body, NOW), Err(SigError::Expired { .. })));
}
