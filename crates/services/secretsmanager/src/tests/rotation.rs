use crate::testing::{DAY, Deployment, token};
use serde_json::Value;

const FUNCTION: &str = "arn:aws:lambda:eu-central-1:111122223333:function:Single";

fn with_database() -> Deployment {
    let deployment = Deployment::new();
    deployment.secret("db");
    *deployment.databases.password.lock().unwrap() = "first".to_owned();
    deployment
}

fn rotate(more: &str) -> String {
    format!(
        r#"root RotateSecret {{"SecretId":"db","RotationLambdaARN":"{FUNCTION}","ClientRequestToken":"{}"{more}}}"#,
        token(2)
    )
}

fn stages(deployment: &Deployment) -> Value {
    deployment.ok(r#"root DescribeSecret {"SecretId":"db"}"#)["VersionIdsToStages"].clone()
}

fn events(deployment: &Deployment) -> Vec<String> {
    let records = deployment.records();
    let events = records.iter().filter(|record| record["eventType"] == "AwsServiceEvent");
    let names = events.map(|record| record["eventName"].as_str().unwrap().to_owned());
    names.filter(|name| name.contains("Rotation")).collect()
}

#[test]
fn a_password_is_replaced() {
    let deployment = with_database();
    let begun = deployment.ok(&rotate(r#","RotationRules":{"AutomaticallyAfterDays":30}"#));
    assert_eq!(begun["VersionId"], token(2));
    // The version is there before it has a value, as the templates expect.
    assert_eq!(stages(&deployment)[token(2)], serde_json::json!(["AWSPENDING"]));
    let pending = format!(
        r#"root GetSecretValue {{"SecretId":"db","VersionId":"{}","VersionStage":"AWSPENDING"}}"#,
        token(2)
    );
    assert!(deployment.fails(&pending).starts_with("ResourceNotFoundException"));
    assert_eq!(
        deployment.fails(r#"root RotateSecret {"SecretId":"db"}"#),
        "InvalidRequestException: A previous rotation isn't complete. That rotation will be reattempted."
    );
    deployment.run_timers();
    assert_eq!(*deployment.databases.steps.lock().unwrap(), ["create", "set", "test"]);
    assert_eq!(stages(&deployment), serde_json::json!({token(1): ["AWSPREVIOUS"], token(2): ["AWSCURRENT"]}));
    let value = deployment.ok(r#"root GetSecretValue {"SecretId":"db"}"#)["SecretString"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(value == *deployment.databases.password.lock().unwrap() && value != "first");
    assert_eq!(events(&deployment), ["RotationStarted", "RotationSucceeded"]);
    let shown = deployment.ok(r#"root DescribeSecret {"SecretId":"db"}"#);
    assert_eq!((&shown["RotationEnabled"], &shown["RotationLambdaARN"]), (&true.into(), &FUNCTION.into()));
    // 2026-12-21, to the end of the day.
    assert_eq!(shown["NextRotationDate"], 1_797_897_599.0);
    assert!(shown["LastRotatedDate"].is_number());
    let records = deployment.records();
    let by_itself = |name: &str| {
        let found = records.iter().filter(|record| record["eventName"] == name);
        found.filter(|record| record["userIdentity"]["type"] == "AWSService").count()
    };
    assert!(
        ["PutSecretValue", "UpdateSecretVersionStage", "Decrypt", "GenerateDataKey"]
            .iter()
            .all(|name| by_itself(name) > 0)
    );
    assert!(records.iter().all(|record| !record.to_string().contains(&value)));
    // The next one begins when its window opens.
    deployment.pass(31 * DAY);
    deployment.run_timers();
    assert_eq!(events(&deployment).len(), 4);
}

#[test]
fn a_failed_step_leaves_the_secret_as_it_was() {
    let deployment = with_database();
    *deployment.databases.refuses.lock().unwrap() = Some("set");
    deployment.ok(&rotate(r#","RotationRules":{"ScheduleExpression":"rate(1 day)"}"#));
    deployment.run_timers();
    assert_eq!(events(&deployment), ["RotationStarted", "RotationFailed"]);
    assert_eq!(deployment.ok(r#"root GetSecretValue {"SecretId":"db"}"#)["SecretString"], "first");
    assert_eq!(stages(&deployment)[token(2)], serde_json::json!(["AWSPENDING"]));
    // The next window goes on with the same version.
    *deployment.databases.refuses.lock().unwrap() = None;
    deployment.pass(2 * DAY);
    deployment.run_timers();
    assert_eq!(stages(&deployment)[token(2)], serde_json::json!(["AWSCURRENT"]));
}

#[test]
fn a_test_changes_nothing() {
    let deployment = with_database();
    let before = stages(&deployment);
    deployment.ok(&rotate(
        r#","RotateImmediately":false,"RotationRules":{"ScheduleExpression":"cron(0 8 1 * ? *)"}"#,
    ));
    deployment.run_timers();
    assert_eq!(
        (stages(&deployment), events(&deployment)),
        (before, vec!["TestRotationStarted".to_owned(), "TestRotationSucceeded".to_owned()])
    );
    assert_eq!(*deployment.databases.steps.lock().unwrap(), ["test"]);
}

#[test]
fn what_is_cancelled_ends() {
    let deployment = with_database();
    deployment.ok(&rotate(r#","RotationRules":{"ScheduleExpression":"rate(1 day)"}"#));
    let cancelled = deployment.ok(r#"root CancelRotateSecret {"SecretId":"db"}"#);
    assert_eq!(cancelled["VersionId"], token(2));
    deployment.pass(3 * DAY);
    deployment.run_timers();
    assert_eq!(*deployment.databases.steps.lock().unwrap(), Vec::<&str>::new());
    let shown = deployment.ok(r#"root DescribeSecret {"SecretId":"db"}"#);
    assert_eq!(shown["RotationEnabled"], false);
    assert!(shown["NextRotationDate"].is_null() && shown["RotationRules"]["ScheduleExpression"].is_string());
}

#[test]
fn another_user_changes_the_password() {
    let deployment = with_database();
    let master = deployment.secret("master");
    deployment.ok(&format!(r#"root UpdateSecret {{"SecretId":"db","SecretString":"first master={master}","ClientRequestToken":"{}"}}"#, token(3)));
    deployment.ok(&rotate("").replace(":Single", ":Multi"));
    deployment.run_timers();
    // Rotation of a secret is no permission for another: that takes its resource policy.
    assert_eq!(events(&deployment), ["RotationStarted", "RotationFailed"]);
    let policy = serde_json::json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Service": "secretsmanager.amazonaws.com"}, "Action": "secretsmanager:GetSecretValue",
        "Resource": "*", "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}}]});
    let put = serde_json::json!({"SecretId": "master", "ResourcePolicy": policy.to_string()});
    deployment.ok(&format!("root PutResourcePolicy {put}"));
    let remove = format!(
        r#"root UpdateSecretVersionStage {{"SecretId":"db","VersionStage":"AWSPENDING","RemoveFromVersionId":"{}"}}"#,
        token(2)
    );
    deployment.ok(&remove);
    deployment.ok(&rotate("").replace(":Single", ":Multi").replace(&token(2), &token(4)));
    deployment.run_timers();
    assert_eq!(events(&deployment)[2..], ["RotationStarted", "RotationSucceeded"]);
}

#[test]
fn refusals() {
    let deployment = with_database();
    for (call, refusal) in [
        (
            r#"root RotateSecret {"SecretId":"db"}"#.to_owned(),
            "InvalidRequestException: No Lambda rotation function ARN is associated",
        ),
        (
            rotate("").replace(":Single", ":mine"),
            "AccessDenied: Secrets Manager cannot invoke the specified Lambda function.",
        ),
        (rotate("").replace("111122223333", "444455556666"), "AccessDenied: Secrets Manager cannot invoke"),
        (
            rotate(r#","RotationRules":{"ScheduleExpression":"rate(1 hour)"}"#),
            "InvalidParameterException: The schedule expression rate(1 hour)",
        ),
        (
            rotate(r#","RotationRules":{"ScheduleExpression":"rate(1 day)","AutomaticallyAfterDays":1}"#),
            "InvalidParameterException: You can't specify both",
        ),
        (
            rotate(r#","ExternalSecretRotationRoleArn":"arn:aws:iam::111122223333:role/r""#),
            "InvalidParameterException",
        ),
    ] {
        let refused = deployment.fails(&call);
        assert!(refused.starts_with(refusal), "{call}: {refused}");
    }
    deployment.ok(r#"root CreateSecret {"Name":"empty"}"#);
    let refused = deployment.fails(&rotate("").replace("\"db\"", "\"empty\""));
    assert!(refused.starts_with("InvalidRequestException"), "{refused}");
}
