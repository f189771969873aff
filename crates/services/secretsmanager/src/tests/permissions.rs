use crate::testing::Deployment;

fn allowed(action: &str, condition: &str) -> String {
    format!(
        r#"{{"Effect":"Allow","Action":"{action}","Resource":"arn:aws:secretsmanager:*:111122223333:secret:db-??????","Condition":{{{condition}}}}}"#
    )
}

/// A call, the condition that allows it, and one that does not.
#[test]
fn condition_keys() {
    let cases = [
        ("GetSecretValue", r#"{"SecretId":"db"}"#, r#""StringEquals":{"aws:ResourceTag/team":"red"}"#, true),
        (
            "GetSecretValue",
            r#"{"SecretId":"db"}"#,
            r#""StringEquals":{"secretsmanager:ResourceTag/team":"red"}"#,
            true,
        ),
        (
            "GetSecretValue",
            r#"{"SecretId":"db"}"#,
            r#""StringEquals":{"aws:ResourceTag/team":"blue"}"#,
            false,
        ),
        (
            "GetSecretValue",
            r#"{"SecretId":"db"}"#,
            r#""ForAnyValue:StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}"#,
            true,
        ),
        (
            "GetSecretValue",
            r#"{"SecretId":"db","VersionStage":"AWSPREVIOUS"}"#,
            r#""ForAnyValue:StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}"#,
            false,
        ),
        (
            "DescribeSecret",
            r#"{"SecretId":"db"}"#,
            r#""ArnLike":{"secretsmanager:SecretId":"arn:aws:secretsmanager:*:*:secret:db-*"}"#,
            true,
        ),
        (
            "DeleteSecret",
            r#"{"SecretId":"db","RecoveryWindowInDays":7}"#,
            r#""NumericGreaterThan":{"secretsmanager:RecoveryWindowInDays":"10"}"#,
            false,
        ),
        (
            "DeleteSecret",
            r#"{"SecretId":"db","ForceDeleteWithoutRecovery":true}"#,
            r#""Bool":{"secretsmanager:ForceDeleteWithoutRecovery":"false"}"#,
            false,
        ),
        (
            "TagResource",
            r#"{"SecretId":"db","Tags":[{"Key":"a","Value":"b"}]}"#,
            r#""ForAllValues:StringEquals":{"aws:TagKeys":["a"]}"#,
            true,
        ),
        // A change that would take the caller's own permission away.
        (
            "TagResource",
            r#"{"SecretId":"db","Tags":[{"Key":"team","Value":"blue"}]}"#,
            r#""StringEquals":{"aws:ResourceTag/team":"red"}"#,
            false,
        ),
        (
            "ReplicateSecretToRegions",
            r#"{"SecretId":"db","AddReplicaRegions":[{"Region":"us-east-1"}]}"#,
            r#""ForAllValues:StringEquals":{"secretsmanager:AddReplicaRegions":["us-west-2"]}"#,
            false,
        ),
        (
            "UpdateSecret",
            r#"{"SecretId":"db","Description":"x"}"#,
            r#""StringEquals":{"secretsmanager:Description":"x"}"#,
            true,
        ),
        (
            "RotateSecret",
            r#"{"SecretId":"db","RotationLambdaARN":"arn:aws:lambda:eu-central-1:111122223333:function:x"}"#,
            r#""ArnEquals":{"secretsmanager:RotationLambdaARN":"arn:aws:lambda:eu-central-1:111122223333:function:y"}"#,
            false,
        ),
    ];
    let deployment = Deployment::new();
    deployment.ok(r#"root CreateSecret {"Name":"db","SecretString":"a","ClientRequestToken":"0123456789abcdef0123456789abcdef","Tags":[{"Key":"team","Value":"red"}]}"#);
    for (number, (operation, input, condition, expected)) in cases.into_iter().enumerate() {
        let name = format!("user{number}");
        deployment.user(&name, &allowed(&format!("secretsmanager:{operation}"), condition));
        let answer = deployment.call(&format!("{name} {operation} {input}"));
        let denied = answer.as_ref().is_err_and(|fault| fault.code() == "AccessDenied");
        assert_eq!(!denied, expected, "{operation} {condition}: {answer:?}");
    }
}

#[test]
fn creating_with_tags_and_replicas_takes_more() {
    let deployment = Deployment::new();
    deployment.user("bob", r#"{"Effect":"Allow","Action":"secretsmanager:CreateSecret","Resource":"*"}"#);
    let call = |more: &str| {
        format!(
            r#"bob CreateSecret {{"Name":"x","SecretString":"a","ClientRequestToken":"0123456789abcdef0123456789abcdef"{more}}}"#
        )
    };
    let tagged = deployment.fails(&call(r#","Tags":[{"Key":"a","Value":"b"}]"#));
    assert!(tagged.contains("secretsmanager:TagResource"), "{tagged}");
    let replicated = deployment.fails(&call(r#","AddReplicaRegions":[{"Region":"us-east-1"}]"#));
    assert!(replicated.contains("secretsmanager:ReplicateSecretToRegions"), "{replicated}");
    deployment.ok(&call(""));
    // Who may not use the key may not read the secret, though the default key lets everybody in who may.
    deployment.user("eve", r#"{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*"}"#);
    deployment.ok(r#"eve GetSecretValue {"SecretId":"x"}"#);
    let key = deployment.ok("root kms:CreateKey {}")["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    deployment.ok(&format!(r#"root UpdateSecret {{"SecretId":"x","KmsKeyId":"{key}"}}"#));
    assert_eq!(
        deployment.fails(r#"eve GetSecretValue {"SecretId":"x"}"#),
        "AccessDenied: Access to KMS is not allowed"
    );
}

#[test]
fn a_denial_names_what_the_caller_named() {
    let deployment = Deployment::new();
    deployment.secret("db");
    deployment.user("bob", r#"{"Effect":"Deny","Action":"s3:*","Resource":"*"}"#);
    // What is there and what is not are told apart by nobody without permission.
    let words = |name: &str| deployment.fails(&format!(r#"bob GetSecretValue {{"SecretId":"{name}"}}"#));
    assert_eq!(words("db"), words("none").replace("none", "db"));
    assert!(
        words("db").contains("on resource: db because no identity-based policy allows"),
        "{}",
        words("db")
    );
}
