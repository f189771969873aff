//! Inputs and outputs as CloudTrail records them.

use crate::{
    field::{Field, Writer},
    json,
    schema::{Member, Schema},
    types::{Document, Timestamp},
};
use aws_lc_rs::digest;
use std::cmp::Reverse;
use std::ops::Range;

/// Most bytes of one value in a record: CloudTrail leaves out `requestParameters` and `responseElements` above 100 KB.
pub const TRAIL_BYTES_MAX: usize = 100 * 1024;

/// The shortest text, list or map that is left out of a value that is too long, in bytes of JSON: what stands in its place is
/// hardly shorter.
const OMITTED_BYTES_MIN: usize = 256;

/// What a record says in place of an access key id that has not the form of one, which may be a secret (CloudTrail says the same in
/// place of a user name that may be a password).
pub const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// The shape of access key ids in IAM's and STS's models.
const ACCESS_KEY_ID_SHAPE: &str = "accessKeyIdType";

/// Whether a text has the form of access key ids: capital letters and digits, 16 to 128 of them (IAM API
/// reference, `accessKeyIdType`; IAM User Guide, "Understanding unique ID prefixes"). A secret access key has not.
pub fn is_access_key_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    (16..=128).contains(&text.len()) && text.bytes().all(plain)
}

/// Appends `value` as JSON in CloudTrail's form: names with the first letter lowered, timestamps as
/// `Nov 21, 2026, 11:07:43 PM`, blobs and sensitive values left out, as in the records of IAM, STS and KMS.
///
/// It is never longer than [`TRAIL_BYTES_MAX`]. Of a longer one the longest texts, lists and maps make room, the longest first: JSON
/// in a text, such as a policy, loses its insignificant white space; what is still too long becomes
/// `{"omitted":true,"originalSize":…,"sha256":"…"}`: of a text the length and digest of the text, of a list or map those of the JSON
/// that would have stood there. Everything else stays.
pub fn trail_json(value: &dyn Field, schema: &'static Schema, out: &mut Vec<u8>) {
    let start = out.len();
    let mut writer = TrailWriter { out, spans: Vec::new(), within: 0 };
    value.write(&mut writer, schema);
    let spans = std::mem::take(&mut writer.spans);
    if out.len() - start > TRAIL_BYTES_MAX {
        let whole = out.split_off(start);
        let piece = |span: Range<usize>| Piece { span: span.start - start..span.end - start, shorter: None };
        fit(&whole, spans.into_iter().map(piece).collect(), out);
    }
}

/// A part of a value that can be shortened.
struct Piece {
    span: Range<usize>,
    shorter: Option<Vec<u8>>,
}

impl Piece {
    fn len(&self) -> usize {
        self.shorter.as_ref().map_or(self.span.len(), Vec::len)
    }
}

/// Makes a value shorter; none if it cannot.
type Shorten = fn(&[u8]) -> Option<Vec<u8>>;

/// Appends `whole` with as many of its pieces shortened as are in the way, the longest first: without white space, and then left out.
fn fit(whole: &[u8], mut pieces: Vec<Piece>, out: &mut Vec<u8>) {
    let steps: [Shorten; 2] = [compact, |value| Some(omitted(value))];
    let mut length = whole.len();
    for shorten in steps {
        pieces.sort_by_key(|piece| Reverse(piece.len()));
        for piece in &mut pieces {
            if length <= TRAIL_BYTES_MAX {
                break;
            }
            if let Some(shorter) = shorten(whole.get(piece.span.clone()).unwrap_or_default()) {
                length = length - piece.len() + shorter.len();
                piece.shorter = Some(shorter);
            }
        }
    }
    if length > TRAIL_BYTES_MAX {
        out.extend_from_slice(&omitted(whole));
        return;
    }
    pieces.sort_by_key(|piece| piece.span.start);
    let mut at = 0;
    for Piece { span, shorter } in pieces {
        let Some(shorter) = shorter else { continue };
        out.extend_from_slice(whole.get(at..span.start).unwrap_or_default());
        out.extend_from_slice(&shorter);
        at = span.end;
    }
    out.extend_from_slice(whole.get(at..).unwrap_or_default());
}

/// What a JSON text says; none if it is no text.
fn text_of(value: &[u8]) -> Option<String> {
    let value = std::str::from_utf8(value).ok().filter(|value| value.starts_with('"'))?;
    json::text(value)
}

/// What stands for a value that was left out.
fn omitted(value: &[u8]) -> Vec<u8> {
    let text = text_of(value);
    let original = text.as_ref().map_or(value, String::as_bytes);
    let digest = hex::encode(digest::digest(&digest::SHA256, original));
    format!(r#"{{"omitted":true,"originalSize":{},"sha256":"{digest}"}}"#, original.len()).into_bytes()
}

/// A text that is a JSON object, without its insignificant white space; none if it is something else.
fn compact(value: &[u8]) -> Option<Vec<u8>> {
    let text = text_of(value)?;
    if !text.trim_start().starts_with('{') || !json::is_json(&text) {
        return None;
    }
    let (mut kept, mut quoted, mut escaped) = (String::with_capacity(text.len()), false, false);
    for c in text.chars() {
        if quoted || !matches!(c, ' ' | '\t' | '\r' | '\n') {
            kept.push(c);
        }
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && c == '\\' && !escaped;
    }
    let mut out = Vec::with_capacity(kept.len());
    json::write_string(&mut out, &kept);
    Some(out)
}

struct TrailWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Where texts, documents, lists and maps stand that may be left out. None lies in another.
    spans: Vec<Range<usize>>,
    /// How many lists and maps are around what is being written.
    within: u32,
}

impl TrailWriter<'_> {
    /// Writes the name and value of an entry, unless the value leaves nothing to write. Returns whether it did.
    fn pair(&mut self, comma: bool, name: &str, schema: &'static Schema, value: &dyn Field) -> bool {
        self.named(comma, |out| json::write_string(out, name), schema, value)
    }

    /// [`pair`](Self::pair) for a member, whose name is one of the model and needs no escapes.
    fn member(&mut self, comma: bool, member: &Member, value: &dyn Field) -> bool {
        let name = |out: &mut Vec<u8>| {
            let (first, rest) = member.name.as_bytes().split_at_checked(1).unwrap_or_default();
            out.push(b'"');
            out.extend(first.iter().map(u8::to_ascii_lowercase));
            out.extend_from_slice(rest);
            out.push(b'"');
        };
        self.named(comma, name, member.schema, value)
    }

    fn named(
        &mut self,
        comma: bool,
        name: impl FnOnce(&mut Vec<u8>),
        schema: &'static Schema,
        value: &dyn Field,
    ) -> bool {
        let start = self.out.len();
        if comma {
            self.out.push(b',');
        }
        name(self.out);
        self.out.push(b':');
        let before = self.out.len();
        value.write(self, schema);
        if self.out.len() == before {
            self.out.truncate(start);
            return false;
        }
        true
    }

    /// Writes what may be left out if the whole is too long.
    fn leaf(&mut self, write: impl FnOnce(&mut Self)) {
        let start = self.out.len();
        self.within += 1;
        write(self);
        self.within -= 1;
        if self.within == 0 && self.out.len() - start >= OMITTED_BYTES_MIN {
            self.spans.push(start..self.out.len());
        }
    }
}

impl Writer for TrailWriter<'_> {
    fn boolean(&mut self, schema: &'static Schema, value: bool) {
        if !schema.sensitive {
            self.out.extend_from_slice(if value { b"true" } else { b"false" });
        }
    }

    fn integer(&mut self, schema: &'static Schema, value: i64) {
        if !schema.sensitive {
            json::write_integer(self.out, value);
        }
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        if !schema.sensitive {
            json::write_double(self.out, schema, value);
        }
    }

    fn text(&mut self, schema: &'static Schema, value: &str) {
        if schema.name == ACCESS_KEY_ID_SHAPE && !is_access_key_id(value) {
            json::write_string(self.out, HIDDEN);
        } else if !schema.sensitive {
            self.leaf(|writer| json::write_string(writer.out, value));
        }
    }

    fn blob(&mut self, _schema: &'static Schema, _value: &[u8]) {}

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        if !schema.sensitive {
            json::write_string(self.out, &value.trail());
        }
    }

    fn document(&mut self, schema: &'static Schema, value: &Document) {
        if !schema.sensitive {
            self.leaf(|writer| json::write_document(writer.out, value));
        }
    }

    fn list(&mut self, schema: &'static Schema, _count: usize, items: &mut dyn Iterator<Item = &dyn Field>) {
        let Some(element) = schema.element.filter(|_| !schema.sensitive) else { return };
        self.leaf(|writer| {
            writer.out.push(b'[');
            let mut first = true;
            for item in items {
                let start = writer.out.len();
                if !first {
                    writer.out.push(b',');
                }
                let before = writer.out.len();
                item.write(writer, element.schema);
                if writer.out.len() == before {
                    writer.out.truncate(start);
                } else {
                    first = false;
                }
            }
            writer.out.push(b']');
        });
    }

    fn map(
        &mut self,
        schema: &'static Schema,
        _count: usize,
        entries: &mut dyn Iterator<Item = (&str, &dyn Field)>,
    ) {
        let hidden = schema.sensitive || schema.key.is_some_and(|key| key.schema.sensitive);
        let Some(element) = schema.value.filter(|_| !hidden) else { return };
        self.leaf(|writer| {
            writer.out.push(b'{');
            let mut comma = false;
            for (name, value) in entries {
                comma |= writer.pair(comma, name, element.schema, value);
            }
            writer.out.push(b'}');
        });
    }

    fn structure(&mut self, schema: &'static Schema, fields: &[&dyn Field]) {
        if schema.sensitive {
            return;
        }
        self.out.push(b'{');
        let mut comma = false;
        for (member, field) in schema.members.iter().zip(fields) {
            if field.present() {
                comma |= self.member(comma, member, *field);
            }
        }
        self.out.push(b'}');
    }

    fn union(&mut self, schema: &'static Schema, index: usize, value: &dyn Field) {
        if schema.sensitive {
            return;
        }
        self.out.push(b'{');
        if let Some(member) = schema.members.get(index) {
            self.member(false, member, value);
        }
        self.out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    static TEXT: Schema = Schema::new("text", Kind::String);
    static ID: Schema = Schema::new(ACCESS_KEY_ID_SHAPE, Kind::String);

    fn written(value: &str, schema: &'static Schema) -> String {
        let mut out = b"before".to_vec();
        trail_json(&value.to_owned(), schema, &mut out);
        String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned()
    }

    #[test]
    fn a_policy_loses_its_white_space_before_it_is_left_out() {
        let policy = r#"{ "Statement" : [ {"Sid":"a \\ \"b\" \n c", "Action" : "*"} ] }"#;
        let padded = policy.replace(" : ", &format!(":{}", "\n".repeat(60_000)));
        let kept = written(&padded, &TEXT);
        assert_eq!(kept, r#""{\"Statement\":[{\"Sid\":\"a \\\\ \\\"b\\\" \\n c\",\"Action\":\"*\"}]}""#);
        // Short enough, it stays as it was given.
        assert_eq!(text_of(written(policy, &TEXT).as_bytes()).unwrap(), policy);
        // What is no JSON keeps its length and digest.
        let text = "\n".repeat(60_000);
        let digest = hex::encode(digest::digest(&digest::SHA256, text.as_bytes()));
        assert_eq!(
            written(&text, &TEXT),
            format!(r#"{{"omitted":true,"originalSize":60000,"sha256":"{digest}"}}"#)
        );
    }

    #[test]
    fn only_ids_are_recorded_as_ids() {
        for id in ["AKIAIOSFODNN7EXAMPLE", "ASIA0123456789ABCDEF", "ABCDEFGHIJKLMNOP"] {
            assert_eq!(written(id, &ID), format!("\"{id}\""));
        }
        for other in
            ["wJalrXUtnFEMIxK7MDENGxbPxRfiCYEXAMPLEKEY", "AKIAIOSFODNN7EXAMPLe", "ABCDEFGHIJKLMNO", ""]
        {
            assert_eq!(written(other, &ID), format!("\"{HIDDEN}\""));
        }
    }
}
