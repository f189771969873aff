use crate::testing::Deployment;
use expect_test::expect;

#[test]
fn aliases() {
    Deployment::new().transcript(
        "
        root ListAccountAliases
        root CreateAccountAlias AccountAlias=acme
        root CreateAccountAlias AccountAlias=acme
        other CreateAccountAlias AccountAlias=acme
        root CreateAccountAlias AccountAlias=acme-corp
        other CreateAccountAlias AccountAlias=acme
        root ListAccountAliases
        root DeleteAccountAlias AccountAlias=acme
        root DeleteAccountAlias AccountAlias=acme-corp
        root ListAccountAliases
        ",
        &expect![[r#"
            root ListAccountAliases
              {"accountAliases":[],"isTruncated":false}
            root CreateAccountAlias AccountAlias=acme
              {}
            root CreateAccountAlias AccountAlias=acme
              {}
            other CreateAccountAlias AccountAlias=acme
              EntityAlreadyExistsException: The account alias acme already exists.
            root CreateAccountAlias AccountAlias=acme-corp
              {}
            other CreateAccountAlias AccountAlias=acme
              {}
            root ListAccountAliases
              {"accountAliases":["acme-corp"],"isTruncated":false}
            root DeleteAccountAlias AccountAlias=acme
              NoSuchEntityException: The account alias acme cannot be found.
            root DeleteAccountAlias AccountAlias=acme-corp
              {}
            root ListAccountAliases
              {"accountAliases":[],"isTruncated":false}
        "#]],
    );
}

#[test]
fn authorization_details() {
    Deployment::new().transcript(
        "
        (root CreatePolicy PolicyName=store PolicyDocument=$S3)
        (root CreatePolicyVersion PolicyArn=$POLICY/store PolicyDocument=$ALL)
        (root CreateUser UserName=bob PermissionsBoundary=$POLICY/store)
        (root CreateGroup GroupName=team)
        (root AddUserToGroup GroupName=team UserName=bob)
        (root PutGroupPolicy GroupName=team PolicyName=one PolicyDocument=$S3)
        (root AttachUserPolicy UserName=bob PolicyArn=$AWS/AWSDenyAll)
        (root CreateRole RoleName=machine AssumeRolePolicyDocument=$EC2)
        (root CreateInstanceProfile InstanceProfileName=profile)
        (root AddRoleToInstanceProfile InstanceProfileName=profile RoleName=machine)
        root GetAccountAuthorizationDetails Filter.member.1=User
        root GetAccountAuthorizationDetails Filter.member.1=Group
        root GetAccountAuthorizationDetails Filter.member.1=Role
        root GetAccountAuthorizationDetails Filter.member.1=LocalManagedPolicy
        root GetAccountAuthorizationDetails Filter.member.1=AWSManagedPolicy
        ",
        &expect![[r#"
            root GetAccountAuthorizationDetails Filter.member.1=User
              {"userDetailList":[{"path":"/","userName":"bob","userId":"AIDAAAAAAAAAAAAAAAAAB","arn":"arn:aws:iam::111122223333:user/bob","createDate":"Nov 21, 2026, 11:07:43 PM","userPolicyList":[],"groupList":["team"],"attachedManagedPolicies":[{"policyName":"AWSDenyAll","policyArn":"arn:aws:iam::aws:policy/AWSDenyAll"}],"permissionsBoundary":{"permissionsBoundaryType":"PermissionsBoundaryPolicy","permissionsBoundaryArn":"arn:aws:iam::111122223333:policy/store"}}],"groupDetailList":[],"roleDetailList":[],"policies":[],"isTruncated":false}
            root GetAccountAuthorizationDetails Filter.member.1=Group
              {"userDetailList":[],"groupDetailList":[{"path":"/","groupName":"team","groupId":"AGPAAAAAAAAAAAAAAAAAC","arn":"arn:aws:iam::111122223333:group/team","createDate":"Nov 21, 2026, 11:07:43 PM","groupPolicyList":[{"policyName":"one","policyDocument":"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"}],"attachedManagedPolicies":[]}],"roleDetailList":[],"policies":[],"isTruncated":false}
            root GetAccountAuthorizationDetails Filter.member.1=Role
              {"userDetailList":[],"groupDetailList":[],"roleDetailList":[{"path":"/","roleName":"machine","roleId":"AROAAAAAAAAAAAAAAAAAD","arn":"arn:aws:iam::111122223333:role/machine","createDate":"Nov 21, 2026, 11:07:43 PM","assumeRolePolicyDocument":"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}","instanceProfileList":[{"path":"/","instanceProfileName":"profile","instanceProfileId":"AIPAAAAAAAAAAAAAAAAAE","arn":"arn:aws:iam::111122223333:instance-profile/profile","createDate":"Nov 21, 2026, 11:07:43 PM","roles":[{"path":"/","roleName":"machine","roleId":"AROAAAAAAAAAAAAAAAAAD","arn":"arn:aws:iam::111122223333:role/machine","createDate":"Nov 21, 2026, 11:07:43 PM","assumeRolePolicyDocument":"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"}]}],"rolePolicyList":[],"attachedManagedPolicies":[],"roleLastUsed":{}}],"policies":[],"isTruncated":false}
            root GetAccountAuthorizationDetails Filter.member.1=LocalManagedPolicy
              {"userDetailList":[],"groupDetailList":[],"roleDetailList":[],"policies":[{"policyName":"store","policyId":"ANPAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:policy/store","path":"/","defaultVersionId":"v1","attachmentCount":0,"permissionsBoundaryUsageCount":1,"isAttachable":true,"createDate":"Nov 21, 2026, 11:07:43 PM","updateDate":"Nov 21, 2026, 11:07:43 PM","policyVersionList":[{"document":"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}","versionId":"v2","isDefaultVersion":false,"createDate":"Nov 21, 2026, 11:07:43 PM"},{"document":"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}","versionId":"v1","isDefaultVersion":true,"createDate":"Nov 21, 2026, 11:07:43 PM"}]}],"isTruncated":false}
            root GetAccountAuthorizationDetails Filter.member.1=AWSManagedPolicy
              {"userDetailList":[],"groupDetailList":[],"roleDetailList":[],"policies":[{"policyName":"AWSDenyAll","policyId":"ANPATN7C54P3MA5BGFUQO","arn":"arn:aws:iam::aws:policy/AWSDenyAll","path":"/","defaultVersionId":"v1","attachmentCount":1,"permissionsBoundaryUsageCount":0,"isAttachable":true,"description":"Denies every action on every resource.","createDate":"Jan 1, 2026, 12:00:00 AM","updateDate":"Jan 1, 2026, 12:00:00 AM","policyVersionList":[{"document":"{"Version": "2012-10-17", "Statement": [{"Sid": "DenyAll", "Effect": "Deny", "Action": "*", "Resource": "*"}]}","versionId":"v1","isDefaultVersion":true,"createDate":"Jan 1, 2026, 12:00:00 AM"}]}],"isTruncated":false}
        "#]],
    );
}

#[test]
fn summary_counts() {
    let deployment = Deployment::new();
    deployment.ok("root CreatePolicy PolicyName=store PolicyDocument=$S3");
    deployment.ok("root CreatePolicyVersion PolicyArn=$POLICY/store PolicyDocument=$ALL");
    deployment.ok("root CreateUser UserName=bob");
    deployment.ok("root CreateUser UserName=eve");
    deployment.ok("root DeleteUser UserName=eve");
    deployment.ok("root CreateRole RoleName=machine AssumeRolePolicyDocument=$EC2");
    let summary: serde_json::Value = serde_json::from_str(&deployment.ok("root GetAccountSummary")).unwrap();
    for (key, value) in [
        ("Users", 1),
        ("Groups", 0),
        ("Roles", 1),
        ("Policies", 1),
        ("PolicyVersionsInUse", 2),
        ("AccountAccessKeysPresent", 1),
    ] {
        assert_eq!(summary["summaryMap"][key], value, "{key}");
    }
}
