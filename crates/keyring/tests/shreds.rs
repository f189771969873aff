//! Material whose owner was destroyed opens nowhere any more; all other does, in every copy and with every later file.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::unreachable,
    reason = "all of this file is tests"
)]

use keyring::{KeyFile, Keyring, KeyringError, MaterialSpec, SealedKey, ShredId, SystemRandom};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

struct Scene {
    directory: tempfile::TempDir,
    keyring: Keyring,
    key: KeyFile,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("data")).unwrap();
        let key = KeyFile::create(&directory.path().join("key"), &SystemRandom).unwrap();
        let path = directory.path().join("data/keyring.json");
        let keyring = Keyring::create(&path, &key, Arc::new(SystemRandom)).unwrap();
        Self { directory, keyring, key }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("data/keyring.json")
    }

    fn shreds(&self) -> PathBuf {
        Keyring::shreds_path(&self.path())
    }

    fn again(&self) -> Result<Keyring, KeyringError> {
        Keyring::open(&self.path(), &[&self.key], Arc::new(SystemRandom))
    }

    fn make(&self, owner: &str) -> SealedKey {
        self.keyring.generate_material(&place(owner), MaterialSpec::Symmetric, &SystemRandom).unwrap()
    }

    /// Destroys an owner, as whoever knows all owners does.
    fn destroy(&self, owner: &str, others: &[&str]) {
        self.keyring.shred_begin(owner).unwrap();
        let kept: Vec<_> = others.iter().map(|owner| (*owner).to_owned()).collect();
        self.keyring.shred_finish(owner, &kept).unwrap();
        self.keyring.shred_forget(owner).unwrap();
    }
}

fn place(owner: &str) -> Vec<u8> {
    [b"kind\0", owner.as_bytes(), b"\0version"].concat()
}

/// Names of owners that are all in one group.
fn of_one_group(count: usize) -> Vec<String> {
    let mut groups: BTreeMap<u8, Vec<String>> = BTreeMap::new();
    for number in 0.. {
        let name = format!("owner-{number}");
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, name.as_bytes());
        let group = groups.entry(digest.as_ref()[0]).or_default();
        group.push(name);
        if group.len() == count {
            return group.clone();
        }
    }
    unreachable!()
}

#[track_caller]
fn opens(keyring: &Keyring, owner: &str, sealed: &SealedKey) {
    keyring.material(&place(owner), &sealed.0).unwrap();
}

#[track_caller]
fn is_destroyed(keyring: &Keyring, owner: &str, sealed: &SealedKey) {
    let error = keyring.material(&place(owner), &sealed.0).unwrap_err();
    assert!(matches!(error, KeyringError::Shredded), "{error}");
}

#[test]
fn an_owner_is_destroyed_and_others_are_not() {
    let scene = Scene::new();
    let names = of_one_group(4);
    let [gone, first, second, later] = names.as_slice() else { panic!() };
    let sealed: Vec<_> = [gone, first, second].map(|owner| scene.make(owner)).into();
    scene.keyring.shred_begin(gone).unwrap();
    // Until it is finished everything opens, and what is sealed meanwhile is sealed otherwise.
    let meanwhile = scene.make(later);
    assert_ne!(ShredId::of(&meanwhile.0), ShredId::of(&sealed[0].0));
    assert_eq!(ShredId::of(&sealed[0].0), scene.keyring.shred_retiring(gone).unwrap());
    opens(&scene.keyring, gone, &sealed[0]);
    scene.keyring.shred_finish(gone, &[first.clone(), second.clone()]).unwrap();
    let rotated = scene.make(first);
    for keyring in [&scene.keyring, &scene.again().unwrap()] {
        is_destroyed(keyring, gone, &sealed[0]);
        opens(keyring, first, &sealed[1]);
        opens(keyring, second, &sealed[2]);
        opens(keyring, later, &meanwhile);
        opens(keyring, first, &rotated);
    }
    // Those that were kept can be destroyed in their turn, with all that was ever sealed for them.
    scene.destroy(first, &[later, second]);
    for keyring in [&scene.keyring, &scene.again().unwrap()] {
        is_destroyed(keyring, first, &sealed[1]);
        is_destroyed(keyring, first, &rotated);
        opens(keyring, second, &sealed[2]);
        opens(keyring, later, &meanwhile);
    }
}

#[test]
fn another_owners_or_place_is_no_use() {
    let scene = Scene::new();
    let sealed = scene.make("one");
    let other = scene.keyring.material(&place("other"), &sealed.0).unwrap_err();
    assert!(matches!(other, KeyringError::Refused), "{other}");
    for length in [0, 7, 8, 9, sealed.0.len() - 1] {
        assert!(scene.keyring.material(&place("one"), &sealed.0[..length]).is_err());
    }
}

/// A backup holds an older keyring file; the newest shreds go with it, whatever was changed in the keyring since.
#[test]
fn the_newest_shreds_go_with_every_older_keyring() {
    let scene = Scene::new();
    let names = of_one_group(2);
    let [gone, kept] = names.as_slice() else { panic!() };
    let (lost, sealed) = (scene.make(gone), scene.make(kept));
    let old = std::fs::read(scene.path()).unwrap();
    scene.keyring.rotate().unwrap();
    scene.keyring.rekey(&[&scene.key]).unwrap();
    scene.destroy(gone, &[kept]);
    std::fs::write(scene.path(), old).unwrap();
    let restored = scene.again().unwrap();
    assert_eq!(restored.shreds_generation(), scene.keyring.shreds_generation());
    opens(&restored, kept, &sealed);
    is_destroyed(&restored, gone, &lost);
}

#[test]
fn without_shreds_nothing_opens() {
    let scene = Scene::new();
    let sealed = scene.make("owner");
    let value = scene.keyring.seal(b"place", b"value").unwrap();
    std::fs::remove_file(scene.shreds()).unwrap();
    assert!(matches!(scene.again(), Err(KeyringError::NoShreds { .. })));
    let open = || Keyring::open_without_shreds(&scene.path(), &[&scene.key], Arc::new(SystemRandom), 7);
    let keyring = open().unwrap();
    assert_eq!(keyring.shreds_generation(), 7);
    is_destroyed(&keyring, "owner", &sealed);
    assert_eq!(*keyring.open_sealed(b"place", &value).unwrap(), b"value");
    assert!(matches!(open(), Err(KeyringError::Exists { .. })), "shreds that are there are not replaced");
}

#[test]
fn damaged_and_foreign_shreds_are_refused() {
    let scene = Scene::new();
    let whole = std::fs::read(scene.shreds()).unwrap();
    let foreign = std::fs::read(Scene::new().shreds()).unwrap();
    let mut altered = whole.clone();
    altered[100] ^= 1;
    for bytes in [&[][..], &whole[..whole.len() - 1], &altered, &foreign] {
        std::fs::write(scene.shreds(), bytes).unwrap();
        assert!(matches!(scene.again(), Err(KeyringError::Damaged { .. })));
    }
    std::fs::write(scene.shreds(), &whole).unwrap();
    scene.again().unwrap();
}

/// The file that is replaced is not merely forgotten: its bytes are written over.
#[test]
fn what_was_replaced_is_overwritten() {
    let scene = Scene::new();
    let kept_open = scene.directory.path().join("hard-link");
    std::fs::hard_link(scene.shreds(), &kept_open).unwrap();
    scene.keyring.shred_begin("owner").unwrap();
    let old = std::fs::read(&kept_open).unwrap();
    assert!(!old.is_empty() && old.iter().all(|byte| *byte == 0));
}
