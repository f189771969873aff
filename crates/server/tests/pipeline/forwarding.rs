//! What a service's calls on its callers' behalf leave behind: a service made for it, which uses KMS for what it keeps.

use crate::made::Made;
use crate::world::World;
use kms::Kms;
use kms::api::{GenerateDataKeyWithoutPlaintextRequest, ops};
use platform::{Access, Cx, Fault, Quota, ServiceQuotas, Table};
use serde_json::Value;
use wire::{OperationModel, Protocol, ServiceModel, ValidationStyle};

static OPERATIONS: [OperationModel; 4] = [
    OperationModel::new("Keep"),
    OperationModel::new("KeepUnderNothing"),
    OperationModel::new("KeepUnderAnothers"),
    OperationModel::new("Pretend"),
];

static QUOTAS: ServiceQuotas = ServiceQuotas {
    code: "ThrottlingException",
    message: "Rate exceeded",
    list: &[],
    rest: Quota::rest("rest", 1e6),
};

static MODEL: ServiceModel = ServiceModel {
    name: "keeper",
    service_id: "Keeper",
    endpoint_prefix: "keeper",
    signing_name: "keeper",
    api_version: "2026-11-21",
    target_prefix: Some("Keeper"),
    protocols: &[Protocol::Json11],
    xml_namespace: None,
    global: false,
    validation: ValidationStyle::Json,
    query_compatible: false,
    errors: &[],
    operations: &OPERATIONS,
};

/// Keeps something under the key that AWS manages for Secrets Manager, or under another service's, or under one that is not there; and pretends to have kept it.
pub(crate) static KEEPER: Made = Made { model: &MODEL, quotas: &QUOTAS, internal: None, run: keeper };

const PRINCIPAL: &str = "secretsmanager.amazonaws.com";

const ROWS: Table<String> = Table::new("keeper/rows");

fn keeper(operation: &str, cx: &mut Cx<'_>) -> Result<(), Fault> {
    cx.authorize(&Access::to("keeper:Keep", "*"))?;
    ROWS.put(&mut cx.tx, &["row"], &"kept".to_owned())?;
    let alias = match operation {
        "Keep" => "alias/aws/secretsmanager",
        "KeepUnderAnothers" => "alias/aws/s3",
        _ => "alias/nothing",
    };
    let input = GenerateDataKeyWithoutPlaintextRequest {
        key_id: alias.to_owned(),
        number_of_bytes: Some(32),
        ..Default::default()
    };
    let sealed = cx.forward::<ops::GenerateDataKeyWithoutPlaintext, _>(PRINCIPAL, &Kms::default(), &input);
    if operation == "Pretend" { Ok(()) } else { sealed.map(drop) }
}

/// Calls the keeper: the status, and the records of the two calls.
async fn keep(world: &World, operation: &str) -> (u16, Value, Value) {
    let target = format!("Keeper.{operation}");
    let (status, _) = world.json(&world.root, "keeper", &target, "{}").await;
    let [outer] = <[Value; 1]>::try_from(world.records(operation).await).unwrap();
    let [inner] = <[Value; 1]>::try_from(world.records("GenerateDataKeyWithoutPlaintext").await).unwrap();
    (status, outer, inner)
}

#[tokio::test]
async fn a_call_on_the_callers_behalf_has_a_record_of_its_own() {
    let world = World::new();
    let (status, outer, inner) = keep(&world, "Keep").await;
    assert_eq!((status, &outer["errorCode"]), (200, &Value::Null));
    assert_eq!(world.read(|tx| ROWS.get(tx, &["row"])).unwrap().as_deref().map(String::as_str), Some("kept"));
    assert_eq!(inner["errorCode"], Value::Null);
    assert_eq!(inner["eventSource"], "kms.amazonaws.com");
    assert_eq!(inner["userIdentity"]["arn"], outer["userIdentity"]["arn"]);
    for place in [&inner["userIdentity"]["invokedBy"], &inner["sourceIPAddress"], &inner["userAgent"]] {
        assert_eq!(place, PRINCIPAL);
    }
    assert_eq!(outer["userIdentity"]["invokedBy"], Value::Null);
    assert_eq!(inner["requestParameters"]["keyId"], "alias/aws/secretsmanager");
    assert_ne!(inner["requestID"], outer["requestID"]);
    assert_ne!(inner["eventID"], outer["eventID"]);
    // The key was made for it, and is named in its record; the caller's own call touched nothing.
    let [made] = <[Value; 1]>::try_from(world.records("CreateKey").await).unwrap();
    assert_eq!(made["eventType"], "AwsServiceEvent");
    assert_eq!(inner["resources"][0]["ARN"], made["resources"][0]["ARN"]);
    assert_eq!(outer["resources"], Value::Null);
    // The caller can't use it directly.
    let body = r#"{"KeyId":"alias/aws/secretsmanager","NumberOfBytes":32}"#;
    let (status, body) = world.json(&world.root, "kms", "TrentService.GenerateDataKey", body).await;
    assert_eq!(status, 400);
    assert!(body.contains("no resource-based policy allows the kms:GenerateDataKey action"), "{body}");
}

#[tokio::test]
async fn a_call_on_the_callers_behalf_that_fails_is_recorded_too() {
    for (operation, alias, inner_error, status, error) in [
        ("KeepUnderNothing", "alias/nothing", "NotFoundException", 400, "NotFoundException"),
        ("KeepUnderAnothers", "alias/aws/s3", "AccessDenied", 400, "AccessDenied"),
        ("Pretend", "alias/nothing", "NotFoundException", 500, "InternalFailure"),
    ] {
        let world = World::new();
        let (answered, outer, inner) = keep(&world, operation).await;
        assert_eq!((answered, outer["errorCode"].as_str()), (status, Some(error)));
        assert_eq!(inner["errorCode"], inner_error);
        assert_eq!(inner["userIdentity"]["invokedBy"], PRINCIPAL);
        assert_eq!(inner["requestParameters"]["keyId"], alias);
        assert!(world.read(|tx| ROWS.get(tx, &["row"])).unwrap().is_none());
        assert_eq!(world.records("CreateKey").await, Vec::<Value>::new());
    }
}
