//! Going through parameters page by page: a page reads a bounded range of rows, however many parameters there are.

use crate::errors::invalid_token;
use crate::filters::Range;
use crate::parameter::{PARAMETERS, Parameter};
use platform::{Cx, Fault, page};
use std::sync::Arc;

/// How many rows a page looks at, at most. A page that finds less in them than it may have ends early and says where to go on, as AWS's do
/// when they reach "an internal limit".
const LOOKED_AT_MAX: usize = 250;

/// How many rows are read at once, besides those that a page may have.
const MORE: usize = 1;

/// A page: what was found, and where to go on.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_token: Option<String>,
}

/// Which list it is, how long its pages are, and where one begins.
pub(crate) struct Asked<'a> {
    /// The operation and whatever else its pages depend on.
    pub(crate) list: &'a str,
    pub(crate) size: usize,
    pub(crate) token: Option<&'a str>,
    /// In the order of keys.
    pub(crate) ranges: &'a [Range],
}

impl Asked<'_> {
    /// The page. `take` makes an item of a parameter that is to be on it.
    ///
    /// # Errors
    /// The token is none of this list, and what `take` says.
    pub(crate) fn page<T>(
        &self,
        cx: &mut Cx<'_>,
        mut take: impl FnMut(&mut Cx<'_>, &Arc<Parameter>) -> Result<Option<T>, Fault>,
    ) -> Result<Page<T>, Fault> {
        let after = page::after(cx, self.list, self.token).map_err(|page::InvalidMarker| invalid_token())?;
        let own = [cx.account(), cx.region()];
        let start = after.map_or_else(String::new, |after| format!("{after}\0"));
        let (mut items, mut looked, mut last) = (Vec::new(), 0, None::<String>);
        for (from, to) in self.ranges {
            let mut from = from.clone().max(start.clone());
            while from < *to {
                let want = self.size.saturating_sub(items.len()).saturating_add(MORE);
                let rows = PARAMETERS.range(&mut cx.tx, &own, (&from, to), want)?;
                let ended = rows.len() < want;
                for (name, parameter) in rows {
                    // There is more than the page may have.
                    if items.len() >= self.size || looked >= LOOKED_AT_MAX {
                        let next_token = match last {
                            Some(last) => Some(page::marker(cx, self.list, &last)?),
                            None => None,
                        };
                        return Ok(Page { items, next_token });
                    }
                    looked += 1;
                    items.extend(take(cx, &parameter)?);
                    from = format!("{name}\0");
                    last = Some(name);
                }
                if ended {
                    break;
                }
            }
        }
        Ok(Page { items, next_token: None })
    }
}

/// The size of a page, as far as it may be chosen.
pub(crate) fn size(asked: Option<i32>, most: usize) -> usize {
    asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(most).clamp(1, most)
}
