//! What the pipeline does with handlers that break the rules: a service made for it, whose operations do.

use crate::made::Made;
use crate::world::World;
use platform::{Cx, Fault, Quota, ServiceQuotas};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use wire::{OperationModel, Protocol, ServiceModel, ValidationStyle};

static OPERATIONS: [OperationModel; 4] = [
    OperationModel::new("Forget"),
    OperationModel::new("Panic"),
    OperationModel::new("Conflict"),
    OperationModel::new("Hold"),
];

/// `Hold` counts itself in, and ends when it can have this.
pub(crate) static HOLD: Mutex<()> = Mutex::new(());
pub(crate) static HELD: AtomicUsize = AtomicUsize::new(0);

static QUOTAS: ServiceQuotas = ServiceQuotas {
    code: "ThrottlingException",
    message: "Rate exceeded",
    list: &[],
    rest: Quota::rest("rest", 2.0),
};

static MODEL: ServiceModel = ServiceModel {
    name: "rogue",
    service_id: "Rogue",
    endpoint_prefix: "rogue",
    signing_name: "rogue",
    api_version: "2026-11-21",
    target_prefix: Some("Rogue"),
    protocols: &[Protocol::Json11],
    xml_namespace: None,
    global: false,
    validation: ValidationStyle::Json,
    query_compatible: false,
    operations: &OPERATIONS,
};

/// Changes something without asking whether it may, at once or later, panics, or conflicts without end.
pub(crate) static ROGUE: Made = Made { model: &MODEL, quotas: &QUOTAS, run: rogue };

/// What `Forget` writes.
const ROWS: platform::Table<String> = platform::Table::new("rogue/rows");

fn rogue(operation: &str, cx: &mut Cx<'_>) -> Result<(), Fault> {
    assert_ne!(operation, "Panic", "as it is meant to");
    if operation == "Hold" {
        HELD.fetch_add(1, Ordering::SeqCst);
        drop(HOLD.lock());
    }
    if operation == "Conflict" {
        return Err(Fault::conflict());
    }
    ROWS.put(&mut cx.tx, &["row"], &"written".to_owned())
}

#[tokio::test]
async fn what_did_not_authorize_has_no_effect_and_is_recorded() {
    let world = World::new();
    for operation in ["Forget", "Panic"] {
        let target = format!("Rogue.{operation}");
        let (status, body) = world.json(&world.root, "rogue", &target, "{}").await;
        assert_eq!(status, 500);
        assert!(body.contains("InternalFailure") && !body.contains("meant to"), "{body}");
        let records = world.records(operation).await;
        assert_eq!(records[0]["errorCode"], "InternalFailure");
    }
    assert!(world.read(|tx| ROWS.get(tx, &["row"])).unwrap().is_none());
}
