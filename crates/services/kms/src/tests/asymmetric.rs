use super::{denied, refused};
use crate::api::{
    CreateGrantRequest, CreateKeyRequest, CustomerMasterKeySpec, DataKeyPairSpec, DecapsulateRequest,
    DecryptRequest, DeriveSharedSecretRequest, DescribeKeyRequest, EnableKeyRotationRequest,
    EncapsulateRequest, EncryptRequest, EncryptionAlgorithmSpec, GenerateDataKeyPairRequest,
    GenerateDataKeyPairWithoutPlaintextRequest, GenerateDataKeyRequest, GenerateMacRequest,
    GetKeyRotationStatusRequest, GetPublicKeyRequest, GrantOperation, KeySpec, KeyUsageType,
    MacAlgorithmSpec, MessageType, ReEncryptRequest, SignRequest, SigningAlgorithmSpec, VerifyMacRequest,
    VerifyRequest, ops,
};
use crate::kinds;
use crate::testing::{ACCOUNT, World, allow};
use keyring::MaterialSpec;
use platform::{Caller, Fault};
use primitives::KeyPair;
use wire::Blob;

const DRY: (&str, &str) =
    ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.");

/// Every kind of key there is.
fn kinds() -> impl Iterator<Item = (KeySpec, KeyUsageType)> {
    let all = KeySpec::ALL.iter().flat_map(|spec| KeyUsageType::ALL.iter().map(|usage| (*spec, *usage)));
    all.filter(|(spec, usage)| kinds::algorithms(*spec, *usage).is_some())
}

/// Kinds whose keys are made quickly.
fn quick() -> impl Iterator<Item = (KeySpec, KeyUsageType)> {
    kinds().filter(|(spec, _)| !kinds::is_slow_to_make(*spec))
}

fn sign(key: &str, algorithm: SigningAlgorithmSpec, message: &[u8]) -> SignRequest {
    SignRequest {
        key_id: key.to_owned(),
        message: message.into(),
        signing_algorithm: algorithm,
        ..SignRequest::default()
    }
}

fn verify(
    key: &str,
    algorithm: SigningAlgorithmSpec,
    message: &[u8],
    signature: &Option<Blob>,
) -> VerifyRequest {
    VerifyRequest {
        key_id: key.to_owned(),
        message: message.into(),
        signature: signature.clone().unwrap_or_else(|| b"none"[..].into()),
        signing_algorithm: algorithm,
        ..VerifyRequest::default()
    }
}

fn encrypt(key: &str, algorithm: EncryptionAlgorithmSpec, plaintext: &[u8]) -> EncryptRequest {
    EncryptRequest {
        key_id: key.to_owned(),
        plaintext: plaintext.into(),
        encryption_algorithm: Some(algorithm),
        ..EncryptRequest::default()
    }
}

#[test]
fn each_kind_of_key_says_what_it_is_for() {
    let world = World::new();
    assert_eq!(kinds().count(), 28);
    for (spec, usage) in kinds() {
        let key = world.key_of(spec, usage);
        let input = DescribeKeyRequest { key_id: key.clone(), ..Default::default() };
        let described = world.call::<ops::DescribeKey>(&world.root(), input).unwrap().key_metadata.unwrap();
        assert_eq!((described.key_spec, described.key_usage), (Some(spec), Some(usage)));
        let listed = [
            described.encryption_algorithms.is_some(),
            described.signing_algorithms.is_some(),
            described.mac_algorithms.is_some(),
            described.key_agreement_algorithms.is_some(),
            described.encapsulation_algorithms.is_some(),
        ];
        let expected = [
            usage == KeyUsageType::EncryptDecrypt,
            usage == KeyUsageType::SignVerify,
            usage == KeyUsageType::GenerateVerifyMac,
            usage == KeyUsageType::KeyAgreement,
            usage == KeyUsageType::EncapsulateDecapsulate,
        ];
        assert_eq!(listed, expected, "{spec} {usage}");
        assert_eq!(described.current_key_material_id.is_some(), spec == KeySpec::SymmetricDefault);
        let input = GetPublicKeyRequest { key_id: key.clone(), ..Default::default() };
        let public = world.call::<ops::GetPublicKey>(&world.root(), input);
        if let MaterialSpec::Pair(pair) = kinds::material(spec) {
            let public = public.unwrap();
            let spki = public.public_key.unwrap().into_vec();
            assert_eq!(primitives::PublicKey::from_spki(pair, spki).unwrap().spec(), pair);
            assert_eq!((public.key_id, public.key_spec), (Some(key), Some(spec)));
            assert_eq!(public.customer_master_key_spec, described.customer_master_key_spec);
            assert_eq!(public.key_usage, Some(usage));
            assert_eq!(public.signing_algorithms, described.signing_algorithms);
            assert_eq!(public.encryption_algorithms, described.encryption_algorithms);
            assert_eq!(public.key_agreement_algorithms, described.key_agreement_algorithms);
            assert_eq!(public.encapsulation_algorithms, described.encapsulation_algorithms);
        } else {
            let message = format!("{key} key spec is {spec} which is not valid for GetPublicKey.");
            refused(public, "UnsupportedOperationException", &message);
        }
    }
}

#[test]
fn the_old_name_of_a_spec_makes_a_key() {
    let world = World::new();
    let input = CreateKeyRequest {
        customer_master_key_spec: Some(CustomerMasterKeySpec::EccNistP384),
        key_usage: Some(KeyUsageType::SignVerify),
        ..CreateKeyRequest::default()
    };
    let made = world.create_key(&world.root(), input);
    assert_eq!(made.key_spec, Some(KeySpec::EccNistP384));
    assert_eq!(made.customer_master_key_spec, Some(CustomerMasterKeySpec::EccNistP384));
}

#[test]
fn kinds_of_keys_that_there_are_not() {
    let world = World::new();
    for spec in KeySpec::ALL {
        for usage in KeyUsageType::ALL {
            if kinds::algorithms(*spec, *usage).is_none() {
                let input = CreateKeyRequest {
                    key_spec: Some(*spec),
                    key_usage: Some(*usage),
                    ..CreateKeyRequest::default()
                };
                let message = format!("KeyUsage {usage} is not compatible with KeySpec {spec}");
                refused(world.call::<ops::CreateKey>(&world.root(), input), "ValidationException", &message);
            }
        }
    }
}

#[test]
fn every_signing_algorithm_signs_what_it_verifies() {
    let world = World::new();
    let root = world.root();
    for (spec, usage) in kinds().filter(|(_, usage)| *usage == KeyUsageType::SignVerify) {
        let key = world.key_of(spec, usage);
        for algorithm in SigningAlgorithmSpec::ALL {
            let fits = match kinds::algorithms(spec, usage) {
                Some(kinds::Algorithms::Signing(list)) => list.contains(algorithm),
                _ => false,
            };
            if !fits {
                let message = format!("Algorithm {algorithm} is incompatible with key spec {spec}.");
                let refusal = world.call::<ops::Sign>(&root, sign(&key, *algorithm, b"x"));
                refused(refusal, "InvalidKeyUsageException", &message);
                let refusal = world.call::<ops::Verify>(&root, verify(&key, *algorithm, b"x", &None));
                refused(refusal, "InvalidKeyUsageException", &message);
                continue;
            }
            let message_type = Some(match algorithm {
                SigningAlgorithmSpec::Ed25519PhSha512 => MessageType::Digest,
                _ => MessageType::Raw,
            });
            let message = [7; 64];
            let input = SignRequest { message_type, ..sign(&key, *algorithm, &message) };
            let signed = world.call::<ops::Sign>(&root, input).unwrap();
            assert_eq!((signed.key_id.as_ref(), signed.signing_algorithm), (Some(&key), Some(*algorithm)));
            let input =
                VerifyRequest { message_type, ..verify(&key, *algorithm, &message, &signed.signature) };
            let verified = world.call::<ops::Verify>(&root, input).unwrap();
            assert_eq!((verified.signature_valid, verified.key_id), (Some(true), Some(key.clone())));
            for (message, signature) in [([8; 64], &signed.signature), (message, &None)] {
                let input = VerifyRequest { message_type, ..verify(&key, *algorithm, &message, signature) };
                refused(world.call::<ops::Verify>(&root, input), "KMSInvalidSignatureException", "");
            }
        }
    }
}

#[test]
fn messages_have_the_type_and_length_of_their_algorithm() {
    use SigningAlgorithmSpec as A;
    let world = World::new();
    let root = world.root();
    let p384 = world.key_of(KeySpec::EccNistP384, KeyUsageType::SignVerify);
    let ed25519 = world.key_of(KeySpec::EccNistEdwards25519, KeyUsageType::SignVerify);
    let ml_dsa = world.key_of(KeySpec::MlDsa44, KeyUsageType::SignVerify);
    let sm2 = world.key_of(KeySpec::Sm2, KeyUsageType::SignVerify);
    let length = |algorithm: A| format!("Digest is invalid length for algorithm {algorithm}.");
    let kind = |kind: MessageType, algorithm: A| {
        format!("Message type {kind} is incompatible with algorithm {algorithm}.")
    };
    let cases = [
        (&p384, A::EcdsaSha384, MessageType::Digest, 32, length(A::EcdsaSha384)),
        (&p384, A::EcdsaSha384, MessageType::Digest, 64, length(A::EcdsaSha384)),
        (&p384, A::EcdsaSha384, MessageType::ExternalMu, 64, kind(MessageType::ExternalMu, A::EcdsaSha384)),
        (&ed25519, A::Ed25519Sha512, MessageType::Digest, 64, kind(MessageType::Digest, A::Ed25519Sha512)),
        (&ed25519, A::Ed25519PhSha512, MessageType::Raw, 64, kind(MessageType::Raw, A::Ed25519PhSha512)),
        (&ed25519, A::Ed25519PhSha512, MessageType::Digest, 63, length(A::Ed25519PhSha512)),
        (&ml_dsa, A::MlDsaShake256, MessageType::Digest, 64, kind(MessageType::Digest, A::MlDsaShake256)),
        (&ml_dsa, A::MlDsaShake256, MessageType::ExternalMu, 63, length(A::MlDsaShake256)),
        (&sm2, A::Sm2dsa, MessageType::Digest, 31, length(A::Sm2dsa)),
    ];
    for (key, algorithm, kind, bytes, message) in cases {
        let (text, message_type) = (vec![7; bytes], Some(kind));
        let input = SignRequest { message_type, ..sign(key, algorithm, &text) };
        refused(world.call::<ops::Sign>(&root, input), "ValidationException", &message);
        let input = VerifyRequest { message_type, ..verify(key, algorithm, &text, &None) };
        refused(world.call::<ops::Verify>(&root, input), "ValidationException", &message);
    }
    for (key, algorithm, kind, bytes) in [
        (&p384, A::EcdsaSha384, MessageType::Digest, 48),
        (&ed25519, A::Ed25519PhSha512, MessageType::Digest, 64),
        (&ml_dsa, A::MlDsaShake256, MessageType::ExternalMu, 64),
        (&sm2, A::Sm2dsa, MessageType::Digest, 32),
    ] {
        let (text, message_type) = (vec![7; bytes], Some(kind));
        let signed = SignRequest { message_type, ..sign(key, algorithm, &text) };
        let signature = world.call::<ops::Sign>(&root, signed).unwrap().signature;
        let input = VerifyRequest { message_type, ..verify(key, algorithm, &text, &signature) };
        assert_eq!(world.call::<ops::Verify>(&root, input).unwrap().signature_valid, Some(true));
    }
}

#[test]
fn codes_are_verified_with_the_key_that_made_them() {
    let world = World::new();
    let root = world.root();
    for (spec, usage) in kinds().filter(|(_, usage)| *usage == KeyUsageType::GenerateVerifyMac) {
        let (key, other) = (world.key_of(spec, usage), world.key_of(spec, usage));
        let Some(kinds::Algorithms::Mac([algorithm])) = kinds::algorithms(spec, usage) else { panic!() };
        let input = GenerateMacRequest {
            key_id: key.clone(),
            message: b"message"[..].into(),
            mac_algorithm: *algorithm,
            ..Default::default()
        };
        let made = world.call::<ops::GenerateMac>(&root, input).unwrap();
        assert_eq!((made.key_id.as_ref(), made.mac_algorithm), (Some(&key), Some(*algorithm)));
        let verify = |key: &str, message: &[u8]| VerifyMacRequest {
            key_id: key.to_owned(),
            message: message.into(),
            mac: made.mac.clone().unwrap(),
            mac_algorithm: *algorithm,
            ..Default::default()
        };
        let verified = world.call::<ops::VerifyMac>(&root, verify(&key, b"message")).unwrap();
        assert_eq!((verified.mac_valid, verified.key_id), (Some(true), Some(key.clone())));
        for input in [verify(&key, b"other"), verify(&other, b"message")] {
            refused(world.call::<ops::VerifyMac>(&root, input), "KMSInvalidMacException", "");
        }
        let wrong = match algorithm {
            MacAlgorithmSpec::HmacSha256 => MacAlgorithmSpec::HmacSha384,
            _ => MacAlgorithmSpec::HmacSha256,
        };
        let input = VerifyMacRequest { mac_algorithm: wrong, ..verify(&key, b"message") };
        let message = format!("Algorithm {wrong} is incompatible with key spec {spec}.");
        refused(world.call::<ops::VerifyMac>(&root, input), "InvalidKeyUsageException", &message);
    }
}

#[test]
fn key_pairs_encrypt_up_to_their_length() {
    use EncryptionAlgorithmSpec as A;
    let world = World::new();
    let root = world.root();
    let cases = [
        (KeySpec::Rsa2048, A::RsaesOaepSha1, 214),
        (KeySpec::Rsa2048, A::RsaesOaepSha256, 190),
        (KeySpec::Rsa3072, A::RsaesOaepSha1, 342),
        (KeySpec::Rsa3072, A::RsaesOaepSha256, 318),
        (KeySpec::Sm2, A::Sm2pke, 1024),
    ];
    let symmetric = world.key();
    for (spec, algorithm, max) in cases {
        let key = world.key_of(spec, KeyUsageType::EncryptDecrypt);
        for length in [1, max] {
            let plaintext = vec![7; length];
            let made = world.call::<ops::Encrypt>(&root, encrypt(&key, algorithm, &plaintext)).unwrap();
            assert_eq!((made.key_id.as_ref(), made.encryption_algorithm), (Some(&key), Some(algorithm)));
            let to_decrypt = DecryptRequest {
                ciphertext_blob: made.ciphertext_blob.clone(),
                key_id: Some(key.clone()),
                encryption_algorithm: Some(algorithm),
                ..Default::default()
            };
            let opened = world.call::<ops::Decrypt>(&root, to_decrypt.clone()).unwrap();
            assert_eq!(opened.plaintext.unwrap().0, plaintext);
            assert_eq!((opened.key_id.as_ref(), opened.key_material_id), (Some(&key), None));

            let nameless = DecryptRequest { key_id: None, ..to_decrypt.clone() };
            let message = "A key ID is required when the encryption algorithm is asymmetric.";
            refused(world.call::<ops::Decrypt>(&root, nameless), "ValidationException", message);
            let mut altered = to_decrypt.clone();
            altered.ciphertext_blob.as_mut().unwrap().0.reverse();
            refused(world.call::<ops::Decrypt>(&root, altered), "InvalidCiphertextException", "");
            let elsewhere = DecryptRequest { key_id: Some(symmetric.clone()), ..to_decrypt.clone() };
            let message = format!("Algorithm {algorithm} is incompatible with key spec SYMMETRIC_DEFAULT.");
            refused(world.call::<ops::Decrypt>(&root, elsewhere), "InvalidKeyUsageException", &message);
            let bound = DecryptRequest {
                encryption_context: Some([("a".to_owned(), "b".to_owned())].into()),
                ..to_decrypt
            };
            let message = format!("An encryption context is not supported with algorithm {algorithm}.");
            refused(world.call::<ops::Decrypt>(&root, bound), "ValidationException", &message);
        }
        let message =
            format!("Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {max} bytes.");
        let long = encrypt(&key, algorithm, &vec![7; max + 1]);
        refused(world.call::<ops::Encrypt>(&root, long), "ValidationException", &message);
        let bound = EncryptRequest {
            encryption_context: Some([("a".to_owned(), "b".to_owned())].into()),
            ..encrypt(&key, algorithm, b"x")
        };
        let message = format!("An encryption context is not supported with algorithm {algorithm}.");
        refused(world.call::<ops::Encrypt>(&root, bound), "ValidationException", &message);
        let default = EncryptRequest { encryption_algorithm: None, ..encrypt(&key, algorithm, b"x") };
        let message = format!("Algorithm SYMMETRIC_DEFAULT is incompatible with key spec {spec}.");
        refused(world.call::<ops::Encrypt>(&root, default), "InvalidKeyUsageException", &message);
    }
}

#[test]
fn ciphertexts_move_between_kinds_of_keys() {
    let world = World::new();
    let root = world.root();
    let symmetric = world.key();
    let sm2 = world.key_of(KeySpec::Sm2, KeyUsageType::EncryptDecrypt);
    let (default, pke) = (EncryptionAlgorithmSpec::SymmetricDefault, EncryptionAlgorithmSpec::Sm2pke);
    let blob = world.call::<ops::Encrypt>(&root, encrypt(&symmetric, default, b"value")).unwrap();
    let to_sm2 = ReEncryptRequest {
        ciphertext_blob: blob.ciphertext_blob,
        destination_key_id: sm2.clone(),
        destination_encryption_algorithm: Some(pke),
        ..Default::default()
    };
    let moved = world.call::<ops::ReEncrypt>(&root, to_sm2).unwrap();
    assert!(moved.source_key_material_id.is_some() && moved.destination_key_material_id.is_none());
    let back = ReEncryptRequest {
        ciphertext_blob: moved.ciphertext_blob,
        source_key_id: Some(sm2.clone()),
        source_encryption_algorithm: Some(pke),
        destination_key_id: symmetric.clone(),
        ..Default::default()
    };
    let nameless = ReEncryptRequest { source_key_id: None, ..back.clone() };
    let message = "A key ID is required when the encryption algorithm is asymmetric.";
    refused(world.call::<ops::ReEncrypt>(&root, nameless), "ValidationException", message);
    let returned = world.call::<ops::ReEncrypt>(&root, back).unwrap();
    let input = DecryptRequest { ciphertext_blob: returned.ciphertext_blob, ..Default::default() };
    assert_eq!(world.call::<ops::Decrypt>(&root, input).unwrap().plaintext.unwrap().0, b"value");
}

#[test]
fn shared_secrets_are_the_same_on_both_sides() {
    let world = World::new();
    let root = world.root();
    for (spec, usage) in kinds().filter(|(_, usage)| *usage == KeyUsageType::KeyAgreement) {
        let key = world.key_of(spec, usage);
        let MaterialSpec::Pair(pair) = kinds::material(spec) else { panic!("{spec}") };
        let peer = KeyPair::generate(pair).unwrap();
        let derive = |public_key: &[u8]| DeriveSharedSecretRequest {
            key_id: key.clone(),
            public_key: public_key.into(),
            ..Default::default()
        };
        let derived = world.call::<ops::DeriveSharedSecret>(&root, derive(peer.public_key().spki())).unwrap();
        let input = GetPublicKeyRequest { key_id: key.clone(), ..Default::default() };
        let public = world.call::<ops::GetPublicKey>(&root, input).unwrap().public_key.unwrap();
        assert_eq!(derived.shared_secret.unwrap().0, *peer.agree(&public.0).unwrap());
        assert_eq!((derived.key_id, derived.key_origin.unwrap().as_str()), (Some(key.clone()), "AWS_KMS"));
        let message =
            format!("The public key is not a valid DER-encoded X.509 public key of key spec {spec}.");
        let refusal = world.call::<ops::DeriveSharedSecret>(&root, derive(b"no key"));
        refused(refusal, "ValidationException", &message);
    }
    for (spec, usage) in kinds().filter(|(_, usage)| *usage == KeyUsageType::EncapsulateDecapsulate) {
        let key = world.key_of(spec, usage);
        let input = EncapsulateRequest { key_id: key.clone(), ..Default::default() };
        let made = world.call::<ops::Encapsulate>(&root, input).unwrap();
        let decapsulate = |blob: Blob| DecapsulateRequest {
            key_id: key.clone(),
            shared_secret_ciphertext_blob: blob,
            ..Default::default()
        };
        let mut blob = made.shared_secret_ciphertext_blob.unwrap();
        let opened = world.call::<ops::Decapsulate>(&root, decapsulate(blob.clone())).unwrap();
        assert_eq!((opened.shared_secret, opened.key_id), (made.shared_secret.clone(), Some(key.clone())));
        blob.0.reverse();
        let rejected = world.call::<ops::Decapsulate>(&root, decapsulate(blob.clone())).unwrap();
        assert_ne!(rejected.shared_secret, made.shared_secret);
        blob.0.pop();
        let refusal = world.call::<ops::Decapsulate>(&root, decapsulate(blob));
        refused(refusal, "InvalidCiphertextException", "");
    }
}

#[test]
fn data_key_pairs_are_given_with_their_ciphertext() {
    let world = World::new();
    let root = world.root();
    let key = world.key();
    for spec in DataKeyPairSpec::ALL {
        let kind = KeySpec::from_wire(spec.as_str()).unwrap();
        if matches!(kind, KeySpec::Rsa3072 | KeySpec::Rsa4096) {
            continue; // They take seconds; tests over the wire make them.
        }
        let context = Some([("app".to_owned(), "x".to_owned())].into());
        let input = GenerateDataKeyPairRequest {
            key_id: key.clone(),
            key_pair_spec: *spec,
            encryption_context: context.clone(),
            ..Default::default()
        };
        let made = world.call::<ops::GenerateDataKeyPair>(&root, input).unwrap();
        assert_eq!((made.key_id.as_ref(), made.key_pair_spec), (Some(&key), Some(*spec)));
        let MaterialSpec::Pair(pair) = kinds::material(kind) else { panic!("{spec}") };
        let private = made.private_key_plaintext.unwrap();
        let pair = KeyPair::from_pkcs8(pair, &private.0).unwrap();
        assert_eq!(pair.public_key().spki(), made.public_key.unwrap().0);
        let input = DecryptRequest {
            ciphertext_blob: made.private_key_ciphertext_blob,
            encryption_context: context,
            ..Default::default()
        };
        let opened = world.call::<ops::Decrypt>(&root, input).unwrap();
        assert_eq!((opened.plaintext, opened.key_material_id), (Some(private), made.key_material_id));
    }
    let input = GenerateDataKeyPairWithoutPlaintextRequest {
        key_id: key.clone(),
        key_pair_spec: DataKeyPairSpec::EccNistP256,
        ..Default::default()
    };
    let made = world.call::<ops::GenerateDataKeyPairWithoutPlaintext>(&root, input).unwrap();
    let input =
        DecryptRequest { ciphertext_blob: made.private_key_ciphertext_blob, ..DecryptRequest::default() };
    let private = world.call::<ops::Decrypt>(&root, input).unwrap().plaintext.unwrap();
    let pair = KeyPair::from_pkcs8(primitives::PairSpec::P256, &private.0).unwrap();
    assert_eq!(pair.public_key().spki(), made.public_key.unwrap().0);
}

/// Every operation that uses keys, called on a key of a kind that has it or not, with other input that is right.
fn call(world: &World, caller: &Caller, operation: &str, key: &str, dry: bool) -> Result<(), Fault> {
    let (key_id, dry_run) = (key.to_owned(), Some(dry));
    match operation {
        "Sign" => {
            let input = SignRequest { dry_run, ..sign(key, SigningAlgorithmSpec::EcdsaSha256, b"x") };
            world.call::<ops::Sign>(caller, input).map(drop)
        }
        "Verify" => {
            let input =
                VerifyRequest { dry_run, ..verify(key, SigningAlgorithmSpec::EcdsaSha256, b"x", &None) };
            world.call::<ops::Verify>(caller, input).map(drop)
        }
        "GenerateMac" => {
            let (message, mac_algorithm) = (b"x"[..].into(), MacAlgorithmSpec::HmacSha256);
            let input = GenerateMacRequest { key_id, message, mac_algorithm, dry_run, ..Default::default() };
            world.call::<ops::GenerateMac>(caller, input).map(drop)
        }
        "VerifyMac" => {
            let (message, mac_algorithm) = (b"x"[..].into(), MacAlgorithmSpec::HmacSha256);
            let mac = b"x"[..].into();
            let input =
                VerifyMacRequest { key_id, message, mac, mac_algorithm, dry_run, ..Default::default() };
            world.call::<ops::VerifyMac>(caller, input).map(drop)
        }
        "DeriveSharedSecret" => {
            let peer = KeyPair::generate(primitives::PairSpec::P256).unwrap();
            let public_key = peer.public_key().spki().into();
            let input = DeriveSharedSecretRequest { key_id, public_key, dry_run, ..Default::default() };
            world.call::<ops::DeriveSharedSecret>(caller, input).map(drop)
        }
        "Encapsulate" => {
            let input = EncapsulateRequest { key_id, dry_run, ..Default::default() };
            world.call::<ops::Encapsulate>(caller, input).map(drop)
        }
        "Decapsulate" => {
            let shared_secret_ciphertext_blob = [7; 768][..].into();
            let input =
                DecapsulateRequest { key_id, shared_secret_ciphertext_blob, dry_run, ..Default::default() };
            world.call::<ops::Decapsulate>(caller, input).map(drop)
        }
        "Encrypt" => {
            let input =
                EncryptRequest { dry_run, ..encrypt(key, EncryptionAlgorithmSpec::SymmetricDefault, b"x") };
            world.call::<ops::Encrypt>(caller, input).map(drop)
        }
        "GenerateDataKey" => {
            let input =
                GenerateDataKeyRequest { key_id, number_of_bytes: Some(1), dry_run, ..Default::default() };
            world.call::<ops::GenerateDataKey>(caller, input).map(drop)
        }
        "GenerateDataKeyPair" => {
            let key_pair_spec = DataKeyPairSpec::EccNistP256;
            let input = GenerateDataKeyPairRequest { key_id, key_pair_spec, dry_run, ..Default::default() };
            world.call::<ops::GenerateDataKeyPair>(caller, input).map(drop)
        }
        "GenerateDataKeyPairWithoutPlaintext" => {
            let key_pair_spec = DataKeyPairSpec::EccNistP256;
            let input = GenerateDataKeyPairWithoutPlaintextRequest {
                key_id,
                key_pair_spec,
                dry_run,
                ..Default::default()
            };
            world.call::<ops::GenerateDataKeyPairWithoutPlaintext>(caller, input).map(drop)
        }
        other => panic!("no call of {other}"),
    }
}

const USES: [(&str, KeyUsageType, KeySpec); 11] = [
    ("Sign", KeyUsageType::SignVerify, KeySpec::EccNistP256),
    ("Verify", KeyUsageType::SignVerify, KeySpec::EccNistP256),
    ("GenerateMac", KeyUsageType::GenerateVerifyMac, KeySpec::Hmac256),
    ("VerifyMac", KeyUsageType::GenerateVerifyMac, KeySpec::Hmac256),
    ("DeriveSharedSecret", KeyUsageType::KeyAgreement, KeySpec::EccNistP256),
    ("Encapsulate", KeyUsageType::EncapsulateDecapsulate, KeySpec::MlKem512),
    ("Decapsulate", KeyUsageType::EncapsulateDecapsulate, KeySpec::MlKem512),
    ("Encrypt", KeyUsageType::EncryptDecrypt, KeySpec::SymmetricDefault),
    ("GenerateDataKey", KeyUsageType::EncryptDecrypt, KeySpec::SymmetricDefault),
    ("GenerateDataKeyPair", KeyUsageType::EncryptDecrypt, KeySpec::SymmetricDefault),
    ("GenerateDataKeyPairWithoutPlaintext", KeyUsageType::EncryptDecrypt, KeySpec::SymmetricDefault),
];

#[test]
fn keys_are_used_for_what_they_are_for() {
    let world = World::new();
    for (spec, usage) in quick() {
        let key = world.key_of(spec, usage);
        for (operation, right, _) in USES.iter().filter(|(_, right, _)| *right != usage) {
            let message = format!("{key} key usage is {usage} which is not valid for {operation}.");
            assert_ne!(usage, *right);
            refused(
                call(&world, &world.root(), operation, &key, false),
                "InvalidKeyUsageException",
                &message,
            );
        }
    }
}

#[test]
fn a_dry_run_of_each_operation_does_nothing() {
    let world = World::new();
    for (operation, usage, spec) in USES {
        let key = world.key_of(spec, usage);
        refused(call(&world, &world.root(), operation, &key, true), DRY.0, DRY.1);
    }
}

#[test]
fn policies_ask_for_algorithms_and_types_of_messages() {
    let deny = |condition: &str| {
        format!(
            r#"{},{{"Effect":"Deny","Action":"kms:*","Resource":"*","Condition":{{"StringEquals":{{{condition}}}}}}}"#,
            allow("kms:*")
        )
    };
    let cases = [
        (r#""kms:SigningAlgorithm":"ECDSA_SHA_256""#, "Sign", true),
        (r#""kms:SigningAlgorithm":"ECDSA_SHA_384""#, "Sign", false),
        (r#""kms:MessageType":"RAW""#, "Sign", true),
        (r#""kms:MessageType":"DIGEST""#, "Sign", false),
        (r#""kms:MessageType":"RAW""#, "Verify", true),
        (r#""kms:MacAlgorithm":"HMAC_SHA_256""#, "GenerateMac", true),
        (r#""kms:MacAlgorithm":"HMAC_SHA_256""#, "VerifyMac", true),
        (r#""kms:MacAlgorithm":"HMAC_SHA_384""#, "VerifyMac", false),
        (r#""kms:KeyAgreementAlgorithm":"ECDH""#, "DeriveSharedSecret", true),
        (r#""kms:DataKeyPairSpec":"ECC_NIST_P256""#, "GenerateDataKeyPair", true),
        (r#""kms:DataKeyPairSpec":"RSA_2048""#, "GenerateDataKeyPair", false),
        (r#""kms:DataKeyPairSpec":"ECC_NIST_P256""#, "GenerateDataKeyPairWithoutPlaintext", true),
        (r#""kms:EncryptionAlgorithm":"SYMMETRIC_DEFAULT""#, "GenerateDataKeyPair", true),
        (r#""kms:KeySpec":"ML_KEM_512""#, "Encapsulate", true),
        (r#""kms:KeyUsage":"ENCAPSULATE_DECAPSULATE""#, "Decapsulate", true),
    ];
    for (condition, operation, refuses) in cases {
        let world = World::new();
        let (_, usage, spec) = *USES.iter().find(|(name, ..)| *name == operation).unwrap();
        let (user, key) = (world.user(ACCOUNT, "alice", &deny(condition)), world.key_of(spec, usage));
        let result = call(&world, &user, operation, &key, true);
        if refuses {
            denied(result, "explicit deny");
        } else {
            refused(result, DRY.0, DRY.1);
        }
    }
}

#[test]
fn grants_permit_what_their_key_is_for() {
    let world = World::new();
    let root = world.root();
    let grantee = world.user(ACCOUNT, "bob", "");
    let mut granted = 0;
    for (spec, usage) in quick() {
        let key = world.key_of(spec, usage);
        for operation in GrantOperation::ALL {
            let input = CreateGrantRequest {
                key_id: key.clone(),
                grantee_principal: Some(grantee.principal.arn()),
                operations: vec![*operation],
                ..Default::default()
            };
            let made = world.call::<ops::CreateGrant>(&root, input);
            let Some((name, right, right_spec)) =
                USES.iter().find(|(name, ..)| *name == operation.as_str()).copied()
            else {
                continue;
            };
            if right != usage || (name.starts_with("GenerateDataKey") && spec != KeySpec::SymmetricDefault) {
                let message = format!(
                    "Grant operation {operation} is not supported on a KMS key with key spec {spec} and key usage {usage}."
                );
                refused(made, "ValidationException", &message);
                continue;
            }
            let made = made.unwrap();
            if spec == right_spec {
                refused(call(&world, &grantee, name, &key, true), DRY.0, DRY.1);
                granted += 1;
            }
            let input = crate::api::RevokeGrantRequest {
                key_id: key.clone(),
                grant_id: made.grant_id.unwrap(),
                ..Default::default()
            };
            world.call::<ops::RevokeGrant>(&root, input).unwrap();
        }
    }
    assert_eq!(granted, USES.len());
}

#[test]
fn only_symmetric_keys_rotate() {
    let world = World::new();
    let root = world.root();
    for (spec, usage) in quick().filter(|(spec, _)| *spec != KeySpec::SymmetricDefault) {
        let key = world.key_of(spec, usage);
        let message = format!("{key} key spec is {spec} which is not valid for this operation.");
        let input = EnableKeyRotationRequest { key_id: key.clone(), ..Default::default() };
        refused(
            world.call::<ops::EnableKeyRotation>(&root, input),
            "UnsupportedOperationException",
            &message,
        );
        let input = GetKeyRotationStatusRequest { key_id: key.clone() };
        let status = world.call::<ops::GetKeyRotationStatus>(&root, input).unwrap();
        assert_eq!(status.key_rotation_enabled, Some(false));
        assert_eq!((status.rotation_period_in_days, status.next_rotation_date), (None, None));
    }
}
