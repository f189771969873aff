//! Reads JSON (RFC 8259) straight into typed values.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    constraint::Trace,
    container::{self, Syntax},
    field::{Choice, Entries, Field, Items, Malformed, Reader, fits},
    schema::{Kind, Schema, TimestampFormat},
    types::{Blob, Document, Timestamp},
};

/// A reader placed somewhere in a JSON text.
#[derive(Debug)]
pub struct JsonReader<'a> {
    text: &'a str,
    at: usize,
    trace: Trace,
}

impl<'a> JsonReader<'a> {
    /// Begins at the start of `text`.
    pub fn new(text: &'a str) -> Self {
        JsonReader { text, at: 0, trace: Trace::default() }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// If anything but white space follows.
    pub fn finish(mut self) -> Result<Trace, Malformed> {
        match self.peek() {
            None => Ok(self.trace),
            Some(_) => Err(Malformed::new("unexpected text after the end of the JSON value")),
        }
    }

    /// The next byte that is not white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at = self.at.saturating_add(1),
                other => return other.copied(),
            }
        }
    }

    #[inline]
    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// Takes the opening bracket.
    #[inline]
    fn open(&mut self, bracket: u8, close: u8, what: &'static str) -> Result<Progress, Malformed> {
        if self.peek() != Some(bracket) {
            return Err(self.wrong(what));
        }
        self.trace.enter()?;
        self.step();
        Ok(Progress { close, first: true })
    }

    fn literal(&mut self) -> Result<bool, Malformed> {
        if self.peek() == Some(b't') {
            self.word("true")?;
            Ok(true)
        } else {
            self.word("false")?;
            Ok(false)
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), Malformed> {
        if self.rest().starts_with(word) {
            self.at = self.at.saturating_add(word.len());
            Ok(())
        } else {
            Err(self.syntax("unknown word"))
        }
    }

    #[inline]
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// Takes a string; the reader is before the opening quote.
    #[inline]
    fn string(&mut self) -> Result<Cow<'a, str>, Malformed> {
        self.step();
        let rest = self.rest();
        let end = plain_length(rest.as_bytes());
        if rest.as_bytes().get(end) == Some(&b'"') {
            self.at = self.at.saturating_add(end).saturating_add(1);
            return Ok(Cow::Borrowed(rest.get(..end).unwrap_or("")));
        }
        self.escaped_string().map(Cow::Owned)
    }

    /// Takes the rest of a string that holds escapes; the reader is after the opening quote.
    fn escaped_string(&mut self) -> Result<String, Malformed> {
        let mut value = String::new();
        loop {
            let rest = self.rest();
            let end = plain_length(rest.as_bytes());
            value.push_str(rest.get(..end).unwrap_or(""));
            self.at = self.at.saturating_add(end);
            match rest.as_bytes().get(end) {
                Some(b'"') => {
                    self.step();
                    return Ok(value);
                }
                Some(b'\\') => {
                    self.step();
                    value.push(self.escape()?);
                }
                Some(_) => return Err(self.syntax("control character in a string")),
                None => return Err(self.syntax("string without an end")),
            }
        }
    }

    /// Takes what follows a backslash.
    fn escape(&mut self) -> Result<char, Malformed> {
        let byte = self.text.as_bytes().get(self.at).copied();
        self.step();
        Ok(match byte {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.four_digits()?;
                let code = if (0xD800..0xDC00).contains(&first) {
                    if !self.rest().starts_with("\\u") {
                        return Err(self.syntax("half of a surrogate pair"));
                    }
                    self.at = self.at.saturating_add(2);
                    let second = self.four_digits()?;
                    if !(0xDC00..0xE000).contains(&second) {
                        return Err(self.syntax("half of a surrogate pair"));
                    }
                    0x10000 + ((first & 0x3FF) << 10) + (second & 0x3FF)
                } else {
                    first
                };
                char::from_u32(code).ok_or_else(|| self.syntax("half of a surrogate pair"))?
            }
            _ => return Err(self.syntax("unknown escape in a string")),
        })
    }

    fn four_digits(&mut self) -> Result<u32, Malformed> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.syntax("escape without four digits"))?;
        self.at = self.at.saturating_add(4);
        Ok(code)
    }

    /// Takes a number. Returns its text, and whether that has neither fraction nor exponent.
    fn number(&mut self) -> Result<(&'a str, bool), Malformed> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let digits = |from: usize| {
            bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count().saturating_add(from)
        };
        let start = usize::from(bytes.first() == Some(&b'-'));
        let mut end = digits(start);
        let leading_zero = bytes.get(start) == Some(&b'0') && end > start.saturating_add(1);
        if end == start || leading_zero {
            return Err(self.syntax("expected a value"));
        }
        let mut whole = true;
        if bytes.get(end) == Some(&b'.') {
            let from = end.saturating_add(1);
            end = digits(from);
            if end == from {
                return Err(self.syntax("number without digits after the point"));
            }
            whole = false;
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let signed = matches!(bytes.get(end.saturating_add(1)), Some(b'+' | b'-'));
            let from = end.saturating_add(1).saturating_add(usize::from(signed));
            end = digits(from);
            if end == from {
                return Err(self.syntax("number without an exponent"));
            }
            whole = false;
        }
        self.at = self.at.saturating_add(end);
        Ok((rest.get(..end).unwrap_or(""), whole))
    }

    fn float(&mut self) -> Result<f64, Malformed> {
        let (text, _) = self.number()?;
        finite(text)
    }

    fn open_value(&mut self) -> Result<Document, Malformed> {
        Ok(match self.peek() {
            Some(b'{') => {
                let mut map = BTreeMap::new();
                let mut progress = self.open_object("a structure")?;
                while self.next(&mut progress)? {
                    self.trace.count_item()?;
                    let key = self.key()?.into_owned();
                    let value = self.open_value()?;
                    map.insert(key, value);
                }
                Document::Map(map)
            }
            Some(b'[') => {
                let mut list = Vec::new();
                let mut progress = self.open_list("a list")?;
                while self.next(&mut progress)? {
                    self.trace.count_item()?;
                    list.push(self.open_value()?);
                }
                Document::List(list)
            }
            Some(b'"') => Document::String(self.string()?.into_owned()),
            Some(b't' | b'f') => Document::Boolean(self.literal()?),
            Some(b'n') => {
                self.null()?;
                Document::Null
            }
            _ => {
                let (text, whole) = self.number()?;
                match text.parse().ok().filter(|_| whole) {
                    Some(integer) => Document::Integer(integer),
                    None => {
                        Document::Double(text.parse().map_err(|_| Malformed::new("number out of range"))?)
                    }
                }
            }
        })
    }

    /// Refuses the coming value, which is no `expected`. The words are those of AWS's servers.
    #[cold]
    fn wrong(&mut self, expected: &str) -> Malformed {
        let found = match self.peek() {
            Some(b'{') => return Malformed::new("Start of structure or map found where not expected."),
            Some(b'[') => return Malformed::new("Start of list found where not expected"),
            Some(b'"') => "STRING_VALUE",
            Some(b't') => "TRUE_VALUE",
            Some(b'f') => "FALSE_VALUE",
            Some(b'n') => "NULL_VALUE",
            Some(b'-' | b'0'..=b'9') => "NUMBER_VALUE",
            _ => return self.syntax("expected a value"),
        };
        Malformed(format!("{found} can not be converted to {expected}").into())
    }

    #[cold]
    fn syntax(&self, problem: &str) -> Malformed {
        Malformed(format!("invalid JSON at byte {}: {problem}", self.at).into())
    }
}

/// The text that a JSON string stands for; none if it is not one string.
pub(crate) fn text(json: &str) -> Option<String> {
    let mut reader = JsonReader::new(json);
    reader.peek().filter(|byte| *byte == b'"')?;
    let text = reader.string().ok()?.into_owned();
    reader.finish().ok().map(|_| text)
}

/// Whether a text is one JSON value.
pub(crate) fn is_json(text: &str) -> bool {
    let mut reader = JsonReader::new(text);
    reader.open_value().is_ok() && reader.finish().is_ok()
}

impl Reader for JsonReader<'_> {
    fn trace(&mut self) -> &mut Trace {
        &mut self.trace
    }

    fn boolean(&mut self, _schema: &'static Schema) -> Result<bool, Malformed> {
        match self.peek() {
            Some(b't' | b'f') => self.literal(),
            _ => Err(self.wrong("a Boolean")),
        }
    }

    fn integer(&mut self, schema: &'static Schema) -> Result<i64, Malformed> {
        let kind = if schema.kind == Kind::Integer { "an Integer" } else { "a Long" };
        if !matches!(self.peek(), Some(b'-' | b'0'..=b'9')) {
            return Err(self.wrong(kind));
        }
        let (text, whole) = self.number()?;
        let value = if whole { text.parse().ok() } else { whole_number(text) };
        value
            .filter(|value| fits(schema.kind, *value))
            .ok_or_else(|| Malformed(format!("NUMBER_VALUE can not be converted to {kind}").into()))
    }

    fn double(&mut self, _schema: &'static Schema) -> Result<f64, Malformed> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => self.float(),
            Some(b'"') => {
                let start = self.at;
                let value = match &*self.string()? {
                    "NaN" => f64::NAN,
                    "Infinity" => f64::INFINITY,
                    "-Infinity" => f64::NEG_INFINITY,
                    _ => {
                        self.at = start;
                        return Err(self.wrong("a Double"));
                    }
                };
                Ok(value)
            }
            _ => Err(self.wrong("a Double")),
        }
    }

    fn text(&mut self, _schema: &'static Schema) -> Result<Cow<'_, str>, Malformed> {
        match self.peek() {
            Some(b'"') => self.string(),
            _ => Err(self.wrong("a String")),
        }
    }

    fn blob(&mut self, _schema: &'static Schema) -> Result<Blob, Malformed> {
        match self.peek() {
            Some(b'"') => {
                let text = self.string()?;
                STANDARD.decode(text.as_bytes()).map(Blob).map_err(|_| {
                    Malformed::new("STRING_VALUE can not be converted to a Blob: invalid base64")
                })
            }
            _ => Err(self.wrong("a Blob")),
        }
    }

    fn timestamp(&mut self, schema: &'static Schema) -> Result<Timestamp, Malformed> {
        let format = schema.timestamp_format.unwrap_or(TimestampFormat::EpochSeconds);
        let parsed = match (format, self.peek()) {
            (TimestampFormat::EpochSeconds, Some(b'-' | b'0'..=b'9')) => {
                Timestamp::from_epoch_seconds(self.float()?)
            }
            (TimestampFormat::Iso8601, Some(b'"')) => Timestamp::parse_rfc3339(&self.string()?),
            (TimestampFormat::Rfc822, Some(b'"')) => Timestamp::parse_http_date(&self.string()?),
            _ => return Err(self.wrong("milliseconds since epoch")),
        };
        parsed.map_err(|_| Malformed::new("invalid timestamp"))
    }

    fn document(&mut self, _schema: &'static Schema) -> Result<Document, Malformed> {
        self.open_value()
    }

    fn list(&mut self, schema: &'static Schema, items: &mut dyn Items) -> Result<usize, Malformed> {
        container::list(self, schema, items)
    }

    fn map(&mut self, schema: &'static Schema, entries: &mut dyn Entries) -> Result<usize, Malformed> {
        container::map(self, schema, entries)
    }

    fn structure(&mut self, schema: &'static Schema, slots: &mut [&mut dyn Field]) -> Result<(), Malformed> {
        container::structure(self, schema, slots)
    }

    fn union(&mut self, schema: &'static Schema, choice: &mut dyn Choice) -> Result<(), Malformed> {
        container::union(self, schema, choice)
    }
}

/// Where the reader is in a list or object.
#[derive(Debug)]
pub(crate) struct Progress {
    close: u8,
    first: bool,
}

impl<'a> Syntax<'a> for JsonReader<'a> {
    type Progress = Progress;

    #[inline]
    fn open_list(&mut self, what: &'static str) -> Result<Progress, Malformed> {
        self.open(b'[', b']', what)
    }

    #[inline]
    fn open_object(&mut self, what: &'static str) -> Result<Progress, Malformed> {
        self.open(b'{', b'}', what)
    }

    #[inline]
    fn next(&mut self, progress: &mut Progress) -> Result<bool, Malformed> {
        let first = std::mem::take(&mut progress.first);
        match self.peek() {
            Some(byte) if byte == progress.close => {
                self.step();
                self.trace.leave();
                Ok(false)
            }
            Some(_) if first => Ok(true),
            Some(b',') => {
                self.step();
                if self.peek() == Some(progress.close) {
                    return Err(self.syntax("comma before a closing bracket"));
                }
                Ok(true)
            }
            _ => Err(self.syntax("expected a comma or a closing bracket")),
        }
    }

    #[inline]
    fn key(&mut self) -> Result<Cow<'a, str>, Malformed> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax("expected the name of a member"));
        }
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return Err(self.syntax("expected a colon"));
        }
        self.step();
        Ok(key)
    }

    #[inline]
    fn null(&mut self) -> Result<bool, Malformed> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.word("null")?;
        Ok(true)
    }

    fn skip(&mut self) -> Result<(), Malformed> {
        match self.peek() {
            Some(b'{') => {
                let mut progress = self.open_object("a structure")?;
                while self.next(&mut progress)? {
                    self.key()?;
                    self.skip()?;
                }
            }
            Some(b'[') => {
                let mut progress = self.open_list("a list")?;
                while self.next(&mut progress)? {
                    self.skip()?;
                }
            }
            Some(b'"') => drop(self.string()?),
            Some(b't' | b'f') => drop(self.literal()?),
            Some(b'n') => drop(self.null()?),
            _ => drop(self.number()?),
        }
        Ok(())
    }
}

/// A number that a double can hold, if not exactly.
fn finite(text: &str) -> Result<f64, Malformed> {
    let value = text.parse().ok().filter(|value: &f64| value.is_finite());
    value.ok_or(Malformed::new("number out of range"))
}

/// A number with fraction or exponent that is whole all the same, as `1.0` and `1e3`.
fn whole_number(text: &str) -> Option<i64> {
    /// Up to here a double holds every whole number.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let value: f64 = text.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within the range of both types")]
    (value.fract() == 0.0 && value.abs() <= EXACT_MAX).then_some(value as i64)
}

/// How many bytes come before a quote, a backslash, a control character or the end.
#[inline]
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut length: usize = 0;
    let (chunks, _) = bytes.as_chunks::<8>();
    for chunk in chunks {
        let word = u64::from_le_bytes(*chunk);
        let quote = word ^ (ONES * b'"' as u64);
        let backslash = word ^ (ONES * b'\\' as u64);
        // A byte's high bit is set where the byte is zero (or below 0x20), or, harmlessly, after such a byte.
        let special = (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let special = special & HIGH;
        if special != 0 {
            return length.saturating_add(special.trailing_zeros() as usize / 8);
        }
        length = length.saturating_add(8);
    }
    let rest = bytes.get(length..).unwrap_or(&[]);
    let plain = rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1F)).count();
    length.saturating_add(plain)
}
