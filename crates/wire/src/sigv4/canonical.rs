//! The canonical request: the text whose digest is signed.

use std::ops::Range;

use http::{HeaderMap, header, request::Parts};

use super::{
    QUERY_PARAMETERS_MAX, SigError,
    encoding::{self, Decoded},
    is_s3,
};

/// The parts of a request that go into its canonical form, beside the body.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    /// Value of `host` where the header is absent.
    pub(super) authority: Option<&'a str>,
}

impl<'a> Request<'a> {
    pub(super) fn of(parts: &'a Parts) -> Self {
        Request {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
            authority: parts.uri.authority().map(http::uri::Authority::as_str),
        }
    }
}

/// How paths become canonical.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PathRule {
    /// Empty and dot segments are removed, then the path, encoded as it is, is encoded once more.
    Normalized,
    /// S3: the segments as sent, encoded once.
    Verbatim,
}

impl PathRule {
    pub(super) fn of_service(service: &str) -> Self {
        if is_s3(service) { PathRule::Verbatim } else { PathRule::Normalized }
    }
}

/// The host that the caller addressed: the only `Host` header, or HTTP/2's `:authority`. `None` if there is
/// neither, or more than one answer.
pub(crate) fn host(parts: &Parts) -> Option<&str> {
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    let mut values = parts.headers.get_all(header::HOST).iter();
    match (values.next(), values.next(), authority) {
        (None, _, authority) => authority,
        (Some(host), None, None) => host.to_str().ok(),
        (Some(host), None, Some(authority)) => {
            host.to_str().ok().filter(|host| host.eq_ignore_ascii_case(authority))
        }
        (Some(_), Some(_), _) => None,
    }
}

/// The canonical form of `request`, of which `signed_headers` (lower case, sorted, joined by `;`) are covered.
/// `payload` is the last line: the hexadecimal digest of the body or what stands for it.
///
/// # Errors
/// [`SigError::Mismatch`] if a covered header is absent, [`SigError::Incomplete`] beyond the limits.
pub(super) fn canonical_request(
    request: &Request<'_>,
    rule: PathRule,
    signed_headers: &str,
    payload: &[u8],
) -> Result<Vec<u8>, SigError> {
    let mut out = Vec::with_capacity(1024 + request.query.len());
    out.extend_from_slice(request.method.as_bytes());
    out.push(b'\n');
    push_path(&mut out, request.path, rule);
    out.push(b'\n');
    push_query(&mut out, request.query)?;
    out.push(b'\n');
    for name in signed_headers.split(';') {
        push_header(&mut out, request, name)?;
    }
    out.push(b'\n');
    out.extend_from_slice(signed_headers.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(payload);
    Ok(out)
}

fn push_path(out: &mut Vec<u8>, path: &str, rule: PathRule) {
    match rule {
        PathRule::Verbatim => {
            // Segment by segment, so that an encoded slash stays apart from one that separates.
            for (index, segment) in path.split('/').enumerate() {
                if index > 0 {
                    out.push(b'/');
                }
                for byte in Decoded::path(segment.as_bytes()) {
                    encoding::push_encoded(out, byte);
                }
            }
        }
        PathRule::Normalized => {
            let mut segments: Vec<&str> = Vec::new();
            for segment in path.split('/') {
                match segment {
                    "" | "." => {}
                    ".." => {
                        segments.pop();
                    }
                    segment => segments.push(segment),
                }
            }
            for segment in &segments {
                out.push(b'/');
                encoding::push_all_encoded(out, segment.as_bytes());
            }
            if segments.is_empty() || path.ends_with('/') {
                out.push(b'/');
            }
        }
    }
}

/// The parameters sorted by encoded name, then by encoded value, without the signature itself.
fn push_query(out: &mut Vec<u8>, query: &str) -> Result<(), SigError> {
    if query.is_empty() {
        return Ok(());
    }
    let mut text = Vec::with_capacity(query.len() + 32);
    let mut encode = |piece: &str| -> Range<usize> {
        let start = text.len();
        for byte in Decoded::query(piece.as_bytes()) {
            encoding::push_encoded(&mut text, byte);
        }
        start..text.len()
    };
    let mut pairs = Vec::new();
    for (name, value) in encoding::query_pairs(query) {
        if pairs.len() == QUERY_PARAMETERS_MAX {
            return Err(SigError::Incomplete(format!(
                "The query string has more than {QUERY_PARAMETERS_MAX} parameters"
            )));
        }
        pairs.push((encode(name), encode(value)));
    }
    let piece = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
    pairs.sort_by(|(name_a, value_a), (name_b, value_b)| {
        piece(name_a).cmp(piece(name_b)).then_with(|| piece(value_a).cmp(piece(value_b)))
    });
    let signed = pairs.iter().filter(|(name, _)| piece(name) != b"X-Amz-Signature");
    for (index, (name, value)) in signed.enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(piece(name));
        out.push(b'=');
        out.extend_from_slice(piece(value));
    }
    Ok(())
}

/// A line with the name and all values of a header, joined by commas in the order of arrival.
fn push_header(out: &mut Vec<u8>, request: &Request<'_>, name: &str) -> Result<(), SigError> {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    let mut values = request.headers.get_all(name).iter();
    match (values.next(), request.authority) {
        (Some(value), _) => push_value(out, value.as_bytes()),
        (None, Some(authority)) if name == "host" => push_value(out, authority.as_bytes()),
        (None, _) => return Err(SigError::Mismatch),
    }
    for value in values {
        out.push(b',');
        push_value(out, value.as_bytes());
    }
    out.push(b'\n');
    Ok(())
}

/// A value without white space around it, and with one space for each run of it within.
fn push_value(out: &mut Vec<u8>, value: &[u8]) {
    let value = value.trim_ascii();
    let mut after_space = false;
    let is_plain = !value.iter().any(|&byte| {
        let run = after_space && byte == b' ';
        after_space = byte == b' ';
        run || byte == b'\t'
    });
    if is_plain {
        out.extend_from_slice(value);
        return;
    }
    let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use http::{HeaderName, HeaderValue};

    use super::*;

    fn path(path: &str, rule: PathRule) -> String {
        let mut out = Vec::new();
        push_path(&mut out, path, rule);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn paths() {
        let cases = [
            ("", "/", ""),
            ("/", "/", "/"),
            ("//", "/", "//"),
            ("/a/../..", "/", "/a/../.."),
            ("/a/./b//c/", "/a/b/c/", "/a/./b//c/"),
            ("/a/.", "/a", "/a/."),
            ("/..a/.b./...", "/..a/.b./...", "/..a/.b./..."),
            ("/a b", "/a%20b", "/a%20b"),
            ("/a%20b", "/a%2520b", "/a%20b"),
            ("/a%2fb%2e", "/a%252fb%252e", "/a%2Fb."),
            ("/%zz%", "/%25zz%25", "/%25zz%25"),
            ("/a+b*(c)~", "/a%2Bb%2A%28c%29~", "/a%2Bb%2A%28c%29~"),
            ("*", "/%2A", "%2A"),
        ];
        for (given, normalized, verbatim) in cases {
            assert_eq!(path(given, PathRule::Normalized), normalized, "{given}");
            assert_eq!(path(given, PathRule::Verbatim), verbatim, "{given}");
        }
    }

    #[test]
    fn queries() {
        let cases = [
            ("", ""),
            ("&&", ""),
            ("b=2&a=1", "a=1&b=2"),
            ("a=2&a=1&a", "a=&a=1&a=2"),
            ("a-b=1&a=2", "a=2&a-b=1"),
            ("a=b=c&d==", "a=b%3Dc&d=%3D"),
            ("a+b=%2B%20", "a%20b=%2B%20"),
            ("%41=%7e%zz", "A=~%25zz"),
            ("X-Amz-Signature=1&a=2&X-Amz-Signatur%65=3&x-amz-signature=4", "a=2&x-amz-signature=4"),
        ];
        for (given, expected) in cases {
            let mut out = Vec::new();
            push_query(&mut out, given).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{given}");
        }
        let many = "a&".repeat(QUERY_PARAMETERS_MAX + 1);
        assert!(matches!(push_query(&mut Vec::new(), &many), Err(SigError::Incomplete(_))));
    }

    #[test]
    fn values() {
        for (given, expected) in
            [("a b", "a b"), (" a  b ", "a b"), ("a\tb", "a b"), ("\"a   b\"", "\"a b\""), ("", "")]
        {
            let mut out = Vec::new();
            push_value(&mut out, given.as_bytes());
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{given}");
        }
    }

    /// The canonical requests of AWS's signing test suite. Its requests are read by hand, as some are none that
    /// an HTTP parser accepts; whether paths are normalized is part of the case, not of the service.
    #[test]
    fn canonical_requests_of_the_suite() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/sigv4/v4"));
        let Ok(cases) = fs::read_dir(root) else {
            println!("skipped: no conformance data");
            return;
        };
        let mut count = 0;
        for case in cases {
            let dir = case.unwrap().path();
            let text = |file: &str| fs::read_to_string(dir.join(file)).unwrap();
            let rule = match text("context.json").contains("\"normalize\": true") {
                true => PathRule::Normalized,
                false => PathRule::Verbatim,
            };
            for form in ["header", "query"] {
                let expected = text(&format!("{form}-canonical-request.txt"));
                let mut from_end = expected.rsplit('\n');
                let (payload, signed_headers) = (from_end.next().unwrap(), from_end.next().unwrap());
                let signed = text(&format!("{form}-signed-request.txt")).replace("\n ", " ");
                let mut lines = signed.lines();
                let line = lines.next().unwrap().strip_suffix(" HTTP/1.1").unwrap();
                let (method, target) = line.split_once(' ').unwrap();
                let (path, query) = target.split_once('?').unwrap_or((target, ""));
                // The token that is added after signing.
                let query = query
                    .split("&X-Amz-Security-Token")
                    .next()
                    .filter(|_| !expected.contains("Token"))
                    .unwrap_or(query);
                let mut headers = HeaderMap::new();
                for (name, value) in lines.map_while(|line| line.split_once(':')) {
                    let name: HeaderName = name.parse().unwrap();
                    headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
                }
                let request = Request { method, path, query, headers: &headers, authority: None };
                let actual = canonical_request(&request, rule, signed_headers, payload.as_bytes()).unwrap();
                assert_eq!(String::from_utf8(actual).unwrap(), expected, "{}", dir.display());
                count += 1;
            }
        }
        assert_eq!(count, 76);
    }
}
