//! Names of parameters (API Reference, "PutParameter"; Systems Manager User Guide, "Understanding parameter name requirements and
//! constraints").
//!
//! `name` and `/name` are the same parameter, and their ARN is the same: a name is known here by its form with the leading slash.

use crate::errors::{not_found, validation};
use platform::{Cx, Fault};

/// Levels of a hierarchy, the parameter's own included.
const LEVELS_MAX: usize = 15;

/// The longest ARN of a parameter, in characters.
const ARN_CHARS_MAX: usize = 1011;

/// The beginning of names that stand for a secret of Secrets Manager.
pub(crate) const SECRETS: &str = "/aws/reference/secretsmanager/";

/// The beginning of names that AWS publishes parameters under.
pub(crate) const PUBLIC: &str = "/aws/service/";

/// A parameter's place in the store.
///
/// The path of its rows has the hierarchy above it, with U+0001 for each slash, and the last part of its name. So what lies directly
/// below a path is one range of keys, and what lies anywhere below it is one too: no character of a name is below U+0001.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) account: String,
    pub(crate) region: String,
    /// With the leading slash.
    pub(crate) name: String,
    parent: String,
    leaf: String,
}

impl Place {
    pub(crate) fn new(account: &str, region: &str, name: &str) -> Self {
        let name = rooted(name);
        let (parent, leaf) = name.rsplit_once('/').unwrap_or(("", &name));
        let (parent, leaf) = (encoded(parent), leaf.to_owned());
        Self { account: account.to_owned(), region: region.to_owned(), name, parent, leaf }
    }

    pub(crate) fn path(&self) -> [&str; 4] {
        [&self.account, &self.region, &self.parent, &self.leaf]
    }

    pub(crate) fn arn(&self) -> String {
        arn(&self.region, &self.account, &self.name)
    }
}

/// The hierarchy above a parameter as its rows' path has it.
pub(crate) fn encoded(parent: &str) -> String {
    parent.replace('/', "\u{1}")
}

/// The name with its leading slash.
pub(crate) fn rooted(name: &str) -> String {
    if name.starts_with('/') { name.to_owned() } else { format!("/{name}") }
}

/// `name` has the leading slash.
pub(crate) fn arn(region: &str, account: &str, name: &str) -> String {
    format!("arn:aws:ssm:{region}:{account}:parameter{name}")
}

fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte))
}

/// Whether each part between slashes has something in it.
fn is_hierarchy(name: &str) -> bool {
    is_plain(name) && name.strip_prefix('/').unwrap_or(name).split('/').all(|part| !part.is_empty())
}

fn is_reserved(name: &str) -> bool {
    let first = name.strip_prefix('/').unwrap_or(name).get(..3);
    first.is_some_and(|first| first.eq_ignore_ascii_case("aws") || first.eq_ignore_ascii_case("ssm"))
}

/// The name of a parameter of the caller's that is changed: an ARN is none.
///
/// # Errors
/// It is not one that a parameter can have.
pub(crate) fn own(cx: &Cx<'_>, text: &str) -> Result<Place, Fault> {
    let name = text.trim_matches(' ');
    let levels = name.strip_prefix('/').unwrap_or(name).split('/').count();
    if name.contains('/') && !name.starts_with('/') && is_plain(name) {
        return Err(validation("Parameter name must be a fully qualified name."));
    }
    if is_reserved(name)
        && name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("/aws"))
        && levels > 1
    {
        return Err(Fault::denied(format!("No access to reserved parameter name: {name}.")));
    }
    if is_reserved(name) && levels == 1 {
        return Err(validation(
            "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).",
        ));
    }
    if is_reserved(name) || !is_hierarchy(name) {
        return Err(malformed());
    }
    if levels > LEVELS_MAX {
        let message = format!("A hierarchy has no more than {LEVELS_MAX} levels; this name has {levels}.");
        return Err(Fault::new("HierarchyLevelLimitExceededException", message));
    }
    let place = Place::new(cx.account(), cx.region(), name);
    if place.arn().len() > ARN_CHARS_MAX {
        return Err(validation(format!(
            "The parameter name is too long: its Amazon Resource Name has more than {ARN_CHARS_MAX} characters."
        )));
    }
    Ok(place)
}

fn malformed() -> Fault {
    validation(
        "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of sub-paths divided \
         by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_",
    )
}

/// A parameter as a caller names it to read it: by name or ARN, perhaps with a version or a label.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) place: Place,
    pub(crate) selector: Option<String>,
}

impl Reference {
    /// Reads one.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn read(cx: &Cx<'_>, text: &str) -> Result<Self, Fault> {
        let text = text.trim_matches(' ');
        let (account, name) = match text.strip_prefix("arn:") {
            None => (cx.account(), text),
            Some(arn) => {
                let mut parts = arn.splitn(5, ':').skip(1);
                let place = (parts.next(), parts.next(), parts.next(), parts.next());
                let (Some("ssm"), Some(region), Some(account), Some(resource)) = place else {
                    return Err(malformed());
                };
                let name = resource.strip_prefix("parameter").filter(|name| name.starts_with('/'));
                let name = name.filter(|_| region == cx.region()).ok_or_else(not_found)?;
                (account, name)
            }
        };
        let (name, selector) = match name.split_once(':') {
            Some((name, selector)) => (name, Some(selector.to_owned())),
            None => (name, None),
        };
        let is_secret = rooted(name).starts_with(SECRETS);
        if !is_hierarchy(name) && (!is_secret || name.contains('\0')) {
            return Err(malformed());
        }
        // What AWS publishes is in nobody's account, and its ARN says so.
        let account = if account.is_empty() { cx.account() } else { account };
        Ok(Self { place: Place::new(account, cx.region(), name), selector })
    }
}

/// The path that a list begins at: the root is the empty text, all others begin with a slash and end without.
///
/// # Errors
/// It is none.
pub(crate) fn path(text: &str) -> Result<&str, Fault> {
    let path = text.trim_matches(' ');
    let fits = path == "/" || (path.starts_with('/') && is_hierarchy(path.strip_suffix('/').unwrap_or(path)));
    if !fits || (is_reserved(path) && !format!("{path}/").starts_with(PUBLIC)) {
        return Err(validation(
            "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\". It \
             can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). It must use only letters, numbers, or the following symbols: \
             . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the \
             forward slash symbol \"/\". Valid example: /get/parameters2-/by1./path0_.",
        ));
    }
    Ok(path.strip_suffix('/').unwrap_or(path))
}
