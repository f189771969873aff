//! The names of a key: key id, key ARN, alias name, alias ARN (KMS Developer Guide, "Key identifiers").

use crate::aliases::ALIASES;
use crate::authorize::access;
use crate::errors::{alias_not_found, key_not_found, out_of_reach, validation};
use crate::key::Key;
use crate::managed;
use platform::{Cx, Fault};
use std::sync::Arc;

/// Which names an operation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Key id and key ARN.
    Keys,
    /// Aliases too.
    AnyName,
}

/// A key and how the request named it.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) key: Arc<Key>,
    /// The alias of the request, `alias/…`.
    pub(crate) alias: Option<&'a str>,
}

/// A name, parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name<'a> {
    /// None for the caller's own.
    account: Option<&'a str>,
    kind: Kind<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind<'a> {
    Key(&'a str),
    /// With its prefix, `alias/…`.
    Alias(&'a str),
}

/// The prefix of alias names.
pub(crate) const ALIAS_PREFIX: &str = "alias/";

/// The prefix of the ids of multi-Region keys, before 32 hexadecimal digits.
pub(crate) const MULTI_REGION_PREFIX: &str = "mrk-";

/// Finds the key that `text` names, for `action`.
pub(crate) fn find<'a>(
    cx: &mut Cx<'_>,
    action: &str,
    text: &'a str,
    takes: Takes,
) -> Result<Found<'a>, Fault> {
    let (own, region) = (cx.account(), cx.region());
    let name = parse(text, region)?;
    let account = name.account.unwrap_or(own);
    let (id, alias) = match name.kind {
        Kind::Key(id) => (std::borrow::Cow::Borrowed(id), None),
        Kind::Alias(_) if takes == Takes::Keys => return Err(no_alias(text)),
        Kind::Alias(alias) => match ALIASES.get(&mut cx.tx, &[account, region, alias])? {
            Some(row) => (std::borrow::Cow::Owned(row.key.clone()), Some(alias)),
            // Its caller has yet to be authorized, and the transaction is not committed without that.
            None => match managed::make(cx, action, account, alias)? {
                Some(key) => return Ok(Found { key: Arc::new(key), alias: Some(alias) }),
                None => {
                    let arn = alias_arn(region, account, alias);
                    return Err(missing(cx, action, account, &arn, alias_not_found));
                }
            },
        },
    };
    match Key::load(cx, &[account, region, &id], action)? {
        Some(key) => Ok(Found { key, alias }),
        None => {
            let arn = key_arn(region, account, &id);
            Err(missing(cx, action, account, &arn, key_not_found))
        }
    }
}

/// An operation on another account's resource that is not there fails as one that is not allowed, so that it can't be found out.
fn missing(cx: &mut Cx<'_>, action: &str, account: &str, arn: &str, own: fn(&str) -> Fault) -> Fault {
    if account == cx.account() {
        return own(arn);
    }
    match cx.authorize(&access(cx, action, arn).owned_by(account)) {
        Err(fault) if !fault.message().contains("resource-based policy") => fault,
        _ => out_of_reach(&cx.caller().principal.arn(), action, &format!("resource: {arn}")),
    }
}

pub(crate) fn key_arn(region: &str, account: &str, id: &str) -> String {
    format!("arn:aws:kms:{region}:{account}:key/{id}")
}

pub(crate) fn alias_arn(region: &str, account: &str, alias: &str) -> String {
    format!("arn:aws:kms:{region}:{account}:{alias}")
}

/// `text` is an alias's name or ARN where only a key's will do.
pub(crate) fn is_alias(text: &str) -> bool {
    text.starts_with(ALIAS_PREFIX)
        || text.split(':').nth(5).is_some_and(|name| name.starts_with(ALIAS_PREFIX))
}

fn no_alias(text: &str) -> Fault {
    if text.starts_with("arn:") {
        let message = format!("{text} is an alias ARN. Aliases are not valid for this operation.");
        return Fault::new("InvalidArnException", message);
    }
    invalid_key_id(text)
}

fn invalid_key_id(text: &str) -> Fault {
    Fault::new("NotFoundException", format!("Invalid keyId '{text}'"))
}

fn parse<'a>(text: &'a str, region: &str) -> Result<Name<'a>, Fault> {
    let (account, name) = match text.strip_prefix("arn:") {
        None => (None, text),
        Some(_) => {
            let mut parts = text.splitn(6, ':');
            let mut part = || parts.next().unwrap_or_default();
            let (_, partition, service, place, account, name) =
                (part(), part(), part(), part(), part(), part());
            if partition != "aws" || service != "kms" || place != region {
                return Err(Fault::new("NotFoundException", format!("Invalid arn {place}")));
            }
            if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(Fault::new("NotFoundException", format!("Invalid arn {text}")));
            }
            match name.strip_prefix("key/") {
                Some(id) => (Some(account), id),
                None if name.starts_with(ALIAS_PREFIX) => (Some(account), name),
                None => return Err(Fault::new("NotFoundException", format!("Invalid arn {text}"))),
            }
        }
    };
    if name.starts_with(ALIAS_PREFIX) {
        if !is_alias_name(name) {
            return Err(validation("Invalid identifier"));
        }
        return Ok(Name { account, kind: Kind::Alias(name) });
    }
    if !is_key_id(name) {
        return Err(invalid_key_id(name));
    }
    Ok(Name { account, kind: Kind::Key(name) })
}

/// The form of alias names (CreateAlias, `AliasName`).
pub(crate) fn is_alias_name(name: &str) -> bool {
    (ALIAS_PREFIX.len() + 1..=256).contains(&name.len())
        && name.starts_with(ALIAS_PREFIX)
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-'))
}

/// A UUID, or the id of a multi-Region key.
fn is_key_id(text: &str) -> bool {
    match text.strip_prefix(MULTI_REGION_PREFIX) {
        Some(id) => id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => {
            let fits = |(place, byte): (usize, u8)| match place {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            };
            text.len() == 36 && text.bytes().enumerate().all(fits)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
    const MULTI_REGION: &str = "mrk-1234abcd12ab34cd56ef1234567890ab";

    #[test]
    fn names_of_every_form() {
        let other = format!("arn:aws:kms:eu-central-1:222222222222:key/{KEY}");
        let cases = [
            (KEY, None, Kind::Key(KEY)),
            (&other, Some("222222222222"), Kind::Key(KEY)),
            (MULTI_REGION, None, Kind::Key(MULTI_REGION)),
            ("alias/a/b_c-1", None, Kind::Alias("alias/a/b_c-1")),
            ("arn:aws:kms:eu-central-1:222222222222:alias/a", Some("222222222222"), Kind::Alias("alias/a")),
        ];
        for (text, account, kind) in cases {
            assert_eq!(parse(text, "eu-central-1").unwrap(), Name { account, kind }, "{text}");
        }
    }

    #[test]
    fn what_names_no_key() {
        let cases = [
            ("fake-key-id", "NotFoundException", "Invalid keyId 'fake-key-id'"),
            ("mrk-fake-key-id", "NotFoundException", "Invalid keyId 'mrk-fake-key-id'"),
            (
                "134f2428cec14b25a1ae9048164dba47",
                "NotFoundException",
                "Invalid keyId '134f2428cec14b25a1ae9048164dba47'",
            ),
            ("arn:aws:kms:eu-west-1:111111111111:alias/a", "NotFoundException", "Invalid arn eu-west-1"),
            (
                "arn:aws:kms:eu-central-1:1:alias/a",
                "NotFoundException",
                "Invalid arn arn:aws:kms:eu-central-1:1:alias/a",
            ),
            ("arn:aws:s3:eu-central-1:111111111111:alias/a", "NotFoundException", "Invalid arn eu-central-1"),
            (
                "arn:aws:kms:eu-central-1:111111111111:1234abcd-12ab-34cd-56ef-1234567890ab",
                "NotFoundException",
                "Invalid arn arn:aws:kms:eu-central-1:111111111111:1234abcd-12ab-34cd-56ef-1234567890ab",
            ),
            ("arn:", "NotFoundException", "Invalid arn "),
            ("alias/", "ValidationException", "Invalid identifier"),
            ("alias/a b", "ValidationException", "Invalid identifier"),
            ("", "NotFoundException", "Invalid keyId ''"),
            ("\0", "NotFoundException", "Invalid keyId '\0'"),
        ];
        for (text, code, message) in cases {
            let fault = parse(text, "eu-central-1").unwrap_err();
            assert_eq!((fault.code(), fault.message()), (code, message), "{text}");
        }
    }
}
