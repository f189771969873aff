//! What a service's calls on its callers' behalf leave behind: a service made for it, which uses KMS for what it keeps.

use crate::made::Made;
use crate::world::World;
use kms::api::{GenerateDataKeyWithoutPlaintextRequest, ops};
use platform::{Access, As, Cx, Fault, Quota, ServiceQuotas, Table};
use serde_json::{Value, json};
use wire::{OperationModel, Protocol, ServiceModel, ValidationStyle};

static OPERATIONS: [OperationModel; 5] = [
    OperationModel::new("Keep"),
    OperationModel::new("KeepForItself"),
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
    signing_name: "secretsmanager",
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

/// The resource for which it calls for itself.
const SOURCE: &str = "arn:aws:secretsmanager:us-east-1:111122223333:secret:kept";

const ROWS: Table<String> = Table::new("keeper/rows");

fn keeper(operation: &str, cx: &mut Cx<'_>) -> Result<(), Fault> {
    cx.authorize(&Access::to("keeper:Keep", "*"))?;
    ROWS.put(&mut cx.tx, &["row"], &"kept".to_owned())?;
    let configured = ROWS.get(&mut cx.tx, &["key"])?;
    let key_id = match operation {
        "Keep" => "alias/aws/secretsmanager",
        "KeepUnderAnothers" => "alias/aws/s3",
        "KeepForItself" => configured.as_deref().map_or("", String::as_str),
        _ => "alias/nothing",
    };
    let input = GenerateDataKeyWithoutPlaintextRequest {
        key_id: key_id.to_owned(),
        number_of_bytes: Some(32),
        ..Default::default()
    };
    let identity = match operation {
        "KeepForItself" => As::Service { source_arn: SOURCE, source_account: "111122223333" },
        _ => As::Caller,
    };
    let sealed = cx.call::<ops::GenerateDataKeyWithoutPlaintext>(identity, &input);
    if operation == "Pretend" { Ok(()) } else { sealed.map(drop) }
}

/// Calls the keeper: the status, and the records of the two calls.
async fn keep(world: &World, operation: &str) -> (u16, Value, Value) {
    let target = format!("Keeper.{operation}");
    let (status, _) = world.json(&world.root, "secretsmanager", &target, "{}").await;
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

/// What the inner call wrote is undone, and its record stays.
#[tokio::test]
async fn an_operation_may_go_on_after_a_call_that_failed() {
    let world = World::new();
    let (status, outer, inner) = keep(&world, "Pretend").await;
    assert_eq!(
        (status, &outer["errorCode"], inner["errorCode"].as_str()),
        (200, &Value::Null, Some("NotFoundException"))
    );
    assert_eq!(world.read(|tx| ROWS.get(tx, &["row"])).unwrap().as_deref().map(String::as_str), Some("kept"));
}

#[tokio::test]
async fn a_service_calls_for_itself_where_the_resources_policy_lets_it() {
    for (source, status) in
        [(SOURCE, 200), ("arn:aws:secretsmanager:us-east-1:111122223333:secret:other", 400)]
    {
        let world = World::new();
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"},
            {"Effect": "Allow", "Principal": {"Service": PRINCIPAL}, "Action": "kms:GenerateDataKey*", "Resource": "*",
             "Condition": {"StringEquals": {"aws:SourceArn": source, "aws:SourceAccount": "111122223333"}}},
        ]});
        let body = json!({"Policy": policy.to_string()}).to_string();
        let (made, key) = world.json(&world.root, "kms", "TrentService.CreateKey", &body).await;
        assert_eq!(made, 200, "{key}");
        let key: Value = serde_json::from_str(&key).unwrap();
        let arn = key["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
        world.write(|tx| ROWS.put(tx, &["key"], &arn).unwrap());
        let (answered, outer, inner) = keep(&world, "KeepForItself").await;
        assert_eq!(answered, status, "{outer}");
        assert_eq!(inner["userIdentity"], json!({"type": "AWSService", "invokedBy": PRINCIPAL}));
        assert_eq!(inner["errorCode"].is_null(), status == 200);
    }
}

#[tokio::test]
async fn a_call_on_the_callers_behalf_that_fails_is_recorded_too() {
    for (operation, alias, inner_error, status, error) in [
        ("KeepUnderNothing", "alias/nothing", "NotFoundException", 400, "NotFoundException"),
        ("KeepUnderAnothers", "alias/aws/s3", "AccessDenied", 400, "AccessDenied"),
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
