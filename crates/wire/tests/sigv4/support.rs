//! Requests to check, and what a server does with them.

use http::{HeaderName, HeaderValue, Request, request::Parts};
use wire::{
    Timestamp,
    sigv4::{self, Form, Presented, Scope, SigError, Signer, SigningKey},
};

pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub(crate) const ID: &str = "AKIDEXAMPLE";
/// 2015-08-30T12:36:00Z, the time of all cases.
pub(crate) const NOW: Timestamp = Timestamp(1_440_938_160_000);
pub(crate) const EXPIRES_SECONDS: u32 = 3600;
pub(crate) const MINUTE_MS: i64 = 60_000;

/// Reads a request as it stands in the suite: folded header lines, no space after the colon.
pub(crate) fn read(text: &str) -> (Parts, Vec<u8>) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines: Vec<String> = Vec::new();
    for line in head.lines() {
        match line.strip_prefix(' ') {
            Some(folded) => lines.last_mut().unwrap().push_str(&format!(" {folded}")),
            None => lines.push(line.to_owned()),
        }
    }
    let mut words = lines[0].split(' ');
    let mut request = Request::builder().method(words.next().unwrap()).uri(words.next().unwrap());
    for line in &lines[1..] {
        let (name, value) = line.split_once(':').unwrap();
        request = request.header(name, HeaderValue::from_bytes(value.trim().as_bytes()).unwrap());
    }
    (request.body(()).unwrap().into_parts().0, body.trim_end_matches('\n').as_bytes().to_vec())
}

pub(crate) fn scope() -> Scope {
    Scope::at(NOW, "us-east-1", "service")
}

pub(crate) fn key() -> SigningKey {
    SigningKey::derive(SECRET.as_bytes(), &scope())
}

/// What a server does.
pub(crate) fn check(parts: &Parts, body: &[u8], now: Timestamp) -> Result<Presented, SigError> {
    let presented = sigv4::parse(parts)?.ok_or(SigError::Missing)?;
    assert!(!format!("{presented:?}").contains("ignature: "));
    if presented.access_key_id != ID {
        return Err(SigError::UnknownKey);
    }
    let key = SigningKey::derive(SECRET.as_bytes(), &presented.scope);
    presented.verify(parts, body, &key, now)?;
    Ok(presented)
}

pub(crate) fn clone(parts: &Parts) -> Parts {
    parts.clone()
}

/// Every way to change a signed request that somebody between caller and server has.
pub(crate) fn mutations(parts: &Parts, body: &[u8]) -> Vec<(String, Parts, Vec<u8>)> {
    let mut out = Vec::new();
    let mut push = |what: String, parts: Parts, body: &[u8]| out.push((what, parts, body.to_vec()));
    let signed = sigv4::parse(parts).unwrap().unwrap();
    let covered = format!("{signed:?}");

    for method in ["PATCH", "get", "HEAD"] {
        let mut changed = clone(parts);
        changed.method = method.parse().unwrap();
        push(format!("method {method}"), changed, body);
    }
    for body in [&b"changed"[..], &[body, b"\n"].concat()] {
        push("body".to_owned(), clone(parts), body);
    }
    for (name, value) in &parts.headers {
        if !covered.contains(name.as_str()) || name == "authorization" {
            continue;
        }
        let mut removed = clone(parts);
        removed.headers.remove(name);
        push(format!("without {name}"), removed, body);
        for value in [[value.as_bytes(), b"x"].concat(), [b"y", value.as_bytes()].concat(), Vec::new()] {
            let mut changed = clone(parts);
            changed.headers.insert(name, HeaderValue::from_bytes(&value).unwrap());
            push(format!("{name} changed"), changed, body);
        }
        let mut twice = clone(parts);
        twice.headers.append(name, value.clone());
        push(format!("{name} twice"), twice, body);
    }
    for name in ["x-amz-target", "x-amz-security-token", "x-amz-content-sha256", "x-amz-added"] {
        if !parts.headers.contains_key(name) {
            let mut added = clone(parts);
            added.headers.insert(HeaderName::from_static(name), HeaderValue::from_static("added"));
            push(format!("{name} added"), added, body);
        }
    }
    let target = |path: &str, query: &str| {
        let mut changed = clone(parts);
        changed.uri = format!("{path}?{query}").parse().unwrap();
        changed
    };
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    for path in [format!("{path}x"), format!("/x{path}"), "/other".to_owned()] {
        push(format!("path {path}"), target(&path, query), body);
    }
    for query in [format!("{query}&added=1"), format!("added&{query}")] {
        push(format!("query {query}"), target(path, &query), body);
    }
    let pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    for (index, pair) in pairs.iter().enumerate() {
        let mut fewer = pairs.clone();
        fewer.remove(index);
        push(format!("without {pair}"), target(path, &fewer.join("&")), body);
        let mut longer: Vec<_> = pairs.iter().map(|&pair| pair.to_owned()).collect();
        longer[index].push('0');
        push(format!("{pair}0"), target(path, &longer.join("&")), body);
        let mut more = pairs.clone();
        more.push(pair);
        push(format!("{pair} twice"), target(path, &more.join("&")), body);
    }
    // Elements of the authentication, each replaced by another that is well formed.
    let day_after = ("20150830", "20150831");
    let scoped = [
        day_after,
        ("us-east-1", "us-east-2"),
        ("/service/", "/services/"),
        ("service%2F", "services%2F"),
        ("aws4_request", "aws4_requests"),
        ("AKIDEXAMPLE", "AKIDEXAMPLF"),
        ("HMAC-SHA256", "HMAC-SHA512"),
        ("=host", "=hosu"),
        ("20150830T123600Z", "20150830T123601Z"),
    ];
    for (from, to) in scoped {
        let mut changed = clone(parts);
        let before = match signed.form {
            Form::Header => {
                let before = parts.headers["authorization"].to_str().unwrap().to_owned();
                let after = before.replace(from, to);
                changed.headers.insert("authorization", after.parse().unwrap());
                before
            }
            Form::Presigned { .. } => {
                changed.uri = format!("{path}?{}", query.replace(from, to)).parse().unwrap();
                query.to_owned()
            }
        };
        if before.contains(from) {
            push(format!("{from} to {to}"), changed, body);
        }
    }
    out
}

/// A signed KMS request of the usual size.
pub(crate) fn kms_request() -> (Parts, Vec<u8>) {
    let body = vec![b'x'; 300];
    let mut parts = Request::post("/")
        .header("host", "kms.us-east-1.example.net")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "TrentService.Encrypt")
        .header("user-agent", "aws-cli")
        .header("amz-sdk-request", "attempt=1")
        .body(())
        .unwrap()
        .into_parts()
        .0;
    let (scope, key) = (scope(), key());
    Signer { access_key_id: ID, session_token: None, scope: &scope, key: &key }
        .sign(&mut parts, &body, NOW)
        .unwrap();
    (parts, body)
}
