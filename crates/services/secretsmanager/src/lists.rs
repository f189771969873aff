//! ListSecrets: filters, orders and pages.

use crate::SecretsManager;
use crate::api::{
    Filter, FilterNameStringType, ListSecretsRequest, ListSecretsResponse, SecretListEntry, SortByType,
    SortOrderType, ops,
};
use crate::errors::{invalid_parameter, invalid_token};
use crate::secret::{self, CREATED, SECRETS, Secret};
use platform::{Access, Cx, Fault, Handle, page};
use std::collections::VecDeque;
use std::sync::Arc;
use wire::Timestamp;

/// Secrets of a page where the request says nothing.
const PAGE: usize = 100;

/// Secrets that are looked at for one page: with filters a page may be short, and others may follow.
const LOOKED_AT_MAX: usize = 10_000;

/// Names that are read at once.
const CHUNK: usize = 200;

/// Cuts a list down to a page. The text with an item is its place in the order.
pub(crate) fn page_of<T>(
    cx: &Cx<'_>,
    list: &str,
    items: Vec<(String, T)>,
    (asked, usual): (Option<i32>, usize),
    token: Option<&str>,
) -> Result<(Vec<T>, Option<String>), Fault> {
    let after = page::after(cx, list, token).map_err(|page::InvalidMarker| invalid_token())?;
    let size = size(asked, usual);
    let is_after = |place: &String| after.as_ref().is_none_or(|after| place > after);
    let mut rest = items.into_iter().filter(|(place, _)| is_after(place));
    let page: Vec<_> = rest.by_ref().take(size).collect();
    let next = match (page.last(), rest.next()) {
        (Some((place, _)), Some(_)) => Some(page::marker(cx, list, place)?),
        _ => None,
    };
    Ok((page.into_iter().map(|(_, item)| item).collect(), next))
}

fn size(asked: Option<i32>, usual: usize) -> usize {
    asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(usual).max(1)
}

/// The secrets that are asked for.
pub(crate) struct Wanted<'a> {
    /// Name of the operation, which tokens of pages are for.
    pub(crate) list: &'static str,
    pub(crate) filters: &'a [Filter],
    pub(crate) deleted: bool,
    pub(crate) by: SortByType,
    pub(crate) descending: bool,
    pub(crate) size: (Option<i32>, usize),
    pub(crate) token: Option<&'a str>,
}

impl Wanted<'_> {
    /// One page of secrets, and the token of the next.
    pub(crate) fn page(&self, cx: &mut Cx<'_>) -> Result<(Vec<Arc<Secret>>, Option<String>), Fault> {
        let filters = self.filters.iter().map(Terms::of).collect::<Result<Vec<_>, _>>()?;
        let list =
            format!("secretsmanager:{}/{:?}/{}/{:?}", self.list, self.by, self.descending, self.filters);
        let after = page::after(cx, &list, self.token).map_err(|page::InvalidMarker| invalid_token())?;
        let mut order = self.order(cx, after)?;
        let (mut found, mut last, mut looked_at) = (Vec::new(), None::<String>, 0_usize);
        let size = size(self.size.0, self.size.1);
        while let Some((place, name)) = order.next(cx)? {
            let full = found.len() >= size || looked_at >= LOOKED_AT_MAX;
            if let (true, Some(last)) = (full, &last) {
                return Ok((found, Some(page::marker(cx, &list, last)?)));
            }
            looked_at = looked_at.saturating_add(1);
            last = Some(place);
            let (account, region) = (cx.account(), cx.region());
            let Some(secret) = secret::at(&mut cx.tx, account, region, &name)? else { continue };
            if (self.deleted || secret.deletion.is_none()) && filters.iter().all(|terms| terms.fit(&secret)) {
                found.push(secret);
            }
        }
        Ok((found, None))
    }

    /// All secrets in order, after one. Only two orders are those of rows; for others all that there are must be looked at first.
    fn order(&self, cx: &mut Cx<'_>, after: Option<String>) -> Result<Order, Fault> {
        let (account, region) = (cx.account(), cx.region());
        let rows = |by_name| Order { by_name, after: None, ready: VecDeque::new(), complete: false };
        let mut all: Vec<(String, String)> = match (self.by, self.descending) {
            (SortByType::Name, false) => return Ok(Order { after, ..rows(true) }),
            (SortByType::CreatedDate, false) => return Ok(Order { after, ..rows(false) }),
            (SortByType::CreatedDate, true) => rows(false).all(cx)?,
            (by, _) => {
                let rows = SECRETS.scan(&mut cx.tx, &[account, region], None, usize::MAX)?;
                let mut all = Vec::with_capacity(rows.len());
                for (name, secret) in rows {
                    let place = match by {
                        SortByType::LastAccessedDate => {
                            format!("{:020} {name}", secret.accessed(cx)?.unwrap_or(0))
                        }
                        SortByType::LastChangedDate => format!("{:020} {name}", secret.changed),
                        SortByType::Name | SortByType::CreatedDate => name.clone(),
                    };
                    all.push((place, name));
                }
                all
            }
        };
        all.sort_unstable();
        if self.descending {
            all.reverse();
        }
        let follows = |place: &str| match &after {
            None => true,
            Some(after) if self.descending => place < after.as_str(),
            Some(after) => place > after.as_str(),
        };
        let ready = all.into_iter().filter(|(place, _)| follows(place)).collect();
        Ok(Order { ready, complete: true, ..rows(false) })
    }
}

/// Names of secrets in an order, each with its place there.
struct Order {
    by_name: bool,
    after: Option<String>,
    ready: VecDeque<(String, String)>,
    complete: bool,
}

impl Order {
    fn next(&mut self, cx: &mut Cx<'_>) -> Result<Option<(String, String)>, Fault> {
        if self.ready.is_empty() && !self.complete {
            let own = [cx.account(), cx.region()];
            let after = self.after.as_deref();
            let places: Vec<String> = match self.by_name {
                true => names(SECRETS.scan(&mut cx.tx, &own, after, CHUNK)?),
                false => names(CREATED.scan(&mut cx.tx, &own, after, CHUNK)?),
            };
            self.complete = places.len() < CHUNK;
            self.after = places.last().cloned();
            let name = |place: &str| place.split_once('\0').map_or(place, |(_, name)| name).to_owned();
            self.ready.extend(places.into_iter().map(|place| (place.clone(), name(&place))));
        }
        Ok(self.ready.pop_front())
    }

    fn all(mut self, cx: &mut Cx<'_>) -> Result<Vec<(String, String)>, Fault> {
        let mut all = Vec::new();
        while let Some(one) = self.next(cx)? {
            all.push(one);
        }
        Ok(all)
    }
}

fn names<T>(rows: Vec<(String, Arc<T>)>) -> Vec<String> {
    rows.into_iter().map(|(name, _)| name).collect()
}

/// A filter: one of the values fits, and none of those that are to be left out (Secrets Manager User Guide, "Find secrets").
struct Terms<'a> {
    key: FilterNameStringType,
    wanted: Vec<&'a str>,
    unwanted: Vec<&'a str>,
}

impl<'a> Terms<'a> {
    fn of(filter: &'a Filter) -> Result<Self, Fault> {
        let key = filter.key.ok_or_else(|| invalid_parameter("A filter must have a Key."))?;
        let values = filter.values.as_deref().unwrap_or_default();
        if values.is_empty() {
            return Err(invalid_parameter("A filter must have Values."));
        }
        let (unwanted, wanted): (Vec<_>, Vec<_>) = values.iter().partition(|value| value.starts_with('!'));
        Ok(Self {
            key,
            wanted: wanted.into_iter().map(String::as_str).collect(),
            unwanted: unwanted.into_iter().filter_map(|value| value.strip_prefix('!')).collect(),
        })
    }

    fn fit(&self, secret: &Secret) -> bool {
        let any = |values: &[&str]| values.iter().any(|value| self.fits(secret, value));
        (self.wanted.is_empty() || any(&self.wanted)) && !any(&self.unwanted)
    }

    fn fits(&self, secret: &Secret, value: &str) -> bool {
        let region = secret.primary_region().unwrap_or(&secret.region);
        match self.key {
            FilterNameStringType::Name => secret.name.starts_with(value),
            FilterNameStringType::Description => {
                let description = secret.description.as_deref().unwrap_or_default();
                description.to_lowercase().starts_with(&value.to_lowercase())
            }
            FilterNameStringType::TagKey => secret.tags.keys().any(|key| key.starts_with(value)),
            FilterNameStringType::TagValue => secret.tags.values().any(|tag| tag.starts_with(value)),
            FilterNameStringType::PrimaryRegion => region.starts_with(value),
            // No service owns secrets here.
            FilterNameStringType::OwningService => value.is_empty(),
            FilterNameStringType::All => {
                let texts = [Some(&*secret.name), secret.description.as_deref(), Some(region)];
                let tags = secret.tags.iter().flat_map(|(key, value)| [key.as_str(), value]);
                let all: Vec<_> = texts.into_iter().flatten().chain(tags).map(str::to_lowercase).collect();
                let mut words = value.split_whitespace().map(str::to_lowercase);
                words.all(|word| all.iter().any(|text| text.contains(&word)))
            }
        }
    }
}

impl Handle<ops::ListSecrets> for SecretsManager {
    fn handle(&self, cx: &mut Cx<'_>, input: &ListSecretsRequest) -> Result<ListSecretsResponse, Fault> {
        cx.authorize(&Access::to("secretsmanager:ListSecrets", "*"))?;
        let wanted = Wanted {
            list: "ListSecrets",
            filters: input.filters.as_deref().unwrap_or_default(),
            deleted: input.include_planned_deletion == Some(true),
            by: input.sort_by.unwrap_or(SortByType::CreatedDate),
            descending: input.sort_order == Some(SortOrderType::Desc),
            size: (input.max_results, PAGE),
            token: input.next_token.as_deref(),
        };
        let (secrets, next_token) = wanted.page(cx)?;
        let list = secrets.iter().map(|secret| entry(cx, secret)).collect::<Result<_, _>>()?;
        Ok(ListSecretsResponse { secret_list: Some(list), next_token })
    }
}

fn entry(cx: &mut Cx<'_>, secret: &Secret) -> Result<SecretListEntry, Fault> {
    let rotation = secret.rotation.as_ref();
    Ok(SecretListEntry {
        arn: Some(secret.arn()),
        name: Some(secret.name.clone()),
        description: secret.description.clone(),
        kms_key_id: secret.kms_key.clone(),
        rotation_enabled: rotation.map(|rotation| rotation.enabled),
        rotation_lambda_arn: rotation.and_then(|rotation| rotation.function.clone()),
        rotation_rules: rotation.map(|rotation| rotation.rules.shown()),
        last_rotated_date: rotation.and_then(|rotation| rotation.last).map(Timestamp),
        last_changed_date: Some(Timestamp(secret.changed)),
        last_accessed_date: secret.accessed(cx)?.map(Timestamp),
        deleted_date: secret.deletion.map(|deletion| Timestamp(deletion.asked)),
        next_rotation_date: rotation.and_then(|rotation| rotation.next_date()).map(Timestamp),
        tags: secret.tag_list(),
        secret_versions_to_stages: secret.versions.to_stages(),
        created_date: Some(Timestamp(secret.created)),
        primary_region: secret.primary_region().map(str::to_owned),
        r#type: secret.partner.clone(),
        ..SecretListEntry::default()
    })
}
