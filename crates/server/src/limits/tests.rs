use super::*;
use platform::{AnyOperation, Quota, Service, ServiceQuotas};
use std::sync::Arc;
use wire::{OperationModel, Protocol, ServiceModel, ValidationStyle};

const START: i64 = 1_795_302_463_000;

static OPERATIONS: [OperationModel; 3] =
    [OperationModel::new("Make"), OperationModel::new("GetIt"), OperationModel::new("ListIt")];

static MODEL: ServiceModel = ServiceModel {
    name: "shop",
    service_id: "Shop",
    endpoint_prefix: "shop",
    signing_name: "shop",
    api_version: "2026-11-21",
    target_prefix: Some("Shop"),
    protocols: &[Protocol::Json11],
    xml_namespace: None,
    global: false,
    validation: ValidationStyle::Json,
    query_compatible: false,
    errors: &[],
    operations: &OPERATIONS,
};

static QUOTAS: ServiceQuotas = ServiceQuotas {
    code: "ThrottlingException",
    message: "Rate exceeded",
    list: &[Quota::reads("reads", 3.0).in_regions(&[("eu-west-1", 9.0)])],
    rest: Quota::rest("rest", 2.0),
};

struct Shop;

impl Service for Shop {
    fn model(&self) -> &'static ServiceModel {
        &MODEL
    }

    fn operations(self: Arc<Self>) -> Vec<Box<dyn AnyOperation>> {
        Vec::new()
    }

    fn quotas(&self) -> &'static ServiceQuotas {
        &QUOTAS
    }
}

fn quotas() -> Quotas {
    Quotas::new(&[Arc::new(Shop)])
}

/// How many of a hundred calls pass.
fn passed(limits: &Limits, account: &str, region: &str, quota: usize) -> usize {
    (0..100).filter(|_| limits.admits(account, region, quota, START)).count()
}

#[test]
fn accounts_regions_and_quotas_are_counted_apart() {
    let limits = Limits::new(&quotas(), None);
    assert_eq!(passed(&limits, "111122223333", "us-east-1", 0), 3);
    assert_eq!(passed(&limits, "111122223333", "us-east-1", 1), 2);
    assert_eq!(passed(&limits, "444455556666", "us-east-1", 0), 3);
    assert_eq!(passed(&limits, "111122223333", "eu-west-1", 0), 9, "as the region has it");
    assert_eq!(passed(&limits, "111122223333", "us-east-1", 0), 0);
    assert_eq!(passed(&limits, "111122223333", "us-east-1", 1000), 0, "unknown means no");
}

#[test]
fn resources_have_their_own_whoever_calls() {
    let limits = Limits::new(&quotas(), None);
    let passed = |resource: &str, now_ms| {
        (0..100).filter(|_| limits.admits_about(resource, "us-east-1", 0, 1, now_ms)).count()
    };
    assert_eq!(passed("one", START), 3);
    assert_eq!(passed("other", START), 3);
    assert_eq!(passed("one", START), 0);
    for resource in 0..2_000 {
        assert_eq!(passed(&resource.to_string(), START + 500), 3);
    }
    assert_eq!(passed("0", START + 500), 0, "nothing is forgotten that is missing something");
    assert!(!limits.admits_about("one", "us-east-1", 1000, 1, START), "unknown means no");
}

#[test]
fn made_up_regions_share_one_quota() {
    let limits = Limits::new(&quotas(), None);
    let all: usize = (0..50)
        .map(|n| format!("xx-{}-1", "a".repeat(n + 1)))
        .map(|region| passed(&limits, "111122223333", &region, 0))
        .sum();
    assert_eq!(all, 3);
}

#[test]
fn an_operator_chooses_by_name_or_for_a_service() {
    let mut quotas = quotas();
    quotas.set("shop:reads", 40.0).unwrap();
    quotas.set("shop:*", 7.0).unwrap();
    let limits = Limits::new(&quotas, None);
    assert_eq!(
        passed(&limits, "111122223333", "eu-west-1", 0),
        40,
        "the name goes before the service, everywhere"
    );
    assert_eq!(passed(&limits, "111122223333", "us-east-1", 1), 7);
    for name in ["shop:Make", "shop", "shop:", "*", ":*", "sho*", "shopping:*", "SHOP:reads", "unidentified"]
    {
        assert_eq!(quotas.set(name, 1.0), Err(QuotaError::Unknown(name.to_owned())));
    }
    for value in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e10, 1e-4] {
        assert_eq!(quotas.set("shop:reads", value), Err(QuotaError::OutOfBounds));
    }
}

#[test]
fn entries_name_their_operations() {
    let quotas = quotas();
    let found: Vec<_> =
        quotas.iter().map(|entry| (entry.name.as_str(), entry.operations.as_slice())).collect();
    let expected: [(&str, &[&str]); 4] = [
        ("shop:reads", &["GetIt", "ListIt"]),
        ("shop:rest", &["Make"]),
        ("unidentified:source", &[]),
        ("unidentified:all", &[]),
    ];
    assert_eq!(found, expected);
    assert_eq!(quotas.start_of("shop"), 0);
    assert_eq!(quotas.start_of("unidentified"), 2);
}

#[test]
fn what_is_not_recorded_is_counted() {
    let mut quotas = quotas();
    quotas.set("unidentified:*", 3.0).unwrap();
    let limits = Limits::new(&quotas, NonZeroUsize::new(1));
    let source = IpAddr::from([192, 0, 2, 1]);
    assert_eq!((0..10).filter(|_| limits.records_stranger(source, START)).count(), 3);
    let place = limits.enter();
    assert!(limits.enter().is_none() && limits.enter().is_none());
    drop(place);
    assert!(limits.enter().is_some());
    let counted = Unrecorded { unidentified: 7, shed: 2, unrecordable: 0 };
    assert_eq!(limits.take_unrecorded(), counted);
    assert_eq!(limits.take_unrecorded(), Unrecorded::default());
    limits.put_back(counted);
    assert_eq!(limits.take_unrecorded(), counted);
}
