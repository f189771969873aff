//! Material of every kind: made, imported, moved and told apart, and of use at its own place only.
#![expect(clippy::unwrap_used, reason = "all of this file is tests")]

use keyring::{KeyFile, Keyring, KeyringError, Material, MaterialSpec, SystemRandom};
use primitives::{EncryptionAlgorithm, KeyPair, KeyWrapping, MacSpec, PairSpec};
use std::sync::Arc;

/// A kind of each that works by itself, and of pairs the quick ones and one of RSA.
const SPECS: [MaterialSpec; 14] = [
    MaterialSpec::Symmetric,
    MaterialSpec::Mac(MacSpec::Hmac224),
    MaterialSpec::Mac(MacSpec::Hmac256),
    MaterialSpec::Mac(MacSpec::Hmac384),
    MaterialSpec::Mac(MacSpec::Hmac512),
    MaterialSpec::Pair(PairSpec::Rsa2048),
    MaterialSpec::Pair(PairSpec::P256),
    MaterialSpec::Pair(PairSpec::P384),
    MaterialSpec::Pair(PairSpec::P521),
    MaterialSpec::Pair(PairSpec::Secp256k1),
    MaterialSpec::Pair(PairSpec::Ed25519),
    MaterialSpec::Pair(PairSpec::Sm2),
    MaterialSpec::Pair(PairSpec::MlDsa44),
    MaterialSpec::Pair(PairSpec::MlKem512),
];

fn keyring() -> (tempfile::TempDir, Keyring) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("data")).unwrap();
    let key = KeyFile::create(&directory.path().join("key"), &SystemRandom).unwrap();
    let path = directory.path().join("data/keyring.json");
    let keyring = Keyring::create(&path, &key, Arc::new(SystemRandom)).unwrap();
    (directory, keyring)
}

/// What of material can be seen that another's does not have.
fn mark(material: &Material) -> Vec<u8> {
    match material {
        Material::Symmetric(_) => Vec::new(),
        Material::Mac(key) => key.mac(b"message"),
        Material::Pair(pair) => pair.public_key().spki().to_vec(),
    }
}

#[test]
fn material_opens_at_its_place_and_where_it_was_moved() {
    let (_directory, keyring) = keyring();
    for spec in SPECS {
        let sealed = keyring.generate_material(b"here", spec, &SystemRandom).unwrap().0;
        let open = keyring.material(b"here", &sealed).unwrap();
        assert!(Arc::ptr_eq(&open, &keyring.material(b"here", &sealed).unwrap()), "kept open");
        assert!(matches!(keyring.material(b"there", &sealed), Err(KeyringError::Refused)));
        let moved = keyring.reseal_material(b"here", &sealed, b"there").unwrap().0;
        assert!(keyring.material(b"here", &moved).is_err());
        assert!(keyring.reseal_material(b"there", &sealed, b"here").is_err());
        let there = keyring.material(b"there", &moved).unwrap();
        match (spec, open.symmetric()) {
            (MaterialSpec::Symmetric, Ok(key)) => {
                let blob = key.encrypt(&SystemRandom, b"aad", b"value").unwrap();
                assert_eq!(*there.symmetric().unwrap().decrypt(b"aad", &blob).unwrap(), b"value");
            }
            (_, refused) => {
                assert!(matches!(refused, Err(KeyringError::OtherKind)));
                assert_eq!(mark(&open), mark(&there), "{spec:?}");
            }
        }
        let kinds = [open.symmetric().is_ok(), open.mac().is_ok(), open.pair().is_ok()];
        assert_eq!(kinds.iter().filter(|fits| **fits).count(), 1);
    }
}

#[test]
fn material_is_imported_as_it_is() {
    let (_directory, keyring) = keyring();
    for spec in SPECS {
        let (bytes, expected) = match spec {
            MaterialSpec::Symmetric => (vec![7; 32], None),
            MaterialSpec::Mac(mac) => (vec![7; mac.bytes()], None),
            MaterialSpec::Pair(pair) => {
                let pair = KeyPair::generate(pair).unwrap();
                (pair.to_pkcs8().unwrap().to_vec(), Some(pair.public_key().spki().to_vec()))
            }
        };
        let sealed = keyring.import_material(b"here", spec, &bytes).unwrap().0;
        let open = keyring.material(b"here", &sealed).unwrap();
        if let Some(expected) = expected {
            assert_eq!(mark(&open), expected);
        }
        for wrong in [&[][..], &[7; 31], &[7; 33], bytes.get(1..).unwrap()] {
            let refused = keyring.import_material(b"here", spec, wrong);
            assert!(matches!(refused, Err(KeyringError::NotMaterial)), "{spec:?}");
        }
    }
}

#[test]
fn wrapped_material_is_imported() {
    let (_directory, keyring) = keyring();
    let unwrapping = KeyPair::generate(PairSpec::Rsa2048).unwrap();
    let wrapping = KeyWrapping::Direct(EncryptionAlgorithm::OaepSha256);
    let wrapped = unwrapping.public_key().encrypt(EncryptionAlgorithm::OaepSha256, &[7; 32]).unwrap();
    let import =
        |spec, wrapped| keyring.import_wrapped_material(b"here", spec, &unwrapping, wrapping, wrapped);
    let sealed = import(MaterialSpec::Symmetric, &wrapped).unwrap().0;
    assert!(keyring.material(b"here", &sealed).unwrap().symmetric().is_ok());
    let other = MaterialSpec::Mac(MacSpec::Hmac512);
    assert!(matches!(import(other, &wrapped), Err(KeyringError::NotMaterial)));
    assert!(matches!(import(other, b"hostile"), Err(KeyringError::NotUnwrapped)));
}

#[test]
fn a_fingerprint_tells_material_apart_when_it_is_gone() {
    let (_directory, keyring) = keyring();
    for spec in SPECS {
        let first = keyring.generate_material(b"here", spec, &SystemRandom).unwrap().0;
        let fingerprint = keyring.material_fingerprint(b"here", &first).unwrap();
        let again = keyring.reseal_material(b"here", &first, b"there").unwrap().0;
        let other = keyring.generate_material(b"there", spec, &SystemRandom).unwrap().0;
        assert!(keyring.is_material_of(b"there", &again, b"here", &fingerprint).unwrap());
        assert!(!keyring.is_material_of(b"there", &other, b"here", &fingerprint).unwrap());
        assert!(keyring.is_material_of(b"there", &again, b"there", &fingerprint).is_err());
        assert!(keyring.material(b"here", &fingerprint).is_err());
        assert_ne!(fingerprint, keyring.material_fingerprint(b"here", &first).unwrap());
    }
}
