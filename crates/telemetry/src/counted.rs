//! Reading what was counted of calls.

use std::sync::atomic::Ordering::Relaxed;

use wire::Protocol;

use crate::calls::{
    BEGUN_AT, BOUNDS_NS, BYTES_IN_AT, BYTES_OUT_AT, CLASSES_AT, Calls, ENDED_AT, KINDS, SUM_AT, Served,
};
use crate::shards::WIDTH;
use crate::what::{Outcome, PROTOCOLS, UNKNOWN};

/// What was counted of one operation, over all threads.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) service: &'static str,
    pub(crate) operation: &'static str,
    counts: [u64; WIDTH],
}

impl Counted {
    /// The calls of each protocol and outcome that had any.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (Protocol, Outcome, u64)> {
        let pairs =
            PROTOCOLS.into_iter().flat_map(|protocol| Outcome::ALL.map(|outcome| (protocol, outcome)));
        let counted = pairs.zip(self.counts).map(|((protocol, outcome), count)| (protocol, outcome, count));
        counted.filter(|(_, _, count)| *count > 0)
    }

    /// The calls in each class of durations, and the sum of all durations in nanoseconds.
    pub(crate) fn durations(&self) -> ([u64; BOUNDS_NS.len() + 1], u64) {
        let mut classes = [0; BOUNDS_NS.len() + 1];
        let counts = self.counts.iter().skip(CLASSES_AT);
        classes.iter_mut().zip(counts).for_each(|(class, count)| *class = *count);
        (classes, self.at(SUM_AT))
    }

    /// Bytes of the bodies of requests and of answers.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.at(BYTES_IN_AT), self.at(BYTES_OUT_AT))
    }

    fn at(&self, column: usize) -> u64 {
        self.counts.get(column).copied().unwrap_or_default()
    }
}

impl Calls {
    /// The operations that were called, and for each service the calls of operations that it does not have.
    pub(crate) fn counted(&self) -> Vec<Counted> {
        let mut all = vec![self.row_counts(0, UNKNOWN, UNKNOWN)];
        for Served { model, row } in &self.services {
            all.push(self.row_counts(*row, model.name, UNKNOWN));
            let operations = (row + 1..).zip(model.operations);
            all.extend(operations.map(|(row, operation)| self.row_counts(row, model.name, operation.name)));
        }
        all.retain(|counted| counted.calls().next().is_some());
        all
    }

    /// The names of the services, and [`UNKNOWN`].
    pub(crate) fn service_names(&self) -> impl Iterator<Item = &'static str> {
        self.services.iter().map(|served| served.model.name).chain([UNKNOWN])
    }

    /// Refused signatures by kind.
    pub(crate) fn refused_signatures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        KINDS.into_iter().zip(&self.signatures).map(|(kind, count)| (kind, count.load(Relaxed)))
    }

    /// Calls in flight.
    pub(crate) fn in_flight(&self) -> u64 {
        let all = self.row_counts(self.all, UNKNOWN, UNKNOWN);
        // An end may be seen before its beginning.
        all.at(BEGUN_AT).saturating_sub(all.at(ENDED_AT))
    }

    fn row_counts(&self, row: usize, service: &'static str, operation: &'static str) -> Counted {
        Counted { service, operation, counts: self.shards.sum(row) }
    }
}
