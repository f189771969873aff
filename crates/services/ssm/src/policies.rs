//! Policies of parameters: what happens to one after a time (Systems Manager User Guide, "Assigning parameter policies in Parameter Store").

use crate::access::TYPE;
use crate::api::{MODEL, ParameterInlinePolicy};
use crate::names::Place;
use crate::parameter::{Parameter, Version};
use crate::{delete, events};
use platform::trail::{Resource, ServiceEvent};
use platform::{Cx, Fault, Timer};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use wire::Timestamp;

/// The task of the timers that delete what has expired.
pub(crate) const EXPIRE: &str = "expire-parameter";

/// The task of the timers that tell of a policy.
pub(crate) const NOTIFY: &str = "notify-of-parameter";

/// How many policies a parameter has (API Reference, "PoliciesLimitExceededException").
const POLICIES_MAX: usize = 10;

const HOUR_MILLIS: i64 = 3_600_000;
const DAY_MILLIS: i64 = 24 * HOUR_MILLIS;

/// A policy as a version keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    /// As it was given.
    text: String,
    rule: Rule,
    /// Whether it has told what it tells.
    done: bool,
}

/// When a policy acts; periods are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Rule {
    /// It is deleted at this time, in milliseconds since the epoch.
    Expiration(i64),
    /// So long before that it is told.
    ExpirationNotification(i64),
    /// It is told if there is no change for so long.
    NoChangeNotification(i64),
}

impl Rule {
    fn name(self) -> &'static str {
        match self {
            Self::Expiration(_) => "Expiration",
            Self::ExpirationNotification(_) => "ExpirationNotification",
            Self::NoChangeNotification(_) => "NoChangeNotification",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Policy<'a> {
    r#type: String,
    version: String,
    #[serde(borrow)]
    attributes: &'a RawValue,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Attributes {
    timestamp: Option<String>,
    before: Option<String>,
    after: Option<String>,
    unit: Option<String>,
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("InvalidPolicyAttributeException", message)
}

fn incompatible(message: &str) -> Fault {
    Fault::new("IncompatiblePolicyException", message)
}

/// Reads the policies of a request: a JSON array. One that is empty, or has an empty object, says that there are none.
///
/// # Errors
/// They are malformed, too many, or do not go together.
pub(crate) fn read(cx: &Cx<'_>, text: &str) -> Result<Vec<Held>, Fault> {
    let malformed =
        |_| invalid("The policies aren't a JSON array of objects with Type, Version and Attributes.");
    let texts: Vec<&RawValue> = serde_json::from_str(text).map_err(malformed)?;
    if texts.len() > POLICIES_MAX {
        let message = format!("A parameter has no more than {POLICIES_MAX} policies.");
        return Err(Fault::new("PoliciesLimitExceededException", message));
    }
    let mut held = Vec::with_capacity(texts.len());
    for text in texts {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(text.get()).map_err(malformed)?;
        if object.is_empty() {
            continue;
        }
        let policy: Policy<'_> = serde_json::from_str(text.get()).map_err(malformed)?;
        let rule = rule(cx, &policy)?;
        held.push(Held { text: text.get().to_owned(), rule, done: false });
    }
    let expirations = held.iter().filter(|held| matches!(held.rule, Rule::Expiration(_))).count();
    let tells = held.iter().any(|held| matches!(held.rule, Rule::ExpirationNotification(_)));
    if expirations > 1 {
        return Err(incompatible("A parameter has no more than one Expiration policy."));
    }
    if tells && expirations == 0 {
        return Err(incompatible("An ExpirationNotification policy needs an Expiration policy beside it."));
    }
    Ok(held)
}

fn rule(cx: &Cx<'_>, policy: &Policy<'_>) -> Result<Rule, Fault> {
    if policy.version != "1.0" {
        return Err(invalid("The version of a policy is 1.0."));
    }
    let kind = policy.r#type.as_str();
    let malformed = |_| invalid(format!("The attributes of the {kind} policy are not those that it has."));
    let attributes = || serde_json::from_str::<Attributes>(policy.attributes.get()).map_err(malformed);
    match kind {
        "Expiration" => match attributes()? {
            Attributes { timestamp: Some(time), before: None, after: None, unit: None } => {
                let at = Timestamp::parse_rfc3339(&time)
                    .map_err(|_| invalid("Timestamp is a time such as 2030-12-02T21:34:33.000Z."))?;
                match at.0 > cx.now().0 {
                    true => Ok(Rule::Expiration(at.0)),
                    false => Err(invalid("The Timestamp of the Expiration policy is past.")),
                }
            }
            _ => Err(invalid("An Expiration policy has the attribute Timestamp alone.")),
        },
        "ExpirationNotification" => match attributes()? {
            Attributes { before: Some(before), unit: Some(unit), timestamp: None, after: None } => {
                Ok(Rule::ExpirationNotification(period(&before, &unit)?))
            }
            _ => Err(invalid("An ExpirationNotification policy has the attributes Before and Unit.")),
        },
        "NoChangeNotification" => match attributes()? {
            Attributes { after: Some(after), unit: Some(unit), timestamp: None, before: None } => {
                Ok(Rule::NoChangeNotification(period(&after, &unit)?))
            }
            _ => Err(invalid("A NoChangeNotification policy has the attributes After and Unit.")),
        },
        _ => Err(Fault::new(
            "InvalidPolicyTypeException",
            "The policy type isn't supported. Parameter Store supports the following policy types: Expiration, \
             ExpirationNotification, and NoChangeNotification.",
        )),
    }
}

/// So many days or hours, in milliseconds.
fn period(number: &str, unit: &str) -> Result<i64, Fault> {
    let unit = match unit {
        "Days" => DAY_MILLIS,
        "Hours" => HOUR_MILLIS,
        _ => return Err(invalid("Unit is Days or Hours.")),
    };
    let number: Option<u16> = number.parse().ok().filter(|number| *number > 0);
    number
        .map(|number| i64::from(number) * unit)
        .ok_or_else(|| invalid("Before and After are whole numbers above zero."))
}

pub(crate) fn shown(held: &[Held]) -> Vec<ParameterInlinePolicy> {
    let shown = |held: &Held| ParameterInlinePolicy {
        policy_text: Some(held.text.clone()),
        policy_type: Some(held.rule.name().to_owned()),
        policy_status: Some(if held.done { "Finished" } else { "Pending" }.to_owned()),
    };
    held.iter().map(shown).collect()
}

/// The policies for the next version: those that tell if nothing changes begin anew.
pub(crate) fn carried(held: &[Held]) -> Vec<Held> {
    let carry = |held: &Held| Held {
        done: held.done && !matches!(held.rule, Rule::NoChangeNotification(_)),
        ..held.clone()
    };
    held.iter().map(carry).collect()
}

impl Version {
    fn expiration(&self) -> Option<i64> {
        self.policies.iter().find_map(|held| match held.rule {
            Rule::Expiration(at) => Some(at),
            _ => None,
        })
    }

    /// When a policy of this version acts.
    fn acts(&self, held: &Held) -> i64 {
        match held.rule {
            Rule::Expiration(at) => at,
            Rule::ExpirationNotification(before) => {
                self.expiration().unwrap_or(i64::MAX).saturating_sub(before)
            }
            Rule::NoChangeNotification(after) => self.modified.saturating_add(after),
        }
    }

    fn timers<'v>(&'v self, place: &'v Place) -> impl Iterator<Item = Timer> + 'v {
        let timer = |held: &Held| Timer {
            at: self.acts(held),
            service: MODEL.name.to_owned(),
            account: place.account.clone(),
            region: place.region.clone(),
            task: if matches!(held.rule, Rule::Expiration(_)) { EXPIRE } else { NOTIFY }.to_owned(),
            subject: place.name.clone(),
        };
        self.policies.iter().filter(|held| !held.done).map(timer)
    }
}

/// Has the policies of a version act.
pub(crate) fn begin(cx: &mut Cx<'_>, place: &Place, version: &Version) -> Result<(), Fault> {
    version.timers(place).try_for_each(|timer| timer.set(&mut cx.tx))
}

/// Has the policies of a version that is not the newest any more, or gone, act no more.
pub(crate) fn end(cx: &mut Cx<'_>, place: &Place, version: &Version) -> Result<(), Fault> {
    version.timers(place).try_for_each(|timer| timer.clear(&mut cx.tx))
}

/// Does what policies of a parameter say for this time, if they still say so.
pub(crate) fn due(cx: &mut Cx<'_>, timer: &Timer) -> Result<(), Fault> {
    let place = Place::new(&timer.account, &timer.region, &timer.subject);
    let Some(found) = Parameter::find(cx, &place)? else { return Ok(()) };
    if timer.task == EXPIRE {
        if found.latest.expiration() != Some(timer.at) {
            return Ok(());
        }
        delete::remove(cx, &place, &found)?;
        let resource = Resource { kind: TYPE, arn: place.arn(), account: place.account.clone() };
        let details = json!({ "name": found.name, "reason": "Expiration" });
        cx.emit(ServiceEvent { name: "DeleteParameter", resource, details });
        return Ok(());
    }
    let mut parameter = (*found).clone();
    for (index, held) in found.latest.policies.iter().enumerate() {
        let is_due = !held.done && found.latest.acts(held) <= timer.at;
        if !is_due || matches!(held.rule, Rule::Expiration(_)) {
            continue;
        }
        if let Some(held) = parameter.latest.policies.get_mut(index) {
            held.done = true;
        }
        events::policy(cx, &place, &found, held.rule.name(), &held.text)?;
    }
    parameter.put(cx, &place)
}
