//! Reading back what a record holds for filters.

use crate::api::{Event, LookupAttribute, LookupAttributeKey, Resource};
use serde::Deserialize;
use std::borrow::Cow;
use wire::Timestamp;

/// The parts of a record that lookups ask for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record<'r> {
    #[serde(borrow)]
    event_time: Cow<'r, str>,
    #[serde(borrow, rename = "eventID")]
    event_id: Cow<'r, str>,
    #[serde(borrow)]
    event_name: Cow<'r, str>,
    #[serde(borrow)]
    event_source: Cow<'r, str>,
    #[serde(borrow)]
    aws_region: Cow<'r, str>,
    #[serde(borrow)]
    recipient_account_id: Cow<'r, str>,
    read_only: bool,
    #[serde(borrow)]
    user_identity: Identity<'r>,
    #[serde(borrow, default)]
    resources: Vec<Touched<'r>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'r> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'r, str>,
    #[serde(borrow, default)]
    access_key_id: Option<Cow<'r, str>>,
    #[serde(borrow, default)]
    user_name: Option<Cow<'r, str>>,
    #[serde(borrow, default)]
    principal_id: Option<Cow<'r, str>>,
}

#[derive(Deserialize)]
struct Touched<'r> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'r, str>,
    #[serde(borrow, rename = "ARN")]
    arn: Cow<'r, str>,
}

impl Record<'_> {
    /// When it happened, to the second.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        Timestamp::parse_rfc3339(&self.event_time).ok().map(|time| Timestamp(time.epoch_seconds() * 1000))
    }

    /// Whether it lies in the trail of this account and region.
    pub(crate) fn is_of(&self, account: &str, region: &str) -> bool {
        self.recipient_account_id == account && self.aws_region == region
    }

    /// Whether an attribute has the value that is looked for.
    pub(crate) fn matches(&self, attribute: &LookupAttribute) -> bool {
        let wanted = attribute.attribute_value.as_str();
        match attribute.attribute_key {
            LookupAttributeKey::EventId => self.event_id == wanted,
            LookupAttributeKey::EventName => self.event_name == wanted,
            LookupAttributeKey::EventSource => self.event_source == wanted,
            LookupAttributeKey::ReadOnly => wanted == if self.read_only { "true" } else { "false" },
            LookupAttributeKey::Username => self.user_name() == Some(wanted),
            LookupAttributeKey::AccessKeyId => self.user_identity.access_key_id.as_deref() == Some(wanted),
            LookupAttributeKey::ResourceType => self.resources.iter().any(|touched| touched.kind == wanted),
            LookupAttributeKey::ResourceName => {
                self.resources.iter().any(|touched| touched.arn == wanted || name_in(&touched.arn) == wanted)
            }
        }
    }

    /// The record as the API answers it; `text` is the record itself.
    pub(crate) fn into_event(self, text: &str) -> Event {
        let time = self.time();
        let user_name = self.user_name().map(str::to_owned);
        let resources = self.resources.iter().map(|touched| Resource {
            resource_type: Some(touched.kind.clone().into_owned()),
            resource_name: Some(resource_name(touched).to_owned()),
        });
        Event {
            resources: Some(resources.collect()),
            event_id: Some(self.event_id.into_owned()),
            event_name: Some(self.event_name.into_owned()),
            read_only: Some(self.read_only.to_string()),
            access_key_id: self.user_identity.access_key_id.map(Cow::into_owned),
            event_time: time,
            event_source: Some(self.event_source.into_owned()),
            username: user_name,
            cloud_trail_event: Some(text.to_owned()),
        }
    }

    /// The user's name, a role session's name, or `root`.
    fn user_name(&self) -> Option<&str> {
        let identity = &self.user_identity;
        match &*identity.kind {
            "Root" => Some("root"),
            "AssumedRole" | "FederatedUser" => {
                identity.principal_id.as_deref()?.split_once(':').map(|(_, name)| name)
            }
            _ => identity.user_name.as_deref(),
        }
    }
}

/// CloudTrail lists resources of IAM by their names, all others by their ARNs.
fn resource_name<'t>(touched: &'t Touched<'_>) -> &'t str {
    if touched.kind.starts_with("AWS::IAM::") { name_in(&touched.arn) } else { &touched.arn }
}

fn name_in(arn: &str) -> &str {
    arn.rsplit(['/', ':']).next().unwrap_or(arn)
}
