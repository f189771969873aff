//! The buckets of identified callers.

use super::bucket::Bucket;
use super::quotas::{Entry, Quotas};
use super::regions::{PLACES, place};
use super::short::number;
use arc_swap::ArcSwap;
use platform::regions::ALL as REGIONS;
use std::sync::{Arc, OnceLock};

/// Buckets by account, region and quota.
///
/// Memory is bounded without forgetting anything: accounts are those of the deployment, as only identified callers are counted,
/// and there are [`PLACES`] regions. The list is copied when an account calls for the first time, and read without a lock.
#[derive(Debug)]
pub(super) struct Accounts {
    entries: Vec<Entry>,
    /// By their 12 digits, sorted.
    accounts: ArcSwap<Vec<(u128, Arc<Account>)>>,
}

#[derive(Debug)]
struct Account {
    /// The buckets of a region, in the order of the quotas, from its first call on.
    regions: [OnceLock<Box<[Bucket]>>; PLACES],
}

impl Accounts {
    pub(super) fn new(quotas: &Quotas) -> Self {
        Self { entries: quotas.iter().cloned().collect(), accounts: ArcSwap::default() }
    }

    /// Whether an account may make a call that counts as so many against a quota, and counts it.
    pub(super) fn take(&self, account: &str, region: &str, quota: usize, calls: u32, now_ms: i64) -> bool {
        // Unknown means no.
        let Some(account) = number(account) else { return false };
        let accounts = self.accounts.load();
        if let Ok(at) = accounts.binary_search_by_key(&account, |(number, _)| *number) {
            return accounts
                .get(at)
                .is_some_and(|(_, known)| self.take_of(known, region, quota, calls, now_ms));
        }
        drop(accounts);
        self.add(account);
        let accounts = self.accounts.load();
        let known = accounts.iter().find(|(number, _)| *number == account);
        known.is_some_and(|(_, known)| self.take_of(known, region, quota, calls, now_ms))
    }

    fn add(&self, account: u128) {
        self.accounts.rcu(|accounts| {
            let mut accounts = Vec::clone(accounts);
            if let Err(at) = accounts.binary_search_by_key(&account, |(number, _)| *number) {
                accounts.insert(at, (account, Arc::default()));
            }
            accounts
        });
    }

    fn take_of(&self, account: &Account, region: &str, quota: usize, calls: u32, now_ms: i64) -> bool {
        let place = place(region);
        let Some(buckets) = account.regions.get(place) else { return false };
        let buckets = buckets.get_or_init(|| {
            let region = REGIONS.get(place).copied().unwrap_or_default();
            self.entries.iter().map(|entry| Bucket::new(entry.per_second(region))).collect()
        });
        buckets.get(quota).is_some_and(|bucket| bucket.take_several(calls, now_ms))
    }
}

impl Default for Account {
    fn default() -> Self {
        Self { regions: [const { OnceLock::new() }; PLACES] }
    }
}
