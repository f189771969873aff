//! A strict JSON reader (RFC 8259) that keeps where everything was.
//!
//! The policy grammar needs what a general reader drops: duplicate keys must be refused, numbers kept digit for digit,
//! and the place of every string known so that principals can be replaced without touching the rest of the text.

use std::ops::Range;

/// Deepest nesting of objects and arrays. A policy needs seven levels.
const DEPTH_MAX: usize = 12;

#[derive(Debug)]
pub(crate) struct Json<'t> {
    pub(crate) node: Node<'t>,
    /// Bytes of the text, including the quotes of a string.
    pub(crate) span: Range<usize>,
}

#[derive(Debug)]
pub(crate) enum Node<'t> {
    Null,
    Bool(bool),
    /// As written.
    Number(&'t str),
    String(String),
    Array(Vec<Json<'t>>),
    Object(Vec<(String, Json<'t>)>),
}

/// Where the text stops being JSON: the byte offset.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError(pub(crate) usize);

pub(crate) fn read(text: &str) -> Result<Json<'_>, SyntaxError> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.space();
    if reader.at == text.len() { Ok(value) } else { Err(SyntaxError(reader.at)) }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn fail<T>(&self) -> Result<T, SyntaxError> {
        Err(SyntaxError(self.at))
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Consumes `byte` if it comes next after white space.
    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str, node: Node<'t>) -> Result<Node<'t>, SyntaxError> {
        if !self.rest().starts_with(word) {
            return self.fail();
        }
        self.at += word.len();
        Ok(node)
    }

    fn value(&mut self, depth: usize) -> Result<Json<'t>, SyntaxError> {
        self.space();
        let start = self.at;
        let node = match self.peek() {
            Some(b'{' | b'[') if depth >= DEPTH_MAX => return self.fail(),
            Some(b'{') => self.object(depth + 1)?,
            Some(b'[') => self.array(depth + 1)?,
            Some(b'"') => Node::String(self.string()?),
            Some(b't') => self.word("true", Node::Bool(true))?,
            Some(b'f') => self.word("false", Node::Bool(false))?,
            Some(b'n') => self.word("null", Node::Null)?,
            _ => Node::Number(self.number()?),
        };
        Ok(Json { node, span: start..self.at })
    }

    fn array(&mut self, depth: usize) -> Result<Node<'t>, SyntaxError> {
        self.at += 1;
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Node::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.take(b']') {
                return Ok(Node::Array(items));
            }
            if !self.take(b',') {
                return self.fail();
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Node<'t>, SyntaxError> {
        self.at += 1;
        let mut members = Vec::new();
        let mut names = std::collections::HashSet::new();
        if self.take(b'}') {
            return Ok(Node::Object(members));
        }
        loop {
            self.space();
            let start = self.at;
            let name = self.string()?;
            if !names.insert(name.clone()) {
                return Err(SyntaxError(start));
            }
            if !self.take(b':') {
                return self.fail();
            }
            members.push((name, self.value(depth)?));
            if self.take(b'}') {
                return Ok(Node::Object(members));
            }
            if !self.take(b',') {
                return self.fail();
            }
        }
    }

    fn digits(&mut self) -> Result<usize, SyntaxError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { self.fail() } else { Ok(self.at - start) }
    }

    fn number(&mut self) -> Result<&'t str, SyntaxError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let zero = self.peek() == Some(b'0');
        if self.digits()? > 1 && zero {
            return self.fail();
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        if self.peek() != Some(b'"') {
            return self.fail();
        }
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let Some(plain) = rest.find(|c: char| c == '"' || c == '\\' || c < ' ') else {
                return self.fail();
            };
            out.push_str(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    let escape = self.escape()?;
                    out.push(escape);
                }
                _ => return self.fail(),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        let start = self.at;
        self.at += 1;
        let kind = self.peek();
        self.at += 1;
        let plain = match kind {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(SyntaxError(start)),
        };
        Ok(plain)
    }

    /// What follows `\u`: one code point, as one or two UTF-16 units.
    fn unicode(&mut self) -> Result<char, SyntaxError> {
        let first = self.unit()?;
        let units = if (0xD800..0xDC00).contains(&first) {
            if !self.rest().starts_with("\\u") {
                return self.fail();
            }
            self.at += 2;
            vec![first, self.unit()?]
        } else {
            vec![first]
        };
        match char::decode_utf16(units).next() {
            Some(Ok(c)) => Ok(c),
            _ => self.fail(),
        }
    }

    fn unit(&mut self) -> Result<u16, SyntaxError> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(unit) = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) else {
            return self.fail();
        };
        self.at += 4;
        Ok(unit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(json: &Json<'_>) -> serde_json::Value {
        match &json.node {
            Node::Null => serde_json::Value::Null,
            Node::Bool(value) => (*value).into(),
            Node::Number(text) => serde_json::from_str(text).unwrap_or(serde_json::Value::Null),
            Node::String(text) => text.as_str().into(),
            Node::Array(items) => items.iter().map(plain).collect(),
            Node::Object(members) => serde_json::Value::Object(
                members.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
            ),
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let deep = "[".repeat(DEPTH_MAX + 1) + &"]".repeat(DEPTH_MAX + 1);
        for text in [
            "",
            " ",
            "{",
            "}",
            "{]",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{a:1}",
            "'a'",
            "01",
            "-",
            "1.",
            "1e",
            ".5",
            "+1",
            "nul",
            "truefalse",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\udc00\"",
            "\"\\u+123\"",
            "\"open",
            "{} {}",
            "\u{feff}{}",
            "{\"a\":1,\"a\":2}",
            "{\"a\":1,\"\\u0061\":2}",
            &deep,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spans_point_at_the_text() {
        let text = r#" {"a": [ "x\ty", 1.50 ]} "#;
        let json = read(text).unwrap();
        let Node::Object(members) = &json.node else { panic!("not an object") };
        let Node::Array(items) = &members[0].1.node else { panic!("not an array") };
        assert_eq!(text.get(items[0].span.clone()).unwrap(), r#""x\ty""#);
        assert_eq!(text.get(items[1].span.clone()).unwrap(), "1.50");
        assert_eq!(text.get(json.span.clone()).unwrap(), text.trim());
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(text in "[\\[\\]{}:,\"\\\\ntu0-9a-f.e+ -]{0,24}") {
            match (read(&text), serde_json::from_str::<serde_json::Value>(&text)) {
                (Ok(ours), Ok(theirs)) => prop_assert_eq!(plain(&ours), theirs),
                (Ok(ours), Err(_)) => prop_assert!(text.contains('e'), "{:?}", ours), // a number out of f64's range
                (Err(_), Ok(theirs)) => prop_assert!(theirs.is_object() || theirs.is_array(), "{}", text), // duplicate keys
                (Err(_), Err(_)) => {}
            }
        }

        #[test]
        fn every_string_survives(value in any::<String>()) {
            let text = serde_json::to_string(&value).unwrap();
            let json = read(&text).unwrap();
            prop_assert!(matches!(json.node, Node::String(read) if read == value));
        }
    }
}
