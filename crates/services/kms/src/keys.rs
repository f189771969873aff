//! Making, listing and describing keys, switching them on and off.

use crate::api::{
    CreateKeyRequest, CreateKeyResponse, DescribeKeyRequest, DescribeKeyResponse, DisableKeyRequest,
    EnableKeyRequest, GrantOperation, KeyListEntry, KeySpec, KeyUsageType, ListKeysRequest, ListKeysResponse,
    OriginType, UpdateKeyDescriptionRequest, ops,
};
use crate::authorize::Use;
use crate::errors::{limit_exceeded, unsupported, validation};
use crate::key::{KEYS, Key, State};
use crate::key_count;
use crate::limits::KEYS_PER_REGION;
use crate::material::Material;
use crate::names::{Takes, find, key_arn};
use crate::policies::{KeyPolicy, keep_out_of_lockout};
use crate::state::{self, Row};
use crate::text::Text;
use crate::{Kms, grants, pages, rotation, stores, tags};
use keyring::MaterialSpec;
use platform::{Access, Cx, Fault, Handle, ids};
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
        let bypass = input.bypass_policy_lockout_safety_check;
        let requested = input.tags.as_deref().unwrap_or_default();
        let pairs = || requested.iter().map(|tag| (tag.tag_key.as_str(), tag.tag_value.as_str()));
        let access = Access::to("kms:CreateKey", "*")
            .key("kms:CallerAccount", account)
            .key("kms:KeySpec", spec.as_str())
            .key("kms:KeyUsage", usage.as_str())
            .key("kms:KeyOrigin", origin.as_str())
            .key("kms:MultiRegion", if input.multi_region == Some(true) { "true" } else { "false" })
            .key("kms:BypassPolicyLockoutSafetyCheck", if bypass == Some(true) { "true" } else { "false" })
            .requesting_tags(pairs());
        cx.authorize(&access)?;
        offered(input, spec, origin)?;

        // A device keeps the key that it made, even if the call is run again: so it is the same key then.
        let id = match origin {
            OriginType::AwsCloudhsm | OriginType::ExternalKeyStore => cx.call().event_id.clone(),
            _ => ids::uuid(cx.random()),
        };
        let arn = key_arn(region, account, &id);
        if !requested.is_empty() {
            let access = Access::to("kms:TagResource", arn.as_str())
                .key("kms:CallerAccount", account)
                .requesting_tags(pairs());
            cx.authorize(&access)?;
        }
        let mut tags = Default::default();
        tags::add(&mut tags, requested)?;
        let policy = match &input.policy {
            Some(text) => KeyPolicy::read(cx, text)?,
            None => KeyPolicy::default_of(account)?,
        };
        let placed = stores::place(cx, input, spec, origin, &arn)?;
        let materials = match origin {
            OriginType::AwsCloudhsm => Vec::new(),
            _ => vec![Material::generate(cx, &arn, MaterialSpec::Symmetric, None)?],
        };
        let key = Key {
            account: account.to_owned(),
            region: region.to_owned(),
            created: cx.now().0,
            description: input.description.clone().unwrap_or_default(),
            spec: Text(spec),
            usage: Text(usage),
            origin: Text(origin),
            state: State::Enabled,
            policy,
            tags,
            aliases: Vec::new(),
            materials,
            rotation: None,
            placed,
            outside: None,
            id,
            arn,
        };
        if input.policy.is_some() {
            keep_out_of_lockout(cx, &key, bypass)?;
        }
        if !key_count::add(cx, &key)? {
            return Err(limit_exceeded(format!(
                "You have reached the maximum number of KMS keys of this account and Region: {KEYS_PER_REGION}."
            )));
        }
        cx.touch("AWS::KMS::Key", &key.arn, account);
        let key = stores::take_place(cx, key)?;
        key.put(cx)?;
        Ok(CreateKeyResponse { key_metadata: Some(key.metadata()?) })
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
    if spec == KeySpec::SymmetricDefault && usage != KeyUsageType::EncryptDecrypt {
        return Err(validation(format!("KeyUsage {usage} is not compatible with KeySpec {spec}")));
    }
    Ok((spec, usage, input.origin.unwrap_or(OriginType::AwsKms)))
}

/// Refuses kinds of keys that Fastness does not make.
fn offered(input: &CreateKeyRequest, spec: KeySpec, origin: OriginType) -> Result<(), Fault> {
    if spec != KeySpec::SymmetricDefault {
        return Err(unsupported(format!("KeySpec {spec} is not supported.")));
    }
    if origin == OriginType::External {
        return Err(unsupported(format!("Origin {origin} is not supported.")));
    }
    if input.multi_region == Some(true) {
        return Err(unsupported("Multi-Region keys are not supported."));
    }
    Ok(())
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
        cx.authorize(&Access::to("kms:ListKeys", "*").key("kms:CallerAccount", account))?;
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
            key.put(cx)?;
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
