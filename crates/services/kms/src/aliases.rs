//! Aliases: names for keys that can be moved from one key to another (KMS Developer Guide, "Aliases in AWS KMS").

use crate::Kms;
use crate::api::{
    AliasListEntry, CreateAliasRequest, DeleteAliasRequest, ListAliasesRequest, ListAliasesResponse,
    UpdateAliasRequest, ops,
};
use crate::authorize::{Use, access};
use crate::errors::{alias_not_found, limit_exceeded, validation};
use crate::key::{KEYS, Key};
use crate::limits::ALIASES_PER_KEY;
use crate::names::{ALIAS_PREFIX, Found, Takes, alias_arn, find, is_alias, is_alias_name};
use crate::{managed, pages, state};
use platform::{Cx, Fault, Handle, Table};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::{Timestamp, Unit};

/// `[account, region, alias/name]`
pub(crate) const ALIASES: Table<Alias> = Table::new("kms/aliases");

/// An alias.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Alias {
    /// The id of its key, which is of the same account and region.
    pub(crate) key: String,
    /// In milliseconds since the epoch.
    pub(crate) created: i64,
    /// When it was last given to a key, in milliseconds since the epoch.
    pub(crate) updated: i64,
}

impl Handle<ops::CreateAlias> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &CreateAliasRequest) -> Result<Unit, Fault> {
        let name = &input.alias_name;
        check_name(name)?;
        let found = target(cx, "kms:CreateAlias", &input.target_key_id)?;
        let arn = authorize_alias(cx, "kms:CreateAlias", name, &[&found.key.arn])?;
        Use::of(&found, "kms:CreateAlias").authorize(cx)?;
        state::LABEL.require(&found.key)?;
        let (account, region) = (cx.account(), cx.region());
        if ALIASES.get(&mut cx.tx, &[account, region, name])?.is_some() {
            let message = format!("An alias with the name {arn} already exists");
            return Err(Fault::new("AlreadyExistsException", message));
        }
        let mut key = (*found.key).clone();
        give(&mut key, name)?;
        key.put(cx)?;
        let now = cx.now().0;
        ALIASES.put(
            &mut cx.tx,
            &[account, region, name],
            &Alias { key: key.id, created: now, updated: now },
        )?;
        Ok(Unit)
    }
}

impl Handle<ops::UpdateAlias> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &UpdateAliasRequest) -> Result<Unit, Fault> {
        let name = &input.alias_name;
        check_name(name)?;
        let found = target(cx, "kms:UpdateAlias", &input.target_key_id)?;
        authorize_alias(cx, "kms:UpdateAlias", name, &[KEY_OF_ALIAS, &found.key.arn])?;
        let alias = existing(cx, name)?;
        let old = key_of(cx, &alias)?;
        Use::of_key(&old, "kms:UpdateAlias")
            .before("kms:UpdateAlias", found.key.arn.as_str())
            .authorize(cx)?;
        Use::of(&found, "kms:UpdateAlias").authorize(cx)?;
        // The key that loses the alias may be in any state.
        state::LABEL.require(&found.key)?;
        let (account, region, now) = (cx.account(), cx.region(), cx.now().0);
        if old.id != found.key.id {
            if old.usage != found.key.usage || old.is_pair() != found.key.is_pair() {
                return Err(validation(
                    "The current and the new KMS key must have the same type and key usage.",
                ));
            }
            let mut old = (*old).clone();
            old.aliases.retain(|other| other != name);
            old.put(cx)?;
            let mut new = (*found.key).clone();
            give(&mut new, name)?;
            new.put(cx)?;
        }
        let alias = Alias { key: found.key.id.clone(), updated: now, ..*alias };
        ALIASES.put(&mut cx.tx, &[account, region, name], &alias)?;
        Ok(Unit)
    }
}

impl Handle<ops::DeleteAlias> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &DeleteAliasRequest) -> Result<Unit, Fault> {
        let name = &input.alias_name;
        check_name(name)?;
        authorize_alias(cx, "kms:DeleteAlias", name, &[KEY_OF_ALIAS])?;
        let alias = existing(cx, name)?;
        let key = key_of(cx, &alias)?;
        Use::of_key(&key, "kms:DeleteAlias").authorize(cx)?;
        let mut key = (*key).clone();
        key.aliases.retain(|other| other != name);
        key.put(cx)?;
        ALIASES.delete(&mut cx.tx, &[&key.account, &key.region, name]);
        Ok(Unit)
    }
}

impl Handle<ops::ListAliases> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &ListAliasesRequest) -> Result<ListAliasesResponse, Fault> {
        let (account, region) = (cx.account(), cx.region());
        cx.authorize(&access(cx, "kms:ListAliases", "*"))?;
        let size = pages::SMALL.of(input.limit);
        let marker = input.marker.as_deref();
        let (rows, next) = match &input.key_id {
            Some(id) => of_key(cx, id, size, marker)?,
            None => all(cx, size, marker)?,
        };
        let aliases = rows
            .into_iter()
            .map(|(name, alias)| AliasListEntry {
                alias_arn: Some(alias_arn(region, account, &name)),
                alias_name: Some(name),
                target_key_id: alias.as_ref().map(|alias| alias.key.clone()),
                creation_date: alias.as_ref().map(|alias| Timestamp(alias.created)),
                last_updated_date: alias.as_ref().map(|alias| Timestamp(alias.updated)),
            })
            .collect();
        Ok(ListAliasesResponse { aliases: Some(aliases), truncated: Some(next.is_some()), next_marker: next })
    }
}

/// Aliases by name, none for those that AWS has predefined and that have no key yet; and where to go on.
type Page = (Vec<(String, Option<Arc<Alias>>)>, Option<String>);

fn all(cx: &mut Cx<'_>, size: usize, marker: Option<&str>) -> Result<Page, Fault> {
    const LIST: &str = "kms:ListAliases";
    let after = pages::after(cx, LIST, marker)?;
    let path = [cx.account(), cx.region()];
    let rows = ALIASES.scan(&mut cx.tx, &path, after.as_deref(), size.saturating_add(1))?;
    let predefined = managed::aliases().filter(|name| after.as_ref().is_none_or(|after| name > after));
    let mut aliases: BTreeMap<_, _> = predefined.map(|name| (name, None)).collect();
    aliases.extend(rows.into_iter().map(|(name, alias)| (name, Some(alias))));
    // One more than the page holds, as the rows are: what comes after the last row may lack some.
    let mut aliases: Vec<_> = aliases.into_iter().take(size.saturating_add(1)).collect();
    let next = pages::cut(cx, LIST, &mut aliases, size, |(name, _)| name)?;
    Ok((aliases, next))
}

fn of_key(cx: &mut Cx<'_>, key_id: &str, size: usize, marker: Option<&str>) -> Result<Page, Fault> {
    let key = find(cx, "kms:ListAliases", key_id, Takes::Keys)?.key;
    if key.account != cx.account() {
        return Err(crate::errors::out_of_reach(
            &cx.caller().principal.arn(),
            "kms:ListAliases",
            &format!("resource: {}", key.arn),
        ));
    }
    let list = format!("kms:ListAliases/{}", key.arn);
    let (names, next) = pages::of_sorted(cx, &list, &key.aliases, (size, marker), String::as_str)?;
    let mut rows = Vec::with_capacity(names.len());
    for name in names {
        let alias = existing(cx, &name)?;
        rows.push((name, Some(alias)));
    }
    Ok((rows, next))
}

/// Gives the key one more alias.
fn give(key: &mut Key, name: &str) -> Result<(), Fault> {
    if key.aliases.len() >= ALIASES_PER_KEY {
        return Err(limit_exceeded(format!("{} already has {ALIASES_PER_KEY} aliases.", key.arn)));
    }
    if let Err(place) = key.aliases.binary_search_by(|other| other.as_str().cmp(name)) {
        key.aliases.insert(place, name.to_owned());
    }
    Ok(())
}

fn existing(cx: &mut Cx<'_>, name: &str) -> Result<Arc<Alias>, Fault> {
    let (account, region) = (cx.account(), cx.region());
    ALIASES
        .get(&mut cx.tx, &[account, region, name])?
        .ok_or_else(|| alias_not_found(&alias_arn(region, account, name)))
}

fn key_of(cx: &mut Cx<'_>, alias: &Alias) -> Result<Arc<Key>, Fault> {
    let (account, region) = (cx.account(), cx.region());
    KEYS.get(&mut cx.tx, &[account, region, &alias.key])?
        .ok_or_else(|| Fault::bug(format!("an alias stands for key {}, which is not there", alias.key)))
}

/// The key that an alias is to stand for: one of the caller's account, not named by another alias.
fn target<'a>(cx: &mut Cx<'_>, action: &'static str, key_id: &'a str) -> Result<Found<'a>, Fault> {
    if is_alias(key_id) {
        return Err(validation("Aliases must refer to keys. Not aliases"));
    }
    find(cx, action, key_id, Takes::Keys)
}

fn check_name(name: &str) -> Result<(), Fault> {
    if !name.starts_with(ALIAS_PREFIX) {
        return Err(validation(
            "Alias must start with the prefix \"alias/\". Please see \
             https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ));
    }
    if name.starts_with(managed::PREFIX) {
        return Err(Fault::new("NotAuthorizedException", ""));
    }
    if name.contains(':') {
        return Err(validation(format!("{name} contains invalid characters for an alias")));
    }
    if !is_alias_name(name) {
        return Err(Fault::new("InvalidAliasNameException", "Invalid alias name."));
    }
    Ok(())
}

/// What is known of a key before its alias is read.
const KEY_OF_ALIAS: &str = "the key that the alias stands for";

/// Requires permission for `action` on the alias, which the caller's own policies give, before it is asked for `keys`. Answers its ARN.
fn authorize_alias(
    cx: &mut Cx<'_>,
    action: &'static str,
    name: &str,
    keys: &[&str],
) -> Result<String, Fault> {
    let account = cx.account();
    let arn = alias_arn(cx.region(), account, name);
    cx.touch("AWS::KMS::Alias", &arn, account);
    let access = access(cx, action, arn.as_str());
    cx.authorize(&keys.iter().fold(access, |access, key| access.before(action, *key)))?;
    Ok(arn)
}
