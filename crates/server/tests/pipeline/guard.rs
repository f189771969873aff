//! What the pipeline does with handlers that break the rules: a service made for it, whose operations do.

use crate::made::Made;
use crate::world::World;
use platform::{Cx, Fault, Quota, ServiceQuotas};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use wire::{ErrorModel, OperationModel, Protocol, ServiceModel, ValidationStyle};

static OPERATIONS: [OperationModel; 6] = [
    OperationModel::new("Forget"),
    OperationModel { errors: &[ErrorModel::new("RogueException", 500)], ..OperationModel::new("Panic") },
    OperationModel::new("Conflict"),
    OperationModel::new("Hold"),
    OperationModel::new("Act"),
    OperationModel::new("Lose"),
];

/// `Hold` counts itself in, and ends when it can have this.
pub(crate) static HOLD: Mutex<()> = Mutex::new(());
pub(crate) static HELD: AtomicUsize = AtomicUsize::new(0);

/// `Lose` loses every time; without a user agent it waits, once it has its turn among those that lose, until it is let go.
pub(crate) static LOSE: Losing = Losing { attempts: AtomicUsize::new(0), go: Mutex::new(()) };

pub(crate) struct Losing {
    pub(crate) attempts: AtomicUsize,
    pub(crate) go: Mutex<()>,
}

impl Losing {
    fn attempt(&self) {
        if self.attempts.fetch_add(1, Ordering::SeqCst) == 3 {
            drop(self.go.lock());
        }
    }
}

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
    errors: &[ErrorModel::new("RogueException", 500)],
    operations: &OPERATIONS,
};

/// Changes something without asking whether it may, at once or later, panics, or conflicts without end.
pub(crate) static ROGUE: Made =
    Made { model: &MODEL, quotas: &QUOTAS, internal: Some(("RogueException", "Oh dear.")), run: rogue };

/// What `Forget` writes.
const ROWS: platform::Table<String> = platform::Table::new("rogue/rows");

fn rogue(operation: &str, cx: &mut Cx<'_>) -> Result<(), Fault> {
    assert_ne!(operation, "Panic", "as it is meant to");
    if operation == "Hold" {
        HELD.fetch_add(1, Ordering::SeqCst);
        drop(HOLD.lock());
    }
    if operation == "Act" {
        cx.aside(|| ())?;
    }
    if operation == "Lose" && cx.call_facts().user_agent.is_none() {
        LOSE.attempt();
    }
    if matches!(operation, "Conflict" | "Act" | "Lose") {
        return Err(Fault::conflict());
    }
    ROWS.put(&mut cx.tx, &["row"], &"written".to_owned())
}

#[tokio::test]
async fn what_did_not_authorize_has_no_effect_and_is_recorded() {
    let world = World::new();
    // A defect goes by the name that the operation documents.
    for (operation, code) in [("Forget", "InternalFailure"), ("Panic", "RogueException")] {
        let target = format!("Rogue.{operation}");
        let (status, body) = world.json(&world.root, "rogue", &target, "{}").await;
        assert_eq!(status, 500);
        assert!(body.contains(code) && !body.contains("meant to"), "{body}");
        let records = world.records(operation).await;
        assert_eq!(records[0]["errorCode"], code);
    }
    assert!(world.read(|tx| ROWS.get(tx, &["row"])).unwrap().is_none());
}

/// All operations of KMS document it.
#[tokio::test]
async fn a_defect_of_kms_is_an_internal_exception() {
    let world = World::new();
    let id = "00000000-0000-4000-8000-000000000000";
    // A row that is none.
    world.write(|tx| {
        let rows: platform::Table<String> = platform::Table::new("kms/keys");
        rows.put(tx, &["111122223333", "us-east-1", id], &String::new()).unwrap();
    });
    let body = format!(r#"{{"KeyId":"{id}"}}"#);
    let (status, body) = world.json(&world.root, "kms", "TrentService.DescribeKey", &body).await;
    assert_eq!(status, 500);
    let message =
        "The request was rejected because an internal exception occurred. The request can be retried.";
    assert!(body.contains(r#""__type":"KMSInternalException""#) && body.contains(message), "{body}");
    let records = world.records("DescribeKey").await;
    assert_eq!(records[0]["errorCode"], "KMSInternalException");
    assert_eq!(records[0]["errorMessage"], message);
    for operation in kms::api::MODEL.operations {
        assert!(operation.documents("KMSInternalException"), "{}", operation.name);
    }
}
