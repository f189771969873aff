use super::{denied, refused};
use crate::api::{
    CreateKeyRequest, EncryptRequest, GetKeyPolicyRequest, ListKeyPoliciesRequest, PutKeyPolicyRequest, ops,
};
use crate::testing::{ACCOUNT, OTHER, World, allow, key_policy};
use platform::{Caller, Fault};

fn put(world: &World, caller: &Caller, key: &str, policy: &str, bypass: Option<bool>) -> Result<(), Fault> {
    let input = PutKeyPolicyRequest {
        key_id: key.to_owned(),
        policy: policy.to_owned(),
        bypass_policy_lockout_safety_check: bypass,
        ..PutKeyPolicyRequest::default()
    };
    world.call::<ops::PutKeyPolicy>(caller, input).map(drop)
}

fn get(world: &World, key: &str) -> String {
    let input = GetKeyPolicyRequest { key_id: key.to_owned(), ..GetKeyPolicyRequest::default() };
    world.call::<ops::GetKeyPolicy>(&world.root(), input).unwrap().policy.unwrap()
}

fn may_encrypt(world: &World, caller: &Caller, key: &str) -> Result<(), Fault> {
    let input =
        EncryptRequest { key_id: key.to_owned(), plaintext: b"x"[..].into(), ..EncryptRequest::default() };
    world.call::<ops::Encrypt>(caller, input).map(drop)
}

fn statement(effect: &str, principal: &str) -> String {
    format!(
        r#"{{"Effect":"{effect}","Principal":{{"AWS":"{principal}"}},"Action":"kms:Encrypt","Resource":"*"}}"#
    )
}

#[test]
fn the_default_policy_is_aws_s() {
    let world = World::new();
    let key = world.key();
    let policy = get(&world, &key);
    assert_eq!(
        policy,
        r#"{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:aws:iam::111111111111:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}"#
    );
    put(&world, &world.root(), &key, &policy, None).unwrap();
    let input = ListKeyPoliciesRequest { key_id: key, ..ListKeyPoliciesRequest::default() };
    let names = world.call::<ops::ListKeyPolicies>(&world.root(), input).unwrap();
    assert_eq!(names.policy_names, Some(vec!["default".to_owned()]));
    assert_eq!(names.truncated, Some(false));
}

#[test]
fn key_policy_and_identity_policies_decide_together() {
    let world = World::new();
    let user = world.user(ACCOUNT, "user", "");
    let allowed = world.user(ACCOUNT, "allowed", &allow("kms:Encrypt"));
    let session = world.session(ACCOUNT, "role", "session", "");
    let delegating = world.key();
    denied(may_encrypt(&world, &user, &delegating), "because no identity-based policy allows");
    may_encrypt(&world, &allowed, &delegating).unwrap();

    let direct = world.key_with(&statement("Allow", "arn:aws:iam::111111111111:user/user"));
    may_encrypt(&world, &user, &direct).unwrap();
    let role = world.key_with(&statement("Allow", "arn:aws:iam::111111111111:role/role"));
    may_encrypt(&world, &session, &role).unwrap();
    denied(may_encrypt(&world, &user, &role), "because no identity-based policy allows");

    let deny = world.key_with(&statement("Deny", "*"));
    denied(may_encrypt(&world, &world.root(), &deny), "with an explicit deny in a resource-based policy");

    // Without the account's statement, identity policies have no power, not even the root user's.
    let closed = world.key();
    let only_user = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:user/user"},"Action":"kms:*","Resource":"*"}]}"#;
    put(&world, &world.root(), &closed, only_user, Some(true)).unwrap();
    denied(may_encrypt(&world, &allowed, &closed), "because no resource-based policy allows");
    denied(may_encrypt(&world, &world.root(), &closed), "because no resource-based policy allows");
    may_encrypt(&world, &user, &closed).unwrap();
}

#[test]
fn principals_are_pinned() {
    let world = World::new();
    let arn = "arn:aws:iam::111111111111:user/user";
    let first = world.user(ACCOUNT, "user", "");
    let policy = key_policy(&statement("Allow", arn));
    let key = world.key();
    put(&world, &world.root(), &key, &policy, None).unwrap();
    may_encrypt(&world, &first, &key).unwrap();
    assert_eq!(get(&world, &key), policy);
    world.forget(arn);
    let id = first.principal.user_id();
    assert_eq!(get(&world, &key), policy.replace(arn, &id));
    let second = world.user(ACCOUNT, "user", "");
    denied(may_encrypt(&world, &second, &key), "because no identity-based policy allows");
    assert_eq!(get(&world, &key), policy.replace(arn, &id));
    put(&world, &world.root(), &key, &policy, None).unwrap();
    may_encrypt(&world, &second, &key).unwrap();
}

#[test]
fn sessions_of_roles_are_pinned() {
    let world = World::new();
    let session = || world.session(ACCOUNT, "role", "session", "");
    let arn = "arn:aws:sts::111111111111:assumed-role/role/session";
    let first = session();
    let policy = key_policy(&statement("Allow", arn));
    let key = world.key();
    put(&world, &world.root(), &key, &policy, None).unwrap();
    may_encrypt(&world, &first, &key).unwrap();
    assert_eq!(get(&world, &key), policy);
    world.forget("arn:aws:iam::111111111111:role/role");
    assert_eq!(get(&world, &key), policy.replace(arn, &first.principal.user_id()));
    let message = "Policy contains a statement with one or more invalid principals.";
    let again = put(&world, &world.root(), &key, &policy, None);
    refused(again, "MalformedPolicyDocumentException", message);
    denied(may_encrypt(&world, &session(), &key), "because no identity-based policy allows");
}

#[test]
fn nobody_locks_the_account_out() {
    let world = World::new();
    let root = world.root();
    let key = world.key();
    world.user(ACCOUNT, "user", "");
    let only = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:user/user"},"Action":"kms:*","Resource":"*"}]}"#;
    let message = "The new key policy will not allow you to update the key policy in the future.";
    refused(put(&world, &root, &key, only, None), "MalformedPolicyDocumentException", message);
    refused(put(&world, &root, &key, only, Some(false)), "MalformedPolicyDocumentException", message);
    let create = |bypass| CreateKeyRequest {
        policy: Some(only.to_owned()),
        bypass_policy_lockout_safety_check: bypass,
        ..CreateKeyRequest::default()
    };
    refused(world.call::<ops::CreateKey>(&root, create(None)), "MalformedPolicyDocumentException", message);
    world.call::<ops::CreateKey>(&root, create(Some(true))).unwrap();
    put(&world, &root, &key, only, Some(true)).unwrap();
    denied(put(&world, &root, &key, only, Some(true)), "because no resource-based policy allows");
}

#[test]
fn documents_that_are_no_policies() {
    let world = World::new();
    let root = world.root();
    let key = world.key();
    let code = "MalformedPolicyDocumentException";
    for policy in ["", "{}", "[]", "nonsense", r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]}"#]
    {
        let fault = put(&world, &root, &key, policy, None).unwrap_err();
        assert_eq!(fault.code(), code, "{policy}");
    }
    let message = "Policy contains a statement with one or more invalid principals.";
    let nobody = key_policy(&statement("Allow", "arn:aws:iam::111111111111:user/nobody"));
    refused(put(&world, &root, &key, &nobody, None), code, message);
    let long = key_policy(&format!("{:32768}", statement("Allow", "*")));
    refused(
        put(&world, &root, &key, &long, None),
        "LimitExceededException",
        "A key policy cannot exceed 32768 bytes.",
    );
    let named = PutKeyPolicyRequest {
        key_id: key.clone(),
        policy_name: Some("AWS_RAM".to_owned()),
        policy: key_policy(""),
        ..PutKeyPolicyRequest::default()
    };
    let message = "The policy AWS_RAM cannot be set. Only the default key policy can.";
    refused(world.call::<ops::PutKeyPolicy>(&root, named), "ValidationException", message);
    let named = GetKeyPolicyRequest { key_id: key, policy_name: Some("other".to_owned()) };
    let result = world.call::<ops::GetKeyPolicy>(&root, named);
    refused(result, "NotFoundException", "No such policy exists");
}

#[test]
fn only_its_own_account_manages_a_policy() {
    let world = World::new();
    let key = world.key_with(&format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"{OTHER}"}},"Action":"kms:*","Resource":"*"}}"#
    ));
    let stranger = world.user(OTHER, "stranger", &allow("kms:*"));
    may_encrypt(&world, &stranger, &key).unwrap();
    denied(put(&world, &stranger, &key, &key_policy(""), None), "the resource does not exist in this Region");
}
