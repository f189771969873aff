use crate::testing::Deployment;
use expect_test::expect;

fn quoted(document: &str) -> String {
    serde_json::Value::from(document).to_string()
}

fn allow(principal: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"secretsmanager:GetSecretValue","Resource":"*"}}]}}"#
    )
}

#[test]
fn public_ones_are_found() {
    let deployment = Deployment::new();
    deployment.secret("db");
    let own = allow(r#"{"AWS":"arn:aws:iam::111122223333:root"}"#);
    let public = allow(r#""*""#);
    let put = |document: &str, more: &str| {
        format!(r#"root PutResourcePolicy {{"SecretId":"db","ResourcePolicy":{}{more}}}"#, quoted(document))
    };
    deployment.ok(&put(&public, ""));
    let refused = deployment.fails(&put(&public, r#","BlockPublicPolicy":true"#));
    assert!(refused.starts_with("PublicPolicyException: "), "{refused}");
    deployment.ok(&put(&own, r#","BlockPublicPolicy":true"#));
    let shown = deployment.ok(r#"root GetResourcePolicy {"SecretId":"db"}"#);
    assert_eq!(shown["ResourcePolicy"].as_str(), Some(own.as_str()));
    let listed = deployment.ok(r#"root ListResourcePolicies {"SecretId":"db"}"#);
    assert_eq!(listed["ResourcePolicies"][0]["PolicyName"], "default");
    for (document, code) in [
        ("{", "MalformedPolicyDocumentException"),
        (&*allow(r#"{"AWS":"arn:aws:iam::111122223333:user/nobody"}"#), "MalformedPolicyDocumentException"),
    ] {
        assert!(deployment.fails(&put(document, "")).starts_with(code));
    }
    let named = deployment.fails(&put(&own, r#","PolicyName":"mine""#));
    assert!(named.starts_with("InvalidParameterException"), "{named}");
    deployment.ok(r#"root DeleteResourcePolicy {"SecretId":"db"}"#);
    let shown = deployment.ok(r#"root GetResourcePolicy {"SecretId":"db"}"#);
    assert!(shown["ResourcePolicy"].is_null());
}

#[test]
fn validation() {
    let deployment = Deployment::new();
    deployment.secret("db");
    let lockout = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"secretsmanager:PutResourcePolicy","Resource":"*"}]}"#;
    let validate = |document: &str| {
        let document = quoted(document);
        deployment
            .ok(&format!(r#"root ValidateResourcePolicy {{"SecretId":"db","ResourcePolicy":{document}}}"#))
    };
    let own = validate(&allow(r#"{"AWS":"arn:aws:iam::111122223333:root"}"#));
    assert_eq!(own["PolicyValidationPassed"], true);
    assert_eq!(validate(&allow(r#""*""#))["ValidationErrors"][0]["CheckName"], "PUBLIC_POLICY");
    assert_eq!(validate(lockout)["ValidationErrors"][0]["CheckName"], "LOCKOUT");
}

#[test]
fn both_sides_decide_across_accounts() {
    let deployment = Deployment::new();
    deployment.secret("db");
    let key = deployment.ok("root kms:CreateKey {}")["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    let policy = allow(r#"{"AWS":"arn:aws:iam::444455556666:root"}"#);
    let policy = quoted(&policy);
    deployment.name(&key, "<key>");
    deployment.transcript(
        &format!(
            r#"
            other GetSecretValue {{"SecretId":"<db>"}}
            (root PutResourcePolicy {{"SecretId":"db","ResourcePolicy":{policy}}})
            other GetSecretValue {{"SecretId":"<db>"}}
            other DescribeSecret {{"SecretId":"<db>"}}
            (root UpdateSecret {{"SecretId":"db","KmsKeyId":"<key>"}})
            other GetSecretValue {{"SecretId":"<db>"}}
            other GetSecretValue {{"SecretId":"db"}}
            "#
        ),
        &expect![[r#"
            other GetSecretValue {"SecretId":"<db>"}
              AccessDenied: User: arn:aws:iam::444455556666:root is not authorized to perform: secretsmanager:GetSecretValue on resource: <db> because no resource-based policy allows the secretsmanager:GetSecretValue action
            other GetSecretValue {"SecretId":"<db>"}
              InvalidRequestException: You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key.
            other DescribeSecret {"SecretId":"<db>"}
              AccessDenied: User: arn:aws:iam::444455556666:root is not authorized to perform: secretsmanager:DescribeSecret on resource: <db> because no resource-based policy allows the secretsmanager:DescribeSecret action
            other GetSecretValue {"SecretId":"<db>"}
              AccessDenied: Access to KMS is not allowed
            other GetSecretValue {"SecretId":"db"}
              ResourceNotFoundException: Secrets Manager can't find the specified secret.
        "#]],
    );
}
