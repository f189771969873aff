//! URI encoding as Signature Version 4 defines it, hexadecimal digits and the signature's date format.

use std::borrow::Cow;

use jiff::{civil::DateTime, fmt::rfc2822::DateTimeParser, tz::Offset};

use crate::Timestamp;

/// Characters that URI encoding leaves alone (RFC 3986, section 2.3).
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Appends `byte`, percent-encoded unless it is unreserved.
pub(super) fn push_encoded(out: &mut Vec<u8>, byte: u8) {
    if is_unreserved(byte) {
        out.push(byte);
    } else {
        out.extend([b'%', hex_digit(byte >> 4), hex_digit(byte & 15)]);
    }
}

/// Appends `bytes` percent-encoded.
pub(super) fn push_all_encoded(out: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        push_encoded(out, byte);
    }
}

/// Appends `bytes` in lower-case hexadecimal digits.
pub(super) fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + 2 * bytes.len(), 0);
    // The place is exactly as long as the text, so that this does not fail.
    let _written = hex::encode_to_slice(bytes, out.get_mut(start..).unwrap_or_default());
}

fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'A' + value - 10 }
}

/// The bytes of percent-encoded text. A `%` without two hexadecimal digits stands for itself.
pub(super) struct Decoded<'a> {
    text: &'a [u8],
    /// `+` is a space, as in forms and query strings.
    plus_is_space: bool,
}

impl<'a> Decoded<'a> {
    pub(super) fn query(text: &'a [u8]) -> Self {
        Decoded { text, plus_is_space: true }
    }

    pub(super) fn path(text: &'a [u8]) -> Self {
        Decoded { text, plus_is_space: false }
    }
}

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if let [b'%', high, low, rest @ ..] = self.text
            && let (Some(high), Some(low)) = (hex_value(*high), hex_value(*low))
        {
            self.text = rest;
            return Some((high << 4) | low);
        }
        let (&byte, rest) = self.text.split_first()?;
        self.text = rest;
        Some(if byte == b'+' && self.plus_is_space { b' ' } else { byte })
    }
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// A name or value of a query string or form, decoded; not copied where nothing is encoded. `None` if it is not
/// UTF-8.
pub(crate) fn decode_query(text: &str) -> Option<Cow<'_, str>> {
    if text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        let mut decoded = Vec::with_capacity(text.len());
        decoded.extend(Decoded::query(text.as_bytes()));
        String::from_utf8(decoded).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(text))
    }
}

/// Names and values of a query string or form as they stand, still encoded. Empty pieces are no parameters.
pub(crate) fn query_pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Length of [`basic`]'s text.
pub(super) const BASIC_BYTES: usize = 16;

/// `timestamp` in ISO 8601's basic format, to the second: `20261121T231800Z`. `None` outside years 0 to 9999.
pub(super) fn basic(timestamp: Timestamp) -> Option<[u8; BASIC_BYTES]> {
    let at = Offset::UTC.to_datetime(jiff::Timestamp::from_millisecond(timestamp.0).ok()?);
    let year = u32::try_from(at.year()).ok()?;
    let digits = |value: u32, place: u32| (value / place % 10) as u8 + b'0';
    let [month, day, hour, minute, second] =
        [at.month(), at.day(), at.hour(), at.minute(), at.second()].map(i8::unsigned_abs).map(u32::from);
    Some([
        digits(year, 1000),
        digits(year, 100),
        digits(year, 10),
        digits(year, 1),
        digits(month, 10),
        digits(month, 1),
        digits(day, 10),
        digits(day, 1),
        b'T',
        digits(hour, 10),
        digits(hour, 1),
        digits(minute, 10),
        digits(minute, 1),
        digits(second, 10),
        digits(second, 1),
        b'Z',
    ])
}

/// Text of `timestamp` for messages.
pub(super) fn basic_text(timestamp: Timestamp) -> String {
    basic(timestamp).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
}

/// Reads the format of [`basic`], and nothing else.
pub(super) fn parse_basic(text: &str) -> Option<Timestamp> {
    let bytes: &[u8; BASIC_BYTES] = text.as_bytes().try_into().ok()?;
    let &[y1, y2, y3, y4, mo1, mo2, d1, d2, b'T', h1, h2, mi1, mi2, s1, s2, b'Z'] = bytes else {
        return None;
    };
    let digit = |byte: u8| byte.is_ascii_digit().then(|| byte - b'0');
    let two = |high: u8, low: u8| i8::try_from(digit(high)? * 10 + digit(low)?).ok();
    let year = i16::from(two(y1, y2)?) * 100 + i16::from(two(y3, y4)?);
    let at = DateTime::new(year, two(mo1, mo2)?, two(d1, d2)?, two(h1, h2)?, two(mi1, mi2)?, two(s1, s2)?, 0)
        .ok()?;
    Offset::UTC.to_timestamp(at).ok().map(|at| Timestamp(at.as_millisecond()))
}

/// Reads a `Date` header: the format of RFC 9110 (a profile of RFC 2822's), or ISO 8601's basic format. The day
/// of the week says nothing that the date does not, so it may be wrong, as it is in AWS's first test suite.
pub(super) fn parse_date_header(text: &str) -> Option<Timestamp> {
    parse_basic(text).or_else(|| {
        let at = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()?;
        Some(Timestamp(at.as_millisecond()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_round_trip_and_nothing_else_is_read() {
        for text in ["20150830T123600Z", "19700101T000000Z", "20240229T235959Z", "99991231T235959Z"] {
            let Some(at) = parse_basic(text) else { continue };
            assert_eq!(basic_text(at), text);
        }
        assert_eq!(parse_basic("20150830T123600Z"), Some(Timestamp(1_440_938_160_000)));
        for text in [
            "",
            "20150830",
            "2015-08-30T12:36:00Z",
            "20150230T123600Z",
            "20151301T123600Z",
            "20150830T243600Z",
            "20150830T126000Z",
            "20150830T123660Z",
            "20150830t123600Z",
            "20150830T123600z",
            "2015083+T123600Z",
            "20150830T123600Z ",
            "２０150830T123600",
        ] {
            assert_eq!(parse_basic(text), None, "{text}");
        }
        assert_eq!(parse_date_header("Sun, 30 Aug 2015 12:36:00 GMT"), parse_basic("20150830T123600Z"));
        assert_eq!(parse_date_header("yesterday"), None);
        assert_eq!(basic(Timestamp(i64::MAX)), None);
        assert_eq!(basic(Timestamp(i64::MIN)), None);
    }

    #[test]
    fn decoding() {
        for (text, expected) in
            [("a+b%20c", "a b c"), ("%zz%2", "%zz%2"), ("%E1%88%B4", "ሴ"), ("plain", "plain")]
        {
            assert_eq!(decode_query(text).unwrap(), expected);
        }
        assert_eq!(decode_query("%ff"), None);
        assert_eq!(Decoded::path(b"a+b%2B").collect::<Vec<_>>(), b"a+b+");
        let pairs: Vec<_> = query_pairs("a=1&&b&=c&d==").collect();
        assert_eq!(pairs, [("a", "1"), ("b", ""), ("", "c"), ("d", "=")]);
    }
}
