use crate::testing::{ACCOUNT, World, allow, said};
use serde_json::{Value, json};

fn world() -> World {
    let world = World::new();
    let tags = json!([{ "Key": "team", "Value": "red" }]);
    world.ok(
        "PutParameter",
        json!({ "Name": "/a/b", "Value": "v", "Type": "String", "Tier": "Advanced", "Tags": tags }),
    );
    world
}

/// For each operation, an input that succeeds, and the resource that it asks for.
fn inputs() -> Vec<(&'static str, Value, String)> {
    let arn = format!("arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/a/b");
    let setting = "/ssm/parameter-store/default-parameter-tier";
    let setting_arn = format!("arn:aws:ssm:us-east-1:{ACCOUNT}:servicesetting{setting}");
    let named = json!({ "ResourceType": "Parameter", "ResourceId": "/a/b" });
    let with = |mut input: Value, more: Value| {
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    vec![
        ("AddTagsToResource", with(named.clone(), json!({ "Tags": [] })), arn.clone()),
        ("DeleteParameter", json!({ "Name": "/a/b" }), arn.clone()),
        ("DeleteParameters", json!({ "Names": ["/a/b"] }), arn.clone()),
        ("DescribeParameters", json!({}), format!("arn:aws:ssm:us-east-1:{ACCOUNT}:*")),
        ("GetParameter", json!({ "Name": "/a/b" }), arn.clone()),
        ("GetParameterHistory", json!({ "Name": "/a/b" }), arn.clone()),
        ("GetParameters", json!({ "Names": ["/a/b"] }), arn.clone()),
        (
            "GetParametersByPath",
            json!({ "Path": "/a/" }),
            format!("arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/a"),
        ),
        ("GetResourcePolicies", json!({ "ResourceArn": arn }), arn.clone()),
        ("GetServiceSetting", json!({ "SettingId": setting }), setting_arn.clone()),
        ("LabelParameterVersion", json!({ "Name": "/a/b", "Labels": ["x"] }), arn.clone()),
        ("ListTagsForResource", named.clone(), arn.clone()),
        ("PutParameter", json!({ "Name": "/a/b", "Value": "w", "Overwrite": true }), arn.clone()),
        ("RemoveTagsFromResource", with(named, json!({ "TagKeys": [] })), arn.clone()),
        ("ResetServiceSetting", json!({ "SettingId": setting }), setting_arn.clone()),
        ("UnlabelParameterVersion", json!({ "Name": "/a/b", "ParameterVersion": 1, "Labels": ["x"] }), arn),
        ("UpdateServiceSetting", json!({ "SettingId": setting, "SettingValue": "Standard" }), setting_arn),
    ]
}

#[test]
fn each_operation_asks_for_its_own_action_on_what_it_names() {
    let known: Vec<_> = inputs().iter().map(|(operation, ..)| *operation).collect();
    let mut all = World::new().operations();
    all.retain(|operation| !["PutResourcePolicy", "DeleteResourcePolicy"].contains(operation));
    assert_eq!(known, all);
    for (operation, input, resource) in inputs() {
        let world = world();
        world.user("none", "");
        world.user(
            "others",
            &known
                .iter()
                .filter(|other| **other != operation)
                .map(|other| allow(&format!("ssm:{other}"), "*"))
                .collect::<Vec<_>>()
                .join(","),
        );
        world.user("elsewhere", &allow("ssm:*", &format!("{resource}x")));
        world.user("may", &allow(&format!("ssm:{operation}"), &resource));
        for who in ["none", "others", "elsewhere"] {
            let denied = said(&world.call(who, operation, &input).unwrap_err());
            assert!(
                denied.contains(&format!("perform: ssm:{operation} on resource: {resource} ")),
                "{who}: {denied}"
            );
        }
        let answer = world.call("may", operation, &input);
        assert!(answer.is_ok(), "{operation}: {}", said(&answer.unwrap_err()));
    }
}

#[test]
fn a_deny_of_one_action_is_none_of_another() {
    let world = world();
    let deny = allow("ssm:GetParameter", "*").replace("Allow", "Deny");
    world.user("odd", &format!("{},{deny}", allow("ssm:*", "*")));
    assert!(world.call("odd", "GetParameter", &json!({ "Name": "/a/b" })).is_err());
    world.call("odd", "GetParameters", &json!({ "Names": ["/a/b"] })).unwrap();
    // One name that is denied refuses them all.
    let deny = allow("ssm:GetParameters", "arn:aws:ssm:*:*:*b").replace("Allow", "Deny");
    world.user("odd", &format!("{},{deny}", allow("ssm:*", "*")));
    assert!(world.call("odd", "GetParameters", &json!({ "Names": ["/a/a", "/a/b"] })).is_err());
}

#[test]
fn conditions_know_what_is_asked() {
    let world = world();
    let when = |action: &str, operator: &str, key: &str, value: &str| {
        let statement = allow(action, "*");
        let condition = format!(r#","Condition":{{"{operator}":{{"{key}":"{value}"}}}}}}"#);
        format!("{}{condition}", statement.strip_suffix('}').unwrap())
    };
    let put = |more: Value| {
        let mut input = json!({ "Name": "/new", "Value": "w", "Type": "String", "Tier": "Advanced" });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let none = json!({});
    let policies = json!({ "Policies": "[]" });
    let cases = [
        (
            "ssm:GetParameter",
            "StringEquals",
            "aws:ResourceTag/team",
            "red",
            "GetParameter",
            json!({ "Name": "/a/b" }),
            true,
        ),
        (
            "ssm:GetParameter",
            "StringEquals",
            "aws:ResourceTag/team",
            "blue",
            "GetParameter",
            json!({ "Name": "/a/b" }),
            false,
        ),
        (
            "ssm:GetParameter",
            "StringEquals",
            "ssm:resourceTag/team",
            "red",
            "GetParameter",
            json!({ "Name": "/a/b" }),
            true,
        ),
        (
            "ssm:GetParameter",
            "StringEquals",
            "ssm:ResourceTag/Team",
            "blue",
            "GetParameter",
            json!({ "Name": "/a/b" }),
            false,
        ),
        (
            "ssm:PutParameter",
            "StringEquals",
            "ssm:Overwrite",
            "false",
            "PutParameter",
            put(none.clone()),
            true,
        ),
        (
            "ssm:PutParameter",
            "StringEquals",
            "ssm:Overwrite",
            "false",
            "PutParameter",
            put(json!({ "Overwrite": true })),
            false,
        ),
        ("ssm:PutParameter", "StringEquals", "ssm:Policies", "false", "PutParameter", put(none), true),
        ("ssm:PutParameter", "StringEquals", "ssm:Policies", "false", "PutParameter", put(policies), false),
        (
            "ssm:GetParametersByPath",
            "StringEquals",
            "ssm:Recursive",
            "true",
            "GetParametersByPath",
            json!({ "Path": "/", "Recursive": true }),
            true,
        ),
        (
            "ssm:GetParametersByPath",
            "StringEquals",
            "ssm:Recursive",
            "true",
            "GetParametersByPath",
            json!({ "Path": "/" }),
            false,
        ),
        (
            "ssm:*",
            "ForAllValues:StringEquals",
            "aws:TagKeys",
            "env",
            "PutParameter",
            put(json!({ "Tags": [{ "Key": "env", "Value": "" }] })),
            true,
        ),
        (
            "ssm:*",
            "ForAllValues:StringEquals",
            "aws:TagKeys",
            "env",
            "PutParameter",
            put(json!({ "Tags": [{ "Key": "own", "Value": "" }] })),
            false,
        ),
        (
            "ssm:*",
            "StringEquals",
            "aws:RequestTag/env",
            "dev",
            "PutParameter",
            put(json!({ "Tags": [{ "Key": "env", "Value": "dev" }] })),
            true,
        ),
        (
            "ssm:PutParameter",
            "StringEquals",
            "aws:RequestTag/env",
            "dev",
            "PutParameter",
            put(json!({ "Tags": [{ "Key": "env", "Value": "dev" }] })),
            false,
        ),
    ];
    for (action, operator, key, value, operation, input, allowed) in cases {
        world.user("someone", &when(action, operator, key, value));
        let answer = world.call("someone", operation, &input);
        assert_eq!(
            answer.is_ok(),
            allowed,
            "{key} {value} {input}: {:?}",
            answer.map_err(|fault| said(&fault))
        );
        let _ = world.call("root", "DeleteParameter", &json!({ "Name": "/new" }));
    }
}
