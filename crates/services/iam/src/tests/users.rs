use crate::testing::Deployment;
use expect_test::expect;

#[test]
fn lifecycle() {
    Deployment::new().transcript(
        "
        root CreateUser UserName=Bob Path=/a/b/ Tags.member.1.Key=Team Tags.member.1.Value=Red
        root CreateUser UserName=bob
        root GetUser UserName=BOB
        root GetUser UserName=alice
        root GetUser
        root UpdateUser UserName=bob NewUserName=bobby NewPath=/
        root GetUser UserName=bob
        root GetUser UserName=bobby
        (root CreateUser UserName=alice)
        root UpdateUser UserName=bobby NewUserName=Alice
        root UpdateUser UserName=bobby NewUserName=Bobby
        root UpdateUser UserName=bobby NewPath=/aws-reserved/x/
        root ListUsers
        root DeleteUser UserName=Bobby
        root DeleteUser UserName=Bobby
        root GetAccountSummary
        ",
        &expect![[r#"
            root CreateUser UserName=Bob Path=/a/b/ Tags.member.1.Key=Team Tags.member.1.Value=Red
              {"user":{"path":"/a/b/","userName":"Bob","userId":"AIDAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:user/a/b/Bob","createDate":"Nov 21, 2026, 11:07:43 PM","tags":[{"key":"Team","value":"Red"}]}}
            root CreateUser UserName=bob
              EntityAlreadyExistsException: User with name bob already exists.
            root GetUser UserName=BOB
              {"user":{"path":"/a/b/","userName":"Bob","userId":"AIDAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:user/a/b/Bob","createDate":"Nov 21, 2026, 11:07:43 PM","tags":[{"key":"Team","value":"Red"}]}}
            root GetUser UserName=alice
              NoSuchEntityException: The user with name alice cannot be found.
            root GetUser
              {"user":{"path":"","userName":"","userId":"111122223333","arn":"arn:aws:iam::111122223333:root","createDate":"Nov 21, 2026, 11:07:43 PM"}}
            root UpdateUser UserName=bob NewUserName=bobby NewPath=/
              {}
            root GetUser UserName=bob
              NoSuchEntityException: The user with name bob cannot be found.
            root GetUser UserName=bobby
              {"user":{"path":"/","userName":"bobby","userId":"AIDAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:user/bobby","createDate":"Nov 21, 2026, 11:07:43 PM","tags":[{"key":"Team","value":"Red"}]}}
            root UpdateUser UserName=bobby NewUserName=Alice
              EntityAlreadyExistsException: User with name Alice already exists.
            root UpdateUser UserName=bobby NewUserName=Bobby
              {}
            root UpdateUser UserName=bobby NewPath=/aws-reserved/x/
              InvalidInputException: The path /aws-reserved/x/ is reserved for use by AWS services.
            root ListUsers
              {"users":[{"path":"/","userName":"alice","userId":"AIDAAAAAAAAAAAAAAAAAD","arn":"arn:aws:iam::111122223333:user/alice","createDate":"Nov 21, 2026, 11:07:43 PM"},{"path":"/","userName":"Bobby","userId":"AIDAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:user/Bobby","createDate":"Nov 21, 2026, 11:07:43 PM"}],"isTruncated":false}
            root DeleteUser UserName=Bobby
              {}
            root DeleteUser UserName=Bobby
              NoSuchEntityException: The user with name Bobby cannot be found.
            root GetAccountSummary
              {"summaryMap":{"AccessKeysPerUserQuota":2,"AccountAccessKeysPresent":1,"AccountMFAEnabled":0,"AccountPasswordPresent":0,"AccountSigningCertificatesPresent":0,"AssumeRolePolicySizeQuota":2048,"AttachedPoliciesPerGroupQuota":10,"AttachedPoliciesPerRoleQuota":10,"AttachedPoliciesPerUserQuota":10,"GlobalEndpointTokenVersion":1,"GroupPolicySizeQuota":5120,"Groups":0,"GroupsPerUserQuota":10,"GroupsQuota":300,"InstanceProfiles":0,"InstanceProfilesQuota":1000,"MFADevices":0,"MFADevicesInUse":0,"Policies":0,"PoliciesQuota":1500,"PolicySizeQuota":6144,"PolicyVersionsInUse":0,"PolicyVersionsInUseQuota":10000,"Providers":0,"RolePolicySizeQuota":10240,"Roles":0,"RolesQuota":1000,"ServerCertificates":0,"SigningCertificatesPerUserQuota":2,"UserPolicySizeQuota":2048,"Users":1,"UsersQuota":5000,"VersionsPerPolicyQuota":5}}
        "#]],
    );
}

#[test]
fn of_two_at_once_one_gets_the_name() {
    let deployment = Deployment::new();
    let body = "Action=CreateUser&Version=2010-05-08&UserName=";
    let root = deployment.caller("root");
    let first = deployment.prepare(&root, "CreateUser", &format!("{body}bob")).unwrap();
    let second = deployment.prepare(&root, "CreateUser", &format!("{body}Bob")).unwrap();
    deployment.store.commit_blocking(first).unwrap();
    assert!(matches!(deployment.store.commit_blocking(second), Err(store::CommitError::Conflict)));
    assert_eq!(
        deployment.fails("root CreateUser UserName=Bob"),
        "EntityAlreadyExistsException: User with name Bob already exists."
    );
}
