//! Finding a secret, and asking for permission (Service Authorization Reference, "AWS Secrets Manager").

use crate::errors::{no_secret, validation};
use crate::secret::{self, KIND, Secret};
use crate::tags;
use platform::{Access, Cx, Fault, Principal, Verdict};
use policy::Mode;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::Operation;

/// Letters of the suffix of an ARN.
const SUFFIX_CHARS: usize = 6;

/// What a pattern says where an ARN has a suffix that is not known.
const ANY_SUFFIX: &str = "??????";

/// One action, with the condition keys that the request has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked<'a> {
    action: &'static str,
    adding: Vec<(&'a str, &'a str)>,
    removing: Vec<&'a str>,
    keys: Vec<(&'static str, Cow<'a, str>)>,
    lists: Vec<(&'static str, Vec<String>)>,
}

impl<'a> Asked<'a> {
    /// The action of an operation.
    pub(crate) fn to<Op: Operation>() -> Self {
        Self::to_action(Op::MODEL.action.unwrap_or_default())
    }

    pub(crate) fn to_action(action: &'static str) -> Self {
        Self { action, ..Self::default() }
    }

    pub(crate) fn adding(mut self, requested: &'a [crate::api::Tag]) -> Self {
        self.adding.extend(tags::pairs(requested));
        self
    }

    pub(crate) fn removing(mut self, keys: &'a [String]) -> Self {
        self.removing.extend(keys.iter().map(String::as_str));
        self
    }

    /// A condition key, where the request has a value for it.
    pub(crate) fn key(mut self, name: &'static str, value: Option<impl Into<Cow<'a, str>>>) -> Self {
        self.keys.extend(value.map(|value| (name, value.into())));
        self
    }

    /// A condition key with several values.
    pub(crate) fn list(mut self, name: &'static str, values: impl IntoIterator<Item = String>) -> Self {
        let values: Vec<_> = values.into_iter().collect();
        if !values.is_empty() {
            self.lists.push((name, values));
        }
        self
    }

    fn access(&'a self, arn: &'a str) -> Access<'a> {
        let access = Access::to(self.action, arn)
            .requesting_tags(self.adding.iter().copied())
            .removing_tags(self.removing.iter().copied());
        let keys = self.keys.iter();
        let access = keys.fold(access, |access, (name, value)| access.key(*name, &**value));
        self.lists.iter().fold(access, |access, (name, values)| access.keys(*name, values.iter().cloned()))
    }

    /// Requires that the caller may do it to a secret, which the request calls `called`.
    pub(crate) fn require(&self, cx: &mut Cx<'_>, secret: &Secret, called: &str) -> Result<(), Fault> {
        let arn = secret.arn();
        cx.touch(KIND, &arn, &secret.account);
        self.ask(cx, secret, &arn, called, None)
    }

    /// Requires that the caller may do it to a secret that is yet to be made.
    pub(crate) fn require_new(&self, cx: &mut Cx<'_>, secret: &Secret) -> Result<(), Fault> {
        let pattern = secret::arn(&secret.region, &secret.account, &format!("{}-{ANY_SUFFIX}", secret.name));
        self.ask(cx, secret, &secret.arn(), &secret.name, Some(pattern))
    }

    fn ask(
        &self,
        cx: &mut Cx<'_>,
        secret: &Secret,
        arn: &str,
        called: &str,
        pattern: Option<String>,
    ) -> Result<(), Fault> {
        let policy = secret.policy.as_ref().map(|policy| policy.compiled()).transpose()?;
        let mut access = self.access(arn).called(called).owned_by(&secret.account).in_region(cx.region());
        access = access.tagged(&secret.tags);
        access = match &policy {
            Some(policy) => access.with_policy(policy, Mode::Standard),
            None => access.without_policy(Mode::Standard),
        };
        if let Some(pattern) = pattern {
            access = access.yet_to_be(pattern);
        } else {
            access = access.key("secretsmanager:SecretId", arn);
        }
        for (key, value) in &secret.tags {
            access = access.key(format!("secretsmanager:ResourceTag/{key}"), value);
        }
        if let Some(region) = secret.primary_region() {
            access = access.key("secretsmanager:SecretPrimaryRegion", region);
        }
        if let Some(function) = secret.rotation.as_ref().and_then(|rotation| rotation.function.as_deref()) {
            access = access.key("secretsmanager:resource/AllowRotationLambdaArn", function);
        }
        if let Some(partner) = &secret.partner {
            access = access.key("secretsmanager:resource/Type", partner);
        }
        if is_own_rotation(cx, arn) {
            // Rotation was permitted when it was configured; what the secret's policy forbids stays forbidden.
            return match cx.decide(&access, false)? {
                Verdict::Denied { explicit: true, message } => Err(Fault::denied(message)),
                _ => {
                    cx.authorize_everyone();
                    Ok(())
                }
            };
        }
        cx.authorize(&access)
    }
}

/// Whether Secrets Manager itself calls, on behalf of this secret.
fn is_own_rotation(cx: &Cx<'_>, arn: &str) -> bool {
    let own = crate::api::MODEL.event_source();
    let service = matches!(&cx.caller().principal, Principal::Service { name } if *name == own);
    service && cx.source_arn() == Some(arn)
}

/// The secret that the request names, for a caller who may do what it asks.
pub(crate) fn find(cx: &mut Cx<'_>, id: &str, asked: &Asked<'_>) -> Result<Secret, Fault> {
    let found = locate(cx, id)?;
    match found.secret {
        Some(secret) => {
            asked.require(cx, &secret, id)?;
            Ok(Secret::clone(&secret))
        }
        None => {
            absent(cx, &found, id, asked)?;
            Err(no_secret())
        }
    }
}

/// Requires of a secret that is not there the permission that it would take if it were.
pub(crate) fn absent(cx: &mut Cx<'_>, found: &Located, id: &str, asked: &Asked<'_>) -> Result<(), Fault> {
    let arn = secret::arn(cx.region(), &found.account, &format!("{}-{ANY_SUFFIX}", found.name));
    let none = BTreeMap::new();
    let access = asked.access(&arn).called(id).owned_by(&found.account).tagged(&none);
    cx.authorize(&access.key("secretsmanager:SecretId", &*arn).yet_to_be(&arn))
}

/// The meaning of the id of a secret in a request.
#[derive(Debug)]
pub(crate) struct Located {
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) secret: Option<Arc<Secret>>,
}

/// Finds a secret by name, ARN, or ARN without its suffix, and asks for no permission.
pub(crate) fn locate(cx: &mut Cx<'_>, id: &str) -> Result<Located, Fault> {
    let parts: Vec<_> = id.splitn(7, ':').collect();
    let [_, _, _, region, account, _, resource] = parts.as_slice() else {
        return by_name(cx, cx.account(), id);
    };
    if !id.starts_with("arn:aws:secretsmanager:") || parts.get(5) != Some(&"secret") {
        return by_name(cx, cx.account(), id);
    }
    let (account, resource) = ((*account).to_owned(), (*resource).to_owned());
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if !is_account || *region != cx.region() {
        check_name(&resource)?;
        return Ok(Located { account: cx.account().to_owned(), name: resource, secret: None });
    }
    if let Some((name, suffix)) = split(&resource) {
        let found = by_name(cx, &account, name)?;
        if found.secret.as_ref().is_some_and(|secret| secret.suffix == suffix) {
            return Ok(found);
        }
        let partial = by_name(cx, &account, &resource)?;
        // A whole ARN of what is gone: the permission for it is asked by the name.
        return Ok(if partial.secret.is_some() { partial } else { Located { secret: None, ..found } });
    }
    by_name(cx, &account, &resource)
}

fn by_name(cx: &mut Cx<'_>, account: &str, name: &str) -> Result<Located, Fault> {
    check_name(name)?;
    let region = cx.region();
    let secret = secret::at(&mut cx.tx, account, region, name)?;
    Ok(Located { account: account.to_owned(), name: name.to_owned(), secret })
}

/// Name and suffix, if a name ends like an ARN.
fn split(resource: &str) -> Option<(&str, &str)> {
    let (name, suffix) = resource.rsplit_once('-')?;
    (suffix.len() == SUFFIX_CHARS
        && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && !name.is_empty())
    .then_some((name, suffix))
}

/// Requires that a text can be the name of a secret.
pub(crate) fn check_name(name: &str) -> Result<(), Fault> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-/_+=.@!".contains(&byte);
    if (1..=512).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(());
    }
    Err(validation(
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
    ))
}

/// Draws the end of a new ARN.
pub(crate) fn new_suffix(cx: &Cx<'_>) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut draw = crate::password::Draw::new(cx.random());
    (0..SUFFIX_CHARS).filter_map(|_| draw.one_of(ALPHABET)).map(char::from).collect()
}
