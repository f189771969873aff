//! XML as comparable text.

use crate::xml::{self, Element};

/// Text of a document in which the order of elements of different names does not matter, nor the white space between
/// elements, nor what the suites leave out of answers: the metadata of results, the namespace of errors and the
/// request's id.
pub(crate) fn comparable(text: &str) -> String {
    let mut root = xml::parse(text);
    root.children.retain(|child| !["ResponseMetadata", "RequestId"].contains(&child.name.as_str()));
    if root.name == "ErrorResponse" {
        root.attributes.clear();
    }
    written(&mut root)
}

fn written(element: &mut Element) -> String {
    element.attributes.sort();
    let mut children: Vec<(&str, bool, String)> = element
        .children
        .iter_mut()
        .map(|child| {
            let text = written(child);
            (child.name.as_str(), child.children.len() == 2, text)
        })
        .collect();
    // Elements of one name are a list and keep their order, unless they are entries of a map.
    children.sort_by(|a, b| {
        let both = a.1 && b.1;
        a.0.cmp(b.0).then_with(|| if both { a.2.cmp(&b.2) } else { std::cmp::Ordering::Equal })
    });
    let content = match children.is_empty() {
        true => element.text.trim().to_owned(),
        false => children.into_iter().map(|(_, _, text)| text).collect(),
    };
    format!("<{} {:?}>{content}</>", element.name, element.attributes)
}
