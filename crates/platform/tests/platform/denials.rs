//! What is kept of denied calls.

use crate::tests::World;
use platform::denial::{DENIAL_BYTES_MAX, DENIALS_MAX};
use platform::{Access, Denial, Denials, Turns, Tx};
use policy::explain::Outcome;
use policy::{Mode, Policy, PolicyKind};
use std::cell::Cell;
use std::sync::Arc;

fn denied(world: &World, access: &Access<'_>) -> Denial {
    world.cx().authorize(access).unwrap_err().denial().unwrap().clone()
}

fn keep(world: &World, denials: &Denials, denial: &Denial) -> String {
    let begin = || Tx::begin(&world.store, &world.env.keyring);
    let mut tx = begin();
    let slot = denials.keep(&mut tx, &mut begin(), denial).unwrap();
    world.store.commit_blocking(tx.into_txn()).unwrap();
    denial.encoded(&world.env.keyring, slot).unwrap()
}

const GUARD: &str = r#"{"Sid":"Guard","Effect":"Deny","Action":"kms:*","Resource":"*"}"#;

#[test]
fn a_denial_keeps_the_facts_and_what_decided() {
    let world = World::new(GUARD);
    let access = Access::to("kms:Encrypt", "arn:aws:kms:r:111122223333:key/k")
        .key("kms:EncryptionContext:App", "x".repeat(10_000))
        .keys("kms:EncryptionContextKeys", (0..100).map(|number| number.to_string()))
        .requesting_tags([("Cost", "7")]);
    let denial = denied(&world, &access);
    assert_eq!(denial.principal, "arn:aws:iam::111122223333:user/team/alice");
    assert_eq!(denial.explanation.decision, Outcome::ExplicitDeny);
    assert_eq!(denial.explanation.statement.as_ref().unwrap().sid.as_deref(), Some("Guard"));
    let values = |key: &str| denial.conditions.get(key).unwrap();
    assert_eq!(values("aws:SourceIp"), &["192.0.2.7"]);
    assert_eq!(values("aws:PrincipalTag/Team"), &["red"]);
    assert_eq!(values("aws:RequestTag/Cost"), &["7"]);
    assert!(values("kms:EncryptionContext:App").iter().all(|value| value.len() < 600));
    assert_eq!(values("kms:EncryptionContextKeys").len(), 20);
    // What another thing decided has none.
    let allowed = World::new(r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#);
    allowed.cx().authorize(&access).unwrap();
}

/// The threads that serve calls explain nothing; and where too many wait to be told why, a denial is a denial all the same.
#[test]
fn denials_are_explained_aside_and_not_beyond_a_number() {
    thread_local! {
        static ASIDE: Cell<u32> = const { Cell::new(0) };
    }
    let mut world = World::new(GUARD);
    world.env.turns = Arc::new(Turns::new(1));
    world.env.aside = |work| {
        ASIDE.set(ASIDE.get() + 1);
        work();
    };
    let access = Access::to("kms:Encrypt", "arn:aws:kms:r:111122223333:key/k");
    denied(&world, &access);
    assert_eq!(ASIDE.get(), 1);

    let turns = Arc::clone(&world.env.turns);
    std::thread::scope(|scope| {
        let held = turns.take().unwrap();
        let waiting: Vec<_> = (0..64).map(|_| scope.spawn(|| turns.take().is_some())).collect();
        while turns.waiting() < waiting.len() {
            std::thread::yield_now();
        }
        let fault = world.cx().authorize(&access).unwrap_err();
        assert_eq!(fault.code(), "AccessDenied");
        assert!(fault.denial().is_none());
        drop(held);
        assert!(waiting.into_iter().all(|waiting| waiting.join().unwrap()));
    });
    denied(&world, &access);
}

#[test]
fn a_denial_is_small_however_much_there_is_to_tell() {
    let statements: Vec<String> = (0..40)
        .map(|number| {
            let values: Vec<String> = (0..50).map(|value| format!("\"{}{value}\"", "v".repeat(250))).collect();
            format!(
                r#"{{"Sid":"S{number}","Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{{"StringEquals":{{"kms:A":[{}]}}}}}}"#,
                values.join(",")
            )
        })
        .collect();
    let world = World::new(&statements[..9].join(","));
    let mut access = Access::to("kms:Encrypt", "arn:aws:kms:r:111122223333:key/k");
    for number in 0..200 {
        access = access.key(format!("kms:EncryptionContext:{number}"), "y".repeat(500));
    }
    let denial = denied(&world, &access);
    assert!(serde_json::to_vec(&denial).unwrap().len() <= DENIAL_BYTES_MAX);
    assert_eq!(denial.explanation.decision, Outcome::ImplicitDeny);
}

#[test]
fn denials_are_found_by_id_and_by_message_until_they_make_room() {
    let world = World::new(GUARD);
    let mut denial = denied(&world, &Access::to("kms:Encrypt", "*"));
    let denials = Denials::default();
    let mut messages = Vec::new();
    for number in 0..300 {
        denial.request_id = format!("request-{number}");
        messages.push(keep(&world, &denials, &denial));
    }
    let mut cx = world.cx();
    let keyring = &world.env.keyring;
    for number in [0, 255, 256, 299] {
        let id = format!("request-{number}");
        let (slot, found) = Denial::find(&mut cx.tx, &id).unwrap().unwrap();
        assert_eq!(found.request_id, id);
        let decoded = Denial::decode(&mut cx.tx, keyring, &messages[number]).unwrap().unwrap();
        assert_eq!(decoded, found);
        let again = found.encoded(keyring, slot).unwrap();
        assert_eq!(Denial::decode(&mut cx.tx, keyring, &again).unwrap().unwrap(), found);
    }
    assert!(Denial::find(&mut cx.tx, "request-300").unwrap().is_none());
    assert!(messages.iter().all(|message| message.len() < 200));
    for wrong in ["", "x", messages[0].get(1..).unwrap(), &"A".repeat(100_000)] {
        assert!(Denial::decode(&mut cx.tx, keyring, wrong).unwrap().is_none());
    }
    assert!(Denial::decode(&mut cx.tx, &World::new("").env.keyring, &messages[0]).unwrap().is_none());
    drop(cx);

    // After a start the count goes on behind what is kept.
    let restarted = Denials::default();
    for number in 0..300 {
        denial.request_id = format!("later-{number}");
        keep(&world, &restarted, &denial);
    }
    assert!(Denial::find(&mut world.cx().tx, "request-299").unwrap().is_some());

    // In the end the oldest makes room: its message leads to another denial, which is not told.
    for number in 0..DENIALS_MAX {
        denial.request_id = format!("last-{number}");
        let begin = || Tx::begin(&world.store, &world.env.keyring);
        let mut tx = begin();
        restarted.keep(&mut tx, &mut begin(), &denial).unwrap();
        if number % 100 == 0 || number < 2 {
            world.store.commit_blocking(tx.into_txn()).unwrap();
        }
    }
    let mut cx = world.cx();
    let (slot, _) = Denial::find(&mut cx.tx, "last-0").unwrap().unwrap();
    let stale = Denial { request_id: "before".to_owned(), ..denial };
    let message = stale.encoded(keyring, slot).unwrap();
    assert!(Denial::decode(&mut cx.tx, keyring, &message).unwrap().is_none());
}

#[test]
fn another_accounts_policy_is_not_told_to_the_callers_account() {
    let world = World::new(r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#);
    let text = r#"{"Version":"2012-10-17","Statement":[
        {"Sid":"Secret","Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*"},
        {"Sid":"Other","Effect":"Allow","Principal":"*","Action":"kms:Encrypt","Resource":"*","Condition":{"StringEquals":{"kms:A":"b"}}}]}"#;
    let policy = Policy::parse(text, PolicyKind::Key).unwrap();
    for action in ["kms:Encrypt", "kms:Decrypt"] {
        for (owner, told) in [("444455556666", false), ("111122223333", true)] {
            let access = Access::to(action, "arn:aws:kms:r:0:key/k")
                .owned_by(owner)
                .with_policy(&policy, Mode::KmsKey);
            let whole = denied(&world, &access);
            assert!(whole.explanation.change.is_some());
            let shown = whole.clone().for_account();
            let json = serde_json::to_string(&shown).unwrap();
            assert_eq!(
                json.contains("Secret") || json.contains("Other") || json.contains("the key policy"),
                told,
                "{json}"
            );
            assert_eq!(shown.explanation.change.is_some(), told);
        }
    }
    // Nor what its policy asks of a call.
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole",
        "Condition":{"StringEquals":{"sts:ExternalId":"agreed"}}}}"#;
    let policy = Policy::parse(text, PolicyKind::Trust).unwrap();
    for (owner, told) in [("444455556666", false), ("111122223333", true)] {
        let role = format!("arn:aws:iam::{owner}:role/r");
        let access = Access::to("sts:AssumeRole", role.as_str())
            .owned_by(owner)
            .with_policy(&policy, Mode::AssumeRole);
        let whole = denied(&world, &access);
        let agreed = |denial: &Denial| serde_json::to_string(denial).unwrap().contains("agreed");
        assert!(agreed(&whole));
        assert_eq!(agreed(&whole.for_account()), told);
    }
}
