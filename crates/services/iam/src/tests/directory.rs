use crate::testing::{ACCOUNT, Deployment};
use platform::{Boundary, Caller, Permissions, Principal, Session};
use std::collections::BTreeMap;
use std::sync::Arc;

fn permissions(deployment: &Deployment, caller: &Caller) -> Option<Arc<Permissions>> {
    deployment.env.directory.permissions(&mut deployment.tx(), caller).unwrap()
}

#[test]
fn a_user_has_its_own_and_its_groups_policies() {
    let deployment = Deployment::new();
    for line in [
        "CreatePolicy PolicyName=p PolicyDocument=$S3",
        "CreateUser UserName=bob PermissionsBoundary=$POLICY/p Tags.member.1.Key=Team Tags.member.1.Value=Red",
        "CreateGroup GroupName=team",
        "AddUserToGroup UserName=bob GroupName=team",
        "PutGroupPolicy GroupName=team PolicyName=one PolicyDocument=$S3",
        "AttachGroupPolicy GroupName=team PolicyArn=$AWS/ReadOnlyAccess",
        "PutUserPolicy UserName=bob PolicyName=one PolicyDocument=$S3",
        "AttachUserPolicy UserName=bob PolicyArn=$POLICY/p",
    ] {
        deployment.ok(&format!("root {line}"));
    }
    let mut bob = deployment.caller("user/bob");
    let found = permissions(&deployment, &bob).unwrap();
    assert_eq!(found.identity.len(), 4);
    assert!(matches!(found.boundary, Boundary::Set(_)));
    assert_eq!(found.tags["Team"], "Red");
    // Session tags stand before the user's own.
    let tags = BTreeMap::from([("team".to_owned(), "Blue".to_owned())]);
    let session = Session {
        tags,
        policies: vec![
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#
                .to_owned(),
        ],
        policy_arns: vec![
            "arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned(),
            "arn:aws:iam::aws:policy/Gone".to_owned(),
        ],
        ..Session::default()
    };
    bob.session = Some(Arc::new(session));
    let found = permissions(&deployment, &bob).unwrap();
    assert_eq!(found.session.len(), 3);
    assert_eq!(found.tags, BTreeMap::from([("team".to_owned(), "Blue".to_owned())]));
    // A new default version is in force at once.
    deployment.ok("root CreatePolicyVersion PolicyArn=$POLICY/p PolicyDocument=$ALL SetAsDefault=true");
    let now = permissions(&deployment, &bob).unwrap();
    assert!(!now.identity.iter().all(|policy| found.identity.iter().any(|held| Arc::ptr_eq(policy, held))));
}

#[test]
fn who_is_gone_has_none() {
    let deployment = Deployment::new();
    deployment.ok("root CreateUser UserName=bob");
    deployment.ok("root CreateRole RoleName=machine AssumeRolePolicyDocument=$EC2");
    let (bob, machine) = (deployment.caller("user/bob"), deployment.caller("role/machine"));
    assert!(permissions(&deployment, &bob).is_some());
    assert!(permissions(&deployment, &machine).is_some());
    deployment.ok("root UpdateUser UserName=bob NewUserName=rob");
    assert!(permissions(&deployment, &bob).is_some());
    deployment.ok("root DeleteUser UserName=rob");
    deployment.ok("root DeleteRole RoleName=machine");
    deployment.ok("root CreateUser UserName=bob");
    deployment.ok("root CreateRole RoleName=machine AssumeRolePolicyDocument=$EC2");
    assert!(permissions(&deployment, &bob).is_none());
    assert!(permissions(&deployment, &machine).is_none());
}

#[test]
fn federated_users_have_what_their_issuer_has() {
    let deployment = Deployment::new();
    deployment.ok("root CreateUser UserName=bob");
    deployment.ok("root PutUserPolicy UserName=bob PolicyName=one PolicyDocument=$S3");
    let Principal::User { id, .. } = deployment.caller("user/bob").principal else { panic!("not a user") };
    let federated = |issuer_id: &str, issuer_name: Option<&str>| Caller {
        principal: Principal::Federated {
            account: ACCOUNT.to_owned(),
            name: "f".to_owned(),
            issuer_id: issuer_id.to_owned(),
            issuer_arn: "arn".to_owned(),
            issuer_name: issuer_name.map(str::to_owned),
        },
        access_key_id: None,
        session: Some(Arc::new(Session::default())),
    };
    assert_eq!(permissions(&deployment, &federated(&id, Some("bob"))).unwrap().identity.len(), 1);
    assert_eq!(permissions(&deployment, &federated(ACCOUNT, None)).unwrap().identity.len(), 1);
    assert!(permissions(&deployment, &federated("AIDAZZZZZZZZZZZZZZZZZ", Some("bob"))).is_none());
}

#[test]
fn roles_policies_and_ids_are_found() {
    let deployment = Deployment::new();
    deployment.ok(
        "root CreateRole RoleName=Machine Path=/a/ AssumeRolePolicyDocument=$EC2 MaxSessionDuration=7200",
    );
    deployment.ok("root CreatePolicy PolicyName=p PolicyDocument=$S3");
    let directory = &deployment.env.directory;
    let role = directory.role(&mut deployment.tx(), ACCOUNT, "machine").unwrap().unwrap();
    assert_eq!(role.max_session_seconds, 7200);
    assert_eq!(role.principal.principal_arn(), "arn:aws:iam::111122223333:role/a/Machine");
    assert!(directory.role(&mut deployment.tx(), "444455556666", "machine").unwrap().is_none());
    let policy = |account: &str, arn: &str| {
        directory.managed_policy_id(&mut deployment.tx(), account, arn).unwrap().is_some()
    };
    assert!(policy(ACCOUNT, "arn:aws:iam::111122223333:policy/p"));
    assert!(policy(ACCOUNT, "arn:aws:iam::aws:policy/ReadOnlyAccess"));
    assert!(!policy("444455556666", "arn:aws:iam::111122223333:policy/p"));
    let id = |arn: &str| directory.unique_id(&mut deployment.tx(), arn).unwrap();
    assert_eq!(id("arn:aws:iam::111122223333:role/a/Machine").as_deref(), Some("AROAAAAAAAAAAAAAAAAAA"));
    for arn in [
        "arn:aws:iam::111122223333:role/Machine",
        "arn:aws:iam::111122223333:role/a/machine",
        "arn:aws:iam::111122223333:user/a/Machine",
        "arn:aws:iam::111122223333:root",
        "machine",
        "",
    ] {
        assert_eq!(id(arn), None, "{arn}");
    }
}
