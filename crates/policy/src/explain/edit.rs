//! Changes of a document's text that leave the rest of it as it is.

use crate::json::{Json, Node};
use std::ops::Range;

fn splice(text: &str, span: Range<usize>, with: &str) -> String {
    let before = text.get(..span.start).unwrap_or_default();
    let after = text.get(span.end..).unwrap_or_default();
    format!("{before}{with}{after}")
}

/// Adds an item to a list; what is no list becomes one.
pub(super) fn append(text: &str, json: &Json<'_>, item: &str) -> String {
    match &json.node {
        Node::Array(items) => match items.last() {
            Some(last) => splice(text, last.span.end..last.span.end, &format!(",{item}")),
            None => splice(text, json.span.clone(), &format!("[{item}]")),
        },
        _ => {
            let held = text.get(json.span.clone()).unwrap_or_default();
            splice(text, json.span.clone(), &format!("[{held},{item}]"))
        }
    }
}

/// Takes an item out of a list; none if it is the only one.
pub(super) fn remove(text: &str, json: &Json<'_>, index: usize) -> Option<String> {
    let Node::Array(items) = &json.node else { return None };
    let item = items.get(index)?;
    let span = match (index.checked_sub(1).and_then(|index| items.get(index)), items.get(index + 1)) {
        (Some(before), _) => before.span.end..item.span.end,
        (None, Some(after)) => item.span.start..after.span.start,
        (None, None) => return None,
    };
    Some(splice(text, span, ""))
}

/// Adds a member to an object.
pub(super) fn insert(text: &str, object: &Json<'_>, name: &str, value: &str) -> String {
    let name = quoted(name);
    match object.members().last() {
        Some((_, last)) => splice(text, last.span.end..last.span.end, &format!(",{name}:{value}")),
        None => splice(text, object.span.clone(), &format!("{{{name}:{value}}}")),
    }
}

pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::read;

    #[test]
    fn only_what_is_meant_changes() {
        for (text, expected) in
            [("\"a\"", "[\"a\",1]"), (" [ \"a\" , 2 ] ", " [ \"a\" , 2,1 ] "), ("[]", "[1]")]
        {
            assert_eq!(append(text, &read(text).unwrap(), "1"), expected);
        }
        let text = "[1 , 2,  3 ]";
        let list = read(text).unwrap();
        let removed: Vec<_> = (0..4).map(|index| remove(text, &list, index)).collect();
        let expected = [Some("[2,  3 ]"), Some("[1,  3 ]"), Some("[1 , 2 ]"), None];
        assert_eq!(removed.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
        assert_eq!(remove("[1]", &read("[1]").unwrap(), 0), None);
        assert_eq!(insert("{}", &read("{}").unwrap(), "a", "1"), "{\"a\":1}");
        assert_eq!(
            insert("{ \"b\" : 2 }", &read("{ \"b\" : 2 }").unwrap(), "a", "1"),
            "{ \"b\" : 2,\"a\":1 }"
        );
    }
}
