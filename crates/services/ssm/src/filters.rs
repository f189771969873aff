//! Filters of lists (API Reference, "ParameterStringFilter"): each says what a parameter has to be like, and some where those lie that are.

use crate::api::{ParameterStringFilter, ParameterTier, ParameterType, ParametersFilter};
use crate::errors::validation;
use crate::names::{encoded, path, rooted};
use crate::parameter::Parameter;
use platform::Fault;

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    Equals,
    BeginsWith,
    Contains,
    OneLevel,
    Recursive,
}

/// What is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    Name,
    Type,
    KeyId,
    Path,
    Label,
    Tier,
    DataType,
    Tag(String),
}

/// One filter.
#[derive(Debug)]
pub(crate) struct Filter {
    subject: Subject,
    compare: Compare,
    values: Vec<String>,
}

/// The operations that have filters take different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Describe,
    ByPath,
}

/// A range of rows of parameters, by their names: the hierarchy above each and its last part, joined by NUL.
pub(crate) type Range = (String, String);

/// Above every name.
const END: &str = "\u{7f}";

/// All rows.
pub(crate) fn everything() -> Vec<Range> {
    vec![(String::new(), END.to_owned())]
}

/// The rows below a path, which has no slash at its end: those directly below it, or all.
pub(crate) fn below(path: &str, recursive: bool) -> Range {
    let parent = encoded(path);
    let end = if recursive { "\u{2}" } else { "\u{1}" };
    (
        format!("{parent}\0"),
        if recursive && parent.is_empty() { END.to_owned() } else { format!("{parent}{end}") },
    )
}

/// The rows whose names begin with `start`: the rest of such a name either has a slash or not, and each kind lies together.
fn beginning(start: &str) -> Vec<Range> {
    let start = rooted(start);
    let (parent, leaf) = start.rsplit_once('/').unwrap_or_default();
    let parent = encoded(parent);
    let range = |separator: &str| {
        let from = format!("{parent}{separator}{leaf}");
        let to = if leaf.is_empty() { next(&format!("{parent}{separator}")) } else { format!("{from}{END}") };
        (from, to)
    };
    vec![range("\0"), range("\u{1}")]
}

/// The least text above all that begin with this one, which ends with a character below U+0002.
fn next(start: &str) -> String {
    let mut next = start.to_owned();
    match next.pop() {
        Some('\0') => next.push('\u{1}'),
        _ => next.push('\u{2}'),
    }
    next
}

impl Filter {
    /// Where parameters lie that pass; none if they may lie anywhere.
    fn ranges(&self) -> Option<Vec<Range>> {
        let values = self.values.iter();
        match (&self.subject, self.compare) {
            (Subject::Name, Compare::Equals) => {
                let exact = |name: &String| {
                    let name = rooted(name);
                    let (parent, leaf) = name.rsplit_once('/').unwrap_or_default();
                    let from = format!("{}\0{leaf}", encoded(parent));
                    (from.clone(), format!("{from}\0"))
                };
                Some(values.map(exact).collect())
            }
            (Subject::Name, Compare::BeginsWith) => Some(values.flat_map(|name| beginning(name)).collect()),
            (Subject::Path, compare) => {
                Some(values.map(|path| below(path, compare == Compare::Recursive)).collect())
            }
            _ => None,
        }
    }

    /// The label that is asked for, if this filter is about labels.
    pub(crate) fn labels(&self) -> Option<&[String]> {
        (self.subject == Subject::Label).then_some(&self.values)
    }

    /// Whether a parameter passes, as far as its labels do not matter.
    pub(crate) fn passes(&self, parameter: &Parameter) -> bool {
        let latest = &parameter.latest;
        match &self.subject {
            Subject::Name if self.compare == Compare::Contains => self.any(&parameter.name),
            Subject::Name => {
                self.values.iter().any(|value| self.holds(&rooted(&parameter.name), &rooted(value)))
            }
            Subject::Type => self.any(latest.r#type.as_str()),
            Subject::KeyId => latest.key.as_deref().is_some_and(|key| self.any(key)),
            Subject::Tier => self.any(latest.tier.as_str()),
            Subject::DataType => self.any(&latest.data_type),
            Subject::Tag(key) => {
                parameter.tags.get(key).is_some_and(|value| self.values.is_empty() || self.any(value))
            }
            Subject::Path => {
                let name = rooted(&parameter.name);
                let rest =
                    |path: &String| name.strip_prefix(path.as_str())?.strip_prefix('/').map(str::to_owned);
                let mut found = self.values.iter().filter_map(rest);
                found.any(|rest| self.compare == Compare::Recursive || !rest.contains('/'))
            }
            Subject::Label => true,
        }
    }

    fn any(&self, text: &str) -> bool {
        self.values.iter().any(|value| self.holds(text, value))
    }

    fn holds(&self, text: &str, value: &str) -> bool {
        match self.compare {
            Compare::BeginsWith => text.starts_with(value),
            Compare::Contains => text.contains(value),
            _ => text == value,
        }
    }
}

/// Where all filters together have to look: in the narrowest place that one of them names. Ranges are in the order of keys and apart.
pub(crate) fn ranges(filters: &[Filter]) -> Vec<Range> {
    let mut ranges = filters.iter().find_map(Filter::ranges).unwrap_or_else(everything);
    ranges.sort();
    let mut apart: Vec<Range> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges {
        match apart.last_mut() {
            Some(last) if last.1 >= from => last.1 = last.1.clone().max(to),
            _ => apart.push((from, to)),
        }
    }
    apart
}

fn invalid_key(key: &str, valid: &str) -> Fault {
    let message =
        format!("The following filter key is not valid: {key}. Valid filter keys include: [{valid}].");
    Fault::new("InvalidFilterKey", message)
}

fn invalid_option(option: &str, valid: &str) -> Fault {
    let message =
        format!("The following filter option is not valid: {option}. Valid options include: [{valid}].");
    Fault::new("InvalidFilterOption", message)
}

fn invalid_value(message: impl Into<String>) -> Fault {
    Fault::new("InvalidFilterValue", message)
}

/// Reads the filters of a request.
///
/// # Errors
/// One of them is none that the list has.
pub(crate) fn read(list: List, filters: &[ParameterStringFilter]) -> Result<Vec<Filter>, Fault> {
    let mut read: Vec<Filter> = Vec::with_capacity(filters.len());
    for filter in filters {
        let found = read_one(list, filter)?;
        if read.iter().any(|other| other.subject == found.subject) {
            return Err(Fault::new(
                "InvalidFilterKey",
                format!(
                    "The following filter is duplicated in the request: {}. A request can contain only one occurrence of a specific \
                     filter.",
                    filter.key
                ),
            ));
        }
        read.push(found);
    }
    Ok(read)
}

fn read_one(list: List, filter: &ParameterStringFilter) -> Result<Filter, Fault> {
    let key = filter.key.as_str();
    let subject = match (list, key) {
        (_, "Type") => Subject::Type,
        (_, "KeyId") => Subject::KeyId,
        (List::ByPath, "Label") => Subject::Label,
        (List::Describe, "Name") => Subject::Name,
        (List::Describe, "Path") => Subject::Path,
        (List::Describe, "Tier") => Subject::Tier,
        (List::Describe, "DataType") => Subject::DataType,
        (List::Describe, _) => match key.strip_prefix("tag:") {
            Some(tag) => Subject::Tag(tag.to_owned()),
            None => return Err(invalid_key(key, "Path, Name, Type, KeyId, Tier, DataType, tag")),
        },
        (List::ByPath, _) => return Err(invalid_key(key, "Type, KeyId, Label")),
    };
    let option = filter.option.as_deref();
    let compare = match (&subject, option) {
        (Subject::Path, None | Some("OneLevel")) => Compare::OneLevel,
        (Subject::Path, Some("Recursive")) => Compare::Recursive,
        (Subject::Path, Some(other)) => return Err(invalid_option(other, "Recursive, OneLevel")),
        (_, None | Some("Equals")) => Compare::Equals,
        (Subject::Label, Some(other)) => return Err(invalid_option(other, "Equals")),
        (_, Some("BeginsWith")) => Compare::BeginsWith,
        (Subject::Name, Some("Contains")) => Compare::Contains,
        (Subject::Name, Some(other)) => return Err(invalid_option(other, "BeginsWith, Contains, Equals")),
        (_, Some(other)) => return Err(invalid_option(other, "BeginsWith, Equals")),
    };
    let mut values = filter.values.clone().unwrap_or_default();
    if values.is_empty() && !matches!(subject, Subject::Tag(_)) {
        let message = format!("The following filter values are missing : null for filter key {key}.");
        return Err(invalid_value(message));
    }
    check_values(&subject, compare, &mut values)?;
    Ok(Filter { subject, compare, values })
}

fn check_values(subject: &Subject, compare: Compare, values: &mut [String]) -> Result<(), Fault> {
    let known = |known: &[&str], values: &[String]| match values
        .iter()
        .find(|value| !known.contains(&value.as_str()))
    {
        Some(value) if compare == Compare::Equals => Err(invalid_value(format!(
            "The following filter value is not valid: {value}. Valid values include: [{}].",
            known.join(", ")
        ))),
        _ => Ok(()),
    };
    match subject {
        Subject::Type => {
            let all: Vec<_> = ParameterType::ALL.iter().map(|kind| kind.as_str()).collect();
            known(&all, values)
        }
        Subject::Tier => {
            let all: Vec<_> = ParameterTier::ALL.iter().map(|tier| tier.as_str()).collect();
            known(&all, values)
        }
        Subject::Path => {
            for value in values {
                let start = value.strip_prefix('/').and_then(|name| name.get(..3)).unwrap_or_default();
                if start.eq_ignore_ascii_case("aws") || start.eq_ignore_ascii_case("ssm") {
                    return Err(validation(
                        "Filters for common parameters can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). When using \
                         global parameters, please specify within a global namespace.",
                    ));
                }
                *value = path(value)?.to_owned();
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Reads the filters of the older form, whose values are the beginnings of names, and whole types and keys.
///
/// # Errors
/// A value is none.
pub(crate) fn read_older(filters: &[ParametersFilter]) -> Result<Vec<Filter>, Fault> {
    let newer: Vec<_> = filters
        .iter()
        .map(|filter| ParameterStringFilter {
            key: filter.key.as_str().to_owned(),
            option: (filter.key.as_str() == "Name").then(|| "BeginsWith".to_owned()),
            values: Some(filter.values.clone()),
        })
        .collect();
    read(List::Describe, &newer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Place;

    /// The name of a row below account and Region.
    fn row(name: &str) -> String {
        let place = Place::new("1", "r", name);
        let [_, _, parent, leaf] = place.path();
        format!("{parent}\0{leaf}")
    }

    fn lie(ranges: &[Range], name: &str) -> bool {
        ranges.iter().any(|(from, to)| (from..to).contains(&&row(name)))
    }

    const NAMES: [&str; 12] = [
        "a", "/b", "/a/b", "/a/b/c", "/a/b/c/d", "/a/b-c/d", "/a/b.c", "/a/bc", "/a/bc/d", "/ab", "/ab/c",
        "/A/z",
    ];

    #[test]
    fn what_lies_below_a_path_is_one_range() {
        for path in ["", "/a", "/a/b", "/a/b/c", "/ab", "/a/b-c"] {
            for recursive in [false, true] {
                let range = [below(path, recursive)];
                for name in NAMES {
                    let rest = rooted(name)
                        .strip_prefix(path)
                        .and_then(|rest| rest.strip_prefix('/'))
                        .map(str::to_owned);
                    let expected = rest.is_some_and(|rest| recursive || !rest.contains('/'));
                    assert_eq!(lie(&range, name), expected, "{name} below {path}, {recursive}");
                }
            }
        }
    }

    #[test]
    fn names_that_begin_with_a_text_lie_in_two_ranges() {
        for start in ["/", "/a", "/a/", "/a/b", "/a/b/", "/a/b-", "a", "/z"] {
            let ranges = beginning(start);
            for name in NAMES {
                assert_eq!(
                    lie(&ranges, name),
                    rooted(name).starts_with(&rooted(start)),
                    "{name} begins with {start}"
                );
            }
        }
    }
}
