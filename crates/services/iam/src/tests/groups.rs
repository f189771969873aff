use crate::testing::Deployment;
use expect_test::expect;

#[test]
fn members() {
    Deployment::new().transcript(
        "
        root CreateGroup GroupName=Admins Path=/ops/
        root CreateGroup GroupName=admins
        (root CreateUser UserName=bob)
        root AddUserToGroup GroupName=admins UserName=bob
        root AddUserToGroup GroupName=admins UserName=bob
        root AddUserToGroup GroupName=admins UserName=eve
        root AddUserToGroup GroupName=nobodies UserName=bob
        root GetGroup GroupName=admins
        root ListGroupsForUser UserName=bob
        root UpdateGroup GroupName=admins NewGroupName=Operators NewPath=/
        root ListGroupsForUser UserName=bob
        root DeleteGroup GroupName=operators
        root DeleteUser UserName=bob
        root RemoveUserFromGroup GroupName=operators UserName=bob
        root RemoveUserFromGroup GroupName=operators UserName=bob
        root GetGroup GroupName=operators
        root ListGroups PathPrefix=/ops/
        root ListGroups
        root DeleteGroup GroupName=operators
        root DeleteUser UserName=bob
        root GetGroup GroupName=operators
        ",
        &expect![[r#"
            root CreateGroup GroupName=Admins Path=/ops/
              {"group":{"path":"/ops/","groupName":"Admins","groupId":"AGPAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:group/ops/Admins","createDate":"Nov 21, 2026, 11:07:43 PM"}}
            root CreateGroup GroupName=admins
              EntityAlreadyExistsException: Group with name admins already exists.
            root AddUserToGroup GroupName=admins UserName=bob
              {}
            root AddUserToGroup GroupName=admins UserName=bob
              {}
            root AddUserToGroup GroupName=admins UserName=eve
              NoSuchEntityException: The user with name eve cannot be found.
            root AddUserToGroup GroupName=nobodies UserName=bob
              NoSuchEntityException: The group with name nobodies cannot be found.
            root GetGroup GroupName=admins
              {"group":{"path":"/ops/","groupName":"Admins","groupId":"AGPAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:group/ops/Admins","createDate":"Nov 21, 2026, 11:07:43 PM"},"users":[{"path":"/","userName":"bob","userId":"AIDAAAAAAAAAAAAAAAAAC","arn":"arn:aws:iam::111122223333:user/bob","createDate":"Nov 21, 2026, 11:07:43 PM"}],"isTruncated":false}
            root ListGroupsForUser UserName=bob
              {"groups":[{"path":"/ops/","groupName":"Admins","groupId":"AGPAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:group/ops/Admins","createDate":"Nov 21, 2026, 11:07:43 PM"}],"isTruncated":false}
            root UpdateGroup GroupName=admins NewGroupName=Operators NewPath=/
              {}
            root ListGroupsForUser UserName=bob
              {"groups":[{"path":"/","groupName":"Operators","groupId":"AGPAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:group/Operators","createDate":"Nov 21, 2026, 11:07:43 PM"}],"isTruncated":false}
            root DeleteGroup GroupName=operators
              DeleteConflictException: Cannot delete entity, must remove users from group first.
            root DeleteUser UserName=bob
              DeleteConflictException: Cannot delete entity, must remove users from group first.
            root RemoveUserFromGroup GroupName=operators UserName=bob
              {}
            root RemoveUserFromGroup GroupName=operators UserName=bob
              {}
            root GetGroup GroupName=operators
              {"group":{"path":"/","groupName":"Operators","groupId":"AGPAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:group/Operators","createDate":"Nov 21, 2026, 11:07:43 PM"},"users":[],"isTruncated":false}
            root ListGroups PathPrefix=/ops/
              {"groups":[],"isTruncated":false}
            root ListGroups
              {"groups":[{"path":"/","groupName":"Operators","groupId":"AGPAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:group/Operators","createDate":"Nov 21, 2026, 11:07:43 PM"}],"isTruncated":false}
            root DeleteGroup GroupName=operators
              {}
            root DeleteUser UserName=bob
              {}
            root GetGroup GroupName=operators
              NoSuchEntityException: The group with name operators cannot be found.
        "#]],
    );
}
