//! The setting that a place in the file belongs to.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The name of the setting at an offset, with the tables that it is in; none where the text is no TOML.
pub(super) fn setting_at(text: &str, offset: usize) -> Option<String> {
    let table = DeTable::parse(text).ok()?;
    let mut found = Vec::new();
    search(table.get_ref(), offset, &mut Vec::new(), &mut found);
    (!found.is_empty()).then(|| found.join("."))
}

/// Looks for the innermost setting whose name or value is there.
fn search<'a>(table: &'a DeTable<'_>, offset: usize, path: &mut Vec<&'a str>, found: &mut Vec<&'a str>) {
    for (name, value) in table {
        path.push(name.get_ref());
        let is_there = name.span().contains(&offset) || value.span().contains(&offset);
        // The span of a table is that of its head.
        if is_there && path.len() > found.len() {
            found.clone_from(path);
        }
        within(value, offset, path, found);
        path.pop();
    }
}

fn within<'a>(
    value: &'a Spanned<DeValue<'_>>,
    offset: usize,
    path: &mut Vec<&'a str>,
    found: &mut Vec<&'a str>,
) {
    match value.get_ref() {
        DeValue::Table(table) => search(table, offset, path, found),
        DeValue::Array(values) => values.iter().for_each(|value| within(value, offset, path, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::setting_at;

    #[test]
    fn every_place_has_its_setting() {
        let text = "a = 1\n[b]\nc = [\n 2,\n 3]\nd = { e = 4 }\n[[f]]\ng = 5\n[[f]]\n\"h:i\" = 6\n";
        for (mark, expected) in [
            ("a", "a"),
            ("1", "a"),
            ("2", "b.c"),
            ("3", "b.c"),
            ("e", "b.d.e"),
            ("4", "b.d.e"),
            ("5", "f.g"),
            ("6", "f.h:i"),
        ] {
            assert_eq!(setting_at(text, text.find(mark).unwrap()).as_deref(), Some(expected), "{mark}");
        }
        assert_eq!(setting_at("[b]\n", 0).as_deref(), Some("b"));
        assert_eq!(setting_at("a = \n", 4), None);
        assert_eq!(setting_at("", 0), None);
    }
}
