//! Pages of the service's lists.
//!
//! A list is made of one or more sections that follow each other (users, then groups, …); within a section entries are in the
//! order of their keys. A marker names the last entry given: its section and key.

use crate::errors::validation;
use crate::limits::PAGE_ITEMS_DEFAULT;
use platform::{Cx, Fault, Table, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Rows that are read at once while looking for entries that fit a filter.
const SCAN_ROWS: usize = 256;

/// What separates section and key in a marker; keys hold no control characters but NUL.
const SEPARATOR: char = '\u{1}';

/// One page while it is filled.
pub(crate) struct Pager<T> {
    list: String,
    most: usize,
    after: Option<(u8, String)>,
    items: Vec<T>,
    last: Option<(u8, String)>,
    full: bool,
}

/// One page.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// Whether there are more entries.
    pub(crate) is_truncated: bool,
    /// Where the next page goes on.
    pub(crate) marker: Option<String>,
}

impl<T> Pager<T> {
    /// Begins a page of `list`, which names the operation and the entity whose entries are listed.
    pub(crate) fn begin(
        cx: &Cx<'_>,
        list: &str,
        marker: Option<&String>,
        max_items: Option<i32>,
    ) -> Result<Self, Fault> {
        let invalid = || validation("Invalid Marker.");
        let after = platform::page::after(cx, list, marker.map(String::as_str)).map_err(|_| invalid())?;
        let after = match after {
            None => None,
            Some(text) => {
                let (section, key) = text.split_once(SEPARATOR).ok_or_else(invalid)?;
                Some((section.parse().map_err(|_| invalid())?, key.to_owned()))
            }
        };
        let most = max_items.and_then(|items| usize::try_from(items).ok()).unwrap_or(PAGE_ITEMS_DEFAULT);
        Ok(Self { list: list.to_owned(), most, after, items: Vec::new(), last: None, full: false })
    }

    /// Adds rows of a table below `prefix`, as far as `pick` makes entries of them.
    pub(crate) fn rows<R: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        tx: &mut Tx<'_>,
        section: u8,
        table: &Table<R>,
        prefix: &[&str],
        mut pick: impl FnMut(&mut Tx<'_>, &str, &R) -> Result<Option<T>, Fault>,
    ) -> Result<(), Fault> {
        let Some(mut after) = self.resume(section) else { return Ok(()) };
        while !self.full {
            let rows = table.scan(tx, prefix, after.as_deref(), SCAN_ROWS)?;
            let exhausted = rows.len() < SCAN_ROWS;
            for (key, row) in rows {
                if let Some(item) = pick(tx, &key, &row)? {
                    self.offer(section, &key, item);
                }
                if self.full {
                    break;
                }
                after = Some(key);
            }
            if exhausted {
                break;
            }
        }
        Ok(())
    }

    /// Adds the entries of a short list, which are known by their places in it.
    pub(crate) fn entries(&mut self, section: u8, items: impl IntoIterator<Item = T>) {
        let Some(after) = self.resume(section) else { return };
        let skip =
            after.and_then(|after| after.parse().ok()).map_or(0, |place: usize| place.saturating_add(1));
        for (place, item) in items.into_iter().enumerate().skip(skip) {
            self.offer(section, &place.to_string(), item);
            if self.full {
                break;
            }
        }
    }

    /// The page as far as it was filled.
    pub(crate) fn end(self, cx: &Cx<'_>) -> Result<Page<T>, Fault> {
        let marker = match &self.last {
            Some((section, key)) if self.full => {
                Some(platform::page::marker(cx, &self.list, &format!("{section}{SEPARATOR}{key}"))?)
            }
            _ => None,
        };
        Ok(Page { items: self.items, is_truncated: self.full, marker })
    }

    /// The key after which a section goes on; none if it is over or the page is full.
    fn resume(&self, section: u8) -> Option<Option<String>> {
        match &self.after {
            _ if self.full => None,
            Some((at, _)) if *at > section => None,
            Some((at, key)) if *at == section => Some(Some(key.clone())),
            _ => Some(None),
        }
    }

    fn offer(&mut self, section: u8, key: &str, item: T) {
        if self.items.len() >= self.most {
            self.full = true;
            return;
        }
        self.items.push(item);
        self.last = Some((section, key.to_owned()));
    }
}
