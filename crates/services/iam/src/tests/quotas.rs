use crate::account::Account;
use crate::entity::Kind;
use crate::limits;
use crate::testing::{ACCOUNT, Deployment};

#[test]
fn of_the_account() {
    let deployment = Deployment::new();
    deployment.ok("other CreateUser UserName=x");
    for (kind, most, line, name) in [
        (Kind::User, limits::USERS_PER_ACCOUNT, "CreateUser UserName=x", "UsersPerAccount: 5000"),
        (Kind::Group, limits::GROUPS_PER_ACCOUNT, "CreateGroup GroupName=x", "GroupsPerAccount: 300"),
        (
            Kind::Role,
            limits::ROLES_PER_ACCOUNT,
            "CreateRole RoleName=x AssumeRolePolicyDocument=$EC2",
            "RolesPerAccount: 1000",
        ),
        (
            Kind::Policy,
            limits::POLICIES_PER_ACCOUNT,
            "CreatePolicy PolicyName=x PolicyDocument=$S3",
            "PoliciesPerAccount: 1500",
        ),
        (
            Kind::InstanceProfile,
            limits::INSTANCE_PROFILES_PER_ACCOUNT,
            "CreateInstanceProfile InstanceProfileName=x",
            "InstanceProfilesPerAccount: 1000",
        ),
    ] {
        let set = |count: u32| {
            let mut tx = deployment.tx();
            for id in 0..most {
                Account::take(&mut tx, ACCOUNT, kind, &id.to_string()).unwrap();
            }
            for id in 0..count {
                assert!(Account::add(&mut tx, ACCOUNT, kind, &id.to_string()).unwrap());
            }
            deployment.store.commit_blocking(tx.into_txn()).unwrap();
        };
        set(most);
        let error = deployment.fails(&format!("root {line}"));
        assert_eq!(error, format!("LimitExceededException: Cannot exceed quota for {name}"));
        set(most - 1);
        deployment.ok(&format!("root {line}"));
    }
}

/// A deployment of before, whose counts stand in the account's row.
#[test]
fn what_was_counted_in_the_row_of_the_account_counts() {
    let deployment = Deployment::new();
    deployment.ok("other CreateUser UserName=x");
    let mut tx = deployment.tx();
    let mut row = serde_json::to_value(Account::load(&mut tx, ACCOUNT).unwrap()).unwrap();
    let old = r#"{"users":4999,"groups":3,"roles":1,"policies":2,"versions":7,"instance_profiles":0}"#;
    row["counts"] = serde_json::from_str(old).unwrap();
    serde_json::from_value::<Account>(row).unwrap().save(&mut tx).unwrap();
    deployment.store.commit_blocking(tx.into_txn()).unwrap();
    let summary = |key: &str| {
        let summary: serde_json::Value =
            serde_json::from_str(&deployment.ok("root GetAccountSummary")).unwrap();
        summary["summaryMap"][key].as_i64().unwrap()
    };
    assert_eq!((summary("Users"), summary("Groups"), summary("PolicyVersionsInUse")), (4999, 3, 7));
    deployment.ok("root CreateUser UserName=y");
    assert_eq!(summary("Users"), 5000);
    let error = deployment.fails("root CreateUser UserName=z");
    assert_eq!(error, "LimitExceededException: Cannot exceed quota for UsersPerAccount: 5000");
}

#[test]
fn of_a_user() {
    let deployment = Deployment::new();
    deployment.ok("root CreateUser UserName=bob");
    for i in 0..=10 {
        deployment.ok(&format!("root CreateGroup GroupName=g{i}"));
        deployment.ok(&format!("root CreatePolicy PolicyName=p{i} PolicyDocument=$S3"));
    }
    for i in 0..10 {
        deployment.ok(&format!("root AddUserToGroup UserName=bob GroupName=g{i}"));
        deployment.ok(&format!("root AttachUserPolicy UserName=bob PolicyArn=$POLICY/p{i}"));
        deployment.ok(&format!("root AttachGroupPolicy GroupName=g0 PolicyArn=$POLICY/p{i}"));
    }
    for _ in 0..2 {
        deployment.ok("root CreateAccessKey UserName=bob");
    }
    for i in 0..50 {
        deployment.ok(&format!("root TagUser UserName=bob Tags.member.1.Key=k{i} Tags.member.1.Value=v"));
    }
    deployment.ok("root TagUser UserName=bob Tags.member.1.Key=K0 Tags.member.1.Value=v");
    for (line, error) in [
        ("AddUserToGroup UserName=bob GroupName=g10", "Cannot exceed quota for GroupsPerUser: 10"),
        (
            "AttachUserPolicy UserName=bob PolicyArn=$POLICY/p10",
            "Cannot exceed quota for PoliciesPerUser: 10",
        ),
        (
            "AttachGroupPolicy GroupName=g0 PolicyArn=$POLICY/p10",
            "Cannot exceed quota for PoliciesPerGroup: 10",
        ),
        ("CreateAccessKey UserName=bob", "Cannot exceed quota for AccessKeysPerUser: 2"),
        (
            "TagUser UserName=bob Tags.member.1.Key=k50 Tags.member.1.Value=v",
            "The number of tags has reached the maximum limit.",
        ),
    ] {
        assert_eq!(deployment.fails(&format!("root {line}")), format!("LimitExceededException: {error}"));
    }
}

/// A policy whose length without white space is `chars`.
fn policy(chars: usize) -> String {
    let rest =
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"","Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    rest.replace("\"Sid\":\"", &format!("\"Sid\":\"{}", "a".repeat(chars - rest.len())))
}

#[test]
fn of_documents() {
    let deployment = Deployment::new();
    deployment.ok("root CreateUser UserName=x");
    deployment.ok("root CreateGroup GroupName=x");
    deployment.ok("root CreateRole RoleName=x AssumeRolePolicyDocument=$EC2");
    for (noun, chars) in [("User", 2048), ("Group", 5120), ("Role", 10_240)] {
        let put = |name: &str, chars: usize| {
            let document = policy(chars);
            format!("root Put{noun}Policy {noun}Name=x PolicyName={name} PolicyDocument={document}")
        };
        deployment.ok(&put("a", chars - 100));
        deployment.ok(&put("b", 100));
        let lower = noun.to_ascii_lowercase();
        assert_eq!(
            deployment.fails(&put("b", 101)),
            format!("LimitExceededException: Maximum policy size of {chars} bytes exceeded for {lower} x")
        );
        deployment.ok(&put("a", 100));
        deployment.ok(&put("b", 101));
    }
    deployment.ok(&format!("root CreatePolicy PolicyName=p PolicyDocument={}", policy(6144)));
    let error = "LimitExceededException: Cannot exceed quota for PolicySize: 6144";
    assert_eq!(
        deployment.fails(&format!("root CreatePolicy PolicyName=q PolicyDocument={}", policy(6145))),
        error
    );
    let line = format!("root CreatePolicyVersion PolicyArn=$POLICY/p PolicyDocument={}", policy(6145));
    assert_eq!(deployment.fails(&line), error);
}
