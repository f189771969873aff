//! Signatures: their heads, their canonical form, and that they hold for what was signed alone.

use crate::heads::{request, seeds as heads};
use http::request::Parts;
use http::{HeaderValue, Uri};
use wire::Timestamp;
use wire::sigv4::{self, Scope, Signer, SigningKey};

/// 2026-11-21T23:07:43Z
const NOW: Timestamp = Timestamp(1_795_302_463_000);
const SECRET: &[u8] = b"a secret that nobody who attacks knows";

pub(crate) fn sigv4(data: &[u8]) {
    let Some((&choice, data)) = data.split_first() else { return };
    let Some((mut parts, body)) = request(data) else { return };
    match sigv4::parse(&parts) {
        Err(error) => {
            let (code, status, _) = error.answer(wire::Protocol::Query);
            assert!(!code.is_empty() && (400..500).contains(&status));
        }
        Ok(Some(presented)) => {
            let key = SigningKey::derive(SECRET, &presented.scope);
            assert!(presented.verify(&parts, body, &key, NOW).is_err(), "a made-up signature holds");
            let _ = presented.check_time(NOW);
            let _ = presented.check_scope("kms", |region| region == "us-east-1");
        }
        Ok(None) => made(&mut parts, body, usize::from(choice)),
    }
}

/// A signature that is made must hold, and must not after a change.
fn made(parts: &mut Parts, body: &[u8], choice: usize) {
    let scope = Scope::at(NOW, "us-east-1", if choice & 1 == 0 { "kms" } else { "s3" });
    let key = SigningKey::derive(SECRET, &scope);
    let token = (choice & 2 != 0).then_some("token/with+signs==");
    let signer = Signer { access_key_id: "AKIAEXAMPLE", session_token: token, scope: &scope, key: &key };
    let signed =
        if choice & 4 == 0 { signer.sign(parts, body, NOW) } else { signer.presign(parts, body, NOW, 60) };
    if signed.is_err() {
        return;
    }
    // The signer takes heads that a server refuses, such as one with hundreds of headers.
    let Ok(Some(presented)) = sigv4::parse(parts) else { return };
    if let Err(error) = presented.verify(parts, body, &key, NOW) {
        panic!("{error:?} for {parts:?}");
    }
    let other = SigningKey::derive(b"another secret", &scope);
    assert!(presented.verify(parts, body, &other, NOW).is_err(), "it holds under another key");
    let altered = [body, b"!"].concat();
    let waived = choice & 5 == 5;
    assert!(waived || presented.verify(parts, &altered, &key, NOW).is_err(), "it holds for another body");
    for changed in changes(parts) {
        let holds = match sigv4::parse(&changed) {
            Ok(Some(presented)) => presented.verify(&changed, body, &key, NOW).is_ok(),
            _ => false,
        };
        assert!(!holds, "it holds for {changed:?}, which was made of {parts:?}");
    }
}

/// Heads that ask for something else.
fn changes(parts: &Parts) -> Vec<Parts> {
    let mut changed = Vec::new();
    let mut change = |change: &dyn Fn(&mut Parts)| {
        let mut parts = parts.clone();
        change(&mut parts);
        changed.push(parts);
    };
    change(&|parts| {
        parts.method = if parts.method == "PATCH" { http::Method::PUT } else { http::Method::PATCH }
    });
    change(&|parts| {
        parts.headers.insert("host", HeaderValue::from_static("elsewhere.example.net"));
    });
    change(&|parts| {
        parts.headers.append("x-amz-target", HeaderValue::from_static("TrentService.DisableKey"));
    });
    let text = parts.uri.path_and_query().map_or("/", |both| both.as_str()).to_owned();
    let more = if text.contains('?') { format!("{text}&added=1") } else { format!("{text}?added=1") };
    // Of a path with `..`, what is in front may be taken away again, before it is signed as before it is looked at.
    let path = Some(format!("/added{text}")).filter(|path| !path.contains(".."));
    for text in [Some(more), path].into_iter().flatten() {
        if let Ok(uri) = text.parse::<Uri>() {
            change(&|parts| parts.uri = uri.clone());
        }
    }
    changed
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let plain = [
        "POST /\nhost: localhost\ncontent-type: application/x-amz-json-1.1\nx-amz-target: TrentService.ListKeys\n\n{}",
        "GET /a%20b/../c//d/?x=1&x=%2B&y=a+b&=&z\nhost: localhost:4566\nx-amz-meta-a:   spaced   out\nx-amz-meta-a: twice",
        "DELETE /%E1%88%B4/?%E1%88%B4=bar\nhost: example.amazonaws.com",
    ];
    let unsigned = plain.iter().flat_map(|text| (0..8).map(|choice| [&[choice], text.as_bytes()].concat()));
    unsigned.chain(heads().into_iter().map(|head| [&[0], head.as_slice()].concat())).collect()
}
