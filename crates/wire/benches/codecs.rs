//! Nanoseconds to check a signature, to decode a request and to encode an answer: `cargo bench -p wire`, or `cargo bench -p wire -- Query` for
//! the lines that have this word.
//!
//! Decoding is all of it: parsing, the typed value, every constraint of the model.

use std::hint::black_box;
use std::time::Instant;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Request, request::Parts};
use wire::sigv4::{self, Scope, Signer, SigningKey};
use wire::{Blob, Operation, Protocol, Rejection, ServiceModel, Shape, Timestamp, decode, encode};

#[path = "../tests/query/api.rs"]
pub mod query;
#[path = "../tests/rest/api.rs"]
pub mod rest;
#[path = "../tests/sample/api.rs"]
pub mod sample;

/// Calls timed together.
const ROUNDS: u32 = 10_000;
/// 78 bytes.
const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
/// Times this is repeated; the fastest counts, since whatever else runs on the machine only slows down.
const BATCHES: usize = 200;

fn measure<T>(name: &str, mut call: impl FnMut() -> T) {
    let mut wanted = std::env::args().skip(1).filter(|argument| argument != "--bench");
    if !wanted.all(|word| name.contains(&word)) {
        return;
    }
    let mut best = f64::INFINITY;
    for _ in 0..BATCHES {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(call());
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS));
    }
    eprintln!("{name:<48} {best:>8.0} ns");
}

/// Measures the decoding of a request, which must be a valid one.
fn reading<O: Operation>(
    name: &str,
    protocol: Protocol,
    service: &ServiceModel,
    parts: &Parts,
    body: &[u8],
) -> Result<(), Rejection> {
    let read = || decode::<O::Input>(protocol, service, O::MODEL, black_box(parts), black_box(body));
    read()?;
    measure(name, read);
    Ok(())
}

fn writing<O: Operation>(name: &str, protocol: Protocol, service: &ServiceModel, output: &O::Output) {
    let id = "8f2e7a44-1c5b-4d3e-9a6f-0123456789ab";
    measure(name, || encode(protocol, service, O::MODEL, black_box(output), O::Output::SCHEMA, id));
}

/// Reading and checking the signature of a request like kms:Encrypt's.
fn signatures() -> Result<(), Box<dyn std::error::Error>> {
    let now = Timestamp(1_795_302_463_000);
    let scope = Scope::at(now, "eu-central-1", "kms");
    let secret = [b's'; 40];
    let key = SigningKey::derive(&secret, &scope);
    let signer =
        Signer { access_key_id: "AKIAIOSFODNN7EXAMPLE", session_token: None, scope: &scope, key: &key };
    let body = [b'x'; 300];
    let request = Request::post("/")
        .header("host", "localhost:4566")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "TrentService.Encrypt");
    let mut parts = request.body(())?.into_parts().0;
    signer.sign(&mut parts, &body, now)?;
    let presented = sigv4::parse(&parts)?.ok_or("not signed")?;
    presented.verify(&parts, &body, &key, now)?;
    measure("SigV4 parse", || sigv4::parse(&parts));
    measure("SigV4 verify", || presented.verify(&parts, &body, &key, now));
    measure("SigV4 derive a key", || SigningKey::derive(&secret, &scope));
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let failed = |rejection: Rejection| rejection.message().to_owned();
    let post = Request::post("/").body(())?.into_parts().0;

    signatures()?;

    let form = b"Action=GetCallerIdentity&Version=2011-06-15";
    reading::<query::ops::GetCallerIdentity>(
        "read  Query sts:GetCallerIdentity",
        Protocol::Query,
        &query::MODEL,
        &post,
        form,
    )
    .map_err(failed)?;
    let form = b"Action=CreateUser&Version=2010-05-08&UserName=benchmark-user&Path=%2Fdivision_abc%2Fsubdivision_xyz%2F\
        &PermissionsBoundary=arn%3Aaws%3Aiam%3A%3A123456789012%3Apolicy%2Fboundary&Tags.member.1.Key=Department\
        &Tags.member.1.Value=Accounting&Tags.member.2.Key=CostCenter&Tags.member.2.Value=12345";
    reading::<query::ops::CreateUser>(
        "read  Query iam:CreateUser, two tags",
        Protocol::Query,
        &query::MODEL,
        &post,
        form,
    )
    .map_err(failed)?;
    let form = b"Action=CreateUser&Version=2010-05-08&UserName=bob";
    reading::<query::ops::CreateUser>(
        "read  Query iam:CreateUser, name only",
        Protocol::Query,
        &query::MODEL,
        &post,
        form,
    )
    .map_err(failed)?;
    let user = query::User {
        path: "/".into(),
        user_name: "benchmark-user".into(),
        user_id: "AIDACKCEVSQ6C2EXAMPLE".into(),
        arn: "arn:aws:iam::123456789012:user/benchmark-user".into(),
        create_date: Timestamp(1_795_302_463_000),
        tags: None,
    };
    let output = query::CreateUserResponse { user: Some(user) };
    writing::<query::ops::CreateUser>("write Query iam:CreateUser", Protocol::Query, &query::MODEL, &output);

    let json = br#"{"KeyId":"arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab","Plaintext":"c2l4dGVlbiBieXRlcyEh","EncryptionContext":{"tenant":"acme","purpose":"bench"},"GrantTokens":["dG9rZW4tb25l"],"EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}"#;
    reading::<sample::ops::Encrypt>("read  JSON  kms:Encrypt", Protocol::Json11, &sample::MODEL, &post, json)
        .map_err(failed)?;
    // {"KeyId": …, "Plaintext": h'…', "EncryptionContext": {…}, "EncryptionAlgorithm": …}
    let mut cbor = b"\xa4\x65KeyId\x78\x4e".to_vec();
    cbor.extend_from_slice(KEY.as_bytes());
    cbor.extend_from_slice(b"\x69Plaintext\x50sixteen bytes!!!");
    cbor.extend_from_slice(b"\x71EncryptionContext\xa2\x66tenant\x64acme\x67purpose\x65bench");
    cbor.extend_from_slice(b"\x73EncryptionAlgorithm\x71SYMMETRIC_DEFAULT");
    reading::<sample::ops::Encrypt>("read  CBOR  kms:Encrypt", Protocol::Cbor, &sample::MODEL, &post, &cbor)
        .map_err(failed)?;
    let output = sample::EncryptResponse {
        ciphertext_blob: Some(Blob(vec![7; 184])),
        key_id: Some(KEY.into()),
        encryption_algorithm: Some(sample::EncryptionAlgorithmSpec::SymmetricDefault),
    };
    writing::<sample::ops::Encrypt>("write JSON  kms:Encrypt", Protocol::Json11, &sample::MODEL, &output);
    writing::<sample::ops::Encrypt>("write CBOR  kms:Encrypt", Protocol::Cbor, &sample::MODEL, &output);

    let put = Request::put("/v1/thing-1/things/2026-11-21T23%3A07%3A43Z?thing&max-limit=7&limit=1&limit=2")
        .header("x-flag", "true")
        .header("x-json", STANDARD.encode("{}"))
        .header("x-meta-owner", "acme")
        .body(())?
        .into_parts()
        .0;
    let body = br#"{"title":"a title","Created":1795302463}"#;
    reading::<rest::ops::PutThing>("read  REST  all places", Protocol::RestJson, &rest::MODEL, &put, body)
        .map_err(failed)?;
    let output = rest::PutThingResponse {
        status: Some(202),
        texts: Some(vec!["a".into(), "b".into()]),
        title: Some("a title".into()),
        created: Some(Timestamp(1_795_302_463_000)),
        ..rest::PutThingResponse::default()
    };
    writing::<rest::ops::PutThing>(
        "write REST  status, headers, body",
        Protocol::RestJson,
        &rest::MODEL,
        &output,
    );
    Ok(())
}
