//! Heads of requests, and finding the operation that they are for.

use crate::codecs::OPERATIONS;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use std::sync::LazyLock;
use wire::ServiceModel;
use wire::route::Router;
use wire::sigv4;

/// Most headers that are taken over, so that inputs stay small.
const HEADERS_MAX: usize = 32;

static ROUTER: LazyLock<Router> = LazyLock::new(|| {
    let mut services: Vec<&'static ServiceModel> = OPERATIONS.iter().map(|known| known.service).collect();
    services.dedup_by_key(|service| service.name);
    Router::new(&services)
});

/// A head without surprises.
pub(crate) fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut builder = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(()).unwrap().into_parts().0
}

/// Head and body of an input that looks like a request of HTTP/1.1: `METHOD target`, lines of headers, an empty line, the body.
pub(crate) fn request(data: &[u8]) -> Option<(Parts, &[u8])> {
    let end = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = match end {
        Some(end) => (&data[..end], &data[end + 2..]),
        None => (data, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let mut words = first.split(' ');
    let builder = http::Request::builder().method(words.next()?).uri(words.next()?);
    let (mut parts, ()) = builder.body(()).ok()?.into_parts();
    for line in lines.take(HEADERS_MAX) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        parts.headers.append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?);
    }
    Some((parts, body))
}

pub(crate) fn routing(data: &[u8]) {
    let Some((parts, body)) = request(data) else { return };
    let presented = sigv4::parse(&parts).ok().flatten();
    let scope = presented.as_ref().map(|presented| &presented.scope);
    match ROUTER.route(&parts, body, scope) {
        Ok(route) => {
            let known = OPERATIONS
                .iter()
                .find(|known| std::ptr::eq(known.operation.model(), route.operation))
                .or_else(|| {
                    OPERATIONS.iter().find(|known| known.operation.model().name == route.operation.name)
                });
            if let Some(known) = known {
                let _ = known.operation.decode(route.protocol, route.service, &parts, body);
            }
            assert!(route.service.protocols.contains(&route.protocol), "{route:?}");
        }
        Err(error) => {
            let status = error.status();
            assert!((400..500).contains(&status) || status == 501, "{status}: {}", error.message());
            assert!(!error.code().is_empty());
        }
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let signed = "authorization: AWS4-HMAC-SHA256 Credential=AKIAROOTROOTROOTROOT/20261121/us-east-1/SERVICE/aws4_request, \
                  SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000\n\
                  x-amz-date: 20261121T230743Z\n";
    let kms = signed.replace("SERVICE", "kms");
    let iam = signed.replace("SERVICE", "iam");
    [
        format!("POST /\nhost: localhost\ncontent-type: application/x-amz-json-1.1\nx-amz-target: TrentService.ListKeys\n{kms}\n\n{{}}"),
        "POST /\nhost: kms.us-east-1.example.net\nx-amz-target: TrentService.Encrypt\ncontent-type: application/x-amz-json-1.0\n\n{\"KeyId\":\"k\",\"Plaintext\":\"cA==\"}".to_owned(),
        format!("POST /service/TrentService/operation/ListKeys\nhost: localhost\nsmithy-protocol: rpc-v2-cbor\ncontent-type: application/cbor\n{kms}\n\n\u{a1}"),
        format!("POST /\nhost: localhost\ncontent-type: application/x-www-form-urlencoded; charset=utf-8\n{iam}\n\nAction=CreateUser&Version=2010-05-08&UserName=u"),
        "GET /?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20261121%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20261121T230743Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00\nhost: sts.amazonaws.com".to_owned(),
        "POST /\nhost: localhost\nx-amz-target: com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents\ncontent-type: application/x-amz-json-1.1\n\n{}".to_owned(),
        "PUT /a/b?c=d#e\nhost: [::1]:80\ncontent-type: multipart/form-data".to_owned(),
    ]
    .map(String::into_bytes)
    .to_vec()
}
