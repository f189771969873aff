use crate::testing::{DAY, World, said};
use serde_json::{Value, json};

const EXPIRATION: &str =
    r#"{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2026-12-01T00:00:00.000Z"}}"#;
const BEFORE: &str =
    r#"{"Type":"ExpirationNotification","Version":"1.0","Attributes":{"Before":"2","Unit":"Days"}}"#;
const UNCHANGED: &str =
    r#"{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"12","Unit":"Hours"}}"#;

fn put(world: &World, policies: &[&str]) -> Result<Value, String> {
    let policies = format!("[{}]", policies.join(","));
    let input = json!({
        "Name": "/a", "Value": "v", "Type": "String", "Tier": "Intelligent-Tiering", "Overwrite": true, "Policies": policies,
    });
    world.call("root", "PutParameter", &input).map_err(|fault| said(&fault))
}

fn statuses(world: &World) -> Vec<String> {
    let found = world.ok("DescribeParameters", json!({}));
    let policies = found["Parameters"][0]["Policies"].as_array().unwrap().clone();
    policies
        .iter()
        .map(|policy| {
            format!("{} {}", policy["PolicyType"].as_str().unwrap(), policy["PolicyStatus"].as_str().unwrap())
        })
        .collect()
}

#[test]
fn a_parameter_expires_on_time_and_tells_before() {
    let world = World::new();
    assert_eq!(put(&world, &[EXPIRATION, BEFORE, UNCHANGED]).unwrap()["Tier"], "Advanced");
    let all = ["Expiration Pending", "ExpirationNotification Pending", "NoChangeNotification Pending"];
    assert_eq!(statuses(&world), all);
    assert_eq!(world.run_timers(), 0);
    world.wait(DAY / 2);
    assert_eq!(world.run_timers(), 1);
    assert_eq!(statuses(&world)[2], "NoChangeNotification Finished");
    // What does not name policies keeps them; what tells of no change begins anew.
    world.ok("PutParameter", json!({ "Name": "/a", "Value": "w", "Overwrite": true }));
    assert_eq!(statuses(&world), all);
    world.wait(7 * DAY);
    assert_eq!(world.run_timers(), 2);
    assert_eq!(statuses(&world)[1], "ExpirationNotification Finished");
    assert_eq!(world.events().len(), 0);
    world.wait(2 * DAY);
    assert_eq!(world.run_timers(), 1);
    let events = world.events();
    assert_eq!(events.iter().map(|event| event.name).collect::<Vec<_>>(), ["DeleteParameter"]);
    assert_eq!(
        world.call("root", "GetParameter", &json!({ "Name": "/a" })).unwrap_err().code(),
        "ParameterNotFound"
    );
    assert_eq!(world.rows(), Vec::<String>::new());
}

#[test]
fn policies_that_are_taken_away_do_nothing() {
    let world = World::new();
    put(&world, &[EXPIRATION]).unwrap();
    put(&world, &["{}"]).unwrap();
    assert_eq!(statuses(&world), Vec::<String>::new());
    put(&world, &[EXPIRATION]).unwrap();
    world.ok("DeleteParameter", json!({ "Name": "/a" }));
    world.ok("PutParameter", json!({ "Name": "/a", "Value": "v", "Type": "String" }));
    world.wait(30 * DAY);
    assert_eq!(world.run_timers(), 0);
    world.ok("GetParameter", json!({ "Name": "/a" }));
}

#[test]
fn policies_that_make_no_sense_are_refused() {
    let world = World::new();
    let refused = |policies: &[&str]| put(&world, policies).unwrap_err();
    let code = |policies: &[&str]| refused(policies).split(':').next().unwrap().to_owned();
    assert_eq!(code(&[EXPIRATION, EXPIRATION]), "IncompatiblePolicyException");
    assert_eq!(code(&[BEFORE]), "IncompatiblePolicyException");
    assert_eq!(code(&[UNCHANGED; 11]), "PoliciesLimitExceededException");
    assert!(put(&world, &[UNCHANGED; 10]).is_ok());
    assert_eq!(code(&[&EXPIRATION.replace("Expiration", "Expiry")]), "InvalidPolicyTypeException");
    for wrong in [
        "1",
        "\"a\"",
        "{",
        r#"{"Type":"Expiration"}"#,
        &EXPIRATION.replace("2026-12", "2020-12"),
        &EXPIRATION.replace("2026-12", "2026-13"),
        &EXPIRATION.replace("Timestamp", "Time"),
        &EXPIRATION.replace("1.0", "2.0"),
        &UNCHANGED.replace("12", "0"),
        &UNCHANGED.replace("12", "-1"),
        &UNCHANGED.replace("12", "99999999999"),
        &UNCHANGED.replace("Hours", "Weeks"),
        &UNCHANGED.replace("After", "Before"),
    ] {
        assert_eq!(code(&[wrong]), "InvalidPolicyAttributeException", "{wrong}");
    }
}
