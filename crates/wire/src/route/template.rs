//! URI templates of the REST protocols: `/v1/keys/{KeyId}?list`, `/{Bucket}/{Key+}`.

use crate::model::OperationModel;

/// One operation's method and template (Smithy specification, "HTTP binding traits", `http` trait).
pub(super) struct Template {
    pub(super) operation: &'static OperationModel,
    segments: Vec<Segment>,
    /// Literals that the query string must have.
    query: Vec<(&'static str, Option<&'static str>)>,
}

/// Ordered by how specific they are.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(&'static str),
    Label,
    /// The rest of the path, or what the segments after it leave.
    Greedy,
}

/// The templates of `operations`, so ordered that the first match is the most specific one.
pub(super) fn all(operations: &'static [OperationModel]) -> Vec<Template> {
    let mut templates: Vec<_> = operations.iter().map(Template::of).collect();
    templates.sort_by(|a, b| a.segments.cmp(&b.segments).then(b.query.len().cmp(&a.query.len())));
    templates
}

impl Template {
    fn of(operation: &'static OperationModel) -> Self {
        let (path, query) = operation.uri.split_once('?').unwrap_or((operation.uri, ""));
        let segments = segments(path)
            .map(|segment| match segment.strip_prefix('{').and_then(|label| label.strip_suffix('}')) {
                Some(label) if label.ends_with('+') => Segment::Greedy,
                Some(_) => Segment::Label,
                None => Segment::Literal(segment),
            })
            .collect();
        let query = query
            .split('&')
            .filter(|literal| !literal.is_empty())
            .map(|literal| {
                literal.split_once('=').map_or((literal, None), |(name, value)| (name, Some(value)))
            })
            .collect();
        Template { operation, segments, query }
    }

    /// Whether a request with this method, path and query string is for the operation.
    pub(super) fn matches(&self, method: &str, path: &[&str], query: &str) -> bool {
        self.operation.method == method && matches(&self.segments, path) && self.has_literals(query)
    }

    /// Whether a path has the template's form.
    pub(super) fn has_path(&self, path: &[&str]) -> bool {
        matches(&self.segments, path)
    }

    fn has_literals(&self, query: &str) -> bool {
        self.query.iter().all(|&(name, value)| {
            crate::sigv4::query_pairs(query)
                .any(|(given, with)| given == name && value.is_none_or(|value| value == with))
        })
    }
}

/// The segments of a path. A slash at the end adds none: models are not consistent about it, nor are clients.
pub(super) fn segments(path: &str) -> impl Iterator<Item = &str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').filter(move |_| !path.is_empty())
}

/// The labels of `template` and what stands in their places in `path`, still encoded; none that has no place.
pub(crate) fn labels<'a>(template: &'static str, path: &'a str) -> Vec<(&'static str, &'a str)> {
    let (template, _) = template.split_once('?').unwrap_or((template, ""));
    let template: Vec<&'static str> = segments(template).collect();
    let given: Vec<&'a str> = segments(path).collect();
    let mut labels = Vec::new();
    // Where the part of the path begins that belongs to the rest of the template: its first segment and first byte.
    let mut segment: usize = 0;
    let mut byte = usize::from(path.starts_with('/'));
    for (index, part) in template.iter().enumerate() {
        let label = part.strip_prefix('{').and_then(|label| label.strip_suffix('}'));
        let greedy = label.and_then(|label| label.strip_suffix('+'));
        let after = template.len().saturating_sub(index).saturating_sub(1);
        let count =
            if greedy.is_some() { given.len().saturating_sub(segment).saturating_sub(after) } else { 1 };
        let taken = given.iter().skip(segment).take(count);
        // With the slash after each, of which the last one is not part of a label.
        let length = taken.map(|given| given.len().saturating_add(1)).sum::<usize>();
        let text = length.checked_sub(1).and_then(|length| path.get(byte..byte.saturating_add(length)));
        labels.extend(greedy.or(label).zip(text));
        segment = segment.saturating_add(count);
        byte = byte.saturating_add(length);
    }
    labels
}

fn matches(template: &[Segment], path: &[&str]) -> bool {
    match template.split_first() {
        None => path.is_empty(),
        // Smithy allows one greedy label a template, so what follows has a known length.
        Some((Segment::Greedy, after)) => path
            .len()
            .checked_sub(after.len())
            .filter(|&taken| taken > 0)
            .and_then(|taken| path.get(taken..))
            .is_some_and(|rest| matches(after, rest)),
        Some((segment, after)) => path.split_first().is_some_and(|(given, rest)| {
            let fits = match segment {
                Segment::Literal(literal) => literal == given,
                Segment::Label | Segment::Greedy => !given.is_empty(),
            };
            fits && matches(after, rest)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::labels;

    #[test]
    fn labels_have_their_places() {
        let cases = [
            ("/", "/", vec![]),
            ("/a", "/a", vec![]),
            ("/a/{B}", "/a/b%2Fc", vec![("B", "b%2Fc")]),
            ("/a/{B}/", "/a/b", vec![("B", "b")]),
            ("/a/{B}?list", "/a/b/", vec![("B", "b")]),
            ("/{A}/{B}", "/a", vec![("A", "a")]),
            ("/{A+}", "/a/b//c", vec![("A", "a/b//c")]),
            ("/{A}/{B+}", "/a/b/c", vec![("A", "a"), ("B", "b/c")]),
            ("/x/{A+}/y/{B}", "/x/1/2/3/y/4", vec![("A", "1/2/3"), ("B", "4")]),
            ("/x/{A+}/y", "/x/y", vec![]),
            ("/x/{A+}", "/x", vec![]),
        ];
        for (template, path, expected) in cases {
            assert_eq!(labels(template, path), expected, "{template} {path}");
        }
    }
}
