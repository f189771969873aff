//! The shapes of a generated file: structures, unions, enums, and the schemas of all other types.

use super::reach;
use crate::config::Config;
use crate::model::{Kind, Model, Operation, Reference, Shape, XmlNamespace};
use crate::names;
use crate::patterns;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What a type may not be called, because generated code means something else by it.
const TAKEN: [&str; 15] = [
    "BTreeMap",
    "Blob",
    "Box",
    "Document",
    "Err",
    "ErrorModel",
    "Kind",
    "None",
    "Ok",
    "OperationModel",
    "Option",
    "Schema",
    "Some",
    "String",
    "Timestamp",
];

/// The shapes that the implemented operations of a service need.
pub(crate) struct Shapes<'a> {
    config: &'a Config,
    service: &'a str,
    model: &'a Model,
    reached: BTreeSet<String>,
    /// The Rust names of the schemas, by shape.
    statics: BTreeMap<&'a str, String>,
    /// The Rust names of the types, by shape.
    types: BTreeMap<&'a str, String>,
}

impl<'a> Shapes<'a> {
    /// Finds the shapes and names them.
    pub(crate) fn new(
        config: &'a Config,
        service: &'a str,
        model: &'a Model,
        operations: &[&Operation],
    ) -> Result<Self, String> {
        let reached = reach::shapes(model, operations)?;
        let constants = model.operations.keys().map(|name| names::static_name(name));
        let constants = constants.chain(["MODEL".to_owned()]).collect();
        let statics = distinct(model.shapes.keys(), names::static_name, constants);
        let taken = TAKEN.into_iter().map(str::to_owned).chain(model.operations.keys().cloned()).collect();
        let types = model.shapes.iter().filter(|(_, shape)| is_type(shape)).map(|(name, _)| name);
        let types = distinct(types, names::type_name, taken);
        Ok(Self { config, service, model, reached, statics, types })
    }

    /// The static that holds the schema of a shape.
    pub(crate) fn schema_name(&self, shape: &str) -> &str {
        self.statics.get(shape).map_or("", String::as_str)
    }

    /// The structure, union or enum of a shape.
    pub(crate) fn type_name(&self, shape: &str) -> &str {
        self.types.get(shape).map_or("", String::as_str)
    }

    /// The types of members that `wire` has.
    pub(crate) fn types_of_wire(&self) -> BTreeSet<&'static str> {
        let name = |shape: &Shape| match shape.kind {
            Kind::Blob => Some("Blob"),
            Kind::Timestamp => Some("Timestamp"),
            Kind::Structure if shape.document => Some("Document"),
            _ => None,
        };
        self.reached().filter_map(name).collect()
    }

    /// Whether a member is a map.
    pub(crate) fn has_maps(&self) -> bool {
        self.reached().any(|shape| shape.kind == Kind::Map)
    }

    fn reached(&self) -> impl Iterator<Item = &Shape> {
        self.reached.iter().filter_map(|name| self.model.shapes.get(name))
    }

    /// All reached shapes: those that are Rust types first.
    pub(crate) fn text(&self) -> Result<String, String> {
        let (mut types, mut schemas) = (String::new(), String::new());
        for name in &self.reached {
            let shape = self.model.shape(name)?;
            refuse(name, &[("an event stream", shape.eventstream), ("null in a list or map", shape.sparse)])?;
            match shape.kind {
                Kind::Structure if !shape.document => types.push_str(&self.structure(name, shape)?),
                Kind::String if is_enum(shape) => types.push_str(&self.string_enum(name, shape)?),
                _ => schemas.push_str(&self.schema(name, shape)?),
            }
        }
        Ok(format!("{types}\n{schemas}"))
    }

    fn structure(&self, name: &str, shape: &Shape) -> Result<String, String> {
        let named = shape.location_name.is_some() || shape.xml_namespace.is_some();
        refuse(name, &[("a sensitive structure", shape.sensitive), ("a name of a structure's own", named)])?;
        let mut members = String::new();
        let mut fields = BTreeSet::new();
        for (member, reference) in &shape.members.0 {
            let of = self.model.shape(&reference.shape)?;
            let mut rust = self.rust_type(&reference.shape)?;
            if of.kind == Kind::Structure && reach::contains_itself(self.model, name, &reference.shape)? {
                rust = format!("Box<{rust}>");
            }
            let schema = self.schema_name(&reference.shape);
            let methods = member_methods(shape, member, reference, of)?;
            let field = if shape.union { names::variant(member) } else { names::snake_case(member) };
            if shape.union {
                let _ = writeln!(members, "    {field}({rust}) = {member:?}, {schema}{methods};");
            } else {
                let mark = if shape.required.contains(member) { '*' } else { '?' };
                let _ = writeln!(members, "    {mark} {field}: {rust} = {member:?}, {schema}{methods};");
            }
            if !fields.insert(field) {
                return Err(format!("{name}: two members would have the same Rust name as {member}"));
            }
        }
        let word = if shape.union { "union" } else { "shape" };
        Ok(format!(
            "\nwire::{word}! {{ {}: {} {name:?} {{\n{members}}} }}\n",
            self.type_name(name),
            self.schema_name(name)
        ))
    }

    /// A shape that is no Rust type of its own.
    fn schema(&self, name: &str, shape: &Shape) -> Result<String, String> {
        let kind = match shape.kind {
            Kind::Blob => "Blob",
            Kind::Boolean => "Boolean",
            Kind::Double => "Double",
            Kind::Float => "Float",
            Kind::Integer => "Integer",
            Kind::List => "List",
            Kind::Long => "Long",
            Kind::Map => "Map",
            Kind::String => "String",
            Kind::Structure => "Document",
            Kind::Timestamp => "Timestamp",
        };
        let part = |part: &Option<Box<Reference>>| part.as_ref().map(|it| self.schema_name(&it.shape));
        let mut text = match (part(&shape.member), part(&shape.key), part(&shape.value)) {
            (Some(item), None, None) => format!("Schema::list({name:?}, &{item})"),
            (None, Some(key), Some(value)) => format!("Schema::map({name:?}, &{key}, &{value})"),
            (None, None, None) => format!("Schema::new({name:?}, Kind::{kind})"),
            _ => return Err(format!("{name} is neither a list nor a map")),
        };
        for (method, part) in
            [("item_name", &shape.member), ("key_name", &shape.key), ("value_name", &shape.value)]
        {
            if let Some(wire) = part.as_ref().and_then(|it| it.location_name.as_ref()) {
                let _ = write!(text, ".{method}({wire:?})");
            }
        }
        if let Some(min) = integer(name, shape.min.as_ref())? {
            let _ = write!(text, ".min({min})");
        }
        let max = match (integer(name, shape.max.as_ref())?, self.config.bound(self.service, name)) {
            (Some(_), Some(_)) => {
                return Err(format!("{name} has a bound, and models/overrides.toml another"));
            }
            (model, ours) => model.or(ours),
        };
        if let Some(max) = max {
            let _ = write!(text, ".max({max})");
        }
        if let Some(pattern) = patterns::effective(self.config, self.service, name, shape)? {
            let _ = write!(text, ".pattern(wire::pattern!({}))", literal(pattern));
        }
        if !shape.values.is_empty() {
            let _ = write!(text, ".values(&{:?})", shape.values);
        }
        if let Some(format) = &shape.timestamp_format {
            let _ = write!(text, ".timestamp(TimestampFormat::{})", timestamp_format(format)?);
        }
        let sensitive = shape.sensitive || self.config.is_secret(self.service, name);
        for (method, applies) in [("sensitive", sensitive), ("flattened", shape.flattened)] {
            if applies {
                let _ = write!(text, ".{method}()");
            }
        }
        if let Some(wire) = &shape.location_name {
            let _ = write!(text, ".xml_name({wire:?})");
        }
        if let Some(namespace) = &shape.xml_namespace {
            let _ = write!(text, ".{}", xml_namespace(namespace));
        }
        Ok(format!("static {}: Schema = {text};\n", self.schema_name(name)))
    }

    fn rust_type(&self, name: &str) -> Result<String, String> {
        let shape = self.model.shape(name)?;
        let part = |part: &Option<Box<Reference>>| match part {
            Some(reference) => self.rust_type(&reference.shape),
            None => Err(format!("{name} says nothing about its items")),
        };
        Ok(match shape.kind {
            Kind::Blob => "Blob".into(),
            Kind::Boolean => "bool".into(),
            Kind::Double | Kind::Float => "f64".into(),
            Kind::Integer => "i32".into(),
            Kind::List => format!("Vec<{}>", part(&shape.member)?),
            Kind::Long => "i64".into(),
            Kind::Map => format!("BTreeMap<String, {}>", part(&shape.value)?),
            Kind::String if !is_enum(shape) => "String".into(),
            Kind::Structure if shape.document => "Document".into(),
            Kind::String | Kind::Structure => self.type_name(name).into(),
            Kind::Timestamp => "Timestamp".into(),
        })
    }

    fn string_enum(&self, name: &str, shape: &Shape) -> Result<String, String> {
        let mut variants = String::new();
        let mut seen = BTreeSet::new();
        for value in &shape.values {
            let variant = names::variant(value);
            let _ = writeln!(variants, "    {variant} = {value:?},");
            if variant.is_empty() || !seen.insert(variant) {
                return Err(format!("{name}: the value {value:?} has no Rust name of its own"));
            }
        }
        Ok(format!(
            "\nwire::string_enum! {{ {}: {} {name:?} {{\n{variants}}} }}\n",
            self.type_name(name),
            self.schema_name(name)
        ))
    }
}

/// Rust names for shapes. Where two would be the same, or one is taken, the later one in the order of the model gets
/// a number; all shapes of the model count, so that names stay when more operations are implemented.
fn distinct<'a>(
    shapes: impl Iterator<Item = &'a String>,
    rust_name: fn(&str) -> String,
    mut taken: BTreeSet<String>,
) -> BTreeMap<&'a str, String> {
    let mut named = BTreeMap::new();
    for shape in shapes {
        let plain = rust_name(shape);
        let numbered = (2..).map(|number| format!("{plain}{number}"));
        let name = std::iter::once(plain.clone()).chain(numbered).find(|name| !taken.contains(name));
        let name = name.unwrap_or(plain);
        taken.insert(name.clone());
        named.insert(shape.as_str(), name);
    }
    named
}

/// Whether the shape is a Rust type of its own.
fn is_type(shape: &Shape) -> bool {
    (shape.kind == Kind::Structure && !shape.document) || is_enum(shape)
}

/// A sensitive enum stays text, because the macro for enums has no secrets.
fn is_enum(shape: &Shape) -> bool {
    shape.kind == Kind::String && !shape.values.is_empty() && !shape.sensitive
}

/// What distinguishes a member from an optional one in the body, as calls of `wire::Member`.
fn member_methods(parent: &Shape, name: &str, reference: &Reference, of: &Shape) -> Result<String, String> {
    let mut text = String::new();
    let wire = reference.location_name.as_deref().unwrap_or(name);
    match reference.location.as_deref() {
        None if parent.payload.as_deref() == Some(name) => text.push_str(" .payload()"),
        None if wire != name => write!(text, " .wire({wire:?})").unwrap_or_default(),
        None => {}
        Some("header") => write!(text, " .header({wire:?})").unwrap_or_default(),
        Some("headers") => write!(text, " .header_prefix({wire:?})").unwrap_or_default(),
        Some("querystring") if of.kind == Kind::Map => text.push_str(" .query_map()"),
        Some("querystring") => write!(text, " .query({wire:?})").unwrap_or_default(),
        Some("uri") => write!(text, " .label({wire:?})").unwrap_or_default(),
        Some("statusCode") => text.push_str(" .status_code()"),
        Some(other) => return Err(format!("{name} is at an unknown place: {other}")),
    }
    if let Some(query_name) = &reference.query_name {
        let _ = write!(text, " .query_name({query_name:?})");
    }
    if let Some(namespace) = &reference.xml_namespace {
        let _ = write!(text, " .{}", xml_namespace(namespace));
    }
    for (method, applies) in [
        ("xml_attribute", reference.xml_attribute),
        ("flattened", reference.flattened),
        ("idempotency_token", reference.idempotency_token),
        ("host_label", reference.host_label),
        ("json_value", reference.jsonvalue),
        ("streaming", reference.streaming || of.streaming),
    ] {
        if applies {
            let _ = write!(text, " .{method}()");
        }
    }
    Ok(text)
}

fn timestamp_format(name: &str) -> Result<&'static str, String> {
    Ok(match name {
        "unixTimestamp" => "EpochSeconds",
        "iso8601" => "Iso8601",
        "rfc822" => "Rfc822",
        _ => return Err(format!("unknown timestamp format {name}")),
    })
}

fn xml_namespace(namespace: &XmlNamespace) -> String {
    format!("xml_namespace({:?}, {:?})", namespace.uri(), namespace.prefix())
}

fn integer(name: &str, number: Option<&serde_json::Number>) -> Result<Option<i64>, String> {
    let Some(number) = number else { return Ok(None) };
    // Bounds of floating-point numbers may be written as such.
    let text = number.to_string();
    let whole = text.strip_suffix(".0").unwrap_or(&text).parse();
    whole.map(Some).map_err(|_| format!("{name}: the bound {number} is no whole number of 64 bits"))
}

/// A Rust literal, raw where that saves backslashes.
fn literal(text: &str) -> String {
    if !text.contains('\\') || text.chars().any(char::is_control) {
        format!("{text:?}")
    } else if text.contains('"') {
        format!("r#\"{text}\"#")
    } else {
        format!("r\"{text}\"")
    }
}

/// Fails if any of these facts, which generated code cannot express, is true.
pub(crate) fn refuse(name: &str, facts: &[(&str, bool)]) -> Result<(), String> {
    match facts.iter().find(|(_, applies)| *applies) {
        Some((fact, _)) => Err(format!("{name}: {fact} cannot be generated yet")),
        None => Ok(()),
    }
}
