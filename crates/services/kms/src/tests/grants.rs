use super::{denied, refused};
use crate::api::{
    CreateGrantRequest, CreateGrantResponse, DecryptRequest, DescribeKeyRequest, EncryptRequest,
    GrantConstraints, GrantListEntry, GrantOperation, ListGrantsRequest, ListRetirableGrantsRequest,
    RetireGrantRequest, RevokeGrantRequest, ScheduleKeyDeletionRequest, ops,
};
use crate::context::Pairs;
use crate::limits::{GRANTS_PER_ROW, HOLDINGS_DELETED};
use crate::testing::{ACCOUNT, DAY, OTHER, START, World, allow};
use platform::{Caller, Fault};
use wire::Timestamp;

use GrantOperation::{CreateGrant, Decrypt, DescribeKey, Encrypt, RetireGrant, Sign};

const USER: &str = "arn:aws:iam::111111111111:user/grantee";

fn pairs(of: &[(&str, &str)]) -> Pairs {
    of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn to_grant(key: &str, grantee: &str, operations: &[GrantOperation]) -> CreateGrantRequest {
    CreateGrantRequest {
        key_id: key.to_owned(),
        grantee_principal: Some(grantee.to_owned()),
        operations: operations.to_vec(),
        ..CreateGrantRequest::default()
    }
}

fn grant(world: &World, key: &str, grantee: &str, operations: &[GrantOperation]) -> CreateGrantResponse {
    world.call::<ops::CreateGrant>(&world.root(), to_grant(key, grantee, operations)).unwrap()
}

fn encrypt(world: &World, caller: &Caller, key: &str, context: &[(&str, &str)]) -> Result<(), Fault> {
    let input = EncryptRequest {
        key_id: key.to_owned(),
        plaintext: b"x"[..].into(),
        encryption_context: Some(pairs(context)),
        ..EncryptRequest::default()
    };
    world.call::<ops::Encrypt>(caller, input).map(drop)
}

fn list(world: &World, key: &str, grantee: Option<&str>, id: Option<&str>) -> Vec<GrantListEntry> {
    let mut all = Vec::new();
    let mut marker = None;
    loop {
        let input = ListGrantsRequest {
            key_id: key.to_owned(),
            grantee_principal: grantee.map(str::to_owned),
            grant_id: id.map(str::to_owned),
            limit: Some(2),
            marker,
            ..ListGrantsRequest::default()
        };
        let page = world.call::<ops::ListGrants>(&world.root(), input).unwrap();
        assert_eq!(page.truncated, Some(page.next_marker.is_some()));
        all.extend(page.grants.unwrap());
        marker = page.next_marker;
        if marker.is_none() {
            return all;
        }
    }
}

#[test]
fn a_grant_permits_its_operations_to_its_grantee() {
    let world = World::new();
    let key = world.key();
    let grantee = world.user(ACCOUNT, "grantee", "");
    let other = world.user(ACCOUNT, "other", "");
    denied(encrypt(&world, &grantee, &key, &[]), "because no identity-based policy allows");
    let made = grant(&world, &key, USER, &[Encrypt, DescribeKey]);
    assert_eq!(made.grant_id.as_ref().map(String::len), Some(64));
    encrypt(&world, &grantee, &key, &[]).unwrap();
    let describe = DescribeKeyRequest { key_id: key.clone(), ..DescribeKeyRequest::default() };
    world.call::<ops::DescribeKey>(&grantee, describe.clone()).unwrap();
    denied(encrypt(&world, &other, &key, &[]), "kms:Encrypt");
    denied(world.call::<ops::DescribeKey>(&other, describe), "kms:DescribeKey");
    let input =
        EncryptRequest { key_id: key.clone(), plaintext: b"x"[..].into(), ..EncryptRequest::default() };
    let blob = world.call::<ops::Encrypt>(&grantee, input).unwrap().ciphertext_blob;
    let input = DecryptRequest { ciphertext_blob: blob, ..DecryptRequest::default() };
    denied(world.call::<ops::Decrypt>(&grantee, input), "kms:Decrypt");
    denied(encrypt(&world, &grantee, &world.key(), &[]), "kms:Encrypt");
}

#[test]
fn every_kind_of_grantee() {
    let world = World::new();
    let user = world.user(ACCOUNT, "grantee", "");
    let one = world.session(ACCOUNT, "role", "one", "");
    let two = world.session(ACCOUNT, "role", "two", "");
    let foreign = world.user(OTHER, "foreign", "");
    let foreign_allowed = world.user(OTHER, "allowed", &allow("kms:Encrypt"));
    let foreign_root = world.root_of(OTHER);
    let callers = [&user, &one, &two, &foreign, &foreign_allowed, &foreign_root];
    for (grantee, let_in) in [
        (USER, [true, false, false, false, false, false]),
        ("arn:aws:iam::111111111111:role/role", [false, true, true, false, false, false]),
        ("arn:aws:sts::111111111111:assumed-role/role/one", [false, true, false, false, false, false]),
        ("arn:aws:iam::222222222222:user/foreign", [false, false, false, true, false, false]),
        ("arn:aws:iam::222222222222:root", [false, false, false, false, true, true]),
        (OTHER, [false, false, false, false, true, true]),
    ] {
        let key = world.key();
        grant(&world, &key, grantee, &[Encrypt]);
        for (caller, let_in) in callers.into_iter().zip(let_in) {
            let result = encrypt(&world, caller, &key, &[]);
            assert_eq!(result.is_ok(), let_in, "{:?} by a grant to {grantee}", caller.principal);
        }
    }
    for nobody in [
        "arn:aws:iam::111111111111:user/nobody",
        "arn:aws:iam::111111111111:group/grantee",
        "arn:aws:sts::111111111111:assumed-role/none/one",
        "arn:aws:iam::1:root",
        "AIDA00000000000000000",
        "*",
    ] {
        refused(
            world.call::<ops::CreateGrant>(&world.root(), to_grant(&world.key(), nobody, &[Encrypt])),
            "InvalidArnException",
            &format!("ARN does not refer to a valid principal: {nobody}"),
        );
    }
}

/// What a role or user holds is used by sessions within their session policies only; what a session itself holds is not limited.
#[test]
fn session_policies_limit_what_is_held_by_others() {
    let world = World::new();
    let role = "arn:aws:iam::111111111111:role/role";
    let session = world.session(ACCOUNT, "role", "one", "");
    let user = world.user(ACCOUNT, "grantee", "");
    let federated = world.federated(&user, "fed");
    let key = || world.key();
    let (by_role, by_session, by_user, by_federated) = (key(), key(), key(), key());
    grant(&world, &by_role, role, &[Encrypt]);
    grant(&world, &by_session, "arn:aws:sts::111111111111:assumed-role/role/one", &[Encrypt]);
    grant(&world, &by_user, USER, &[Encrypt]);
    grant(&world, &by_federated, "arn:aws:sts::111111111111:federated-user/fed", &[Encrypt]);
    encrypt(&world, &session, &by_role, &[]).unwrap();
    denied(encrypt(&world, &federated, &by_user, &[]), "kms:Encrypt");
    for (policy, within) in [(allow("s3:*"), false), (allow("kms:Encrypt"), true)] {
        world.restrict(role, &policy);
        world.restrict(USER, &policy);
        assert_eq!(encrypt(&world, &session, &by_role, &[]).is_ok(), within);
        assert_eq!(encrypt(&world, &federated, &by_user, &[]).is_ok(), within);
        encrypt(&world, &session, &by_session, &[]).unwrap();
        encrypt(&world, &federated, &by_federated, &[]).unwrap();
    }
}

#[test]
fn a_grantee_made_anew_is_another() {
    let world = World::new();
    let key = world.key();
    let first = world.user(ACCOUNT, "grantee", "");
    grant(&world, &key, USER, &[Encrypt]);
    encrypt(&world, &first, &key, &[]).unwrap();
    world.forget(USER);
    let second = world.user(ACCOUNT, "grantee", "");
    denied(encrypt(&world, &second, &key, &[]), "kms:Encrypt");
    assert_eq!(list(&world, &key, None, None)[0].grantee_principal, Some(first.principal.user_id()));
}

#[test]
fn an_explicit_deny_wins() {
    let world = World::new();
    let denied_by_identity =
        world.user(ACCOUNT, "grantee", r#"{"Effect":"Deny","Action":"kms:Encrypt","Resource":"*"}"#);
    let key = world.key();
    grant(&world, &key, USER, &[Encrypt]);
    denied(
        encrypt(&world, &denied_by_identity, &key, &[]),
        "with an explicit deny in an identity-based policy",
    );
    let key = world
        .key_with(r#"{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::111111111111:user/u"},"Action":"kms:Encrypt","Resource":"*"}"#
            .replace("user/u", "user/grantee").as_str());
    let plain = denied_by_identity;
    grant(&world, &key, USER, &[Encrypt]);
    denied(encrypt(&world, &plain, &key, &[]), "with an explicit deny in a resource-based policy");
}

#[test]
fn constraints_on_the_encryption_context() {
    let world = World::new();
    let grantee = world.user(ACCOUNT, "grantee", "");
    let equals = |of: &[(&str, &str)]| GrantConstraints {
        encryption_context_equals: Some(pairs(of)),
        ..GrantConstraints::default()
    };
    let subset = |of: &[(&str, &str)]| GrantConstraints {
        encryption_context_subset: Some(pairs(of)),
        ..GrantConstraints::default()
    };
    for (constraints, context, let_in) in [
        (equals(&[("a", "1")]), &[("a", "1")][..], true),
        (equals(&[("a", "1")]), &[("A", "1")], true),
        (equals(&[("a", "1")]), &[("a", "1"), ("b", "2")], false),
        (equals(&[("a", "1")]), &[], false),
        (subset(&[("a", "1")]), &[("a", "1"), ("b", "2")], true),
        (subset(&[("a", "x")]), &[("a", "X")], false),
    ] {
        let key = world.key();
        let input = CreateGrantRequest {
            constraints: Some(constraints),
            ..to_grant(&key, USER, &[Encrypt, DescribeKey])
        };
        world.call::<ops::CreateGrant>(&world.root(), input).unwrap();
        assert_eq!(encrypt(&world, &grantee, &key, context).is_ok(), let_in, "{context:?}");
        // DescribeKey has no encryption context.
        let describe = DescribeKeyRequest { key_id: key, ..DescribeKeyRequest::default() };
        world.call::<ops::DescribeKey>(&grantee, describe).unwrap();
    }
    let both =
        GrantConstraints { encryption_context_equals: Some(pairs(&[("a", "1")])), ..subset(&[("a", "1")]) };
    let many = (0..9).map(|number| (number.to_string(), String::new())).collect();
    let long = pairs(&[("a", &"x".repeat(385))]);
    for constraints in [
        both,
        GrantConstraints { encryption_context_subset: Some(many), ..GrantConstraints::default() },
        GrantConstraints { encryption_context_subset: Some(long), ..GrantConstraints::default() },
    ] {
        let input =
            CreateGrantRequest { constraints: Some(constraints), ..to_grant(&world.key(), USER, &[Encrypt]) };
        let fault = world.call::<ops::CreateGrant>(&world.root(), input).unwrap_err();
        assert_eq!(fault.code(), "ValidationException");
    }
}

#[test]
fn a_grantee_delegates_no_more_than_it_has() {
    let world = World::new();
    let grantee = world.user(ACCOUNT, "grantee", "");
    let other = world.user(ACCOUNT, "other", "");
    let to = "arn:aws:iam::111111111111:user/other";
    let key = world.key();
    let constrained = |of: &[(&str, &str)], operations: &[GrantOperation]| CreateGrantRequest {
        constraints: Some(GrantConstraints {
            encryption_context_subset: Some(pairs(of)),
            ..GrantConstraints::default()
        }),
        ..to_grant(&key, to, operations)
    };
    denied(world.call::<ops::CreateGrant>(&grantee, to_grant(&key, to, &[Encrypt])), "kms:CreateGrant");
    let input = CreateGrantRequest {
        grantee_principal: Some(USER.to_owned()),
        ..constrained(&[("a", "1")], &[Encrypt, CreateGrant])
    };
    world.call::<ops::CreateGrant>(&world.root(), input).unwrap();
    denied(world.call::<ops::CreateGrant>(&grantee, to_grant(&key, to, &[Encrypt])), "kms:CreateGrant");
    denied(
        world.call::<ops::CreateGrant>(&grantee, constrained(&[("a", "1")], &[Encrypt, Decrypt])),
        "kms:CreateGrant",
    );
    denied(
        world.call::<ops::CreateGrant>(&grantee, constrained(&[("b", "1")], &[Encrypt])),
        "kms:CreateGrant",
    );
    world.call::<ops::CreateGrant>(&grantee, constrained(&[("a", "1"), ("b", "2")], &[Encrypt])).unwrap();
    encrypt(&world, &other, &key, &[("a", "1"), ("b", "2")]).unwrap();
    denied(encrypt(&world, &other, &key, &[("a", "1")]), "kms:Encrypt");
}

#[test]
fn the_same_named_grant_is_made_once() {
    let world = World::new();
    let key = world.key();
    world.user(ACCOUNT, "grantee", "");
    let named = CreateGrantRequest { name: Some("n".to_owned()), ..to_grant(&key, USER, &[Encrypt]) };
    let first = world.call::<ops::CreateGrant>(&world.root(), named.clone()).unwrap();
    world.wait(1);
    let again = world.call::<ops::CreateGrant>(&world.root(), named.clone()).unwrap();
    assert_eq!(first.grant_id, again.grant_id);
    assert_ne!(first.grant_token, again.grant_token);
    let different = CreateGrantRequest { operations: vec![Decrypt], ..named };
    let different = world.call::<ops::CreateGrant>(&world.root(), different).unwrap();
    assert_ne!(first.grant_id, different.grant_id);
    let unnamed = [grant(&world, &key, USER, &[Encrypt]), grant(&world, &key, USER, &[Encrypt])];
    assert_ne!(unnamed[0].grant_id, unnamed[1].grant_id);
    assert_eq!(list(&world, &key, None, None).len(), 4);
}

#[test]
fn grants_are_listed() {
    let world = World::new();
    let key = world.key();
    world.user(ACCOUNT, "grantee", "");
    world.user(ACCOUNT, "other", "");
    let other = "arn:aws:iam::111111111111:user/other";
    let input = CreateGrantRequest {
        name: Some("n".to_owned()),
        retiring_principal: Some(other.to_owned()),
        constraints: Some(GrantConstraints {
            encryption_context_equals: Some(pairs(&[("a", "1")])),
            ..GrantConstraints::default()
        }),
        ..to_grant(&key, USER, &[RetireGrant, Encrypt, Encrypt])
    };
    let made = world.call::<ops::CreateGrant>(&world.root(), input).unwrap();
    for _ in 0..4 {
        grant(&world, &key, other, &[Decrypt]);
    }
    assert_eq!(list(&world, &key, None, None).len(), 5);
    assert_eq!(list(&world, &key, Some(other), None).len(), 4);
    assert!(list(&world, &key, Some(other), made.grant_id.as_deref()).is_empty());
    let [entry] = list(&world, &key, Some(USER), None).try_into().unwrap();
    assert_eq!(entry.key_id.as_ref(), Some(&key));
    assert_eq!(entry.grant_id, made.grant_id);
    assert_eq!(entry.name.as_deref(), Some("n"));
    assert_eq!(entry.creation_date, Some(Timestamp(START)));
    assert_eq!(entry.grantee_principal.as_deref(), Some(USER));
    assert_eq!(entry.retiring_principal.as_deref(), Some(other));
    assert_eq!(entry.issuing_account.as_deref(), Some("arn:aws:iam::111111111111:root"));
    assert_eq!(entry.operations, Some(vec![Encrypt, RetireGrant]));
    assert_eq!(entry.constraints.unwrap().encryption_context_equals, Some(pairs(&[("a", "1")])));

    let input = ListRetirableGrantsRequest {
        retiring_principal: Some(other.to_owned()),
        ..ListRetirableGrantsRequest::default()
    };
    let retirable = world.call::<ops::ListRetirableGrants>(&world.root(), input.clone()).unwrap();
    assert_eq!(retirable.grants.unwrap().len(), 1);
    let nobody = world.user(ACCOUNT, "nobody", &allow("kms:ListGrants"));
    denied(world.call::<ops::ListRetirableGrants>(&nobody, input), "kms:ListRetirableGrants");
    let elsewhere = ListRetirableGrantsRequest {
        retiring_principal: Some(OTHER.to_owned()),
        ..ListRetirableGrantsRequest::default()
    };
    refused(
        world.call::<ops::ListRetirableGrants>(&world.root(), elsewhere),
        "InvalidArnException",
        "222222222222 is not a principal of account 111111111111.",
    );
}

#[test]
fn who_may_retire_a_grant() {
    let world = World::new();
    let grantee = world.user(ACCOUNT, "grantee", "");
    let retiring = world.user(OTHER, "retiring", "");
    let stranger = world.user(ACCOUNT, "stranger", "");
    let admin = world.user(ACCOUNT, "admin", &allow("kms:RetireGrant"));
    let retiring_arn = "arn:aws:iam::222222222222:user/retiring";
    let cases = [
        (&grantee, &[Encrypt][..], false),
        (&grantee, &[Encrypt, RetireGrant], true),
        (&retiring, &[Encrypt], true),
        (&stranger, &[Encrypt, RetireGrant], false),
        (&admin, &[Encrypt], true),
        (&world.root(), &[Encrypt], true),
    ];
    for (caller, operations, may) in cases {
        for by_token in [true, false] {
            let key = world.key();
            let input = CreateGrantRequest {
                retiring_principal: Some(retiring_arn.to_owned()),
                ..to_grant(&key, USER, operations)
            };
            let made = world.call::<ops::CreateGrant>(&world.root(), input).unwrap();
            let input = if by_token {
                RetireGrantRequest { grant_token: made.grant_token, ..RetireGrantRequest::default() }
            } else {
                RetireGrantRequest {
                    key_id: Some(key.clone()),
                    grant_id: made.grant_id,
                    ..RetireGrantRequest::default()
                }
            };
            let dry = RetireGrantRequest { dry_run: Some(true), ..input.clone() };
            let tried = world.call::<ops::RetireGrant>(caller, dry);
            if may {
                refused(
                    tried,
                    "DryRunOperationException",
                    "The request would have succeeded, but the DryRun option is set.",
                );
                assert_eq!(list(&world, &key, None, None).len(), 1);
                world.call::<ops::RetireGrant>(caller, input).unwrap();
                assert!(list(&world, &key, None, None).is_empty());
                denied(encrypt(&world, &grantee, &key, &[]), "kms:Encrypt");
            } else {
                denied(tried, "kms:RetireGrant");
                denied(world.call::<ops::RetireGrant>(caller, input), "kms:RetireGrant");
                encrypt(&world, &grantee, &key, &[]).unwrap();
            }
        }
    }
}

#[test]
fn those_in_charge_of_the_key_revoke() {
    let world = World::new();
    let grantee = world.user(ACCOUNT, "grantee", "");
    let key = world.key();
    let id = grant(&world, &key, USER, &[Encrypt, RetireGrant]).grant_id.unwrap();
    let input =
        RevokeGrantRequest { key_id: key.clone(), grant_id: id.clone(), ..RevokeGrantRequest::default() };
    denied(world.call::<ops::RevokeGrant>(&grantee, input.clone()), "kms:RevokeGrant");
    world.call::<ops::RevokeGrant>(&world.root(), input.clone()).unwrap();
    denied(encrypt(&world, &grantee, &key, &[]), "kms:Encrypt");
    let gone = format!("Grant ID {id} not found");
    refused(world.call::<ops::RevokeGrant>(&world.root(), input.clone()), "NotFoundException", &gone);
    let input = RevokeGrantRequest { grant_id: "x".to_owned(), ..input };
    refused(
        world.call::<ops::RevokeGrant>(&world.root(), input),
        "InvalidGrantIdException",
        "Invalid grant ID x",
    );
    assert!(world.rows().iter().all(|row| !row.contains("grant")), "{:?}", world.rows());
}

#[test]
fn input_that_makes_no_grant() {
    let world = World::new();
    let root = world.root();
    let key = world.key();
    world.user(ACCOUNT, "grantee", "");
    for (input, code, message) in [
        (to_grant(&key, USER, &[]), "ValidationException", "A grant must permit at least one operation."),
        (
            to_grant(&key, USER, &[Encrypt, Sign]),
            "ValidationException",
            "Grant operation Sign is not supported on a KMS key with key spec SYMMETRIC_DEFAULT and key usage ENCRYPT_DECRYPT.",
        ),
        (
            CreateGrantRequest { grantee_principal: None, ..to_grant(&key, USER, &[Encrypt]) },
            "ValidationException",
            "You must specify either GranteePrincipal or GranteeServicePrincipal, but not both.",
        ),
        (
            CreateGrantRequest {
                grant_tokens: Some(vec!["forged".to_owned()]),
                ..to_grant(&key, USER, &[Encrypt])
            },
            "InvalidGrantTokenException",
            "Invalid grant token.",
        ),
        (
            CreateGrantRequest { dry_run: Some(true), ..to_grant(&key, USER, &[Encrypt]) },
            "DryRunOperationException",
            "The request would have succeeded, but the DryRun option is set.",
        ),
    ] {
        refused(world.call::<ops::CreateGrant>(&root, input), code, message);
    }
    let input = RetireGrantRequest::default();
    let message =
        "You must specify either a grant token, or both a key ID and a grant ID, but not all of them.";
    refused(world.call::<ops::RetireGrant>(&root, input), "ValidationException", message);
    assert!(list(&world, &key, None, None).is_empty());
}

#[test]
fn tokens_are_taken_and_give_nothing() {
    let world = World::new();
    let key = world.key();
    let grantee = world.user(ACCOUNT, "grantee", "");
    let other = world.user(ACCOUNT, "other", "");
    let token = grant(&world, &key, USER, &[Encrypt]).grant_token.unwrap();
    let input = EncryptRequest {
        key_id: key,
        plaintext: b"x"[..].into(),
        grant_tokens: Some(vec![token]),
        ..EncryptRequest::default()
    };
    world.call::<ops::Encrypt>(&grantee, input.clone()).unwrap();
    denied(world.call::<ops::Encrypt>(&other, input), "kms:Encrypt");
}

#[test]
fn condition_keys() {
    let world = World::new();
    world.user(ACCOUNT, "grantee", "");
    let key = world.key();
    let input = CreateGrantRequest {
        retiring_principal: Some(OTHER.to_owned()),
        constraints: Some(GrantConstraints {
            encryption_context_subset: Some(pairs(&[("app", "1")])),
            ..GrantConstraints::default()
        }),
        ..to_grant(&key, USER, &[Encrypt, Decrypt])
    };
    for (number, (condition, allowed)) in [
        (r#""StringEquals":{"kms:GranteePrincipal":"arn:aws:iam::111111111111:user/grantee"}"#, true),
        (r#""StringEquals":{"kms:RetiringPrincipal":"222222222222"}"#, true),
        (r#""ForAllValues:StringEquals":{"kms:GrantOperations":["Encrypt","Decrypt"]}"#, true),
        (r#""ForAllValues:StringEquals":{"kms:GrantOperations":"Encrypt"}"#, false),
        (r#""StringEquals":{"kms:GrantConstraintType":"EncryptionContextSubset"}"#, true),
        (r#""StringEquals":{"kms:GrantConstraintType":"EncryptionContextEquals"}"#, false),
        (r#""StringEquals":{"kms:EncryptionContext:app":"1"}"#, true),
        (r#""Bool":{"kms:GrantIsForAWSResource":"true"}"#, false),
    ]
    .into_iter()
    .enumerate()
    {
        let statement = format!(
            r#"{{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*","Condition":{{{condition}}}}}"#
        );
        let user = world.user(ACCOUNT, &format!("u{number}"), &statement);
        assert_eq!(world.call::<ops::CreateGrant>(&user, input.clone()).is_ok(), allowed, "{condition}");
    }
}

/// More grants than go in one transaction.
#[test]
fn all_grants_of_a_deleted_key_go() {
    let world = World::new();
    let key = world.key();
    for number in 0..HOLDINGS_DELETED * 2 + 1 {
        world.user(ACCOUNT, &format!("u{number}"), "");
        let input = CreateGrantRequest {
            retiring_principal: Some(ACCOUNT.to_owned()),
            ..to_grant(&key, &format!("arn:aws:iam::111111111111:user/u{number}"), &[Encrypt])
        };
        world.call::<ops::CreateGrant>(&world.root(), input).unwrap();
    }
    let input = ScheduleKeyDeletionRequest { key_id: key, ..ScheduleKeyDeletionRequest::default() };
    world.call::<ops::ScheduleKeyDeletion>(&world.root(), input).unwrap();
    world.wait(30 * DAY);
    assert_eq!(world.run_timers(), 3);
    assert_eq!(world.rows(), [""; 0]);
    assert_eq!(world.events().len(), 1);
}

/// More grants than one row holds, made and ended in different orders.
#[test]
fn very_many_grants_of_one_grantee() {
    let world = World::new();
    let key = world.key();
    let grantee = world.user(ACCOUNT, "grantee", "");
    let made: Vec<_> = (0..GRANTS_PER_ROW * 2 + 2)
        .map(|number| {
            let input = CreateGrantRequest {
                constraints: Some(GrantConstraints {
                    encryption_context_equals: Some(pairs(&[("number", &number.to_string())])),
                    ..GrantConstraints::default()
                }),
                ..to_grant(&key, USER, &[Encrypt])
            };
            world.call::<ops::CreateGrant>(&world.root(), input).unwrap().grant_id.unwrap()
        })
        .collect();
    let works = |number: usize| encrypt(&world, &grantee, &key, &[("number", &number.to_string())]).is_ok();
    assert!((0..made.len()).all(works));
    // The first row becomes empty: the last takes its place.
    for id in &made[..GRANTS_PER_ROW] {
        let input =
            RevokeGrantRequest { key_id: key.clone(), grant_id: id.clone(), ..RevokeGrantRequest::default() };
        world.call::<ops::RevokeGrant>(&world.root(), input).unwrap();
    }
    assert!((0..GRANTS_PER_ROW).all(|number| !works(number)));
    assert!((GRANTS_PER_ROW..made.len()).all(works));
    let rows = world.rows();
    assert_eq!(rows.iter().filter(|row| row.starts_with("kms/held-grants")).count(), 2);
}

const SERVICE: &str = "secretsmanager.amazonaws.com";
const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:111111111111:secret:one-aaaaaa";

fn for_service(key: &str, retiring: &str) -> CreateGrantRequest {
    CreateGrantRequest {
        key_id: key.to_owned(),
        grantee_service_principal: Some(SERVICE.to_owned()),
        retiring_service_principal: Some(retiring.to_owned()),
        operations: vec![Encrypt, DescribeKey],
        constraints: Some(GrantConstraints { source_arn: Some(SECRET.to_owned()), ..Default::default() }),
        ..CreateGrantRequest::default()
    }
}

/// A service uses its grant on behalf of the named resource alone.
#[test]
fn a_service_is_granted_what_it_does_for_a_resource() {
    let world = World::new();
    let key = world.key();
    let service = Caller::service(SERVICE);
    let made = world.call::<ops::CreateGrant>(&world.root(), for_service(&key, SERVICE)).unwrap();
    let describe = || {
        let input = DescribeKeyRequest { key_id: key.clone(), ..DescribeKeyRequest::default() };
        world.call::<ops::DescribeKey>(&service, input)
    };
    for (source, allowed) in [(None, false), (Some("arn:aws:s3:::b"), false), (Some(SECRET), true)] {
        world.for_source(source);
        assert_eq!(encrypt(&world, &service, &key, &[]).is_ok(), allowed, "{source:?}");
        assert_eq!(describe().is_ok(), allowed, "{source:?}");
        denied(encrypt(&world, &Caller::service("s3.amazonaws.com"), &key, &[]), "kms:Encrypt");
    }
    world.for_source(None);
    let (entry,) = match list(&world, &key, None, None).as_slice() {
        [entry] => (entry.clone(),),
        other => panic!("{other:?}"),
    };
    assert_eq!(entry.grantee_principal, None);
    assert_eq!(entry.grantee_service_principal.as_deref(), Some(SERVICE));
    assert_eq!(entry.retiring_service_principal.as_deref(), Some(SERVICE));
    assert_eq!(entry.constraints.unwrap().source_arn.as_deref(), Some(SECRET));

    let input = ListRetirableGrantsRequest {
        retiring_service_principal: Some(SERVICE.to_owned()),
        ..ListRetirableGrantsRequest::default()
    };
    let listed = world.call::<ops::ListRetirableGrants>(&service, input.clone()).unwrap().grants.unwrap();
    assert_eq!(listed.len(), 1);
    refused(
        world.call::<ops::ListRetirableGrants>(&world.root(), input),
        "ValidationException",
        "RetiringServicePrincipal can be used by AWS service principals only.",
    );
    let retire = RetireGrantRequest {
        key_id: Some(key.clone()),
        grant_id: made.grant_id,
        ..RetireGrantRequest::default()
    };
    denied(
        world.call::<ops::RetireGrant>(&Caller::service("s3.amazonaws.com"), retire.clone()),
        "kms:RetireGrant",
    );
    world.call::<ops::RetireGrant>(&service, retire).unwrap();
    assert!(list(&world, &key, None, None).is_empty());
}

#[test]
fn what_a_grant_to_a_service_needs() {
    let world = World::new();
    let key = world.key();
    let whole = for_service(&key, SERVICE);
    let cases = [
        (
            CreateGrantRequest { grantee_principal: Some(USER.to_owned()), ..whole.clone() },
            "You must specify either GranteePrincipal or GranteeServicePrincipal, but not both.",
        ),
        (
            CreateGrantRequest { retiring_principal: Some(USER.to_owned()), ..whole.clone() },
            "You can specify either RetiringPrincipal or RetiringServicePrincipal, but not both.",
        ),
        (
            CreateGrantRequest { constraints: None, ..whole.clone() },
            "You must specify a SourceArn grant constraint when you specify GranteeServicePrincipal.",
        ),
        (
            CreateGrantRequest { retiring_service_principal: None, ..whole.clone() },
            "You must specify either RetiringPrincipal or RetiringServicePrincipal when you specify GranteeServicePrincipal.",
        ),
    ];
    for (input, message) in cases {
        refused(world.call::<ops::CreateGrant>(&world.root(), input), "ValidationException", message);
    }
}

/// Policies can tell which service may be granted something, and for which resource.
#[test]
fn condition_keys_of_grants_to_services() {
    let world = World::new();
    for (condition, value) in [
        ("kms:GranteeServicePrincipal", SERVICE),
        ("kms:RetiringServicePrincipal", SERVICE),
        ("kms:GrantConstraintType", "SourceArn"),
        ("kms:GrantConstraintSourceArn", SECRET),
        ("kms:GrantIsForAWSResource", "false"),
    ] {
        for (wanted, allowed) in [(value, true), ("other", false)] {
            let statement = format!(
                r#"{{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*","Condition":{{"StringEquals":{{"{condition}":"{wanted}"}}}}}}"#
            );
            let name = format!("{}-{allowed}", condition.rsplit(':').next().unwrap());
            let user = world.user(ACCOUNT, &name, &statement);
            let result = world.call::<ops::CreateGrant>(&user, for_service(&world.key(), SERVICE));
            assert_eq!(result.is_ok(), allowed, "{condition} {wanted}");
        }
    }
    let user = world.user(
        ACCOUNT,
        "absent",
        r#"{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*","Condition":{"Null":{"kms:GranteePrincipal":"true","kms:ViaService":"true"}}}"#,
    );
    world.call::<ops::CreateGrant>(&user, for_service(&world.key(), SERVICE)).unwrap();
}

/// The most grants that a key can have, and no more: all but one are counted without being made.
#[test]
fn no_more_grants_than_a_key_can_have() {
    let world = World::new();
    let key = world.key();
    crate::grants::pretend(&world, &key, crate::limits::GRANTS_PER_KEY - 1);
    grant(&world, &key, ACCOUNT, &[Encrypt]);
    refused(
        world.call::<ops::CreateGrant>(&world.root(), to_grant(&key, ACCOUNT, &[Encrypt])),
        "LimitExceededException",
        &format!("{key} already has 50000 grants, which is the most."),
    );
}
