//! Values outside of JSON bodies, as text.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::Place;
use crate::{
    constraint::{self, Trace},
    container::kept_max,
    debug,
    field::{Choice, Entries, Field, Items, Malformed, Reader, Writer},
    schema::{Kind, Schema, TimestampFormat},
    text,
    types::{Blob, Document, Timestamp},
};

/// One value of a request: a label, query parameter or line of a header, decoded.
#[derive(Clone, Debug)]
pub(super) struct Given<'a> {
    /// Its name; in a map, the key.
    pub(super) name: Cow<'a, str>,
    /// The value, which need not be text.
    pub(super) value: Cow<'a, [u8]>,
}

/// A reader placed at all values that one member has.
#[derive(Debug)]
pub(super) struct TextReader<'v, 'a, 't> {
    given: &'v [Given<'a>],
    place: Place,
    trace: &'t mut Trace,
}

impl<'v, 'a, 't> TextReader<'v, 'a, 't> {
    pub(super) fn new(given: &'v [Given<'a>], place: Place, trace: &'t mut Trace) -> Self {
        TextReader { given, place, trace }
    }

    fn bytes(&self) -> Result<&'v [u8], Malformed> {
        match self.given {
            [one] => Ok(&one.value),
            _ => Err(self.wrong("must not be there more than once")),
        }
    }

    fn scalar(&self) -> Result<&'v str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| self.wrong("is not UTF-8"))
    }

    fn wrong(&self, what: &str) -> Malformed {
        let name = self.given.first().map(|given| given.name.as_ref()).unwrap_or_default();
        let name = debug::shorten(name.to_owned(), NAME_SHOWN_BYTES_MAX);
        Malformed(match self.place {
            Place::Label => format!("{name} in the path {what}").into(),
            Place::Query => format!("the query parameter {name} {what}").into(),
            Place::Header => format!("the header {name} {what}").into(),
            Place::Payload => format!("the body {what}").into(),
        })
    }

    /// The items of a list: the parameters of one name, or what commas part in a header.
    fn items(&self, of: &'static Schema) -> Result<Vec<Given<'v>>, Malformed> {
        let mut items = Vec::new();
        for Given { name, value } in self.given {
            let name = || Cow::Borrowed(name.as_ref());
            if self.place != Place::Header {
                items.push(Given { name: name(), value: Cow::Borrowed(value) });
                continue;
            }
            let line = std::str::from_utf8(value).map_err(|_| self.wrong("is not UTF-8"))?;
            let dates = of.kind == Kind::Timestamp
                && matches!(of.timestamp_format, None | Some(TimestampFormat::Rfc822));
            let split = if dates { split_dates(line) } else { split_commas(line) };
            let split = split.ok_or_else(|| self.wrong("has a quotation without an end"))?;
            items.extend(split.into_iter().map(|value| {
                let value = match value {
                    Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                    Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                };
                Given { name: name(), value }
            }));
        }
        Ok(items)
    }
}

/// The items of a header: parted by commas, with quotes around those that have commas or quotes (RFC 9110, section
/// 5.6). An empty header has none. `None`, if a quotation has no end.
fn split_commas(line: &str) -> Option<Vec<Cow<'_, str>>> {
    let mut items = Vec::new();
    let mut rest = line.trim_matches(BLANK);
    while !rest.is_empty() {
        let (item, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (item, after) = unquoted(quoted)?;
                // What follows up to the comma belongs to no item.
                (Cow::Owned(item), after.split_once(',').map_or("", |(_, after)| after))
            }
            None => {
                let (item, after) = rest.split_once(',').unwrap_or((rest, ""));
                (Cow::Borrowed(item.trim_matches(BLANK)), after)
            }
        };
        items.push(item);
        rest = after.trim_start_matches(BLANK);
    }
    Some(items)
}

/// The text up to the closing quote, and what comes after it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut item = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((item, chars.as_str())),
            '\\' => item.push(chars.next()?),
            c => item.push(c),
        }
    }
}

/// The dates of a header. They have a comma each, so that every second one parts them.
fn split_dates(line: &str) -> Option<Vec<Cow<'_, str>>> {
    let mut dates = Vec::new();
    let mut rest = line.trim_matches(BLANK);
    while !rest.is_empty() {
        let end = rest.match_indices(',').nth(1).map_or(rest.len(), |(at, _)| at);
        let (date, after) = rest.split_at_checked(end)?;
        dates.push(Cow::Borrowed(date.trim_matches(BLANK)));
        rest = after.strip_prefix(',').unwrap_or("").trim_start_matches(BLANK);
    }
    Some(dates)
}

/// Longest name in a message; in maps, callers choose them.
const NAME_SHOWN_BYTES_MAX: usize = 256;

const BLANK: [char; 2] = [' ', '\t'];

const NO_FORM: Malformed = Malformed::new("a value of its type has no form outside of the body");

impl Reader for TextReader<'_, '_, '_> {
    fn trace(&mut self) -> &mut Trace {
        self.trace
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
        let bytes = self.bytes()?;
        if self.place == Place::Payload {
            return Ok(Blob::from(bytes));
        }
        STANDARD.decode(bytes).map(Blob).map_err(|_| self.wrong("must be base64"))
    }

    fn timestamp(&mut self, schema: &'static Schema) -> Result<Timestamp, Malformed> {
        let default = match self.place {
            Place::Header => TimestampFormat::Rfc822,
            Place::Label | Place::Query | Place::Payload => TimestampFormat::Iso8601,
        };
        let format = schema.timestamp_format.unwrap_or(default);
        text::timestamp(self.scalar()?, format).ok_or_else(|| self.wrong("must be a timestamp"))
    }

    fn document(&mut self, _schema: &'static Schema) -> Result<Document, Malformed> {
        Err(NO_FORM)
    }

    fn list(&mut self, schema: &'static Schema, items: &mut dyn Items) -> Result<usize, Malformed> {
        let Some(element) = schema.element else { return Err(NO_FORM) };
        let given = self.items(element.schema)?;
        for (index, item) in given.iter().enumerate() {
            self.trace.count_item()?;
            let Some(slot) = (index < kept_max(schema)).then(|| items.push()).flatten() else { continue };
            let mark = self.trace.mark();
            let mut reader = TextReader::new(std::slice::from_ref(item), self.place, &mut *self.trace);
            slot.read(&mut reader, element.schema)?;
            self.trace.item(mark, index);
        }
        Ok(given.len())
    }

    fn map(&mut self, schema: &'static Schema, entries: &mut dyn Entries) -> Result<usize, Malformed> {
        let Some(element) = schema.value else { return Err(NO_FORM) };
        let mut groups: BTreeMap<&str, Vec<Given<'_>>> = BTreeMap::new();
        for given in self.given {
            groups.entry(given.name.as_ref()).or_default().push(given.clone());
        }
        for (key, given) in groups.iter().take(kept_max(schema)) {
            self.trace.count_item()?;
            constraint::key(self.trace, schema, key);
            let mark = self.trace.mark();
            let mut reader = TextReader::new(given, self.place, &mut *self.trace);
            entries.entry((*key).to_owned()).read(&mut reader, element.schema)?;
            self.trace.entry(mark, schema, key);
        }
        Ok(groups.len())
    }

    fn structure(
        &mut self,
        _schema: &'static Schema,
        _slots: &mut [&mut dyn Field],
    ) -> Result<(), Malformed> {
        Err(NO_FORM)
    }

    fn union(&mut self, _schema: &'static Schema, _choice: &mut dyn Choice) -> Result<(), Malformed> {
        Err(NO_FORM)
    }
}

/// A writer of one value into a header or as the whole body.
#[derive(Debug)]
pub(super) struct TextWriter {
    /// What was written; the entries of a map are in `entries`.
    pub(super) out: Vec<u8>,
    /// Name and value of each entry of a map.
    pub(super) entries: Vec<(String, Vec<u8>)>,
    place: Place,
    within_list: bool,
}

impl TextWriter {
    pub(super) fn new(place: Place) -> Self {
        TextWriter { out: Vec::new(), entries: Vec::new(), place, within_list: false }
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}

impl Writer for TextWriter {
    fn boolean(&mut self, _schema: &'static Schema, value: bool) {
        self.push(if value { "true" } else { "false" });
    }

    fn integer(&mut self, _schema: &'static Schema, value: i64) {
        self.push(&value.to_string());
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        self.push(&text::of_double(schema, value));
    }

    fn text(&mut self, _schema: &'static Schema, value: &str) {
        if self.within_list && value.contains([',', '"']) {
            self.push(&format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")));
        } else {
            self.push(value);
        }
    }

    fn blob(&mut self, _schema: &'static Schema, value: &[u8]) {
        if self.place == Place::Payload {
            self.out.extend_from_slice(value);
        } else {
            self.push(&STANDARD.encode(value));
        }
    }

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        self.push(&text::of_timestamp(value, schema.timestamp_format.unwrap_or(TimestampFormat::Rfc822)));
    }

    fn document(&mut self, _schema: &'static Schema, _value: &Document) {
        // No model puts an open value into a header, and as a body it is JSON.
    }

    fn list(&mut self, schema: &'static Schema, _count: usize, items: &mut dyn Iterator<Item = &dyn Field>) {
        let Some(element) = schema.element else { return };
        self.within_list = true;
        for (index, item) in items.enumerate() {
            if index > 0 {
                self.push(", ");
            }
            item.write(self, element.schema);
        }
        self.within_list = false;
    }

    fn map(
        &mut self,
        schema: &'static Schema,
        _count: usize,
        entries: &mut dyn Iterator<Item = (&str, &dyn Field)>,
    ) {
        let Some(element) = schema.value else { return };
        for (key, value) in entries {
            let mut writer = TextWriter::new(self.place);
            value.write(&mut writer, element.schema);
            self.entries.push((key.to_owned(), writer.out));
        }
    }

    fn structure(&mut self, _schema: &'static Schema, _fields: &[&dyn Field]) {
        // As `document`.
    }

    fn union(&mut self, _schema: &'static Schema, _index: usize, _value: &dyn Field) {
        // As `document`.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_parted_at_commas() {
        let cases: &[(&str, Option<&[&str]>)] = &[
            ("", Some(&[])),
            ("  ", Some(&[])),
            ("a", Some(&["a"])),
            ("a,b ,\tc", Some(&["a", "b", "c"])),
            ("a,,b,", Some(&["a", "", "b"])),
            (r#""b,c", "\"def\"", a"#, Some(&["b,c", "\"def\"", "a"])),
            (r#"a"b,c"#, Some(&["a\"b", "c"])),
            (r#""a" x, b"#, Some(&["a", "b"])),
            (r#""a"#, None),
            (r#""a\"#, None),
        ];
        for (line, items) in cases {
            let split = split_commas(line);
            let split: Option<Vec<&str>> =
                split.as_ref().map(|items| items.iter().map(|item| item.as_ref()).collect());
            assert_eq!(split.as_deref(), *items, "{line}");
        }
        let dates = "Mon, 16 Dec 2019 23:48:18 GMT, Tue, 17 Dec 2019 23:48:18 GMT";
        assert_eq!(
            split_dates(dates).unwrap(),
            ["Mon, 16 Dec 2019 23:48:18 GMT", "Tue, 17 Dec 2019 23:48:18 GMT"]
        );
        assert_eq!(split_dates("x,y,z,").unwrap(), ["x,y", "z,"]);
    }
}
