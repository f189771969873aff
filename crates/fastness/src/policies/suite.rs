//! Files of policy tests, in YAML or JSON.

use super::lint::read;
use crate::Failure;
use policy::{Policy, PolicyKind, PolicyName};
use serde::Deserialize;
use serde_json::Value;
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
    pub(super) policies: Stated,
    pub(super) cases: Vec<Case>,
}

/// The policies that the cases are about.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Stated {
    #[serde(default)]
    identity: Vec<Given>,
    boundary: Option<Given>,
    #[serde(default)]
    session: Vec<Given>,
    resource: Option<Given>,
    key: Option<Given>,
    trust: Option<Given>,
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
    pub(super) principal: String,
    pub(super) action: String,
    #[serde(default = "everything")]
    pub(super) resource: String,
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

fn everything() -> String {
    "*".to_owned()
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
        let told = |error: &dyn std::fmt::Display| Failure(format!("{}: {error}", path.display()));
        let size = std::fs::metadata(path).map_err(|error| told(&error))?.len();
        if size > SUITE_BYTES_MAX {
            return Err(told(&format!("larger than {SUITE_BYTES_MAX} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| told(&error))?;
        if path.extension().is_some_and(|extension| extension == "json") {
            return serde_json::from_str(&text).map_err(|error| {
                Failure(format!("{}:{}:{}: {error}", path.display(), error.line(), error.column()))
            });
        }
        serde_saphyr::from_str(&text).map_err(|error| match error.location() {
            Some(at) => {
                let message = error.without_snippet().to_string();
                let message = message.lines().next().unwrap_or_default().to_owned();
                Failure(format!("{}:{}:{}: {message}", path.display(), at.line(), at.column()))
            }
            None => told(&error.without_snippet()),
        })
    }

    /// Reads and parses the policies. `path` is that of the file of tests.
    pub(super) fn policies(&self, path: &Path) -> Result<Read, Failure> {
        let Stated { identity, boundary, session, resource, key, trust } = &self.policies;
        let one = |given: &Given, kind, place: &str| given.read(path, kind, place);
        let many = |list: &[Given], kind, place: &str| {
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
        if owners.next().is_some() {
            let path = path.display();
            return Err(Failure(format!(
                "{path}: a request has one resource: give one of `resource`, `key` and `trust`"
            )));
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
    fn read(&self, suite: &Path, kind: PolicyKind, place: &str) -> Result<Named, Failure> {
        let (text, name, file) = match (&self.file, &self.document) {
            (Some(file), None) => {
                let path = suite.parent().unwrap_or(Path::new("")).join(file);
                (read(&path)?, file.display().to_string(), Some(path))
            }
            (None, Some(document)) => (document.to_string(), format!("the {place} policy"), None),
            _ => {
                return Err(Failure(format!(
                    "{}: policies.{place} needs either `file` or `document`",
                    suite.display()
                )));
            }
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
                None => Failure(format!("{}: policies.{place}: {message}", suite.display())),
            }
        })?;
        Ok((PolicyName::own(self.name.clone().unwrap_or(name)), Arc::new(policy)))
    }
}
