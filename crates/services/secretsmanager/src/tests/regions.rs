use crate::testing::Deployment;
use expect_test::expect;

#[test]
fn replicas_keep_step() {
    let deployment = Deployment::new();
    let arn = deployment.secret("db");
    let copy = arn.replace("eu-central-1", "us-east-1");
    deployment.name(&copy, "<copy>");
    deployment.transcript(
        r#"
        root ReplicateSecretToRegions {"SecretId":"db","AddReplicaRegions":[{"Region":"us-east-1"}]}
        root ReplicateSecretToRegions {"SecretId":"db","AddReplicaRegions":[{"Region":"us-east-1"}]}
        root ReplicateSecretToRegions {"SecretId":"db","AddReplicaRegions":[{"Region":"eu-central-1"}]}
        root ReplicateSecretToRegions {"SecretId":"db","AddReplicaRegions":[{"Region":"mars-east-1"}]}
        (root PutSecretValue {"SecretId":"db","SecretString":"second","ClientRequestToken":"v2"})
        (root TagResource {"SecretId":"db","Tags":[{"Key":"a","Value":"b"}]})
        root DeleteSecret {"SecretId":"db"}
        "#,
        &expect![[r#"
            root ReplicateSecretToRegions {"SecretId":"db","AddReplicaRegions":[{"Region":"us-east-1"}]}
              {"ARN":"<db>","ReplicationStatus":[{"KmsKeyId":"alias/aws/secretsmanager","Region":"us-east-1","Status":"InSync","StatusMessage":"Replication succeeded"}]}
            root ReplicateSecretToRegions {"SecretId":"db","AddReplicaRegions":[{"Region":"us-east-1"}]}
              InvalidParameterException: Invalid replica region: there is a replica in us-east-1.
            root ReplicateSecretToRegions {"SecretId":"db","AddReplicaRegions":[{"Region":"eu-central-1"}]}
              InvalidParameterException: Invalid replica region: the secret is in this Region.
            root ReplicateSecretToRegions {"SecretId":"db","AddReplicaRegions":[{"Region":"mars-east-1"}]}
              InvalidParameterException: mars-east-1 is not a Region that Secrets Manager is in.
            root DeleteSecret {"SecretId":"db"}
              InvalidRequestException: You can't delete secret db that still has replica regions [us-east-1]
        "#]],
    );
    deployment.go_to("us-east-1");
    deployment.transcript(
        r#"
        root GetSecretValue {"SecretId":"db"}
        root DescribeSecret {"SecretId":"<copy>"}
        root PutSecretValue {"SecretId":"db","SecretString":"third","ClientRequestToken":"v3"}
        root DeleteSecret {"SecretId":"db"}
        root StopReplicationToReplica {"SecretId":"db"}
        root StopReplicationToReplica {"SecretId":"db"}
        root PutSecretValue {"SecretId":"db","SecretString":"third","ClientRequestToken":"v3"}
        "#,
        &expect![[r#"
            root GetSecretValue {"SecretId":"db"}
              {"ARN":"<copy>","CreatedDate":1795302463,"Name":"db","SecretString":"second","VersionId":"v2","VersionStages":["AWSCURRENT"]}
            root DescribeSecret {"SecretId":"<copy>"}
              {"ARN":"<copy>","CreatedDate":1795302463,"LastAccessedDate":1795219200,"LastChangedDate":1795302463,"Name":"db","PrimaryRegion":"eu-central-1","Tags":[{"Key":"a","Value":"b"}],"VersionIdsToStages":{"v1":["AWSPREVIOUS"],"v2":["AWSCURRENT"]}}
            root PutSecretValue {"SecretId":"db","SecretString":"third","ClientRequestToken":"v3"}
              InvalidRequestException: Operation not permitted on a replica secret. Call must be made in primary secret's region.
            root DeleteSecret {"SecretId":"db"}
              InvalidRequestException: Operation not permitted on a replica secret. Call must be made in primary secret's region.
            root StopReplicationToReplica {"SecretId":"db"}
              {"ARN":"<copy>"}
            root StopReplicationToReplica {"SecretId":"db"}
              InvalidRequestException: The secret is not a replica secret.
            root PutSecretValue {"SecretId":"db","SecretString":"third","ClientRequestToken":"v3"}
              {"ARN":"<copy>","Name":"db","VersionId":"v3","VersionStages":["AWSCURRENT"]}
        "#]],
    );
    deployment.go_to("eu-central-1");
    deployment.transcript(
        r#"
        root GetSecretValue {"SecretId":"db"}
        root ReplicateSecretToRegions {"SecretId":"db","AddReplicaRegions":[{"Region":"us-east-1"}]}
        root ReplicateSecretToRegions {"SecretId":"db","AddReplicaRegions":[{"Region":"us-east-1"}],"ForceOverwriteReplicaSecret":true}
        root RemoveRegionsFromReplication {"SecretId":"db","RemoveReplicaRegions":["us-west-2"]}
        root RemoveRegionsFromReplication {"SecretId":"db","RemoveReplicaRegions":["us-east-1"]}
        "#,
        &expect![[r#"
            root GetSecretValue {"SecretId":"db"}
              {"ARN":"<db>","CreatedDate":1795302463,"Name":"db","SecretString":"second","VersionId":"v2","VersionStages":["AWSCURRENT"]}
            root ReplicateSecretToRegions {"SecretId":"db","AddReplicaRegions":[{"Region":"us-east-1"}]}
              {"ARN":"<db>","ReplicationStatus":[{"KmsKeyId":"alias/aws/secretsmanager","Region":"us-east-1","Status":"Failed","StatusMessage":"Replication failed: Secret with this name already exists in this region"}]}
            root ReplicateSecretToRegions {"SecretId":"db","AddReplicaRegions":[{"Region":"us-east-1"}],"ForceOverwriteReplicaSecret":true}
              {"ARN":"<db>","ReplicationStatus":[{"KmsKeyId":"alias/aws/secretsmanager","Region":"us-east-1","Status":"InSync","StatusMessage":"Replication succeeded"}]}
            root RemoveRegionsFromReplication {"SecretId":"db","RemoveReplicaRegions":["us-west-2"]}
              InvalidParameterException: There is no replica in us-west-2.
            root RemoveRegionsFromReplication {"SecretId":"db","RemoveReplicaRegions":["us-east-1"]}
              {"ARN":"<db>","ReplicationStatus":[]}
        "#]],
    );
    deployment.go_to("us-east-1");
    assert!(deployment.fails(r#"root GetSecretValue {"SecretId":"db"}"#).starts_with("ResourceNotFound"));
}

#[test]
fn a_replica_that_cannot_be_encrypted_says_so() {
    let deployment = Deployment::new();
    let made = deployment.ok(
        r#"root CreateSecret {"Name":"db","SecretString":"a","ClientRequestToken":"0123456789abcdef0123456789abcdef","AddReplicaRegions":[{"Region":"us-east-1","KmsKeyId":"alias/none"}]}"#,
    );
    assert_eq!(made["ReplicationStatus"][0]["Status"], "Failed");
    deployment.go_to("us-east-1");
    let key = deployment.ok("root kms:CreateKey {}")["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    deployment.ok(&format!(r#"root kms:CreateAlias {{"AliasName":"alias/none","TargetKeyId":"{key}"}}"#));
    deployment.go_to("eu-central-1");
    // The next change mends it.
    deployment.ok(r#"root UpdateSecret {"SecretId":"db","Description":"x"}"#);
    let shown = deployment.ok(r#"root DescribeSecret {"SecretId":"db"}"#);
    assert_eq!(shown["ReplicationStatus"][0]["Status"], "InSync");
}

#[test]
fn both_accounts_agree_on_a_replica() {
    let deployment = Deployment::new();
    let primary = deployment.secret("db");
    let key = deployment.ok("other kms:CreateKey {}")["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    let key_policy = serde_json::json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam::111122223333:root", "arn:aws:iam::444455556666:root"]}, "Action": "kms:*", "Resource": "*"}]});
    let key_policy = serde_json::json!({"KeyId": key, "Policy": key_policy.to_string()});
    deployment.ok(&format!("other kms:PutKeyPolicy {key_policy}"));
    let create = |more: &str| {
        format!(r#"other CreateSecret {{"Name":"copy","CrossAccountPrimaryARN":"{primary}"{more}}}"#)
    };
    assert!(deployment.fails(&create("")).starts_with("InvalidParameterException"));
    let made = deployment.ok(&create(&format!(r#","KmsKeyId":"{key}""#)));
    let copy = made["ARN"].as_str().unwrap().to_owned();
    deployment.name(&copy, "<copy>");
    let policy = serde_json::json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "secretsmanager:AcceptCrossAccountReplication", "Resource": "*"}]});
    let associate = r#"root AssociateCrossAccountReplica {"SecretId":"db","CrossAccountReplicaARN":"<copy>","ReplicaRestriction":"NoRestriction"}"#;
    let denied = deployment.fails(associate);
    assert!(denied.starts_with("AccessDenied"), "{denied}");
    let put = serde_json::json!({"SecretId": copy, "ResourcePolicy": policy.to_string()});
    // The policy of a replica in another account is its own.
    deployment.ok(&format!("other PutResourcePolicy {put}"));
    let same = associate.replace("NoRestriction", "SameOrg");
    assert!(deployment.fails(&same).starts_with("InvalidRequestException"));
    assert_eq!(deployment.ok(associate)["ReplicationStatus"], "InSync");
    assert_eq!(deployment.ok(r#"other GetSecretValue {"SecretId":"copy"}"#)["SecretString"], "first");
    assert!(
        deployment.fails(r#"root DeleteSecret {"SecretId":"db"}"#).starts_with("InvalidRequestException")
    );
    deployment
        .ok(r#"root DisassociateCrossAccountReplica {"SecretId":"db","CrossAccountReplicaARN":"<copy>"}"#);
    let shown = deployment.ok(r#"other DescribeSecret {"SecretId":"copy"}"#);
    assert_eq!(shown["CrossAccountPrimary"]["ReplicationStatus"], "Detached");
    assert!(
        deployment.fails(r#"other DeleteSecret {"SecretId":"copy"}"#).starts_with("InvalidRequestException")
    );
    deployment.ok(r#"other StopReplicationToReplica {"SecretId":"copy"}"#);
    deployment.ok(r#"other DeleteSecret {"SecretId":"copy"}"#);
}
