//! From text to statements, refusing whatever the grammar does not have.
//!
//! The messages are the ones that AWS is known to answer (seen in public issue trackers); where AWS's is not known, it is
//! the general "Syntax errors in policy." and the error's path tells more.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use crate::action::{ActionPattern, Actions, BadAction};
use crate::arn::{ArnPattern, BadArn, Missing};
use crate::condition::{Condition, Operator};
use crate::document::{PolicyKind, Version};
use crate::error::PolicyError;
use crate::json::{self, Json, Node};
use crate::principal::{Entry, NamedPrincipal, PrincipalField, Principals};
use crate::statement::{Effect, Resources, Statement};

/// Longest document that is read, in bytes: the longest any service model admits (KMS `PolicyType`).
pub const DOCUMENT_BYTES_MAX: usize = 131_072;
/// Longest condition key, in bytes. Encryption context keys are the long ones.
const KEY_BYTES_MAX: usize = 1_024;

pub(crate) const SYNTAX: &str = "Syntax errors in policy.";
pub(crate) const NO_ACTIONS: &str = "Policy statement must contain actions.";
pub(crate) const NO_RESOURCES: &str = "Policy statement must contain resources.";
const NO_VENDOR: &str = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
pub(crate) const SAME_SID: &str = "Statement IDs (SID) in a single policy must be unique.";
pub(crate) const PRINCIPAL: &str = "Policy document should not specify a principal.";
pub(crate) const NO_TRUST_ACTION: &str = "AssumeRole policy may only specify STS AssumeRole actions.";

pub(crate) struct Document {
    pub(crate) version: Version,
    pub(crate) statements: Vec<(Statement, Actions)>,
}

pub(crate) fn parse(text: &str, kind: PolicyKind) -> Result<Document, PolicyError> {
    let root = Place::root();
    let json = read(text, &root)?;
    let mut document = Document { version: Version::V2008, statements: Vec::new() };
    let mut statement = None;
    for (name, value) in object(&json, &root)? {
        let place = root.name(name);
        match name.as_str() {
            "Version" => document.version = version(value, &place)?,
            "Id" => drop(string(value, &place)?),
            "Statement" => statement = Some(value),
            _ => return Err(place.error(SYNTAX, value)),
        }
    }
    let place = root.name("Statement");
    let statement = statement.ok_or_else(|| place.error(SYNTAX, &json))?;
    let parser = Parser { kind, version: document.version };
    let mut sids = HashSet::new();
    for (place, value) in each(statement, &place) {
        let parsed = parser.statement(value, &place)?;
        if let Some(sid) = &parsed.0.sid
            && !sids.insert(sid.clone())
        {
            return Err(place.error(SAME_SID, value));
        }
        document.statements.push(parsed);
    }
    if document.statements.is_empty() {
        return Err(place.error(SYNTAX, statement));
    }
    Ok(document)
}

/// Calls `visit` with every principal name and the bytes it takes in the text, in the order of the text.
pub(crate) fn visit_principals(
    text: &str,
    mut visit: impl FnMut(NamedPrincipal<'_>, Range<usize>),
) -> Result<(), PolicyError> {
    let root = Place::root();
    let json = read(text, &root)?;
    for (name, statements) in object(&json, &root)? {
        let place = root.name(name);
        if name != "Statement" {
            continue;
        }
        for (place, statement) in each(statements, &place) {
            for (name, value) in object(statement, &place)? {
                if let "Principal" | "NotPrincipal" = name.as_str() {
                    for (named, value) in principals(value, &place.name(name))? {
                        visit(named, value.span.clone());
                    }
                }
            }
        }
    }
    Ok(())
}

pub(crate) fn version(json: &Json<'_>, place: &Place<'_>) -> Result<Version, PolicyError> {
    match string(json, place)? {
        "2012-10-17" => Ok(Version::V2012),
        "2008-10-17" => Ok(Version::V2008),
        _ => Err(place.error(SYNTAX, json)),
    }
}

pub(crate) fn read<'t>(text: &'t str, root: &Place<'_>) -> Result<Json<'t>, PolicyError> {
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(PolicyError::new(SYNTAX, root.to_string(), DOCUMENT_BYTES_MAX));
    }
    json::read(text).map_err(|json::SyntaxError(offset)| PolicyError::new(SYNTAX, root.to_string(), offset))
}

/// Where in the document: a list on the stack, made into text only for an error.
pub(crate) struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    step: Step<'p>,
}

enum Step<'p> {
    Root,
    Name(&'p str),
    Index(usize),
}

impl<'p> Place<'p> {
    pub(crate) fn root() -> Self {
        Place { parent: None, step: Step::Root }
    }

    pub(crate) fn name<'q>(&'q self, name: &'q str) -> Place<'q> {
        Place { parent: Some(self), step: Step::Name(name) }
    }

    fn index(&'p self, index: usize) -> Place<'p> {
        Place { parent: Some(self), step: Step::Index(index) }
    }

    pub(crate) fn error(&self, message: impl Into<String>, json: &Json<'_>) -> PolicyError {
        PolicyError::new(message, self.to_string(), json.span.start)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}")?;
        }
        let inner = self.parent.is_some_and(|parent| parent.parent.is_some());
        match self.step {
            Step::Root => Ok(()),
            Step::Name(name) if inner => write!(f, ".{name}"),
            Step::Name(name) => f.write_str(name),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

pub(crate) fn object<'j, 't>(
    json: &'j Json<'t>,
    place: &Place<'_>,
) -> Result<&'j [(String, Json<'t>)], PolicyError> {
    match &json.node {
        Node::Object(members) => Ok(members),
        _ => Err(place.error(SYNTAX, json)),
    }
}

fn string<'j>(json: &'j Json<'_>, place: &Place<'_>) -> Result<&'j str, PolicyError> {
    match &json.node {
        Node::String(text) => Ok(text),
        _ => Err(place.error(SYNTAX, json)),
    }
}

/// The items of a list, or the one thing that stands in its place.
pub(crate) fn each<'p, 'j, 't>(
    json: &'j Json<'t>,
    place: &'p Place<'p>,
) -> impl Iterator<Item = (Place<'p>, &'j Json<'t>)> {
    let items = match &json.node {
        Node::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(json),
    };
    items.iter().enumerate().map(|(index, item)| (place.index(index), item))
}

fn principals<'j, 't>(
    json: &'j Json<'t>,
    place: &Place<'_>,
) -> Result<Vec<(NamedPrincipal<'j>, &'j Json<'t>)>, PolicyError> {
    if let Node::String(text) = &json.node {
        return match text.as_str() {
            "*" => Ok(vec![(NamedPrincipal { field: PrincipalField::Aws, value: "*" }, json)]),
            _ => Err(place.error(SYNTAX, json)),
        };
    }
    let mut found = Vec::new();
    for (name, values) in object(json, place)? {
        let place = place.name(name);
        let field = PrincipalField::parse(name).ok_or_else(|| place.error(SYNTAX, values))?;
        for (place, value) in each(values, &place) {
            found.push((NamedPrincipal { field, value: string(value, &place)? }, value));
        }
    }
    if found.is_empty() { Err(place.error(SYNTAX, json)) } else { Ok(found) }
}

/// The fault of one action pattern, in AWS's words.
pub(crate) fn action_fault(text: &str) -> Result<(), String> {
    ActionPattern::parse(text).map(drop).map_err(|bad| bad.message())
}

impl BadAction {
    fn message(self) -> String {
        match self {
            BadAction::NoVendor => NO_VENDOR.to_owned(),
            BadAction::Colons => "Actions/Condition can contain only one colon.".to_owned(),
            BadAction::Vendor(vendor) => format!("Vendor {vendor} is not valid"),
            BadAction::Name => SYNTAX.to_owned(),
        }
    }
}

struct Parser {
    kind: PolicyKind,
    version: Version,
}

impl Parser {
    fn variables(&self) -> bool {
        self.version == Version::V2012
    }

    fn statement(&self, json: &Json<'_>, place: &Place<'_>) -> Result<(Statement, Actions), PolicyError> {
        let (mut sid, mut effect, mut who, mut actions, mut resources) = (None, None, None, None, None);
        let mut conditions = Vec::new();
        for (name, value) in object(json, place)? {
            let place = place.name(name);
            let twice = match name.as_str() {
                "Sid" => sid.replace(self.sid(value, &place)?).is_some(),
                "Effect" => effect.replace(self.effect(value, &place)?).is_some(),
                "Principal" => who.replace(Principals::Only(self.who(value, &place)?)).is_some(),
                "NotPrincipal" => who.replace(Principals::Except(self.who(value, &place)?)).is_some(),
                "Action" => actions.replace(Actions::Only(self.actions(value, &place)?)).is_some(),
                "NotAction" => actions.replace(Actions::Except(self.actions(value, &place)?)).is_some(),
                "Resource" => resources.replace(Resources::Only(self.resources(value, &place)?)).is_some(),
                "NotResource" => {
                    resources.replace(Resources::Except(self.resources(value, &place)?)).is_some()
                }
                "Condition" => {
                    conditions = self.conditions(value, &place)?;
                    false
                }
                _ => true,
            };
            if twice {
                return Err(place.error(SYNTAX, value));
            }
        }
        let effect = effect.ok_or_else(|| place.error(self.missing("Effect"), json))?;
        let actions = actions.ok_or_else(|| place.error(self.missing_actions(), json))?;
        if who.is_none() && !self.kind.is_callers() {
            return Err(place.error(self.missing("Principal"), json));
        }
        let resources = match (resources, self.kind) {
            (Some(resources), _) => resources,
            // The grammar lets a resource's own policy leave the resource out; the policies attached elsewhere must say.
            (None, PolicyKind::Trust | PolicyKind::Resource) => Resources::Own,
            (None, _) => return Err(place.error(NO_RESOURCES, json)),
        };
        let sid = sid.flatten();
        Ok((Statement { sid, effect, principals: who, resources, conditions: conditions.into() }, actions))
    }

    fn missing(&self, field: &str) -> String {
        match self.kind {
            PolicyKind::Trust => format!("Missing required field {field}"),
            _ => SYNTAX.to_owned(),
        }
    }

    fn missing_actions(&self) -> String {
        match self.kind {
            PolicyKind::Trust => self.missing("Action"),
            _ => NO_ACTIONS.to_owned(),
        }
    }

    /// An empty `Sid` is none. Policies attached to a principal allow letters and digits only.
    fn sid(&self, json: &Json<'_>, place: &Place<'_>) -> Result<Option<Box<str>>, PolicyError> {
        let text = string(json, place)?;
        if self.kind.is_callers() && !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let message = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*";
            return Err(place.error(message, json));
        }
        Ok((!text.is_empty()).then(|| text.into()))
    }

    fn effect(&self, json: &Json<'_>, place: &Place<'_>) -> Result<Effect, PolicyError> {
        match string(json, place)? {
            "Allow" => Ok(Effect::Allow),
            "Deny" => Ok(Effect::Deny),
            _ => Err(place.error(SYNTAX, json)),
        }
    }

    fn who(&self, json: &Json<'_>, place: &Place<'_>) -> Result<Box<[Entry]>, PolicyError> {
        if self.kind.is_callers() {
            return Err(place.error(PRINCIPAL, json));
        }
        if self.kind == PolicyKind::Trust && matches!(place.step, Step::Name("NotPrincipal")) {
            return Err(place.error("Has prohibited field NotPrincipal", json));
        }
        let entries = principals(json, place)?.into_iter().map(|(named, json)| {
            Entry::parse(named).ok_or_else(|| {
                let message = match self.kind {
                    PolicyKind::Key => {
                        "Policy contains a statement with one or more invalid principals.".to_owned()
                    }
                    _ => {
                        format!("Invalid principal in policy: \"{}\":\"{}\"", named.field.name(), named.value)
                    }
                };
                place.error(message, json)
            })
        });
        entries.collect()
    }

    fn actions(&self, json: &Json<'_>, place: &Place<'_>) -> Result<Vec<ActionPattern>, PolicyError> {
        let mut patterns = Vec::new();
        for (place, value) in each(json, place) {
            let text = string(value, &place)?;
            let pattern = ActionPattern::parse(text).map_err(|bad| place.error(bad.message(), value))?;
            if self.kind == PolicyKind::Trust && !pattern.is_service("sts") {
                return Err(place.error(NO_TRUST_ACTION, value));
            }
            patterns.push(pattern);
        }
        if patterns.is_empty() { Err(place.error(NO_ACTIONS, json)) } else { Ok(patterns) }
    }

    fn resources(&self, json: &Json<'_>, place: &Place<'_>) -> Result<Box<[ArnPattern]>, PolicyError> {
        if self.kind == PolicyKind::Trust
            && let Step::Name(name) = place.step
        {
            return Err(place.error(format!("Has prohibited field {name}"), json));
        }
        let missing = if self.kind.is_callers() { Missing::Any } else { Missing::AnyIfWildcard };
        let mut patterns = Vec::new();
        for (place, value) in each(json, place) {
            let text = string(value, &place)?;
            let pattern = ArnPattern::resource(text, self.variables(), missing).map_err(|bad| {
                let message = match bad {
                    BadArn::Form => format!("Resource {text} must be in ARN format or \"*\"."),
                    BadArn::Variable | BadArn::VariableTooEarly => SYNTAX.to_owned(),
                };
                place.error(message, value)
            })?;
            patterns.push(pattern);
        }
        if patterns.is_empty() { Err(place.error(NO_RESOURCES, json)) } else { Ok(patterns.into()) }
    }

    fn conditions(&self, json: &Json<'_>, place: &Place<'_>) -> Result<Vec<Condition>, PolicyError> {
        let mut conditions = Vec::new();
        for (name, keys) in object(json, place)? {
            let place = place.name(name);
            let members = object(keys, &place)?;
            // IAM takes an operator that there is not, as long as nothing is under it.
            if members.is_empty() && self.kind.is_callers() {
                continue;
            }
            let operator = Operator::parse(name)
                .ok_or_else(|| place.error(format!("Invalid Condition type : {name}"), keys))?;
            for (key, values) in members {
                let place = place.name(key);
                let texts = each(values, &place).map(|(place, value)| scalar(value, &place));
                let texts = texts.collect::<Result<Vec<String>, PolicyError>>()?;
                // IAM takes a key without a service, which no request has.
                let named = if self.kind.is_callers() { !key.is_empty() } else { key.contains(':') };
                if !named || key.len() > KEY_BYTES_MAX || key.contains(char::is_control) {
                    return Err(place.error(NO_VENDOR, values));
                }
                if texts.is_empty() && !self.kind.is_callers() {
                    return Err(place.error(SYNTAX, values));
                }
                let condition = Condition::parse(operator, key, &texts, self.variables());
                conditions.push(condition.map_err(|_| place.error(SYNTAX, values))?);
            }
        }
        Ok(conditions)
    }
}

/// A condition value: text, or a number or boolean as its text.
fn scalar(json: &Json<'_>, place: &Place<'_>) -> Result<String, PolicyError> {
    match &json.node {
        Node::String(text) => Ok(text.clone()),
        Node::Number(text) => Ok((*text).to_owned()),
        Node::Bool(value) => Ok(value.to_string()),
        Node::Null | Node::Array(_) | Node::Object(_) => Err(place.error(SYNTAX, json)),
    }
}
