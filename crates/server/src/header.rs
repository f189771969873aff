//! What headers say, as it can be kept.

use http::HeaderValue;

/// The text of a header, whatever its bytes: unless all of them are printable ASCII, those that are not, and the backslash, are
/// written `\xNN`. At most `max` bytes of it.
pub(crate) fn escaped(value: &HeaderValue, max: usize) -> String {
    if let Ok(text) = value.to_str() {
        return cut(text, max).to_owned();
    }
    let mut text = String::new();
    for byte in value.as_bytes() {
        let plain = matches!(byte, b' '..=b'~') && *byte != b'\\';
        let next = if plain { char::from(*byte).to_string() } else { format!("\\x{byte:02x}") };
        if text.len() + next.len() > max {
            break;
        }
        text.push_str(&next);
    }
    text
}

/// The beginning of a text, of at most `max` bytes.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_kept_or_escaped() {
        for byte in 0..=255u8 {
            let Ok(value) = HeaderValue::from_bytes(&[b'a', byte, b'\\']) else {
                assert!(byte < b' ' && byte != b'\t' || byte == 0x7f, "{byte}");
                continue;
            };
            let expected = if byte.is_ascii() {
                format!("a{}\\", char::from(byte))
            } else {
                format!("a\\x{byte:02x}\\x5c")
            };
            assert_eq!(escaped(&value, 100), expected);
            assert!(escaped(&value, 3).len() <= 3);
        }
        assert_eq!(cut("aü", 2), "a");
        assert_eq!(cut("aü", 9), "aü");
    }
}
