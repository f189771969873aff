//! PutParameter.

use crate::access::{require_with, tagged};
use crate::api::{ParameterTier, ParameterType, PutParameterRequest, PutParameterResult, ops};
use crate::errors::validation;
use crate::names::{self, Place};
use crate::parameter::{LABELS, Parameter, VERSIONS, VERSIONS_MAX, Value, Version, labels_of, version_key};
use crate::tiers::Asked;
use crate::values::{self, DEFAULT_KEY, Form};
use crate::{SystemsManager, data_types, events, policies, tags};
use platform::{Cx, Fault, Handle};
use regex::RegexBuilder;
use std::collections::BTreeMap;

/// What a pattern may take when it is compiled, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

impl Handle<ops::PutParameter> for SystemsManager {
    fn handle(&self, cx: &mut Cx<'_>, input: &PutParameterRequest) -> Result<PutParameterResult, Fault> {
        let place = names::own(cx, &input.name)?;
        let found = Parameter::find(cx, &place)?;
        authorize(cx, &place, found.as_deref(), input)?;
        let requested = input.tags.as_deref().unwrap_or_default();
        let mut given = BTreeMap::new();
        tags::add(&mut given, requested)?;
        let overwrite = input.overwrite == Some(true);
        if overwrite && !requested.is_empty() {
            return Err(validation(
                "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove \
                 overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.",
            ));
        }
        if found.is_some() && !overwrite {
            let message = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
            return Err(Fault::new("ParameterAlreadyExists", message));
        }
        let latest = version(cx, &place, found.as_deref().map(|found| &found.latest), input)?;
        let answer = PutParameterResult { version: Some(latest.number), tier: Some(latest.tier) };
        let parameter = match found {
            Some(found) => {
                let oldest = keep(cx, &place, &found)?;
                Parameter { latest, oldest, ..(*found).clone() }
            }
            None => {
                let name = input.name.trim_matches(' ').to_owned();
                Parameter { name, oldest: latest.number, latest, tags: given, shared: None }
            }
        };
        policies::begin(cx, &place, &parameter.latest)?;
        parameter.put(cx, &place)?;
        events::change(
            cx,
            &place,
            &parameter,
            if overwrite && answer.version != Some(1) { "Update" } else { "Create" },
        )?;
        Ok(answer)
    }
}

/// Requires permission to put the parameter, and to give it its tags.
fn authorize(
    cx: &mut Cx<'_>,
    place: &Place,
    found: Option<&Parameter>,
    input: &PutParameterRequest,
) -> Result<(), Fault> {
    let truth = |value: bool| if value { "true" } else { "false" };
    let requested = input.tags.as_deref().unwrap_or_default();
    require_with(cx, "ssm:PutParameter", place, found, |access| {
        let access = access
            .requesting_tags(tags::pairs(requested))
            .key("ssm:Overwrite", truth(input.overwrite == Some(true)))
            .key("ssm:Policies", truth(input.policies.is_some()));
        if requested.is_empty() { access } else { access.before("ssm:AddTagsToResource", place.arn()) }
    })?;
    if requested.is_empty() {
        return Ok(());
    }
    let none = BTreeMap::new();
    let held = found.map_or(&none, |found| &found.tags);
    cx.authorize(&tagged("ssm:AddTagsToResource", place.arn(), held).requesting_tags(tags::pairs(requested)))
}

/// The version that the request makes: what it does not say is as in the version before.
fn version(
    cx: &mut Cx<'_>,
    place: &Place,
    before: Option<&Version>,
    input: &PutParameterRequest,
) -> Result<Version, Fault> {
    let kind = kind(before, input.r#type)?;
    let value = input.value.as_str();
    check_value(value)?;
    let pattern =
        given(input.allowed_pattern.as_deref(), before.and_then(|before| before.pattern.as_deref()));
    if let Some(pattern) = pattern {
        check_pattern(pattern, value)?;
    }
    let held_type = before.map(|before| before.data_type.as_str());
    let data_type = input.data_type.as_deref().or(held_type).unwrap_or(data_types::DEFAULT);
    data_types::check_change(held_type.unwrap_or(data_type), data_type)?;
    data_types::check(data_type, place, kind, value)?;
    let policies = match (&input.policies, before) {
        (Some(text), _) => policies::read(cx, text)?,
        (None, Some(before)) => policies::carried(&before.policies),
        (None, None) => Vec::new(),
    };
    let asked = Asked {
        tier: input.tier,
        value,
        has_policies: !policies.is_empty(),
        has_advanced_type: data_types::is_advanced(data_type),
        held: before.map(|before| before.tier),
    };
    let tier = asked.settle(cx, place)?;
    let description =
        given(input.description.as_deref(), before.and_then(|before| before.description.as_deref()));
    let (key, value) = if kind == ParameterType::SecureString {
        let held = before.and_then(|before| before.key.as_deref());
        let key = input.key_id.as_deref().or(held).unwrap_or(DEFAULT_KEY);
        let form = if tier == ParameterTier::Advanced { Form::Enveloped } else { Form::Direct };
        (Some(key.to_owned()), values::encrypt(cx, place, key, value, form)?)
    } else {
        values::no_key(input.key_id.as_deref())?;
        (None, Value::Text(value.to_owned()))
    };
    Ok(Version {
        number: before.map_or(1, |before| before.number.saturating_add(1)),
        r#type: kind,
        value,
        key,
        modified: cx.now().0,
        user: cx.caller().principal.arn(),
        description: description.map(str::to_owned),
        pattern: pattern.map(str::to_owned),
        tier,
        policies,
        data_type: data_type.to_owned(),
    })
}

fn kind(before: Option<&Version>, asked: Option<ParameterType>) -> Result<ParameterType, Fault> {
    match (before.map(|before| before.r#type), asked) {
        (None, None) => Err(validation("A parameter type is required when you create a parameter.")),
        (None, Some(kind)) | (Some(kind), None) => Ok(kind),
        (Some(held), Some(kind)) if held == kind => Ok(kind),
        (Some(held), Some(kind)) => Err(Fault::new(
            "HierarchyTypeMismatchException",
            format!(
                "The parameter is of the type {held} and can't become one of the type {kind}: make a new parameter."
            ),
        )),
    }
}

/// A text of the request; the empty one takes away what there is.
fn given<'a>(asked: Option<&'a str>, held: Option<&'a str>) -> Option<&'a str> {
    asked.or(held).filter(|text| !text.is_empty())
}

/// What is wrong with a value that may be a secret is said without it.
fn check_value(value: &str) -> Result<(), Fault> {
    if value.is_empty() {
        return Err(validation(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or \
             equal to 1.",
        ));
    }
    if value.split_once("{{").is_some_and(|(_, rest)| rest.contains("}}")) {
        return Err(validation(
            "Parameter value can't nest another parameter. Do not use \"{{}}\" in the value.",
        ));
    }
    Ok(())
}

/// Requires that all of a value matches a pattern.
fn check_pattern(pattern: &str, value: &str) -> Result<(), Fault> {
    let whole = format!(r"\A(?:{pattern})\z");
    let compiled = RegexBuilder::new(pattern)
        .size_limit(PATTERN_BYTES_MAX)
        .build()
        .and_then(|_| RegexBuilder::new(&whole).size_limit(PATTERN_BYTES_MAX).build());
    let Ok(compiled) = compiled else {
        let message = "The allowed pattern isn't a regular expression that can be matched in linear time: it has no look-around and no \
                       references to groups.";
        return Err(Fault::new("InvalidAllowedPatternException", message));
    };
    if compiled.is_match(value) {
        return Ok(());
    }
    let message = format!("Parameter value, cannot be validated against allowedPattern: {pattern}");
    Err(Fault::new("ParameterPatternMismatchException", message))
}

/// Keeps the newest version as one that is not the newest any more. The number of the oldest that is kept beside it.
///
/// # Errors
/// The oldest has a label and so cannot make room.
fn keep(cx: &mut Cx<'_>, place: &Place, found: &Parameter) -> Result<i64, Fault> {
    let (latest, oldest) = (&found.latest, found.oldest);
    let [account, region, parent, leaf] = place.path();
    policies::end(cx, place, latest)?;
    VERSIONS.put(&mut cx.tx, &[account, region, parent, leaf, &version_key(latest.number)], latest)?;
    if latest.number.saturating_sub(oldest) + 1 < VERSIONS_MAX {
        return Ok(oldest);
    }
    let labels = LABELS.get(&mut cx.tx, &place.path())?;
    if labels.is_some_and(|labels| labels_of(&labels, oldest).next().is_some()) {
        let message = format!(
            "You attempted to create a new version of {} by calling the PutParameter API with the overwrite flag. Version {oldest}, \
             the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the \
             parameter, and try again.",
            found.name
        );
        return Err(Fault::new("ParameterMaxVersionLimitExceeded", message));
    }
    VERSIONS.delete(&mut cx.tx, &[account, region, parent, leaf, &version_key(oldest)]);
    Ok(oldest.saturating_add(1))
}
