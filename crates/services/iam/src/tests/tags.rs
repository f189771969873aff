use crate::testing::Deployment;
use expect_test::expect;

#[test]
fn keys_are_compared_without_regard_to_case() {
    Deployment::new().transcript(
        "
        (root CreateUser UserName=bob)
        root TagUser UserName=bob Tags.member.1.Key=Team Tags.member.1.Value=Red Tags.member.2.Key=Cost Tags.member.2.Value=
        root TagUser UserName=bob Tags.member.1.Key=team Tags.member.1.Value=Blue
        root ListUserTags UserName=bob
        root TagUser UserName=bob Tags.member.1.Key=a Tags.member.1.Value=b Tags.member.2.Key=A Tags.member.2.Value=c
        root TagUser UserName=bob Tags.member.1.Key=aws:x Tags.member.1.Value=b
        root UntagUser UserName=bob TagKeys.member.1=TEAM TagKeys.member.2=none
        root ListUserTags UserName=bob
        root ListUserTags UserName=eve
        ",
        &expect![[r#"
            root TagUser UserName=bob Tags.member.1.Key=Team Tags.member.1.Value=Red Tags.member.2.Key=Cost Tags.member.2.Value=
              {}
            root TagUser UserName=bob Tags.member.1.Key=team Tags.member.1.Value=Blue
              {}
            root ListUserTags UserName=bob
              {"tags":[{"key":"Cost","value":""},{"key":"team","value":"Blue"}],"isTruncated":false}
            root TagUser UserName=bob Tags.member.1.Key=a Tags.member.1.Value=b Tags.member.2.Key=A Tags.member.2.Value=c
              InvalidInputException: Duplicate tag keys found. Please note that Tag keys are case insensitive.
            root TagUser UserName=bob Tags.member.1.Key=aws:x Tags.member.1.Value=b
              InvalidInputException: Caller is not authorized to add or remove tags with the reserved prefix aws:
            root UntagUser UserName=bob TagKeys.member.1=TEAM TagKeys.member.2=none
              {}
            root ListUserTags UserName=bob
              {"tags":[{"key":"Cost","value":""}],"isTruncated":false}
            root ListUserTags UserName=eve
              NoSuchEntityException: The user with name eve cannot be found.
        "#]],
    );
}

#[test]
fn of_everything() {
    let deployment = Deployment::new();
    deployment.ok("root CreateRole RoleName=x AssumeRolePolicyDocument=$EC2");
    deployment.ok("root CreatePolicy PolicyName=x PolicyDocument=$S3");
    deployment.ok("root CreateInstanceProfile InstanceProfileName=x");
    for (noun, name) in [
        ("Role", "RoleName=x"),
        ("Policy", "PolicyArn=$POLICY/x"),
        ("InstanceProfile", "InstanceProfileName=x"),
    ] {
        deployment.ok(&format!("root Tag{noun} {name} Tags.member.1.Key=k Tags.member.1.Value=v"));
        let listed = deployment.ok(&format!("root List{noun}Tags {name}"));
        assert_eq!(listed, r#"{"tags":[{"key":"k","value":"v"}],"isTruncated":false}"#);
        assert!(
            deployment.ok(&format!("root Get{noun} {name}")).contains(r#""tags":[{"key":"k","value":"v"}]"#)
        );
        deployment.ok(&format!("root Untag{noun} {name} TagKeys.member.1=k"));
        let listed = deployment.ok(&format!("root List{noun}Tags {name}"));
        assert_eq!(listed, r#"{"tags":[],"isTruncated":false}"#);
    }
}
