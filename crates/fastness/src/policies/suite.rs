//! Files of policy tests, in YAML or JSON.

use super::case::Asked;
use super::lint::read;
use crate::Failure;
use crate::yaml::{self, at};
use policy::lint::Vocabulary;
use policy::{Policy, PolicyKind, PolicyName};
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::{Location, Spanned};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest file of tests, in bytes.
const SUITE_BYTES_MAX: u64 = 4 << 20;

/// A file of tests.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Suite {
    #[serde(default)]
    policies: Stated,
    cases: Spanned<Vec<Spanned<Case>>>,
}

/// The policies that the cases are about.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Stated {
    #[serde(default)]
    identity: Vec<Spanned<Given>>,
    boundary: Option<Spanned<Given>>,
    #[serde(default)]
    session: Vec<Spanned<Given>>,
    resource: Option<Spanned<Given>>,
    key: Option<Spanned<Given>>,
    trust: Option<Spanned<Given>>,
}

/// A policy: a file, by a path from the file of tests, or the document itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Given {
    file: Option<PathBuf>,
    document: Option<Value>,
    /// What to call it.
    name: Option<String>,
}

/// One case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Case {
    pub(super) name: String,
    /// Who asks: an ARN, an account, a service, `anonymous`.
    pub(super) principal: Spanned<String>,
    pub(super) action: Spanned<String>,
    #[serde(default = "everything")]
    pub(super) resource: Spanned<String>,
    /// The account that owns the resource, where its ARN does not say it.
    pub(super) resource_account: Option<String>,
    /// Condition keys, each with a value or a list of values.
    #[serde(default)]
    pub(super) context: BTreeMap<String, Value>,
    /// A KMS grant covers the request.
    #[serde(default)]
    pub(super) grant: bool,
    pub(super) expect: Expected,
    /// The `Sid` of the statement that must have decided.
    pub(super) by: Option<String>,
}

fn everything() -> Spanned<String> {
    Spanned::new("*".to_owned(), Location::UNKNOWN, Location::UNKNOWN)
}

/// What a case expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Expected {
    Allowed,
    Denied,
    ExplicitDeny,
    ImplicitDeny,
}

/// A policy that was read.
pub(super) type Named = (PolicyName, Arc<Policy>);

/// The policies of a file, read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) identity: Vec<Named>,
    pub(super) boundary: Option<Named>,
    pub(super) session: Vec<Named>,
    /// The policy of the resource; its kind says which.
    pub(super) resource: Option<Named>,
}

impl Suite {
    /// Reads a file: JSON where its name ends in `.json`, YAML otherwise.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        Self::parse(&yaml::read(path, SUITE_BYTES_MAX)?, path)
    }

    /// Reads the text of a file.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        yaml::parse(text, path)
    }

    /// Reads the cases, of which there must be some.
    pub(super) fn cases(&self, path: &Path, vocabulary: &Vocabulary) -> Result<Vec<Asked<'_>>, Failure> {
        if self.cases.value.is_empty() {
            return Err(at(path, self.cases.referenced, "there are no cases: nothing would be tested"));
        }
        self.cases.value.iter().map(|case| Asked::of(case, path, vocabulary)).collect()
    }

    /// Reads and parses the policies. `path` is that of the file of tests.
    pub(super) fn policies(&self, path: &Path) -> Result<Read, Failure> {
        let Stated { identity, boundary, session, resource, key, trust } = &self.policies;
        let one =
            |given: &Spanned<Given>, kind, place: &str| given.value.read(path, kind, place, given.referenced);
        let many = |list: &[Spanned<Given>], kind, place: &str| {
            list.iter()
                .enumerate()
                .map(|(index, given)| one(given, kind, &format!("{place}[{index}]")))
                .collect::<Result<Vec<Named>, Failure>>()
        };
        let owners = [
            (resource, PolicyKind::Resource, "resource"),
            (key, PolicyKind::Key, "key"),
            (trust, PolicyKind::Trust, "trust"),
        ];
        let mut owners =
            owners.into_iter().filter_map(|(given, kind, place)| Some((given.as_ref()?, kind, place)));
        let resource = owners.next().map(|(given, kind, place)| one(given, kind, place)).transpose()?;
        if let Some((second, ..)) = owners.next() {
            let message = "a request has one resource: give one of `resource`, `key` and `trust`";
            return Err(at(path, second.referenced, message));
        }
        Ok(Read {
            identity: many(identity, PolicyKind::Identity, "identity")?,
            boundary: boundary
                .as_ref()
                .map(|given| one(given, PolicyKind::Boundary, "boundary"))
                .transpose()?,
            session: many(session, PolicyKind::Session, "session")?,
            resource,
        })
    }
}

impl Given {
    fn read(&self, suite: &Path, kind: PolicyKind, place: &str, here: Location) -> Result<Named, Failure> {
        let (text, name, file) = match (&self.file, &self.document) {
            (Some(file), None) => {
                let path = suite.parent().unwrap_or(Path::new("")).join(file);
                (read(&path)?, file.display().to_string(), Some(path))
            }
            (None, Some(document)) => (document.to_string(), format!("the {place} policy"), None),
            _ => return Err(at(suite, here, format!("policies.{place} needs either `file` or `document`"))),
        };
        let policy = Policy::parse(&text, kind).map_err(|error| {
            let path =
                if error.path().is_empty() { String::new() } else { format!(" (at {})", error.path()) };
            let message = format!("{}{path}", error.message());
            match &file {
                Some(file) => {
                    let (line, column) = policy::lint::position(&text, error.offset());
                    Failure(format!("{}:{line}:{column}: {message}", file.display()))
                }
                None => at(suite, here, format!("policies.{place}: {message}")),
            }
        })?;
        Ok((PolicyName::own(self.name.clone().unwrap_or(name)), Arc::new(policy)))
    }
}
