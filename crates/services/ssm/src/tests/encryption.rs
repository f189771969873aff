use crate::testing::{ACCOUNT, OTHER, World, allow, said};
use serde_json::{Value, json};

const SECRET: &str = "correct-horse-battery";

fn put(world: &World, name: &str, more: Value) -> Value {
    let mut input = json!({ "Name": name, "Value": SECRET, "Type": "SecureString" });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.ok("PutParameter", input)
}

fn read(world: &World, who: &str, name: &str, decrypts: bool) -> Result<String, String> {
    let input = json!({ "Name": name, "WithDecryption": decrypts });
    let answer = world.call(who, "GetParameter", &input).map_err(|fault| said(&fault))?;
    Ok(answer["Parameter"]["Value"].as_str().unwrap().to_owned())
}

#[test]
fn secure_strings_are_encrypted_by_kms_in_both_tiers() {
    let world = World::new();
    put(&world, "/standard", json!({}));
    put(&world, "/advanced", json!({ "Tier": "Advanced" }));
    let long = "ä".repeat(4096);
    put(&world, "/long", json!({ "Tier": "Advanced", "Value": long }));
    for name in ["/standard", "/advanced"] {
        assert_eq!(read(&world, "root", name, true).as_deref(), Ok(SECRET));
        let shown = read(&world, "root", name, false).unwrap();
        assert!(!shown.contains(SECRET) && shown.len() > 100, "{name}: {shown}");
    }
    assert_eq!(read(&world, "root", "/long", true), Ok(long));
    let (rows, trail) = world.stored();
    assert!(!trail.contains(SECRET) && !rows.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()));
    // KMS was asked on the caller's behalf, for each value, bound to the parameter.
    for (operation, name) in
        [("Encrypt", "standard"), ("GenerateDataKey", "advanced"), ("Decrypt", "advanced")]
    {
        let context = format!(
            r#""encryptionContext":{{"PARAMETER_ARN":"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/{name}"}}"#
        );
        let found = trail
            .lines()
            .find(|line| line.contains(&format!(r#""eventName":"{operation}""#)) && line.contains(&context));
        let found = found.unwrap_or_else(|| panic!("{operation} {name}: {trail}"));
        assert!(found.contains(r#""sourceIPAddress":"ssm.amazonaws.com""#), "{found}");
    }
    let described = world.ok("DescribeParameters", json!({}));
    assert_eq!(described["Parameters"][0]["KeyId"], "alias/aws/ssm");
}

#[test]
fn a_value_moved_to_another_parameter_does_not_open() {
    let world = World::new();
    put(&world, "/one", json!({}));
    put(&world, "/two", json!({}));
    world.write(|tx| {
        let (one, two) = (
            crate::names::Place::new(ACCOUNT, "us-east-1", "/one"),
            crate::names::Place::new(ACCOUNT, "us-east-1", "/two"),
        );
        let row = crate::parameter::PARAMETERS.get(tx, &one.path()).unwrap().unwrap();
        crate::parameter::PARAMETERS.put(tx, &two.path(), &row).unwrap();
    });
    assert!(read(&world, "root", "/two", true).unwrap_err().starts_with("InvalidKeyId"));
}

#[test]
fn who_may_not_use_the_key_does_not_read_the_value() {
    let world = World::new();
    let key = world.call_of("kms", "root", "CreateKey", &json!({})).unwrap()["KeyMetadata"]["Arn"]
        .as_str()
        .unwrap()
        .to_owned();
    put(&world, "/own", json!({ "KeyId": key }));
    put(&world, "/default", json!({}));
    world.user("reader", &allow("ssm:*", "*"));
    world.user("both", &format!("{},{}", allow("ssm:*", "*"), allow("kms:*", "*")));
    assert_eq!(read(&world, "both", "/own", true).as_deref(), Ok(SECRET));
    let denied = read(&world, "reader", "/own", true).unwrap_err();
    assert!(denied.starts_with("AccessDeniedException") && denied.contains("kms:Decrypt"), "{denied}");
    assert!(read(&world, "reader", "/own", false).is_ok(), "the ciphertext is no secret");
    // Whom Parameter Store may serve, it may use its own key for.
    assert_eq!(read(&world, "reader", "/default", true).as_deref(), Ok(SECRET));
    let input = json!({ "Name": "/reader", "Value": "v", "Type": "SecureString", "KeyId": key });
    let denied = said(&world.call("reader", "PutParameter", &input).unwrap_err());
    assert!(denied.starts_with("AccessDeniedException") && denied.contains("kms:Encrypt"), "{denied}");
    for name in ["GetParameters", "GetParametersByPath", "GetParameterHistory"] {
        let input = json!({ "Name": "/own", "Names": ["/own"], "Path": "/", "WithDecryption": true });
        let denied = said(&world.call("reader", name, &input).unwrap_err());
        assert!(denied.contains("kms:Decrypt"), "{name}: {denied}");
    }
}

#[test]
fn a_key_that_cannot_be_used_is_invalid() {
    let world = World::new();
    let key = world.call_of("kms", "root", "CreateKey", &json!({})).unwrap()["KeyMetadata"]["KeyId"].clone();
    let input = json!({ "Name": "/a", "Value": "v", "Type": "SecureString", "KeyId": "alias/none" });
    let fault = world.call("root", "PutParameter", &input).unwrap_err();
    assert_eq!(
        said(&fault),
        format!(
            "InvalidKeyId: Alias arn:aws:kms:us-east-1:{ACCOUNT}:alias/none is not found. (Service: AWSKMS; Status Code: 400; Error \
             Code: NotFoundException)"
        )
    );
    for tier in ["Standard", "Advanced"] {
        put(&world, &format!("/{tier}"), json!({ "KeyId": key, "Tier": tier }));
    }
    world.call_of("kms", "root", "DisableKey", &json!({ "KeyId": key })).unwrap();
    for name in ["/Standard", "/Advanced"] {
        let refused = read(&world, "root", name, true).unwrap_err();
        assert!(
            refused.starts_with("InvalidKeyId: ") && refused.ends_with("Error Code: DisabledException)"),
            "{refused}"
        );
        for (operation, input) in [
            ("GetParameters", json!({ "Names": [name], "WithDecryption": true })),
            ("GetParameterHistory", json!({ "Name": name, "WithDecryption": true })),
            ("GetParametersByPath", json!({ "Path": "/", "WithDecryption": true })),
            ("PutParameter", json!({ "Name": name, "Value": "w", "Overwrite": true })),
        ] {
            assert_eq!(
                world.call("root", operation, &input).unwrap_err().code(),
                "InvalidKeyId",
                "{operation}"
            );
        }
    }
    assert_eq!(world.ok("GetParameter", json!({ "Name": "/Standard" }))["Parameter"]["Version"], 1);
}

#[test]
fn secrets_are_read_on_the_callers_behalf() {
    let world = World::new();
    let name = "/aws/reference/secretsmanager/db/password";
    let input = json!({ "Name": name, "WithDecryption": true });
    let answer = world.ok("GetParameter", input.clone());
    let parameter = &answer["Parameter"];
    assert_eq!(parameter["Name"], name);
    assert_eq!(parameter["Type"], "SecureString");
    assert_eq!(parameter["Value"], "hunter2");
    assert_eq!(parameter["Version"], 0);
    assert_eq!(parameter["ARN"], format!("arn:aws:ssm:us-east-1:{ACCOUNT}:parameter{name}"));
    let source: Value = serde_json::from_str(parameter["SourceResult"].as_str().unwrap()).unwrap();
    assert_eq!(source["SecretString"], "hunter2");
    assert_eq!(source["Name"], "db/password");
    let previous =
        world.ok("GetParameter", json!({ "Name": format!("{name}:AWSPREVIOUS"), "WithDecryption": true }));
    assert_eq!(previous["Parameter"]["Value"], "hunterAWSPREVIOUS");
    assert_eq!(previous["Parameter"]["Selector"], ":AWSPREVIOUS");
    let both = world.ok(
        "GetParameters",
        json!({ "Names": [name, "/aws/reference/secretsmanager/none"], "WithDecryption": true }),
    );
    assert_eq!(both["Parameters"].as_array().unwrap().len(), 1);
    assert_eq!(both["InvalidParameters"], json!(["/aws/reference/secretsmanager/none"]));
    let refused = |input: Value| said(&world.call("root", "GetParameter", &input).unwrap_err());
    assert_eq!(
        refused(json!({ "Name": name })),
        "ValidationException: WithDecryption flag must be True for retrieving a Secret Manager secret."
    );
    assert_eq!(
        refused(json!({ "Name": "/aws/reference/secretsmanager/none", "WithDecryption": true })),
        "ParameterNotFound: An error occurred (ParameterNotFound) when referencing Secrets Manager: Secret none not found."
    );
    assert!(
        refused(json!({ "Name": "/aws/reference/secretsmanager/binary", "WithDecryption": true }))
            .contains("binary")
    );
    world.user("half", &allow("ssm:*", "*"));
    let denied = said(&world.call("half", "GetParameter", &input).unwrap_err());
    assert!(denied.contains("secretsmanager:GetSecretValue"), "{denied}");
    let (_, trail) = world.stored();
    assert!(trail.contains(r#""eventName":"GetSecretValue""#) && !trail.contains("hunter2"));
    world.user("other/half", &allow("ssm:*", "*"));
    let foreign = json!({ "Name": parameter["ARN"], "WithDecryption": true });
    let denied = said(&world.call("other/half", "GetParameter", &foreign).unwrap_err());
    assert!(denied.starts_with("AccessDeniedException"), "{denied} {OTHER}");
}
