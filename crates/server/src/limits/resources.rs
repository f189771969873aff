//! The buckets of resources that have quotas of their own, whoever calls.

use super::bucket::Bucket;
use super::quotas::{Entry, Quotas};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How many buckets are kept before those are forgotten that are full: they are what a new one would be.
const KEPT_MAX: usize = 1000;

/// Buckets by quota and resource. Only resources that exist are counted, so that there are no more than those.
#[derive(Debug)]
pub(super) struct Resources {
    entries: Vec<Entry>,
    buckets: Mutex<HashMap<(usize, String), Bucket>>,
}

impl Resources {
    pub(super) fn new(quotas: &Quotas) -> Self {
        Self { entries: quotas.iter().cloned().collect(), buckets: Mutex::default() }
    }

    /// Whether a call about a resource may be made that counts as so many, and counts it.
    pub(super) fn take(&self, resource: &str, region: &str, quota: usize, calls: u32, now_ms: i64) -> bool {
        // Unknown means no.
        let Some(entry) = self.entries.get(quota) else { return false };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= KEPT_MAX {
            buckets.retain(|_, bucket| !bucket.is_full(now_ms));
        }
        let bucket = buckets.entry((quota, resource.to_owned()));
        bucket.or_insert_with(|| Bucket::new(entry.per_second(region))).take_several(calls, now_ms)
    }
}
