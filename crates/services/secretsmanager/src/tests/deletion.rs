use crate::testing::{DAY, Deployment};
use expect_test::expect;

#[test]
fn a_window_to_think_again() {
    let deployment = Deployment::new();
    deployment.secret("db");
    deployment.transcript(
        r#"
        root DeleteSecret {"SecretId":"db","RecoveryWindowInDays":6}
        root DeleteSecret {"SecretId":"db","RecoveryWindowInDays":31}
        root DeleteSecret {"SecretId":"db","RecoveryWindowInDays":7,"ForceDeleteWithoutRecovery":true}
        root DeleteSecret {"SecretId":"db","RecoveryWindowInDays":7}
        root DeleteSecret {"SecretId":"db"}
        root GetSecretValue {"SecretId":"db"}
        root PutSecretValue {"SecretId":"db","SecretString":"a","ClientRequestToken":"v2"}
        root CreateSecret {"Name":"db","SecretString":"a","ClientRequestToken":"v2"}
        root TagResource {"SecretId":"db","Tags":[{"Key":"a","Value":"b"}]}
        root GetResourcePolicy {"SecretId":"db"}
        root ListSecrets {}
        root ListSecretVersionIds {"SecretId":"db"}
        root RestoreSecret {"SecretId":"db"}
        root RestoreSecret {"SecretId":"db"}
        root GetSecretValue {"SecretId":"db"}
        "#,
        &expect![[r#"
            root DeleteSecret {"SecretId":"db","RecoveryWindowInDays":6}
              InvalidParameterException: The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).
            root DeleteSecret {"SecretId":"db","RecoveryWindowInDays":31}
              InvalidParameterException: The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).
            root DeleteSecret {"SecretId":"db","RecoveryWindowInDays":7,"ForceDeleteWithoutRecovery":true}
              InvalidParameterException: You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.
            root DeleteSecret {"SecretId":"db","RecoveryWindowInDays":7}
              {"ARN":"<db>","DeletionDate":1795907263,"Name":"db"}
            root DeleteSecret {"SecretId":"db"}
              InvalidRequestException: You can't perform this operation on the secret because it was already scheduled for deletion.
            root GetSecretValue {"SecretId":"db"}
              InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion.
            root PutSecretValue {"SecretId":"db","SecretString":"a","ClientRequestToken":"v2"}
              InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion.
            root CreateSecret {"Name":"db","SecretString":"a","ClientRequestToken":"v2"}
              InvalidRequestException: You can't create this secret because a secret with this name is already scheduled for deletion.
            root TagResource {"SecretId":"db","Tags":[{"Key":"a","Value":"b"}]}
              InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion.
            root GetResourcePolicy {"SecretId":"db"}
              InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion.
            root ListSecrets {}
              {"SecretList":[]}
            root ListSecretVersionIds {"SecretId":"db"}
              {"ARN":"<db>","Name":"db","Versions":[{"CreatedDate":1795302463,"KmsKeyIds":["DefaultEncryptionKey"],"VersionId":"v1","VersionStages":["AWSCURRENT"]}]}
            root RestoreSecret {"SecretId":"db"}
              {"ARN":"<db>","Name":"db"}
            root RestoreSecret {"SecretId":"db"}
              {"ARN":"<db>","Name":"db"}
            root GetSecretValue {"SecretId":"db"}
              {"ARN":"<db>","CreatedDate":1795302463,"Name":"db","SecretString":"first","VersionId":"v1","VersionStages":["AWSCURRENT"]}
        "#]],
    );
    // The timer of what was restored does nothing.
    deployment.pass(8 * DAY);
    deployment.run_timers();
    deployment.ok(r#"root GetSecretValue {"SecretId":"db"}"#);
}

#[test]
fn nothing_is_left() {
    let deployment = Deployment::new();
    deployment.secret("db");
    deployment.ok(r#"root GetSecretValue {"SecretId":"db"}"#);
    deployment.ok(r#"root DeleteSecret {"SecretId":"db"}"#);
    deployment.pass(30 * DAY - 1);
    deployment.run_timers();
    assert!(!deployment.rows().is_empty());
    deployment.pass(1);
    deployment.run_timers();
    assert_eq!(deployment.rows(), Vec::<String>::new());
    let records = deployment.records();
    let names: Vec<_> = records.iter().map(|record| record["eventName"].as_str().unwrap()).collect();
    assert!(
        names.contains(&"StartSecretVersionDelete") && names.contains(&"EndSecretVersionDelete"),
        "{names:?}"
    );
}

#[test]
fn at_once() {
    let deployment = Deployment::new();
    deployment.secret("db");
    deployment.ok(r#"root DeleteSecret {"SecretId":"db"}"#);
    // What is scheduled already can go at once, and what is not there is no error.
    for _ in 0..2 {
        deployment.ok(r#"root DeleteSecret {"SecretId":"db","ForceDeleteWithoutRecovery":true}"#);
        assert_eq!(deployment.rows(), Vec::<String>::new());
    }
    assert_eq!(
        deployment.fails(r#"root DeleteSecret {"SecretId":"db"}"#),
        "ResourceNotFoundException: Secrets Manager can't find the specified secret."
    );
    deployment.secret("db");
    deployment.pass(40 * DAY);
    deployment.run_timers();
    deployment.ok(r#"root GetSecretValue {"SecretId":"db"}"#);
}
