//! Reads form parameters straight into typed values.

use std::{borrow::Cow, fmt::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    constraint::{self, Seen, Trace},
    field::{Choice, Entries, Field, Items, Malformed, Reader, fits},
    schema::{Element, Kind, Member, Schema, TimestampFormat},
    sigv4::{decode_query, query_pairs},
    types::{Blob, Document, Timestamp},
};

/// Most parameters of one request.
pub const PARAMETERS_MAX: usize = 10_000;

/// A reader placed at one parameter, or at all that begin with one name.
#[derive(Debug)]
pub struct QueryReader<'a> {
    /// All parameters, in the order of their names.
    parameters: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Where the reader is: `Tags.member.1`.
    place: String,
    /// Whether the list or map at this place stands directly in its parent.
    flattened: bool,
    trace: Trace,
}

impl<'a> QueryReader<'a> {
    /// Begins above all parameters of a form.
    ///
    /// # Errors
    /// If the form is not UTF-8, or has a parameter twice or too many of them.
    pub fn new(form: &'a str) -> Result<Self, Malformed> {
        let mut parameters = Vec::with_capacity(16);
        for (name, value) in query_pairs(form) {
            let decoded = decode_query(name).zip(decode_query(value));
            parameters.push(decoded.ok_or(Malformed::new("a parameter is not UTF-8"))?);
            if parameters.len() > PARAMETERS_MAX {
                return Err(Malformed::new("too many parameters"));
            }
        }
        parameters.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        if parameters.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a == b)) {
            return Err(Malformed::new("a parameter is there twice"));
        }
        Ok(QueryReader { parameters, place: String::new(), flattened: false, trace: Trace::default() })
    }

    /// Ends the reading.
    pub fn finish(self) -> Trace {
        self.trace
    }

    /// The value of the parameter at this place.
    fn scalar(&self) -> Result<&str, Malformed> {
        let found = self.parameters.binary_search_by(|(name, _)| name.as_ref().cmp(&self.place));
        let value = found.ok().and_then(|index| self.parameters.get(index)).map(|(_, value)| value.as_ref());
        value.ok_or_else(|| Malformed(format!("{} must have a value of its own", self.place).into()))
    }

    /// The parameters whose names begin with this place and a point.
    fn below(&self) -> &[(Cow<'a, str>, Cow<'a, str>)] {
        if self.place.is_empty() {
            return &self.parameters;
        }
        let place = self.place.as_bytes();
        let is_before = |name: &str| match name.as_bytes().split_at_checked(place.len()) {
            Some((head, tail)) if head == place => tail.first().is_none_or(|byte| *byte < b'.'),
            _ => name.as_bytes() < place,
        };
        let is_below = |name: &str| name.strip_prefix(&*self.place).is_some_and(|tail| tail.starts_with('.'));
        let start = self.parameters.partition_point(|(name, _)| is_before(name));
        let rest = self.parameters.get(start..).unwrap_or(&[]);
        let end = rest.partition_point(|(name, _)| is_below(name));
        rest.get(..end).unwrap_or(&[])
    }

    fn is_here(&self) -> bool {
        let exact = self.parameters.binary_search_by(|(name, _)| name.as_ref().cmp(&self.place));
        exact.is_ok() || !self.below().is_empty()
    }

    /// Goes to `step` below this place, does something there, and comes back.
    fn within<T>(&mut self, step: &str, act: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.place.len();
        if length > 0 && !step.is_empty() {
            self.place.push('.');
        }
        self.place.push_str(step);
        let flattened = std::mem::take(&mut self.flattened);
        let result = act(self);
        self.place.truncate(length);
        self.flattened = flattened;
        result
    }

    /// The numbers that stand at this place, in their order: `1`, `2`, … of a list.
    fn numbers(&self) -> Vec<usize> {
        let skip = self.place.len().saturating_add(1);
        let steps = self.below().iter().filter_map(|(name, _)| name.get(skip..)?.split('.').next());
        let mut numbers: Vec<usize> = steps.filter_map(|step| step.parse().ok()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    fn wrong(&self, what: &str) -> Malformed {
        Malformed(format!("{} must be {what}", self.place).into())
    }

    fn member(&mut self, member: &'static Member, slot: &mut dyn Field) -> Result<bool, Malformed> {
        let flattened = member.flattened || member.schema.flattened;
        let name = member_name(member, flattened);
        self.within(name, |reader| {
            if !reader.is_here() {
                return Ok(false);
            }
            reader.flattened = flattened;
            let mark = reader.trace.mark();
            slot.read(reader, member.schema)?;
            reader.trace.member(mark, member);
            Ok(true)
        })
    }

    fn element(
        &mut self,
        number: usize,
        step: Option<&str>,
        act: impl FnOnce(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let mut text = String::with_capacity(8);
        let _infallible = write!(text, "{number}");
        if let Some(step) = step {
            text.push('.');
            text.push_str(step);
        }
        self.within(&text, act)
    }
}

/// The name of a member's parameters. Of a flattened list whose items have a name, that name takes the member's place.
fn member_name(member: &'static Member, flattened: bool) -> &'static str {
    let item = member.schema.element.filter(|_| flattened && member.schema.kind == Kind::List);
    item.and_then(|item| item.xml_name).unwrap_or(member.wire)
}

fn element_name(element: Option<Element>, default: &'static str) -> &'static str {
    element.and_then(|element| element.xml_name).unwrap_or(default)
}

impl Reader for QueryReader<'_> {
    fn trace(&mut self) -> &mut Trace {
        &mut self.trace
    }

    fn boolean(&mut self, _schema: &'static Schema) -> Result<bool, Malformed> {
        let text = self.scalar()?;
        if text.eq_ignore_ascii_case("true") {
            Ok(true)
        } else if text.eq_ignore_ascii_case("false") {
            Ok(false)
        } else {
            Err(self.wrong("true or false"))
        }
    }

    fn integer(&mut self, schema: &'static Schema) -> Result<i64, Malformed> {
        let parsed: Option<i64> = self.scalar()?.parse().ok();
        parsed.filter(|value| fits(schema.kind, *value)).ok_or_else(|| self.wrong("a whole number"))
    }

    fn double(&mut self, _schema: &'static Schema) -> Result<f64, Malformed> {
        match self.scalar()? {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            text => {
                let parsed: Option<f64> = text.parse().ok();
                parsed.filter(|value| value.is_finite()).ok_or_else(|| self.wrong("a number"))
            }
        }
    }

    fn text(&mut self, _schema: &'static Schema) -> Result<Cow<'_, str>, Malformed> {
        self.scalar().map(Cow::Borrowed)
    }

    fn blob(&mut self, _schema: &'static Schema) -> Result<Blob, Malformed> {
        STANDARD.decode(self.scalar()?).map(Blob).map_err(|_| self.wrong("base64"))
    }

    fn timestamp(&mut self, schema: &'static Schema) -> Result<Timestamp, Malformed> {
        let text = self.scalar()?;
        let parsed = match schema.timestamp_format.unwrap_or(TimestampFormat::Iso8601) {
            TimestampFormat::EpochSeconds => {
                text.parse().ok().and_then(|s| Timestamp::from_epoch_seconds(s).ok())
            }
            TimestampFormat::Iso8601 => Timestamp::parse_rfc3339(text).ok(),
            TimestampFormat::Rfc822 => Timestamp::parse_http_date(text).ok(),
        };
        parsed.ok_or_else(|| self.wrong("a timestamp"))
    }

    fn document(&mut self, _schema: &'static Schema) -> Result<Document, Malformed> {
        Err(Malformed::new("open values have no form in this protocol"))
    }

    fn list(&mut self, schema: &'static Schema, items: &mut dyn Items) -> Result<usize, Malformed> {
        let Some(element) = schema.element else { return Err(Malformed::new("not a list")) };
        let step = if self.flattened { "" } else { element_name(schema.element, "member") };
        let max = schema.max.and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX);
        self.trace.enter()?;
        let count = self.within(step, |reader| {
            let numbers = reader.numbers();
            for (index, number) in numbers.iter().enumerate() {
                reader.trace.count_item()?;
                let Some(slot) = (index < max).then(|| items.push()).flatten() else { continue };
                let mark = reader.trace.mark();
                reader.element(*number, None, |reader| slot.read(reader, element.schema))?;
                reader.trace.item(mark, index);
            }
            Ok(numbers.len())
        });
        self.trace.leave();
        count
    }

    fn map(&mut self, schema: &'static Schema, entries: &mut dyn Entries) -> Result<usize, Malformed> {
        let Some(element) = schema.value else { return Err(Malformed::new("not a map")) };
        let step = if self.flattened { "" } else { "entry" };
        let max = schema.max.and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX);
        self.trace.enter()?;
        let count = self.within(step, |reader| {
            let numbers = reader.numbers();
            for number in numbers.iter().take(max) {
                reader.trace.count_item()?;
                let mut key = String::new();
                reader.element(*number, Some(element_name(schema.key, "key")), |reader| {
                    reader.scalar()?.clone_into(&mut key);
                    Ok(())
                })?;
                constraint::key(&mut reader.trace, schema, &key);
                let mark = reader.trace.mark();
                let slot = entries.entry(key.clone());
                slot.clear();
                reader.element(*number, Some(element_name(schema.value, "value")), |reader| {
                    slot.read(reader, element.schema)
                })?;
                reader.trace.entry(mark, &key);
            }
            Ok(numbers.len())
        });
        self.trace.leave();
        count
    }

    fn structure(&mut self, schema: &'static Schema, slots: &mut [&mut dyn Field]) -> Result<(), Malformed> {
        let mut seen = Seen::default();
        self.trace.enter()?;
        for (index, (member, slot)) in schema.members.iter().zip(slots).enumerate() {
            if self.member(member, &mut **slot)? {
                seen.set(index, true);
            }
        }
        self.trace.leave();
        constraint::required(&mut self.trace, schema, &seen);
        Ok(())
    }

    fn union(&mut self, schema: &'static Schema, choice: &mut dyn Choice) -> Result<(), Malformed> {
        let mut chosen = false;
        self.trace.enter()?;
        for (index, member) in schema.members.iter().enumerate() {
            let present = self.within(member.wire, |reader| reader.is_here());
            if !present {
                continue;
            }
            if std::mem::replace(&mut chosen, true) {
                return Err(Malformed::new("more than one member of a union"));
            }
            let slot = choice.choose(index).ok_or(Malformed::new("unknown member of a union"))?;
            self.member(member, slot)?;
        }
        self.trace.leave();
        if chosen { Ok(()) } else { Err(Malformed::new("union without a member")) }
    }
}
