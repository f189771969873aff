//! Documents made here, by certificates made here: good ones, and ones that are wrong in one way each.

mod made;

use crate::{AGE_MAX_MS, Environment, Refused, Roots};
use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use made::{Item, Made, NOW, Pki, bytes, text};

type Change = fn(&mut Made);

fn refusal(pki: &Pki, change: Change) -> Refused {
    let mut made = Made::new(pki);
    change(&mut made);
    pki.roots().verify(&made.document(), NOW).unwrap_err()
}

#[test]
fn a_good_document() {
    let pki = Pki::new();
    let made = Made::new(&pki);
    for document in [made.document(), made.untagged()] {
        let attested = pki.roots().verify(&document, NOW).unwrap();
        assert_eq!(attested.environment, Environment::Enclave);
        assert_eq!(attested.module_id, "i-1-enc2");
        assert_eq!(attested.registers.get(&0), Some(&vec![7; 48]));
        assert_eq!(attested.registers.len(), 2);
    }
}

#[test]
fn a_document_of_a_tpm() {
    let pki = Pki::new();
    let mut made = Made::new(&pki);
    made.rename("pcrs", "nitrotpm_pcrs");
    let attested = pki.roots().verify(&made.document(), NOW).unwrap();
    assert_eq!(attested.environment, Environment::Tpm);
}

#[test]
fn optional_members() {
    let pki = Pki::new();
    for value in [Item::Null, bytes(&[]), bytes(&[1; 512])] {
        let mut made = Made::new(&pki);
        made.set("nonce", value.clone());
        made.set("user_data", value);
        pki.roots().verify(&made.document(), NOW).unwrap();
    }
    let mut made = Made::new(&pki);
    made.remove("nonce");
    made.remove("user_data");
    pki.roots().verify(&made.document(), NOW).unwrap();
}

#[test]
fn five_minutes() {
    let pki = Pki::new();
    let document = Made::new(&pki).document();
    let verify = |now| pki.roots().verify(&document, now).map(drop);
    assert_eq!(verify(NOW + AGE_MAX_MS), Ok(()));
    assert_eq!(verify(NOW - AGE_MAX_MS), Ok(()));
    assert_eq!(verify(NOW + AGE_MAX_MS + 1), Err(Refused::Stale));
    assert_eq!(verify(NOW - AGE_MAX_MS - 1), Err(Refused::Stale));
}

#[test]
fn only_trusted_roots() {
    let pki = Pki::new();
    let document = Made::new(&pki).document();
    assert_eq!(Roots::default().verify(&document, NOW).unwrap_err(), Refused::Root);
    // A root of the same name with another key.
    assert_eq!(Pki::new().roots().verify(&document, NOW).unwrap_err(), Refused::Root);
    let mut roots = Roots::default();
    for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert_eq!(roots.add_pem(pem.as_bytes()), Err(Refused::NotCertificates), "{pem}");
    }
}

#[test]
fn a_register_of_the_wrong_form() {
    let pki = Pki::new();
    let changes: [Change; 7] = [
        |made| made.set("pcrs", Item::Map(vec![(Item::Integer(0), bytes(&[7; 47]))])),
        |made| made.set("pcrs", Item::Map(vec![(Item::Integer(0), bytes(&[7; 65]))])),
        |made| made.set("pcrs", Item::Map(vec![(Item::Integer(32), bytes(&[7; 48]))])),
        |made| made.set("pcrs", Item::Map(vec![(Item::Integer(-1), bytes(&[7; 48]))])),
        |made| made.set("pcrs", Item::Map(vec![(text("0"), bytes(&[7; 48]))])),
        |made| made.set("pcrs", Item::Map(Vec::new())),
        |made| {
            let twice = (Item::Integer(0), bytes(&[7; 48]));
            made.set("pcrs", Item::Map(vec![twice.clone(), twice]));
        },
    ];
    for change in changes {
        assert!(matches!(refusal(&pki, change), Refused::Form(_)));
    }
    // A TPM has 24.
    let refused = refusal(&pki, |made| {
        made.set("pcrs", Item::Map(vec![(Item::Integer(24), bytes(&[7; 48]))]));
        made.rename("pcrs", "nitrotpm_pcrs");
    });
    assert!(matches!(refused, Refused::Form(_)));
}

#[test]
fn members_of_the_wrong_form() {
    let pki = Pki::new();
    let changes: [Change; 17] = [
        |made| made.set("module_id", text("")),
        |made| made.set("module_id", bytes(b"i-1")),
        |made| made.set("digest", text("SHA256")),
        |made| made.set("timestamp", Item::Integer(0)),
        |made| made.set("timestamp", Item::Integer(-1)),
        |made| made.set("certificate", bytes(&[])),
        |made| made.set("certificate", bytes(&[0x30; 1025])),
        |made| made.set("certificate", Item::Null),
        |made| made.set("cabundle", Item::Array(Vec::new())),
        |made| made.set("cabundle", Item::Array(vec![bytes(&[0x30; 1025])])),
        |made| made.set("cabundle", bytes(&[1])),
        |made| made.set("public_key", bytes(&[])),
        |made| made.set("public_key", bytes(&[0x30; 1025])),
        |made| made.set("user_data", bytes(&[1; 513])),
        |made| made.set("nonce", bytes(&[1; 513])),
        |made| made.set("another", Item::Null),
        |made| made.payload.push((text("digest"), text("SHA384"))),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let refused = refusal(&pki, change);
        assert!(matches!(refused, Refused::Form(_)), "{n}: {refused:?}");
    }
    for name in ["module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle"] {
        let mut made = Made::new(&pki);
        made.remove(name);
        let refused = pki.roots().verify(&made.document(), NOW).unwrap_err();
        assert!(matches!(refused, Refused::Form(_)), "{name}: {refused:?}");
    }
    // Registers of both kinds.
    let both: Change = |made| made.set("nitrotpm_pcrs", Item::Map(vec![(Item::Integer(0), bytes(&[7; 48]))]));
    assert!(matches!(refusal(&pki, both), Refused::Form(_)));
}

#[test]
fn envelopes_of_the_wrong_form() {
    let pki = Pki::new();
    let changes: [Change; 6] = [
        |made| made.protected = Item::Map(vec![(Item::Integer(1), Item::Integer(-7))]).encode(),
        |made| made.protected = Item::Map(Vec::new()).encode(),
        |made| {
            let twice = (Item::Integer(1), Item::Integer(-35));
            made.protected = Item::Map(vec![twice.clone(), twice]).encode();
        },
        |made| made.unprotected = Item::Map(vec![(Item::Integer(4), bytes(b"kid"))]),
        |made| made.set("user_data", bytes(&[1; 20_000])),
        |made| made.extra = Some(Item::Null),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let refused = refusal(&pki, change);
        assert!(matches!(refused, Refused::Form(_)), "{n}: {refused:?}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let pki = Pki::new();
    let document = Made::new(&pki).document();
    for length in 0..document.len() {
        assert!(pki.roots().verify(document.get(..length).unwrap(), NOW).is_err(), "{length}");
    }
    assert!(pki.roots().verify(&[document, vec![0]].concat(), NOW).is_err());
}

#[test]
fn wrong_signatures() {
    let pki = Pki::new();
    // Of the signature, and of the payload that it is of.
    for change in [
        (|made: &mut Made| made.spoil_signature = true) as Change,
        |made| made.signer = Pki::new().target_key.serialize_der(),
        |made| made.spoil_payload = true,
    ] {
        assert_eq!(refusal(&pki, change), Refused::Signature);
    }
}

#[test]
fn chains_that_do_not_hold() {
    type Spoil = fn(&mut made::Plan);
    let cases: [(&str, Spoil); 12] = [
        ("expired target", |plan| plan.target.expired = true),
        ("expired authority", |plan| plan.middle.expired = true),
        ("expired root", |plan| plan.root.expired = true),
        ("target that may not sign", |plan| plan.target.signs = false),
        ("target without key usage", |plan| plan.target.usage = false),
        ("authority that may not certify", |plan| plan.middle.signs = false),
        ("root that may not certify", |plan| plan.root.signs = false),
        ("root without key usage", |plan| plan.root.usage = false),
        ("authority that is none", |plan| plan.middle.authority = false),
        ("target that is an authority", |plan| plan.target.authority = true),
        ("root that permits no authority below", |plan| plan.root.path_length = Some(0)),
        ("another curve", |plan| plan.curve = &rcgen::PKCS_ECDSA_P256_SHA256),
    ];
    for (name, change) in cases {
        let mut plan = made::Plan::default();
        change(&mut plan);
        let pki = Pki::of(&plan);
        let refused = pki.roots().verify(&Made::new(&pki).document(), NOW).unwrap_err();
        assert!(matches!(refused, Refused::Chain(_)), "{name}: {refused:?}");
    }
    let mut plan = made::Plan::default();
    plan.middle.path_length = Some(0);
    plan.root.path_length = Some(1);
    let pki = Pki::of(&plan);
    pki.roots().verify(&Made::new(&pki).document(), NOW).unwrap();
}

#[test]
fn bundles_in_the_wrong_order() {
    let pki = Pki::new();
    let other = Pki::new();
    let root = || bytes(&pki.bundle[0]);
    let cases = [
        // The root alone; the authority twice; an authority of the same name with another key; a stranger at the end.
        vec![root()],
        vec![root(), bytes(&pki.bundle[1]), bytes(&pki.bundle[1])],
        vec![root(), bytes(&other.bundle[1])],
        vec![root(), bytes(&pki.bundle[1]), bytes(&other.bundle[0])],
        vec![root(); 7],
    ];
    for bundle in cases {
        let mut made = Made::new(&pki);
        made.set("cabundle", Item::Array(bundle));
        let refused = pki.roots().verify(&made.document(), NOW).unwrap_err();
        assert!(matches!(refused, Refused::Chain(_)), "{refused:?}");
    }
    let mut made = Made::new(&pki);
    made.set("cabundle", Item::Array(vec![bytes(&pki.bundle[1]), root()]));
    assert_eq!(pki.roots().verify(&made.document(), NOW).unwrap_err(), Refused::Root);
}

#[test]
fn keys_that_nothing_is_encrypted_to() {
    let pki = Pki::new();
    assert_eq!(refusal(&pki, |made| made.remove("public_key")), Refused::NoKey);
    assert_eq!(refusal(&pki, |made| made.set("public_key", Item::Null)), Refused::NoKey);
    assert_eq!(refusal(&pki, |made| made.set("public_key", bytes(b"key"))), Refused::Key);
    let mut made = Made::new(&pki);
    made.set("public_key", bytes(&rcgen::PublicKeyData::subject_public_key_info(&pki.target_key)));
    assert_eq!(pki.roots().verify(&made.document(), NOW).unwrap_err(), Refused::Key);
}

/// The parts that the recipient needs are where the form says, and they open.
#[test]
fn what_is_sealed_opens() {
    let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
    let spki = made::spki(&private);
    let key = crate::RecipientKey::read(spki).unwrap();
    let private = OaepPrivateDecryptingKey::new(private).unwrap();
    for length in [0, 1, 15, 16, 32, 4096] {
        let plaintext = vec![0x5A; length];
        let sealed = key.seal(&plaintext).unwrap();
        assert!(sealed.len() <= 6144, "CiphertextForRecipient is no longer than that");
        let parts = made::octet_strings(&sealed);
        let [wrapped, iv, content] = parts.as_slice() else { panic!("{} parts", parts.len()) };
        let mut content_key = vec![0; 256];
        let content_key = private.decrypt(&OAEP_SHA256_MGF1SHA256, wrapped, &mut content_key, None).unwrap();
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, content_key).unwrap())
            .unwrap();
        let iv: [u8; 16] = (*iv).try_into().unwrap();
        let mut content = content.to_vec();
        let opened = key.decrypt(&mut content, DecryptionContext::Iv128((&iv).into())).unwrap();
        assert_eq!(opened, plaintext);
    }
}
