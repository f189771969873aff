//! What is refused, and with which words.

use http::{HeaderValue, Request, request::Parts};
use wire::{
    Timestamp,
    sigv4::{SigError, Signer},
};

use crate::support::*;

#[test]
fn every_bit_of_a_signature_counts() {
    let (parts, body) = kms_request();
    check(&parts, &body, NOW).unwrap();
    let authorization = parts.headers["authorization"].to_str().unwrap();
    let (head, signature) = authorization.split_once("Signature=").unwrap();
    for index in 0..signature.len() {
        for replacement in ["0", "f", "g", "A", ""] {
            let mut changed = signature.to_owned();
            changed.replace_range(index..=index, replacement);
            if changed == signature {
                continue;
            }
            let mut parts = clone(&parts);
            parts.headers.insert("authorization", format!("{head}Signature={changed}").parse().unwrap());
            assert_eq!(check(&parts, &body, NOW).unwrap_err(), SigError::Mismatch);
        }
    }
    let upper = format!("{head}Signature={}", signature.to_ascii_uppercase());
    let mut parts = clone(&parts);
    parts.headers.insert("authorization", upper.parse().unwrap());
    assert_eq!(check(&parts, &body, NOW).unwrap_err(), SigError::Mismatch);
}

#[test]
fn times() {
    let at = |minutes: i64, extra_ms: i64| Timestamp(NOW.0 + minutes * MINUTE_MS + extra_ms);
    let (parts, body) = kms_request();
    for now in [at(-15, 0), NOW, at(15, 0)] {
        check(&parts, &body, now).unwrap();
    }
    let late = at(15, 1);
    assert_eq!(check(&parts, &body, late).unwrap_err(), SigError::Expired { signed: NOW, now: late });
    let early = at(-15, -1);
    assert_eq!(check(&parts, &body, early).unwrap_err(), SigError::NotYetCurrent { signed: NOW, now: early });
    for now in [Timestamp(i64::MIN), Timestamp(i64::MAX)] {
        assert!(check(&parts, &body, now).is_err());
    }

    let (scope, key) = (scope(), key());
    let signer = Signer { access_key_id: ID, session_token: Some("token+/="), scope: &scope, key: &key };
    let mut parts = Request::get("http://example.net/?Action=A").body(()).unwrap().into_parts().0;
    signer.presign(&mut parts, b"", NOW, 7 * 24 * 3600).unwrap();
    for now in [at(-15, 0), NOW, at(7 * 24 * 60, 0)] {
        let presented = check(&parts, b"", now).unwrap();
        assert_eq!(presented.session_token.as_deref(), Some("token+/="));
    }
    assert_eq!(check(&parts, b"", at(7 * 24 * 60, 1)).unwrap_err(), SigError::ExpiredRequest);
    assert_eq!(check(&parts, b"", early).unwrap_err(), SigError::NotYetCurrent { signed: NOW, now: early });
    for seconds in [0, 604_801] {
        assert!(matches!(signer.presign(&mut parts, b"", NOW, seconds), Err(SigError::Incomplete(_))));
    }
    let tomorrow = at(24 * 60, 0);
    assert!(matches!(signer.sign(&mut parts, b"", tomorrow), Err(SigError::Misplaced(_))));
}

#[test]
fn scopes() {
    let (parts, body) = kms_request();
    let presented = check(&parts, &body, NOW).unwrap();
    presented.check_scope("service", |region| region == "us-east-1").unwrap();
    assert_eq!(
        presented.check_scope("kms", |_| true).unwrap_err().to_string(),
        "Credential should be scoped to correct service: 'kms'."
    );
    assert_eq!(
        presented.check_scope("service", |_| false).unwrap_err().to_string(),
        "Credential should be scoped to a valid region, not 'us-east-1'."
    );
}

fn error_text(change: impl FnOnce(&mut Parts)) -> String {
    let (mut parts, body) = kms_request();
    change(&mut parts);
    match check(&parts, &body, NOW) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => {
            let (code, status, message) = error.answer(wire::Protocol::Query);
            format!("{code} {status} {message}")
        }
    }
}

fn with_authorization(value: &str) -> String {
    error_text(|parts| {
        parts.headers.insert("authorization", value.parse().unwrap());
    })
}

#[test]
fn malformed_authentication_is_told_apart() {
    let credential = "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";
    let signature = format!("Signature={}", "0".repeat(64));
    let good =
        format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host;x-amz-date;x-amz-target, {signature}");
    let mismatch = "SignatureDoesNotMatch 403 The request signature we calculated does not match the signature \
                    you provided. Check your AWS Secret Access Key and signing method. Consult the service \
                    documentation for details.";
    let ascending =
        "IncompleteSignature 400 SignedHeaders must be lower-case header names in ascending order";
    let five = "IncompleteSignature 400 Credential must have exactly 5 slash-delimited elements, e.g. \
                keyid/date/region/service/term";
    let cases: Vec<(String, &str)> = vec![
        (good.clone(), mismatch),
        (good.replace(", ", ","), mismatch),
        (
            "AWS4-HMAC-SHA256 ".to_owned(),
            "IncompleteSignature 400 Authorization header requires 'Credential' parameter. Authorization header \
             requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. \
             Authorization=AWS4-HMAC-SHA256",
        ),
        (
            "Bearer secret".to_owned(),
            "IncompleteSignature 400 Authorization header requires 'Credential' parameter. Authorization header \
             requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. \
             Unsupported AWS 'algorithm'",
        ),
        (
            good.replace("Signature=", "Signature:"),
            "IncompleteSignature 400 Not a valid key=value pair (missing equal-sign) in Authorization header",
        ),
        (
            format!("{good}, {credential}"),
            "IncompleteSignature 400 Authorization header has more than one 'Credential' parameter",
        ),
        (
            format!("{good}, Extra=1"),
            "IncompleteSignature 400 The Authorization header has an unknown parameter",
        ),
        (good.replace("/service/", "/"), five),
        (good.replace("AKIDEXAMPLE/", "AKID/EXAMPLE/"), five),
        (
            good.replace("aws4_request", "aws5_request"),
            "SignatureDoesNotMatch 403 Credential should be scoped with a valid terminator: 'aws4_request'.",
        ),
        (
            good.replace("20150830", "20150831"),
            "SignatureDoesNotMatch 403 Date in Credential scope does not match YYYYMMDD from ISO-8601 version of \
             date from HTTP: '20150831' != '20150830', from '20150830T123600Z'.",
        ),
        (
            good.replace("20150830", "2015083"),
            "IncompleteSignature 400 Credential has a malformed date, region or service",
        ),
        (
            good.replace("AKIDEXAMPLE", "AKID%EXAMPLE"),
            "InvalidClientTokenId 403 The security token included in the request is invalid.",
        ),
        (good.replace("host;x-amz-date", "x-amz-date;host"), ascending),
        (good.replace("host;", "host;host;"), ascending),
        (good.replace("host;", "Host;"), ascending),
        (good.replace("host;", "host;;"), ascending),
        (
            good.replace("host;", ""),
            "SignatureDoesNotMatch 403 'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ),
        (
            good.replace(";x-amz-target", ""),
            "SignatureDoesNotMatch 403 'x-amz-target' must be a 'SignedHeader' in the AWS Authorization.",
        ),
        (good.replace("host;", "absent;host;"), mismatch),
        (
            format!("{good}{}", "0".repeat(9000)),
            "IncompleteSignature 400 The Authorization header is too long",
        ),
    ];
    for (authorization, expected) in cases {
        assert_eq!(with_authorization(&authorization), expected, "{authorization}");
    }
}

#[test]
fn contradictions_are_refused() {
    let append = |name: &'static str, value: &'static str| {
        move |parts: &mut Parts| {
            parts.headers.append(name, HeaderValue::from_static(value));
        }
    };
    let set_uri = |uri: &'static str| move |parts: &mut Parts| parts.uri = uri.parse().unwrap();
    let cases = [
        (
            error_text(append("authorization", "AWS4-HMAC-SHA256 a=b")),
            "IncompleteSignature 400 The request has more than one 'authorization' header",
        ),
        (
            error_text(append("x-amz-date", "20150830T123600Z")),
            "IncompleteSignature 400 The request has more than one 'x-amz-date' header",
        ),
        (
            error_text(append("host", "kms.us-east-1.example.net")),
            "IncompleteSignature 400 The request must name exactly one host in 'Host' or ':authority'",
        ),
        (
            error_text(set_uri("http://other.example.net/")),
            "IncompleteSignature 400 The request must name exactly one host in 'Host' or ':authority'",
        ),
        (
            error_text(set_uri("/?X-Amz-Signature=1")),
            "IncompleteSignature 400 Only one form of authentication is allowed: the Authorization header or the \
             query string",
        ),
        (
            error_text(set_uri("/?X-Amz-Date=1&X-Amz-D%61te=2")),
            "IncompleteSignature 400 The query string has more than one 'X-Amz-Date'",
        ),
        (error_text(set_uri("http://kms.us-east-1.example.net/")), "accepted"),
        (
            error_text(|parts| {
                parts.headers.insert("x-amz-date", HeaderValue::from_static("yesterday"));
            }),
            "IncompleteSignature 400 Date must be in ISO-8601 'basic format'. Got 'yesterday'. See \
             http://en.wikipedia.org/wiki/ISO_8601",
        ),
        (
            error_text(|parts| {
                parts.headers.remove("x-amz-date");
            }),
            "IncompleteSignature 400 Authorization header requires existence of either a 'X-Amz-Date' or a \
             'Date' header. Authorization=AWS4-HMAC-SHA256",
        ),
        (
            error_text(|parts| {
                parts.headers.remove("authorization");
            }),
            "MissingAuthenticationToken 403 Request is missing Authentication Token",
        ),
    ];
    for (actual, expected) in cases {
        assert_eq!(actual, expected);
    }
}

#[test]
fn presigned_elements_are_all_needed_once() {
    let (scope, key) = (scope(), key());
    let signer = Signer { access_key_id: ID, session_token: Some("token"), scope: &scope, key: &key };
    let mut parts = Request::get("/?Action=A").header("host", "h").body(()).unwrap().into_parts().0;
    signer.presign(&mut parts, b"", NOW, 60).unwrap();
    check(&parts, b"", NOW).unwrap();
    let pairs: Vec<String> = parts.uri.query().unwrap().split('&').map(str::to_owned).collect();
    let refused = |pairs: &[String]| {
        let mut changed = clone(&parts);
        changed.uri = format!("/?{}", pairs.join("&")).parse().unwrap();
        check(&changed, b"", NOW).unwrap_err()
    };
    for index in 1..pairs.len() {
        let mut without = pairs.clone();
        let removed = without.remove(index);
        let error = refused(&without);
        // Requests may do without these two, but this one was signed with them.
        let may_lack = ["X-Amz-Security-Token", "X-Amz-Expires"].iter().any(|name| removed.starts_with(name));
        assert_eq!(error == SigError::Mismatch, may_lack, "{removed}: {error}");
        let mut twice = pairs.clone();
        twice.push(removed);
        assert!(matches!(refused(&twice), SigError::Incomplete(_)));
    }
    for expires in ["0", "604801", "-1", "+60", "60.0", "", "99999999999999999999"] {
        let changed: Vec<_> =
            pairs.iter().map(|pair| pair.replace("Expires=60", &format!("Expires={expires}"))).collect();
        assert!(matches!(refused(&changed), SigError::Incomplete(_)), "{expires}");
    }
    let of_s3: Vec<_> = pairs.iter().filter(|pair| !pair.contains("Expires")).cloned().collect();
    let of_s3: Vec<_> =
        of_s3.iter().map(|pair| pair.replace(&format!("%2F{}%2F", scope.service), "%2Fs3%2F")).collect();
    assert!(matches!(refused(&of_s3), SigError::Incomplete(_)), "S3 has no life of its own to give");
}
