//! The tests.

use crate::world::{DAY_MS, Signed, World};
use serde_json::Value;
use wire::Timestamp;

const WHO: &str = "Action=GetCallerIdentity&Version=2011-06-15";

fn json((status, body): (u16, String)) -> Value {
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// What an element of an XML answer holds.
fn element<'b>(body: &'b str, name: &str) -> &'b str {
    let (_, rest) = body.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {body}"));
    rest.split_once(&format!("</{name}>")).unwrap().0
}

#[tokio::test]
async fn a_session_ends_when_it_says() {
    let world = World::new();
    let form = "Action=GetSessionToken&Version=2011-06-15&DurationSeconds=900";
    let (status, body) = world.query(&world.root, "sts", form).await;
    assert_eq!(status, 200, "{body}");
    let session = Signed {
        id: element(&body, "AccessKeyId").to_owned(),
        secret: element(&body, "SecretAccessKey").to_owned(),
        token: Some(element(&body, "SessionToken").to_owned()),
    };
    world.pass(899_000);
    assert_eq!(world.query(&session, "sts", WHO).await.0, 200);
    world.pass(1_000);
    let (status, body) = world.query(&session, "sts", WHO).await;
    assert_eq!((status, element(&body, "Code")), (403, "ExpiredToken"));
    let (status, body) = world.json(&session, "kms", "TrentService.ListKeys", "{}").await;
    assert_eq!(status, 400);
    assert!(body.contains("ExpiredTokenException"), "{body}");
    // Who does not hold the secret does not learn that the token has expired.
    let thief = Signed { secret: "t".repeat(40), ..session };
    let (status, body) = world.query(&thief, "sts", WHO).await;
    assert_eq!((status, element(&body, "Code")), (403, "SignatureDoesNotMatch"));
}

#[tokio::test]
async fn a_signature_is_good_for_fifteen_minutes_both_ways() {
    let world = World::new();
    for (seconds, expected) in [
        (-15 * 60, None),
        (15 * 60, None),
        (-15 * 60 - 1, Some("Signature expired: ")),
        (15 * 60 + 1, Some("Signature not yet current: ")),
    ] {
        let at = Timestamp(world.now().0 + seconds * 1000);
        let (status, body) = world.query_signed_at(&world.root, "sts", WHO, at).await;
        match expected {
            None => assert_eq!(status, 200, "{body}"),
            Some(words) => {
                assert_eq!((status, element(&body, "Code")), (403, "SignatureDoesNotMatch"));
                assert!(element(&body, "Message").starts_with(words), "{body}");
            }
        }
    }
}

#[tokio::test]
async fn a_presigned_request_lives_as_long_as_it_says() {
    let world = World::new();
    let signed = world.now();
    world.pass(60_000);
    assert_eq!(world.presigned(&world.root, WHO, signed, 60).await.0, 200);
    world.pass(1_000);
    let (status, body) = world.presigned(&world.root, WHO, signed, 60).await;
    assert_eq!((status, element(&body, "Code")), (400, "RequestExpired"));
}

#[tokio::test]
async fn a_key_is_rotated_on_schedule_and_old_ciphertexts_open() {
    let world = World::new();
    let kms = async |operation: &str, body: String| {
        json(world.json(&world.root, "kms", &format!("TrentService.{operation}"), &body).await)
    };
    let key = kms("CreateKey", "{}".to_owned()).await;
    let key = key["KeyMetadata"]["KeyId"].as_str().unwrap();
    kms_enable(&world, key).await;
    let sealed = kms("Encrypt", format!(r#"{{"KeyId":"{key}","Plaintext":"b2xk"}}"#)).await;
    let sealed = sealed["CiphertextBlob"].as_str().unwrap();
    let material = |answer: &Value| answer["KeyMaterialId"].as_str().unwrap().to_owned();

    world.pass(90 * DAY_MS - 1000);
    world.run_timers().await;
    let rotations = kms("ListKeyRotations", format!(r#"{{"KeyId":"{key}"}}"#)).await;
    assert_eq!(rotations["Rotations"].as_array().unwrap().len(), 0);
    world.pass(1000);
    world.run_timers().await;
    let rotations = kms("ListKeyRotations", format!(r#"{{"KeyId":"{key}"}}"#)).await;
    assert_eq!(rotations["Rotations"][0]["RotationType"], "AUTOMATIC");

    let old = kms("Decrypt", format!(r#"{{"CiphertextBlob":"{sealed}"}}"#)).await;
    assert_eq!(old["Plaintext"], "b2xk");
    let new = kms("GenerateDataKey", format!(r#"{{"KeyId":"{key}","KeySpec":"AES_256"}}"#)).await;
    assert_ne!(material(&old), material(&new));

    // The service did it by itself, and that is in the trail.
    let filter = r#"{"LookupAttributes":[{"AttributeKey":"EventName","AttributeValue":"RotateKey"}]}"#;
    let target = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents";
    let events = json(world.json(&world.root, "cloudtrail", target, filter).await);
    let event: Value =
        serde_json::from_str(events["Events"][0]["CloudTrailEvent"].as_str().unwrap()).unwrap();
    assert_eq!(event["eventType"], "AwsServiceEvent");
}

async fn kms_enable(world: &World, key: &str) {
    let body = format!(r#"{{"KeyId":"{key}","RotationPeriodInDays":90}}"#);
    let (status, body) = world.json(&world.root, "kms", "TrentService.EnableKeyRotation", &body).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn a_key_goes_when_its_waiting_period_ends() {
    let world = World::new();
    let root = &world.root;
    let key = json(world.json(root, "kms", "TrentService.CreateKey", "{}").await);
    let key = key["KeyMetadata"]["KeyId"].as_str().unwrap();
    let body = format!(r#"{{"KeyId":"{key}","PendingWindowInDays":7}}"#);
    json(world.json(root, "kms", "TrentService.ScheduleKeyDeletion", &body).await);
    let describe = format!(r#"{{"KeyId":"{key}"}}"#);
    world.pass(7 * DAY_MS - 1000);
    world.run_timers().await;
    let there = json(world.json(root, "kms", "TrentService.DescribeKey", &describe).await);
    assert_eq!(there["KeyMetadata"]["KeyState"], "PendingDeletion");
    world.pass(2000);
    world.run_timers().await;
    let (status, body) = world.json(root, "kms", "TrentService.DescribeKey", &describe).await;
    assert_eq!(status, 400);
    assert!(body.contains("NotFoundException"), "{body}");
}

/// A key whose deletion is scheduled in seven days; its id.
async fn doomed(world: &World) -> String {
    let key = json(world.json(&world.root, "kms", "TrentService.CreateKey", "{}").await);
    let key = key["KeyMetadata"]["KeyId"].as_str().unwrap();
    schedule(world, key).await;
    key.to_owned()
}

async fn schedule(world: &World, key: &str) {
    let body = format!(r#"{{"KeyId":"{key}","PendingWindowInDays":7}}"#);
    json(world.json(&world.root, "kms", "TrentService.ScheduleKeyDeletion", &body).await);
}

async fn is_there(world: &World, key: &str) -> bool {
    world.run_timers().await;
    let body = format!(r#"{{"KeyId":"{key}"}}"#);
    world.json(&world.root, "kms", "TrentService.DescribeKey", &body).await.0 == 200
}

#[tokio::test]
async fn a_clock_that_is_set_on_destroys_nothing_until_an_operator_says_that_it_is_right() {
    let world = World::new();
    let key = doomed(&world).await;
    let rotated = json(world.json(&world.root, "kms", "TrentService.CreateKey", "{}").await);
    kms_enable(&world, rotated["KeyMetadata"]["KeyId"].as_str().unwrap()).await;
    world.leap(100 * DAY_MS);
    assert!(is_there(&world, &key).await);
    assert!(world.moment().held);
    assert_eq!(world.records("RotateKey").await.len(), 1, "what can be undone goes on by the clock");
    world.pass(8 * DAY_MS);
    assert!(is_there(&world, &key).await, "whatever passes meanwhile");
    world.confirm_clock().await;
    assert!(!is_there(&world, &key).await);
    let (records, confirmed) = (world.records("DeleteKey").await, world.records("ConfirmClock").await);
    assert_eq!((records.len(), confirmed.len()), (1, 1));
    assert_eq!(confirmed[0]["serviceEventDetails"]["held"], true);
}

#[tokio::test]
async fn a_clock_that_is_right_again_needs_nobody() {
    let world = World::new();
    let key = doomed(&world).await;
    world.leap(8 * DAY_MS);
    assert!(is_there(&world, &key).await && world.moment().held);
    world.leap(-8 * DAY_MS);
    assert!(is_there(&world, &key).await && !world.moment().held);
    world.pass(7 * DAY_MS);
    assert!(!is_there(&world, &key).await);
}

#[tokio::test]
async fn what_is_scheduled_while_the_clock_is_set_back_has_its_whole_time() {
    let world = World::new();
    let other = doomed(&world).await;
    world.leap(-30 * DAY_MS);
    let key = doomed(&world).await;
    assert!(is_there(&world, &other).await && world.moment().held);
    world.leap(30 * DAY_MS);
    assert!(is_there(&world, &key).await && !world.moment().held);
    world.pass(7 * DAY_MS - 1000);
    assert!(is_there(&world, &key).await && is_there(&world, &other).await);
    world.pass(1000);
    assert!(!is_there(&world, &key).await && !is_there(&world, &other).await);
}

#[tokio::test]
async fn many_timers_that_are_held_back_hold_up_no_other() {
    let world = World::new();
    let keys: Vec<String> = doomed_keys(&world, 150).await;
    let rotated = json(world.json(&world.root, "kms", "TrentService.CreateKey", "{}").await);
    kms_enable(&world, rotated["KeyMetadata"]["KeyId"].as_str().unwrap()).await;
    world.leap(91 * DAY_MS);
    world.run_timers().await;
    assert_eq!(world.records("RotateKey").await.len(), 1);
    assert!(is_there(&world, &keys[0]).await && is_there(&world, &keys[149]).await);
}

async fn doomed_keys(world: &World, count: usize) -> Vec<String> {
    let mut keys = Vec::new();
    for _ in 0..count {
        keys.push(doomed(world).await);
    }
    keys
}
