use crate::testing::{Deployment, token};
use expect_test::expect;

#[test]
fn versions_and_labels() {
    let deployment = Deployment::new();
    deployment.secret("db");
    deployment.transcript(
        r#"
        root GetSecretValue {"SecretId":"db"}
        root PutSecretValue {"SecretId":"<db>","SecretString":"second","ClientRequestToken":"v2"}
        root GetSecretValue {"SecretId":"db"}
        root GetSecretValue {"SecretId":"db","VersionStage":"AWSPREVIOUS"}
        root PutSecretValue {"SecretId":"db","SecretBinary":"AAEC","ClientRequestToken":"v3","VersionStages":["AWSPENDING","mine"]}
        root GetSecretValue {"SecretId":"db","VersionStage":"AWSPENDING"}
        root GetSecretValue {"SecretId":"db","VersionId":"v3","VersionStage":"AWSCURRENT"}
        root GetSecretValue {"SecretId":"db","VersionId":"v9"}
        root GetSecretValue {"SecretId":"db","VersionStage":"none"}
        root GetSecretValue {"SecretId":"other"}
        root PutSecretValue {"SecretId":"db","SecretString":"second","ClientRequestToken":"v2"}
        root PutSecretValue {"SecretId":"db","SecretString":"another","ClientRequestToken":"v2"}
        root PutSecretValue {"SecretId":"db","ClientRequestToken":"v4"}
        root PutSecretValue {"SecretId":"db","SecretString":"a","SecretBinary":"AA==","ClientRequestToken":"v4"}
        root UpdateSecret {"SecretId":"db","SecretString":"second","ClientRequestToken":"v2"}
        root UpdateSecret {"SecretId":"db","SecretString":"fifth","ClientRequestToken":"v5"}
        root ListSecretVersionIds {"SecretId":"db"}
        root ListSecretVersionIds {"SecretId":"db","IncludeDeprecated":true,"MaxResults":1}
        "#,
        &expect![[""]],
    );
}

#[test]
fn labels_move_on_demand() {
    let deployment = Deployment::new();
    deployment.secret("db");
    deployment.transcript(
        r#"
        (root PutSecretValue {"SecretId":"db","SecretString":"second","ClientRequestToken":"v2"})
        root UpdateSecretVersionStage {"SecretId":"db","VersionStage":"AWSCURRENT","MoveToVersionId":"v1"}
        root UpdateSecretVersionStage {"SecretId":"db","VersionStage":"AWSCURRENT","MoveToVersionId":"v1","RemoveFromVersionId":"v1"}
        root UpdateSecretVersionStage {"SecretId":"db","VersionStage":"AWSCURRENT","RemoveFromVersionId":"v2"}
        root UpdateSecretVersionStage {"SecretId":"db","VersionStage":"AWSCURRENT","MoveToVersionId":"v1","RemoveFromVersionId":"v2"}
        root UpdateSecretVersionStage {"SecretId":"db","VersionStage":"mine","MoveToVersionId":"v9"}
        root UpdateSecretVersionStage {"SecretId":"db","VersionStage":"mine","MoveToVersionId":"v1"}
        root UpdateSecretVersionStage {"SecretId":"db","VersionStage":"mine"}
        root UpdateSecretVersionStage {"SecretId":"db","VersionStage":"AWSPREVIOUS","RemoveFromVersionId":"v2"}
        root DescribeSecret {"SecretId":"db"}
        "#,
        &expect![[""]],
    );
}

#[test]
fn creation() {
    let deployment = Deployment::new();
    deployment.secret("db");
    deployment.transcript(
        r#"
        root CreateSecret {"Name":"db","SecretString":"first","ClientRequestToken":"v1"}
        root CreateSecret {"Name":"db","SecretString":"other","ClientRequestToken":"v1"}
        root CreateSecret {"Name":"db","SecretString":"first","ClientRequestToken":"v2"}
        root CreateSecret {"Name":"a b"}
        root CreateSecret {"Name":"x","ClientRequestToken":"0123456789012345678901234567890\u0000"}
        root CreateSecret {"Name":"x","Type":"Partner"}
        root CreateSecret {"Name":"x","KmsKeyId":"alias/none","SecretString":"a"}
        root CreateSecret {"Name":"x","Tags":[{"Key":"a"},{"Key":"A"}]}
        root CreateSecret {"Name":"x","Tags":[{"Key":"aws:a"}]}
        root CreateSecret {"Name":"x","Tags":[{"Value":"a"}]}
        root GetSecretValue {"SecretId":"x\u0000y"}
        root GetSecretValue {"SecretId":"arn:aws:secretsmanager:eu-central-1:111122223333:secret:db"}
        root GetSecretValue {"SecretId":"arn:aws:secretsmanager:eu-central-1:111122223333:secret:db-abcdef"}
        root GetSecretValue {"SecretId":"arn:aws:secretsmanager:us-east-1:111122223333:secret:db"}
        "#,
        &expect![[""]],
    );
}

#[test]
fn a_value_is_nowhere_in_clear() {
    let deployment = Deployment::new();
    deployment.secret("db");
    let value = "correct-horse-battery";
    deployment.ok(&format!(
        r#"root PutSecretValue {{"SecretId":"db","SecretString":"{value}","ClientRequestToken":"{}"}}"#,
        token(2)
    ));
    deployment.ok(r#"root GetSecretValue {"SecretId":"db"}"#);
    let records = deployment.records();
    assert!(records.iter().any(|record| record["eventName"] == "Decrypt"));
    assert!(records.iter().all(|record| !record.to_string().contains(value)));
    let mut txn = deployment.store.begin();
    let rows = txn.scan(&store::KeyRange::prefix(b""), store::Order::Forward, 10_000).unwrap();
    let holds = |bytes: &[u8]| bytes.windows(value.len()).any(|window| window == value.as_bytes());
    assert!(rows.len() > 5 && !rows.iter().any(|(key, row)| holds(key) || holds(row)));
}

#[test]
fn kms_is_called_on_the_callers_behalf() {
    let deployment = Deployment::new();
    let arn = deployment.secret("db");
    deployment.ok(r#"root GetSecretValue {"SecretId":"db"}"#);
    let records = deployment.records();
    let of = |name: &str| records.iter().find(|record| record["eventName"] == name).unwrap();
    for name in ["GenerateDataKey", "Decrypt"] {
        let record = of(name);
        assert_eq!(record["userIdentity"]["type"], "Root");
        assert_eq!(record["userIdentity"]["invokedBy"], "secretsmanager.amazonaws.com");
        let context = &record["requestParameters"]["encryptionContext"];
        assert_eq!(context["SecretARN"], arn);
        assert_eq!(context["SecretVersionId"], token(1));
    }
}

#[test]
fn keys() {
    let deployment = Deployment::new();
    deployment.secret("db");
    let key = deployment.ok("root kms:CreateKey {}")["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    deployment.name(&key, "<key>");
    deployment.transcript(
        r#"
        (root PutSecretValue {"SecretId":"db","SecretString":"second","ClientRequestToken":"v2"})
        root UpdateSecret {"SecretId":"db","KmsKeyId":"<key>"}
        root ListSecretVersionIds {"SecretId":"db"}
        root GetSecretValue {"SecretId":"db","VersionStage":"AWSPREVIOUS"}
        (root kms:DisableKey {"KeyId":"<key>"})
        root GetSecretValue {"SecretId":"db"}
        root PutSecretValue {"SecretId":"db","SecretString":"third","ClientRequestToken":"v3"}
        root UpdateSecret {"SecretId":"db","KmsKeyId":""}
        (root kms:EnableKey {"KeyId":"<key>"})
        root UpdateSecret {"SecretId":"db","KmsKeyId":""}
        root ListSecretVersionIds {"SecretId":"db"}
        "#,
        &expect![[""]],
    );
}

#[test]
fn the_day_of_the_last_use_is_known() {
    let deployment = Deployment::new();
    deployment.secret("db");
    let accessed = || deployment.ok(r#"root DescribeSecret {"SecretId":"db"}"#)["LastAccessedDate"].clone();
    assert!(accessed().is_null());
    deployment.ok(r#"root GetSecretValue {"SecretId":"db"}"#);
    assert_eq!(accessed(), 1_795_219_200.0);
    let rows = deployment.rows().len();
    deployment.pass(crate::testing::DAY);
    deployment.ok(r#"root GetSecretValue {"SecretId":"db"}"#);
    assert_eq!((accessed().as_f64(), deployment.rows().len()), (Some(1_795_305_600.0), rows));
}
