use crate::testing::{ACCOUNT, OTHER, World, allow, said};
use serde_json::{Value, json};

fn policy(principal: &str) -> String {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": principal },
        "Action": ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParameterHistory"],
        "Resource": format!("arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/shared"),
    }] })
    .to_string()
}

#[test]
fn another_account_reads_what_both_sides_allow() {
    let world = World::new();
    let arn = format!("arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/shared");
    world
        .ok("PutParameter", json!({ "Name": "/shared", "Value": "v", "Type": "String", "Tier": "Advanced" }));
    let put = |more: Value| {
        let mut input =
            json!({ "ResourceArn": arn, "Policy": policy(&format!("arn:aws:iam::{OTHER}:root")) });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.call("root", "PutResourcePolicy", &input)
    };
    world.user("other/may", &allow("ssm:*", "*"));
    world.user("other/not", "");
    let calls = [
        ("GetParameter", json!({ "Name": arn })),
        ("GetParameters", json!({ "Names": [arn] })),
        ("GetParameterHistory", json!({ "Name": arn })),
    ];
    let refused = |who: &str| {
        for (operation, input) in &calls {
            let denied = said(&world.call(who, operation, input).unwrap_err());
            assert!(denied.starts_with("AccessDeniedException"), "{operation}: {denied}");
        }
    };
    refused("other/may");
    let made = put(json!({})).unwrap();
    refused("other/not");
    for (operation, input) in &calls {
        let answer = world.call("other/may", operation, input).unwrap();
        let parameters = answer.get("Parameter").unwrap_or(&answer["Parameters"][0]);
        assert_eq!(parameters["Value"], "v", "{operation}");
    }
    // Nothing else, and no name.
    let by_name = world.call("other/may", "GetParameter", &json!({ "Name": "/shared" })).unwrap_err();
    assert_eq!(by_name.code(), "ParameterNotFound");
    let denied = world.call("other/may", "DeleteParameter", &json!({ "Name": arn })).unwrap_err();
    assert_eq!(denied.code(), "ValidationException");
    let missing = format!("{arn}-not");
    let told = said(&world.call("other/may", "GetParameter", &json!({ "Name": missing })).unwrap_err());
    assert!(told.starts_with("AccessDeniedException"), "{told}");
    // A policy is changed by who knows its state.
    let (id, hash) = (made["PolicyId"].clone(), made["PolicyHash"].clone());
    assert_eq!(put(json!({})).unwrap_err().code(), "ResourcePolicyLimitExceededException");
    assert_eq!(put(json!({ "PolicyId": id })).unwrap_err().code(), "ResourcePolicyInvalidParameterException");
    assert_eq!(
        put(json!({ "PolicyId": "other", "PolicyHash": hash })).unwrap_err().code(),
        "ResourcePolicyNotFoundException"
    );
    let changed = put(json!({ "PolicyId": id, "PolicyHash": hash })).unwrap();
    assert_eq!(
        put(json!({ "PolicyId": id, "PolicyHash": hash })).unwrap_err().code(),
        "ResourcePolicyConflictException"
    );
    let listed = world.ok("GetResourcePolicies", json!({ "ResourceArn": arn }));
    assert_eq!(listed["Policies"][0]["PolicyHash"], changed["PolicyHash"]);
    assert!(listed["Policies"][0]["Policy"].as_str().unwrap().contains(OTHER));
    let delete = |hash: &Value| {
        world.call(
            "root",
            "DeleteResourcePolicy",
            &json!({ "ResourceArn": arn, "PolicyId": id, "PolicyHash": hash }),
        )
    };
    assert_eq!(delete(&hash).unwrap_err().code(), "ResourcePolicyConflictException");
    delete(&changed["PolicyHash"]).unwrap();
    assert_eq!(delete(&changed["PolicyHash"]).unwrap_err().code(), "ResourcePolicyNotFoundException");
    assert_eq!(world.ok("GetResourcePolicies", json!({ "ResourceArn": arn }))["Policies"], json!([]));
    refused("other/may");
}

#[test]
fn policies_of_what_cannot_be_shared_are_refused() {
    let world = World::new();
    let arn = format!("arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/shared");
    let put = |arn: &str, policy: &str| {
        let input = json!({ "ResourceArn": arn, "Policy": policy });
        said(&world.call("root", "PutResourcePolicy", &input).unwrap_err())
    };
    let good = policy(OTHER);
    assert!(put(&arn, &good).starts_with("ResourceNotFoundException"));
    world.ok("PutParameter", json!({ "Name": "/shared", "Value": "v", "Type": "String" }));
    assert!(put(&arn, &good).starts_with("ResourcePolicyInvalidParameterException"));
    world.ok(
        "PutParameter",
        json!({ "Name": "/shared", "Value": "v", "Overwrite": true, "Tier": "Advanced" }),
    );
    for wrong in [
        arn.replace("us-east-1", "us-west-2"),
        arn.replace(ACCOUNT, OTHER),
        format!("{arn}:1"),
        "x".repeat(40),
    ] {
        assert!(put(&wrong, &good).starts_with("ResourcePolicyInvalidParameterException"), "{wrong}");
    }
    for wrong in ["{", "{}", &good.replace("Allow", "Maybe"), &policy("arn:aws:iam::444455556666:user/none")]
    {
        assert!(put(&arn, wrong).starts_with("MalformedResourcePolicyDocumentException"), "{wrong}");
    }
    let long = good.replace("2012-10-17", &format!("2012-10-17\", \"Id\": \"{}", "x".repeat(1024)));
    assert!(put(&arn, &long).starts_with("ResourcePolicyLimitExceededException"));
}
