//! Reads form parameters straight into typed values.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::parameter_name;
use crate::{
    constraint::{self, Seen, Trace},
    container::kept_max,
    field::{Choice, Entries, Field, Items, Malformed, Reader},
    schema::{Element, Member, Schema, TimestampFormat},
    sigv4::{decode_query, query_pairs},
    text,
    types::{Blob, Document, Timestamp},
};

/// Most parameters of one request.
pub const PARAMETERS_MAX: usize = 10_000;

/// A reader placed at one parameter, or at all that begin with one name.
#[derive(Debug)]
pub struct QueryReader<'a> {
    /// In the order of their names, so that the parameters of a place stand together.
    parameters: Vec<Parameter<'a>>,
    place: Place,
    trace: Trace,
}

#[derive(Debug)]
struct Parameter<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
}

/// A place in the tree that the names make: of `Tags.member.1.Key`, `Tags.member` is one.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The first of its parameters.
    start: usize,
    /// After the last of its parameters.
    end: usize,
    /// Length in bytes of the place's own name, with which all its parameters begin. Zero only for the root.
    length: usize,
    /// Whether the list or map here stands directly in its parent, without `member` or `entry`.
    flattened: bool,
}

impl Place {
    /// Length of what the names of places directly below begin with.
    fn prefix(self) -> usize {
        self.length.saturating_add(usize::from(self.length > 0))
    }
}

impl<'a> QueryReader<'a> {
    /// Begins above all parameters of some forms.
    ///
    /// # Errors
    /// If a form is not UTF-8, or a parameter is there twice, or there are too many.
    pub fn new(forms: &[&'a str]) -> Result<Self, Malformed> {
        let mut parameters = Vec::with_capacity(16);
        for (index, (name, value)) in forms.iter().flat_map(|form| query_pairs(form)).enumerate() {
            if index >= PARAMETERS_MAX {
                return Err(Malformed::new("too many parameters"));
            }
            let (Some(name), Some(value)) = (decode_query(name), decode_query(value)) else {
                return Err(Malformed::new("a parameter is not UTF-8"));
            };
            // No member's name has such bytes. Without them the point sorts before all that can stand in its place,
            // and the parameters of `Tag` and `Tag.1` are not parted by a `Tag-2`.
            if name.bytes().all(|byte| byte >= b'.') {
                parameters.push(Parameter { name, value });
            }
        }
        parameters.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        if parameters.windows(2).any(|pair| matches!(pair, [a, b] if a.name == b.name)) {
            return Err(Malformed::new("a parameter is there twice"));
        }
        let place = Place { start: 0, end: parameters.len(), length: 0, flattened: false };
        Ok(QueryReader { parameters, place, trace: Trace::default() })
    }

    /// Ends the reading.
    pub fn finish(self) -> Trace {
        self.trace
    }

    fn parameter(&self, index: usize) -> Option<&Parameter<'a>> {
        self.parameters.get(index).filter(|_| index < self.place.end)
    }

    /// The value of the parameter that has this place's very name.
    fn own_value(&self) -> Option<&str> {
        let first = self.parameter(self.place.start)?;
        (first.name.len() == self.place.length && self.place.length > 0).then_some(first.value.as_ref())
    }

    /// The value of this place, which must have one and nothing below.
    fn scalar(&self) -> Result<&str, Malformed> {
        match (self.own_value(), self.place.end.saturating_sub(self.place.start)) {
            (Some(value), 1) => Ok(value),
            (None, 0) => Err(self.wrong("must have a value")),
            // As AWS says it.
            _ => Err(Malformed::new("Start of list found where not expected")),
        }
    }

    /// Index of the first parameter below this place. The place of a container may have a value only if that is empty,
    /// which is the form of an empty list.
    fn below(&self, what: &'static str) -> Result<usize, Malformed> {
        match self.own_value() {
            None => Ok(self.place.start),
            Some("") => Ok(self.place.start.saturating_add(1)),
            Some(_) => Err(Malformed::new(what)),
        }
    }

    /// The place directly below this one that the parameter at `index` belongs to, and the last step of its name.
    fn child(&self, index: usize) -> Option<(&str, Place)> {
        let from = self.place.prefix();
        let rest = self.parameter(index)?.name.get(from..)?;
        let step = rest.get(..rest.bytes().position(|byte| byte == b'.').unwrap_or(rest.len()))?;
        let length = from.saturating_add(step.len());
        let belongs = |parameter: &&Parameter<'_>| {
            let name = parameter.name.as_bytes();
            name.get(from..length) == Some(step.as_bytes()) && matches!(name.get(length), None | Some(b'.'))
        };
        let after = self.parameters.get(index..self.place.end)?;
        let end = index.saturating_add(after.iter().take_while(belongs).count());
        Some((step, Place { start: index, end, length, flattened: false }))
    }

    /// The name of this place, for messages.
    fn name(&self) -> &str {
        let first = self.parameters.get(self.place.start);
        first.and_then(|parameter| parameter.name.get(..self.place.length)).unwrap_or_default()
    }

    fn wrong(&self, what: &str) -> Malformed {
        Malformed(format!("{} {what}", self.name()).into())
    }

    /// Goes to `place`, does something there, and comes back.
    fn at<T>(&mut self, place: Place, act: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.place, place);
        let result = act(self);
        self.place = outer;
        result
    }

    fn member(
        &mut self,
        mut place: Place,
        member: &'static Member,
        slot: &mut dyn Field,
    ) -> Result<(), Malformed> {
        place.flattened = member.flattened || member.schema.flattened;
        let mark = self.trace.mark();
        self.at(place, |reader| slot.read(reader, member.schema))?;
        self.trace.member(mark, member);
        Ok(())
    }

    /// The places of the items of the list or map here, in the order of their numbers, in which gaps do not matter.
    /// Between this place and the numbers is `step`, unless the list is flattened.
    fn items(&mut self, step: &str) -> Result<Vec<Place>, Malformed> {
        if self.place.flattened {
            return self.numbered();
        }
        let first = self.below(NO_LIST)?;
        let Some((found, place)) = self.child(first) else { return Ok(Vec::new()) };
        if found != step || place.end != self.place.end {
            return Err(self.wrong(&format!("must be a list: {}.{step}.1 and so on", self.name())));
        }
        self.at(place, |reader| reader.numbered())
    }

    fn numbered(&self) -> Result<Vec<Place>, Malformed> {
        let mut index = self.below(NO_LIST)?;
        let mut items: Vec<(usize, Place)> = Vec::new();
        while let Some((step, place)) = self.child(index) {
            // Only one way to write a number, or two items could have the same one.
            let canonical =
                step.bytes().all(|byte| byte.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
            let number = step.parse().ok().filter(|_| canonical);
            items.push((number.ok_or_else(|| self.wrong("must be a list: items have numbers"))?, place));
            index = place.end;
        }
        items.sort_unstable_by_key(|(number, _)| *number);
        Ok(items.into_iter().map(|(_, place)| place).collect())
    }

    /// The key and the place of the value of the map entry at this place. A value without parameters is an empty
    /// structure, if it can be one.
    fn entry(&mut self, schema: &'static Schema) -> Result<(String, Place), Malformed> {
        let (key_name, value_name) = (element_name(schema.key, "key"), element_name(schema.value, "value"));
        let mut key = None;
        let mut value = Place { end: self.place.start, ..self.place };
        let mut index = self.below(NO_LIST)?;
        while let Some((step, place)) = self.child(index) {
            index = place.end;
            if step == key_name {
                key = Some(place);
            } else if step == value_name {
                value = place;
            }
        }
        let key = key.ok_or_else(|| self.wrong(&format!("must have a {key_name}")))?;
        let key = self.at(key, |reader| reader.scalar().map(str::to_owned))?;
        Ok((key, value))
    }
}

const NO_LIST: &str = "Unexpected list element termination";
const NO_STRUCTURE: &str = "Unexpected complex element termination";

/// The member that the parameters of `step` belong to; looks at `hint` first. A flattened list that is called as its
/// items are is called by its own name all the same where it is empty.
fn find(schema: &'static Schema, step: &str, hint: usize) -> Option<(usize, &'static Member)> {
    schema.find(step, hint).or_else(|| {
        let renamed = |member: &Member| parameter_name(member) == step;
        let index = schema.members.iter().position(renamed)?;
        schema.members.get(index).map(|member| (index, member))
    })
}

fn element_name(element: Option<Element>, default: &'static str) -> &'static str {
    element.and_then(|element| element.xml_name).unwrap_or(default)
}

impl Reader for QueryReader<'_> {
    fn trace(&mut self) -> &mut Trace {
        &mut self.trace
    }

    fn boolean(&mut self, _schema: &'static Schema) -> Result<bool, Malformed> {
        text::boolean(self.scalar()?).ok_or_else(|| self.wrong("must be true or false"))
    }

    fn integer(&mut self, schema: &'static Schema) -> Result<i64, Malformed> {
        text::integer(self.scalar()?, schema.kind).ok_or_else(|| self.wrong("must be a whole number"))
    }

    fn double(&mut self, _schema: &'static Schema) -> Result<f64, Malformed> {
        text::double(self.scalar()?).ok_or_else(|| self.wrong("must be a number"))
    }

    fn text(&mut self, _schema: &'static Schema) -> Result<Cow<'_, str>, Malformed> {
        self.scalar().map(Cow::Borrowed)
    }

    fn blob(&mut self, _schema: &'static Schema) -> Result<Blob, Malformed> {
        STANDARD.decode(self.scalar()?).map(Blob).map_err(|_| self.wrong("must be base64"))
    }

    fn timestamp(&mut self, schema: &'static Schema) -> Result<Timestamp, Malformed> {
        let format = schema.timestamp_format.unwrap_or(TimestampFormat::Iso8601);
        text::timestamp(self.scalar()?, format).ok_or_else(|| self.wrong("must be a timestamp"))
    }

    fn document(&mut self, _schema: &'static Schema) -> Result<Document, Malformed> {
        Err(Malformed::new("open values have no form in this protocol"))
    }

    fn list(&mut self, schema: &'static Schema, items: &mut dyn Items) -> Result<usize, Malformed> {
        let Some(element) = schema.element else { return Err(Malformed::new("not a list")) };
        self.trace.enter()?;
        let places = self.items(element_name(schema.element, "member"))?;
        for (index, place) in places.iter().enumerate() {
            self.trace.count_item()?;
            let Some(slot) = (index < kept_max(schema)).then(|| items.push()).flatten() else { continue };
            let mark = self.trace.mark();
            self.at(*place, |reader| slot.read(reader, element.schema))?;
            self.trace.item(mark, index);
        }
        self.trace.leave();
        Ok(places.len())
    }

    fn map(&mut self, schema: &'static Schema, entries: &mut dyn Entries) -> Result<usize, Malformed> {
        let Some(element) = schema.value else { return Err(Malformed::new("not a map")) };
        self.trace.enter()?;
        let places = self.items("entry")?;
        for place in places.iter().take(kept_max(schema)) {
            self.trace.count_item()?;
            let (key, value) = self.at(*place, |reader| reader.entry(schema))?;
            constraint::key(&mut self.trace, schema, &key);
            let mark = self.trace.mark();
            let slot = entries.entry(key.clone());
            slot.clear();
            self.at(value, |reader| slot.read(reader, element.schema))?;
            self.trace.entry(mark, schema, &key);
        }
        self.trace.leave();
        Ok(places.len())
    }

    fn structure(&mut self, schema: &'static Schema, slots: &mut [&mut dyn Field]) -> Result<(), Malformed> {
        let mut seen = Seen::default();
        let mut hint: usize = 0;
        self.trace.enter()?;
        let mut index = self.below(NO_STRUCTURE)?;
        while let Some((step, place)) = self.child(index) {
            index = place.end;
            let Some((at, member)) = find(schema, step, hint) else { continue };
            let Some(slot) = slots.get_mut(at) else {
                return Err(Malformed::new("more members than fields"));
            };
            hint = at.saturating_add(1);
            if seen.set(at, true) {
                return Err(Malformed::new("a parameter is there twice, under two names"));
            }
            self.member(place, member, &mut **slot)?;
        }
        self.trace.leave();
        constraint::required(&mut self.trace, schema, &seen);
        Ok(())
    }

    fn union(&mut self, schema: &'static Schema, choice: &mut dyn Choice) -> Result<(), Malformed> {
        self.trace.enter()?;
        let first = self.below(NO_STRUCTURE)?;
        let (step, place) = self.child(first).ok_or(Malformed::new("union without a member"))?;
        if place.end != self.place.end {
            return Err(Malformed::new("more than one member of a union"));
        }
        let found = find(schema, step, 0);
        let slot = found.and_then(|(index, member)| choice.choose(index).map(|slot| (member, slot)));
        let (member, slot) = slot.ok_or(Malformed::new("unknown member of a union"))?;
        self.member(place, member, slot)?;
        self.trace.leave();
        Ok(())
    }
}
