//! The trail, read from its beginning to its end for who takes it elsewhere.

use crate::Deployment;
use platform::{Fault, TRAIL, Tx};
use store::Order;

/// How many records one page holds at the most; their bytes are bounded as well.
const RECORDS_MAX: usize = 2000;

/// The size of a page, in bytes, beyond which no further record is added: it crosses the operator's channel with escapes.
const PAGE_BYTES: usize = 4 << 20;

/// A part of the trail, oldest record first.
#[derive(Clone, Debug)]
pub struct TrailPage {
    /// The records, as they were written: CloudTrail's JSON.
    pub records: Vec<String>,
    /// The position of the oldest record that is kept.
    pub first: u64,
    /// The position behind the page.
    pub next: u64,
    /// The position behind the newest record.
    pub end: u64,
}

impl Deployment {
    /// The records of all accounts and Regions from a position on, in the order of their commits.
    ///
    /// A position before the oldest record that is kept stands for that one; one behind the newest finds nothing.
    ///
    /// # Errors
    /// Unavailable.
    pub fn trail_page(&self, from: u64) -> Result<TrailPage, Fault> {
        let tx = Tx::begin(&self.store, &self.env.keyring);
        let (first, end) = tx.log_bounds(TRAIL);
        let mut page = TrailPage { records: Vec::new(), first, next: from.max(first), end };
        if page.next >= end {
            return Ok(page);
        }
        let mut bytes = 0;
        for entry in tx.read_log(TRAIL, page.next, Order::Forward, RECORDS_MAX)? {
            let text = String::from_utf8(entry.bytes.to_vec());
            page.records.push(text.map_err(|_| Fault::bug("an audit record is not text"))?);
            page.next = entry.position + 1;
            bytes += entry.bytes.len();
            if bytes > PAGE_BYTES {
                break;
            }
        }
        Ok(page)
    }
}
