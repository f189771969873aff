//! Puts the parts of a request into the members of an input.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::{
    Place,
    text::{Given, TextReader},
};
use crate::{
    constraint::{self, Seen, Trace},
    container::{self, Syntax as _},
    field::{Choice, Entries, Field, Items, Malformed, Reader},
    json::JsonReader,
    model::OperationModel,
    query::PARAMETERS_MAX,
    route::labels,
    schema::{Kind, Location, Member, Schema},
    sigv4::{decode_query, query_pairs},
    types::{Blob, Document, Timestamp},
};

/// A reader placed above a whole request, whose input is a structure.
#[derive(Debug)]
pub(super) struct RestReader<'a> {
    operation: &'a OperationModel,
    parts: &'a Parts,
    body: &'a [u8],
    trace: Trace,
}

impl<'a> RestReader<'a> {
    pub(super) fn new(operation: &'a OperationModel, parts: &'a Parts, body: &'a [u8]) -> Self {
        RestReader { operation, parts, body, trace: Trace::default() }
    }

    pub(super) fn finish(self) -> Trace {
        self.trace
    }

    /// What the request has for a member outside of the body.
    fn given(&self, member: &'static Member, bound: &Bound<'a>) -> Result<Vec<Given<'a>>, Malformed> {
        Ok(match member.location {
            Location::Label => {
                bound.labels.iter().filter(|given| given.name == member.wire).cloned().collect()
            }
            Location::Query => bound.named(member.wire).to_vec(),
            Location::QueryMap => bound.unsigned(),
            Location::Header => self.header(member)?,
            Location::Prefix => self.prefix(member),
            Location::Body | Location::Payload | Location::StatusCode => Vec::new(),
        })
    }

    fn header(&self, member: &'static Member) -> Result<Vec<Given<'a>>, Malformed> {
        let lines = self.parts.headers.get_all(member.wire).iter().map(|value| {
            let value = Cow::Borrowed(value.as_bytes());
            let value = if member.json_value {
                let decoded = STANDARD.decode(value).map(Cow::Owned);
                decoded.map_err(|_| Malformed(format!("the header {} must be base64", member.wire).into()))?
            } else {
                value
            };
            Ok(Given { name: Cow::Borrowed(member.wire), value })
        });
        lines.collect()
    }

    fn prefix(&self, member: &'static Member) -> Vec<Given<'a>> {
        // The names of headers arrive in lower case.
        let prefix = member.wire.to_ascii_lowercase();
        let headers = self.parts.headers.iter();
        let matching = headers.filter_map(|(name, value)| {
            let key = name.as_str().strip_prefix(&*prefix).filter(|key| !key.is_empty())?;
            Some(Given { name: Cow::Borrowed(key), value: Cow::Borrowed(value.as_bytes()) })
        });
        matching.collect()
    }

    /// Reads the body as JSON; `read` returns whether there was anything.
    fn json(
        &mut self,
        read: impl FnOnce(&mut JsonReader<'a>) -> Result<bool, Malformed>,
    ) -> Result<bool, Malformed> {
        let text = std::str::from_utf8(self.body).map_err(|_| Malformed::new("the body is not UTF-8"))?;
        if text.trim_ascii().is_empty() {
            return Ok(false);
        }
        let mut json = JsonReader::new(text);
        // One trace for all places: its limits are those of the request.
        std::mem::swap(json.trace(), &mut self.trace);
        let there = read(&mut json)?;
        self.trace = json.finish()?;
        Ok(there)
    }

    /// Reads the whole body into one member. Returns whether it was there.
    fn payload(&mut self, member: &'static Member, slot: &mut dyn Field) -> Result<bool, Malformed> {
        if !matches!(member.schema.kind, Kind::Blob | Kind::String) {
            return self.json(|json| {
                if json.null()? {
                    return Ok(false);
                }
                slot.read(json, member.schema)?;
                Ok(true)
            });
        }
        // Nothing is no value, unless there must be one.
        if self.body.is_empty() && !member.required {
            return Ok(false);
        }
        let given = [Given { name: Cow::Borrowed(member.wire), value: Cow::Borrowed(self.body) }];
        slot.read(&mut TextReader::new(&given, Place::Payload, &mut self.trace), member.schema)?;
        Ok(true)
    }
}

/// What the path and the query string say.
#[derive(Debug)]
struct Bound<'a> {
    labels: Vec<Given<'a>>,
    /// In the order of their names; those of one name as they came.
    query: Vec<Given<'a>>,
}

impl<'a> Bound<'a> {
    /// Reads as much as the members of `schema` need.
    fn new(operation: &OperationModel, parts: &'a Parts, schema: &'static Schema) -> Result<Self, Malformed> {
        let any = |of: &[Location]| schema.members.iter().any(|member| of.contains(&member.location));
        let mut bound = Bound { labels: Vec::new(), query: Vec::new() };
        if any(&[Location::Label]) {
            bound.labels.extend(labels(operation.uri, parts.uri.path()).into_iter().map(|(name, value)| {
                Given { name: Cow::Borrowed(name), value: Cow::from(percent_decode_str(value)) }
            }));
        }
        if any(&[Location::Query, Location::QueryMap]) {
            for (index, (name, value)) in query_pairs(parts.uri.query().unwrap_or("")).enumerate() {
                if index >= PARAMETERS_MAX {
                    return Err(Malformed::new("too many query parameters"));
                }
                let (Some(name), Some(value)) = (decode_query(name), decode_query(value)) else {
                    return Err(Malformed::new("a query parameter is not UTF-8"));
                };
                let value = match value {
                    Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                    Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                };
                bound.query.push(Given { name, value });
            }
            bound.query.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(bound)
    }

    fn named(&self, name: &str) -> &[Given<'a>] {
        let start = self.query.partition_point(|given| &*given.name < name);
        let rest = self.query.get(start..).unwrap_or_default();
        let end = rest.partition_point(|given| given.name == name);
        rest.get(..end).unwrap_or_default()
    }

    /// All parameters but those of a signature.
    fn unsigned(&self) -> Vec<Given<'a>> {
        self.query.iter().filter(|given| !given.name.starts_with("X-Amz-")).cloned().collect()
    }
}

const NO_STRUCTURE: Malformed = Malformed::new("the input is not a structure");

impl Reader for RestReader<'_> {
    fn trace(&mut self) -> &mut Trace {
        &mut self.trace
    }

    fn boolean(&mut self, _schema: &'static Schema) -> Result<bool, Malformed> {
        Err(NO_STRUCTURE)
    }

    fn integer(&mut self, _schema: &'static Schema) -> Result<i64, Malformed> {
        Err(NO_STRUCTURE)
    }

    fn double(&mut self, _schema: &'static Schema) -> Result<f64, Malformed> {
        Err(NO_STRUCTURE)
    }

    fn text(&mut self, _schema: &'static Schema) -> Result<Cow<'_, str>, Malformed> {
        Err(NO_STRUCTURE)
    }

    fn blob(&mut self, _schema: &'static Schema) -> Result<Blob, Malformed> {
        Err(NO_STRUCTURE)
    }

    fn timestamp(&mut self, _schema: &'static Schema) -> Result<Timestamp, Malformed> {
        Err(NO_STRUCTURE)
    }

    fn document(&mut self, _schema: &'static Schema) -> Result<Document, Malformed> {
        Err(NO_STRUCTURE)
    }

    fn list(&mut self, _schema: &'static Schema, _items: &mut dyn Items) -> Result<usize, Malformed> {
        Err(NO_STRUCTURE)
    }

    fn map(&mut self, _schema: &'static Schema, _entries: &mut dyn Entries) -> Result<usize, Malformed> {
        Err(NO_STRUCTURE)
    }

    fn structure(&mut self, schema: &'static Schema, slots: &mut [&mut dyn Field]) -> Result<(), Malformed> {
        let bound = Bound::new(self.operation, self.parts, schema)?;
        let mut seen = Seen::default();
        let mut in_body = false;
        for (index, (member, slot)) in schema.members.iter().zip(&mut *slots).enumerate() {
            let mark = self.trace.mark();
            let place = match member.location {
                Location::StatusCode => continue,
                Location::Body => {
                    in_body = true;
                    continue;
                }
                Location::Label => Place::Label,
                Location::Query | Location::QueryMap => Place::Query,
                Location::Header | Location::Prefix => Place::Header,
                Location::Payload => Place::Payload,
            };
            let there = if place == Place::Payload {
                self.payload(member, &mut **slot)?
            } else {
                let given = self.given(member, &bound)?;
                if !given.is_empty() {
                    slot.read(&mut TextReader::new(&given, place, &mut self.trace), member.schema)?;
                }
                !given.is_empty()
            };
            seen.set(index, there);
            self.trace.member(mark, member);
        }
        if in_body {
            self.json(|json| container::members(json, schema, slots, &mut seen, true).map(|()| true))?;
        }
        constraint::required(&mut self.trace, schema, &seen);
        Ok(())
    }

    fn union(&mut self, _schema: &'static Schema, _choice: &mut dyn Choice) -> Result<(), Malformed> {
        Err(NO_STRUCTURE)
    }
}
