//! Random values of the sample service survive every codec, and random bytes none of them harm.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail loudly too")]

#[path = "sample/api.rs"]
pub mod api;
#[path = "dynamic/mod.rs"]
mod dynamic;
#[path = "dynamic/random.rs"]
mod random;

use api::*;
use dynamic::Value;
use http::Request;
use proptest::{collection, prelude::*, sample::Index};
use random::value;
use wire::{Protocol, Shape, Unit, decode, decode_into, encode};

const PROTOCOLS: [Protocol; 2] = [Protocol::Json11, Protocol::Cbor];

/// Decodes and encodes `body` as the typed shape `T`, and as a dynamic value.
fn twice<T: Shape>(protocol: Protocol, body: &[u8]) -> Result<(Vec<u8>, Vec<u8>), wire::Rejection> {
    let parts = Request::new(()).into_parts().0;
    let model = MODEL.operation("PutItem").unwrap();
    let typed: T = decode(protocol, &MODEL, model, &parts, body)?;
    let mut dynamic = Value::default();
    decode_into(protocol, &MODEL, model, &parts, body, &mut dynamic, T::SCHEMA)?;
    let _text = format!("{typed:?}");
    wire::trail_json(&typed, T::SCHEMA, &mut Vec::new());
    let written = |value: &dyn wire::Field| encode(protocol, &MODEL, model, value, T::SCHEMA, "").body;
    Ok((written(&typed), written(&dynamic)))
}

/// Writes `value`, reads it as `T` and as a dynamic value, and wants the same bytes back from both.
fn survives<T: Shape>(value: &Value) -> Result<(), TestCaseError> {
    for protocol in PROTOCOLS {
        let body = encode(protocol, &MODEL, MODEL.operation("PutItem").unwrap(), value, T::SCHEMA, "").body;
        match twice::<T>(protocol, &body) {
            Ok((typed, dynamic)) => {
                prop_assert_eq!(&typed, &body);
                prop_assert_eq!(&dynamic, &body);
            }
            Err(rejection) => prop_assert!(false, "{protocol:?} {}: {value:?}", rejection.message()),
        }
    }
    Ok(())
}

/// Reads bytes that may be anything; what is read must be writable.
fn harmless(body: &[u8]) {
    for protocol in PROTOCOLS {
        let _outcomes = (
            twice::<CreateNodeRequest>(protocol, body).is_ok(),
            twice::<EncryptRequest>(protocol, body).is_ok(),
            twice::<PutItemRequest>(protocol, body).is_ok(),
            twice::<ListNodesResponse>(protocol, body).is_ok(),
            twice::<Unit>(protocol, body).is_ok(),
        );
    }
}

proptest! {
    #[test]
    fn recursive_structures_survive(value in value(&CREATE_NODE_REQUEST, 5)) {
        survives::<CreateNodeRequest>(&value)?;
    }

    #[test]
    fn scalars_survive(value in value(&PUT_ITEM_REQUEST, 3)) {
        survives::<PutItemRequest>(&value)?;
    }

    #[test]
    fn maps_and_enums_survive(value in value(&ENCRYPT_REQUEST, 3)) {
        survives::<EncryptRequest>(&value)?;
    }

    #[test]
    fn lists_survive(value in value(&LIST_NODES_RESPONSE, 4)) {
        survives::<ListNodesResponse>(&value)?;
    }

    #[test]
    fn random_bytes_are_harmless(body in collection::vec(any::<u8>(), 0..64)) {
        harmless(&body);
    }

    #[test]
    fn random_json_like_text_is_harmless(body in r#"[{}\[\]":,\\0-9eE.+\-ntu truefalsKyIdNodeName]{0,64}"#) {
        harmless(body.as_bytes());
    }

    #[test]
    fn damaged_bodies_are_harmless(
        value in value(&CREATE_NODE_REQUEST, 4),
        damage in collection::vec((any::<Index>(), any::<u8>()), 1..4),
        cut in any::<Option<Index>>(),
    ) {
        for protocol in PROTOCOLS {
            let model = MODEL.operation("CreateNode").unwrap();
            let mut body = encode(protocol, &MODEL, model, &value, &CREATE_NODE_REQUEST, "").body;
            for (index, byte) in &damage {
                let at = index.index(body.len());
                body[at] = *byte;
            }
            if let Some(cut) = cut {
                body.truncate(cut.index(body.len()));
            }
            harmless(&body);
        }
    }
}
