//! Quotas, unidentified callers and load, while time stands still.

use crate::guard::{HELD, HOLD};
use crate::world::{Signed, World};
use std::sync::atomic::Ordering;

const CREATE: &str = "TrentService.CreateKey";
const WHO: &str = "Action=GetCallerIdentity&Version=2011-06-15";
const SAML: &str = "Action=AssumeRoleWithSAML&Version=2011-06-15";
/// Enough to look the trail up.
const LOOKUPS: (&str, f64) = ("cloudtrail:LookupEvents", 1000.0);

/// How many of some calls of KMS are served; all others must be throttled.
async fn served(world: &World, target: &str, body: &str, tried: usize) -> usize {
    let mut served = 0;
    for _ in 0..tried {
        match world.json(&world.root, "kms", target, body).await {
            (200, _) => served += 1,
            (status, body) => {
                assert_eq!(status, 400);
                assert!(body.contains("ThrottlingException") && body.contains("You have exceeded the rate"));
            }
        }
    }
    served
}

#[tokio::test]
async fn a_quota_is_a_seconds_worth_and_refills_with_time() {
    let world = World::with_quotas(&[LOOKUPS], None);
    assert_eq!(served(&world, CREATE, "{}", 9).await, 5);
    world.pass(199);
    assert_eq!(served(&world, CREATE, "{}", 1).await, 0);
    world.pass(1);
    assert_eq!(served(&world, CREATE, "{}", 3).await, 1);
    world.pass(60_000);
    assert_eq!(served(&world, CREATE, "{}", 9).await, 5);
    // Other operations have their own.
    assert_eq!(served(&world, "TrentService.ListKeys", "{}", 9).await, 9);
    // Every refusal is on record, of who called.
    let refused = world.records("CreateKey").await;
    let refused: Vec<_> =
        refused.iter().filter(|record| record["errorCode"] == "ThrottlingException").collect();
    assert_eq!(refused.len(), 4 + 1 + 2 + 4);
    for record in refused {
        assert_eq!(record["userIdentity"]["type"], "Root");
        assert_eq!(
            record["errorMessage"],
            "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
        );
        assert!(record["responseElements"].is_null());
    }
}

#[tokio::test]
async fn what_is_malformed_or_not_implemented_counts_too() {
    let world = World::with_quotas(&[], None);
    for _ in 0..5 {
        let (status, body) = world.json(&world.root, "kms", CREATE, r#"{"KeySpec":7}"#).await;
        assert!(status == 400 && !body.contains("Throttling"), "{body}");
    }
    assert_eq!(served(&world, CREATE, "{}", 2).await, 0);
    let start = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.StartLogging";
    for expected in [501, 400] {
        assert_eq!(world.json(&world.root, "cloudtrail", start, "{}").await.0, expected);
    }
}

/// The key decides; what ends before it is known counts as the first of the operation's quotas.
#[tokio::test]
async fn uses_of_keys_count_by_their_kind_and_mistakes_as_one_of_them() {
    let chosen = [LOOKUPS, ("kms:rsa", 2.0), ("kms:ecc", 3.0), ("kms:symmetric", 2.0)];
    let world = World::with_quotas(&chosen, None);
    let create = r#"{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"}"#;
    let (status, body) = world.json(&world.root, "kms", CREATE, create).await;
    assert_eq!(status, 200, "{body}");
    let made: serde_json::Value = serde_json::from_str(&body).unwrap();
    let key = made["KeyMetadata"]["KeyId"].as_str().unwrap();
    let sign =
        |key: &str| format!(r#"{{"KeyId":"{key}","Message":"eA==","SigningAlgorithm":"ECDSA_SHA_256"}}"#);
    assert_eq!(served(&world, "TrentService.Sign", &sign(key), 5).await, 3);
    let mut answers = Vec::new();
    for body in [r#"{"KeyId":7}"#, &sign("00000000-0000-4000-8000-000000000000"), "{}", "{}"] {
        let (status, body) = world.json(&world.root, "kms", "TrentService.Sign", body).await;
        assert_eq!(status, 400);
        answers.push(body.contains("ThrottlingException"));
    }
    assert_eq!(answers, [false, false, true, true]);
    // Neither has anything to do with what else there is.
    let random = r#"{"NumberOfBytes":1}"#;
    assert_eq!(served(&world, "TrentService.GenerateRandom", random, 5).await, 2);
    world.pass(1_000);
    assert_eq!(served(&world, "TrentService.Sign", &sign(key), 5).await, 3);
    let records = world.records("Sign").await;
    let throttled = records.iter().filter(|record| record["errorCode"] == "ThrottlingException").count();
    assert_eq!(throttled, 2 + 2 + 2);
}

#[tokio::test]
async fn a_call_that_is_run_again_counts_once() {
    let world = World::with_quotas(&[], None);
    let mut statuses = Vec::new();
    for operation in ["Rogue.Conflict", "Rogue.Conflict", "Rogue.Forget"] {
        statuses.push(world.json(&world.root, "rogue", operation, "{}").await.0);
    }
    assert_eq!(statuses, [503, 503, 400]);
}

/// However many they are, they are told what the first was told.
#[tokio::test]
async fn strangers_get_the_same_answer_and_are_recorded_up_to_a_rate() {
    const CALLS: usize = 100;
    let world = World::with_quotas(&[LOOKUPS], None);
    let thief = Signed { secret: "t".repeat(40), ..world.root.clone() };
    let nobody = Signed { id: "AKIANOBODYNOBODYNOBO".to_owned(), ..thief.clone() };
    for turn in 0..CALLS {
        for (answer, status, code) in [
            (world.query(&thief, "sts", WHO).await, 403, "<Code>SignatureDoesNotMatch</Code>"),
            (world.query(&nobody, "sts", WHO).await, 403, "<Code>InvalidClientTokenId</Code>"),
            (world.unsigned("sts", WHO).await, 403, "<Code>MissingAuthenticationToken</Code>"),
            (world.unsigned("sts", SAML).await, 501, "<Code>NotImplemented</Code>"),
            (
                world.json(&thief, "kms", "TrentService.ListKeys", "{}").await,
                400,
                "InvalidSignatureException",
            ),
            (
                world.query(&thief, "sts", "Action=Nonsense&Version=1").await,
                400,
                "<Code>InvalidAction</Code>",
            ),
        ] {
            assert!(answer.0 == status && answer.1.contains(code), "{turn}: {status} {code}: {answer:?}");
        }
    }
    // Whoever is known is not held up, from the same address.
    assert_eq!(world.query(&world.root, "sts", WHO).await.0, 200);

    assert!(world.records("CallsRefusedUnrecorded").await.is_empty());
    world.record_unrecorded().await;
    world.record_unrecorded().await;
    let counts = world.records("CallsRefusedUnrecorded").await;
    assert_eq!(counts.len(), 1, "nothing is told twice");
    assert_eq!(counts[0]["serviceEventDetails"]["unidentifiedCalls"], 6 * CALLS - 5);
    assert_eq!(counts[0]["serviceEventDetails"]["callsShedUnderLoad"], 0);
    let mut recorded = 0;
    for name in ["GetCallerIdentity", "AssumeRoleWithSAML", "ListKeys", "Nonsense", "UnknownOperation"] {
        let records = world.records(name).await;
        recorded += records.iter().filter(|record| record["errorCode"].is_string()).count();
    }
    assert_eq!(recorded, 5, "and the disk is not filled");

    world.pass(200);
    assert!(world.query(&thief, "sts", WHO).await.1.contains("SignatureDoesNotMatch"));
    let records = world.records("GetCallerIdentity").await;
    let recorded = records.iter().filter(|record| record["errorCode"].is_string()).count();
    assert!(recorded >= 4, "one more is recorded: {recorded}");
}

#[test]
fn calls_beyond_the_load_are_shed_and_counted_and_the_next_are_served() {
    let world = World::with_quotas(&[LOOKUPS], Some(2));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let who = || runtime.block_on(world.query(&world.root, "sts", WHO));
    let rogue = || runtime.block_on(world.json(&world.root, "rogue", "Rogue.Hold", "{}"));
    std::thread::scope(|scope| {
        let held = HOLD.lock().unwrap();
        let calls = [(); 2].map(|()| scope.spawn(rogue));
        while HELD.load(Ordering::SeqCst) < 2 {
            std::thread::yield_now();
        }
        for _ in 0..2 {
            let (status, body) = who();
            assert_eq!(status, 503);
            assert!(body.contains("<Code>ServiceUnavailable</Code>"), "{body}");
        }
        let (status, body) = runtime.block_on(world.json(&world.root, "kms", "TrentService.ListKeys", "{}"));
        assert_eq!(status, 503);
        assert!(body.contains("ServiceUnavailableException"), "{body}");
        drop(held);
        // What had its place goes on; it is refused for not having asked whether it may.
        assert_eq!(calls.map(|call| call.join().unwrap().0), [500, 500]);
    });
    assert_eq!(who().0, 200);
    runtime.block_on(world.record_unrecorded());
    let counts = runtime.block_on(world.records("CallsRefusedUnrecorded"));
    assert_eq!(counts[0]["serviceEventDetails"]["callsShedUnderLoad"], 3);
    assert_eq!(counts[0]["serviceEventDetails"]["unidentifiedCalls"], 0);
}
