//! Rust types of the model's simple shapes.

use std::{collections::BTreeMap, fmt};

use jiff::civil;
use zeroize::{Zeroize, Zeroizing};

/// Bytes. Wiped when dropped and never shown by `Debug`, because many blobs are secrets.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob(pub Vec<u8>);

impl Blob {
    /// Takes the bytes out, unwiped: the caller answers for them.
    pub fn into_vec(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// Moves the bytes: the blob wipes them in place of what held them.
impl From<Zeroizing<Vec<u8>>> for Blob {
    fn from(mut bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(std::mem::take(&mut *bytes))
    }
}

impl Drop for Blob {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Blob(bytes)
    }
}

impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Self {
        Blob(bytes.to_vec())
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// Text or number that is no timestamp, or one outside of the years 0000 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampError;

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a timestamp between the years 0000 and 9999")
    }
}

impl std::error::Error for TimestampError {}

impl Timestamp {
    /// The first moment of the year 0000.
    pub const MIN: Timestamp = Timestamp(-62_167_219_200_000);
    /// Late on 9999-12-30: the last second that lies in the year 9999 at every offset from UTC.
    pub const MAX: Timestamp = Timestamp(253_402_207_200_000);

    /// From seconds since the epoch, rounded to the nearest millisecond.
    pub fn from_epoch_seconds(seconds: f64) -> Result<Self, TimestampError> {
        let millis = (seconds * 1000.0).round();
        // Both bounds are integers that a double holds exactly; not-a-number fails the comparison.
        #[expect(clippy::cast_precision_loss, reason = "both bounds are below 2^53")]
        let in_range = millis >= Self::MIN.0 as f64 && millis <= Self::MAX.0 as f64;
        if !in_range {
            return Err(TimestampError);
        }
        #[expect(clippy::cast_possible_truncation, reason = "compared with the bounds above")]
        Ok(Timestamp(millis as i64))
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn epoch_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The thousandths of a second after [`Timestamp::epoch_seconds`], 0 to 999.
    pub fn millisecond(self) -> u16 {
        u16::try_from(self.0.rem_euclid(1000)).unwrap_or(0)
    }

    /// From RFC 3339, as in `2026-11-21T23:07:43.125Z`; any offset.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimestampError> {
        // jiff also reads forms that RFC 3339 has not; none of them is as short or ends so.
        if text.len() > TEXT_MAX || !text.ends_with(|c: char| c == 'Z' || c == 'z' || c.is_ascii_digit()) {
            return Err(TimestampError);
        }
        let parsed: jiff::Timestamp = text.parse().map_err(|_| TimestampError)?;
        Self::checked(parsed.as_millisecond())
    }

    /// From the date of HTTP headers (RFC 9110, IMF-fixdate), as in `Sat, 21 Nov 2026 23:07:43 GMT`, with an optional
    /// fraction of the second as Smithy allows.
    pub fn parse_http_date(text: &str) -> Result<Self, TimestampError> {
        Self::http_date_parts(text).ok_or(TimestampError).and_then(Self::checked)
    }

    fn http_date_parts(text: &str) -> Option<i64> {
        if text.len() > TEXT_MAX {
            return None;
        }
        let (weekday, rest) = text.split_once(", ")?;
        if !WEEKDAYS.contains(&weekday) {
            return None;
        }
        let mut words = rest.strip_suffix(" GMT")?.split(' ');
        let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
        if words.next().is_some() || year.len() != 4 {
            return None;
        }
        let month = i8::try_from(MONTHS.iter().position(|name| *name == month)?).ok()?.checked_add(1)?;
        let date = civil::Date::new(year.parse().ok()?, month, day.parse().ok()?).ok()?;
        let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let mut parts = time.split(':');
        let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let time =
            civil::Time::new(hour.parse().ok()?, minute.parse().ok()?, second.parse().ok()?, 0).ok()?;
        let thousandths: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
        let zoned = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        zoned.timestamp().as_millisecond().checked_add(thousandths)
    }

    fn checked(millis: i64) -> Result<Self, TimestampError> {
        let timestamp = Timestamp(millis);
        if (Self::MIN..=Self::MAX).contains(&timestamp) { Ok(timestamp) } else { Err(TimestampError) }
    }

    /// RFC 3339 in UTC; thousandths only where they are not zero.
    pub fn rfc3339(self) -> String {
        let (date, time) = self.civil();
        let mut text = String::with_capacity(24);
        // Every audit record has one, so the digits are written without the machinery of `format!`.
        let mut digits = |value: i16, places: u32, after: &str| {
            for place in (0..places).rev() {
                let digit = value.unsigned_abs() / 10_u16.pow(place) % 10;
                text.extend(char::from_digit(u32::from(digit), 10));
            }
            text.push_str(after);
        };
        digits(date.year(), 4, "-");
        digits(date.month().into(), 2, "-");
        digits(date.day().into(), 2, "T");
        digits(time.hour().into(), 2, ":");
        digits(time.minute().into(), 2, ":");
        digits(time.second().into(), 2, "");
        if self.millisecond() != 0 {
            text.push_str(&format!(".{:03}", self.millisecond()));
        }
        text.push('Z');
        text
    }

    /// The date of HTTP headers; fractions of a second are cut off.
    pub fn http_date(self) -> String {
        let (date, time) = self.civil();
        let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
        format!(
            "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
            WEEKDAYS.get(weekday).unwrap_or(&"Mon"),
            date.day(),
            month_name(date),
            date.year(),
            time.hour(),
            time.minute(),
            time.second()
        )
    }

    /// As CloudTrail writes the timestamps of parameters: `Nov 21, 2026, 11:07:43 PM`.
    pub fn trail(self) -> String {
        let (date, time) = self.civil();
        let (hour, half) = match time.hour() {
            0 => (12, "AM"),
            hour @ 1..=11 => (hour, "AM"),
            12 => (12, "PM"),
            hour => (hour.wrapping_sub(12), "PM"),
        };
        format!(
            "{} {}, {}, {}:{:02}:{:02} {}",
            month_name(date),
            date.day(),
            date.year(),
            hour,
            time.minute(),
            time.second(),
            half
        )
    }

    /// Date and time of day in UTC, brought into the years 0000 to 9999.
    fn civil(self) -> (civil::Date, civil::Time) {
        let inside = self.clamp(Self::MIN, Self::MAX);
        let instant = jiff::Timestamp::from_millisecond(inside.0).unwrap_or_default();
        let datetime = jiff::tz::TimeZone::UTC.to_datetime(instant);
        (datetime.date(), datetime.time())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// Longest text that is looked at as a timestamp.
const TEXT_MAX: usize = 48;

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn month_name(date: civil::Date) -> &'static str {
    let index = usize::try_from(date.month()).unwrap_or(1).saturating_sub(1);
    MONTHS.get(index).copied().unwrap_or("Jan")
}

/// Any JSON-like value, for members whose shape is open.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Document {
    /// No value.
    #[default]
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Double(f64),
    /// Text.
    String(String),
    /// A list.
    List(Vec<Document>),
    /// An object; the order of its members is not kept.
    Map(BTreeMap<String, Document>),
}

/// Input or output of an operation that has none: a structure without members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unit;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_in_every_form() {
        let cases = [
            (0, "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT", "Jan 1, 1970, 12:00:00 AM"),
            (
                1_795_302_463_000,
                "2026-11-21T23:07:43Z",
                "Sat, 21 Nov 2026 23:07:43 GMT",
                "Nov 21, 2026, 11:07:43 PM",
            ),
            (-1000, "1969-12-31T23:59:59Z", "Wed, 31 Dec 1969 23:59:59 GMT", "Dec 31, 1969, 11:59:59 PM"),
            (
                951_825_600_000,
                "2000-02-29T12:00:00Z",
                "Tue, 29 Feb 2000 12:00:00 GMT",
                "Feb 29, 2000, 12:00:00 PM",
            ),
            (
                Timestamp::MIN.0,
                "0000-01-01T00:00:00Z",
                "Sat, 01 Jan 0000 00:00:00 GMT",
                "Jan 1, 0, 12:00:00 AM",
            ),
        ];
        for (millis, rfc3339, http, trail) in cases {
            let timestamp = Timestamp(millis);
            assert_eq!(timestamp.rfc3339(), rfc3339);
            assert_eq!(timestamp.http_date(), http);
            assert_eq!(timestamp.trail(), trail);
            assert_eq!(Timestamp::parse_rfc3339(rfc3339), Ok(timestamp));
            assert_eq!(Timestamp::parse_http_date(http), Ok(timestamp));
        }
        assert_eq!(Timestamp::MAX.rfc3339(), "9999-12-30T22:00:00Z");
        assert_eq!(
            Timestamp::parse_rfc3339("2026-11-21T23:07:43.125+01:00").map(|t| t.0),
            Ok(1_795_298_863_125)
        );
        assert_eq!(
            Timestamp::parse_http_date("Sun, 02 Jan 2000 20:34:56.4 GMT").map(|t| t.0),
            Ok(946_845_296_400)
        );
    }

    #[test]
    fn what_is_no_timestamp() {
        for text in [
            "",
            "now",
            "2026-11-21",
            "2026-13-01T00:00:00Z",
            "2026-11-21T23:07:43Z[UTC]",
            "10000-01-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text), Err(TimestampError), "{text}");
        }
        for text in [
            "",
            "Sat, 21 Nov 2026 23:07:43 CET",
            "Sat, 31 Feb 2026 00:00:00 GMT",
            "Sat, 21 Nov 2026 23:07 GMT",
        ] {
            assert_eq!(Timestamp::parse_http_date(text), Err(TimestampError), "{text}");
        }
        for seconds in [f64::NAN, f64::INFINITY, 1e300, -1e300, 253_402_207_201.0] {
            assert_eq!(Timestamp::from_epoch_seconds(seconds), Err(TimestampError), "{seconds}");
        }
        assert_eq!(Timestamp::from_epoch_seconds(1.0004), Ok(Timestamp(1000)));
    }
}
