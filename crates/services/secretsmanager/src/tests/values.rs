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
        "#,
        &expect![[r#"
            root GetSecretValue {"SecretId":"db"}
              {"ARN":"<db>","CreatedDate":1795302463,"Name":"db","SecretString":"first","VersionId":"v1","VersionStages":["AWSCURRENT"]}
            root PutSecretValue {"SecretId":"<db>","SecretString":"second","ClientRequestToken":"v2"}
              {"ARN":"<db>","Name":"db","VersionId":"v2","VersionStages":["AWSCURRENT"]}
            root GetSecretValue {"SecretId":"db"}
              {"ARN":"<db>","CreatedDate":1795302463,"Name":"db","SecretString":"second","VersionId":"v2","VersionStages":["AWSCURRENT"]}
            root GetSecretValue {"SecretId":"db","VersionStage":"AWSPREVIOUS"}
              {"ARN":"<db>","CreatedDate":1795302463,"Name":"db","SecretString":"first","VersionId":"v1","VersionStages":["AWSPREVIOUS"]}
            root PutSecretValue {"SecretId":"db","SecretBinary":"AAEC","ClientRequestToken":"v3","VersionStages":["AWSPENDING","mine"]}
              {"ARN":"<db>","Name":"db","VersionId":"v3","VersionStages":["AWSPENDING","mine"]}
            root GetSecretValue {"SecretId":"db","VersionStage":"AWSPENDING"}
              {"ARN":"<db>","CreatedDate":1795302463,"Name":"db","SecretBinary":"AAEC","VersionId":"v3","VersionStages":["AWSPENDING","mine"]}
            root GetSecretValue {"SecretId":"db","VersionId":"v3","VersionStage":"AWSCURRENT"}
              InvalidRequestException: You provided a VersionStage that is not associated to the provided VersionId.
            root GetSecretValue {"SecretId":"db","VersionId":"v9"}
              ResourceNotFoundException: Secrets Manager can't find the specified secret value for VersionId: v9
            root GetSecretValue {"SecretId":"db","VersionStage":"none"}
              ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: none
            root GetSecretValue {"SecretId":"other"}
              ResourceNotFoundException: Secrets Manager can't find the specified secret.
            root PutSecretValue {"SecretId":"db","SecretString":"second","ClientRequestToken":"v2"}
              {"ARN":"<db>","Name":"db","VersionId":"v2","VersionStages":["AWSCURRENT"]}
            root PutSecretValue {"SecretId":"db","SecretString":"another","ClientRequestToken":"v2"}
              ResourceExistsException: You can't use ClientRequestToken v2 because that value is already in use for a version of secret <db>.
            root PutSecretValue {"SecretId":"db","ClientRequestToken":"v4"}
              InvalidRequestException: You must provide either SecretString or SecretBinary.
            root PutSecretValue {"SecretId":"db","SecretString":"a","SecretBinary":"AA==","ClientRequestToken":"v4"}
              InvalidParameterException: You can't specify both a secret string and a secret binary in the same request.
            root UpdateSecret {"SecretId":"db","SecretString":"second","ClientRequestToken":"v2"}
              ResourceExistsException: You can't use ClientRequestToken v2 because that value is already in use for a version of secret <db>.
            root UpdateSecret {"SecretId":"db","SecretString":"fifth","ClientRequestToken":"v5"}
              {"ARN":"<db>","Name":"db","VersionId":"v5"}
            root ListSecretVersionIds {"SecretId":"db"}
              {"ARN":"<db>","Name":"db","Versions":[{"CreatedDate":1795302463,"KmsKeyIds":["DefaultEncryptionKey"],"LastAccessedDate":1795219200,"VersionId":"v2","VersionStages":["AWSPREVIOUS"]},{"CreatedDate":1795302463,"KmsKeyIds":["DefaultEncryptionKey"],"LastAccessedDate":1795219200,"VersionId":"v3","VersionStages":["AWSPENDING","mine"]},{"CreatedDate":1795302463,"KmsKeyIds":["DefaultEncryptionKey"],"VersionId":"v5","VersionStages":["AWSCURRENT"]}]}
        "#]],
    );
}

#[test]
fn pages_of_versions() {
    let deployment = Deployment::new();
    deployment.secret("db");
    for number in 2..5 {
        deployment.ok(&format!(
            r#"root PutSecretValue {{"SecretId":"db","SecretString":"a","ClientRequestToken":"{}"}}"#,
            token(number)
        ));
    }
    let (mut found, mut next) = (Vec::new(), String::new());
    loop {
        let page = deployment.ok(&format!(
            r#"root ListSecretVersionIds {{"SecretId":"db","IncludeDeprecated":true,"MaxResults":1{next}}}"#
        ));
        found.push(page["Versions"][0]["VersionId"].as_str().unwrap().to_owned());
        let Some(marker) = page["NextToken"].as_str() else { break };
        next = format!(r#","NextToken":"{marker}""#);
    }
    assert_eq!(found, (1..5).map(token).collect::<Vec<_>>());
    let other = format!(r#"root ListSecretVersionIds {{"SecretId":"db","MaxResults":1{next}}}"#);
    assert!(deployment.fails(&other).starts_with("InvalidNextTokenException"));
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
        &expect![[r#"
            root UpdateSecretVersionStage {"SecretId":"db","VersionStage":"AWSCURRENT","MoveToVersionId":"v1"}
              InvalidParameterException: The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version v2, so you must explicitly reference that version in RemoveFromVersionId.
            root UpdateSecretVersionStage {"SecretId":"db","VersionStage":"AWSCURRENT","MoveToVersionId":"v1","RemoveFromVersionId":"v1"}
              InvalidParameterException: The parameter RemoveFromVersionId is not valid. Staging label AWSCURRENT is not attached to version v1.
            root UpdateSecretVersionStage {"SecretId":"db","VersionStage":"AWSCURRENT","RemoveFromVersionId":"v2"}
              InvalidParameterException: You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.
            root UpdateSecretVersionStage {"SecretId":"db","VersionStage":"AWSCURRENT","MoveToVersionId":"v1","RemoveFromVersionId":"v2"}
              {"ARN":"<db>","Name":"db"}
            root UpdateSecretVersionStage {"SecretId":"db","VersionStage":"mine","MoveToVersionId":"v9"}
              ResourceNotFoundException: Secrets Manager can't find the specified secret value for VersionId: v9
            root UpdateSecretVersionStage {"SecretId":"db","VersionStage":"mine","MoveToVersionId":"v1"}
              {"ARN":"<db>","Name":"db"}
            root UpdateSecretVersionStage {"SecretId":"db","VersionStage":"mine"}
              InvalidParameterException: You must specify MoveToVersionId, RemoveFromVersionId, or both of them.
            root UpdateSecretVersionStage {"SecretId":"db","VersionStage":"AWSPREVIOUS","RemoveFromVersionId":"v2"}
              {"ARN":"<db>","Name":"db"}
            root DescribeSecret {"SecretId":"db"}
              {"ARN":"<db>","CreatedDate":1795302463,"LastChangedDate":1795302463,"Name":"db","VersionIdsToStages":{"v1":["AWSCURRENT","mine"]}}
        "#]],
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
        &expect![[r#"
            root CreateSecret {"Name":"db","SecretString":"first","ClientRequestToken":"v1"}
              {"ARN":"<db>","Name":"db","VersionId":"v1"}
            root CreateSecret {"Name":"db","SecretString":"other","ClientRequestToken":"v1"}
              ResourceExistsException: You can't use ClientRequestToken v1 because that value is already in use for a version of secret <db>.
            root CreateSecret {"Name":"db","SecretString":"first","ClientRequestToken":"v2"}
              ResourceExistsException: The operation failed because the secret db already exists.
            root CreateSecret {"Name":"a b"}
              ValidationException: Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!
            root CreateSecret {"Name":"x","ClientRequestToken":"0123456789012345678901234567890\u0000"}
              ValidationException: ClientRequestToken must have letters, numbers, hyphens and underscores only.
            root CreateSecret {"Name":"x","Type":"Partner"}
              InvalidParameterException: Partner is not a type of managed external secrets.
            root CreateSecret {"Name":"x","KmsKeyId":"alias/none","SecretString":"a"}
              EncryptionFailure: Secrets Manager can't encrypt the protected secret text using the provided KMS key.
            root CreateSecret {"Name":"x","Tags":[{"Key":"a"},{"Key":"A"}]}
              InvalidParameterException: The tag key A is named twice. Tag keys that differ by case alone are the same.
            root CreateSecret {"Name":"x","Tags":[{"Key":"aws:a"}]}
              InvalidParameterException: Tag keys that begin with aws: are reserved for AWS.
            root CreateSecret {"Name":"x","Tags":[{"Value":"a"}]}
              InvalidParameterException: A tag must have a key.
            root GetSecretValue {"SecretId":"x\u0000y"}
              ValidationException: Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!
            root GetSecretValue {"SecretId":"arn:aws:secretsmanager:eu-central-1:111122223333:secret:db"}
              {"ARN":"<db>","CreatedDate":1795302463,"Name":"db","SecretString":"first","VersionId":"v1","VersionStages":["AWSCURRENT"]}
            root GetSecretValue {"SecretId":"arn:aws:secretsmanager:eu-central-1:111122223333:secret:db-abcdef"}
              ResourceNotFoundException: Secrets Manager can't find the specified secret.
            root GetSecretValue {"SecretId":"arn:aws:secretsmanager:us-east-1:111122223333:secret:db"}
              ResourceNotFoundException: Secrets Manager can't find the specified secret.
        "#]],
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
        &expect![[r#"
            root UpdateSecret {"SecretId":"db","KmsKeyId":"<key>"}
              {"ARN":"<db>","Name":"db"}
            root ListSecretVersionIds {"SecretId":"db"}
              {"ARN":"<db>","Name":"db","Versions":[{"CreatedDate":1795302463,"KmsKeyIds":["<key>"],"VersionId":"v1","VersionStages":["AWSPREVIOUS"]},{"CreatedDate":1795302463,"KmsKeyIds":["<key>"],"VersionId":"v2","VersionStages":["AWSCURRENT"]}]}
            root GetSecretValue {"SecretId":"db","VersionStage":"AWSPREVIOUS"}
              {"ARN":"<db>","CreatedDate":1795302463,"Name":"db","SecretString":"first","VersionId":"v1","VersionStages":["AWSPREVIOUS"]}
            root GetSecretValue {"SecretId":"db"}
              DecryptionFailure: Secrets Manager can't decrypt the protected secret text using the provided KMS key.
            root PutSecretValue {"SecretId":"db","SecretString":"third","ClientRequestToken":"v3"}
              EncryptionFailure: Secrets Manager can't encrypt the protected secret text using the provided KMS key.
            root UpdateSecret {"SecretId":"db","KmsKeyId":""}
              DecryptionFailure: Secrets Manager can't decrypt the protected secret text using the provided KMS key.
            root UpdateSecret {"SecretId":"db","KmsKeyId":""}
              {"ARN":"<db>","Name":"db"}
            root ListSecretVersionIds {"SecretId":"db"}
              {"ARN":"<db>","Name":"db","Versions":[{"CreatedDate":1795302463,"KmsKeyIds":["DefaultEncryptionKey"],"LastAccessedDate":1795219200,"VersionId":"v1","VersionStages":["AWSPREVIOUS"]},{"CreatedDate":1795302463,"KmsKeyIds":["DefaultEncryptionKey"],"VersionId":"v2","VersionStages":["AWSCURRENT"]}]}
        "#]],
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
