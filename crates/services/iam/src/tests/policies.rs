use crate::testing::Deployment;
use expect_test::expect;

#[test]
fn lifecycle() {
    Deployment::new().transcript(
        "
        root CreatePolicy PolicyName=Store Path=/a/ PolicyDocument=$S3 Description=d Tags.member.1.Key=a Tags.member.1.Value=b
        root CreatePolicy PolicyName=store PolicyDocument=$S3
        root CreatePolicy PolicyName=old PolicyDocument=$OLD
        root CreatePolicy PolicyName=bad PolicyDocument={}
        root CreatePolicy PolicyName=trust PolicyDocument=$EC2
        root GetPolicy PolicyArn=$POLICY/a/Store
        root GetPolicy PolicyArn=$POLICY/a/store
        root GetPolicy PolicyArn=arn:aws:iam::444455556666:policy/a/Store
        other GetPolicy PolicyArn=$POLICY/a/Store
        root GetPolicy PolicyArn=arn:aws:s3:::bucket-bucket
        root GetPolicyVersion PolicyArn=$POLICY/a/Store VersionId=v1
        root GetPolicyVersion PolicyArn=$POLICY/a/Store VersionId=v2
        root CreatePolicyVersion PolicyArn=$POLICY/a/Store PolicyDocument=$ALL
        root CreatePolicyVersion PolicyArn=$POLICY/a/Store PolicyDocument=$OLD
        root DeletePolicy PolicyArn=$POLICY/a/Store
        root DeletePolicyVersion PolicyArn=$POLICY/a/Store VersionId=v1
        root SetDefaultPolicyVersion PolicyArn=$POLICY/a/Store VersionId=v2
        root SetDefaultPolicyVersion PolicyArn=$POLICY/a/Store VersionId=v9
        root ListPolicyVersions PolicyArn=$POLICY/a/Store
        root DeletePolicyVersion PolicyArn=$POLICY/a/Store VersionId=v1
        root CreatePolicyVersion PolicyArn=$POLICY/a/Store PolicyDocument=$S3 SetAsDefault=true
        (root CreatePolicyVersion PolicyArn=$POLICY/a/Store PolicyDocument=$S3)
        (root CreatePolicyVersion PolicyArn=$POLICY/a/Store PolicyDocument=$S3)
        (root CreatePolicyVersion PolicyArn=$POLICY/a/Store PolicyDocument=$S3)
        root CreatePolicyVersion PolicyArn=$POLICY/a/Store PolicyDocument=$S3
        (root DeletePolicyVersion PolicyArn=$POLICY/a/Store VersionId=v2)
        (root DeletePolicyVersion PolicyArn=$POLICY/a/Store VersionId=v4)
        (root DeletePolicyVersion PolicyArn=$POLICY/a/Store VersionId=v5)
        (root DeletePolicyVersion PolicyArn=$POLICY/a/Store VersionId=v6)
        root DeletePolicy PolicyArn=$POLICY/a/Store
        root DeletePolicy PolicyArn=$POLICY/a/Store
        ",
        &expect![[r#"
            root CreatePolicy PolicyName=Store Path=/a/ PolicyDocument=$S3 Description=d Tags.member.1.Key=a Tags.member.1.Value=b
              {"policy":{"policyName":"Store","policyId":"ANPAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:policy/a/Store","path":"/a/","defaultVersionId":"v1","attachmentCount":0,"permissionsBoundaryUsageCount":0,"isAttachable":true,"createDate":"Nov 21, 2026, 11:07:43 PM","updateDate":"Nov 21, 2026, 11:07:43 PM","tags":[{"key":"a","value":"b"}]}}
            root CreatePolicy PolicyName=store PolicyDocument=$S3
              EntityAlreadyExistsException: A policy called store already exists. Duplicate names are not allowed.
            root CreatePolicy PolicyName=old PolicyDocument=$OLD
              MalformedPolicyDocumentException: Policy document must be version 2012-10-17 or greater.
            root CreatePolicy PolicyName=bad PolicyDocument={}
              MalformedPolicyDocumentException: Syntax errors in policy.
            root CreatePolicy PolicyName=trust PolicyDocument=$EC2
              MalformedPolicyDocumentException: Policy document should not specify a principal.
            root GetPolicy PolicyArn=$POLICY/a/Store
              {"policy":{"policyName":"Store","policyId":"ANPAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:policy/a/Store","path":"/a/","defaultVersionId":"v1","attachmentCount":0,"permissionsBoundaryUsageCount":0,"isAttachable":true,"description":"d","createDate":"Nov 21, 2026, 11:07:43 PM","updateDate":"Nov 21, 2026, 11:07:43 PM","tags":[{"key":"a","value":"b"}]}}
            root GetPolicy PolicyArn=$POLICY/a/store
              NoSuchEntityException: Policy arn:aws:iam::111122223333:policy/a/store was not found.
            root GetPolicy PolicyArn=arn:aws:iam::444455556666:policy/a/Store
              NoSuchEntityException: Policy arn:aws:iam::444455556666:policy/a/Store was not found.
            other GetPolicy PolicyArn=$POLICY/a/Store
              NoSuchEntityException: Policy arn:aws:iam::111122223333:policy/a/Store was not found.
            root GetPolicy PolicyArn=arn:aws:s3:::bucket-bucket
              InvalidInputException: ARN arn:aws:s3:::bucket-bucket is not valid.
            root GetPolicyVersion PolicyArn=$POLICY/a/Store VersionId=v1
              {"policyVersion":{"document":"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}","versionId":"v1","isDefaultVersion":true,"createDate":"Nov 21, 2026, 11:07:43 PM"}}
            root GetPolicyVersion PolicyArn=$POLICY/a/Store VersionId=v2
              NoSuchEntityException: Policy arn:aws:iam::111122223333:policy/a/Store version v2 does not exist or is not attachable.
            root CreatePolicyVersion PolicyArn=$POLICY/a/Store PolicyDocument=$ALL
              {"policyVersion":{"versionId":"v2","isDefaultVersion":false,"createDate":"Nov 21, 2026, 11:07:43 PM"}}
            root CreatePolicyVersion PolicyArn=$POLICY/a/Store PolicyDocument=$OLD
              MalformedPolicyDocumentException: Policy document must be version 2012-10-17 or greater.
            root DeletePolicy PolicyArn=$POLICY/a/Store
              DeleteConflictException: This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.
            root DeletePolicyVersion PolicyArn=$POLICY/a/Store VersionId=v1
              DeleteConflictException: Cannot delete the default version of a policy.
            root SetDefaultPolicyVersion PolicyArn=$POLICY/a/Store VersionId=v2
              {}
            root SetDefaultPolicyVersion PolicyArn=$POLICY/a/Store VersionId=v9
              NoSuchEntityException: Policy arn:aws:iam::111122223333:policy/a/Store version v9 does not exist or is not attachable.
            root ListPolicyVersions PolicyArn=$POLICY/a/Store
              {"versions":[{"versionId":"v2","isDefaultVersion":true,"createDate":"Nov 21, 2026, 11:07:43 PM"},{"versionId":"v1","isDefaultVersion":false,"createDate":"Nov 21, 2026, 11:07:43 PM"}],"isTruncated":false}
            root DeletePolicyVersion PolicyArn=$POLICY/a/Store VersionId=v1
              {}
            root CreatePolicyVersion PolicyArn=$POLICY/a/Store PolicyDocument=$S3 SetAsDefault=true
              {"policyVersion":{"versionId":"v3","isDefaultVersion":true,"createDate":"Nov 21, 2026, 11:07:43 PM"}}
            root CreatePolicyVersion PolicyArn=$POLICY/a/Store PolicyDocument=$S3
              LimitExceededException: A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.
            root DeletePolicy PolicyArn=$POLICY/a/Store
              {}
            root DeletePolicy PolicyArn=$POLICY/a/Store
              NoSuchEntityException: Policy arn:aws:iam::111122223333:policy/a/Store was not found.
        "#]],
    );
}

#[test]
fn policies_of_aws() {
    Deployment::new().transcript(
        "
        root GetPolicy PolicyArn=$AWS/AdministratorAccess
        root GetPolicyVersion PolicyArn=$AWS/AdministratorAccess VersionId=v1
        root ListPolicyVersions PolicyArn=$AWS/job-function/ViewOnlyAccess
        root ListPolicyTags PolicyArn=$AWS/AdministratorAccess
        root GetPolicy PolicyArn=$AWS/NoSuchAccess
        root DeletePolicy PolicyArn=$AWS/AdministratorAccess
        root CreatePolicyVersion PolicyArn=$AWS/AdministratorAccess PolicyDocument=$S3
        root SetDefaultPolicyVersion PolicyArn=$AWS/AdministratorAccess VersionId=v1
        root DeletePolicyVersion PolicyArn=$AWS/AdministratorAccess VersionId=v1
        root TagPolicy PolicyArn=$AWS/AdministratorAccess Tags.member.1.Key=a Tags.member.1.Value=b
        root UntagPolicy PolicyArn=$AWS/AdministratorAccess TagKeys.member.1=a
        root ListPolicies Scope=AWS PathPrefix=/job-function/
        ",
        &expect![[r#"
            root GetPolicy PolicyArn=$AWS/AdministratorAccess
              {"policy":{"policyName":"AdministratorAccess","policyId":"ANPAIWMBCKSKIEE64ZLYK","arn":"arn:aws:iam::aws:policy/AdministratorAccess","path":"/","defaultVersionId":"v1","attachmentCount":0,"permissionsBoundaryUsageCount":0,"isAttachable":true,"description":"Allows every action on every resource.","createDate":"Jan 1, 2026, 12:00:00 AM","updateDate":"Jan 1, 2026, 12:00:00 AM","tags":[]}}
            root GetPolicyVersion PolicyArn=$AWS/AdministratorAccess VersionId=v1
              {"policyVersion":{"document":"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}","versionId":"v1","isDefaultVersion":true,"createDate":"Jan 1, 2026, 12:00:00 AM"}}
            root ListPolicyVersions PolicyArn=$AWS/job-function/ViewOnlyAccess
              {"versions":[{"versionId":"v1","isDefaultVersion":true,"createDate":"Jan 1, 2026, 12:00:00 AM"}],"isTruncated":false}
            root ListPolicyTags PolicyArn=$AWS/AdministratorAccess
              {"tags":[],"isTruncated":false}
            root GetPolicy PolicyArn=$AWS/NoSuchAccess
              NoSuchEntityException: Policy arn:aws:iam::aws:policy/NoSuchAccess was not found.
            root DeletePolicy PolicyArn=$AWS/AdministratorAccess
              AccessDenied: User: arn:aws:iam::111122223333:root is not authorized to perform: iam:DeletePolicy on resource: policy arn:aws:iam::aws:policy/AdministratorAccess
            root CreatePolicyVersion PolicyArn=$AWS/AdministratorAccess PolicyDocument=$S3
              AccessDenied: User: arn:aws:iam::111122223333:root is not authorized to perform: iam:CreatePolicyVersion on resource: policy arn:aws:iam::aws:policy/AdministratorAccess
            root SetDefaultPolicyVersion PolicyArn=$AWS/AdministratorAccess VersionId=v1
              AccessDenied: User: arn:aws:iam::111122223333:root is not authorized to perform: iam:SetDefaultPolicyVersion on resource: policy arn:aws:iam::aws:policy/AdministratorAccess
            root DeletePolicyVersion PolicyArn=$AWS/AdministratorAccess VersionId=v1
              AccessDenied: User: arn:aws:iam::111122223333:root is not authorized to perform: iam:DeletePolicyVersion on resource: policy arn:aws:iam::aws:policy/AdministratorAccess
            root TagPolicy PolicyArn=$AWS/AdministratorAccess Tags.member.1.Key=a Tags.member.1.Value=b
              AccessDenied: User: arn:aws:iam::111122223333:root is not authorized to perform: iam:TagPolicy on resource: policy arn:aws:iam::aws:policy/AdministratorAccess
            root UntagPolicy PolicyArn=$AWS/AdministratorAccess TagKeys.member.1=a
              AccessDenied: User: arn:aws:iam::111122223333:root is not authorized to perform: iam:UntagPolicy on resource: policy arn:aws:iam::aws:policy/AdministratorAccess
            root ListPolicies Scope=AWS PathPrefix=/job-function/
              {"policies":[{"policyName":"ViewOnlyAccess","policyId":"ANPAID22R6XPJATWOFDK6","arn":"arn:aws:iam::aws:policy/job-function/ViewOnlyAccess","path":"/job-function/","defaultVersionId":"v1","attachmentCount":0,"permissionsBoundaryUsageCount":0,"isAttachable":true,"createDate":"Jan 1, 2026, 12:00:00 AM","updateDate":"Jan 1, 2026, 12:00:00 AM"}],"isTruncated":false}
        "#]],
    );
}

#[test]
fn attachments() {
    Deployment::new().transcript(
        "
        (root CreateUser UserName=bob)
        (root CreateGroup GroupName=team)
        (root CreateRole RoleName=machine AssumeRolePolicyDocument=$EC2 Path=/r/)
        (root CreatePolicy PolicyName=store PolicyDocument=$S3)
        root AttachUserPolicy UserName=bob PolicyArn=$POLICY/store
        root AttachUserPolicy UserName=bob PolicyArn=$POLICY/store
        root AttachUserPolicy UserName=bob PolicyArn=$AWS/job-function/ViewOnlyAccess
        root AttachUserPolicy UserName=eve PolicyArn=$POLICY/store
        root AttachUserPolicy UserName=bob PolicyArn=$POLICY/none
        root AttachUserPolicy UserName=bob PolicyArn=arn:aws:iam::444455556666:policy/store
        root AttachUserPolicy UserName=bob PolicyArn=arn:aws:iam::111122223333:role/machine
        root AttachGroupPolicy GroupName=team PolicyArn=$POLICY/store
        root AttachRolePolicy RoleName=machine PolicyArn=$POLICY/store
        root ListAttachedUserPolicies UserName=bob
        root ListAttachedUserPolicies UserName=bob PathPrefix=/job-function/
        root ListAttachedGroupPolicies GroupName=team
        root ListAttachedRolePolicies RoleName=machine
        root ListPolicies OnlyAttached=true
        root ListEntitiesForPolicy PolicyArn=$POLICY/store
        root ListEntitiesForPolicy PolicyArn=$POLICY/store EntityFilter=Role
        root ListEntitiesForPolicy PolicyArn=$POLICY/store PathPrefix=/r/
        root ListEntitiesForPolicy PolicyArn=$AWS/job-function/ViewOnlyAccess
        root DeletePolicy PolicyArn=$POLICY/store
        root DeleteUser UserName=bob
        root DetachUserPolicy UserName=bob PolicyArn=$POLICY/store
        root DetachUserPolicy UserName=bob PolicyArn=$POLICY/store
        root DetachUserPolicy UserName=bob PolicyArn=$AWS/job-function/ViewOnlyAccess
        root DetachGroupPolicy GroupName=team PolicyArn=$POLICY/store
        root DetachRolePolicy RoleName=machine PolicyArn=$POLICY/store
        root ListEntitiesForPolicy PolicyArn=$POLICY/store
        root ListPolicies OnlyAttached=true
        root DeletePolicy PolicyArn=$POLICY/store
        ",
        &expect![[r#"
            root AttachUserPolicy UserName=bob PolicyArn=$POLICY/store
              {}
            root AttachUserPolicy UserName=bob PolicyArn=$POLICY/store
              {}
            root AttachUserPolicy UserName=bob PolicyArn=$AWS/job-function/ViewOnlyAccess
              {}
            root AttachUserPolicy UserName=eve PolicyArn=$POLICY/store
              NoSuchEntityException: The user with name eve cannot be found.
            root AttachUserPolicy UserName=bob PolicyArn=$POLICY/none
              NoSuchEntityException: Policy arn:aws:iam::111122223333:policy/none does not exist or is not attachable.
            root AttachUserPolicy UserName=bob PolicyArn=arn:aws:iam::444455556666:policy/store
              NoSuchEntityException: Policy arn:aws:iam::444455556666:policy/store does not exist or is not attachable.
            root AttachUserPolicy UserName=bob PolicyArn=arn:aws:iam::111122223333:role/machine
              InvalidInputException: ARN arn:aws:iam::111122223333:role/machine is not valid.
            root AttachGroupPolicy GroupName=team PolicyArn=$POLICY/store
              {}
            root AttachRolePolicy RoleName=machine PolicyArn=$POLICY/store
              {}
            root ListAttachedUserPolicies UserName=bob
              {"attachedPolicies":[{"policyName":"store","policyArn":"arn:aws:iam::111122223333:policy/store"},{"policyName":"ViewOnlyAccess","policyArn":"arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"}],"isTruncated":false}
            root ListAttachedUserPolicies UserName=bob PathPrefix=/job-function/
              {"attachedPolicies":[{"policyName":"ViewOnlyAccess","policyArn":"arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"}],"isTruncated":false}
            root ListAttachedGroupPolicies GroupName=team
              {"attachedPolicies":[{"policyName":"store","policyArn":"arn:aws:iam::111122223333:policy/store"}],"isTruncated":false}
            root ListAttachedRolePolicies RoleName=machine
              {"attachedPolicies":[{"policyName":"store","policyArn":"arn:aws:iam::111122223333:policy/store"}],"isTruncated":false}
            root ListPolicies OnlyAttached=true
              {"policies":[{"policyName":"store","policyId":"ANPAAAAAAAAAAAAAAAAAD","arn":"arn:aws:iam::111122223333:policy/store","path":"/","defaultVersionId":"v1","attachmentCount":3,"permissionsBoundaryUsageCount":0,"isAttachable":true,"createDate":"Nov 21, 2026, 11:07:43 PM","updateDate":"Nov 21, 2026, 11:07:43 PM"},{"policyName":"ViewOnlyAccess","policyId":"ANPAID22R6XPJATWOFDK6","arn":"arn:aws:iam::aws:policy/job-function/ViewOnlyAccess","path":"/job-function/","defaultVersionId":"v1","attachmentCount":1,"permissionsBoundaryUsageCount":0,"isAttachable":true,"createDate":"Jan 1, 2026, 12:00:00 AM","updateDate":"Jan 1, 2026, 12:00:00 AM"}],"isTruncated":false}
            root ListEntitiesForPolicy PolicyArn=$POLICY/store
              {"policyGroups":[{"groupName":"team","groupId":"AGPAAAAAAAAAAAAAAAAAB"}],"policyUsers":[{"userName":"bob","userId":"AIDAAAAAAAAAAAAAAAAAA"}],"policyRoles":[{"roleName":"machine","roleId":"AROAAAAAAAAAAAAAAAAAC"}],"isTruncated":false}
            root ListEntitiesForPolicy PolicyArn=$POLICY/store EntityFilter=Role
              {"policyGroups":[],"policyUsers":[],"policyRoles":[{"roleName":"machine","roleId":"AROAAAAAAAAAAAAAAAAAC"}],"isTruncated":false}
            root ListEntitiesForPolicy PolicyArn=$POLICY/store PathPrefix=/r/
              {"policyGroups":[],"policyUsers":[],"policyRoles":[{"roleName":"machine","roleId":"AROAAAAAAAAAAAAAAAAAC"}],"isTruncated":false}
            root ListEntitiesForPolicy PolicyArn=$AWS/job-function/ViewOnlyAccess
              {"policyGroups":[],"policyUsers":[{"userName":"bob","userId":"AIDAAAAAAAAAAAAAAAAAA"}],"policyRoles":[],"isTruncated":false}
            root DeletePolicy PolicyArn=$POLICY/store
              DeleteConflictException: Cannot delete a policy attached to entities.
            root DeleteUser UserName=bob
              DeleteConflictException: Cannot delete entity, must detach all policies first.
            root DetachUserPolicy UserName=bob PolicyArn=$POLICY/store
              {}
            root DetachUserPolicy UserName=bob PolicyArn=$POLICY/store
              NoSuchEntityException: Policy arn:aws:iam::111122223333:policy/store was not found.
            root DetachUserPolicy UserName=bob PolicyArn=$AWS/job-function/ViewOnlyAccess
              {}
            root DetachGroupPolicy GroupName=team PolicyArn=$POLICY/store
              {}
            root DetachRolePolicy RoleName=machine PolicyArn=$POLICY/store
              {}
            root ListEntitiesForPolicy PolicyArn=$POLICY/store
              {"policyGroups":[],"policyUsers":[],"policyRoles":[],"isTruncated":false}
            root ListPolicies OnlyAttached=true
              {"policies":[],"isTruncated":false}
            root DeletePolicy PolicyArn=$POLICY/store
              {}
        "#]],
    );
}

#[test]
fn inline() {
    Deployment::new().transcript(
        "
        (root CreateUser UserName=bob)
        (root CreateGroup GroupName=team)
        (root CreateRole RoleName=machine AssumeRolePolicyDocument=$EC2)
        root PutUserPolicy UserName=bob PolicyName=one PolicyDocument=$S3
        root PutUserPolicy UserName=bob PolicyName=one PolicyDocument=$OLD
        root PutUserPolicy UserName=bob PolicyName=two PolicyDocument={\"Version\":1}
        root PutUserPolicy UserName=eve PolicyName=one PolicyDocument=$S3
        root GetUserPolicy UserName=bob PolicyName=one
        root GetUserPolicy UserName=bob PolicyName=two
        root ListUserPolicies UserName=bob
        root DeleteUser UserName=bob
        root DeleteUserPolicy UserName=bob PolicyName=one
        root DeleteUserPolicy UserName=bob PolicyName=one
        root PutGroupPolicy GroupName=team PolicyName=one PolicyDocument=$S3
        root GetGroupPolicy GroupName=team PolicyName=one
        root GetGroupPolicy GroupName=team PolicyName=two
        root ListGroupPolicies GroupName=team
        root DeleteGroup GroupName=team
        root DeleteGroupPolicy GroupName=team PolicyName=one
        root PutRolePolicy RoleName=machine PolicyName=one PolicyDocument=$S3
        root GetRolePolicy RoleName=machine PolicyName=one
        root GetRolePolicy RoleName=machine PolicyName=two
        root ListRolePolicies RoleName=machine
        root DeleteRolePolicy RoleName=machine PolicyName=one
        root ListRolePolicies RoleName=machine
        ",
        &expect![[r#"
            root PutUserPolicy UserName=bob PolicyName=one PolicyDocument=$S3
              {}
            root PutUserPolicy UserName=bob PolicyName=one PolicyDocument=$OLD
              {}
            root PutUserPolicy UserName=bob PolicyName=two PolicyDocument={"Version":1}
              MalformedPolicyDocumentException: Syntax errors in policy.
            root PutUserPolicy UserName=eve PolicyName=one PolicyDocument=$S3
              NoSuchEntityException: The user with name eve cannot be found.
            root GetUserPolicy UserName=bob PolicyName=one
              {"userName":"bob","policyName":"one","policyDocument":"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"}
            root GetUserPolicy UserName=bob PolicyName=two
              NoSuchEntityException: The user policy with name two cannot be found.
            root ListUserPolicies UserName=bob
              {"policyNames":["one"],"isTruncated":false}
            root DeleteUser UserName=bob
              DeleteConflictException: Cannot delete entity, must delete policies first.
            root DeleteUserPolicy UserName=bob PolicyName=one
              {}
            root DeleteUserPolicy UserName=bob PolicyName=one
              NoSuchEntityException: The user policy with name one cannot be found.
            root PutGroupPolicy GroupName=team PolicyName=one PolicyDocument=$S3
              {}
            root GetGroupPolicy GroupName=team PolicyName=one
              {"groupName":"team","policyName":"one","policyDocument":"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"}
            root GetGroupPolicy GroupName=team PolicyName=two
              NoSuchEntityException: The group policy with name two cannot be found.
            root ListGroupPolicies GroupName=team
              {"policyNames":["one"],"isTruncated":false}
            root DeleteGroup GroupName=team
              DeleteConflictException: Cannot delete entity, must delete policies first.
            root DeleteGroupPolicy GroupName=team PolicyName=one
              {}
            root PutRolePolicy RoleName=machine PolicyName=one PolicyDocument=$S3
              {}
            root GetRolePolicy RoleName=machine PolicyName=one
              {"roleName":"machine","policyName":"one","policyDocument":"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"}
            root GetRolePolicy RoleName=machine PolicyName=two
              NoSuchEntityException: The role policy with name two cannot be found.
            root ListRolePolicies RoleName=machine
              {"policyNames":["one"],"isTruncated":false}
            root DeleteRolePolicy RoleName=machine PolicyName=one
              {}
            root ListRolePolicies RoleName=machine
              {"policyNames":[],"isTruncated":false}
        "#]],
    );
}

#[test]
fn boundaries() {
    Deployment::new().transcript(
        "
        (root CreatePolicy PolicyName=limit PolicyDocument=$S3)
        root CreateUser UserName=bob PermissionsBoundary=$POLICY/none
        root CreateUser UserName=bob PermissionsBoundary=not-a-policy-arn-at-all
        root CreateUser UserName=bob PermissionsBoundary=$POLICY/limit
        root CreateRole RoleName=machine AssumeRolePolicyDocument=$EC2 PermissionsBoundary=$POLICY/limit
        root GetRole RoleName=machine
        root ListUsers
        root GetPolicy PolicyArn=$POLICY/limit
        root ListPolicies PolicyUsageFilter=PermissionsBoundary
        root ListPolicies PolicyUsageFilter=PermissionsPolicy
        (root AttachUserPolicy UserName=bob PolicyArn=$POLICY/limit)
        root ListEntitiesForPolicy PolicyArn=$POLICY/limit
        root ListEntitiesForPolicy PolicyArn=$POLICY/limit PolicyUsageFilter=PermissionsBoundary
        (root DetachUserPolicy UserName=bob PolicyArn=$POLICY/limit)
        root DeletePolicy PolicyArn=$POLICY/limit
        root PutUserPermissionsBoundary UserName=bob PermissionsBoundary=$AWS/ReadOnlyAccess
        root GetUser UserName=bob
        root DeleteUserPermissionsBoundary UserName=bob
        root DeleteUserPermissionsBoundary UserName=bob
        root PutRolePermissionsBoundary RoleName=machine PermissionsBoundary=$POLICY/none
        root DeleteRolePermissionsBoundary RoleName=machine
        root PutRolePermissionsBoundary RoleName=machine PermissionsBoundary=$POLICY/limit
        (root DeleteRole RoleName=machine)
        root DeletePolicy PolicyArn=$POLICY/limit
        ",
        &expect![[r#"
            root CreateUser UserName=bob PermissionsBoundary=$POLICY/none
              NoSuchEntityException: Scope ARN: arn:aws:iam::111122223333:policy/none does not exist or is not attachable.
            root CreateUser UserName=bob PermissionsBoundary=not-a-policy-arn-at-all
              ValidationError: Invalid ARN:  Could not be parsed!
            root CreateUser UserName=bob PermissionsBoundary=$POLICY/limit
              {"user":{"path":"/","userName":"bob","userId":"AIDAAAAAAAAAAAAAAAAAD","arn":"arn:aws:iam::111122223333:user/bob","createDate":"Nov 21, 2026, 11:07:43 PM","permissionsBoundary":{"permissionsBoundaryType":"PermissionsBoundaryPolicy","permissionsBoundaryArn":"arn:aws:iam::111122223333:policy/limit"}}}
            root CreateRole RoleName=machine AssumeRolePolicyDocument=$EC2 PermissionsBoundary=$POLICY/limit
              {"role":{"path":"/","roleName":"machine","roleId":"AROAAAAAAAAAAAAAAAAAE","arn":"arn:aws:iam::111122223333:role/machine","createDate":"Nov 21, 2026, 11:07:43 PM","assumeRolePolicyDocument":"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}","permissionsBoundary":{"permissionsBoundaryType":"PermissionsBoundaryPolicy","permissionsBoundaryArn":"arn:aws:iam::111122223333:policy/limit"}}}
            root GetRole RoleName=machine
              {"role":{"path":"/","roleName":"machine","roleId":"AROAAAAAAAAAAAAAAAAAE","arn":"arn:aws:iam::111122223333:role/machine","createDate":"Nov 21, 2026, 11:07:43 PM","assumeRolePolicyDocument":"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}","maxSessionDuration":3600,"permissionsBoundary":{"permissionsBoundaryType":"PermissionsBoundaryPolicy","permissionsBoundaryArn":"arn:aws:iam::111122223333:policy/limit"},"roleLastUsed":{}}}
            root ListUsers
              {"users":[{"path":"/","userName":"bob","userId":"AIDAAAAAAAAAAAAAAAAAD","arn":"arn:aws:iam::111122223333:user/bob","createDate":"Nov 21, 2026, 11:07:43 PM"}],"isTruncated":false}
            root GetPolicy PolicyArn=$POLICY/limit
              {"policy":{"policyName":"limit","policyId":"ANPAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:policy/limit","path":"/","defaultVersionId":"v1","attachmentCount":0,"permissionsBoundaryUsageCount":2,"isAttachable":true,"createDate":"Nov 21, 2026, 11:07:43 PM","updateDate":"Nov 21, 2026, 11:07:43 PM","tags":[]}}
            root ListPolicies PolicyUsageFilter=PermissionsBoundary
              {"policies":[{"policyName":"limit","policyId":"ANPAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:policy/limit","path":"/","defaultVersionId":"v1","attachmentCount":0,"permissionsBoundaryUsageCount":2,"isAttachable":true,"createDate":"Nov 21, 2026, 11:07:43 PM","updateDate":"Nov 21, 2026, 11:07:43 PM"}],"isTruncated":false}
            root ListPolicies PolicyUsageFilter=PermissionsPolicy
              {"policies":[],"isTruncated":false}
            root ListEntitiesForPolicy PolicyArn=$POLICY/limit
              {"policyGroups":[],"policyUsers":[{"userName":"bob","userId":"AIDAAAAAAAAAAAAAAAAAD"}],"policyRoles":[{"roleName":"machine","roleId":"AROAAAAAAAAAAAAAAAAAE"}],"isTruncated":false}
            root ListEntitiesForPolicy PolicyArn=$POLICY/limit PolicyUsageFilter=PermissionsBoundary
              {"policyGroups":[],"policyUsers":[{"userName":"bob","userId":"AIDAAAAAAAAAAAAAAAAAD"}],"policyRoles":[{"roleName":"machine","roleId":"AROAAAAAAAAAAAAAAAAAE"}],"isTruncated":false}
            root DeletePolicy PolicyArn=$POLICY/limit
              DeleteConflictException: Cannot delete a policy attached to entities.
            root PutUserPermissionsBoundary UserName=bob PermissionsBoundary=$AWS/ReadOnlyAccess
              {}
            root GetUser UserName=bob
              {"user":{"path":"/","userName":"bob","userId":"AIDAAAAAAAAAAAAAAAAAD","arn":"arn:aws:iam::111122223333:user/bob","createDate":"Nov 21, 2026, 11:07:43 PM","permissionsBoundary":{"permissionsBoundaryType":"PermissionsBoundaryPolicy","permissionsBoundaryArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"}}}
            root DeleteUserPermissionsBoundary UserName=bob
              {}
            root DeleteUserPermissionsBoundary UserName=bob
              NoSuchEntityException: The permissions boundary of the user with name bob cannot be found.
            root PutRolePermissionsBoundary RoleName=machine PermissionsBoundary=$POLICY/none
              NoSuchEntityException: Scope ARN: arn:aws:iam::111122223333:policy/none does not exist or is not attachable.
            root DeleteRolePermissionsBoundary RoleName=machine
              {}
            root PutRolePermissionsBoundary RoleName=machine PermissionsBoundary=$POLICY/limit
              {}
            root DeletePolicy PolicyArn=$POLICY/limit
              {}
        "#]],
    );
}
