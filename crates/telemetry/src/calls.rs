//! Counts and durations of calls: what is done while a call is served.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use wire::ServiceModel;
use wire::sigv4::SigError;

use crate::shards::{Shards, WIDTH};
use crate::what::{Outcome, PROTOCOLS, What, protocol_index};

/// The upper bounds of the classes of durations, in nanoseconds; there is one more class for what is longer.
///
/// A call waits for one disk synchronization, which takes from 50 µs to some ms; the long end is for disks in trouble.
pub(crate) const BOUNDS_NS: [u64; 14] = [
    500_000,
    1_000_000,
    2_000_000,
    3_000_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    10_000_000_000,
];

/// The kinds of refused signatures.
pub(crate) const KINDS: [&str; 11] = [
    "content_digest",
    "expired",
    "expired_token",
    "expired_request",
    "incomplete",
    "misplaced",
    "mismatch",
    "missing",
    "not_yet_current",
    "unknown_key",
    "unsigned_header",
];

/// Where what lies within the counts of one operation: calls by protocol and outcome first.
const OUTCOMES: usize = Outcome::ALL.len();
pub(crate) const CLASSES_AT: usize = PROTOCOLS.len() * OUTCOMES;
pub(crate) const SUM_AT: usize = CLASSES_AT + BOUNDS_NS.len() + 1;
pub(crate) const BYTES_IN_AT: usize = SUM_AT + 1;
pub(crate) const BYTES_OUT_AT: usize = SUM_AT + 2;
const _: () = assert!(BYTES_OUT_AT < WIDTH);

/// Where what lies in the row of all calls.
pub(crate) const BEGUN_AT: usize = 0;
pub(crate) const ENDED_AT: usize = 1;

/// Counts of calls in tables with a row for every operation of every service.
#[derive(Debug)]
pub struct Calls {
    pub(crate) services: Vec<Served>,
    pub(crate) shards: Shards,
    /// The row of all calls, behind those of operations.
    pub(crate) all: usize,
    pub(crate) signatures: [AtomicU64; KINDS.len()],
}

#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) model: &'static ServiceModel,
    /// The row of its unknown operations; the known ones follow in the model's order.
    pub(crate) row: usize,
}

/// A call that is being served.
#[derive(Debug)]
pub struct Begun<'a> {
    calls: &'a Calls,
    at: Instant,
}

impl Calls {
    /// With rows for the operations of these services, and one for calls of no service.
    pub fn new(models: &[&'static ServiceModel]) -> Self {
        let mut rows = 1;
        let mut services = Vec::with_capacity(models.len());
        for &model in models {
            services.push(Served { model, row: rows });
            rows += 1 + model.operations.len();
        }
        services.sort_by_key(|served| served.model.name);
        Self { services, shards: Shards::new(rows + 1), all: rows, signatures: Default::default() }
    }

    /// Notes that a call begins. It counts as in flight until what this returns is dropped.
    pub fn begin(&self) -> Begun<'_> {
        self.shards.add(self.all, [(BEGUN_AT, 1)]);
        Begun { calls: self, at: Instant::now() }
    }

    /// Notes why a signature was refused.
    pub fn refused_signature(&self, error: &SigError) {
        let kind = match error {
            SigError::ContentDigest => 0,
            SigError::Expired { .. } => 1,
            SigError::ExpiredToken => 2,
            SigError::ExpiredRequest => 3,
            SigError::Incomplete(_) => 4,
            SigError::Misplaced(_) => 5,
            SigError::Mismatch => 6,
            SigError::Missing => 7,
            SigError::NotYetCurrent { .. } => 8,
            SigError::UnknownKey => 9,
            SigError::Unsigned(_) => 10,
        };
        if let Some(count) = self.signatures.get(kind) {
            count.fetch_add(1, Relaxed);
        }
    }

    fn end(&self, nanos: u64, what: &What, outcome: Outcome, bytes_in: usize, bytes_out: usize) {
        let kind = protocol_index(what.protocol) * OUTCOMES + outcome as usize;
        let class = CLASSES_AT + BOUNDS_NS.partition_point(|bound| *bound < nanos);
        let (bytes_in, bytes_out) = ((BYTES_IN_AT, bytes_in as u64), (BYTES_OUT_AT, bytes_out as u64));
        self.shards.add(self.row(what), [(kind, 1), (class, 1), (SUM_AT, nanos), bytes_in, bytes_out]);
    }

    fn row(&self, what: &What) -> usize {
        let served = what
            .service
            .and_then(|service| self.services.iter().find(|served| std::ptr::eq(served.model, service)));
        let Some(served) = served else { return 0 };
        // The operation is of the model's own list, so its address tells which one it is.
        let index = what.operation.and_then(|operation| served.model.operations.element_offset(operation));
        served.row + index.map_or(0, |index| index + 1)
    }
}

impl Begun<'_> {
    /// Notes how the call ended, with the bytes of the two bodies, and gives when it began.
    pub fn end(self, what: &What, outcome: Outcome, bytes_in: usize, bytes_out: usize) -> Instant {
        let nanos = u64::try_from(self.at.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.calls.end(nanos, what, outcome, bytes_in, bytes_out);
        self.at
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.calls.shards.add(self.calls.all, [(ENDED_AT, 1)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{OperationModel, Protocol, ValidationStyle};

    static OPERATIONS: [OperationModel; 2] = [OperationModel::new("First"), OperationModel::new("Second")];
    static ONE: ServiceModel = service("one", &OPERATIONS);
    static OTHER: ServiceModel = service("other", &OPERATIONS);
    static STRANGER: ServiceModel = service("stranger", &[]);

    const fn service(name: &'static str, operations: &'static [OperationModel]) -> ServiceModel {
        ServiceModel {
            name,
            service_id: name,
            endpoint_prefix: name,
            signing_name: name,
            api_version: "2026-11-22",
            target_prefix: None,
            protocols: &[Protocol::Json11],
            xml_namespace: None,
            global: false,
            validation: ValidationStyle::Json,
            query_compatible: false,
            errors: &[],
            operations,
        }
    }

    #[test]
    fn each_call_counts_where_it_belongs() {
        let calls = Calls::new(&[&OTHER, &ONE]);
        let end = |service, operation, protocol, outcome| {
            calls.begin().end(&What { service, operation, protocol }, outcome, 10, 20);
        };
        let (first, second) = (OPERATIONS.first(), OPERATIONS.last());
        end(Some(&ONE), first, Protocol::Cbor, Outcome::ServerError);
        end(Some(&ONE), second, Protocol::Json10, Outcome::Ok);
        end(Some(&ONE), second, Protocol::Json10, Outcome::Ok);
        end(Some(&OTHER), first, Protocol::Query, Outcome::Denied);
        end(Some(&OTHER), None, Protocol::Query, Outcome::ClientError);
        end(Some(&STRANGER), None, Protocol::Query, Outcome::ClientError);
        end(None, first, Protocol::Query, Outcome::ClientError);
        let mut found = Vec::new();
        for counted in calls.counted() {
            let (classes, nanos) = counted.durations();
            let of = counted.calls().map(|(_, _, count)| count).sum::<u64>();
            assert_eq!((classes.iter().sum::<u64>(), counted.bytes()), (of, (10 * of, 20 * of)));
            assert!(nanos > 0);
            let name = format!("{}.{}", counted.service, counted.operation);
            found.extend(
                counted.calls().map(|(protocol, outcome, count)| (name.clone(), protocol, outcome, count)),
            );
        }
        assert_eq!(
            found,
            [
                ("unknown.unknown".to_owned(), Protocol::Query, Outcome::ClientError, 2),
                ("one.First".to_owned(), Protocol::Cbor, Outcome::ServerError, 1),
                ("one.Second".to_owned(), Protocol::Json10, Outcome::Ok, 2),
                ("other.unknown".to_owned(), Protocol::Query, Outcome::ClientError, 1),
                ("other.First".to_owned(), Protocol::Query, Outcome::Denied, 1),
            ]
        );
    }

    #[test]
    fn a_call_is_in_flight_until_it_ends_or_is_given_up() {
        let calls = Calls::new(&[&ONE]);
        let (first, second) = (calls.begin(), calls.begin());
        assert_eq!(calls.in_flight(), 2);
        drop(first);
        // It may end on another thread.
        std::thread::scope(|scope| {
            let what = What { service: None, operation: None, protocol: Protocol::Query };
            scope.spawn(move || second.end(&what, Outcome::Ok, 0, 0));
        });
        assert_eq!((calls.in_flight(), calls.counted().len()), (0, 1));
    }

    #[test]
    fn durations_fall_into_the_first_class_that_reaches_them() {
        let calls = Calls::new(&[]);
        let what = What { service: None, operation: None, protocol: Protocol::Query };
        for nanos in [0, 500_000, 500_001, 10_000_000_000, 10_000_000_001, u64::MAX >> 1] {
            calls.end(nanos, &what, Outcome::Ok, 0, 0);
        }
        let (classes, _) = calls.counted().pop().unwrap().durations();
        assert_eq!(classes, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
    }

    #[test]
    fn each_kind_of_refused_signature_has_its_count() {
        let calls = Calls::new(&[]);
        let (signed, now) = (wire::Timestamp(0), wire::Timestamp(0));
        let kinds = [
            (SigError::ContentDigest, "content_digest"),
            (SigError::Expired { signed, now }, "expired"),
            (SigError::ExpiredToken, "expired_token"),
            (SigError::ExpiredRequest, "expired_request"),
            (SigError::Incomplete(String::new()), "incomplete"),
            (SigError::Misplaced(String::new()), "misplaced"),
            (SigError::Mismatch, "mismatch"),
            (SigError::Missing, "missing"),
            (SigError::NotYetCurrent { signed, now }, "not_yet_current"),
            (SigError::UnknownKey, "unknown_key"),
            (SigError::Unsigned(String::new()), "unsigned_header"),
        ];
        for (times, (error, name)) in (1..).zip(kinds) {
            (0..times).for_each(|_| calls.refused_signature(&error));
            assert_eq!(calls.refused_signatures().find(|(kind, _)| *kind == name), Some((name, times)));
        }
    }
}
