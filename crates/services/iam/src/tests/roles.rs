use crate::testing::Deployment;
use expect_test::expect;
use platform::Principal;
use policy::{Grantor, Mode, NoContext, Policies, Reason, Request};

#[test]
fn lifecycle() {
    Deployment::new().transcript(
        "
        root CreateRole RoleName=Machine AssumeRolePolicyDocument=$EC2 Description=d Tags.member.1.Key=a Tags.member.1.Value=b
        root CreateRole RoleName=machine AssumeRolePolicyDocument=$EC2
        root CreateRole RoleName=linked Path=/aws-service-role/ssm.amazonaws.com/ AssumeRolePolicyDocument=$EC2
        root GetRole RoleName=machine
        root UpdateRole RoleName=machine MaxSessionDuration=7200
        root UpdateRoleDescription RoleName=machine Description=new
        root UpdateRole RoleName=machine Description=newer
        root GetRole RoleName=machine
        root ListRoles PathPrefix=/a/
        root ListRoles
        (root PutRolePolicy RoleName=machine PolicyName=p PolicyDocument=$S3)
        (root AttachRolePolicy RoleName=machine PolicyArn=$AWS/AmazonS3FullAccess)
        root DeleteRole RoleName=machine
        (root DetachRolePolicy RoleName=machine PolicyArn=$AWS/AmazonS3FullAccess)
        root DeleteRole RoleName=machine
        (root DeleteRolePolicy RoleName=machine PolicyName=p)
        root DeleteRole RoleName=machine
        root GetRole RoleName=machine
        root UpdateRole RoleName=machine
        root UpdateAssumeRolePolicy RoleName=machine PolicyDocument=$EC2
        ",
        &expect![[r#"
            root CreateRole RoleName=Machine AssumeRolePolicyDocument=$EC2 Description=d Tags.member.1.Key=a Tags.member.1.Value=b
              {"role":{"path":"/","roleName":"Machine","roleId":"AROAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:role/Machine","createDate":"Nov 21, 2026, 11:07:43 PM","assumeRolePolicyDocument":"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}","description":"d","tags":[{"key":"a","value":"b"}]}}
            root CreateRole RoleName=machine AssumeRolePolicyDocument=$EC2
              EntityAlreadyExistsException: Role with name machine already exists.
            root CreateRole RoleName=linked Path=/aws-service-role/ssm.amazonaws.com/ AssumeRolePolicyDocument=$EC2
              InvalidInputException: The path /aws-service-role/ssm.amazonaws.com/ is reserved for use by AWS services.
            root GetRole RoleName=machine
              {"role":{"path":"/","roleName":"Machine","roleId":"AROAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:role/Machine","createDate":"Nov 21, 2026, 11:07:43 PM","assumeRolePolicyDocument":"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}","description":"d","maxSessionDuration":3600,"tags":[{"key":"a","value":"b"}],"roleLastUsed":{}}}
            root UpdateRole RoleName=machine MaxSessionDuration=7200
              {}
            root UpdateRoleDescription RoleName=machine Description=new
              {"role":{"path":"/","roleName":"Machine","roleId":"AROAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:role/Machine","createDate":"Nov 21, 2026, 11:07:43 PM","assumeRolePolicyDocument":"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}","description":"new","tags":[{"key":"a","value":"b"}]}}
            root UpdateRole RoleName=machine Description=newer
              {}
            root GetRole RoleName=machine
              {"role":{"path":"/","roleName":"Machine","roleId":"AROAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:role/Machine","createDate":"Nov 21, 2026, 11:07:43 PM","assumeRolePolicyDocument":"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}","description":"newer","maxSessionDuration":7200,"tags":[{"key":"a","value":"b"}],"roleLastUsed":{}}}
            root ListRoles PathPrefix=/a/
              {"roles":[],"isTruncated":false}
            root ListRoles
              {"roles":[{"path":"/","roleName":"Machine","roleId":"AROAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:role/Machine","createDate":"Nov 21, 2026, 11:07:43 PM","assumeRolePolicyDocument":"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}","description":"newer","maxSessionDuration":7200}],"isTruncated":false}
            root DeleteRole RoleName=machine
              DeleteConflictException: Cannot delete entity, must detach all policies first.
            root DeleteRole RoleName=machine
              DeleteConflictException: Cannot delete entity, must delete policies first.
            root DeleteRole RoleName=machine
              {}
            root GetRole RoleName=machine
              NoSuchEntityException: The role with name machine cannot be found.
            root UpdateRole RoleName=machine
              NoSuchEntityException: The role with name machine cannot be found.
            root UpdateAssumeRolePolicy RoleName=machine PolicyDocument=$EC2
              NoSuchEntityException: The role with name machine cannot be found.
        "#]],
    );
}

fn trusting(field: &str, value: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"{field}":"{value}"}},"Action":"sts:AssumeRole"}}]}}"#
    )
}

fn shown(deployment: &Deployment) -> String {
    let role = deployment.ok("root GetRole RoleName=r");
    let role: serde_json::Value = serde_json::from_str(&role).unwrap();
    let document = role["role"]["assumeRolePolicyDocument"].as_str().unwrap();
    let document = percent_encoding::percent_decode_str(document).decode_utf8().unwrap();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    document["Statement"][0]["Principal"].to_string()
}

#[test]
fn principals_that_may_be_trusted() {
    let deployment = Deployment::new();
    deployment.ok("root CreateUser UserName=bob Path=/a/");
    deployment.ok("root CreateRole RoleName=r AssumeRolePolicyDocument=$EC2");
    for (field, value, shows) in [
        ("AWS", "*", r#"{"AWS":"*"}"#),
        ("AWS", "111122223333", r#"{"AWS":"arn:aws:iam::111122223333:root"}"#),
        ("AWS", "arn:aws:iam::444455556666:root", r#"{"AWS":"arn:aws:iam::444455556666:root"}"#),
        ("AWS", "arn:aws:iam::111122223333:user/a/bob", r#"{"AWS":"arn:aws:iam::111122223333:user/a/bob"}"#),
        ("AWS", "arn:aws:iam::111122223333:role/r", r#"{"AWS":"arn:aws:iam::111122223333:role/r"}"#),
        ("AWS", "AIDAAAAAAAAAAAAAAAAAA", r#"{"AWS":"arn:aws:iam::111122223333:user/a/bob"}"#),
        (
            "AWS",
            "arn:aws:sts::111122223333:assumed-role/r/s",
            r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/r/s"}"#,
        ),
        (
            "AWS",
            "arn:aws:sts::111122223333:federated-user/f",
            r#"{"AWS":"arn:aws:sts::111122223333:federated-user/f"}"#,
        ),
        ("Service", "kms.amazonaws.com", r#"{"Service":"kms.amazonaws.com"}"#),
        ("Federated", "accounts.google.com", r#"{"Federated":"accounts.google.com"}"#),
    ] {
        let document = trusting(field, value);
        deployment.ok(&format!("root UpdateAssumeRolePolicy RoleName=r PolicyDocument={document}"));
        assert_eq!(shown(&deployment), shows, "{value}");
    }
    for (field, label, value) in [
        ("AWS", "AWS", "123456789012"),
        ("AWS", "AWS", "arn:aws:iam::123456789012:root"),
        ("AWS", "AWS", "arn:aws-cn:iam::111122223333:root"),
        ("AWS", "AWS", "arn:aws:iam::111122223333:user/bob"),
        ("AWS", "AWS", "arn:aws:iam::111122223333:user/a/Bob"),
        ("AWS", "AWS", "arn:aws:iam::111122223333:role/a/r"),
        ("AWS", "AWS", "arn:aws:iam::444455556666:user/a/bob"),
        ("AWS", "AWS", "AIDABBBBBBBBBBBBBBBBB"),
        ("AWS", "AWS", "arn:aws:sts::111122223333:assumed-role/gone/s"),
        ("AWS", "AWS", "arn:aws:sts::123456789012:federated-user/f"),
        ("Service", "SERVICE", "example.com"),
        ("Federated", "FEDERATED", "example.com"),
        ("Federated", "FEDERATED", "arn:aws:iam::111122223333:saml-provider/p"),
    ] {
        let document = trusting(field, value);
        assert_eq!(
            deployment.fails(&format!("root UpdateAssumeRolePolicy RoleName=r PolicyDocument={document}")),
            format!("MalformedPolicyDocumentException: Invalid principal in policy: \"{label}\":\"{value}\"")
        );
    }
}

#[test]
fn a_recreated_principal_is_another() {
    let deployment = Deployment::new();
    let document = trusting("AWS", "arn:aws:iam::111122223333:user/bob");
    deployment.ok("root CreateUser UserName=bob");
    let trusted = || {
        let role = deployment.env.directory.role(&mut deployment.tx(), "111122223333", "r").unwrap().unwrap();
        let caller = deployment.caller("user/bob").principal;
        let arn = caller.arn();
        let Principal::User { account, id, .. } = &caller else { panic!("not a user") };
        let decision_by = policy::evaluate(
            &Request {
                action: "sts:AssumeRole",
                resource: "arn:aws:iam::111122223333:role/r",
                resource_account: account,
                principal: policy::Principal::User { account, arn: &arn, id },
                context: &NoContext,
            },
            &Policies { resource: Some(&role.trust), ..Policies::default() },
            Mode::AssumeRole,
        )
        .reason;
        matches!(decision_by, Reason::Allowed { by: Grantor::Policy(_) })
    };
    deployment.ok(&format!("root CreateRole RoleName=r AssumeRolePolicyDocument={document}"));
    assert!(trusted());
    deployment.ok("root UpdateUser UserName=bob NewUserName=rob");
    assert_eq!(shown(&deployment), r#"{"AWS":"arn:aws:iam::111122223333:user/rob"}"#);
    deployment.ok("root UpdateUser UserName=rob NewUserName=bob");
    assert!(trusted());
    deployment.ok("root DeleteUser UserName=bob");
    assert_eq!(shown(&deployment), r#"{"AWS":"AIDAAAAAAAAAAAAAAAAAA"}"#);
    deployment.ok("root CreateUser UserName=bob");
    assert!(!trusted());
    assert_eq!(shown(&deployment), r#"{"AWS":"AIDAAAAAAAAAAAAAAAAAA"}"#);
    // The document cannot be saved again as it is shown.
    let gone = trusting("AWS", "AIDAAAAAAAAAAAAAAAAAA");
    assert!(
        deployment
            .fails(&format!("root UpdateAssumeRolePolicy RoleName=r PolicyDocument={gone}"))
            .contains("Invalid principal in policy")
    );
}

#[test]
fn a_session_is_of_the_role_that_there_was() {
    let deployment = Deployment::new();
    let session = "arn:aws:sts::111122223333:assumed-role/Machine/session";
    let make = "root CreateRole RoleName=Machine Path=/a/ AssumeRolePolicyDocument=$EC2";
    deployment.ok(make);
    let document = trusting("AWS", session);
    deployment.ok(&format!("root CreateRole RoleName=r AssumeRolePolicyDocument={document}"));
    let trusted = || {
        let role = deployment.env.directory.role(&mut deployment.tx(), "111122223333", "r").unwrap().unwrap();
        let caller = deployment.caller("role/Machine").principal;
        let (arn, role_arn) = (caller.arn(), caller.principal_arn());
        let Principal::Role { account, id, session, .. } = &caller else { panic!("not a role") };
        let request = Request {
            action: "sts:AssumeRole",
            resource: "arn:aws:iam::111122223333:role/r",
            resource_account: account,
            principal: policy::Principal::RoleSession {
                account,
                session_arn: &arn,
                role_arn: &role_arn,
                role_id: id,
                session_name: session,
            },
            context: &NoContext,
        };
        let policies = Policies { resource: Some(&role.trust), ..Policies::default() };
        policy::evaluate(&request, &policies, Mode::AssumeRole).allowed
    };
    assert!(trusted());
    assert_eq!(shown(&deployment), format!(r#"{{"AWS":"{session}"}}"#));
    deployment.ok("root DeleteRole RoleName=Machine");
    assert_eq!(shown(&deployment), r#"{"AWS":"AROAAAAAAAAAAAAAAAAAA:session"}"#);
    deployment.ok(make);
    assert!(!trusted());
    // A session ARN has the role's name as it is written.
    for name in ["machine", "absent"] {
        let document = trusting("AWS", &session.replace("Machine", name));
        let line = format!("root UpdateAssumeRolePolicy RoleName=r PolicyDocument={document}");
        assert!(deployment.fails(&line).contains("Invalid principal in policy"), "{name}");
    }
}

#[test]
fn trust_policies_are_checked() {
    let deployment = Deployment::new();
    for document in ["{}", "no", "$S3", r#"{"Version":"2012-10-17","Statement":[]}"#] {
        let error =
            deployment.fails(&format!("root CreateRole RoleName=r AssumeRolePolicyDocument={document}"));
        assert!(error.starts_with("MalformedPolicyDocumentException: "), "{error}");
    }
    let long =
        trusting("AWS", "*").replace("\"Effect\"", &format!("\"Sid\":\"{}\",\"Effect\"", "a".repeat(2048)));
    assert_eq!(
        deployment.fails(&format!("root CreateRole RoleName=r AssumeRolePolicyDocument={long}")),
        "LimitExceededException: Cannot exceed quota for ACLSizePerRole: 2048"
    );
}
