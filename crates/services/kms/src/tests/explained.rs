//! What is told of a denial besides policies: the grants that were looked at, and what the call asks for after it.

use crate::api::{
    CreateGrantRequest, CreateKeyRequest, DecryptRequest, EncryptRequest, GenerateDataKeyRequest,
    GrantConstraints, GrantOperation, ReEncryptRequest, RetireGrantRequest, Tag, UpdateAliasRequest, ops,
};
use crate::context::Pairs;
use crate::limits::GRANTS_PER_ROW;
use crate::testing::{ACCOUNT, World, allow};
use GrantOperation::{CreateGrant, Decrypt, Encrypt, GenerateDataKey, RetireGrant};
use platform::denial::DENIAL_BYTES_MAX;
use platform::{Caller, Denial, Fault};
use policy::explain::{Change, GrantReport};

fn pairs(text: &str) -> Pairs {
    let split = |pair: &str| pair.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    text.split_whitespace().filter_map(split).collect()
}

fn grant(world: &World, key: &str, grantee: &str, operations: &[GrantOperation], equals: &str) -> String {
    let constraints =
        GrantConstraints { encryption_context_equals: Some(pairs(equals)), ..GrantConstraints::default() };
    let input = CreateGrantRequest {
        key_id: key.to_owned(),
        grantee_principal: Some(grantee.to_owned()),
        operations: operations.to_vec(),
        constraints: Some(constraints),
        ..CreateGrantRequest::default()
    };
    world.call::<ops::CreateGrant>(&world.root(), input).unwrap().grant_id.unwrap()
}

fn encrypt(world: &World, caller: &Caller, key: &str, context: &str) -> Result<Vec<u8>, Fault> {
    let input = EncryptRequest {
        key_id: key.to_owned(),
        plaintext: b"x"[..].into(),
        encryption_context: Some(pairs(context)),
        ..EncryptRequest::default()
    };
    world.call::<ops::Encrypt>(caller, input).map(|answer| answer.ciphertext_blob.unwrap().0.to_vec())
}

fn denial<T: std::fmt::Debug>(result: Result<T, Fault>) -> Denial {
    result.unwrap_err().denial().unwrap().clone()
}

/// What of a grant failed: element, what it says, what the request has.
fn failures(report: &GrantReport) -> Vec<(&str, Vec<&str>, Vec<&str>)> {
    report
        .failures
        .iter()
        .map(|failure| {
            let policy = failure.policy.iter().map(String::as_str).collect();
            let request = failure.request.iter().flatten().map(String::as_str).collect();
            (failure.element.as_str(), policy, request)
        })
        .collect()
}

fn calls(denial: &Denial) -> Vec<String> {
    let changes = denial.explanation.change.iter().flatten();
    changes.filter(|change| matches!(change, Change::Call(_))).map(ToString::to_string).collect()
}

#[test]
fn grants_that_were_looked_at_are_told_with_what_does_not_fit() {
    let world = World::new();
    let (key, user) = (world.key(), world.user(ACCOUNT, "grantee", ""));
    let arn = "arn:aws:iam::111111111111:user/grantee";
    let other = grant(&world, &key, arn, &[Decrypt], "");
    let near = grant(&world, &key, arn, &[Encrypt, Decrypt], "a=1");
    let found = denial(encrypt(&world, &user, &key, "a=2 b=3"));
    let told = &found.explanation.grants;
    assert_eq!(told.iter().map(|report| &report.id).collect::<Vec<_>>(), [&near, &other]);
    assert_eq!(failures(&told[0]), [("EncryptionContextEquals", vec!["a=1"], vec!["a=2", "b=3"])]);
    assert_eq!(failures(&told[1]), [("Operations", vec!["Decrypt"], vec!["Encrypt"])]);
    assert_eq!(
        calls(&found),
        ["make the call with kms:EncryptionContext:a = 1, and without kms:EncryptionContext:b"]
    );
    encrypt(&world, &user, &key, "a=1").unwrap();
    // Where a statement denies, grants were not asked.
    let barred = world.user(ACCOUNT, "barred", r#"{"Effect":"Deny","Action":"kms:*","Resource":"*"}"#);
    grant(&world, &key, "arn:aws:iam::111111111111:user/barred", &[Encrypt], "a=1");
    assert_eq!(denial(encrypt(&world, &barred, &key, "")).explanation.grants, []);
}

#[test]
fn the_context_of_a_ciphertext_is_not_the_callers_to_choose() {
    let world = World::new();
    let (key, user) = (world.key(), world.user(ACCOUNT, "grantee", ""));
    grant(&world, &key, "arn:aws:iam::111111111111:user/grantee", &[Decrypt], "a=1");
    let blob = encrypt(&world, &world.root(), &key, "a=2").unwrap();
    let decrypt = |context: &str| {
        let encryption_context = (!context.is_empty()).then(|| pairs(context));
        let ciphertext_blob = Some(blob.as_slice().into());
        let input = DecryptRequest { ciphertext_blob, encryption_context, ..DecryptRequest::default() };
        denial(world.call::<ops::Decrypt>(&user, input))
    };
    assert_eq!(calls(&decrypt("a=2")), [""; 0]);
    assert_eq!(
        calls(&decrypt("")),
        ["make the call with kms:EncryptionContext:a = 1, if the ciphertext was made with it"]
    );
}

#[test]
fn of_many_grants_a_handful_is_told_the_closest_first() {
    let world = World::new();
    let (key, user) = (world.key(), world.user(ACCOUNT, "grantee", ""));
    let arn = "arn:aws:iam::111111111111:user/grantee";
    let many = GRANTS_PER_ROW + 20;
    for number in 0..many {
        grant(&world, &key, arn, &[Decrypt], &format!("n={number}"));
    }
    let near = grant(&world, &key, arn, &[Encrypt], "a=1");
    let found = denial(encrypt(&world, &user, &key, "")).explanation;
    assert_eq!(found.grants.len(), 5);
    assert_eq!(found.grants[0].id, near);
    assert_eq!(found.other_grants, many + 1 - 5);
    assert!(found.to_string().contains(&format!("{} others do not cover it either", many - 4)));
}

#[test]
fn a_denial_is_small_however_long_grants_are() {
    let world = World::new();
    let (key, user) = (world.key(), world.user(ACCOUNT, "grantee", ""));
    let arn = "arn:aws:iam::111111111111:user/grantee";
    for number in 0..6 {
        let pair = |of| format!("{of}{number}{}={}", "\u{10348}".repeat(380), "\u{10348}".repeat(384));
        grant(&world, &key, arn, &[Encrypt], &(0..8).map(pair).collect::<Vec<_>>().join(" "));
    }
    let pair = |of| format!("{of}{}={}", "\u{10348}".repeat(100), "\u{10348}".repeat(200));
    let long = (0..8).map(pair).collect::<Vec<_>>().join(" ");
    for context in ["", "a=1", &long] {
        let found = denial(encrypt(&world, &user, &key, context));
        assert!(serde_json::to_vec(&found).unwrap().len() <= DENIAL_BYTES_MAX);
        assert_eq!(found.explanation.grants.len() + found.explanation.other_grants, 6);
        assert!(found.explanation.to_string().contains("do not cover it either"));
    }
}

#[test]
fn grants_that_others_hold_for_the_caller_are_told_with_what_limits_the_caller() {
    let world = World::new();
    let key = world.key();
    let user = world.user(ACCOUNT, "member", "");
    grant(&world, &key, ACCOUNT, &[Encrypt], "");
    let found = denial(encrypt(&world, &user, &key, "")).explanation;
    assert_eq!(found.grants[0].grantee, ACCOUNT);
    let limit = "the caller, whose own policies do not allow it";
    assert_eq!(failures(&found.grants[0]), [("Grantee", vec![ACCOUNT], vec![limit])]);
    // With the grant's context the caller's policies would still not allow it.
    grant(&world, &key, ACCOUNT, &[GenerateDataKey], "a=1");
    let input = GenerateDataKeyRequest {
        key_id: key.clone(),
        number_of_bytes: Some(32),
        ..GenerateDataKeyRequest::default()
    };
    assert_eq!(calls(&denial(world.call::<ops::GenerateDataKey>(&user, input))), [""; 0]);
}

#[test]
fn grants_to_pass_on_and_to_end_are_told() {
    let world = World::new();
    let (key, user) = (world.key(), world.user(ACCOUNT, "grantee", ""));
    let arn = "arn:aws:iam::111111111111:user/grantee";
    let id = grant(&world, &key, arn, &[CreateGrant, Encrypt, RetireGrant], "a=1");
    let pass_on = |operations: &[GrantOperation]| {
        let input = CreateGrantRequest {
            key_id: key.clone(),
            grantee_principal: Some(arn.to_owned()),
            operations: operations.to_vec(),
            ..CreateGrantRequest::default()
        };
        denial(world.call::<ops::CreateGrant>(&user, input)).explanation
    };
    let found = pass_on(&[Encrypt]);
    assert_eq!(failures(&found.grants[0]), [("EncryptionContextEquals", vec!["a=1"], vec![])]);
    let found = pass_on(&[Decrypt]);
    let has = ["Encrypt", "CreateGrant", "RetireGrant"];
    let (element, policy, request) = failures(&found.grants[0]).remove(0);
    assert_eq!((element, request), ("Operations", vec!["CreateGrant", "Decrypt"]));
    assert!(has.iter().all(|operation| policy.contains(operation)) && policy.len() == 3);
    let other = world.user(ACCOUNT, "other", "");
    let input =
        RetireGrantRequest { key_id: Some(key), grant_id: Some(id.clone()), ..RetireGrantRequest::default() };
    let found = denial(world.call::<ops::RetireGrant>(&other, input)).explanation;
    let told = failures(&found.grants[0]);
    assert_eq!((found.grants[0].id.as_str(), told[0].0), (id.as_str(), "Who may retire it"));
    assert_eq!(told[0].1, [user.principal.user_id().as_str(), ACCOUNT]);
}

#[test]
fn what_a_call_asks_for_afterwards_is_told_and_what_is_yet_to_be_made_has_a_pattern() {
    let world = World::new();
    let further = |denial: &Denial| -> Vec<String> {
        let after = denial.explanation.further.iter();
        after.map(|further| format!("{} on {}", further.action, further.resource)).collect()
    };
    let nobody = world.user(ACCOUNT, "nobody", "");
    let creator = world.user(ACCOUNT, "creator", &allow("kms:CreateKey"));
    let tags = Some(vec![Tag { tag_key: "a".to_owned(), tag_value: "b".to_owned() }]);
    let create = |caller: &Caller| {
        let input = CreateKeyRequest { tags: tags.clone(), ..CreateKeyRequest::default() };
        denial(world.call::<ops::CreateKey>(caller, input))
    };
    let any = "arn:aws:kms:eu-central-1:111111111111:key/*";
    assert_eq!(further(&create(&nobody)), [format!("kms:TagResource on {any}")]);
    let found = create(&creator);
    assert_eq!((found.action.as_str(), further(&found).len()), ("kms:TagResource", 0));
    let text = found.explanation.to_string();
    assert!(text.contains(&format!("\"Resource\":\"{any}\"")), "{text}");
    let input = CreateKeyRequest::default();
    assert_eq!(further(&denial(world.call::<ops::CreateKey>(&nobody, input))), [""; 0]);

    let (from, to) = (world.key(), world.key());
    let blob = encrypt(&world, &world.root(), &from, "").unwrap();
    let input = ReEncryptRequest {
        ciphertext_blob: Some(blob.as_slice().into()),
        destination_key_id: to.clone(),
        ..ReEncryptRequest::default()
    };
    let found = denial(world.call::<ops::ReEncrypt>(&nobody, input));
    assert_eq!(further(&found), [format!("kms:ReEncryptTo on {to}")]);
    let input = UpdateAliasRequest { alias_name: "alias/a".to_owned(), target_key_id: to.clone() };
    let found = denial(world.call::<ops::UpdateAlias>(&nobody, input));
    let asked = ["the key that the alias stands for", &to];
    assert_eq!(further(&found), asked.map(|key| format!("kms:UpdateAlias on {key}")));
}
