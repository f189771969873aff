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
