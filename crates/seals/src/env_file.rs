//! Environment files: `KEY=value` lines, as `EnvironmentFile=` of systemd.exec(5) reads them, less its escapes.

use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// Names and values. The values are wiped when dropped.
pub(crate) type Variables = BTreeMap<String, Zeroizing<String>>;

/// Parses the lines; the error tells the number of the first that is none, and why.
pub(crate) fn parse(text: &[u8]) -> Result<Variables, (usize, &'static str)> {
    let text = std::str::from_utf8(text).map_err(|_| (0, "it is not UTF-8"))?;
    let mut variables = Variables::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let fault = |reason| (at + 1, reason);
        let (name, value) = line.split_once('=').ok_or_else(|| fault("there is no `=`"))?;
        let (name, value) = (name.trim_end(), unquoted(value.trim_start()).map_err(fault)?);
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(plain) || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(fault("that is no name of a variable"));
        }
        if value.contains('\0') {
            return Err(fault("no variable holds a zero byte"));
        }
        if variables.insert(name.to_owned(), Zeroizing::new(value.to_owned())).is_some() {
            return Err(fault("the variable is there twice"));
        }
    }
    Ok(variables)
}

fn unquoted(value: &str) -> Result<&str, &'static str> {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            let inner = rest.strip_suffix(quote).filter(|inner| !inner.contains(quote));
            let inner = inner.ok_or("a quotation does not end at the end of the line")?;
            return if quote == '"' && inner.contains('\\') { Err(ESCAPE) } else { Ok(inner) };
        }
    }
    if value.contains('\\') { Err(ESCAPE) } else { Ok(value) }
}

/// systemd reads them one way, shells another: neither is guessed.
const ESCAPE: &str = "a backslash stands within single quotes only";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let text = b"# note\n; note\n\nA=1\n B = two words \r\nC=\"# 'x' = y\"\nD='a\\b\"'\nE=\n_F9=x=y\n";
        let found = parse(text).unwrap();
        let expected =
            [("A", "1"), ("B", "two words"), ("C", "# 'x' = y"), ("D", "a\\b\""), ("E", ""), ("_F9", "x=y")];
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, expected) in [
            (&b"A=1\nB"[..], (2, "there is no `=`")),
            (b"=1", (1, "that is no name of a variable")),
            (b"1A=1", (1, "that is no name of a variable")),
            (b"export A=1", (1, "that is no name of a variable")),
            (b"A=1\nA=2", (2, "the variable is there twice")),
            (b"A=a\\b", (1, ESCAPE)),
            (b"A=\"a\\b\"", (1, ESCAPE)),
            (b"A=\"a", (1, "a quotation does not end at the end of the line")),
            (b"A='a'b'", (1, "a quotation does not end at the end of the line")),
            (b"A=a\0", (1, "no variable holds a zero byte")),
            (b"A=\xff", (0, "it is not UTF-8")),
        ] {
            assert_eq!(parse(text).unwrap_err(), expected, "{text:?}");
        }
    }
}
