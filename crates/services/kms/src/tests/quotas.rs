//! Which quotas calls count against that depend on their keys.

use super::refused;
use super::scene::{Scene, names};
use crate::api::{CreateKeyRequest, KeySpec, KeyUsageType};
use crate::quotas::QUOTAS;
use crate::testing::{DAY, OTHER_REGION, World};
use serde_json::{Value, json};

impl World {
    /// What was counted since this was last asked.
    pub(super) fn counted(&self) -> Vec<String> {
        std::mem::take(&mut *self.tally.taken.lock().unwrap())
    }

    fn asked(&self, operation: &str, input: &Value) -> Value {
        self.counted();
        self.ask(&self.root(), operation, input).unwrap()
    }
}

/// An operation that has several quotas counts against one of them, or it would count against none.
#[test]
fn every_operation_of_several_quotas_counts() {
    let several = names().filter(|name| QUOTAS.depend_on_call(name));
    let mut seen = 0;
    for operation in several {
        let scene = Scene::of(operation);
        let quotas = |text: &String| {
            let name = text.split(' ').next().unwrap();
            let at = QUOTAS.all().position(|quota| quota.name == name).unwrap();
            QUOTAS.may_count(at, operation, true)
        };
        scene.world.counted();
        scene.call_with(&json!({})).unwrap();
        let counted = scene.world.counted();
        assert!(!counted.is_empty() && counted.iter().all(quotas), "{operation}: {counted:?}");
        seen += 1;
    }
    assert_eq!(seen, 11);
}

#[test]
fn uses_of_a_key_count_by_its_spec() {
    let cases = [
        (KeySpec::Rsa2048, "RSASSA_PSS_SHA_256", "rsa 1"),
        (KeySpec::EccNistP521, "ECDSA_SHA_512", "ecc 1"),
        (KeySpec::EccSecgP256k1, "ECDSA_SHA_256", "ecc 1"),
        (KeySpec::EccNistEdwards25519, "ED25519_SHA_512", "ecc 1"),
        (KeySpec::Sm2, "SM2DSA", "ecc 1"),
        (KeySpec::MlDsa44, "ML_DSA_SHAKE_256", "ml-dsa 1"),
    ];
    let world = World::new();
    for (spec, algorithm, quota) in cases {
        let key = world.key_of(spec, KeyUsageType::SignVerify);
        let input = json!({ "KeyId": key, "Message": "eA==", "SigningAlgorithm": algorithm });
        let signature = world.asked("Sign", &input)["Signature"].clone();
        assert_eq!(world.counted(), [quota], "{spec}");
        let input = json!({
            "KeyId": key, "Message": "eA==", "SigningAlgorithm": algorithm, "Signature": signature
        });
        world.asked("Verify", &input);
        assert_eq!(world.counted(), [quota], "{spec}");
    }
    let key = world.key_of(KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac);
    world.asked("GenerateMac", &json!({ "KeyId": key, "Message": "eA==", "MacAlgorithm": "HMAC_SHA_256" }));
    assert_eq!(world.counted(), ["symmetric 1"]);
    let key = world.key_of(KeySpec::MlKem512, KeyUsageType::EncapsulateDecapsulate);
    world.asked("Encapsulate", &json!({ "KeyId": key, "EncapsulationAlgorithm": "ML_KEM" }));
    assert_eq!(world.counted(), ["ml-kem 1"]);
}

#[test]
fn a_call_counts_once_against_each_quota_of_its_keys() {
    let world = World::new();
    let rsa = world.key_of(KeySpec::Rsa2048, KeyUsageType::EncryptDecrypt);
    let (one, other) = (world.key(), world.key());
    let algorithm = "RSAES_OAEP_SHA_256";
    let input = json!({ "KeyId": rsa, "Plaintext": "eA==", "EncryptionAlgorithm": algorithm });
    let blob = world.asked("Encrypt", &input)["CiphertextBlob"].clone();
    assert_eq!(world.counted(), ["rsa 1"]);
    let input = json!({
        "SourceKeyId": rsa,
        "SourceEncryptionAlgorithm": algorithm,
        "CiphertextBlob": blob,
        "DestinationKeyId": one,
    });
    let blob = world.asked("ReEncrypt", &input)["CiphertextBlob"].clone();
    assert_eq!(world.counted(), ["symmetric 1", "rsa 1"]);
    world.asked("ReEncrypt", &json!({ "CiphertextBlob": blob, "DestinationKeyId": other }));
    assert_eq!(world.counted(), ["symmetric 1"]);
}

#[test]
fn data_key_pairs_count_by_their_own_spec() {
    let world = World::new();
    let key = world.key();
    for operation in ["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"] {
        for spec in [
            "RSA_2048",
            "RSA_3072",
            "ECC_NIST_P256",
            "ECC_NIST_P384",
            "ECC_NIST_P521",
            "ECC_SECG_P256K1",
            "ECC_NIST_EDWARDS25519",
            "SM2",
            "ML_KEM_512",
            "ML_KEM_768",
            "ML_KEM_1024",
        ] {
            world.asked(operation, &json!({ "KeyId": key, "KeyPairSpec": spec }));
            assert_eq!(world.counted(), [format!("data-key-pairs-{spec} 1")]);
        }
    }
}

#[test]
fn what_is_beyond_a_quota_is_refused_before_it_is_done() {
    let world = World::new();
    let rsa = world.key_of(KeySpec::Rsa2048, KeyUsageType::SignVerify);
    let ecc = world.key_of(KeySpec::EccNistP256, KeyUsageType::SignVerify);
    *world.tally.used_up.lock().unwrap() = "rsa";
    let sign = |key: &str, algorithm: &str| {
        let input = json!({ "KeyId": key, "Message": "eA==", "SigningAlgorithm": algorithm });
        world.ask(&world.root(), "Sign", &input)
    };
    refused(sign(&rsa, "RSASSA_PSS_SHA_256"), QUOTAS.code, QUOTAS.message);
    assert!(sign(&ecc, "ECDSA_SHA_256").is_ok(), "the others are apart");
    assert!(world.ask(&world.root(), "GetPublicKey", &json!({ "KeyId": rsa })).is_ok());
}

#[test]
fn replicas_count_in_their_own_region() {
    let world = World::new();
    let input = CreateKeyRequest { multi_region: Some(true), ..CreateKeyRequest::default() };
    let key = world.create_key(&world.root(), input).arn.unwrap();
    world.asked("ReplicateKey", &json!({ "KeyId": key, "ReplicaRegion": OTHER_REGION }));
    assert_eq!(world.counted(), [format!("CreateKey of {OTHER_REGION} 2")]);
    world.asked("UpdatePrimaryRegion", &json!({ "KeyId": key, "PrimaryRegion": OTHER_REGION }));
    assert_eq!(world.counted(), [format!("UpdatePrimaryRegion of {OTHER_REGION} 1")]);
    // What KMS does by itself has no quota.
    world.wait(400 * DAY);
    world.run_timers();
    assert_eq!(world.counted(), [""; 0]);
}
