//! Reads CBOR straight into typed values.

use std::{borrow::Cow, collections::BTreeMap};

use super::{BREAK, INDEFINITE, TAG_EPOCH, major, simple};
use crate::{
    constraint::Trace,
    container::{self, Syntax},
    field::{Choice, Entries, Field, Items, Malformed, Reader, fits},
    schema::{Kind, Schema},
    types::{Blob, Document, Timestamp},
};

/// A reader placed somewhere in CBOR bytes.
#[derive(Debug)]
pub struct CborReader<'a> {
    rest: &'a [u8],
    trace: Trace,
}

/// The head of a data item (RFC 8949, section 3): major type, additional information and argument.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) major: u8,
    info: u8,
    pub(super) argument: u64,
}

impl<'a> CborReader<'a> {
    /// Begins at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        CborReader { rest: bytes, trace: Trace::default() }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// If anything follows.
    pub fn finish(self) -> Result<Trace, Malformed> {
        if self.rest.is_empty() {
            Ok(self.trace)
        } else {
            Err(Malformed::new("unexpected bytes after the end of the CBOR value"))
        }
    }

    #[inline]
    pub(super) fn head(&mut self) -> Result<Head, Malformed> {
        let initial = self.byte()?;
        let (major, info) = (initial >> 5, initial & 0x1F);
        let argument = match info {
            0..=23 => u64::from(info),
            24 => u64::from(self.byte()?),
            25 => u64::from(u16::from_be_bytes(self.array()?)),
            26 => u64::from(u32::from_be_bytes(self.array()?)),
            27 => u64::from_be_bytes(self.array()?),
            INDEFINITE if matches!(major, major::BYTES | major::TEXT | major::ARRAY | major::MAP) => 0,
            _ => return Err(Malformed::new("invalid CBOR: reserved or misplaced initial byte")),
        };
        Ok(Head { major, info, argument })
    }

    /// The head that comes next, which stays there.
    pub(super) fn peek(&self) -> Result<Head, Malformed> {
        CborReader { rest: self.rest, trace: Trace::default() }.head()
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.rest.split_first().ok_or(END)?;
        self.rest = rest;
        Ok(*byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(END)?;
        self.rest = rest;
        Ok(*array)
    }

    /// Takes as many bytes as `head` says.
    #[inline]
    fn take(&mut self, head: Head) -> Result<&'a [u8], Malformed> {
        let count = usize::try_from(head.argument).map_err(|_| END)?;
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(END)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Takes a break, if it is there.
    fn at_break(&mut self) -> Result<bool, Malformed> {
        match self.rest.split_first().ok_or(END)? {
            (&BREAK, rest) => {
                self.rest = rest;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Takes the rest of a string of bytes or text whose head is `head`.
    pub(super) fn string(&mut self, head: Head) -> Result<Cow<'a, [u8]>, Malformed> {
        if head.info != INDEFINITE {
            return self.take(head).map(Cow::Borrowed);
        }
        let mut whole = Vec::new();
        while !self.at_break()? {
            let chunk = self.head()?;
            if chunk.major != head.major || chunk.info == INDEFINITE {
                return Err(Malformed::new("invalid CBOR: wrong chunk of a string"));
            }
            let bytes = self.take(chunk)?;
            if head.major == major::TEXT {
                // RFC 8949, section 3.2.3: each chunk is text by itself.
                utf8(bytes)?;
            }
            whole.extend_from_slice(bytes);
        }
        Ok(Cow::Owned(whole))
    }

    /// Takes text.
    #[inline]
    pub(super) fn text_of(&mut self, what: &'static str) -> Result<Cow<'a, str>, Malformed> {
        let head = self.head()?;
        if head.major != major::TEXT {
            return Err(wrong(head, what));
        }
        match self.string(head)? {
            Cow::Borrowed(bytes) => utf8(bytes).map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| NOT_UTF8),
        }
    }

    fn number(&mut self, head: Head, what: &'static str) -> Result<f64, Malformed> {
        #[expect(clippy::cast_precision_loss, reason = "a double is what the caller asks for")]
        Ok(match (head.major, head.info) {
            (major::UNSIGNED, _) => head.argument as f64,
            (major::NEGATIVE, _) => -1.0 - head.argument as f64,
            (major::SIMPLE, simple::HALF) => half(u16::try_from(head.argument).unwrap_or(0)),
            (major::SIMPLE, simple::SINGLE) => {
                f64::from(f32::from_bits(u32::try_from(head.argument).unwrap_or(0)))
            }
            (major::SIMPLE, simple::DOUBLE) => f64::from_bits(head.argument),
            _ => return Err(wrong(head, what)),
        })
    }

    #[inline]
    fn open(&mut self, major: u8, what: &'static str) -> Result<Progress, Malformed> {
        let head = self.head()?;
        if head.major != major {
            return Err(wrong(head, what));
        }
        self.trace.enter()?;
        if head.info == INDEFINITE {
            return Ok(Progress { left: None });
        }
        // An item takes one byte at least, so that a greater count is a lie that need not be followed.
        let believable = usize::try_from(head.argument).is_ok_and(|count| count <= self.rest.len());
        if believable { Ok(Progress { left: Some(head.argument) }) } else { Err(END) }
    }

    fn open_value(&mut self) -> Result<Document, Malformed> {
        let head = self.peek()?;
        Ok(match head.major {
            major::UNSIGNED | major::NEGATIVE => {
                self.head()?;
                integer(head).map_or(Document::Double(self.number(head, "a number")?), Document::Integer)
            }
            major::TEXT => Document::String(self.text_of("a String")?.into_owned()),
            major::ARRAY => {
                let mut list = Vec::new();
                let mut progress = self.open_list("a list")?;
                while self.next(&mut progress)? {
                    self.trace.count_item()?;
                    list.push(self.open_value()?);
                }
                Document::List(list)
            }
            major::MAP => {
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
            major::SIMPLE => {
                self.head()?;
                match head.info {
                    simple::FALSE => Document::Boolean(false),
                    simple::TRUE => Document::Boolean(true),
                    simple::NULL | simple::UNDEFINED => Document::Null,
                    _ => Document::Double(self.number(head, "a document")?),
                }
            }
            _ => return Err(wrong(head, "a document")),
        })
    }
}

impl Reader for CborReader<'_> {
    fn trace(&mut self) -> &mut Trace {
        &mut self.trace
    }

    fn boolean(&mut self, _schema: &'static Schema) -> Result<bool, Malformed> {
        let head = self.head()?;
        match (head.major, head.info) {
            (major::SIMPLE, simple::FALSE) => Ok(false),
            (major::SIMPLE, simple::TRUE) => Ok(true),
            _ => Err(wrong(head, "a Boolean")),
        }
    }

    fn integer(&mut self, schema: &'static Schema) -> Result<i64, Malformed> {
        let what = if schema.kind == Kind::Integer { "an Integer" } else { "a Long" };
        let head = self.head()?;
        integer(head).filter(|value| fits(schema.kind, *value)).ok_or_else(|| wrong(head, what))
    }

    fn double(&mut self, _schema: &'static Schema) -> Result<f64, Malformed> {
        let head = self.head()?;
        self.number(head, "a Double")
    }

    fn text(&mut self, _schema: &'static Schema) -> Result<Cow<'_, str>, Malformed> {
        self.text_of("a String")
    }

    fn blob(&mut self, _schema: &'static Schema) -> Result<Blob, Malformed> {
        let head = self.head()?;
        if head.major != major::BYTES {
            return Err(wrong(head, "a Blob"));
        }
        self.string(head).map(|bytes| Blob(bytes.into_owned()))
    }

    fn timestamp(&mut self, _schema: &'static Schema) -> Result<Timestamp, Malformed> {
        const WHAT: &str = "milliseconds since epoch";
        let tag = self.head()?;
        if tag.major != major::TAG || tag.argument != TAG_EPOCH {
            return Err(wrong(tag, WHAT));
        }
        let head = self.head()?;
        Timestamp::from_epoch_seconds(self.number(head, WHAT)?)
            .map_err(|_| Malformed::new("invalid timestamp"))
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

/// How much of an array or map is left; `None`: until a break.
#[derive(Debug)]
pub(crate) struct Progress {
    left: Option<u64>,
}

impl<'a> Syntax<'a> for CborReader<'a> {
    type Progress = Progress;

    fn open_list(&mut self, what: &'static str) -> Result<Progress, Malformed> {
        self.open(major::ARRAY, what)
    }

    fn open_object(&mut self, what: &'static str) -> Result<Progress, Malformed> {
        self.open(major::MAP, what)
    }

    #[inline]
    fn next(&mut self, progress: &mut Progress) -> Result<bool, Malformed> {
        let more = match &mut progress.left {
            None => !self.at_break()?,
            Some(0) => false,
            Some(left) => {
                *left = left.saturating_sub(1);
                true
            }
        };
        if !more {
            self.trace.leave();
        }
        Ok(more)
    }

    fn key(&mut self) -> Result<Cow<'a, str>, Malformed> {
        self.text_of("the name of a member")
    }

    #[inline]
    fn null(&mut self) -> Result<bool, Malformed> {
        match self.rest.split_first() {
            Some((0xF6 | 0xF7, rest)) => {
                self.rest = rest;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn skip(&mut self) -> Result<(), Malformed> {
        let head = self.peek()?;
        match head.major {
            major::ARRAY => {
                let mut progress = self.open_list("a list")?;
                while self.next(&mut progress)? {
                    self.skip()?;
                }
            }
            major::MAP => {
                let mut progress = self.open_object("a structure")?;
                while self.next(&mut progress)? {
                    self.skip()?;
                    self.skip()?;
                }
            }
            major::BYTES | major::TEXT => {
                self.head()?;
                self.string(head)?;
            }
            major::TAG => {
                self.head()?;
                self.trace.enter()?;
                self.skip()?;
                self.trace.leave();
            }
            _ => {
                self.head()?;
            }
        }
        Ok(())
    }
}

/// What follows the head of a map.
pub(super) fn entries(map: &[u8]) -> &[u8] {
    let mut reader = CborReader::new(map);
    match reader.head() {
        Ok(head) if head.major == major::MAP => reader.rest,
        _ => &[],
    }
}

const END: Malformed = Malformed::new("invalid CBOR: the body ends too early");

const NOT_UTF8: Malformed = Malformed::new("invalid CBOR: text is not UTF-8");

fn utf8(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| NOT_UTF8)
}

pub(super) fn integer(head: Head) -> Option<i64> {
    let argument = i64::try_from(head.argument).ok()?;
    match head.major {
        major::UNSIGNED => Some(argument),
        // The argument n stands for -1 - n, which is the complement of n.
        major::NEGATIVE => Some(!argument),
        _ => None,
    }
}

/// A number of half precision (RFC 8949, appendix D).
fn half(bits: u16) -> f64 {
    let exponent = i32::from((bits >> 10) & 0x1F);
    let mantissa = f64::from(bits & 0x3FF);
    let magnitude = match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (mantissa + 1024.0) * 2f64.powi(exponent.saturating_sub(25)),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

/// Refuses an item that is no `expected`, in the words that AWS's servers use for JSON.
#[cold]
pub(super) fn wrong(head: Head, expected: &str) -> Malformed {
    let found = match (head.major, head.info) {
        (major::UNSIGNED | major::NEGATIVE, _) => "NUMBER_VALUE",
        (major::BYTES, _) => "BLOB_VALUE",
        (major::TEXT, _) => "STRING_VALUE",
        (major::ARRAY, _) => return Malformed::new("Start of list found where not expected"),
        (major::MAP, _) => return Malformed::new("Start of structure or map found where not expected."),
        (major::TAG, _) => "TAGGED_VALUE",
        (_, simple::TRUE) => "TRUE_VALUE",
        (_, simple::FALSE) => "FALSE_VALUE",
        (_, simple::NULL | simple::UNDEFINED) => "NULL_VALUE",
        (_, simple::HALF | simple::SINGLE | simple::DOUBLE) => "NUMBER_VALUE",
        _ => "SIMPLE_VALUE",
    };
    Malformed(format!("{found} can not be converted to {expected}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_floats() {
        // RFC 8949, appendix A.
        let cases = [
            (0x0000, 0.0),
            (0x3C00, 1.0),
            (0x3E00, 1.5),
            (0x7BFF, 65504.0),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x0400, 0.000_061_035_156_25),
            (0xC400, -4.0),
            (0x7C00, f64::INFINITY),
            (0xFC00, f64::NEG_INFINITY),
        ];
        for (bits, expected) in cases {
            assert_eq!(half(bits).to_bits(), f64::to_bits(expected), "{bits:04x}");
        }
        assert!(half(0x8000).is_sign_negative() && half(0x7E00).is_nan());
    }
}
