//! XML as comparable text.

use std::collections::BTreeMap;

use quick_xml::{Reader, events::Event};

/// Text of the document without the white space between elements, with elements of different names and attributes in
/// the order of their names, and without what the suites leave out of answers: the metadata of results, the
/// namespace of errors and the request's id.
pub(crate) fn comparable(text: &str) -> String {
    let mut reader = Reader::from_str(text);
    let root = children(&mut reader);
    root.text(0)
}

#[derive(Debug, Default)]
struct Element {
    attributes: BTreeMap<String, String>,
    text: String,
    children: BTreeMap<String, Vec<Element>>,
}

impl Element {
    fn text(&self, depth: usize) -> String {
        let mut out = String::new();
        for (name, elements) in &self.children {
            if ["ResponseMetadata", "RequestId"].contains(&name.as_str()) && depth == 1 {
                continue;
            }
            for element in elements {
                let attributes = Some(&element.attributes).filter(|_| name != "ErrorResponse");
                out.push_str(&format!(
                    "<{name} {attributes:?}>{}{}</>",
                    if element.children.is_empty() { &element.text } else { "" },
                    element.text(depth + 1)
                ));
            }
        }
        out
    }
}

/// The rest of the element that the reader is in.
fn children(reader: &mut Reader<&[u8]>) -> Element {
    let mut element = Element::default();
    loop {
        match reader.read_event().expect("XML") {
            Event::Start(start) => {
                let mut child = children(reader);
                child.attributes = attributes(&start);
                let name = String::from_utf8(start.name().as_ref().to_vec()).expect("UTF-8");
                element.children.entry(name).or_default().push(child);
            }
            Event::Empty(start) => {
                let child = Element { attributes: attributes(&start), ..Element::default() };
                let name = String::from_utf8(start.name().as_ref().to_vec()).expect("UTF-8");
                element.children.entry(name).or_default().push(child);
            }
            Event::Text(text) => element.text.push_str(text.decode().expect("text").trim()),
            Event::End(_) | Event::Eof => return element,
            other => panic!("unexpected {other:?}"),
        }
    }
}

fn attributes(start: &quick_xml::events::BytesStart<'_>) -> BTreeMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let attributes = start.attributes().map(|attribute| attribute.expect("attribute"));
    attributes.map(|attribute| (text(attribute.key.as_ref()), text(&attribute.value))).collect()
}
