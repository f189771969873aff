//! Simple values as plain text, the way forms, paths, query strings, headers and XML have them.

use std::fmt::Write as _;

use crate::{
    field::fits,
    schema::{Kind, Schema, TimestampFormat},
    types::Timestamp,
};

/// `true` or `false`, in any case.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// A whole number in decimal digits that `kind` can hold.
pub(crate) fn integer(text: &str, kind: Kind) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    // Rust also takes a plus sign, which in most of these places is a space that was not encoded.
    let parsed: Option<i64> = text.parse().ok().filter(|_| !digits.starts_with('+'));
    parsed.filter(|value| fits(kind, *value))
}

/// Any number, or one of Smithy's three words for what is none.
pub(crate) fn double(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        // Rust knows further words, and reads what is too large as infinite.
        text => text.parse().ok().filter(|value: &f64| value.is_finite()),
    }
}

/// A point in time.
pub(crate) fn timestamp(text: &str, format: TimestampFormat) -> Option<Timestamp> {
    match format {
        TimestampFormat::EpochSeconds => {
            text.parse().ok().and_then(|seconds| Timestamp::from_epoch_seconds(seconds).ok())
        }
        TimestampFormat::Iso8601 => Timestamp::parse_rfc3339(text).ok(),
        TimestampFormat::Rfc822 => Timestamp::parse_http_date(text).ok(),
    }
}

/// A number of the schema's precision as [`double`] reads it.
pub(crate) fn of_double(schema: &'static Schema, value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else if schema.kind == Kind::Float {
        #[expect(clippy::cast_possible_truncation, reason = "the shape has single precision")]
        let single = value as f32;
        format!("{single:?}")
    } else {
        format!("{value:?}")
    }
}

/// A point in time as [`timestamp`] reads it; the date of HTTP headers has no fractions of a second.
pub(crate) fn of_timestamp(value: Timestamp, format: TimestampFormat) -> String {
    match format {
        TimestampFormat::EpochSeconds => {
            let millis = value.0.unsigned_abs();
            let mut text = format!("{}{}", if value.0 < 0 { "-" } else { "" }, millis / 1000);
            if !millis.is_multiple_of(1000) {
                let _infallible = write!(text, ".{:03}", millis % 1000);
            }
            text
        }
        TimestampFormat::Iso8601 => value.rfc3339(),
        TimestampFormat::Rfc822 => value.http_date(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_and_what_is_not() {
        assert_eq!(["true", "False", "1", ""].map(boolean), [Some(true), Some(false), None, None]);
        for (text, value) in
            [("0", Some(0)), ("-7", Some(-7)), ("007", Some(7)), ("2147483647", Some(2_147_483_647))]
        {
            assert_eq!(integer(text, Kind::Integer), value, "{text}");
        }
        for text in ["", "-", "+1", "-+1", "1.0", "1e3", " 1", "1 ", "２", "2147483648"] {
            assert_eq!(integer(text, Kind::Integer), None, "{text}");
        }
        assert_eq!(integer("-9223372036854775808", Kind::Long), Some(i64::MIN));
        assert_eq!(integer("9223372036854775808", Kind::Long), None);
        for text in ["", "nan", "inf", "infinity", "+Infinity", "1e999", "0x1", "1_0"] {
            assert_eq!(double(text), None, "{text}");
        }
        assert!(double("NaN").is_some_and(f64::is_nan));
        assert_eq!(double("-1.5e3"), Some(-1500.0));
    }

    #[test]
    fn times_survive_in_every_format() {
        for millis in [0, 999, -999, -1001, 1_795_302_463_120] {
            for format in [TimestampFormat::EpochSeconds, TimestampFormat::Iso8601] {
                let text = of_timestamp(Timestamp(millis), format);
                assert_eq!(timestamp(&text, format), Some(Timestamp(millis)), "{text}");
            }
        }
        let text = of_timestamp(Timestamp(1_795_302_463_120), TimestampFormat::Rfc822);
        assert_eq!(timestamp(&text, TimestampFormat::Rfc822), Some(Timestamp(1_795_302_463_000)));
        assert_eq!(timestamp("NaN", TimestampFormat::EpochSeconds), None);
    }

    #[test]
    fn numbers_are_written_in_their_precision() {
        static SINGLE: Schema = Schema::new("Single", Kind::Float);
        static DOUBLE: Schema = Schema::new("Double", Kind::Double);
        assert_eq!(of_double(&SINGLE, f64::from(1.1f32)), "1.1");
        assert_eq!(of_double(&DOUBLE, 6.5), "6.5");
        assert_eq!(
            [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(|value| of_double(&DOUBLE, value)),
            ["NaN", "Infinity", "-Infinity"]
        );
    }
}
