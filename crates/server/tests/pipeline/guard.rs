//! What the pipeline does with handlers that break the rules: a service made for it, whose operations do.

use crate::world::World;
use platform::{AnyCall, AnyOperation, AnyShape, Cx, Fault, Quota, Service, ServiceQuotas};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use wire::{OperationModel, Protocol, Rejection, ServiceModel, Unit, ValidationStyle};

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
pub(crate) struct Rogue;

/// What `Forget` writes.
const ROWS: platform::Table<String> = platform::Table::new("rogue/rows");

impl Service for Rogue {
    fn model(&self) -> &'static ServiceModel {
        &MODEL
    }

    fn operations(self: Arc<Self>) -> Vec<Box<dyn AnyOperation>> {
        OPERATIONS.iter().map(|model| Box::new(Broken(model)) as Box<dyn AnyOperation>).collect()
    }

    fn quotas(&self) -> &'static ServiceQuotas {
        &QUOTAS
    }
}

#[derive(Clone, Copy)]
struct Broken(&'static OperationModel);

impl AnyOperation for Broken {
    fn model(&self) -> &'static OperationModel {
        self.0
    }

    fn decode(
        &self,
        _: Protocol,
        _: &'static ServiceModel,
        _: &http::request::Parts,
        _: &[u8],
    ) -> Result<Box<dyn AnyCall>, Rejection> {
        Ok(Box::new(*self))
    }
}

impl AnyCall for Broken {
    fn run(&self, cx: &mut Cx<'_>) -> Result<Box<dyn AnyShape>, Fault> {
        assert_ne!(self.0.name, "Panic", "as it is meant to");
        if self.0.name == "Hold" {
            HELD.fetch_add(1, Ordering::SeqCst);
            drop(HOLD.lock());
        }
        if self.0.name == "Conflict" {
            return Err(Fault::conflict());
        }
        ROWS.put(&mut cx.tx, &["row"], &"written".to_owned())?;
        Ok(Box::new(Unit))
    }

    fn input(&self) -> &dyn AnyShape {
        &Unit
    }
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
