//! Constant descriptions of shapes: what a service model says about a type, as data.

use std::{fmt, sync::OnceLock};

use regex::Regex;

/// One shape of a service model: its type, its constraints and its members.
///
/// Schemas are `static`s, built by the `const` methods below; they may refer to each other in circles.
#[derive(Clone, Copy)]
pub struct Schema {
    /// Name of the shape in the model.
    pub name: &'static str,
    /// Type of the shape.
    pub kind: Kind,
    /// Never shown in logs, errors and audit records.
    pub sensitive: bool,
    /// Least length (strings in characters, blobs in bytes, lists and maps in items) or least value of a number.
    pub min: Option<i64>,
    /// Greatest length or value, counted as for [`Schema::min`].
    pub max: Option<i64>,
    /// What the whole of a string must match.
    pub pattern: Option<&'static Pattern>,
    /// Allowed values of a string, in the order of the model; empty if any.
    pub values: &'static [&'static str],
    /// Members of a structure or union.
    pub members: &'static [Member],
    /// Items of a list.
    pub element: Option<Element>,
    /// Keys of a map.
    pub key: Option<Element>,
    /// Values of a map.
    pub value: Option<Element>,
    /// A list or map whose items stand directly in the parent (XML, Query).
    pub flattened: bool,
    /// Name of the element where it differs from the shape's (XML).
    pub xml_name: Option<&'static str>,
    /// Namespace of the element (XML).
    pub xml_namespace: Option<XmlNamespace>,
    /// How a timestamp is written, where it is not the protocol's own way.
    pub timestamp_format: Option<TimestampFormat>,
}

impl Schema {
    /// A shape of `kind` without constraints.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Schema {
            name,
            kind,
            sensitive: false,
            min: None,
            max: None,
            pattern: None,
            values: &[],
            members: &[],
            element: None,
            key: None,
            value: None,
            flattened: false,
            xml_name: None,
            xml_namespace: None,
            timestamp_format: None,
        }
    }

    /// A list of `item`s.
    pub const fn list(name: &'static str, item: &'static Schema) -> Self {
        let mut schema = Self::new(name, Kind::List);
        schema.element = Some(Element { schema: item, xml_name: None, xml_namespace: None });
        schema
    }

    /// A map from strings (checked against `key`) to `value`s.
    pub const fn map(name: &'static str, key: &'static Schema, value: &'static Schema) -> Self {
        let mut schema = Self::new(name, Kind::Map);
        schema.key = Some(Element { schema: key, xml_name: None, xml_namespace: None });
        schema.value = Some(Element { schema: value, xml_name: None, xml_namespace: None });
        schema
    }

    /// A structure; at most [`MEMBERS_MAX`] members, checked when compiling.
    pub const fn structure(name: &'static str, members: &'static [Member]) -> Self {
        assert!(members.len() <= MEMBERS_MAX);
        let mut schema = Self::new(name, Kind::Structure);
        schema.members = members;
        schema
    }

    /// A union: exactly one of `members`.
    pub const fn union(name: &'static str, members: &'static [Member]) -> Self {
        let mut schema = Self::structure(name, members);
        schema.kind = Kind::Union;
        schema
    }

    /// A string that is one of `values`.
    pub const fn string_enum(name: &'static str, values: &'static [&'static str]) -> Self {
        let mut schema = Self::new(name, Kind::String);
        schema.values = values;
        schema
    }

    /// Sets [`Schema::min`].
    pub const fn min(mut self, min: i64) -> Self {
        self.min = Some(min);
        self
    }

    /// Sets [`Schema::max`].
    pub const fn max(mut self, max: i64) -> Self {
        self.max = Some(max);
        self
    }

    /// Sets [`Schema::pattern`]; see [`pattern!`](crate::pattern!).
    pub const fn pattern(mut self, pattern: &'static Pattern) -> Self {
        self.pattern = Some(pattern);
        self
    }

    /// Sets [`Schema::values`] of a string that stays a `String` in Rust.
    pub const fn values(mut self, values: &'static [&'static str]) -> Self {
        self.values = values;
        self
    }

    /// Sets [`Schema::sensitive`].
    pub const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// Sets [`Schema::flattened`].
    pub const fn flattened(mut self) -> Self {
        self.flattened = true;
        self
    }

    /// Sets [`Schema::xml_name`].
    pub const fn xml_name(mut self, name: &'static str) -> Self {
        self.xml_name = Some(name);
        self
    }

    /// Sets [`Schema::xml_namespace`] with its prefix, if it has one.
    pub const fn xml_namespace(mut self, uri: &'static str, prefix: Option<&'static str>) -> Self {
        self.xml_namespace = Some(XmlNamespace { uri, prefix });
        self
    }

    /// Sets [`Schema::timestamp_format`].
    pub const fn timestamp(mut self, format: TimestampFormat) -> Self {
        self.timestamp_format = Some(format);
        self
    }

    /// Names the element of a list's item (XML, Query); without it, `member`.
    pub const fn item_name(mut self, name: &'static str) -> Self {
        if let Some(element) = &mut self.element {
            element.xml_name = Some(name);
        }
        self
    }

    /// Sets the namespace of a list's item (XML).
    pub const fn item_namespace(mut self, uri: &'static str, prefix: Option<&'static str>) -> Self {
        if let Some(element) = &mut self.element {
            element.xml_namespace = Some(XmlNamespace { uri, prefix });
        }
        self
    }

    /// Names the element of a map's key (XML, Query); without it, `key`.
    pub const fn key_name(mut self, name: &'static str) -> Self {
        if let Some(element) = &mut self.key {
            element.xml_name = Some(name);
        }
        self
    }

    /// Names the element of a map's value (XML, Query); without it, `value`.
    pub const fn value_name(mut self, name: &'static str) -> Self {
        if let Some(element) = &mut self.value {
            element.xml_name = Some(name);
        }
        self
    }

    /// Sets the namespace of a map's key (XML).
    pub const fn key_namespace(mut self, uri: &'static str, prefix: Option<&'static str>) -> Self {
        if let Some(element) = &mut self.key {
            element.xml_namespace = Some(XmlNamespace { uri, prefix });
        }
        self
    }

    /// Sets the namespace of a map's value (XML).
    pub const fn value_namespace(mut self, uri: &'static str, prefix: Option<&'static str>) -> Self {
        if let Some(element) = &mut self.value {
            element.xml_namespace = Some(XmlNamespace { uri, prefix });
        }
        self
    }

    /// Finds the member whose [`Member::wire`] name is `key`, looking at `hint` first.
    ///
    /// Clients write members in an order that seldom differs from the model's, so a search that goes on from the
    /// last hit finds most at the first comparison and needs no table.
    pub fn find(&self, key: &str, hint: usize) -> Option<(usize, &'static Member)> {
        let members = self.members;
        let (before, after) = members.split_at_checked(hint).unwrap_or((members, &[]));
        let found = after.iter().position(|member| member.wire == key);
        let index = match found {
            Some(at) => hint.checked_add(at)?,
            None => before.iter().position(|member| member.wire == key)?,
        };
        members.get(index).map(|member| (index, member))
    }
}

impl fmt::Debug for Schema {
    /// Only the name and the kind: schemas may be circular.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schema({} {:?})", self.name, self.kind)
    }
}

/// One member of a structure or union.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Name in the model, as in `KeyId`; error texts and audit records derive theirs from it.
    pub name: &'static str,
    /// Name on the wire: `locationName` of the model, or the model's name.
    pub wire: &'static str,
    /// Name in the EC2 Query protocol (`queryName`), where it is said.
    pub query_name: Option<&'static str>,
    /// The member's shape.
    pub schema: &'static Schema,
    /// Must be present in a request.
    pub required: bool,
    /// Where the REST protocols put it.
    pub location: Location,
    /// An attribute of the parent's element, not an element (XML).
    pub xml_attribute: bool,
    /// A list or map whose items stand directly in the parent (XML, Query).
    pub flattened: bool,
    /// Namespace of the element (XML).
    pub xml_namespace: Option<XmlNamespace>,
    /// Clients make up a value where the user gives none.
    pub idempotency_token: bool,
    /// Part of the host name in some client endpoints.
    pub host_label: bool,
    /// A string of JSON that the REST protocols put into headers as base64 (`jsonvalue`).
    pub json_value: bool,
    /// A blob that is sent as the body without being collected first.
    pub streaming: bool,
}

impl Member {
    /// An optional member in the body.
    pub const fn new(name: &'static str, schema: &'static Schema) -> Self {
        Member {
            name,
            wire: name,
            query_name: None,
            schema,
            required: false,
            location: Location::Body,
            xml_attribute: false,
            flattened: false,
            xml_namespace: None,
            idempotency_token: false,
            host_label: false,
            json_value: false,
            streaming: false,
        }
    }

    /// Sets [`Member::required`].
    pub const fn required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// Sets [`Member::wire`].
    pub const fn wire(mut self, name: &'static str) -> Self {
        self.wire = name;
        self
    }

    /// Sets [`Member::query_name`].
    pub const fn query_name(mut self, name: &'static str) -> Self {
        self.query_name = Some(name);
        self
    }

    /// Puts the member into the header `name`.
    pub const fn header(mut self, name: &'static str) -> Self {
        self.location = Location::Header;
        self.wire = name;
        self
    }

    /// Puts the entries of a map into headers that begin with `prefix`.
    pub const fn header_prefix(mut self, prefix: &'static str) -> Self {
        self.location = Location::Prefix;
        self.wire = prefix;
        self
    }

    /// Puts the member into the query parameter `name`.
    pub const fn query(mut self, name: &'static str) -> Self {
        self.location = Location::Query;
        self.wire = name;
        self
    }

    /// Puts the entries of a map into query parameters.
    pub const fn query_map(mut self) -> Self {
        self.location = Location::QueryMap;
        self
    }

    /// Puts the member into the label `name` of the URI.
    pub const fn label(mut self, name: &'static str) -> Self {
        self.location = Location::Label;
        self.wire = name;
        self
    }

    /// The member is the whole body.
    pub const fn payload(mut self) -> Self {
        self.location = Location::Payload;
        self
    }

    /// The member is the HTTP status of the answer.
    pub const fn status_code(mut self) -> Self {
        self.location = Location::StatusCode;
        self
    }

    /// Sets [`Member::xml_attribute`].
    pub const fn xml_attribute(mut self) -> Self {
        self.xml_attribute = true;
        self
    }

    /// Sets [`Member::flattened`].
    pub const fn flattened(mut self) -> Self {
        self.flattened = true;
        self
    }

    /// Sets [`Member::xml_namespace`] with its prefix, if it has one.
    pub const fn xml_namespace(mut self, uri: &'static str, prefix: Option<&'static str>) -> Self {
        self.xml_namespace = Some(XmlNamespace { uri, prefix });
        self
    }

    /// Sets [`Member::idempotency_token`].
    pub const fn idempotency_token(mut self) -> Self {
        self.idempotency_token = true;
        self
    }

    /// Sets [`Member::host_label`].
    pub const fn host_label(mut self) -> Self {
        self.host_label = true;
        self
    }

    /// Sets [`Member::json_value`].
    pub const fn json_value(mut self) -> Self {
        self.json_value = true;
        self
    }

    /// Sets [`Member::streaming`].
    pub const fn streaming(mut self) -> Self {
        self.streaming = true;
        self
    }
}

/// Type of the items of a list, or of the keys or values of a map.
#[derive(Clone, Copy, Debug)]
pub struct Element {
    /// The shape.
    pub schema: &'static Schema,
    /// Name of the element, where it is not `member`, `key` or `value` (XML, Query).
    pub xml_name: Option<&'static str>,
    /// Namespace of the element (XML).
    pub xml_namespace: Option<XmlNamespace>,
}

/// Types of shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A 32-bit number (`i32`).
    Integer,
    /// A 64-bit number (`i64`).
    Long,
    /// A number of single precision, `f64` in Rust.
    Float,
    /// A number of double precision (`f64`).
    Double,
    /// Text, or an enum of texts.
    String,
    /// Bytes.
    Blob,
    /// A point in time.
    Timestamp,
    /// A list.
    List,
    /// A map with text keys.
    Map,
    /// A structure.
    Structure,
    /// One of several members.
    Union,
    /// Any JSON-like value.
    Document,
}

/// Where the REST protocols put a member; the others put every member into the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// Among the other members of the body.
    Body,
    /// A header.
    Header,
    /// Headers with a common prefix.
    Prefix,
    /// A parameter of the query.
    Query,
    /// All parameters of the query, also those that other members take.
    QueryMap,
    /// A part of the path.
    Label,
    /// The whole body.
    Payload,
    /// The status of the answer.
    StatusCode,
}

/// Ways to write a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFormat {
    /// Seconds since the epoch, with a fraction (`unixTimestamp`).
    EpochSeconds,
    /// RFC 3339 in UTC, `2026-11-21T23:07:43Z` (`iso8601`).
    Iso8601,
    /// The date of HTTP headers, `Sat, 21 Nov 2026 23:07:43 GMT` (`rfc822`).
    Rfc822,
}

/// A namespace of an XML element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XmlNamespace {
    /// The namespace.
    pub uri: &'static str,
    /// Declared for this prefix, or as the default.
    pub prefix: Option<&'static str>,
}

/// Most members a structure can have: the widest in the AWS catalogue stays well below.
pub const MEMBERS_MAX: usize = 256;

/// A regular expression of a service model, compiled when first used.
///
/// AWS's patterns match the whole value and are written for Java: `\d`, `\s` and `\w` mean ASCII only.
#[derive(Debug)]
pub struct Pattern {
    source: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// The pattern `source` of a model; [`Pattern::compiles`] says whether it can be used.
    pub const fn new(source: &'static str) -> Self {
        Pattern { source, compiled: OnceLock::new() }
    }

    /// The text of the model.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// Whether the pattern is one that can be compiled.
    pub fn compiles(&self) -> bool {
        self.regex().is_some()
    }

    /// Whether the whole of `text` matches. A pattern that does not compile matches nothing.
    pub fn matches(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }

    fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(&whole(self.source)).ok()).as_ref()
    }
}

/// `source` anchored at both ends, with Java's ASCII classes spelt out.
fn whole(source: &str) -> String {
    let mut regex = String::with_capacity(source.len() + 16);
    regex.push_str(r"\A(?:");
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            regex.push(c);
            continue;
        }
        match chars.next() {
            Some('d') => regex.push_str("[0-9]"),
            Some('D') => regex.push_str("[^0-9]"),
            Some('w') => regex.push_str("[0-9A-Za-z_]"),
            Some('W') => regex.push_str("[^0-9A-Za-z_]"),
            Some('s') => regex.push_str(r"[ \t\n\x0B\f\r]"),
            Some('S') => regex.push_str(r"[^ \t\n\x0B\f\r]"),
            Some(other) => {
                regex.push('\\');
                regex.push(other);
            }
            None => regex.push('\\'),
        }
    }
    regex.push_str(r")\z");
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_values() {
        let cases: &[(&str, &str, bool)] = &[
            ("[a-z]+", "abc", true),
            ("[a-z]+", "abc1", false),
            ("a|b", "ab", false),
            ("^[a-z]+$", "abc\n", false),
            (r"[\w+=,.@-]+", "user.name@x", true),
            (r"[\w+=,.@-]+", "häst", false),
            (r"\d{12}", "123456789012", true),
            (r"\d{12}", "12345678901٣", false),
            (r"[\s\S]*", "any\nthing", true),
            (r"\\d", r"\d", true),
            (r"(", "", false),
            (r"[\u0009\u000A\u000D\u0020-\u00FF]*", "plain", true),
        ];
        for &(source, text, expected) in cases {
            let pattern = Pattern::new(source.to_owned().leak());
            assert_eq!(pattern.matches(text), expected, "{source} on {text:?}");
        }
    }

    #[test]
    fn members_are_found_from_any_hint() {
        static TEXT: Schema = Schema::new("Text", Kind::String);
        static THREE: Schema = Schema::structure(
            "Three",
            &[Member::new("a", &TEXT), Member::new("b", &TEXT), Member::new("c", &TEXT)],
        );
        for hint in 0..5 {
            for (index, name) in ["a", "b", "c"].into_iter().enumerate() {
                assert_eq!(THREE.find(name, hint).map(|(at, _)| at), Some(index));
            }
            assert!(THREE.find("d", hint).is_none());
        }
    }
}
