use crate::testing::Deployment;
use platform::{Caller, Principal};

/// A call of every operation whose subjects exist.
const CALLS: &str = "
    AddRoleToInstanceProfile InstanceProfileName=i RoleName=r
    AddUserToGroup GroupName=g UserName=u
    AttachGroupPolicy GroupName=g PolicyArn=$POLICY/p
    AttachRolePolicy RoleName=r PolicyArn=$POLICY/p
    AttachUserPolicy UserName=u PolicyArn=$POLICY/p
    ChangePassword OldPassword=a NewPassword=b
    CreateAccessKey UserName=u
    CreateAccountAlias AccountAlias=alias
    CreateGroup GroupName=x
    CreateInstanceProfile InstanceProfileName=x
    CreateLoginProfile UserName=u Password=Correct-horse-1
    CreatePolicy PolicyName=x PolicyDocument=$S3
    CreatePolicyVersion PolicyArn=$POLICY/p PolicyDocument=$S3
    CreateRole RoleName=x AssumeRolePolicyDocument=$EC2
    CreateServiceSpecificCredential UserName=u ServiceName=codecommit.amazonaws.com
    CreateUser UserName=x
    CreateVirtualMFADevice VirtualMFADeviceName=x
    DeactivateMFADevice UserName=u SerialNumber=arn:aws:iam::111122223333:mfa/m
    DeleteAccessKey UserName=u AccessKeyId=AKIAROOTROOTROOTROOT
    DeleteAccountAlias AccountAlias=alias
    DeleteAccountPasswordPolicy
    DeleteGroup GroupName=g
    DeleteGroupPolicy GroupName=g PolicyName=x
    DeleteInstanceProfile InstanceProfileName=i
    DeleteLoginProfile UserName=u
    DeletePolicy PolicyArn=$POLICY/p
    DeletePolicyVersion PolicyArn=$POLICY/p VersionId=v1
    DeleteRole RoleName=r
    DeleteRolePermissionsBoundary RoleName=r
    DeleteRolePolicy RoleName=r PolicyName=x
    DeleteSSHPublicKey UserName=u SSHPublicKeyId=APKAAAAAAAAAAAAAAAAAA
    DeleteServiceSpecificCredential UserName=u ServiceSpecificCredentialId=ACCAAAAAAAAAAAAAAAAAA
    DeleteSigningCertificate UserName=u CertificateId=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
    DeleteUser UserName=u
    DeleteUserPermissionsBoundary UserName=u
    DeleteUserPolicy UserName=u PolicyName=x
    DeleteVirtualMFADevice SerialNumber=arn:aws:iam::111122223333:mfa/m
    DetachGroupPolicy GroupName=g PolicyArn=$POLICY/p
    DetachRolePolicy RoleName=r PolicyArn=$POLICY/p
    DetachUserPolicy UserName=u PolicyArn=$POLICY/p
    EnableMFADevice UserName=u SerialNumber=arn:aws:iam::111122223333:mfa/m AuthenticationCode1=000000 AuthenticationCode2=000001
    GenerateCredentialReport
    GetAccessKeyLastUsed AccessKeyId=AKIAROOTROOTROOTROOT
    GetAccountAuthorizationDetails
    GetAccountPasswordPolicy
    GetAccountSummary
    GetCredentialReport
    GetGroup GroupName=g
    GetGroupPolicy GroupName=g PolicyName=x
    GetInstanceProfile InstanceProfileName=i
    GetLoginProfile UserName=u
    GetMFADevice SerialNumber=arn:aws:iam::111122223333:mfa/m
    GetPolicy PolicyArn=$POLICY/p
    GetPolicyVersion PolicyArn=$POLICY/p VersionId=v1
    GetRole RoleName=r
    GetRolePolicy RoleName=r PolicyName=x
    GetSSHPublicKey UserName=u SSHPublicKeyId=APKAAAAAAAAAAAAAAAAAA Encoding=SSH
    GetUser UserName=u
    GetUserPolicy UserName=u PolicyName=x
    ListAccessKeys UserName=u
    ListAccountAliases
    ListAttachedGroupPolicies GroupName=g
    ListAttachedRolePolicies RoleName=r
    ListAttachedUserPolicies UserName=u
    ListEntitiesForPolicy PolicyArn=$POLICY/p
    ListGroupPolicies GroupName=g
    ListGroups
    ListGroupsForUser UserName=u
    ListInstanceProfileTags InstanceProfileName=i
    ListInstanceProfiles
    ListInstanceProfilesForRole RoleName=r
    ListMFADeviceTags SerialNumber=arn:aws:iam::111122223333:mfa/m
    ListMFADevices UserName=u
    ListPolicies
    ListPolicyTags PolicyArn=$POLICY/p
    ListPolicyVersions PolicyArn=$POLICY/p
    ListRolePolicies RoleName=r
    ListRoleTags RoleName=r
    ListRoles
    ListSSHPublicKeys UserName=u
    ListServiceSpecificCredentials UserName=u
    ListSigningCertificates UserName=u
    ListUserPolicies UserName=u
    ListUserTags UserName=u
    ListUsers
    ListVirtualMFADevices
    PutGroupPolicy GroupName=g PolicyName=x PolicyDocument=$S3
    PutRolePermissionsBoundary RoleName=r PermissionsBoundary=$POLICY/p
    PutRolePolicy RoleName=r PolicyName=x PolicyDocument=$S3
    PutUserPermissionsBoundary UserName=u PermissionsBoundary=$POLICY/p
    PutUserPolicy UserName=u PolicyName=x PolicyDocument=$S3
    RemoveRoleFromInstanceProfile InstanceProfileName=i RoleName=r
    RemoveUserFromGroup GroupName=g UserName=u
    ResetServiceSpecificCredential UserName=u ServiceSpecificCredentialId=ACCAAAAAAAAAAAAAAAAAA
    ResyncMFADevice UserName=u SerialNumber=arn:aws:iam::111122223333:mfa/m AuthenticationCode1=000000 AuthenticationCode2=000001
    SetDefaultPolicyVersion PolicyArn=$POLICY/p VersionId=v1
    TagInstanceProfile InstanceProfileName=i Tags.member.1.Key=k Tags.member.1.Value=v
    TagMFADevice SerialNumber=arn:aws:iam::111122223333:mfa/m Tags.member.1.Key=k Tags.member.1.Value=v
    TagPolicy PolicyArn=$POLICY/p Tags.member.1.Key=k Tags.member.1.Value=v
    TagRole RoleName=r Tags.member.1.Key=k Tags.member.1.Value=v
    TagUser UserName=u Tags.member.1.Key=k Tags.member.1.Value=v
    UntagInstanceProfile InstanceProfileName=i TagKeys.member.1=k
    UntagMFADevice SerialNumber=arn:aws:iam::111122223333:mfa/m TagKeys.member.1=k
    UntagPolicy PolicyArn=$POLICY/p TagKeys.member.1=k
    UntagRole RoleName=r TagKeys.member.1=k
    UntagUser UserName=u TagKeys.member.1=k
    UpdateAccessKey UserName=u AccessKeyId=AKIAROOTROOTROOTROOT Status=Inactive
    UpdateAccountPasswordPolicy
    UpdateAssumeRolePolicy RoleName=r PolicyDocument=$EC2
    UpdateGroup GroupName=g
    UpdateLoginProfile UserName=u
    UpdateRole RoleName=r
    UpdateRoleDescription RoleName=r Description=d
    UpdateSSHPublicKey UserName=u SSHPublicKeyId=APKAAAAAAAAAAAAAAAAAA Status=Active
    UpdateServiceSpecificCredential UserName=u ServiceSpecificCredentialId=ACCAAAAAAAAAAAAAAAAAA Status=Active
    UpdateSigningCertificate UserName=u CertificateId=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA Status=Active
    UpdateUser UserName=u
    UploadSSHPublicKey UserName=u SSHPublicKeyBody=x
    UploadSigningCertificate UserName=u CertificateBody=x
";

fn calls() -> impl Iterator<Item = &'static str> {
    CALLS.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn deployment() -> Deployment {
    let deployment = Deployment::new();
    for line in [
        "CreateUser UserName=u",
        "CreateUser UserName=eve",
        "CreateGroup GroupName=g",
        "CreateRole RoleName=r AssumeRolePolicyDocument=$EC2",
        "CreatePolicy PolicyName=p PolicyDocument=$S3",
        "CreateInstanceProfile InstanceProfileName=i",
    ] {
        deployment.ok(&format!("root {line}"));
    }
    deployment
}

#[test]
fn every_operation_is_refused_to_who_is_not_allowed_it() {
    let deployment = deployment();
    let names: Vec<_> = calls().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(deployment.operations().collect::<Vec<_>>(), names);
    for line in calls() {
        let name = line.split(' ').next().unwrap();
        let refused = format!(
            "AccessDenied: User: arn:aws:iam::111122223333:user/eve is not authorized to perform: iam:{name} on resource: "
        );
        let reason = format!(" because no identity-based policy allows the iam:{name} action");
        let error = deployment.fails(&format!("user/eve {line}"));
        assert!(error.starts_with(&refused) && error.ends_with(&reason), "{line}: {error}");
        // What does not exist is refused in the same words.
        let absent =
            line.replace("=u", "=none").replace("=g", "=none").replace("=r", "=none").replace("/p", "/none");
        let absent = absent.replace("=i ", "=none ");
        let error = deployment.fails(&format!("user/eve {absent}"));
        assert!(error.starts_with(&refused) && error.ends_with(&reason), "{absent}: {error}");
        assert!(deployment.fails(&format!("nobody {line}")).starts_with("AccessDenied: "), "{line}");
        for session in ["root+", "user/eve+"] {
            let error = deployment.fails(&format!("{session} {line}"));
            assert_eq!(error, "InvalidClientTokenId: The security token included in the request is invalid.");
        }
    }
}

/// The same calls where everything lies under a path, and where there is nothing: eve is told the same.
#[test]
fn a_denial_tells_neither_path_nor_existence() {
    let (full, empty) = (Deployment::new(), Deployment::new());
    for line in [
        "CreateUser UserName=u Path=/secret/",
        "CreateGroup GroupName=g Path=/secret/",
        "CreateRole RoleName=r Path=/secret/ AssumeRolePolicyDocument=$EC2",
        "CreatePolicy PolicyName=p PolicyDocument=$S3",
        "CreateInstanceProfile InstanceProfileName=i Path=/secret/",
    ] {
        full.ok(&format!("root {line}"));
    }
    for deployment in [&full, &empty] {
        deployment.ok("root CreateUser UserName=eve");
    }
    let answer = full.ok("root CreateAccessKey UserName=u");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let key = answer["accessKey"]["accessKeyId"].as_str().unwrap();
    let of_key = format!("GetAccessKeyLastUsed AccessKeyId={key}");
    for line in calls().map(str::to_owned).chain([of_key]) {
        let told = full.fails(&format!("user/eve {line}"));
        assert_eq!(told, empty.fails(&format!("user/eve {line}")), "{line}");
        assert!(told.starts_with("AccessDenied: ") && !told.contains("/secret/"), "{told}");
    }
    // What is asked for after the first permission.
    empty.ok("root CreateInstanceProfile InstanceProfileName=i");
    let line = "user/eve AddRoleToInstanceProfile InstanceProfileName=i RoleName=r";
    for deployment in [&full, &empty] {
        allow(deployment, "iam:AddRoleToInstanceProfile", "*", "");
    }
    assert_eq!(full.fails(line), empty.fails(line));
    assert!(full.fails(line).contains("iam:PassRole on resource: arn:aws:iam::111122223333:role/r because"));
    for (noun, call) in
        [("user", "UpdateUser UserName=u NewUserName=x"), ("group", "UpdateGroup GroupName=g NewGroupName=x")]
    {
        let action = format!("iam:{}", call.split(' ').next().unwrap());
        allow(&full, &action, &format!("arn:aws:iam::*:{noun}/secret/{}", noun.chars().next().unwrap()), "");
        let told = full.fails(&format!("user/eve {call}"));
        assert!(told.contains(&format!("on resource: {noun} x because")), "{told}");
    }
}

#[test]
fn no_operation_reaches_another_account() {
    let deployment = deployment();
    for line in calls().filter(|line| line.contains('=') && !line.starts_with("Create")) {
        if line.starts_with("DeleteAccountAlias") || line.starts_with("ChangePassword") {
            continue;
        }
        let error = deployment.fails(&format!("other {line}"));
        assert!(error.starts_with("NoSuchEntityException: "), "{line}: {error}");
    }
}

#[test]
fn every_operation_serves_who_is_allowed_it() {
    for line in calls() {
        let deployment = deployment();
        let name = line.split(' ').next().unwrap();
        let grant = |actions: &str| {
            let document = format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":[{actions}],"Resource":"*"}}}}"#
            );
            deployment.ok(&format!("root PutUserPolicy UserName=eve PolicyName=p PolicyDocument={document}"));
        };
        grant(&format!(r#""iam:{name}""#));
        let answer = deployment.call(&format!("user/eve {line}"));
        let answer = match answer {
            Err(fault) => fault.code().to_owned(),
            Ok(_) => String::new(),
        };
        if name == "AddRoleToInstanceProfile" {
            assert_eq!(answer, "AccessDenied");
            grant(r#""iam:AddRoleToInstanceProfile","iam:PassRole""#);
            deployment.ok(&format!("user/eve {line}"));
        } else {
            let usual = ["", "NoSuchEntityException", "DeleteConflictException"];
            let of_form = ["UnrecognizedPublicKeyEncodingException", "MalformedCertificateException"];
            let served = usual.contains(&answer.as_str()) || of_form.contains(&answer.as_str());
            assert!(served || answer == "CredentialReportNotPresentException", "{line}: {answer}");
        }
    }
}

/// Gives eve a policy of one statement.
fn allow(deployment: &Deployment, action: &str, resource: &str, condition: &str) {
    let document = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{action}","Resource":"{resource}","Condition":{{{condition}}}}}}}"#
    );
    deployment.ok(&format!("root PutUserPolicy UserName=eve PolicyName=p PolicyDocument={document}"));
}

#[test]
fn condition_keys() {
    let deployment = deployment();
    deployment.ok("root TagUser UserName=u Tags.member.1.Key=Team Tags.member.1.Value=Red");
    deployment.ok("root PutUserPermissionsBoundary UserName=u PermissionsBoundary=$POLICY/p");
    let p = "arn:aws:iam::111122223333:policy/p";
    for (action, condition, allowed, refused) in [
        (
            "iam:AttachUserPolicy",
            format!(r#""ArnEquals":{{"iam:PolicyARN":"{p}"}}"#),
            "AttachUserPolicy UserName=u PolicyArn=$POLICY/p",
            "AttachUserPolicy UserName=u PolicyArn=$AWS/AdministratorAccess",
        ),
        (
            "iam:PutUserPolicy",
            format!(r#""StringEquals":{{"iam:PermissionsBoundary":"{p}"}}"#),
            "PutUserPolicy UserName=u PolicyName=x PolicyDocument=$S3",
            "PutUserPolicy UserName=eve PolicyName=x PolicyDocument=$S3",
        ),
        (
            "iam:CreateUser",
            format!(r#""StringEquals":{{"iam:PermissionsBoundary":"{p}"}}"#),
            "CreateUser UserName=a PermissionsBoundary=$POLICY/p",
            "CreateUser UserName=b",
        ),
        (
            "iam:PutUserPermissionsBoundary",
            format!(r#""StringEquals":{{"iam:PermissionsBoundary":"{p}"}}"#),
            "PutUserPermissionsBoundary UserName=a PermissionsBoundary=$POLICY/p",
            "PutUserPermissionsBoundary UserName=a PermissionsBoundary=$AWS/AdministratorAccess",
        ),
        (
            // Both of what it takes to create one with tags.
            "iam:*User",
            r#""StringEquals":{"aws:RequestTag/Team":"Red"}"#.to_owned(),
            "CreateUser UserName=c Tags.member.1.Key=Team Tags.member.1.Value=Red",
            "CreateUser UserName=d Tags.member.1.Key=Team Tags.member.1.Value=Blue",
        ),
        (
            "iam:UntagUser",
            r#""ForAllValues:StringEquals":{"aws:TagKeys":["Cost"]}"#.to_owned(),
            "UntagUser UserName=u TagKeys.member.1=Cost",
            "UntagUser UserName=u TagKeys.member.1=Cost TagKeys.member.2=Team",
        ),
        (
            "iam:GetUser",
            r#""StringEquals":{"aws:ResourceTag/Team":"Red"}"#.to_owned(),
            "GetUser UserName=u",
            "GetUser UserName=eve",
        ),
        (
            "iam:DeleteUserPolicy",
            r#""StringEquals":{"iam:ResourceTag/Team":"Red"}"#.to_owned(),
            "DeleteUserPolicy UserName=u PolicyName=x",
            "DeleteUserPolicy UserName=eve PolicyName=x",
        ),
    ] {
        allow(&deployment, action, "*", &condition);
        deployment.ok(&format!("user/eve {allowed}"));
        assert!(deployment.fails(&format!("user/eve {refused}")).starts_with("AccessDenied: "), "{refused}");
    }
}

#[test]
fn tags_of_what_is_created_take_the_permission_to_tag() {
    let deployment = deployment();
    let place = "arn:aws:iam::111122223333";
    for (noun, call, called) in [
        ("MFADevice", "CreateVirtualMFADevice VirtualMFADeviceName=x", format!("{place}:mfa/x")),
        ("User", "CreateUser UserName=x", format!("{place}:user/x")),
        ("Role", "CreateRole RoleName=x AssumeRolePolicyDocument=$EC2", format!("{place}:role/x")),
        ("Policy", "CreatePolicy PolicyName=x PolicyDocument=$S3", "policy x".to_owned()),
        (
            "InstanceProfile",
            "CreateInstanceProfile InstanceProfileName=x",
            format!("{place}:instance-profile/x"),
        ),
    ] {
        let tagged = format!("user/eve {call} Tags.member.1.Key=Team Tags.member.1.Value=Red");
        let create = call.split(' ').next().unwrap();
        allow(&deployment, &format!("iam:{create}"), "*", "");
        assert_eq!(
            deployment.fails(&tagged),
            format!(
                "AccessDenied: User: arn:aws:iam::111122223333:user/eve is not authorized to perform: iam:Tag{noun} on resource: \
                 {called} because no identity-based policy allows the iam:Tag{noun} action"
            )
        );
        // What the tags are can be asked for of either.
        let allow_create = format!(r#"{{"Effect":"Allow","Action":"iam:{create}","Resource":"*"}}"#);
        for (team, allowed) in [("Blue", false), ("Red", true)] {
            let tag = format!(
                r#"{{"Effect":"Allow","Action":"iam:Tag{noun}","Resource":"*","Condition":{{"StringEquals":{{"aws:RequestTag/Team":"{team}"}}}}}}"#
            );
            let document = format!(r#"{{"Version":"2012-10-17","Statement":[{allow_create},{tag}]}}"#);
            deployment.ok(&format!("root PutUserPolicy UserName=eve PolicyName=p PolicyDocument={document}"));
            assert_eq!(deployment.call(&tagged).is_ok(), allowed, "{noun}");
        }
    }
}

#[test]
fn resources() {
    let deployment = deployment();
    deployment.ok("root CreateUser UserName=deep Path=/a/");
    deployment.ok("root CreateRole RoleName=s AssumeRolePolicyDocument=$EC2");
    for (action, resource, allowed, refused) in [
        ("iam:GetUser", "arn:aws:iam::*:user/a/*", "GetUser UserName=deep", "GetUser UserName=u"),
        ("iam:ListUsers", "arn:aws:iam::*:user/a/*", "ListUsers PathPrefix=/a/", "ListUsers"),
        (
            "iam:UpdateUser",
            "arn:aws:iam::*:user/*u*",
            "UpdateUser UserName=u NewUserName=uu",
            "UpdateUser UserName=uu NewUserName=admin",
        ),
        (
            "iam:GetPolicy",
            "arn:aws:iam::*:policy/p",
            "GetPolicy PolicyArn=$POLICY/p",
            "GetPolicy PolicyArn=$POLICY/q",
        ),
    ] {
        allow(&deployment, action, resource, "");
        deployment.ok(&format!("user/eve {allowed}"));
        assert!(deployment.fails(&format!("user/eve {refused}")).starts_with("AccessDenied: "), "{refused}");
    }
    // Passing a role is a permission of its own, for the service that will act in it.
    let statements = r#"{"Effect":"Allow","Action":"iam:AddRoleToInstanceProfile","Resource":"*"},{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::*:role/r","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}"#;
    let document = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    deployment.ok(&format!("root PutUserPolicy UserName=eve PolicyName=p PolicyDocument={document}"));
    assert_eq!(
        deployment.fails("user/eve AddRoleToInstanceProfile InstanceProfileName=i RoleName=s"),
        "AccessDenied: User: arn:aws:iam::111122223333:user/eve is not authorized to perform: iam:PassRole on resource: \
         arn:aws:iam::111122223333:role/s because no identity-based policy allows the iam:PassRole action"
    );
    deployment.ok("user/eve AddRoleToInstanceProfile InstanceProfileName=i RoleName=r");
}

#[test]
fn a_user_is_meant_where_no_name_is_given() {
    let deployment = deployment();
    allow(&deployment, "iam:*", "arn:aws:iam::*:user/${aws:username}", "");
    assert!(deployment.ok("user/eve GetUser").contains("\"userName\":\"eve\""));
    assert!(deployment.ok("user/eve CreateAccessKey").contains("\"userName\":\"eve\""));
    assert!(deployment.ok("user/eve ListAccessKeys").contains("\"userName\":\"eve\""));
    deployment.ok("root PutRolePolicy RoleName=r PolicyName=p PolicyDocument=$ALL");
    for operation in ["GetUser", "CreateAccessKey", "ListAccessKeys"] {
        assert_eq!(
            deployment.fails(&format!("role/r {operation}")),
            "ValidationError: Must specify userName when calling with non-User credentials"
        );
    }
}

#[test]
fn federated_users_cannot_call() {
    let deployment = deployment();
    let caller = deployment.caller("user/eve");
    let Principal::User { account, id, name, .. } = caller.principal else { panic!("not a user") };
    let principal = Principal::Federated {
        account,
        name: "f".to_owned(),
        issuer_id: id,
        issuer_arn: "arn:aws:iam::111122223333:user/eve".to_owned(),
        issuer_name: Some(name),
    };
    let caller = Caller { principal, ..caller };
    let fault = deployment.request(&caller, "ListUsers", "Action=ListUsers&Version=2010-05-08").unwrap_err();
    assert_eq!(fault.code(), "InvalidClientTokenId");
}
