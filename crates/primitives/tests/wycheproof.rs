//! The vectors of Wycheproof, through the same functions that KMS uses: keys are read as imported ones are, and public keys as GetPublicKey
//! gives them.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "all of this file is tests"
)]

use primitives::{
    EncryptionAlgorithm, Error, Hash, KeyPair, KeyWrapping, MacKey, MacSpec, Message, PairSpec, PublicKey,
    SignatureAlgorithm, unwrap,
};
use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/wycheproof");

/// Runs each case of a file, with its group. Tells how many `check` said it looked at; none, if the file is not there.
fn each(file: &str, mut check: impl FnMut(&Value, &Value) -> bool) -> Option<usize> {
    let path = format!("{FOLDER}/{file}_test.json");
    let Ok(text) = std::fs::read(&path) else {
        println!("skipped: {path} is not there");
        return None;
    };
    let suite: Value = serde_json::from_slice(&text).unwrap();
    let groups = suite["testGroups"].as_array().unwrap();
    let cases = groups
        .iter()
        .flat_map(|group| group["tests"].as_array().unwrap().iter().map(move |case| (group, case)));
    Some(cases.filter(|(group, case)| check(group, case)).count())
}

fn bytes(of: &Value, name: &str) -> Vec<u8> {
    hex::decode(of[name].as_str().unwrap_or_else(|| panic!("no {name} in {of}"))).unwrap()
}

fn is(case: &Value, result: &str) -> bool {
    case["result"] == result
}

fn has(case: &Value, flag: &str) -> bool {
    case["flags"].as_array().is_some_and(|flags| flags.iter().any(|of| of == flag))
}

/// Verifies the signatures of a file, whose results may be `acceptable` for either answer.
fn signatures(file: &str, spec: PairSpec, algorithm: SignatureAlgorithm, count: usize) {
    let looked_at = each(file, |group, case| {
        let key = PublicKey::from_spki(spec, bytes(group, "publicKeyDer")).unwrap();
        let (message, signature) = (bytes(case, "msg"), bytes(case, "sig"));
        let valid = key.verify(algorithm, Message::Raw(&message), &signature).unwrap();
        assert!(is(case, "acceptable") || valid == is(case, "valid"), "{file}: {case}");
        true
    });
    assert!(looked_at.is_none_or(|looked_at| looked_at == count), "{file}: {looked_at:?}");
}

const HASHES: [(Hash, &str); 3] =
    [(Hash::Sha256, "sha256"), (Hash::Sha384, "sha384"), (Hash::Sha512, "sha512")];

#[test]
fn rsa_pkcs1() {
    let counts = [[259, 258, 259], [259, 259, 260], [258, 259, 259]];
    let specs = [(PairSpec::Rsa2048, 2048), (PairSpec::Rsa3072, 3072), (PairSpec::Rsa4096, 4096)];
    for ((spec, bits), counts) in specs.into_iter().zip(counts) {
        for ((hash, name), count) in HASHES.into_iter().zip(counts) {
            let file = format!("rsa_signature_{bits}_{name}");
            signatures(&file, spec, SignatureAlgorithm::RsaPkcs1(hash), count);
        }
    }
}

#[test]
fn rsa_pss() {
    for (file, spec, hash, count) in [
        ("rsa_pss_2048_sha256_mgf1_32", PairSpec::Rsa2048, Hash::Sha256, 108),
        ("rsa_pss_2048_sha384_mgf1_48", PairSpec::Rsa2048, Hash::Sha384, 141),
        ("rsa_pss_3072_sha256_mgf1_32", PairSpec::Rsa3072, Hash::Sha256, 108),
        ("rsa_pss_4096_sha256_mgf1_32", PairSpec::Rsa4096, Hash::Sha256, 108),
        ("rsa_pss_4096_sha384_mgf1_48", PairSpec::Rsa4096, Hash::Sha384, 141),
        ("rsa_pss_4096_sha512_mgf1_64", PairSpec::Rsa4096, Hash::Sha512, 179),
    ] {
        signatures(file, spec, SignatureAlgorithm::RsaPss(hash), count);
    }
}

/// A salt has the length of the digest, MGF1 the same hash function: signatures that are right otherwise are none here.
#[test]
fn rsa_pss_of_other_parameters() {
    for (file, hash) in [
        ("rsa_pss_2048_sha256_mgf1_0", Hash::Sha256),
        ("rsa_pss_2048_sha256_mgf1sha1_20", Hash::Sha256),
        ("rsa_pss_2048_sha1_mgf1_20", Hash::Sha256),
        ("rsa_pss_2048_shake128", Hash::Sha256),
    ] {
        each(file, |group, case| {
            if !is(case, "valid") {
                return false;
            }
            let key = PublicKey::from_spki(PairSpec::Rsa2048, bytes(group, "publicKeyDer")).unwrap();
            let (message, signature) = (bytes(case, "msg"), bytes(case, "sig"));
            let valid = key.verify(SignatureAlgorithm::RsaPss(hash), Message::Raw(&message), &signature);
            assert!(!valid.unwrap(), "{file}: {case}");
            true
        });
    }
}

#[test]
fn rsa_oaep() {
    for (file, spec, algorithm, count) in [
        ("rsa_oaep_2048_sha1_mgf1sha1", PairSpec::Rsa2048, EncryptionAlgorithm::OaepSha1, 29),
        ("rsa_oaep_2048_sha256_mgf1sha256", PairSpec::Rsa2048, EncryptionAlgorithm::OaepSha256, 29),
        ("rsa_oaep_3072_sha256_mgf1sha256", PairSpec::Rsa3072, EncryptionAlgorithm::OaepSha256, 29),
        ("rsa_oaep_4096_sha256_mgf1sha256", PairSpec::Rsa4096, EncryptionAlgorithm::OaepSha256, 29),
        // Another function for MGF1: of these none is right.
        ("rsa_oaep_2048_sha256_mgf1sha1", PairSpec::Rsa2048, EncryptionAlgorithm::OaepSha256, 28),
    ] {
        let mut pair = None;
        let same = file != "rsa_oaep_2048_sha256_mgf1sha1";
        let looked_at = each(file, |group, case| {
            // Labels are always empty.
            if !bytes(case, "label").is_empty() {
                return false;
            }
            let pair = pair
                .get_or_insert_with(|| KeyPair::from_pkcs8(spec, &bytes(group, "privateKeyPkcs8")).unwrap());
            let opened = pair.decrypt(algorithm, &bytes(case, "ct"));
            match is(case, "valid") && same {
                true => assert_eq!(*opened.unwrap(), bytes(case, "msg"), "{file}: {case}"),
                false => assert_eq!(opened.unwrap_err(), Error::Ciphertext, "{file}: {case}"),
            }
            true
        });
        assert!(looked_at.is_none_or(|looked_at| looked_at == count), "{file}: {looked_at:?}");
    }
}

#[test]
fn ecdsa() {
    for (file, spec, hash, count) in [
        ("ecdsa_secp256r1_sha256", PairSpec::P256, Hash::Sha256, 484),
        ("ecdsa_secp384r1_sha384", PairSpec::P384, Hash::Sha384, 504),
        ("ecdsa_secp521r1_sha512", PairSpec::P521, Hash::Sha512, 542),
        ("ecdsa_secp256k1_sha256", PairSpec::Secp256k1, Hash::Sha256, 476),
    ] {
        signatures(file, spec, SignatureAlgorithm::Ecdsa(hash), count);
    }
}

#[test]
fn ed25519() {
    signatures("ed25519", PairSpec::Ed25519, SignatureAlgorithm::Ed25519, 151);
}

/// The PKCS#8 of a private key that is told as a number.
fn from_scalar(curve_oid: &str, length: usize, scalar: &[u8]) -> Vec<u8> {
    let tagged = |tag: u8, contents: &[u8]| {
        let length = u8::try_from(contents.len()).unwrap();
        let length = if length < 0x80 { vec![length] } else { vec![0x81, length] };
        [&[tag][..], &length, contents].concat()
    };
    let ec_public_key = hex::decode("06072a8648ce3d0201").unwrap();
    let algorithm = tagged(0x30, &[ec_public_key, hex::decode(curve_oid).unwrap()].concat());
    let scalar = &scalar[scalar.len().saturating_sub(length)..];
    let scalar = [&vec![0; length - scalar.len()][..], scalar].concat();
    let key = tagged(0x30, &[vec![2, 1, 1], tagged(4, &scalar)].concat());
    tagged(0x30, &[vec![2, 1, 0], algorithm, tagged(4, &key)].concat())
}

#[test]
fn ecdh() {
    for (file, spec, oid, length, count) in [
        ("ecdh_secp256r1", PairSpec::P256, "06082a8648ce3d030107", 32, 612),
        ("ecdh_secp384r1", PairSpec::P384, "06052b81040022", 48, 1047),
        ("ecdh_secp521r1", PairSpec::P521, "06052b81040023", 66, 916),
    ] {
        let looked_at = each(file, |_, case| {
            let pkcs8 = from_scalar(oid, length, &bytes(case, "private"));
            let agreed = KeyPair::from_pkcs8(spec, &pkcs8).unwrap().agree(&bytes(case, "public"));
            match agreed {
                Ok(secret) => {
                    assert!(!is(case, "invalid"), "{file}: {case}");
                    assert_eq!(*secret, bytes(case, "shared"), "{file}: {case}");
                }
                Err(error) => {
                    assert_eq!(error, Error::PublicKey, "{file}: {case}");
                    assert!(!is(case, "valid") || has(case, "CompressedPoint"), "{file}: {case}");
                }
            }
            true
        });
        assert!(looked_at.is_none_or(|looked_at| looked_at == count), "{file}: {looked_at:?}");
    }
}

#[test]
fn hmac() {
    for (file, spec) in [
        ("hmac_sha224", MacSpec::Hmac224),
        ("hmac_sha256", MacSpec::Hmac256),
        ("hmac_sha384", MacSpec::Hmac384),
        ("hmac_sha512", MacSpec::Hmac512),
    ] {
        let looked_at = each(file, |group, case| {
            let key = bytes(case, "key");
            if key.len() != spec.bytes() {
                assert_eq!(MacKey::read(spec, &key).unwrap_err(), Error::Key);
                return false;
            }
            let (key, message, tag) =
                (MacKey::read(spec, &key).unwrap(), bytes(case, "msg"), bytes(case, "tag"));
            let whole = group["tagSize"] == spec.bytes() * 8;
            // A shortened code is none.
            assert_eq!(key.verify(&message, &tag), whole && is(case, "valid"), "{file}: {case}");
            if is(case, "valid") {
                assert!(key.mac(&message).starts_with(&tag), "{file}: {case}");
            }
            true
        });
        assert!(looked_at.is_none_or(|looked_at| looked_at > 20), "{file}: {looked_at:?}");
    }
}

const ML_DSA: [(&str, PairSpec); 3] =
    [("44", PairSpec::MlDsa44), ("65", PairSpec::MlDsa65), ("87", PairSpec::MlDsa87)];

#[test]
fn ml_dsa_verify() {
    for (name, spec) in ML_DSA {
        let looked_at = each(&format!("mldsa_{name}_verify"), |group, case| {
            // Contexts are always empty.
            if case["ctx"].as_str().is_some_and(|context| !context.is_empty()) {
                return false;
            }
            let spki = group["publicKeyDer"].as_str().map(|spki| hex::decode(spki).unwrap());
            let key = spki.map_or(Err(Error::PublicKey), |spki| PublicKey::from_spki(spec, spki));
            let Ok(key) = key else {
                assert!(is(case, "invalid"), "{case}");
                return true;
            };
            let (message, signature) = (bytes(case, "msg"), bytes(case, "sig"));
            let valid = key.verify(SignatureAlgorithm::MlDsa, Message::Raw(&message), &signature);
            assert_eq!(valid.unwrap(), is(case, "valid"), "{case}");
            true
        });
        assert!(looked_at.is_none_or(|looked_at| looked_at > 100), "{name}: {looked_at:?}");
    }
}

/// Signing is hedged, so that the signatures of the file cannot come out: they are verified, by their message and by its mu, with the key
/// that the seed makes.
#[test]
fn ml_dsa_keys_of_seeds() {
    for (name, spec) in ML_DSA {
        let looked_at = each(&format!("mldsa_{name}_sign_seed"), |group, case| {
            let seed = bytes(group, "privateSeed");
            let Ok(pair) = KeyPair::read(spec, &seed) else {
                assert!(is(case, "invalid"), "{case}");
                return true;
            };
            if case["ctx"].as_str().is_some_and(|context| !context.is_empty()) || !is(case, "valid") {
                return false;
            }
            if group["privateKeyPkcs8"].is_string() {
                let pkcs8 = bytes(group, "privateKeyPkcs8");
                assert_eq!(*pair.to_pkcs8().unwrap(), pkcs8);
                let again = KeyPair::from_pkcs8(spec, &pkcs8).unwrap();
                assert_eq!(*again.encode().unwrap(), seed);
            }
            let public = pair.public_key();
            assert!(public.spki().ends_with(&bytes(group, "publicKey")), "{case}");
            let signature = bytes(case, "sig");
            let verify =
                |message: Message<'_>| public.verify(SignatureAlgorithm::MlDsa, message, &signature).unwrap();
            if case["msg"].is_string() {
                assert!(verify(Message::Raw(&bytes(case, "msg"))), "{case}");
            }
            if case["mu"].is_string() {
                assert!(verify(Message::ExternalMu(&bytes(case, "mu"))), "{case}");
            }
            true
        });
        assert!(looked_at.is_none_or(|looked_at| looked_at > 40), "{name}: {looked_at:?}");
    }
}

const ML_KEM: [(&str, PairSpec, u8); 3] =
    [("512", PairSpec::MlKem512, 1), ("768", PairSpec::MlKem768, 2), ("1024", PairSpec::MlKem1024, 3)];

#[test]
fn ml_kem_keys_of_seeds() {
    for (name, spec, _) in ML_KEM {
        let looked_at = each(&format!("mlkem_{name}_keygen_seed"), |_, case| {
            let pair = KeyPair::read(spec, &bytes(case, "seed")).unwrap();
            assert!(pair.public_key().spki().ends_with(&bytes(case, "ek")), "{case}");
            true
        });
        assert!(looked_at.is_none_or(|looked_at| looked_at == 100), "{name}: {looked_at:?}");
    }
}

#[test]
fn ml_kem_decapsulation() {
    for (name, spec, _) in ML_KEM {
        let looked_at = each(&format!("mlkem_{name}"), |_, case| {
            let Ok(pair) = KeyPair::read(spec, &bytes(case, "seed")) else {
                assert!(is(case, "invalid"), "{case}");
                return true;
            };
            match pair.decapsulate(&bytes(case, "c")) {
                Ok(secret) => {
                    assert!(is(case, "valid"), "{case}");
                    assert_eq!(*secret, bytes(case, "K"), "{case}");
                }
                Err(error) => assert!(error == Error::Ciphertext && is(case, "invalid"), "{case}"),
            }
            true
        });
        assert!(looked_at.is_none_or(|looked_at| looked_at > 100), "{name}: {looked_at:?}");
    }
}

/// What is encapsulated is drawn here, so that only the keys of the file can be tried: those that are none are refused.
#[test]
fn ml_kem_encapsulation_keys() {
    for (name, spec, parameter_set) in ML_KEM {
        let looked_at = each(&format!("mlkem_{name}_encaps"), |_, case| {
            let key = bytes(case, "ek");
            let identifier =
                [&hex::decode("300b06096086480165030404").unwrap()[..], &[parameter_set]].concat();
            let sequence = |tag: u8, contents: &[u8]| {
                let length = u16::try_from(contents.len()).unwrap().to_be_bytes();
                [&[tag, 0x82][..], &length, contents].concat()
            };
            let spki = sequence(0x30, &[identifier, sequence(3, &[&[0][..], &key].concat())].concat());
            let made = PublicKey::from_spki(spec, spki).and_then(|key| key.encapsulate());
            assert_eq!(made.is_ok(), is(case, "valid"), "{case}");
            true
        });
        assert!(looked_at.is_none_or(|looked_at| looked_at > 100), "{name}: {looked_at:?}");
    }
}

#[test]
fn aes_key_wrap_with_padding() {
    let pair = KeyPair::generate(PairSpec::Rsa2048).unwrap();
    let looked_at = each("aes_kwp", |group, case| {
        if group["keySize"] != 256 {
            return false;
        }
        let key = pair.public_key().encrypt(EncryptionAlgorithm::OaepSha256, &bytes(case, "key")).unwrap();
        let wrapped = [key, bytes(case, "ct")].concat();
        let unwrapped = unwrap(&pair, KeyWrapping::AesKeyWrap(EncryptionAlgorithm::OaepSha256), &wrapped);
        match unwrapped {
            Ok(material) => {
                assert!(!is(case, "invalid"), "{case}");
                assert_eq!(*material, bytes(case, "msg"), "{case}");
            }
            Err(error) => assert!(error == Error::Ciphertext && !is(case, "valid"), "{case}"),
        }
        true
    });
    assert!(looked_at.is_none_or(|looked_at| looked_at > 50), "{looked_at:?}");
}
