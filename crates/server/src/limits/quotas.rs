//! The quotas of a deployment: AWS's, and what the operator chose instead.

use super::bucket::{PER_SECOND_MAX, PER_SECOND_MIN};
use platform::{Quota, Service};
use std::sync::Arc;

/// Calls of unidentified callers from one address that get a record each, a second.
const UNIDENTIFIED_SOURCE: Quota = Quota::operation("source", 5.0);

/// The same from all addresses together.
const UNIDENTIFIED_ALL: Quota = Quota::operation("all", 20.0);

/// What the two are called by, instead of a service.
const UNIDENTIFIED: &str = "unidentified";

/// One quota with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// As in `kms:CreateKey`.
    pub name: String,
    /// The operations whose calls count against it, all or some.
    pub operations: Vec<&'static str>,
    /// What AWS publishes.
    pub quota: Quota,
    /// What the operator chose, for every region.
    chosen: Option<f64>,
}

/// The quotas of a deployment's services, and those of callers who are not known.
#[derive(Clone, Debug)]
pub struct Quotas(Vec<Entry>);

/// Why a quota could not be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuotaError {
    /// No quota has this name.
    #[error("no such quota: `{0}` (`fastness quotas` lists them)")]
    Unknown(String),
    /// The value is none that a bucket can have.
    #[error("a quota is a number of calls a second, from {PER_SECOND_MIN} to {PER_SECOND_MAX}")]
    OutOfBounds,
}

impl Entry {
    fn new(service: &str, quota: &Quota, operations: Vec<&'static str>) -> Self {
        Self { name: format!("{service}:{}", quota.name), operations, quota: *quota, chosen: None }
    }

    /// Calls a second in a region.
    pub fn per_second(&self, region: &str) -> f64 {
        self.chosen.unwrap_or_else(|| self.quota.per_second(region))
    }

    /// What the operator chose, if anything.
    pub fn chosen(&self) -> Option<f64> {
        self.chosen
    }
}

impl Quotas {
    /// AWS's defaults for these services.
    pub fn new(services: &[Arc<dyn Service>]) -> Self {
        let mut entries: Vec<Entry> = services.iter().flat_map(|service| of(&**service)).collect();
        entries.push(Entry::new(UNIDENTIFIED, &UNIDENTIFIED_SOURCE, Vec::new()));
        entries.push(Entry::new(UNIDENTIFIED, &UNIDENTIFIED_ALL, Vec::new()));
        Self(entries)
    }

    /// Chooses a value in calls a second, for every region. The name is one of [`iter`](Self::iter), or `kms:*` for all of a
    /// service that were not chosen by their own names.
    ///
    /// # Errors
    /// There is no such quota, or the value is out of bounds.
    pub fn set(&mut self, name: &str, per_second: f64) -> Result<(), QuotaError> {
        if !(PER_SECOND_MIN..=PER_SECOND_MAX).contains(&per_second) {
            return Err(QuotaError::OutOfBounds);
        }
        let unknown = || QuotaError::Unknown(name.to_owned());
        let Some(service) = name.strip_suffix('*') else {
            let entry = self.0.iter_mut().find(|entry| entry.name == name).ok_or_else(unknown)?;
            entry.chosen = Some(per_second);
            return Ok(());
        };
        let of_service = |entry: &Entry| service.ends_with(':') && entry.name.starts_with(service);
        if !self.0.iter().any(of_service) {
            return Err(unknown());
        }
        for entry in self.0.iter_mut().filter(|entry| of_service(entry)) {
            entry.chosen.get_or_insert(per_second);
        }
        Ok(())
    }

    /// All quotas, by service.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }

    /// Where the quotas of a service begin, for [`platform::ServiceQuotas::index`] to count from.
    pub(crate) fn start_of(&self, service: &str) -> usize {
        let mine = |entry: &Entry| entry.name.strip_prefix(service).is_some_and(|rest| rest.starts_with(':'));
        self.0.iter().position(mine).unwrap_or(self.0.len())
    }

    /// What unidentified callers may have recorded a second, from one address and from all.
    pub(super) fn unidentified(&self) -> (f64, f64) {
        let per_second = |quota: &Quota| {
            let name = format!("{UNIDENTIFIED}:{}", quota.name);
            let entry = self.0.iter().find(|entry| entry.name == name);
            entry.map_or_else(|| quota.per_second(""), |entry| entry.per_second(""))
        };
        (per_second(&UNIDENTIFIED_SOURCE), per_second(&UNIDENTIFIED_ALL))
    }
}

fn of(service: &dyn Service) -> Vec<Entry> {
    let (model, quotas) = (service.model(), service.quotas());
    let entry = |(at, quota): (usize, &Quota)| {
        let counts = |name: &str| quotas.may_count(at, name, service.trail(name).read_only);
        let operations = model.operations.iter().map(|operation| operation.name).filter(|name| counts(name));
        Entry::new(model.name, quota, operations.collect())
    };
    quotas.all().enumerate().map(entry).collect()
}
