//! XML as a tree, read by a parser that is not ours.

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    /// Name and value.
    pub(crate) attributes: Vec<(String, String)>,
    /// All text directly in the element.
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

/// The root element of a document.
pub(crate) fn parse(text: &str) -> Element {
    let mut reader = Reader::from_str(text);
    let mut document = Element::default();
    content(&mut reader, &mut document);
    assert_eq!(document.children.len(), 1, "one root in {text}");
    document.children.remove(0)
}

/// Reads up to the end of `element`.
fn content(reader: &mut Reader<&[u8]>, element: &mut Element) {
    loop {
        match reader.read_event().expect("XML") {
            Event::Start(start) => {
                let mut child = opened(&start);
                content(reader, &mut child);
                element.children.push(child);
            }
            Event::Empty(start) => element.children.push(opened(&start)),
            Event::Text(text) => element.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().expect("reference") {
                Some(c) => element.text.push(c),
                None => element.text.push(match reference.xml10_content().as_ref() {
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    "quot" => '"',
                    other => panic!("entity {other}"),
                }),
            },
            Event::End(_) | Event::Eof => return,
            other => panic!("unexpected {other:?}"),
        }
    }
}

fn opened(start: &BytesStart<'_>) -> Element {
    let attributes = start.attributes().map(|attribute| {
        let attribute = attribute.expect("attribute");
        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).expect("value");
        (attribute.key.as_ref().to_owned(), value.into_owned())
    });
    Element { name: start.name().as_ref().to_owned(), attributes: attributes.collect(), ..Element::default() }
}
