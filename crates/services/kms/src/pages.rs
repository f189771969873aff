//! Pages of KMS's lists.

use platform::{Cx, Fault, page};

/// How many items a page may have: what the operation's description says, which is narrower than the model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) default: usize,
    pub(crate) max: usize,
}

/// ListKeys, and lists whose description names the same.
pub(crate) const KEYS: Sizes = Sizes { default: 100, max: 1000 };
/// ListAliases, ListGrants, ListRetirableGrants.
pub(crate) const SMALL: Sizes = Sizes { default: 50, max: 100 };
/// ListResourceTags.
pub(crate) const TAGS: Sizes = Sizes { default: 50, max: 50 };

impl Sizes {
    /// The size of the page that is asked for. More than the most is answered with the most.
    pub(crate) fn of(self, limit: Option<i32>) -> usize {
        limit
            .and_then(|limit| usize::try_from(limit).ok())
            .map_or(self.default, |limit| limit.clamp(1, self.max))
    }
}

/// After which item the page starts.
pub(crate) fn after(cx: &Cx<'_>, list: &str, marker: Option<&str>) -> Result<Option<String>, Fault> {
    page::after(cx, list, marker)
        .map_err(|page::InvalidMarker| Fault::new("InvalidMarkerException", "Invalid marker."))
}

/// Cuts what was read, one item more than the page holds, down to the page: the marker for the next one, if there is more.
pub(crate) fn cut<T>(
    cx: &Cx<'_>,
    list: &str,
    items: &mut Vec<T>,
    size: usize,
    name: impl FnOnce(&T) -> &str,
) -> Result<Option<String>, Fault> {
    if items.len() <= size {
        return Ok(None);
    }
    items.truncate(size);
    items.last().map(|last| page::marker(cx, list, name(last))).transpose()
}

/// A page of a list that is at hand as a whole, sorted by name.
pub(crate) fn of_sorted<T: Clone>(
    cx: &Cx<'_>,
    list: &str,
    sorted: &[T],
    (limit, marker): (usize, Option<&str>),
    name: impl Fn(&T) -> &str,
) -> Result<(Vec<T>, Option<String>), Fault> {
    let after = after(cx, list, marker)?;
    let rest = sorted.iter().filter(|item| after.as_deref().is_none_or(|after| name(item) > after));
    let mut items: Vec<T> = rest.take(limit.saturating_add(1)).cloned().collect();
    let next = cut(cx, list, &mut items, limit, &name)?;
    Ok((items, next))
}
