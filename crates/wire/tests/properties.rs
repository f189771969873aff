//! Random values of the sample service survive every codec, and random bytes none of them harm.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail loudly too")]

#[path = "sample/api.rs"]
pub mod api;
#[path = "dynamic/mod.rs"]
mod dynamic;

use api::*;
use dynamic::Value;
use http::Request;
use proptest::{collection, prelude::*, sample::Index, string::string_regex};
use wire::{Document, Kind, Protocol, Schema, Shape, Timestamp, Unit, decode, decode_into, encode};

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

/// A value of the schema that keeps its constraints.
fn value(schema: &'static Schema, depth: u32) -> BoxedStrategy<Value> {
    match schema.kind {
        Kind::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        Kind::Integer => {
            let (min, max) = (schema.min.unwrap_or(i32::MIN.into()), schema.max.unwrap_or(i32::MAX.into()));
            (min..=max).prop_map(Value::Integer).boxed()
        }
        Kind::Long => any::<i64>().prop_map(Value::Integer).boxed(),
        Kind::Float => any::<f32>().prop_map(|single| Value::Double(single.into())).boxed(),
        Kind::Double => any::<f64>().prop_map(Value::Double).boxed(),
        Kind::String if !schema.values.is_empty() => {
            prop::sample::select(schema.values).prop_map(|text| Value::String(text.to_owned())).boxed()
        }
        Kind::String if schema.pattern.is_some() => {
            string_regex("[a-zA-Z][a-zA-Z0-9_-]{0,15}").unwrap().prop_map(Value::String).boxed()
        }
        Kind::String => text(schema).prop_map(Value::String).boxed(),
        Kind::Blob => {
            let (min, max) = bounds(schema);
            collection::vec(any::<u8>(), min..=max).prop_map(Value::Blob).boxed()
        }
        Kind::Timestamp => {
            let whole = schema.timestamp_format == Some(wire::TimestampFormat::Rfc822);
            let step = if whole { 1000 } else { 1 };
            (Timestamp::MIN.0 / step..=Timestamp::MAX.0 / step)
                .prop_map(move |time| Value::Timestamp(Timestamp(time * step)))
                .boxed()
        }
        Kind::Document => document(2).prop_map(Value::Document).boxed(),
        Kind::List => {
            let (min, max) = bounds(schema);
            let max = if depth == 0 { min } else { max.min(3) };
            let item = value(schema.element.unwrap().schema, depth.saturating_sub(1));
            collection::vec(item, min..=max).prop_map(Value::List).boxed()
        }
        Kind::Map => {
            let max = if depth == 0 { 0 } else { 3 };
            let item = value(schema.value.unwrap().schema, depth.saturating_sub(1));
            collection::btree_map(text(schema.key.unwrap().schema), item, 0..=max)
                .prop_map(Value::Map)
                .boxed()
        }
        Kind::Structure => {
            let fields = schema.members.iter().map(|member| {
                let nested =
                    matches!(member.schema.kind, Kind::Structure | Kind::Union | Kind::List | Kind::Map);
                if !member.required && nested && depth == 0 {
                    return Just(Value::Absent).boxed();
                }
                let value = value(member.schema, depth.saturating_sub(1));
                if member.required { value } else { prop_oneof![Just(Value::Absent), value].boxed() }
            });
            fields.collect::<Vec<_>>().prop_map(Value::Structure).boxed()
        }
        Kind::Union => {
            let first = value(schema.members[0].schema, 0);
            let mut choices = vec![first.prop_map(|value| Value::Union(0, Box::new(value))).boxed()];
            if depth > 0 {
                for (index, member) in schema.members.iter().enumerate().skip(1) {
                    let value = value(member.schema, depth - 1);
                    choices.push(value.prop_map(move |value| Value::Union(index, Box::new(value))).boxed());
                }
            }
            prop::strategy::Union::new(choices).boxed()
        }
    }
}

fn bounds(schema: &'static Schema) -> (usize, usize) {
    let bound = |bound: Option<i64>, or: usize| bound.map_or(or, |bound| usize::try_from(bound).unwrap());
    let min = bound(schema.min, 0);
    (min, bound(schema.max, min + 8).min(min + 8))
}

fn text(schema: &'static Schema) -> BoxedStrategy<String> {
    let (min, max) = bounds(schema);
    collection::vec(any::<char>(), min..=max).prop_map(|chars| chars.into_iter().collect()).boxed()
}

fn document(depth: u32) -> BoxedStrategy<Document> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Document::Boolean),
        any::<i64>().prop_map(Document::Integer),
        prop::num::f64::NORMAL.prop_map(Document::Double),
        any::<String>().prop_map(Document::String),
    ];
    leaf.prop_recursive(depth, 8, 3, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..3).prop_map(Document::List),
            collection::btree_map(any::<String>(), inner, 0..3).prop_map(Document::Map),
        ]
    })
    .boxed()
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
