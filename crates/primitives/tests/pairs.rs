//! What key pairs of every spec can do, and what they refuse.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is tests")]

use primitives::{
    EncryptionAlgorithm, Error, Hash, KeyPair, KeyWrapping, MacKey, MacSpec, Message, PairSpec, PublicKey,
    SignatureAlgorithm, unwrap,
};
use std::collections::BTreeMap;
use std::sync::LazyLock;

const SIGNATURES: [SignatureAlgorithm; 13] = [
    SignatureAlgorithm::RsaPss(Hash::Sha256),
    SignatureAlgorithm::RsaPss(Hash::Sha384),
    SignatureAlgorithm::RsaPss(Hash::Sha512),
    SignatureAlgorithm::RsaPkcs1(Hash::Sha256),
    SignatureAlgorithm::RsaPkcs1(Hash::Sha384),
    SignatureAlgorithm::RsaPkcs1(Hash::Sha512),
    SignatureAlgorithm::Ecdsa(Hash::Sha256),
    SignatureAlgorithm::Ecdsa(Hash::Sha384),
    SignatureAlgorithm::Ecdsa(Hash::Sha512),
    SignatureAlgorithm::Ed25519,
    SignatureAlgorithm::Ed25519Ph,
    SignatureAlgorithm::Sm2Dsa,
    SignatureAlgorithm::MlDsa,
];

const ENCRYPTIONS: [EncryptionAlgorithm; 3] =
    [EncryptionAlgorithm::OaepSha1, EncryptionAlgorithm::OaepSha256, EncryptionAlgorithm::Sm2Pke];

/// A pair of each spec, made once: RSA takes long.
static PAIRS: LazyLock<BTreeMap<usize, KeyPair>> = LazyLock::new(|| {
    PairSpec::ALL.iter().enumerate().map(|(at, spec)| (at, KeyPair::generate(*spec).unwrap())).collect()
});

fn pairs() -> impl Iterator<Item = (PairSpec, &'static KeyPair)> {
    PAIRS.iter().map(|(at, pair)| (PairSpec::ALL[*at], pair))
}

/// The signature algorithms that keys of a spec have.
fn signs(spec: PairSpec) -> Vec<SignatureAlgorithm> {
    let fits = |algorithm: &SignatureAlgorithm| match algorithm {
        SignatureAlgorithm::RsaPss(_) | SignatureAlgorithm::RsaPkcs1(_) => {
            matches!(spec, PairSpec::Rsa2048 | PairSpec::Rsa3072 | PairSpec::Rsa4096)
        }
        SignatureAlgorithm::Ecdsa(Hash::Sha256) => matches!(spec, PairSpec::P256 | PairSpec::Secp256k1),
        SignatureAlgorithm::Ecdsa(Hash::Sha384) => spec == PairSpec::P384,
        SignatureAlgorithm::Ecdsa(Hash::Sha512) => spec == PairSpec::P521,
        SignatureAlgorithm::Ed25519 | SignatureAlgorithm::Ed25519Ph => spec == PairSpec::Ed25519,
        SignatureAlgorithm::Sm2Dsa => spec == PairSpec::Sm2,
        SignatureAlgorithm::MlDsa => {
            matches!(spec, PairSpec::MlDsa44 | PairSpec::MlDsa65 | PairSpec::MlDsa87)
        }
    };
    SIGNATURES.into_iter().filter(fits).collect()
}

#[test]
fn each_form_reads_back_as_the_same_key() {
    for (spec, pair) in pairs() {
        let encoded = pair.encode().unwrap();
        let pkcs8 = pair.to_pkcs8().unwrap();
        for again in [KeyPair::read(spec, &encoded).unwrap(), KeyPair::from_pkcs8(spec, &pkcs8).unwrap()] {
            assert_eq!(again.public_key().spki(), pair.public_key().spki(), "{spec:?}");
            assert_eq!(again.encode().unwrap(), encoded, "{spec:?}");
            assert_eq!(again.to_pkcs8().unwrap(), pkcs8, "{spec:?}");
        }
        let public = PublicKey::from_spki(spec, pair.public_key().spki().to_vec()).unwrap();
        assert_eq!((public.spec(), public.spki()), (spec, pair.public_key().spki()));
        assert!(!format!("{pair:?} {public:?}").contains('['));
    }
}

#[test]
fn keys_of_other_specs_and_altered_ones_are_refused() {
    for (spec, pair) in pairs() {
        let pkcs8 = pair.to_pkcs8().unwrap();
        let spki = pair.public_key().spki().to_vec();
        for other in PairSpec::ALL.into_iter().filter(|other| *other != spec) {
            assert_eq!(KeyPair::from_pkcs8(other, &pkcs8).unwrap_err(), Error::Key, "{spec:?} as {other:?}");
            let refused = PublicKey::from_spki(other, spki.clone()).unwrap_err();
            assert_eq!(refused, Error::PublicKey, "{spec:?} as {other:?}");
        }
        for length in [0, 1, pkcs8.len() / 2, pkcs8.len() - 1] {
            assert!(KeyPair::from_pkcs8(spec, &pkcs8[..length]).is_err(), "{spec:?}");
            assert!(KeyPair::read(spec, &pkcs8[..length]).is_err(), "{spec:?}");
        }
        for length in [0, 1, spki.len() / 2, spki.len() - 1] {
            assert!(PublicKey::from_spki(spec, spki[..length].to_vec()).is_err(), "{spec:?}");
        }
    }
}

#[test]
fn signatures_are_of_their_message_and_algorithm() {
    for (spec, pair) in pairs() {
        let public = pair.public_key();
        for algorithm in SIGNATURES {
            let message = match algorithm {
                SignatureAlgorithm::Ed25519Ph => Message::Digest(&[7; 64]),
                _ => Message::Raw(b"message"),
            };
            let signature = match pair.sign(algorithm, message) {
                Ok(signature) => signature,
                Err(error) => {
                    assert_eq!(error, Error::Algorithm, "{spec:?} {algorithm:?}");
                    assert_eq!(public.verify(algorithm, message, b"").unwrap_err(), Error::Algorithm);
                    assert!(!signs(spec).contains(&algorithm), "{spec:?} {algorithm:?}");
                    continue;
                }
            };
            assert!(signs(spec).contains(&algorithm), "{spec:?} {algorithm:?}");
            assert!(public.verify(algorithm, message, &signature).unwrap(), "{spec:?} {algorithm:?}");
            let other = match algorithm {
                SignatureAlgorithm::Ed25519Ph => Message::Digest(&[8; 64]),
                _ => Message::Raw(b"other"),
            };
            assert!(!public.verify(algorithm, other, &signature).unwrap());
            for hostile in [&b""[..], &signature[1..], &[0; 64], &[0xff; 5000]] {
                assert!(!public.verify(algorithm, message, hostile).unwrap(), "{spec:?} {algorithm:?}");
            }
        }
    }
}

#[test]
fn digests_are_signed_in_place_of_messages() {
    for (spec, pair) in pairs() {
        for algorithm in signs(spec) {
            let Some(bytes) = algorithm.digest_bytes() else {
                assert_eq!(pair.sign(algorithm, Message::Digest(&[7; 64])).unwrap_err(), Error::Algorithm);
                continue;
            };
            let digest = vec![7; bytes];
            let signature = pair.sign(algorithm, Message::Digest(&digest)).unwrap();
            let public = pair.public_key();
            assert!(public.verify(algorithm, Message::Digest(&digest), &signature).unwrap());
            for wrong in [bytes - 1, bytes + 1, 0] {
                let wrong = Message::Digest(&[7; 65][..wrong.min(65)]);
                assert_eq!(pair.sign(algorithm, wrong).unwrap_err(), Error::DigestLength);
                assert_eq!(public.verify(algorithm, wrong, &signature).unwrap_err(), Error::DigestLength);
            }
            let mu = pair.sign(algorithm, Message::ExternalMu(&[7; 64]));
            assert_eq!(mu.unwrap_err(), Error::Algorithm, "{spec:?} {algorithm:?}");
        }
    }
}

#[test]
fn ml_dsa_signs_an_external_mu() {
    for (spec, pair) in pairs().filter(|(spec, _)| signs(*spec).contains(&SignatureAlgorithm::MlDsa)) {
        let signature = pair.sign(SignatureAlgorithm::MlDsa, Message::ExternalMu(&[7; 64])).unwrap();
        let public = pair.public_key();
        let verify = |message, signature: &[u8]| public.verify(SignatureAlgorithm::MlDsa, message, signature);
        assert!(verify(Message::ExternalMu(&[7; 64]), &signature).unwrap(), "{spec:?}");
        assert!(!verify(Message::ExternalMu(&[8; 64]), &signature).unwrap());
        assert!(!verify(Message::Raw(&[7; 64]), &signature).unwrap());
        assert!(!verify(Message::ExternalMu(&[7; 64]), &signature[1..]).unwrap());
        assert_eq!(verify(Message::ExternalMu(&[7; 63]), &signature).unwrap_err(), Error::DigestLength);
        let short = pair.sign(SignatureAlgorithm::MlDsa, Message::ExternalMu(&[7; 63]));
        assert_eq!(short.unwrap_err(), Error::DigestLength);
    }
}

#[test]
fn what_is_encrypted_to_a_key_it_decrypts() {
    for (spec, pair) in pairs() {
        for algorithm in ENCRYPTIONS {
            // RFC 8017, section 7.1.1: two hashes and two bytes of padding.
            let max = match (spec, algorithm) {
                (PairSpec::Rsa2048, EncryptionAlgorithm::OaepSha1) => 214,
                (PairSpec::Rsa2048, EncryptionAlgorithm::OaepSha256) => 190,
                (PairSpec::Rsa3072, EncryptionAlgorithm::OaepSha1) => 342,
                (PairSpec::Rsa3072, EncryptionAlgorithm::OaepSha256) => 318,
                (PairSpec::Rsa4096, EncryptionAlgorithm::OaepSha1) => 470,
                (PairSpec::Rsa4096, EncryptionAlgorithm::OaepSha256) => 446,
                (PairSpec::Sm2, EncryptionAlgorithm::Sm2Pke) => 4096,
                _ => {
                    let refused = pair.public_key().encrypt(algorithm, b"value").unwrap_err();
                    assert_eq!(refused, Error::Algorithm, "{spec:?} {algorithm:?}");
                    assert_eq!(pair.decrypt(algorithm, b"value").unwrap_err(), Error::Algorithm);
                    continue;
                }
            };
            for length in [1, 32, max] {
                let ciphertext = pair.public_key().encrypt(algorithm, &vec![7; length]).unwrap();
                assert_eq!(*pair.decrypt(algorithm, &ciphertext).unwrap(), vec![7; length], "{spec:?}");
                let mut altered = ciphertext.clone();
                *altered.last_mut().unwrap() ^= 1;
                for hostile in [&b""[..], &altered, &ciphertext[1..], &[0; 512], &[0xff; 6144]] {
                    assert_eq!(pair.decrypt(algorithm, hostile).unwrap_err(), Error::Ciphertext, "{spec:?}");
                }
            }
            if spec != PairSpec::Sm2 {
                let long = pair.public_key().encrypt(algorithm, &vec![7; max + 1]);
                assert_eq!(long.unwrap_err(), Error::TooLong);
            }
        }
    }
}

#[test]
fn both_sides_agree_on_the_same_secret() {
    for (spec, pair) in pairs() {
        let bytes = match spec {
            PairSpec::P256 | PairSpec::Sm2 => 32,
            PairSpec::P384 => 48,
            PairSpec::P521 => 66,
            _ => {
                assert_eq!(pair.agree(pair.public_key().spki()).unwrap_err(), Error::Algorithm, "{spec:?}");
                continue;
            }
        };
        let peer = KeyPair::generate(spec).unwrap();
        let secret = pair.agree(peer.public_key().spki()).unwrap();
        assert_eq!(secret, peer.agree(pair.public_key().spki()).unwrap(), "{spec:?}");
        assert_eq!(secret.len(), bytes);
        for (other, pair_of_other) in pairs().filter(|(other, _)| *other != spec) {
            let refused = pair.agree(pair_of_other.public_key().spki()).unwrap_err();
            assert_eq!(refused, Error::PublicKey, "{spec:?} with {other:?}");
        }
        let spki = peer.public_key().spki();
        // The bare point, without what it is a point of, and one that is not on the curve.
        let mut off = spki.to_vec();
        *off.last_mut().unwrap() ^= 1;
        for hostile in [&b""[..], &spki[spki.len() - 2 * bytes - 1..], &off, &spki[1..]] {
            assert_eq!(pair.agree(hostile).unwrap_err(), Error::PublicKey, "{spec:?}");
        }
    }
}

#[test]
fn a_secret_is_encapsulated_and_rejected_in_silence() {
    for (spec, pair) in pairs() {
        let (ciphertext, secret) = match pair.public_key().encapsulate() {
            Ok(both) => both,
            Err(error) => {
                assert_eq!(error, Error::Algorithm, "{spec:?}");
                assert_eq!(pair.decapsulate(&[0; 768]).unwrap_err(), Error::Algorithm);
                continue;
            }
        };
        assert_eq!(pair.decapsulate(&ciphertext).unwrap(), secret, "{spec:?}");
        assert_eq!(secret.len(), 32);
        let mut altered = ciphertext.clone();
        altered[7] ^= 1;
        let rejected = pair.decapsulate(&altered).unwrap();
        assert_ne!(rejected, secret);
        assert_eq!(rejected, pair.decapsulate(&altered).unwrap());
        for hostile in [&b""[..], &ciphertext[1..], &[0; 4096]] {
            assert_eq!(pair.decapsulate(hostile).unwrap_err(), Error::Ciphertext);
        }
    }
}

#[test]
fn hmac_keys_have_the_length_of_their_codes() {
    for spec in MacSpec::ALL {
        let key = MacKey::read(spec, &vec![7; spec.bytes()]).unwrap();
        let mac = key.mac(b"message");
        assert_eq!(mac.len(), spec.bytes());
        assert!(key.verify(b"message", &mac));
        assert!(
            !key.verify(b"other", &mac) && !key.verify(b"message", &mac[1..]) && !key.verify(b"message", b"")
        );
        for length in [0, spec.bytes() - 1, spec.bytes() + 1] {
            assert_eq!(MacKey::read(spec, &vec![7; length]).unwrap_err(), Error::Key);
        }
    }
}

#[test]
fn only_what_was_wrapped_for_a_key_unwraps() {
    use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded as _};
    let pair = &PAIRS[&0];
    for algorithm in [EncryptionAlgorithm::OaepSha1, EncryptionAlgorithm::OaepSha256] {
        let direct = pair.public_key().encrypt(algorithm, &[7; 32]).unwrap();
        assert_eq!(*unwrap(pair, KeyWrapping::Direct(algorithm), &direct).unwrap(), [7; 32]);
        for length in [1, 32, 1217] {
            let mut padded = vec![0; length + 15];
            let kek = AesKek::new(&AES_256, &[9; 32]).unwrap();
            let padded = kek.wrap_with_padding(&vec![7; length], &mut padded).unwrap();
            let wrapped = [&pair.public_key().encrypt(algorithm, &[9; 32]).unwrap(), &*padded].concat();
            let unwrapped = |wrapped: &[u8]| unwrap(pair, KeyWrapping::AesKeyWrap(algorithm), wrapped);
            assert_eq!(*unwrapped(&wrapped).unwrap(), vec![7; length]);
            let mut altered = wrapped.clone();
            *altered.last_mut().unwrap() ^= 1;
            for hostile in [&b""[..], &altered, &wrapped[..256], &wrapped[1..], &wrapped[..wrapped.len() - 8]]
            {
                assert_eq!(unwrapped(hostile).unwrap_err(), Error::Ciphertext);
            }
        }
    }
    let short = pair.public_key().encrypt(EncryptionAlgorithm::OaepSha256, &[9; 16]).unwrap();
    let short = [&short[..], &[0; 24]].concat();
    let wrapping = KeyWrapping::AesKeyWrap(EncryptionAlgorithm::OaepSha256);
    assert_eq!(unwrap(pair, wrapping, &short).unwrap_err(), Error::Ciphertext);
}
