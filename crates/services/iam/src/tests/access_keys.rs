use crate::limits::LAST_USED_GRANULARITY_MS;
use crate::testing::Deployment;
use expect_test::expect;
use platform::{Principal, open_secret};

#[test]
fn lifecycle() {
    Deployment::new().transcript(
        "
        (root CreateUser UserName=bob)
        root ListAccessKeys
        root CreateAccessKey
        root CreateAccessKey
        root UpdateAccessKey AccessKeyId=AKIAROOTROOTROOTROOT Status=Inactive
        root ListAccessKeys
        root DeleteAccessKey AccessKeyId=AKIAROOTROOTROOTROOT
        root DeleteAccessKey AccessKeyId=AKIAROOTROOTROOTROOT
        root CreateAccessKey UserName=bob
        root CreateAccessKey UserName=eve
        root ListAccessKeys UserName=bob
        root DeleteAccessKey AccessKeyId=AKIAAAAAAAAAAAAAAAAD
        root GetAccessKeyLastUsed AccessKeyId=AKIAAAAAAAAAAAAAAAAD
        root GetAccessKeyLastUsed AccessKeyId=AKIAAAAAAAAAAAAAAAAB
        other GetAccessKeyLastUsed AccessKeyId=AKIAAAAAAAAAAAAAAAAD
        root GetAccessKeyLastUsed AccessKeyId=AKIAROOTROOTROOTROOT
        root UpdateAccessKey UserName=bob AccessKeyId=AKIAAAAAAAAAAAAAAAAD Status=Inactive
        root UpdateAccessKey UserName=bob AccessKeyId=AKIAAAAAAAAAAAAAAAAD Status=Expired
        root ListAccessKeys UserName=bob
        root DeleteUser UserName=bob
        root DeleteAccessKey UserName=bob AccessKeyId=AKIAAAAAAAAAAAAAAAAD
        root DeleteUser UserName=bob
        ",
        &expect![[r#"
            root ListAccessKeys
              {"accessKeyMetadata":[{"accessKeyId":"AKIAROOTROOTROOTROOT","status":"Active","createDate":"Nov 21, 2026, 11:07:43 PM"}],"isTruncated":false}
            root CreateAccessKey
              {"accessKey":{"userName":"","accessKeyId":"AKIAAAAAAAAAAAAAAAAB","status":"Active","createDate":"Nov 21, 2026, 11:07:43 PM"}}
            root CreateAccessKey
              LimitExceededException: Cannot exceed quota for AccessKeysPerUser: 2
            root UpdateAccessKey AccessKeyId=AKIAROOTROOTROOTROOT Status=Inactive
              {}
            root ListAccessKeys
              {"accessKeyMetadata":[{"accessKeyId":"AKIAROOTROOTROOTROOT","status":"Inactive","createDate":"Nov 21, 2026, 11:07:43 PM"},{"accessKeyId":"AKIAAAAAAAAAAAAAAAAB","status":"Active","createDate":"Nov 21, 2026, 11:07:43 PM"}],"isTruncated":false}
            root DeleteAccessKey AccessKeyId=AKIAROOTROOTROOTROOT
              {}
            root DeleteAccessKey AccessKeyId=AKIAROOTROOTROOTROOT
              NoSuchEntityException: The Access Key with id AKIAROOTROOTROOTROOT cannot be found.
            root CreateAccessKey UserName=bob
              {"accessKey":{"userName":"bob","accessKeyId":"AKIAAAAAAAAAAAAAAAAD","status":"Active","createDate":"Nov 21, 2026, 11:07:43 PM"}}
            root CreateAccessKey UserName=eve
              NoSuchEntityException: The user with name eve cannot be found.
            root ListAccessKeys UserName=bob
              {"accessKeyMetadata":[{"userName":"bob","accessKeyId":"AKIAAAAAAAAAAAAAAAAD","status":"Active","createDate":"Nov 21, 2026, 11:07:43 PM"}],"isTruncated":false}
            root DeleteAccessKey AccessKeyId=AKIAAAAAAAAAAAAAAAAD
              NoSuchEntityException: The Access Key with id AKIAAAAAAAAAAAAAAAAD cannot be found.
            root GetAccessKeyLastUsed AccessKeyId=AKIAAAAAAAAAAAAAAAAD
              {"userName":"bob","accessKeyLastUsed":{"serviceName":"N/A","region":"N/A"}}
            root GetAccessKeyLastUsed AccessKeyId=AKIAAAAAAAAAAAAAAAAB
              {"accessKeyLastUsed":{"serviceName":"N/A","region":"N/A"}}
            other GetAccessKeyLastUsed AccessKeyId=AKIAAAAAAAAAAAAAAAAD
              NoSuchEntityException: The Access Key with id AKIAAAAAAAAAAAAAAAAD cannot be found.
            root GetAccessKeyLastUsed AccessKeyId=AKIAROOTROOTROOTROOT
              NoSuchEntityException: The Access Key with id AKIAROOTROOTROOTROOT cannot be found.
            root UpdateAccessKey UserName=bob AccessKeyId=AKIAAAAAAAAAAAAAAAAD Status=Inactive
              {}
            root UpdateAccessKey UserName=bob AccessKeyId=AKIAAAAAAAAAAAAAAAAD Status=Expired
              InvalidInputException: An access key cannot be given the status Expired.
            root ListAccessKeys UserName=bob
              {"accessKeyMetadata":[{"userName":"bob","accessKeyId":"AKIAAAAAAAAAAAAAAAAD","status":"Inactive","createDate":"Nov 21, 2026, 11:07:43 PM"}],"isTruncated":false}
            root DeleteUser UserName=bob
              DeleteConflictException: Cannot delete entity, must delete access keys first.
            root DeleteAccessKey UserName=bob AccessKeyId=AKIAAAAAAAAAAAAAAAAD
              {}
            root DeleteUser UserName=bob
              {}
        "#]],
    );
}

#[test]
fn a_key_names_its_user_whatever_the_user_is_called() {
    let deployment = Deployment::new();
    deployment.ok("root CreateUser UserName=bob Path=/a/");
    let created = deployment.ok("root CreateAccessKey UserName=bob");
    let created: serde_json::Value = serde_json::from_str(&created).unwrap();
    let id = created["accessKey"]["accessKeyId"].as_str().unwrap();
    // Audit records hide the secret.
    assert!(created["accessKey"].get("secretAccessKey").is_none());
    deployment.ok("root UpdateUser UserName=bob NewUserName=rob NewPath=/");
    let directory = &deployment.env.directory;
    let key = directory.access_key(&mut deployment.tx(), id).unwrap().unwrap();
    assert!(key.active);
    let Principal::User { account, path, name, .. } = &key.principal else { panic!("not a user") };
    assert_eq!((account.as_str(), path.as_str(), name.as_str()), ("111122223333", "/", "rob"));
    assert_eq!(open_secret(&deployment.env.keyring, &key.secret).unwrap().len(), 40);
    deployment.ok(&format!("root UpdateAccessKey UserName=rob AccessKeyId={id} Status=Inactive"));
    assert!(!directory.access_key(&mut deployment.tx(), id).unwrap().unwrap().active);
    deployment.ok(&format!("root DeleteAccessKey UserName=rob AccessKeyId={id}"));
    assert!(directory.access_key(&mut deployment.tx(), id).unwrap().is_none());
    let root = directory.access_key(&mut deployment.tx(), "AKIAROOTROOTROOTROOT").unwrap().unwrap();
    assert_eq!(root.principal, Principal::Root { account: "111122223333".to_owned() });
    assert_eq!(&open_secret(&deployment.env.keyring, &root.secret).unwrap()[..], b"secret");
}

#[test]
fn uses_are_noted_once_in_a_while() {
    let deployment = Deployment::new();
    let note = |service: &str| {
        let mut tx = deployment.tx();
        deployment
            .env
            .directory
            .note_use(&mut tx, "AKIAROOTROOTROOTROOT", &deployment.clock(), service)
            .unwrap();
        deployment.store.commit_blocking(tx.into_txn()).unwrap();
        deployment.ok("root GetAccessKeyLastUsed AccessKeyId=AKIAROOTROOTROOTROOT")
    };
    let first = note("kms");
    expect![[r#"{"accessKeyLastUsed":{"lastUsedDate":"Nov 21, 2026, 11:07:43 PM","serviceName":"kms","region":"us-east-1"}}"#]].assert_eq(&first);
    deployment.pass(LAST_USED_GRANULARITY_MS - 1);
    assert_eq!(note("kms"), first);
    let second = note("iam");
    assert!(second.contains("\"serviceName\":\"iam\""), "{second}");
    deployment.pass(1);
    let third = note("kms");
    assert!(third.contains("\"serviceName\":\"kms\"") && third != first, "{third}");
}
