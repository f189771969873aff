//! A new root key: what opens the keyring afterwards, what stays readable, and what a crash leaves.
#![expect(clippy::unwrap_used, reason = "all of this file is tests")]

use keyring::{
    Access, KeyFile, Keyring, KeyringError, Kind, MaterialSpec, Passphrase, Random, Seal, Secret, SlotPlace,
    SystemRandom, Trial, Work, Wrapping,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const CHILD: &str = "KEYRING_TEST_REKEYING_IN";

fn random() -> Arc<dyn Random> {
    Arc::new(SystemRandom)
}

fn phrase(text: &str) -> Passphrase {
    Passphrase::with_work(text.as_bytes().to_vec().into(), Work { memory_kib: 8, passes: 1, lanes: 1 })
}

/// A directory with a keyring that a key file opens.
struct Scene {
    directory: tempfile::TempDir,
    keyring: Keyring,
    key: KeyFile,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("data")).unwrap();
        let key = KeyFile::create(&directory.path().join("root.key"), &SystemRandom).unwrap();
        let keyring = Keyring::create(&path(directory.path()), &key, random()).unwrap();
        Self { directory, keyring, key }
    }

    fn path(&self) -> PathBuf {
        path(self.directory.path())
    }

    fn key(&self, name: &str) -> KeyFile {
        KeyFile::create(&self.directory.path().join(name), &SystemRandom).unwrap()
    }

    fn open(&self, seal: &dyn Seal) -> Result<Keyring, KeyringError> {
        Keyring::open(&self.path(), &[seal], random())
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join("data/keyring.json")
}

#[test]
fn the_seals_at_hand_open_it_and_no_others() {
    let scene = Scene::new();
    let Scene { keyring, key, .. } = &scene;
    let (kept, lost) = (phrase("correct horse battery staple"), phrase("wrong horse battery staple"));
    let gone = keyring.add_slot(&lost).unwrap();
    let stays = keyring.add_slot(&kept).unwrap();
    let before = [keyring.seal(b"place", b"old").unwrap(), keyring.token_seal("t", b"old").unwrap()];
    let backing = keyring.generate_material(b"key", MaterialSpec::Symmetric, &SystemRandom).unwrap();
    let generation = keyring.generation();

    let new = scene.key("new.key");
    let rekeyed = keyring.rekey(&[&new, &kept]).unwrap();
    assert_eq!(rekeyed.slots, [stays + 1, stays]);
    let dropped: Vec<_> = rekeyed.dropped.iter().map(|slot| (slot.number, slot.kind())).collect();
    assert_eq!(dropped, [(0, Kind::KeyFile), (gone, Kind::Passphrase)]);
    assert_eq!((rekeyed.epoch, keyring.generation()), (2, generation + 1));

    let after = keyring.seal(b"place", b"new").unwrap();
    assert_eq!(after[1..5], 2_u32.to_be_bytes(), "whoever had the old root key has the first domain key");
    for seal in [&new as &dyn Seal, &kept] {
        for keyring in [keyring, &scene.open(seal).unwrap()] {
            assert_eq!(*keyring.open_sealed(b"place", &before[0]).unwrap(), b"old");
            assert_eq!(*keyring.token_open("t", &before[1]).unwrap(), b"old");
            assert_eq!(*keyring.open_sealed(b"place", &after).unwrap(), b"new");
            keyring.material(b"key", &backing.0).unwrap();
        }
    }
    for seal in [key as &dyn Seal, &lost] {
        assert!(matches!(scene.open(seal), Err(KeyringError::NoSlotOpens { .. })));
    }
    // It goes on as any other.
    assert_eq!(keyring.rotate().unwrap(), 3);
    assert_eq!(keyring.rekey(&[&kept]).unwrap().slots, [stays]);
    assert!(matches!(keyring.rekey(&[]), Err(KeyringError::LastSlot)));
    scene.open(&kept).unwrap();
}

/// A slot of the old file put into the new one does not open it, whoever fixes the checksum: its root key is another.
#[test]
fn an_old_slot_does_not_open_the_new_file() {
    let scene = Scene::new();
    let old: serde_json::Value = serde_json::from_slice(&std::fs::read(scene.path()).unwrap()).unwrap();
    scene.keyring.rekey(&[&scene.key("new.key")]).unwrap();
    let mut new: serde_json::Value = serde_json::from_slice(&std::fs::read(scene.path()).unwrap()).unwrap();
    assert_eq!(old["keyring"]["id"], new["keyring"]["id"]);
    new["keyring"]["slots"] = old["keyring"]["slots"].clone();
    std::fs::write(scene.path(), serde_json::to_vec_pretty(&new).unwrap()).unwrap();
    assert!(scene.open(&scene.key).is_err());
}

#[test]
fn another_process_takes_it_over_with_a_seal() {
    let scene = Scene::new();
    let Scene { keyring, key, .. } = &scene;
    let running = scene.open(key).unwrap();
    let sealed = running.seal(b"place", b"value").unwrap();
    let new = scene.key("new.key");
    keyring.rekey(&[&new]).unwrap();
    // It goes on with what it has, and says what is the matter.
    assert_eq!(*running.open_sealed(b"place", &sealed).unwrap(), b"value");
    assert!(matches!(running.reload(&[]), Err(KeyringError::OtherRoot { .. })));
    assert!(matches!(running.rotate(), Err(KeyringError::OtherRoot { .. })));
    assert!(matches!(running.reload(&[key]), Err(KeyringError::NoSlotOpens { .. })));
    running.reload(&[&new]).unwrap();
    assert_eq!((running.epoch(), running.rotate().unwrap()), (2, 3));
    assert_eq!(*running.open_sealed(b"place", &sealed).unwrap(), b"value");
    keyring.reload(&[]).unwrap();
    assert_eq!(keyring.epoch(), 3);
}

/// Somebody who has the new seal still cannot make a running process forget an epoch.
#[test]
fn a_file_with_another_history_is_not_taken_over() {
    let scene = Scene::new();
    let Scene { keyring, key, .. } = &scene;
    let first = std::fs::read(scene.path()).unwrap();
    keyring.rotate().unwrap();
    std::fs::write(scene.path(), &first).unwrap();
    let other = scene.open(key).unwrap();
    (0..3).for_each(|_| drop(other.rekey(&[key]).unwrap()));
    assert!(matches!(keyring.reload(&[key]), Err(KeyringError::Replaced { .. })));
}

#[test]
fn values_come_and_go_meanwhile() {
    let scene = Scene::new();
    let Scene { keyring, key, .. } = &scene;
    let done = AtomicBool::new(false);
    let sealed: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let work = || {
            let mut sealed = Vec::new();
            while !done.load(Ordering::Relaxed) || sealed.len() < 100 {
                let value = keyring.seal(b"place", b"value").unwrap();
                assert_eq!(*keyring.open_sealed(b"place", &value).unwrap(), b"value");
                sealed.push(value);
            }
            sealed
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        for round in 0..10 {
            assert_eq!(keyring.rekey(&[key]).unwrap().epoch, round + 2);
        }
        done.store(true, Ordering::Relaxed);
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let again = scene.open(key).unwrap();
    for value in &sealed {
        assert_eq!(*again.open_sealed(b"place", value).unwrap(), b"value");
    }
}

/// Killed at any moment of a rekeying, a process leaves the old keyring or the new one: each opens with the same seal and reads
/// what was sealed before.
#[test]
fn a_killed_process_leaves_a_whole_keyring() {
    if let Some(directory) = std::env::var_os(CHILD) {
        let directory = Path::new(&directory);
        let key = KeyFile::open(&directory.join("root.key"), Access::Owner).unwrap();
        let keyring = Keyring::open(&path(directory), &[&key], random()).unwrap();
        loop {
            keyring.rekey(&[&key]).unwrap();
        }
    }
    let scene = Scene::new();
    let sealed = scene.keyring.seal(b"place", b"value").unwrap();
    let mut generation = scene.keyring.generation();
    for round in 0..12_u64 {
        let mut process = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_killed_process_leaves_a_whole_keyring", "--nocapture"])
            .env(CHILD, scene.directory.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        while Keyring::inspect(&scene.path()).unwrap().generation < generation + 2 + round {
            assert!(process.try_wait().unwrap().is_none(), "the other process ended early");
        }
        process.kill().unwrap();
        process.wait().unwrap();
        let found = scene.open(&scene.key).unwrap();
        assert_eq!(*found.open_sealed(b"place", &sealed).unwrap(), b"value");
        assert!(found.generation() > generation);
        generation = found.generation();
    }
}

#[test]
fn nothing_changes_if_a_seal_fails() {
    /// A device that is broken: it wraps another key than it is given, or does not answer.
    struct Broken(KeyFile, bool);
    impl Seal for Broken {
        fn kind(&self) -> Kind {
            Kind::KeyFile
        }
        fn location(&self) -> Option<&Path> {
            None
        }
        fn wrap(&self, place: &SlotPlace, _: &Secret, random: &dyn Random) -> Result<Wrapping, KeyringError> {
            self.0.wrap(place, &Secret::random(random), random)
        }
        fn unwrap(&self, place: &SlotPlace, wrapping: &Wrapping) -> Result<Secret, KeyringError> {
            if self.1 {
                return self.0.unwrap(place, wrapping);
            }
            Err(KeyringError::Unusable { kind: Kind::KeyFile, source: "no answer".into() })
        }
    }
    let scene = Scene::new();
    let before = std::fs::read(scene.path()).unwrap();
    for (answers, expected) in [(true, "does not give back what it wrapped"), (false, "no answer")] {
        let broken = Broken(scene.key(&format!("{answers}.key")), answers);
        for error in [
            scene.keyring.rekey(&[&scene.key, &broken]).unwrap_err(),
            scene.keyring.add_slot(&broken).unwrap_err(),
        ] {
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert_eq!(std::fs::read(scene.path()).unwrap(), before);
    }
    assert_eq!(scene.keyring.rotate().unwrap(), 2);
}

#[test]
fn a_drill_tells_of_each_slot_and_changes_nothing() {
    let scene = Scene::new();
    let (known, unknown) = (phrase("correct horse battery staple"), phrase("wrong horse battery staple"));
    scene.keyring.add_slot(&unknown).unwrap();
    scene.keyring.add_slot(&known).unwrap();
    let before = std::fs::read(scene.path()).unwrap();
    let told = |seals: &[&dyn Seal]| {
        let trials = Keyring::drill(&scene.path(), seals).unwrap();
        trials
            .iter()
            .map(|(_, trial)| match trial {
                Trial::Opens => "opens",
                Trial::NotAtHand => "not at hand",
                Trial::Fails(_) => "fails",
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&[]), ["not at hand"; 3]);
    assert_eq!(told(&[&scene.key]), ["opens", "not at hand", "not at hand"]);
    assert_eq!(told(&[&known]), ["not at hand", "fails", "opens"]);
    assert_eq!(told(&[&scene.key("other.key"), &unknown, &known]), ["fails", "opens", "opens"]);
    assert_eq!(std::fs::read(scene.path()).unwrap(), before);
}
