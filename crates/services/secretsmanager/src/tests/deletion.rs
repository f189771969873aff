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
        &expect![[""]],
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
