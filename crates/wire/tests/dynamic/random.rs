//! Random values of any schema.

use proptest::{collection, prelude::*, string::string_regex};
use wire::{Document, Kind, Schema, Timestamp};

use crate::dynamic::Value;

/// A value of the schema that keeps its constraints.
pub(crate) fn value(schema: &'static Schema, depth: u32) -> BoxedStrategy<Value> {
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
