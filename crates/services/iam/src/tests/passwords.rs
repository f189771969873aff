//! Login profiles and the password policy.

use crate::testing::Deployment;

const POLICY: &str =
    "PasswordPolicyViolationException: Password does not conform to the account password policy.";

#[test]
fn a_login_profile_from_its_creation_to_its_end() {
    let deployment = Deployment::new();
    deployment.ok("root CreateUser UserName=bob");
    let missing = "NoSuchEntityException: Login Profile for User bob cannot be found.";
    for operation in ["GetLoginProfile", "DeleteLoginProfile", "UpdateLoginProfile"] {
        assert_eq!(deployment.fails(&format!("root {operation} UserName=bob")), missing);
    }
    let made = deployment
        .ok("root CreateLoginProfile UserName=bob Password=Correct-horse-1 PasswordResetRequired=true");
    let profile = r#"{"loginProfile":{"userName":"bob","createDate":"Nov 21, 2026, 11:07:43 PM","passwordResetRequired":true}}"#;
    assert_eq!(made, profile);
    assert_eq!(deployment.ok("root GetLoginProfile UserName=bob"), profile);
    assert_eq!(
        deployment.fails("root CreateLoginProfile UserName=bob Password=Correct-horse-1"),
        "EntityAlreadyExistsException: Login Profile for user bob already exists."
    );
    assert_eq!(
        deployment.fails("root DeleteUser UserName=bob"),
        "DeleteConflictException: Cannot delete entity, must delete login profile first."
    );
    deployment.ok("root UpdateLoginProfile UserName=bob PasswordResetRequired=false");
    assert!(deployment.ok("root GetLoginProfile UserName=bob").contains("false"));
    deployment.ok("root DeleteLoginProfile UserName=bob");
    deployment.ok("root DeleteUser UserName=bob");
}

#[test]
fn no_row_has_a_password() {
    let deployment = Deployment::new();
    deployment.ok("root CreateUser UserName=bob");
    deployment.ok("root CreateLoginProfile UserName=bob Password=Correct-horse-1");
    let owner = crate::credentials::Owner::user(
        &crate::entity::find::<crate::users::User>(&mut deployment.tx(), crate::testing::ACCOUNT, "bob")
            .unwrap()
            .unwrap(),
    );
    let profile = crate::login_profiles::find(&mut deployment.tx(), &owner).unwrap().unwrap();
    let row = serde_json::to_string(&*profile).unwrap();
    assert!(!row.contains("orrect") && row.contains("salt"), "{row}");
}

#[test]
fn passwords_conform_to_the_policy() {
    let deployment = Deployment::new();
    deployment.ok("root CreateUser UserName=bob");
    deployment.ok("root CreateAccountAlias AccountAlias=our-1-alias");
    let create = |password: &str| {
        let made = deployment.call(&format!("root CreateLoginProfile UserName=bob Password={password}"));
        if made.is_ok() {
            deployment.ok("root DeleteLoginProfile UserName=bob");
        }
        made.map(drop).map_err(|fault| format!("{}: {}", fault.code(), fault.message()))
    };
    // Without one: eight characters, three classes, not the account's name.
    for bad in ["Short-1", "only-lower-case", "lower1234", "Our-1-alias"] {
        assert_eq!(create(bad), Err(POLICY.to_owned()), "{bad}");
    }
    create("lower-123").unwrap();
    let missing = "NoSuchEntityException: The Password Policy with domain name 111122223333 cannot be found.";
    assert_eq!(deployment.fails("root GetAccountPasswordPolicy"), missing);
    assert_eq!(deployment.fails("root DeleteAccountPasswordPolicy"), missing);
    deployment.ok("root UpdateAccountPasswordPolicy");
    assert_eq!(
        deployment.ok("root GetAccountPasswordPolicy"),
        r#"{"passwordPolicy":{"minimumPasswordLength":6,"requireSymbols":false,"requireNumbers":false,"requireUppercaseCharacters":false,"requireLowercaseCharacters":false,"allowUsersToChangePassword":false,"expirePasswords":false}}"#
    );
    create("simple").unwrap();
    assert_eq!(create("short"), Err(POLICY.to_owned()));
    for (rule, bad) in [
        ("MinimumPasswordLength=12", "Abcdef-1234"),
        ("RequireSymbols=true", "Abcdef1234"),
        ("RequireNumbers=true", "Abcdef-ghij"),
        ("RequireUppercaseCharacters=true", "abcdef-1234"),
        ("RequireLowercaseCharacters=true", "ABCDEF-1234"),
    ] {
        deployment.ok(&format!("root UpdateAccountPasswordPolicy {rule}"));
        assert_eq!(create(bad), Err(POLICY.to_owned()), "{rule}");
    }
    deployment.ok("root UpdateAccountPasswordPolicy MaxPasswordAge=90 HardExpiry=true");
    let policy = deployment.ok("root GetAccountPasswordPolicy");
    assert!(policy.contains(r#""expirePasswords":true,"maxPasswordAge":90,"hardExpiry":true"#), "{policy}");
    deployment.ok("root DeleteAccountPasswordPolicy");
}

#[test]
fn earlier_passwords_do_not_come_again() {
    let deployment = Deployment::new();
    deployment.ok("root CreateUser UserName=bob");
    deployment.ok("root UpdateAccountPasswordPolicy PasswordReusePrevention=2");
    deployment.ok("root CreateLoginProfile UserName=bob Password=password-1");
    let update = |number: u32| format!("root UpdateLoginProfile UserName=bob Password=password-{number}");
    assert_eq!(deployment.fails(&update(1)), POLICY);
    deployment.ok(&update(2));
    assert_eq!(deployment.fails(&update(1)), POLICY);
    deployment.ok(&update(3));
    deployment.ok(&update(1));
}

#[test]
fn users_change_their_own_passwords_if_they_may() {
    let deployment = Deployment::new();
    deployment.ok("root CreateUser UserName=bob");
    let change =
        |who: &str, old: &str, new: &str| format!("{who} ChangePassword OldPassword={old} NewPassword={new}");
    let own = change("user/bob", "Correct-horse-1", "Correct-horse-2");
    assert!(deployment.fails(&own).starts_with("AccessDenied: "));
    let users_only = "InvalidUserTypeException: Only IAM Users can change their own password";
    assert_eq!(deployment.fails(&change("root", "a", "b")), users_only);
    // An account that lets users change their passwords needs no policy of theirs, and gives nothing else.
    deployment.ok("root UpdateAccountPasswordPolicy AllowUsersToChangePassword=true");
    assert_eq!(deployment.fails(&own), "NoSuchEntityException: Login Profile for User bob cannot be found.");
    deployment.ok("root CreateLoginProfile UserName=bob Password=Correct-horse-1 PasswordResetRequired=true");
    deployment.ok("user/bob GetAccountPasswordPolicy");
    assert!(deployment.fails("user/bob GetLoginProfile").starts_with("AccessDenied: "));
    deployment.ok(&own);
    assert!(deployment.ok("root GetLoginProfile UserName=bob").contains("false"));
    assert_eq!(deployment.fails(&own), "AccessDenied: The old password was incorrect.");
    assert_eq!(deployment.fails(&change("user/bob", "Correct-horse-2", "a")), POLICY);
    // What denies explicitly, and a permissions boundary, come before it.
    let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:ChangePassword","Resource":"*"}]}"#;
    let back = change("user/bob", "Correct-horse-2", "Correct-horse-3");
    deployment.ok(&format!("root PutUserPolicy UserName=bob PolicyName=p PolicyDocument={deny}"));
    assert!(deployment.fails(&back).contains("with an explicit deny"));
    deployment.ok("root DeleteUserPolicy UserName=bob PolicyName=p");
    deployment.ok("root PutUserPermissionsBoundary UserName=bob PermissionsBoundary=$AWS/ReadOnlyAccess");
    assert!(deployment.fails(&back).starts_with("AccessDenied: "));
    deployment.ok("root DeleteUserPermissionsBoundary UserName=bob");
    // After some wrong guesses the right password has to wait too.
    for _ in 0..5 {
        let wrong = change("user/bob", "wrong", "Correct-horse-3");
        assert_eq!(deployment.fails(&wrong), "AccessDenied: The old password was incorrect.");
    }
    assert_eq!(deployment.fails(&back), "AccessDenied: The old password was incorrect.");
    deployment.pass(1000);
    deployment.ok(&back);
}
