use crate::api::{
    CancelKeyDeletionRequest, DecryptRequest, EnableKeyRequest, EncryptRequest, RotateKeyOnDemandRequest,
    ScheduleKeyDeletionRequest, ops,
};
use crate::key::{KEYS, Key};
use crate::testing::{ACCOUNT, DAY, REGION, World};
use platform::Tx;
use wire::Blob;

fn id_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap()
}

fn row(world: &World, arn: &str) -> Key {
    let mut tx = Tx::begin(&world.store, &world.env.keyring);
    (*KEYS.get(&mut tx, &[ACCOUNT, REGION, id_of(arn)]).unwrap().unwrap()).clone()
}

/// Puts a row back as a restored backup does.
fn put_back(world: &World, key: &Key) {
    let mut tx = Tx::begin(&world.store, &world.env.keyring);
    KEYS.put(&mut tx, &key.path(), key).unwrap();
    world.store.commit_blocking(tx.into_txn()).unwrap();
}

fn encrypt(world: &World, key: &str) -> Blob {
    let input =
        EncryptRequest { key_id: key.to_owned(), plaintext: b"x"[..].into(), ..EncryptRequest::default() };
    world.call::<ops::Encrypt>(&world.root(), input).unwrap().ciphertext_blob.unwrap()
}

fn decrypts(world: &World, blob: &Blob) -> bool {
    let input = DecryptRequest { ciphertext_blob: Some(blob.clone()), ..DecryptRequest::default() };
    world.call::<ops::Decrypt>(&world.root(), input).is_ok()
}

fn schedule(world: &World, key: &str) {
    let input = ScheduleKeyDeletionRequest { key_id: key.to_owned(), pending_window_in_days: Some(7) };
    world.call::<ops::ScheduleKeyDeletion>(&world.root(), input).unwrap();
}

/// So many keys that some share the group of those that are deleted.
#[test]
fn the_row_of_a_deleted_key_is_of_no_use_and_other_keys_are() {
    let world = World::new();
    let keys: Vec<_> = (0..600).map(|_| world.key()).collect();
    let (gone, kept) = keys.split_at(5);
    let input = RotateKeyOnDemandRequest { key_id: gone[0].clone() };
    world.call::<ops::RotateKeyOnDemand>(&world.root(), input).unwrap();
    let backup: Vec<_> = keys.iter().map(|key| (row(&world, key), encrypt(&world, key))).collect();
    gone.iter().for_each(|key| schedule(&world, key));
    world.wait(8 * DAY);
    world.run_timers();
    backup[..5].iter().for_each(|(key, _)| put_back(&world, key));
    for ((_, blob), key) in backup.iter().zip(&keys) {
        assert_eq!(decrypts(&world, blob), kept.contains(key), "{key}");
    }
    let input =
        EncryptRequest { key_id: gone[0].clone(), plaintext: b"x"[..].into(), ..EncryptRequest::default() };
    super::refused(
        world.call::<ops::Encrypt>(&world.root(), input),
        "NotFoundException",
        &format!("Key '{}' does not exist", gone[0]),
    );
    // Keys that stay can be rotated and used as before, and new ones made.
    let input = RotateKeyOnDemandRequest { key_id: kept[0].clone() };
    world.call::<ops::RotateKeyOnDemand>(&world.root(), input).unwrap();
    for key in kept.iter().chain([&world.key()]) {
        assert!(decrypts(&world, &encrypt(&world, key)));
    }
    // And be deleted in their turn, whichever shreds they have.
    let last = row(&world, &kept[0]);
    let blobs = [backup[5].1.clone(), encrypt(&world, &kept[0])];
    schedule(&world, &kept[0]);
    world.wait(8 * DAY);
    world.run_timers();
    put_back(&world, &last);
    blobs.iter().for_each(|blob| assert!(!decrypts(&world, blob)));
}

#[test]
fn a_deletion_that_is_cancelled_loses_nothing() {
    let world = World::new();
    let key = world.key();
    let blob = encrypt(&world, &key);
    schedule(&world, &key);
    world.wait(6 * DAY);
    world.run_timers();
    let input = CancelKeyDeletionRequest { key_id: key.clone() };
    world.call::<ops::CancelKeyDeletion>(&world.root(), input).unwrap();
    world.wait(8 * DAY);
    world.run_timers();
    world.call::<ops::EnableKey>(&world.root(), EnableKeyRequest { key_id: key }).unwrap();
    assert!(decrypts(&world, &blob));
}

/// A transaction that sealed under a shred which was closed before it committed is run again, and seals under the next.
#[test]
fn material_made_while_a_shred_is_replaced_is_not_lost() {
    use crate::Kms;
    use crate::api::CreateKeyRequest;
    use platform::{Call, Cx};

    let world = World::new();
    let gone = world.key();
    let (root, call) = (world.root(), world.call_facts());
    schedule(&world, &gone);
    world.wait(8 * DAY);
    // Keys whose transactions begin before any timer runs, and end after each.
    let mut begun = Vec::new();
    for _ in 0..600 {
        let tx = Tx::begin(&world.store, &world.env.keyring);
        let mut cx = Cx::new(tx, &world.env, &call, &root);
        let made = platform::Handle::<ops::CreateKey>::handle(
            &Kms::default(),
            &mut cx,
            &CreateKeyRequest::default(),
        )
        .unwrap();
        begun.push((made.key_metadata.unwrap().arn.unwrap(), cx.finish().3.into_txn()));
    }
    let mut steps = 0;
    while let Some(timer) = {
        let mut tx = Tx::begin(&world.store, &world.env.keyring);
        platform::Task::due_inside(&mut tx, wire::Timestamp(world.now()), 1, |_| true).unwrap().tasks.pop()
    } {
        let service = platform::Caller::service("kms.amazonaws.com");
        let mut tx = Tx::begin(&world.store, &world.env.keyring);
        timer.clear(&mut tx).unwrap();
        let call = Call { now: wire::Timestamp(world.now()), ..world.call_facts() };
        let mut cx = Cx::new(tx, &world.env, &call, &service);
        platform::Service::due(&Kms::default(), &mut cx, &timer).unwrap();
        world.store.commit_blocking(cx.finish().3.into_txn()).unwrap();
        steps += 1;
        let part = begun.len() / 2;
        for (key, txn) in begun.drain(part..) {
            if world.store.commit_blocking(txn).is_ok() {
                assert!(decrypts(&world, &encrypt(&world, &key)), "{key} after step {steps}");
            }
        }
    }
    assert!(steps >= 4, "{steps}");
    for key in world.key_arns() {
        assert!(decrypts(&world, &encrypt(&world, &key)), "{key}");
    }
}
