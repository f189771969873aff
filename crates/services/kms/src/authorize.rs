//! May the caller do this with the key? The key policy, the caller's policies and the key's grants decide together.

use crate::api::{
    EncryptionAlgorithmSpec, GrantOperation, KeySpec, KeyUsageType, MultiRegionKeyType, OriginType,
};
use crate::context::{NO_PAIRS, Pairs, is_ambiguous};
use crate::errors::out_of_reach;
use crate::grants::{self, Asked};
use crate::key::Key;
use crate::names::Found;
use crate::recipient::Recipient;
use platform::{Access, Boundary, Cx, Fault, Granted, Principal, Verdict};
use policy::explain::Grants;
use policy::{Mode, Policy, PolicyKind};
use std::borrow::Cow;

/// One use of a key, with all that policies may ask about it.
#[derive(Clone, Debug)]
pub(crate) struct Use<'a> {
    key: &'a Key,
    action: &'static str,
    alias: Option<&'a str>,
    across_accounts: bool,
    named_by: NamedBy,
    grant: Option<Asked<'a>>,
    pairs: &'a Pairs,
    algorithm: Option<EncryptionAlgorithmSpec>,
    recipient: Option<&'a Recipient>,
    request_tags: Vec<(&'a str, &'a str)>,
    removed_tags: Vec<&'a str>,
    facts: Vec<(&'static str, Cow<'a, str>)>,
    lists: Vec<(&'static str, Vec<String>)>,
    further: Vec<(&'static str, Cow<'a, str>)>,
}

/// How the key came into the request: AWS words denials accordingly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamedBy {
    Request,
    Ciphertext,
}

impl<'a> Use<'a> {
    /// `action` on the key. It is for callers of the key's own account unless [`across_accounts`](Self::across_accounts).
    pub(crate) fn of(found: &'a Found<'_>, action: &'static str) -> Self {
        Self { alias: found.alias, ..Self::of_key(&found.key, action) }
    }

    pub(crate) fn of_key(key: &'a Key, action: &'static str) -> Self {
        Self {
            key,
            action,
            alias: None,
            across_accounts: false,
            named_by: NamedBy::Request,
            grant: None,
            pairs: &NO_PAIRS,
            algorithm: None,
            recipient: None,
            request_tags: Vec::new(),
            removed_tags: Vec::new(),
            facts: Vec::new(),
            lists: Vec::new(),
            further: Vec::new(),
        }
    }

    /// Callers of other accounts may be allowed too.
    pub(crate) fn across_accounts(mut self) -> Self {
        self.across_accounts = true;
        self
    }

    pub(crate) fn named_by(mut self, named_by: NamedBy) -> Self {
        self.named_by = named_by;
        self
    }

    /// A grant that permits this operation is enough.
    pub(crate) fn or_grant(mut self, operation: GrantOperation) -> Self {
        self.grant = Some(Asked::Operation(operation));
        self
    }

    /// As [`or_grant`](Self::or_grant), where more than an operation is asked of the grant.
    pub(crate) fn or_grant_for(mut self, asked: Asked<'a>) -> Self {
        self.grant = Some(asked);
        self
    }

    pub(crate) fn with_context(mut self, pairs: &'a Pairs) -> Self {
        self.pairs = pairs;
        self
    }

    pub(crate) fn with_algorithm(mut self, algorithm: EncryptionAlgorithmSpec) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// The answer is for this attested environment.
    pub(crate) fn for_recipient(mut self, recipient: Option<&'a Recipient>) -> Self {
        self.recipient = recipient;
        self
    }

    pub(crate) fn requesting_tags(mut self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.request_tags.extend(tags);
        self
    }

    pub(crate) fn removing_tags(mut self, keys: impl IntoIterator<Item = &'a str>) -> Self {
        self.removed_tags.extend(keys);
        self
    }

    /// A single-valued condition key.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Cow<'a, str>>) -> Self {
        self.facts.push((name, value.into()));
        self
    }

    /// A multivalued condition key.
    pub(crate) fn with_all(mut self, name: &'static str, values: Vec<String>) -> Self {
        self.lists.push((name, values));
        self
    }

    /// The same call asks for this after it.
    pub(crate) fn before(mut self, action: &'static str, resource: impl Into<Cow<'a, str>>) -> Self {
        self.further.push((action, resource.into()));
        self
    }

    /// Requires that the caller is allowed to do it, and names the key in the audit record.
    pub(crate) fn authorize(&self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        let key = self.key;
        cx.touch("AWS::KMS::Key", &key.arn, &key.account);
        if is_ambiguous(self.pairs) {
            return Err(Fault::new(
                "ValidationException",
                "The encryption context has keys that differ by case alone, which policies cannot tell apart.",
            ));
        }
        let foreign = key.account != cx.account();
        if foreign && !self.across_accounts {
            return Err(self.out_of_reach(cx));
        }
        let policy = key.policy.policy()?;
        let access = self.access(cx.account(), cx.via()).with_policy(&policy, Mode::KmsKey);
        let allowed = cx.authorize_or(&access, |cx| match &self.grant {
            Some(asked) => grants::covers(cx, self, asked),
            None => Ok(Granted::Not(Grants::default())),
        });
        // Nobody learns from the words of a denial whether a resource of another account exists.
        allowed.map_err(|fault| {
            if foreign && fault.message().contains("resource-based policy") {
                fault.reworded(self.out_of_reach(cx))
            } else {
                fault
            }
        })
    }

    /// Whether the policies, without grants, allow it.
    pub(crate) fn is_allowed(&self, cx: &mut Cx<'_>) -> Result<bool, Fault> {
        let policy = self.key.policy.policy()?;
        let access = self.access(cx.account(), cx.via()).with_policy(&policy, Mode::KmsKey);
        Ok(cx.decide(&access, false)? == Verdict::Allowed)
    }

    /// Whether the caller's own policies allow it, in their account's name.
    pub(crate) fn is_allowed_by_identity(&self, cx: &mut Cx<'_>) -> Result<bool, Fault> {
        let account = cx.account();
        let access = self.access(account, cx.via()).owned_by(account);
        Ok(cx.decide(&access, false)? == Verdict::Allowed)
    }

    /// Whether the caller's permissions boundary and session policies let through what `unique_id`, the caller's role or the user
    /// behind a federated session, is permitted.
    pub(crate) fn is_within_limits(&self, cx: &mut Cx<'_>, unique_id: &str) -> Result<bool, Fault> {
        let permissions = cx.permissions()?;
        let limited = matches!(cx.caller().principal, Principal::Federated { .. })
            || !permissions.session.is_empty()
            || !matches!(permissions.boundary, Boundary::Unset);
        if !limited {
            return Ok(true);
        }
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{unique_id}"}},"Action":"kms:*","Resource":"*"}}]}}"#
        );
        let policy = Policy::parse(&text, PolicyKind::Key)
            .map_err(|error| Fault::bug(format!("a policy for {unique_id}: {error}")))?;
        // A key of the caller's own account: there a policy that names the role is subject to these limits alone.
        let account = cx.account();
        let access = self.access(account, cx.via()).owned_by(account).with_policy(&policy, Mode::KmsKey);
        Ok(cx.decide(&access, false)? == Verdict::Allowed)
    }

    pub(crate) fn key(&self) -> &'a Key {
        self.key
    }

    pub(crate) fn pairs(&self) -> &'a Pairs {
        self.pairs
    }

    fn out_of_reach(&self, cx: &Cx<'_>) -> Fault {
        let resource = match self.named_by {
            NamedBy::Request => format!("resource: {}", self.key.arn),
            NamedBy::Ciphertext => CIPHERTEXTS_RESOURCE.to_owned(),
        };
        out_of_reach(&cx.caller().principal.arn(), self.action, &resource)
    }

    /// The condition keys (Service Authorization Reference, "Condition keys for AWS Key Management Service").
    fn access<'b>(&'b self, caller_account: &'b str, via: Option<&str>) -> Access<'b> {
        let key = self.key;
        let access = Access::to(self.action, key.arn.as_str())
            .owned_by(&key.account)
            .tagged(&key.tags)
            .requesting_tags(self.request_tags.iter().copied())
            .removing_tags(self.removed_tags.iter().copied())
            .key("kms:CallerAccount", caller_account)
            .in_region(&key.region);
        let mut access = about_kind(access, (key.spec.0, key.usage.0), key.origin.0, key.multi_region_type());
        if !key.aliases.is_empty() {
            access = access.keys("kms:ResourceAliases", key.aliases.iter().cloned());
        }
        access = through(access, via, &key.region);
        if let Some(alias) = self.alias {
            access = access.key("kms:RequestAlias", alias);
        }
        if let Some(algorithm) = self.algorithm {
            access = access.key("kms:EncryptionAlgorithm", algorithm.as_str());
        }
        if !self.pairs.is_empty() {
            access = access.keys("kms:EncryptionContextKeys", self.pairs.keys().cloned());
            for (name, value) in self.pairs {
                access = access.key(format!("kms:EncryptionContext:{name}"), value.as_str());
            }
        }
        if let Some(recipient) = self.recipient {
            access = recipient.add_to(access);
        }
        for (name, value) in &self.facts {
            access = access.key(*name, value.as_ref());
        }
        for (name, values) in &self.lists {
            access = access.keys(*name, values.iter().cloned());
        }
        for (action, resource) in &self.further {
            access = access.before(action, resource.as_ref());
        }
        access
    }
}

/// `action` on what is no key, or not yet one, with what policies may ask about every call of KMS.
pub(crate) fn access<'b, 'a: 'b>(
    cx: &Cx<'a>,
    action: &'b str,
    resource: impl Into<Cow<'b, str>>,
) -> Access<'b> {
    let access = Access::to(action, resource).key("kms:CallerAccount", cx.account());
    through(access, cx.via(), cx.region())
}

/// Tells which service makes the call on its caller's behalf: direct calls do not have the key.
fn through<'b>(access: Access<'b>, via: Option<&str>, region: &str) -> Access<'b> {
    let Some(service) = via else { return access };
    let name = service.strip_suffix(".amazonaws.com").unwrap_or(service);
    access.key("kms:ViaService", format!("{name}.{region}.amazonaws.com"))
}

/// Tells policies what kind of key it is. Spec and usage have their deprecated names too, which work the same way (KMS Developer Guide,
/// "kms:CustomerMasterKeySpec", "kms:CustomerMasterKeyUsage").
pub(crate) fn about_kind(
    access: Access<'_>,
    (spec, usage): (KeySpec, KeyUsageType),
    origin: OriginType,
    multi_region: Option<MultiRegionKeyType>,
) -> Access<'_> {
    let access = access
        .key("kms:KeySpec", spec.as_str())
        .key("kms:CustomerMasterKeySpec", spec.as_str())
        .key("kms:KeyUsage", usage.as_str())
        .key("kms:CustomerMasterKeyUsage", usage.as_str())
        .key("kms:KeyOrigin", origin.as_str())
        .key("kms:MultiRegion", if multi_region.is_some() { "true" } else { "false" });
    match multi_region {
        Some(kind) => access.key("kms:MultiRegionKeyType", kind.as_str()),
        None => access,
    }
}

/// How AWS names the key of a ciphertext in a denial.
pub(crate) const CIPHERTEXTS_RESOURCE: &str = "the resource associated with this ciphertext";
