//! Making, listing and describing keys, switching them on and off.

use crate::api::{
    CreateKeyRequest, CreateKeyResponse, DescribeKeyRequest, DescribeKeyResponse, DisableKeyRequest,
    EnableKeyRequest, GrantOperation, KeyListEntry, KeySpec, KeyUsageType, ListKeysRequest, ListKeysResponse,
    MultiRegionKeyType, OriginType, Tag, UpdateKeyDescriptionRequest, ops,
};
use crate::authorize::{Use, about_kind, access};
use crate::errors::{limit_exceeded, validation};
use crate::key::{KEY_COUNTS, KEYS, Key, State};
use crate::limits::KEYS_PER_REGION;
use crate::material::Material;
use crate::names::{MULTI_REGION_PREFIX, Takes, find, key_arn};
use crate::policies::{KeyPolicy, keep_out_of_lockout};
use crate::regions::{self, MultiRegion};
use crate::state::{self, Row};
use crate::text::Text;
use crate::{Kms, grants, kinds, pages, rotation, stores, tags};
use platform::{Access, Cx, Fault, Handle, ids};
use std::collections::BTreeMap;
use wire::Unit;

/// Finds a key of the caller's account, requires permission for `action` and a state in which it works. Gives a copy to change.
pub(crate) fn manage(
    cx: &mut Cx<'_>,
    action: &'static str,
    key_id: &str,
    states: &Row,
    ask: impl for<'u> FnOnce(Use<'u>) -> Use<'u>,
) -> Result<Key, Fault> {
    let found = find(cx, action, key_id, Takes::Keys)?;
    ask(Use::of(&found, action)).authorize(cx)?;
    states.require(&found.key)?;
    Ok((*found.key).clone())
}

impl Handle<ops::CreateKey> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &CreateKeyRequest) -> Result<CreateKeyResponse, Fault> {
        let (spec, usage, origin) = kind(input)?;
        let (account, region) = (cx.account(), cx.region());
        let multi_region = (input.multi_region == Some(true)).then(|| MultiRegion::primary(region));
        let new = New {
            spec,
            usage,
            origin,
            kind: multi_region.as_ref().map(|_| MultiRegionKeyType::Primary),
            region,
            policy: input.policy.as_deref(),
            bypass: input.bypass_policy_lockout_safety_check,
            tags: input.tags.as_deref().unwrap_or_default(),
            named: key_arn(region, account, "*"),
        };
        new.authorize(cx)?;
        let id = match origin {
            // A device keeps the key that it made, even if the call is run again: so it is the same key then.
            OriginType::AwsCloudhsm | OriginType::ExternalKeyStore => cx.call_facts().event_id.clone(),
            _ if multi_region.is_some() => {
                format!("{MULTI_REGION_PREFIX}{}", ids::uuid(cx.random()).replace('-', ""))
            }
            _ => ids::uuid(cx.random()),
        };
        let arn = key_arn(region, account, &id);
        let tags = new.tags(cx, &arn)?;
        let policy = new.policy(cx)?;
        let placed = stores::place(cx, input, spec, origin, &arn)?;
        let materials = match origin {
            OriginType::AwsCloudhsm | OriginType::External => Vec::new(),
            _ => vec![Material::generate(cx, &arn, kinds::material(spec), None)?],
        };
        let key = Key {
            account: account.to_owned(),
            region: region.to_owned(),
            created: cx.now().0,
            description: input.description.clone().unwrap_or_default(),
            spec: Text(spec),
            usage: Text(usage),
            origin: Text(origin),
            state: if origin == OriginType::External { State::PendingImport } else { State::Enabled },
            policy,
            tags,
            aliases: Vec::new(),
            materials,
            pending: None,
            rotation: None,
            multi_region,
            placed,
            managed: false,
            outside: None,
            id,
            arn,
        };
        let key = new.put(cx, key)?;
        Ok(CreateKeyResponse { key_metadata: Some(key.metadata()?) })
    }
}

/// A key that is to be made, by CreateKey or as a replica.
#[derive(Debug)]
pub(crate) struct New<'a> {
    pub(crate) spec: KeySpec,
    pub(crate) usage: KeyUsageType,
    pub(crate) origin: OriginType,
    /// What it is to be of a multi-Region key.
    pub(crate) kind: Option<MultiRegionKeyType>,
    pub(crate) region: &'a str,
    pub(crate) policy: Option<&'a str>,
    pub(crate) bypass: Option<bool>,
    pub(crate) tags: &'a [Tag],
    /// How policies name it: its ARN, or a pattern while its id is yet to be drawn.
    pub(crate) named: String,
}

impl New<'_> {
    /// Requires permission to make it, which the caller's own policies give.
    pub(crate) fn authorize(&self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        let access = self.access(cx, "kms:CreateKey", "*").key(
            "kms:BypassPolicyLockoutSafetyCheck",
            if self.bypass == Some(true) { "true" } else { "false" },
        );
        let mut access = about_kind(access, (self.spec, self.usage), self.origin, self.kind);
        if !self.tags.is_empty() {
            access = access.before("kms:TagResource", self.named.as_str());
        }
        cx.authorize(&access)
    }

    fn access<'b, 'a: 'b>(&'b self, cx: &Cx<'a>, action: &'b str, resource: &'b str) -> Access<'b> {
        access(cx, action, resource)
            .in_region(self.region)
            .requesting_tags(self.tags.iter().map(|tag| (tag.tag_key.as_str(), tag.tag_value.as_str())))
    }

    /// Its tags, for which there is a permission of its own.
    pub(crate) fn tags(&self, cx: &mut Cx<'_>, arn: &str) -> Result<BTreeMap<String, String>, Fault> {
        let mut tags = BTreeMap::new();
        if !self.tags.is_empty() {
            cx.authorize(&self.access(cx, "kms:TagResource", arn).yet_to_be(self.named.as_str()))?;
            tags::add(&mut tags, self.tags)?;
        }
        Ok(tags)
    }

    pub(crate) fn policy(&self, cx: &mut Cx<'_>) -> Result<KeyPolicy, Fault> {
        match self.policy {
            Some(text) => KeyPolicy::read(cx, text),
            None => Ok(KeyPolicy::default_of(cx.account())),
        }
    }

    /// Writes it, within the quota of its Region.
    pub(crate) fn put(&self, cx: &mut Cx<'_>, key: Key) -> Result<Key, Fault> {
        if self.policy.is_some() {
            keep_out_of_lockout(cx, &key, self.bypass)?;
        }
        if !KEY_COUNTS.add(&mut cx.tx, &[&key.account, &key.region], KEYS_PER_REGION, &key.id)? {
            return Err(limit_exceeded(format!(
                "You have reached the maximum number of KMS keys of this account and Region: {KEYS_PER_REGION}."
            )));
        }
        cx.touch("AWS::KMS::Key", &key.arn, &key.account);
        let key = stores::take_place(cx, key)?;
        key.put(cx)?;
        Ok(key)
    }
}

/// What kind of key is asked for, if that is a kind at all.
fn kind(input: &CreateKeyRequest) -> Result<(KeySpec, KeyUsageType, OriginType), Fault> {
    let spec = match (input.key_spec, input.customer_master_key_spec) {
        (Some(_), Some(_)) => {
            return Err(validation(
                "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
            ));
        }
        (Some(spec), None) => spec,
        (None, Some(spec)) => {
            KeySpec::from_wire(spec.as_str()).ok_or_else(|| Fault::bug(format!("{spec} is no key spec")))?
        }
        (None, None) => KeySpec::SymmetricDefault,
    };
    let usage = match input.key_usage {
        Some(usage) => usage,
        None if spec == KeySpec::SymmetricDefault => KeyUsageType::EncryptDecrypt,
        None => {
            return Err(validation(
                "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
            ));
        }
    };
    if kinds::algorithms(spec, usage).is_none() {
        return Err(validation(format!("KeyUsage {usage} is not compatible with KeySpec {spec}")));
    }
    Ok((spec, usage, input.origin.unwrap_or(OriginType::AwsKms)))
}

impl Handle<ops::DescribeKey> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &DescribeKeyRequest) -> Result<DescribeKeyResponse, Fault> {
        grants::check_tokens(cx, input.grant_tokens.as_deref())?;
        let found = find(cx, "kms:DescribeKey", &input.key_id, Takes::AnyName)?;
        Use::of(&found, "kms:DescribeKey")
            .across_accounts()
            .or_grant(GrantOperation::DescribeKey)
            .authorize(cx)?;
        Ok(DescribeKeyResponse { key_metadata: Some(found.key.metadata()?) })
    }
}

impl Handle<ops::ListKeys> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &ListKeysRequest) -> Result<ListKeysResponse, Fault> {
        let (account, region) = (cx.account(), cx.region());
        cx.authorize(&access(cx, "kms:ListKeys", "*"))?;
        // Keys are shared by no other means than their policies: there are none to list of other accounts.
        let own =
            input.resource_owners.as_ref().is_none_or(|owners| owners.iter().any(|of| of.as_str() == "SELF"));
        if !own {
            return Ok(ListKeysResponse {
                keys: Some(Vec::new()),
                truncated: Some(false),
                next_marker: None,
            });
        }
        let size = pages::KEYS.of(input.limit);
        let after = pages::after(cx, "kms:ListKeys", input.marker.as_deref())?;
        let mut rows = KEYS.scan(&mut cx.tx, &[account, region], after.as_deref(), size.saturating_add(1))?;
        let next = pages::cut(cx, "kms:ListKeys", &mut rows, size, |(id, _)| id)?;
        let keys = rows
            .into_iter()
            .map(|(id, key)| KeyListEntry { key_id: Some(id), key_arn: Some(key.arn.clone()) })
            .collect();
        Ok(ListKeysResponse { keys: Some(keys), truncated: Some(next.is_some()), next_marker: next })
    }
}

impl Handle<ops::EnableKey> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &EnableKeyRequest) -> Result<Unit, Fault> {
        let mut key = manage(cx, "kms:EnableKey", &input.key_id, &state::SWITCH, |asks| asks)?;
        if key.state != State::Enabled {
            key.state = State::Enabled;
            rotation::catch_up(cx, &mut key)?;
            regions::put(cx, &key)?;
        }
        Ok(Unit)
    }
}

impl Handle<ops::DisableKey> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &DisableKeyRequest) -> Result<Unit, Fault> {
        let mut key = manage(cx, "kms:DisableKey", &input.key_id, &state::SWITCH, |asks| asks)?;
        if key.state != State::Disabled {
            key.state = State::Disabled;
            key.put(cx)?;
        }
        Ok(Unit)
    }
}

impl Handle<ops::UpdateKeyDescription> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &UpdateKeyDescriptionRequest) -> Result<Unit, Fault> {
        let mut key = manage(cx, "kms:UpdateKeyDescription", &input.key_id, &state::LABEL, |asks| asks)?;
        key.description.clone_from(&input.description);
        key.put(cx)?;
        Ok(Unit)
    }
}
