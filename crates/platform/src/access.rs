//! What a caller has to be allowed to do, and the facts that policies may ask about it.

use crate::{Call, Caller, Principal};
use policy::{Context, Mode, Policy, Values, key};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The value of a condition key. Whether a key can have several is a property of the key: policies treat the two kinds differently.
#[derive(Debug)]
pub(crate) enum Key<'a> {
    One(Cow<'a, str>),
    Many(Vec<String>),
}

/// Room for the keys that most accesses have.
const KEYS_USUAL: usize = 12;

/// One action on one resource, with the condition keys that only the service knows.
#[derive(Debug)]
pub struct Access<'a> {
    pub(crate) action: &'a str,
    pub(crate) resource: Cow<'a, str>,
    pub(crate) called: Option<Cow<'a, str>>,
    pub(crate) account: Option<&'a str>,
    pub(crate) region: Option<&'a str>,
    pub(crate) policy: Option<&'a Policy>,
    pub(crate) mode: Mode,
    pub(crate) resource_tags: Option<&'a BTreeMap<String, String>>,
    pub(crate) request_tags: Vec<(&'a str, &'a str)>,
    pub(crate) removed_tags: Vec<&'a str>,
    pub(crate) keys: Vec<(Cow<'a, str>, Key<'a>)>,
    pub(crate) pattern: Option<String>,
    pub(crate) further: Vec<(&'a str, Cow<'a, str>)>,
    pub(crate) mfa: Option<i64>,
}

impl<'a> Access<'a> {
    /// `action` (such as `kms:Encrypt`) on the resource with this ARN, or on `*` for actions without one.
    pub fn to(action: &'a str, resource: impl Into<Cow<'a, str>>) -> Self {
        Self {
            action,
            resource: resource.into(),
            called: None,
            account: None,
            region: None,
            policy: None,
            mode: Mode::Standard,
            resource_tags: None,
            request_tags: Vec::new(),
            removed_tags: Vec::new(),
            keys: Vec::with_capacity(KEYS_USUAL),
            pattern: None,
            further: Vec::new(),
            mfa: None,
        }
    }

    /// When an MFA device vouched for the caller in this very call, in milliseconds since the epoch. Without, what its session says counts.
    #[must_use]
    pub fn with_mfa(mut self, at: Option<i64>) -> Self {
        self.mfa = at;
        self
    }

    /// The resource as the caller has named it: what a denial says instead of the ARN, so that it tells nothing of the resource that the
    /// caller does not know.
    #[must_use]
    pub fn called(mut self, name: impl Into<Cow<'a, str>>) -> Self {
        self.called = Some(name.into());
        self
    }

    /// The resource is yet to be made and would have another ARN at the next call: what policies are to name instead, where that is
    /// suggested.
    #[must_use]
    pub fn yet_to_be(mut self, pattern: impl Into<String>) -> Self {
        self.pattern = Some(pattern.into());
        self
    }

    /// What the same call asks for after this, for those who are told why this is denied: an action, and the ARN of its resource or
    /// what is known of it.
    #[must_use]
    pub fn before(mut self, action: &'a str, resource: impl Into<Cow<'a, str>>) -> Self {
        self.further.push((action, resource.into()));
        self
    }

    /// The account that owns the resource, where it may be another than the caller's.
    #[must_use]
    pub fn owned_by(mut self, account: &'a str) -> Self {
        self.account = Some(account);
        self
    }

    /// The region that it is done in, where that may be another than the call's: `aws:RequestedRegion`.
    #[must_use]
    pub fn in_region(mut self, region: &'a str) -> Self {
        self.region = Some(region);
        self
    }

    /// The policy attached to the resource, and the rules by which it counts.
    #[must_use]
    pub fn with_policy(mut self, policy: &'a Policy, mode: Mode) -> Self {
        self.policy = Some(policy);
        self.mode = mode;
        self
    }

    /// The rules by which the resource's policy would count, if there were one.
    #[must_use]
    pub fn without_policy(mut self, mode: Mode) -> Self {
        self.policy = None;
        self.mode = mode;
        self
    }

    /// The resource's tags: `aws:ResourceTag/…`.
    #[must_use]
    pub fn tagged(mut self, tags: &'a BTreeMap<String, String>) -> Self {
        self.resource_tags = Some(tags);
        self
    }

    /// Tags that the request names: `aws:RequestTag/…` and `aws:TagKeys`.
    #[must_use]
    pub fn requesting_tags(mut self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.request_tags.extend(tags);
        self
    }

    /// Keys of tags that the request takes away: `aws:TagKeys`.
    #[must_use]
    pub fn removing_tags(mut self, keys: impl IntoIterator<Item = &'a str>) -> Self {
        self.removed_tags.extend(keys);
        self
    }

    /// A single-valued condition key of the service.
    #[must_use]
    pub fn key(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        self.keys.push((name.into(), Key::One(value.into())));
        self
    }

    /// A multivalued condition key of the service.
    #[must_use]
    pub fn keys(mut self, name: impl Into<Cow<'a, str>>, values: impl IntoIterator<Item = String>) -> Self {
        self.keys.push((name.into(), Key::Many(values.into_iter().collect())));
        self
    }
}

/// The condition keys that every service has, as AWS writes them.
const GLOBAL: [&str; 27] = [
    "aws:CalledVia",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:CurrentTime",
    "aws:EpochTime",
    "aws:MultiFactorAuthAge",
    "aws:MultiFactorAuthPresent",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList",
    "aws:PrincipalType",
    "aws:Referer",
    "aws:RequestedRegion",
    "aws:ResourceAccount",
    "aws:SecureTransport",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceIdentity",
    "aws:SourceIp",
    "aws:TagKeys",
    "aws:TokenIssueTime",
    "aws:UserAgent",
    "aws:ViaAWSService",
    "aws:userid",
    "aws:username",
];

/// The condition keys of one decision: those of the call, of the caller and of the access.
///
/// Values that have to be made are made when a policy first asks for them.
pub(crate) struct Facts<'a> {
    pub(crate) call: &'a Call,
    pub(crate) caller: &'a Caller,
    pub(crate) principal_tags: &'a BTreeMap<String, String>,
    pub(crate) access: &'a Access<'a>,
    /// The services that make the call on the caller's behalf, the first one first.
    pub(crate) via: &'a [String],
    /// The resource on whose behalf a service calls, and its account.
    pub(crate) source: Option<(&'a str, &'a str)>,
    made: Made,
}

#[derive(Default)]
struct Made {
    current_time: OnceCell<String>,
    epoch_time: OnceCell<String>,
    principal_arn: OnceCell<String>,
    user_id: OnceCell<String>,
    token_issue_time: OnceCell<String>,
    mfa_age: OnceCell<String>,
    tag_keys: OnceCell<Vec<String>>,
    service_names: OnceCell<Vec<String>>,
    keys: Index,
    request_tags: Index,
}

impl<'a> Facts<'a> {
    pub(crate) fn new(
        call: &'a Call,
        caller: &'a Caller,
        principal_tags: &'a BTreeMap<String, String>,
        access: &'a Access<'a>,
    ) -> Self {
        Self { call, caller, principal_tags, access, via: &[], source: None, made: Made::default() }
    }

    fn global(&self, name: &str) -> Option<Values<'_>> {
        let call = self.call;
        let principal = &self.caller.principal;
        let signed = !matches!(principal, Principal::Anonymous);
        let session = self.caller.session.as_deref();
        let one = match name {
            "currenttime" => self.made.current_time.get_or_init(|| call.now.rfc3339()),
            "epochtime" => self.made.epoch_time.get_or_init(|| call.now.epoch_seconds().to_string()),
            "requestedregion" => self.access.region.unwrap_or(&call.region),
            // A service's own addresses are nobody's to know.
            "sourceip" if !self.via.is_empty() => return None,
            "sourceip" => &call.source_ip,
            "securetransport" => truth(call.secure),
            "useragent" => self.via.last().map(String::as_str).or(call.user_agent.as_deref())?,
            "calledvia" => return (!self.via.is_empty()).then_some(Values::Owned(self.via)),
            "calledviafirst" => self.via.first()?,
            "calledvialast" => self.via.last()?,
            "sourcearn" => self.source?.0,
            "sourceaccount" => self.source?.1,
            "referer" => call.referer.as_deref()?,
            "viaawsservice" => truth(!self.via.is_empty()),
            "resourceaccount" if self.access.resource != "*" => {
                self.access.account.unwrap_or_else(|| principal.account())
            }
            // A service has a name and no ARN.
            "principalarn" if matches!(principal, Principal::Service { .. }) => return None,
            "principalarn" if signed => self.made.principal_arn.get_or_init(|| principal.principal_arn()),
            "principalaccount" if signed => principal.account(),
            "principaltype" => principal.kind(),
            "principalservicename" => match principal {
                Principal::Service { name } => name,
                _ => return None,
            },
            "principalservicenameslist" => match principal {
                Principal::Service { name } => {
                    return Some(Values::Owned(self.made.service_names.get_or_init(|| vec![name.clone()])));
                }
                _ => return None,
            },
            "principalisawsservice" => truth(matches!(principal, Principal::Service { .. })),
            "userid" if signed => self.made.user_id.get_or_init(|| principal.user_id()),
            "username" => match principal {
                Principal::User { name, .. } => name,
                _ => return None,
            },
            // Long-term credentials have neither key (IAM User Guide, "AWS global condition context keys").
            "tokenissuetime" => {
                let issued = session?.issued;
                self.made.token_issue_time.get_or_init(|| wire::Timestamp(issued).rfc3339())
            }
            "multifactorauthpresent" if self.mfa().is_some() => truth(true),
            "multifactorauthpresent" => session.map(|_| truth(false))?,
            "multifactorauthage" => {
                let milliseconds = call.now.0.saturating_sub(self.mfa()?);
                self.made.mfa_age.get_or_init(|| (milliseconds.max(0) / 1000).to_string())
            }
            "sourceidentity" => session?.source_identity.as_deref()?,
            "tagkeys" => {
                let given = self.access.request_tags.iter().map(|(key, _)| *key);
                let keys = given.chain(self.access.removed_tags.iter().copied());
                let made = self.made.tag_keys.get_or_init(|| keys.map(str::to_owned).collect());
                return (!made.is_empty()).then_some(Values::Owned(made));
            }
            _ => return self.tag(name),
        };
        Some(Values::One(one))
    }

    /// When an MFA device vouched for the caller.
    fn mfa(&self) -> Option<i64> {
        self.access.mfa.or_else(|| self.caller.session.as_ref()?.mfa)
    }

    /// Every condition key that the request has, with its values.
    pub(crate) fn all(&self) -> BTreeMap<String, Vec<String>> {
        let global = GLOBAL.iter().filter_map(|name| Some(((*name).to_owned(), self.get(&key::fold(name))?)));
        let mut all: BTreeMap<String, Vec<String>> =
            global.map(|(name, values)| (name, values.iter().map(str::to_owned).collect())).collect();
        let mut tags = |kind: &str, key: &str, value: &str| {
            all.insert(format!("aws:{kind}/{key}"), vec![value.to_owned()]);
        };
        text(self.principal_tags).for_each(|(key, value)| tags("PrincipalTag", key, value));
        self.access
            .resource_tags
            .into_iter()
            .flat_map(text)
            .for_each(|(key, value)| tags("ResourceTag", key, value));
        self.access.request_tags.iter().for_each(|(key, value)| tags("RequestTag", key, value));
        for (name, values) in &self.access.keys {
            let values = match values {
                Key::One(value) => vec![value.clone().into_owned()],
                Key::Many(values) => values.clone(),
            };
            all.insert(name.clone().into_owned(), values);
        }
        all
    }

    fn tag(&self, name: &str) -> Option<Values<'_>> {
        let (kind, key) = name.split_once('/')?;
        let found = match kind {
            "principaltag" => find(text(self.principal_tags), key)?,
            "resourcetag" => find(text(self.access.resource_tags?), key)?,
            "requesttag" => {
                let tags = &self.access.request_tags;
                let found = self.made.request_tags.find(tags, |(key, _)| *key, key)?;
                found.map(|(_, value)| *value)
            }
            _ => return None,
        };
        Some(found.map_or(Values::Unknown, Values::One))
    }
}

impl Context for Facts<'_> {
    fn get(&self, key: &str) -> Option<Values<'_>> {
        if let Some(name) = key.strip_prefix("aws:") {
            return self.global(name);
        }
        // Several services have their own names for the tag keys: `iam:ResourceTag/…`, `kms:` has none.
        if let Some(name) = key.strip_prefix("iam:").filter(|name| name.starts_with("resourcetag/")) {
            return self.tag(name);
        }
        let found = self.made.keys.find(&self.access.keys, |(name, _)| &**name, key)?;
        Some(match found {
            Some((_, Key::One(value))) => Values::One(value),
            Some((_, Key::Many(values))) => Values::Owned(values),
            None => Values::Unknown,
        })
    }
}

fn truth(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn text(tags: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

/// The value under the name that is the same as `wanted`; none inside if there are several such names.
fn find<'t, T>(named: impl Iterator<Item = (&'t str, T)>, wanted: &str) -> Option<Option<T>> {
    let mut same = named.filter(|(name, _)| key::same(name, wanted)).map(|(_, value)| value);
    let first = same.next()?;
    Some(same.next().is_none().then_some(first))
}

/// Longest list that is looked through from its beginning to its end.
const SCANNED_MAX: usize = 32;

/// Places in a long list by name, made when a policy first asks for one; none where several names are the same.
#[derive(Default)]
struct Index(OnceCell<BTreeMap<String, Option<usize>>>);

impl Index {
    /// The entry of `list` whose name is the same as `wanted`; none inside if there are several.
    fn find<'l, T>(&self, list: &'l [T], name: impl Fn(&T) -> &str, wanted: &str) -> Option<Option<&'l T>> {
        if list.len() <= SCANNED_MAX {
            return find(list.iter().map(|entry| (name(entry), entry)), wanted);
        }
        let places = self.0.get_or_init(|| {
            let mut places = BTreeMap::new();
            for (place, entry) in list.iter().enumerate() {
                match places.entry(key::fold(name(entry)).into_owned()) {
                    Entry::Vacant(vacant) => {
                        vacant.insert(Some(place));
                    }
                    Entry::Occupied(mut occupied) => {
                        occupied.insert(None);
                    }
                }
            }
            places
        });
        let place = places.get(&*key::fold(wanted))?;
        Some(place.and_then(|place| list.get(place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_the_same_are_told_apart_by_nobody() {
        for padding in [0, SCANNED_MAX] {
            let mut list: Vec<(String, usize)> =
                (0..padding).map(|number| (format!("padding{number}"), number)).collect();
            let names = ["Env", "stack", "env", "Team", "Stac\u{212A}"];
            list.extend(names.iter().enumerate().map(|(number, name)| ((*name).to_owned(), number)));
            let index = Index::default();
            for (wanted, expected) in
                [("env", Some(None)), ("team", Some(Some(3))), ("stack", Some(None)), ("none", None)]
            {
                let found = index.find(&list, |(name, _)| name.as_str(), wanted);
                let found = found.map(|found| found.map(|(_, number)| *number));
                assert_eq!(found, expected, "{wanted} beside {padding}");
            }
        }
    }
}
