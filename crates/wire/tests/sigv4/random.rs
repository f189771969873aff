//! Random requests: hostile ones never panic, honest ones always pass.

use http::{HeaderName, HeaderValue, Request};
use proptest::prelude::*;
use wire::{
    Timestamp,
    sigv4::{Scope, Signer, SigningKey},
};

use crate::support::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn hostile_heads_never_panic(
        authorization in any::<Vec<u8>>(),
        header in any::<Vec<u8>>(),
        name in "(x-amz-date|x-amz-security-token|host|date|x-amz-content-sha256)",
        query in "[\\x21-\\x7e&&[^#]]{0,200}",
        path in "/[/.a-z%0-9+]{0,40}",
        body in any::<Vec<u8>>(),
        now in any::<i64>(),
    ) {
        let header_values = [(HeaderName::from_static("authorization"), authorization), (name.parse().unwrap(), header)];
        for uri in [path.clone(), format!("{path}?{query}"), format!("{path}?X-Amz-Signature=0&{query}")] {
            let Ok(mut request) = Request::post(uri).body(()) else { continue };
            for (name, value) in &header_values {
                if let Ok(value) = HeaderValue::from_bytes(value) {
                    request.headers_mut().append(name, value);
                }
            }
            let _ = check(&request.into_parts().0, &body, Timestamp(now));
        }
    }

    #[test]
    fn changed_bytes_of_an_authorization_never_pass(index in 0usize..200, byte in 0x20u8..0x7f) {
        let (mut parts, body) = kms_request();
        let mut value = parts.headers["authorization"].as_bytes().to_vec();
        let index = index % value.len();
        prop_assume!(value[index] != byte);
        // White space and empty elements between commas mean nothing.
        prop_assume!(byte != b' ' && byte != b',' && value[index] != b' ');
        value[index] = byte;
        parts.headers.insert("authorization", HeaderValue::from_bytes(&value).unwrap());
        prop_assert!(check(&parts, &body, NOW).is_err());
    }

    #[test]
    fn whatever_is_signed_is_verified(
        path in "(/[a-zA-Z0-9._~%+!:@-]{1,8}){0,4}/?",
        query in "([a-zA-Z0-9._~%+-]{1,6}=[a-zA-Z0-9._~%+/:-]{0,6}&){0,5}",
        value in "[ -~]{0,40}",
        service in "(s3|kms|lambda)",
        body in any::<Vec<u8>>(),
        expires in 1u32..=604_800,
    ) {
        let scope = Scope::at(NOW, "eu-west-1", &service);
        let key = SigningKey::derive(SECRET.as_bytes(), &scope);
        let signer = Signer { access_key_id: ID, session_token: Some("token/+="), scope: &scope, key: &key };
        let path = if path.is_empty() { "/".to_owned() } else { path };
        let request = Request::post(format!("http://h.example{path}?{query}")).header("x-amz-meta-a", value);
        let original = request.body(()).unwrap().into_parts().0;
        let mut parts = original.clone();
        signer.sign(&mut parts, &body, NOW).unwrap();
        prop_assert!(check(&parts, &body, NOW).is_ok());
        let mut parts = original;
        signer.presign(&mut parts, &body, NOW, expires).unwrap();
        prop_assert!(check(&parts, &body, NOW).is_ok());
    }
}
