//! The keyring from outside: made, opened, changed, shared, attacked.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is tests")]

use keyring::{
    Access, BackingKey, KeyFile, Keyring, KeyringError, Kind, Material, MaterialSpec, Passphrase, Random,
    Seal, Secret, SlotPlace, SystemRandom, Trial, Work, Wrapping,
};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PHRASE: &str = "correct horse battery staple";
const CHILD: &str = "KEYRING_TEST_CHILD_OF";
const ROUNDS: usize = 20;

fn random() -> Arc<dyn Random> {
    Arc::new(SystemRandom)
}

fn phrase(text: &str) -> Passphrase {
    let work = Work { memory_kib: 8, passes: 1, lanes: 1 };
    Passphrase::with_work(text.as_bytes().to_vec().into(), work)
}

/// Another key management service, in name only: what it wraps is the key itself. It gives back another one when it is told to lie.
struct Elsewhere {
    lies: bool,
}

impl Seal for Elsewhere {
    fn kind(&self) -> Kind {
        Kind::Kms
    }

    fn location(&self) -> Option<&Path> {
        None
    }

    fn wrap(&self, _: &SlotPlace, root: &Secret, _: &dyn Random) -> Result<Wrapping, KeyringError> {
        Ok(Wrapping::Kms { key: "k".to_owned(), ciphertext: root.bytes().to_vec() })
    }

    fn unwrap(&self, _: &SlotPlace, wrapping: &Wrapping) -> Result<Secret, KeyringError> {
        let Wrapping::Kms { ciphertext, .. } = wrapping else { return Err(KeyringError::Refused) };
        let key = if self.lies { &[7; 32] } else { ciphertext.as_slice() };
        Ok(Secret::copy_of(key).unwrap())
    }
}

/// A directory with an empty data directory in it.
struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("data")).unwrap();
        Self(directory)
    }

    fn keyring_path(&self) -> PathBuf {
        keyring_path(self.0.path())
    }

    fn key_path(&self) -> PathBuf {
        self.0.path().join("root.key")
    }

    fn create(&self) -> (Keyring, KeyFile) {
        let key = KeyFile::create(&self.key_path(), &SystemRandom).unwrap();
        (Keyring::create(&self.keyring_path(), &key, random()).unwrap(), key)
    }

    fn open(&self, seals: &[&dyn Seal]) -> Result<Keyring, KeyringError> {
        Keyring::open(&self.keyring_path(), seals, random())
    }
}

fn keyring_path(directory: &Path) -> PathBuf {
    directory.join("data/keyring.json")
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Whether `open` refuses the sealed bytes when any bit is flipped, any bytes are missing or one is added.
fn refuses_every_change(sealed: &[u8], open: impl Fn(&[u8]) -> bool) {
    assert!(open(sealed));
    for at in 0..sealed.len() {
        for bit in 0..8 {
            let mut changed = sealed.to_vec();
            changed[at] ^= 1 << bit;
            assert!(!open(&changed), "byte {at} bit {bit}");
        }
        assert!(!open(&sealed[..at]), "first {at} bytes");
        assert!(!open(&sealed[at + 1..]), "without {} bytes", at + 1);
    }
    assert!(!open(&[sealed, &[0]].concat()));
}

#[test]
fn values_open_at_their_place_only_and_after_a_new_start() {
    let scene = Scene::new();
    let (keyring, key) = scene.create();
    for value in [&b""[..], b"value", &[7; 100_000]] {
        let sealed = keyring.seal(b"users\0alice", value).unwrap();
        assert_eq!(sealed.len(), value.len() + 49);
        let again = scene.open(&[&key]).unwrap();
        for keyring in [&keyring, &again] {
            assert_eq!(*keyring.open_sealed(b"users\0alice", &sealed).unwrap(), value);
            for place in [&b"users\0bob"[..], b"", b"users\0alice\0"] {
                assert!(matches!(keyring.open_sealed(place, &sealed), Err(KeyringError::Refused)));
            }
        }
    }
    let long = vec![0; keyring::PLAINTEXT_BYTES_MAX + 1];
    assert!(matches!(keyring.seal(b"place", &long), Err(KeyringError::TooLong)));
    assert!(matches!(keyring.token_seal("purpose", &long), Err(KeyringError::TooLong)));
}

#[test]
fn every_bit_of_what_is_sealed_counts() {
    let scene = Scene::new();
    let (keyring, _) = scene.create();
    let value = keyring.seal(b"place", b"value").unwrap();
    refuses_every_change(&value, |sealed| keyring.open_sealed(b"place", sealed).is_ok());
    let token = keyring.token_seal("session", b"value").unwrap();
    refuses_every_change(&token, |sealed| keyring.token_open("session", sealed).is_ok());
    let backing = keyring.generate_material(b"key/1", MaterialSpec::Symmetric, &SystemRandom).unwrap();
    refuses_every_change(&backing.0, |sealed| keyring.material(b"key/1", sealed).is_ok());
    let blob = keyring
        .material(b"key/1", &backing.0)
        .unwrap()
        .symmetric()
        .unwrap()
        .encrypt(&SystemRandom, b"aad", b"value")
        .unwrap();
    refuses_every_change(&blob, |blob| {
        keyring.material(b"key/1", &backing.0).unwrap().symmetric().unwrap().decrypt(b"aad", blob).is_ok()
    });
}

#[test]
fn kinds_of_sealed_values_are_apart() {
    let scene = Scene::new();
    let (keyring, _) = scene.create();
    let value = keyring.seal(b"place", &[7; 32]).unwrap();
    let token = keyring.token_seal("place", &[7; 32]).unwrap();
    let backing = keyring.generate_material(b"place", MaterialSpec::Symmetric, &SystemRandom).unwrap().0;
    for sealed in [&token, &backing] {
        assert!(keyring.open_sealed(b"place", sealed).is_err());
    }
    for sealed in [&value, &backing] {
        assert!(keyring.token_open("place", sealed).is_err());
    }
    for sealed in [&value, &token] {
        assert!(keyring.material(b"place", sealed).is_err());
    }
    let other = Scene::new();
    let (other, _) = other.create();
    assert!(other.open_sealed(b"place", &value).is_err());
    assert!(other.token_open("place", &token).is_err());
    assert!(other.material(b"place", &backing).is_err());
}

#[test]
fn tokens_serve_one_purpose_and_tell_nothing() {
    let scene = Scene::new();
    let (keyring, key) = scene.create();
    let token = keyring.token_seal("session", b"value").unwrap();
    let again = keyring.token_seal("session", b"value").unwrap();
    assert_eq!(*scene.open(&[&key]).unwrap().token_open("session", &token).unwrap(), *b"value");
    for purpose in ["page", "", "session "] {
        assert!(matches!(keyring.token_open(purpose, &token), Err(KeyringError::Refused)));
    }
    // Nothing after version and epoch comes back.
    assert!(token[5..].chunks_exact(8).zip(again[5..].chunks_exact(8)).all(|(a, b)| a != b));
}

#[test]
fn backing_keys_encrypt_for_their_context() {
    let scene = Scene::new();
    let (keyring, _) = scene.create();
    let sealed = keyring.generate_material(b"key/1", MaterialSpec::Symmetric, &SystemRandom).unwrap();
    let other = keyring.generate_material(b"key/1", MaterialSpec::Symmetric, &SystemRandom).unwrap();
    let key = keyring.material(b"key/1", &sealed.0).unwrap();
    // Open already, and yet of use at its place only.
    assert!(Arc::ptr_eq(&key, &keyring.material(b"key/1", &sealed.0).unwrap()));
    assert!(keyring.material(b"key/2", &sealed.0).is_err());
    let other = keyring.material(b"key/1", &other.0).unwrap();
    let (key, other) = (key.symmetric().unwrap(), other.symmetric().unwrap());
    for plaintext in [&b""[..], b"value", &[7; 4096]] {
        let blob = key.encrypt(&SystemRandom, b"context", plaintext).unwrap();
        assert_eq!(blob.len(), plaintext.len() + BackingKey::OVERHEAD_BYTES);
        assert_eq!(*key.decrypt(b"context", &blob).unwrap(), plaintext);
        assert!(key.decrypt(b"other", &blob).is_err());
        assert!(other.decrypt(b"context", &blob).is_err());
    }
    let blobs: BTreeSet<_> = (0..1000).map(|_| key.encrypt(&SystemRandom, b"", b"").unwrap()).collect();
    assert_eq!(blobs.iter().map(|blob| &blob[1..17]).collect::<BTreeSet<_>>().len(), 1000);
}

#[test]
fn messages_in_parts_are_bound_to_their_number_and_are_no_others() {
    let scene = Scene::new();
    let (keyring, _) = scene.create();
    let sealed = keyring.generate_material(b"key/1", MaterialSpec::Symmetric, &SystemRandom).unwrap();
    let open = keyring.material(b"key/1", &sealed.0).unwrap();
    let key = open.symmetric().unwrap();
    let bound = |number: &[u8; 16]| [b"context", number.as_slice()].concat();
    for plaintext in [&b""[..], b"value", &[7; 4096]] {
        let parts = key.encrypt_apart(&SystemRandom, bound, plaintext).unwrap();
        assert_eq!(parts.ciphertext.len(), plaintext.len());
        assert_eq!(*key.decrypt_apart(&bound(&parts.number), &parts).unwrap(), plaintext);
        assert!(key.decrypt_apart(b"context", &parts).is_err());
        let other = keyring::Apart { number: [0; 16], ..parts.clone() };
        assert!(key.decrypt_apart(&bound(&parts.number), &other).is_err());
        // Put together as the other form has it.
        let blob = [&[1], &parts.number[..], &parts.nonce, &parts.ciphertext, &parts.tag].concat();
        assert!(key.decrypt(&bound(&parts.number), &blob).is_err());
    }
}

/// The expected blob was made by another implementation: KBKDFHMAC and AESGCM of pyca/cryptography 48.
#[test]
fn a_backing_key_blob_is_made_as_documented() {
    /// Gives 0, 1, 2, … so that all that is drawn is known.
    struct Counting(std::sync::atomic::AtomicU8);
    impl Random for Counting {
        fn fill(&self, out: &mut [u8]) {
            out.fill_with(|| self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }
    let scene = Scene::new();
    let (keyring, _) = scene.create();
    let random = Counting(0.into());
    let sealed = keyring.generate_material(b"key/1", MaterialSpec::Symmetric, &random).unwrap();
    random.0.store(0x40, std::sync::atomic::Ordering::Relaxed);
    let blob = keyring
        .material(b"key/1", &sealed.0)
        .unwrap()
        .symmetric()
        .unwrap()
        .encrypt(&random, b"context", b"value")
        .unwrap();
    assert_eq!(
        hex::encode(blob),
        "01404142434445464748494a4b4c4d4e4f505152535455565758595a5b697f314b8861ffe469f52edcac249e212c0eea3a62"
    );
}

#[test]
fn any_slot_opens_and_no_other_key_does() {
    let scene = Scene::new();
    let (keyring, key) = scene.create();
    let number = keyring.add_slot(&phrase(PHRASE)).unwrap();
    assert_eq!(
        keyring.slots().iter().map(|s| (s.number, s.kind().name())).collect::<Vec<_>>(),
        [(0, "key-file"), (number, "passphrase")]
    );
    let sealed = keyring.seal(b"place", b"value").unwrap();
    let stranger = KeyFile::create(&scene.0.path().join("other.key"), &SystemRandom).unwrap();
    for seals in [
        &[&key as &dyn Seal][..],
        &[&phrase(PHRASE)],
        &[&stranger, &phrase("wrong horse battery staple"), &phrase(PHRASE)],
    ] {
        assert_eq!(*scene.open(seals).unwrap().open_sealed(b"place", &sealed).unwrap(), b"value");
    }
    let text = |seals: &[&dyn Seal]| {
        scene.open(seals).unwrap_err().to_string().split("opens: ").last().unwrap().to_owned()
    };
    assert_eq!(text(&[]), "no seal was given");
    assert_eq!(text(&[&stranger]), "the key-file does not fit slot 0");
    assert_eq!(
        text(&[&stranger, &phrase("wrong horse battery staple")]),
        "the key-file does not fit slot 0, the passphrase does not fit slot 1"
    );
    keyring.remove_slot(0).unwrap();
    assert_eq!(text(&[&key]), "there is no slot of kind key-file");
    assert!(matches!(keyring.remove_slot(0), Err(KeyringError::NoSuchSlot(0))));
    assert!(matches!(keyring.remove_slot(number), Err(KeyringError::LastSlot)));
    assert!(matches!(keyring.add_slot(&phrase("too short")), Err(KeyringError::PassphraseTooShort(15))));
    assert_eq!(*scene.open(&[&phrase(PHRASE)]).unwrap().open_sealed(b"place", &sealed).unwrap(), b"value");
}

#[test]
fn slots_and_epochs_are_bounded() {
    let scene = Scene::new();
    let (keyring, key) = scene.create();
    let added: Vec<_> = (0..15).map(|_| keyring.add_slot(&key).unwrap()).collect();
    assert_eq!(added, (1..16).collect::<Vec<_>>());
    let error = keyring.add_slot(&key).unwrap_err();
    assert_eq!(error.to_string(), "a keyring cannot have more than 16 slots");
}

#[test]
fn a_new_epoch_seals_and_the_old_ones_open() {
    let scene = Scene::new();
    let (keyring, key) = scene.create();
    let place = b"place";
    let mut sealed = Vec::new();
    for epoch in 1..=5 {
        assert_eq!(keyring.epoch(), epoch);
        let backing = keyring.generate_material(place, MaterialSpec::Symmetric, &SystemRandom).unwrap().0;
        sealed.push((
            keyring.seal(place, b"value").unwrap(),
            keyring.token_seal("t", b"value").unwrap(),
            backing,
        ));
        let (value, token, material) = sealed.last().unwrap();
        // In front of material stands the id of its shred.
        for part in [value, token, &material[8..].to_vec()] {
            assert_eq!(part[1..5], epoch.to_be_bytes());
        }
        assert_eq!(keyring.rotate().unwrap(), epoch + 1);
    }
    for keyring in [keyring, scene.open(&[&key]).unwrap()] {
        for (value, token, backing) in &sealed {
            assert_eq!(*keyring.open_sealed(place, value).unwrap(), b"value");
            assert_eq!(*keyring.token_open("t", token).unwrap(), b"value");
            keyring.material(place, backing).unwrap();
        }
    }
}

#[test]
fn files_are_private() {
    let scene = Scene::new();
    let (keyring, key) = scene.create();
    keyring.rotate().unwrap();
    drop(keyring);
    for path in [scene.keyring_path(), scene.key_path()] {
        assert_eq!(mode(&path), 0o600);
    }
    for exposed in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666] {
        set_mode(&scene.keyring_path(), exposed);
        let error = scene.open(&[&key]).unwrap_err();
        assert!(matches!(error, KeyringError::Exposed { mode, .. } if mode == exposed), "{error}");
    }
    set_mode(&scene.keyring_path(), 0o400);
    scene.open(&[&key]).unwrap();
    set_mode(&scene.key_path(), 0o640);
    let error = KeyFile::open(&scene.key_path(), Access::Owner).unwrap_err();
    assert!(
        error.to_string().ends_with("has mode 0640, but only its owner may have access (mode 0600)"),
        "{error}"
    );
    for (access, exposed) in
        [(Access::Owner, 0o440), (Access::Credential, 0o444), (Access::Credential, 0o460)]
    {
        set_mode(&scene.key_path(), exposed);
        assert!(matches!(KeyFile::open(&scene.key_path(), access), Err(KeyringError::Exposed { .. })));
    }
    set_mode(&scene.key_path(), 0o440);
    scene.open(&[&KeyFile::open(&scene.key_path(), Access::Credential).unwrap()]).unwrap();
    set_mode(&scene.key_path(), 0o400);
    scene.open(&[&KeyFile::open(&scene.key_path(), Access::Owner).unwrap()]).unwrap();
}

#[test]
fn nothing_that_exists_is_overwritten() {
    let scene = Scene::new();
    let (_, key) = scene.create();
    let before = std::fs::read(scene.keyring_path()).unwrap();
    let again = Keyring::create(&scene.keyring_path(), &key, random());
    assert!(matches!(again, Err(KeyringError::Exists { .. })));
    assert!(matches!(KeyFile::create(&scene.key_path(), &SystemRandom), Err(KeyringError::Exists { .. })));
    assert_eq!(std::fs::read(scene.keyring_path()).unwrap(), before);
    scene.open(&[&KeyFile::open(&scene.key_path(), Access::Owner).unwrap()]).unwrap();
}

#[test]
fn what_a_crash_leaves_is_in_nobodys_way() {
    let scene = Scene::new();
    std::fs::write(scene.0.path().join("data/keyring.json.new"), b"half a fi").unwrap();
    let (keyring, key) = scene.create();
    std::fs::write(scene.0.path().join("data/keyring.json.new"), b"half a fi").unwrap();
    keyring.rotate().unwrap();
    assert_eq!(scene.open(&[&key]).unwrap().epoch(), 2);
    assert!(!scene.0.path().join("data/keyring.json.new").exists());
}

#[test]
fn key_files_hold_a_key_outside_of_the_data() {
    let scene = Scene::new();
    let mut wrong: Vec<Vec<u8>> = [0, 31, 33, 64, 1000].map(|length| vec![7; length]).into();
    wrong.extend(
        ["0".repeat(63), "0".repeat(65), "0".repeat(64) + "\n\n", "g".repeat(64)].map(String::into_bytes),
    );
    for text in wrong {
        std::fs::write(scene.key_path(), &text).unwrap();
        set_mode(&scene.key_path(), 0o600);
        assert!(matches!(
            KeyFile::open(&scene.key_path(), Access::Owner),
            Err(KeyringError::KeyFileLength { .. })
        ));
    }
    assert!(matches!(KeyFile::open(scene.0.path(), Access::Owner), Err(KeyringError::Io { .. })));
    assert!(matches!(
        KeyFile::open(&scene.0.path().join("none"), Access::Owner),
        Err(KeyringError::Io { .. })
    ));
    std::fs::remove_file(scene.key_path()).unwrap();
    let (keyring, key) = scene.create();
    // The same key as text.
    let text = hex::encode_upper(std::fs::read(scene.key_path()).unwrap()) + "\r\n";
    let written = KeyFile::parse(text.as_bytes(), Some(&scene.key_path())).unwrap();
    scene.open(&[&written]).unwrap();
    scene.open(&[&key]).unwrap();
    let inside = scene.0.path().join("data/../data/root.key");
    let key = KeyFile::create(&inside, &SystemRandom).unwrap();
    assert!(matches!(keyring.add_slot(&key), Err(KeyringError::KeyAmongData { .. })));
    assert!(matches!(scene.open(&[&key]), Err(KeyringError::KeyAmongData { .. })));
    // A way around by a link is seen through.
    let link = scene.0.path().join("link.key");
    std::os::unix::fs::symlink(&inside, &link).unwrap();
    let key = KeyFile::open(&link, Access::Owner).unwrap();
    assert!(matches!(keyring.add_slot(&key), Err(KeyringError::KeyAmongData { .. })));
}

#[test]
fn an_older_file_is_not_taken_over() {
    let scene = Scene::new();
    let (keyring, key) = scene.create();
    let old = std::fs::read(scene.keyring_path()).unwrap();
    keyring.rotate().unwrap();
    std::fs::write(scene.keyring_path(), &old).unwrap();
    assert!(matches!(keyring.reload(&[]), Err(KeyringError::Replaced { .. })));
    assert!(matches!(keyring.rotate(), Err(KeyringError::Replaced { .. })));
    // The old file with a history of its own, as long as the first.
    let elsewhere = scene.open(&[&key]).unwrap();
    elsewhere.rotate().unwrap();
    elsewhere.rotate().unwrap();
    assert!(matches!(keyring.reload(&[]), Err(KeyringError::Replaced { .. })));
    let other = Scene::new();
    other.create();
    std::fs::copy(other.keyring_path(), scene.keyring_path()).unwrap();
    assert!(matches!(keyring.reload(&[]), Err(KeyringError::Replaced { .. })));
    assert_eq!(keyring.epoch(), 2);
}

#[test]
fn epochs_change_under_way() {
    let scene = Scene::new();
    let (keyring, _) = scene.create();
    let sealed: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let seal = || (0..5_000).map(|_| keyring.seal(b"place", b"value").unwrap()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(seal)).collect();
        for _ in 0..10 {
            keyring.rotate().unwrap();
        }
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(sealed.iter().map(|value| &value[1..33]).collect::<BTreeSet<_>>().len(), 20_000);
    for value in &sealed {
        assert_eq!(*keyring.open_sealed(b"place", value).unwrap(), b"value");
    }
}

/// Two processes with one keyring change it and seal values at the same time. Neither loses the other's changes, no nonce comes
/// twice, and each opens what the other sealed.
#[test]
fn two_processes_share_a_keyring() {
    if let Some(directory) = std::env::var_os(CHILD) {
        return child(Path::new(&directory));
    }
    let scene = Scene::new();
    let (keyring, key) = scene.create();
    let mut process = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "two_processes_share_a_keyring", "--nocapture"])
        .env(CHILD, scene.0.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !scene.0.path().join("ready").exists() {
        assert!(process.try_wait().unwrap().is_none(), "the other process ended early");
        std::thread::yield_now();
    }
    let mut sealed = work(&keyring, &key);
    assert!(process.wait().unwrap().success());
    keyring.reload(&[]).unwrap();
    assert_eq!(keyring.epoch(), 1 + 2 * u32::try_from(ROUNDS).unwrap());
    assert_eq!(keyring.slots().len(), 1 + 2);
    let lines = std::fs::read_to_string(scene.0.path().join("sealed")).unwrap();
    sealed.extend(lines.lines().map(|line| hex::decode(line).unwrap()));
    let unique: BTreeSet<_> = sealed.iter().map(|value| &value[1..33]).collect();
    assert_eq!(unique.len(), 2 * ROUNDS * 50);
    for value in &sealed {
        assert_eq!(*keyring.open_sealed(b"place", value).unwrap(), b"value");
    }
}

fn child(directory: &Path) {
    let key = KeyFile::open(&directory.join("root.key"), Access::Owner).unwrap();
    let keyring = Keyring::open(&keyring_path(directory), &[&key], random()).unwrap();
    std::fs::write(directory.join("ready"), b"").unwrap();
    let sealed = work(&keyring, &key);
    let lines: Vec<_> = sealed.iter().map(hex::encode).collect();
    std::fs::write(directory.join("sealed"), lines.join("\n")).unwrap();
}

/// Seals 50 values in each of `ROUNDS` epochs of its own making, and meanwhile adds two slots and removes one of them.
fn work(keyring: &Keyring, key: &KeyFile) -> Vec<Vec<u8>> {
    let mut sealed = Vec::new();
    let mut added = Vec::new();
    for round in 0..ROUNDS {
        sealed.extend((0..50).map(|_| keyring.seal(b"place", b"value").unwrap()));
        keyring.rotate().unwrap();
        match round {
            3 | 7 => added.push(keyring.add_slot(key).unwrap()),
            11 => keyring.remove_slot(added[0]).unwrap(),
            _ => {}
        }
    }
    sealed
}

#[test]
fn debug_output_has_no_material() {
    let scene = Scene::new();
    let (keyring, key) = scene.create();
    let sealed = keyring.generate_material(b"place", MaterialSpec::Symmetric, &SystemRandom).unwrap();
    let backing = keyring.material(b"place", &sealed.0).unwrap();
    let shown = format!("{keyring:?} {keyring:#?} {key:?} {:?} {backing:?}", phrase(PHRASE));
    assert!(shown.contains("Keyring { path: "), "{shown}");
    let material = std::fs::read(scene.key_path()).unwrap();
    for secret in [
        hex::encode(&material),
        format!("{material:?}"),
        PHRASE.to_owned(),
        format!("{:?}", PHRASE.as_bytes()),
    ] {
        assert!(!shown.contains(&secret), "{shown}");
    }
    // Nothing that looks like bytes: no list of numbers, no long run of digits.
    let path = scene.0.path().to_str().unwrap();
    let rest = shown.replace(path, "");
    assert!(!rest.contains('[') && !rest.contains("Secret("), "{rest}");
    assert!(rest.split(|c: char| !c.is_ascii_hexdigit()).all(|run| run.len() < 8), "{rest}");
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), version in 0..3_u8) {
        thread_local! {
            static KEYRING: (Scene, Keyring, Arc<Material>) = {
                let scene = Scene::new();
                let (keyring, _) = scene.create();
                let sealed = keyring.generate_material(b"place", MaterialSpec::Symmetric, &SystemRandom).unwrap();
                let backing = keyring.material(b"place", &sealed.0).unwrap();
                (scene, keyring, backing)
            };
        }
        // With the right version and epoch in front the parsers get further.
        let plausible = [&[version, 0, 0, 0, 1][..], &bytes].concat();
        KEYRING.with(|(_, keyring, backing)| {
            for bytes in [&bytes, &plausible] {
                prop_assert!(keyring.open_sealed(b"place", bytes).is_err());
                prop_assert!(keyring.token_open("purpose", bytes).is_err());
                prop_assert!(keyring.material(b"place", bytes).is_err());
                prop_assert!(backing.symmetric().unwrap().decrypt(b"aad", bytes).is_err());
            }
            Ok(())
        })?;
    }
}

#[test]
fn a_service_that_answers_with_another_key_stands_in_nobodys_way() {
    let scene = Scene::new();
    let (honest, liar) = (Elsewhere { lies: false }, Elsewhere { lies: true });
    let keyring = Keyring::create(&scene.keyring_path(), &honest, random()).unwrap();
    let key = KeyFile::create(&scene.key_path(), &SystemRandom).unwrap();
    keyring.add_slot(&key).unwrap();
    drop(keyring);
    scene.open(&[&honest]).unwrap();
    scene.open(&[&liar, &key]).unwrap();
    let told = scene.open(&[&liar]).unwrap_err();
    assert!(matches!(told, KeyringError::NoSlotOpens { unusable: true, .. }), "{told}");
    assert!(told.to_string().contains("it answers with another key"), "{told}");
    let drill = Keyring::drill(&scene.keyring_path(), &[&liar, &key]).unwrap();
    assert!(matches!(drill[0].1, Trial::Fails(KeyringError::Unusable { .. })), "{drill:?}");
    assert!(matches!(drill[1].1, Trial::Opens), "{drill:?}");
}
