//! The API of external key store proxies ("External Key Store Proxy API Specification" of AWS KMS, version 1): what both of its sides,
//! and the router, must know of it.

use crate::codec::{Answer, ErrorAnswer, REQUEST_ID, request_id_value};
use crate::json::write_string;
use http::{HeaderValue, header};

/// The service in the scope of signatures ("Appendix A").
pub const SIGNING_NAME: &str = "kms-xks-proxy";

/// Clock skew allowed to callers, both ways, in milliseconds ("Task 4: Match the signature").
pub const SKEW_MS: i64 = 5 * 60 * 1000;

/// The longest text that goes with an error, in characters, all of which are printable ASCII ("Error codes").
pub const MESSAGE_CHARS_MAX: usize = 511;

/// Names of errors and their HTTP statuses ("Error codes").
pub const ERRORS: [(&str, u16); 12] = [
    ("ValidationException", 400),
    ("InvalidStateException", 400),
    ("InvalidCiphertextException", 400),
    ("InvalidKeyUsageException", 400),
    ("AuthenticationFailedException", 401),
    ("AccessDeniedException", 403),
    ("KeyNotFoundException", 404),
    ("InvalidUriPathException", 404),
    ("ThrottlingException", 429),
    ("UnsupportedOperationException", 501),
    ("DependencyTimeoutException", 503),
    ("InternalException", 500),
];

/// Answers with an error, in the words of the specification.
pub(crate) fn encode_error(error: &ErrorAnswer<'_>, request_id: &str) -> Answer {
    let name = match error.code {
        "UnknownOperationException" => "InvalidUriPathException",
        "SerializationException" => "ValidationException",
        // Beyond the sizes that a proxy has to take.
        "RequestEntityTooLargeException" => "UnsupportedOperationException",
        code => code,
    };
    // Whatever else there is went wrong here.
    let known = ERRORS.into_iter().find(|(known, _)| *known == name);
    let (name, status) = known.unwrap_or(("InternalException", 500));
    // Another method than POST, of which the status alone tells.
    let status = if error.status == 405 { 405 } else { status };
    let mut body = b"{\"errorName\":".to_vec();
    write_string(&mut body, name);
    let printable = |c: &char| matches!(c, ' '..='~');
    let message: String = error.message.chars().filter(printable).take(MESSAGE_CHARS_MAX).collect();
    if !message.is_empty() {
        body.extend_from_slice(b",\"errorMessage\":");
        write_string(&mut body, &message);
    }
    body.push(b'}');
    let headers = vec![
        (REQUEST_ID, request_id_value(request_id)),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ];
    Answer { status, headers, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_names_of_the_specification() {
        let long = "x".repeat(1000);
        let cases = [
            (
                "KeyNotFoundException",
                "gone",
                400,
                r#"404 {"errorName":"KeyNotFoundException","errorMessage":"gone"}"#,
            ),
            ("UnknownOperationException", "", 404, r#"404 {"errorName":"InvalidUriPathException"}"#),
            ("UnknownOperationException", "", 405, r#"405 {"errorName":"InvalidUriPathException"}"#),
            (
                "SerializationException",
                "é\n\"~",
                400,
                r#"400 {"errorName":"ValidationException","errorMessage":"\"~"}"#,
            ),
            (
                "RequestEntityTooLargeException",
                "",
                413,
                r#"501 {"errorName":"UnsupportedOperationException"}"#,
            ),
            ("ServiceUnavailable", "", 503, r#"500 {"errorName":"InternalException"}"#),
            (
                "AccessDeniedException",
                &long,
                400,
                &format!(
                    r#"403 {{"errorName":"AccessDeniedException","errorMessage":"{}"}}"#,
                    "x".repeat(511)
                ),
            ),
        ];
        for (code, message, status, expected) in cases {
            let answer = encode_error(&ErrorAnswer::new(code, message, status), "id");
            assert_eq!(format!("{} {}", answer.status, String::from_utf8(answer.body).unwrap()), expected);
        }
    }
}
