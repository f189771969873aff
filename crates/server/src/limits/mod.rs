//! How much may be asked: request quotas of accounts, records of callers who are not known, and calls in flight
//! (docs/decisions/0011-quotas.md).

mod accounts;
mod bucket;
mod load;
mod quotas;
mod regions;
mod resources;
mod short;
mod strangers;
#[cfg(test)]
mod tests;

use accounts::Accounts;
use load::Load;
use resources::Resources;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use strangers::Strangers;

pub use bucket::{PER_SECOND_MAX, PER_SECOND_MIN};
pub(crate) use load::Place;
pub use quotas::{Entry, QuotaError, Quotas};

/// The limits of a deployment.
#[derive(Debug)]
pub(crate) struct Limits {
    accounts: Accounts,
    resources: Resources,
    strangers: Strangers,
    load: Load,
    unidentified: AtomicU64,
    shed: AtomicU64,
    unrecordable: AtomicU64,
}

/// Calls that were refused without a record of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unrecorded {
    /// Of callers who are not known, beyond what is recorded of them.
    pub(crate) unidentified: u64,
    /// Not looked at, as too many calls were in flight.
    pub(crate) shed: u64,
    /// Not looked at, as nothing could be recorded.
    pub(crate) unrecordable: u64,
}

impl Limits {
    pub(crate) fn new(quotas: &Quotas, calls_max: Option<NonZeroUsize>) -> Self {
        let (per_source, all) = quotas.unidentified();
        Self {
            accounts: Accounts::new(quotas),
            resources: Resources::new(quotas),
            strangers: Strangers::new(per_source, all),
            load: Load::new(calls_max),
            unidentified: AtomicU64::new(0),
            shed: AtomicU64::new(0),
            unrecordable: AtomicU64::new(0),
        }
    }

    /// A place among the calls in flight; without one the call is to be refused, and is counted as shed.
    pub(crate) fn enter(&self) -> Option<Place<'_>> {
        let place = self.load.enter();
        if place.is_none() {
            self.shed.fetch_add(1, Ordering::Relaxed);
        }
        place
    }

    /// Whether an account may make one more call that counts against a quota, and counts it.
    pub(crate) fn admits(&self, account: &str, region: &str, quota: usize, now_ms: i64) -> bool {
        self.admits_several(account, region, quota, 1, now_ms)
    }

    /// The same for a call that counts as several.
    pub(crate) fn admits_several(
        &self,
        account: &str,
        region: &str,
        quota: usize,
        calls: u32,
        now_ms: i64,
    ) -> bool {
        self.accounts.take(account, region, quota, calls, now_ms)
    }

    /// Whether a call about a resource may be made that counts as so many against a quota of the resource's, and counts it.
    pub(crate) fn admits_about(
        &self,
        resource: &str,
        region: &str,
        quota: usize,
        calls: u32,
        now_ms: i64,
    ) -> bool {
        self.resources.take(resource, region, quota, calls, now_ms)
    }

    /// Whether the refusal of an unidentified caller at this address gets a record of its own; if not, it is counted.
    pub(crate) fn records_stranger(&self, source: IpAddr, now_ms: i64) -> bool {
        let recorded = self.strangers.take(source, now_ms);
        if !recorded {
            self.unidentified.fetch_add(1, Ordering::Relaxed);
        }
        recorded
    }

    /// Counts a call that was not looked at, as nothing could be recorded.
    pub(crate) fn count_unrecordable(&self) {
        self.unrecordable.fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted since this was last asked.
    pub(crate) fn take_unrecorded(&self) -> Unrecorded {
        Unrecorded {
            unidentified: self.unidentified.swap(0, Ordering::Relaxed),
            shed: self.shed.swap(0, Ordering::Relaxed),
            unrecordable: self.unrecordable.swap(0, Ordering::Relaxed),
        }
    }

    /// Gives back what could not be told.
    pub(crate) fn put_back(&self, unrecorded: Unrecorded) {
        self.unidentified.fetch_add(unrecorded.unidentified, Ordering::Relaxed);
        self.shed.fetch_add(unrecorded.shed, Ordering::Relaxed);
        self.unrecordable.fetch_add(unrecorded.unrecordable, Ordering::Relaxed);
    }
}
