use crate::testing::Deployment;
use expect_test::expect;

#[test]
fn lifecycle() {
    Deployment::new().transcript(
        "
        (root CreateRole RoleName=machine AssumeRolePolicyDocument=$EC2)
        root CreateInstanceProfile InstanceProfileName=Profile Path=/p/
        root CreateInstanceProfile InstanceProfileName=profile
        root AddRoleToInstanceProfile InstanceProfileName=profile RoleName=none
        root AddRoleToInstanceProfile InstanceProfileName=none RoleName=machine
        root AddRoleToInstanceProfile InstanceProfileName=profile RoleName=machine
        root AddRoleToInstanceProfile InstanceProfileName=profile RoleName=machine
        root GetInstanceProfile InstanceProfileName=profile
        root ListInstanceProfilesForRole RoleName=machine
        root ListInstanceProfiles
        root DeleteRole RoleName=machine
        root DeleteInstanceProfile InstanceProfileName=profile
        root RemoveRoleFromInstanceProfile InstanceProfileName=profile RoleName=machine
        root RemoveRoleFromInstanceProfile InstanceProfileName=profile RoleName=machine
        root DeleteInstanceProfile InstanceProfileName=profile
        root GetInstanceProfile InstanceProfileName=profile
        root ListInstanceProfilesForRole RoleName=machine
        ",
        &expect![[r#"
            root CreateInstanceProfile InstanceProfileName=Profile Path=/p/
              {"instanceProfile":{"path":"/p/","instanceProfileName":"Profile","instanceProfileId":"AIPAAAAAAAAAAAAAAAAAB","arn":"arn:aws:iam::111122223333:instance-profile/p/Profile","createDate":"Nov 21, 2026, 11:07:43 PM","roles":[]}}
            root CreateInstanceProfile InstanceProfileName=profile
              EntityAlreadyExistsException: Instance Profile profile already exists.
            root AddRoleToInstanceProfile InstanceProfileName=profile RoleName=none
              NoSuchEntityException: The role with name none cannot be found.
            root AddRoleToInstanceProfile InstanceProfileName=none RoleName=machine
              NoSuchEntityException: Instance Profile none cannot be found.
            root AddRoleToInstanceProfile InstanceProfileName=profile RoleName=machine
              {}
            root AddRoleToInstanceProfile InstanceProfileName=profile RoleName=machine
              LimitExceededException: Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1
            root GetInstanceProfile InstanceProfileName=profile
              {"instanceProfile":{"path":"/p/","instanceProfileName":"Profile","instanceProfileId":"AIPAAAAAAAAAAAAAAAAAB","arn":"arn:aws:iam::111122223333:instance-profile/p/Profile","createDate":"Nov 21, 2026, 11:07:43 PM","roles":[{"path":"/","roleName":"machine","roleId":"AROAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:role/machine","createDate":"Nov 21, 2026, 11:07:43 PM","assumeRolePolicyDocument":"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"}],"tags":[]}}
            root ListInstanceProfilesForRole RoleName=machine
              {"instanceProfiles":[{"path":"/p/","instanceProfileName":"Profile","instanceProfileId":"AIPAAAAAAAAAAAAAAAAAB","arn":"arn:aws:iam::111122223333:instance-profile/p/Profile","createDate":"Nov 21, 2026, 11:07:43 PM","roles":[{"path":"/","roleName":"machine","roleId":"AROAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:role/machine","createDate":"Nov 21, 2026, 11:07:43 PM","assumeRolePolicyDocument":"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"}]}],"isTruncated":false}
            root ListInstanceProfiles
              {"instanceProfiles":[{"path":"/p/","instanceProfileName":"Profile","instanceProfileId":"AIPAAAAAAAAAAAAAAAAAB","arn":"arn:aws:iam::111122223333:instance-profile/p/Profile","createDate":"Nov 21, 2026, 11:07:43 PM","roles":[{"path":"/","roleName":"machine","roleId":"AROAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::111122223333:role/machine","createDate":"Nov 21, 2026, 11:07:43 PM","assumeRolePolicyDocument":"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"}]}],"isTruncated":false}
            root DeleteRole RoleName=machine
              DeleteConflictException: Cannot delete entity, must remove roles from instance profile first.
            root DeleteInstanceProfile InstanceProfileName=profile
              DeleteConflictException: Cannot delete entity, must remove roles from instance profile first.
            root RemoveRoleFromInstanceProfile InstanceProfileName=profile RoleName=machine
              {}
            root RemoveRoleFromInstanceProfile InstanceProfileName=profile RoleName=machine
              NoSuchEntityException: The role with name machine is not in instance profile profile.
            root DeleteInstanceProfile InstanceProfileName=profile
              {}
            root GetInstanceProfile InstanceProfileName=profile
              NoSuchEntityException: Instance Profile profile cannot be found.
            root ListInstanceProfilesForRole RoleName=machine
              {"instanceProfiles":[],"isTruncated":false}
        "#]],
    );
}
