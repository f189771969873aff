//! Records as messages of syslog (RFC 5424).

use serde_json::{Value, json};

/// Facility 13, log audit, and severity 6, informational (RFC 5424, 6.2.1).
const PRIORITY: u8 = 13 * 8 + 6;

/// The longest message that fits into a datagram over IPv4: 65,535 bytes less the heads of IP and UDP.
pub(super) const DATAGRAM_BYTES_MAX: usize = 65_507;

/// The members of a record that are left out of what does not fit, the largest as a rule first.
const LARGE: [&str; 4] =
    ["requestParameters", "responseElements", "additionalEventData", "serviceEventDetails"];

/// The longest MSGID, in characters (RFC 5424, 6).
const MESSAGE_ID_CHARS_MAX: usize = 32;

/// A message: `<110>1 TIME HOST fastness - EventName - RECORD`. Of a line that is no record, such as a receipt, time and name are absent.
pub(super) fn message(host: &str, line: &str) -> String {
    let record: Value = serde_json::from_str(line).unwrap_or_default();
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    let time = Some(text("eventTime")).filter(|time| !time.is_empty()).unwrap_or("-");
    let name = printable(text("eventName"), MESSAGE_ID_CHARS_MAX);
    format!("<{PRIORITY}>1 {time} {} fastness - {name} - {line}", printable(host, 255))
}

/// The same for a datagram: members that are too large are left out as CloudTrail leaves them out, and told.
pub(super) fn datagram(host: &str, line: &str) -> String {
    let whole = message(host, line);
    if whole.len() <= DATAGRAM_BYTES_MAX {
        return whole;
    }
    let mut record: Value = serde_json::from_str(line).unwrap_or_default();
    let mut cut = whole;
    for name in LARGE {
        if let Some(member) = record.get_mut(name).filter(|member| !member.is_null()) {
            let size = member.to_string().len();
            *member = json!({ "omitted": true, "originalSize": size, "reason": "the record does not fit into a datagram" });
            cut = message(host, &record.to_string());
        }
        if cut.len() <= DATAGRAM_BYTES_MAX {
            return cut;
        }
    }
    cut.truncate(cut.floor_char_boundary(DATAGRAM_BYTES_MAX));
    cut
}

/// A framed message of a stream: its length first (RFC 6587, 3.4.1).
pub(super) fn framed(message: &str) -> String {
    format!("{} {message}", message.len())
}

/// A field of the header: printable ASCII, or `-`.
fn printable(text: &str, chars_max: usize) -> String {
    let field: String = text.chars().filter(char::is_ascii_graphic).take(chars_max).collect();
    if field.is_empty() { "-".to_owned() } else { field }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_message() {
        let line = r#"{"eventTime":"2026-11-30T01:02:03Z","eventName":"Create Key","userAgent":"a\nb"}"#;
        let expected = format!("<110>1 2026-11-30T01:02:03Z host.example fastness - CreateKey - {line}");
        assert_eq!(message("host.example", line), expected);
        assert_eq!(framed("abc"), "3 abc");
        assert!(message("", "{}").starts_with("<110>1 - - fastness - - - {}"));
    }

    #[test]
    fn what_does_not_fit_into_a_datagram_is_left_out_and_told() {
        let record = json!({ "eventID": "e", "requestParameters": { "a": "x".repeat(100_000) }, "responseElements": { "b": 1 } });
        let cut = datagram("h", &record.to_string());
        assert!(
            cut.len() < 1000
                && cut.contains("\"omitted\":true")
                && cut.contains("\"b\":1")
                && cut.contains("\"e\""),
            "{cut}"
        );
        let long = json!({ "errorMessage": "é".repeat(100_000) }).to_string();
        assert!(datagram("h", &long).len() <= DATAGRAM_BYTES_MAX);
    }
}
