//! What kinds of keys there are, and what each can be used with (KMS Developer Guide, "Key spec reference").

use crate::api::{
    EncapsulationAlgorithmSpec, EncryptionAlgorithmSpec, KeyAgreementAlgorithmSpec, KeySpec, KeyUsageType,
    MacAlgorithmSpec, SigningAlgorithmSpec,
};
use crate::key::Key;
use crate::{last_usage, quotas, state};
use keyring::MaterialSpec;
use platform::{Cx, Fault};
use primitives::{EncryptionAlgorithm, Hash, MacSpec, PairSpec, SignatureAlgorithm};
use std::fmt::Display;

/// The algorithms of one kind of key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Algorithms {
    Encryption(&'static [EncryptionAlgorithmSpec]),
    Signing(&'static [SigningAlgorithmSpec]),
    Mac(&'static [MacAlgorithmSpec]),
    Agreement(&'static [KeyAgreementAlgorithmSpec]),
    Encapsulation(&'static [EncapsulationAlgorithmSpec]),
}

/// The algorithms of a key of this spec and usage; none, if there is no such kind of key.
pub(crate) fn algorithms(spec: KeySpec, usage: KeyUsageType) -> Option<Algorithms> {
    use KeySpec as S;
    use KeyUsageType as U;
    use SigningAlgorithmSpec as A;
    const OAEP: &[EncryptionAlgorithmSpec] =
        &[EncryptionAlgorithmSpec::RsaesOaepSha1, EncryptionAlgorithmSpec::RsaesOaepSha256];
    const RSA: &[A] = &[
        A::RsassaPkcs1V15Sha256,
        A::RsassaPkcs1V15Sha384,
        A::RsassaPkcs1V15Sha512,
        A::RsassaPssSha256,
        A::RsassaPssSha384,
        A::RsassaPssSha512,
    ];
    Some(match (spec, usage) {
        (S::SymmetricDefault, U::EncryptDecrypt) => {
            Algorithms::Encryption(&[EncryptionAlgorithmSpec::SymmetricDefault])
        }
        (S::Rsa2048 | S::Rsa3072 | S::Rsa4096, U::EncryptDecrypt) => Algorithms::Encryption(OAEP),
        (S::Sm2, U::EncryptDecrypt) => Algorithms::Encryption(&[EncryptionAlgorithmSpec::Sm2pke]),
        (S::Rsa2048 | S::Rsa3072 | S::Rsa4096, U::SignVerify) => Algorithms::Signing(RSA),
        (S::EccNistP256 | S::EccSecgP256k1, U::SignVerify) => Algorithms::Signing(&[A::EcdsaSha256]),
        (S::EccNistP384, U::SignVerify) => Algorithms::Signing(&[A::EcdsaSha384]),
        (S::EccNistP521, U::SignVerify) => Algorithms::Signing(&[A::EcdsaSha512]),
        (S::EccNistEdwards25519, U::SignVerify) => {
            Algorithms::Signing(&[A::Ed25519Sha512, A::Ed25519PhSha512])
        }
        (S::Sm2, U::SignVerify) => Algorithms::Signing(&[A::Sm2dsa]),
        (S::MlDsa44 | S::MlDsa65 | S::MlDsa87, U::SignVerify) => Algorithms::Signing(&[A::MlDsaShake256]),
        (S::Hmac224, U::GenerateVerifyMac) => Algorithms::Mac(&[MacAlgorithmSpec::HmacSha224]),
        (S::Hmac256, U::GenerateVerifyMac) => Algorithms::Mac(&[MacAlgorithmSpec::HmacSha256]),
        (S::Hmac384, U::GenerateVerifyMac) => Algorithms::Mac(&[MacAlgorithmSpec::HmacSha384]),
        (S::Hmac512, U::GenerateVerifyMac) => Algorithms::Mac(&[MacAlgorithmSpec::HmacSha512]),
        (S::EccNistP256 | S::EccNistP384 | S::EccNistP521 | S::Sm2, U::KeyAgreement) => {
            Algorithms::Agreement(&[KeyAgreementAlgorithmSpec::Ecdh])
        }
        (S::MlKem512 | S::MlKem768 | S::MlKem1024, U::EncapsulateDecapsulate) => {
            Algorithms::Encapsulation(&[EncapsulationAlgorithmSpec::MlKem])
        }
        _ => return None,
    })
}

/// What keys of a spec are made of.
pub(crate) fn material(spec: KeySpec) -> MaterialSpec {
    match spec {
        KeySpec::SymmetricDefault => MaterialSpec::Symmetric,
        KeySpec::Hmac224 => MaterialSpec::Mac(MacSpec::Hmac224),
        KeySpec::Hmac256 => MaterialSpec::Mac(MacSpec::Hmac256),
        KeySpec::Hmac384 => MaterialSpec::Mac(MacSpec::Hmac384),
        KeySpec::Hmac512 => MaterialSpec::Mac(MacSpec::Hmac512),
        KeySpec::Rsa2048 => MaterialSpec::Pair(PairSpec::Rsa2048),
        KeySpec::Rsa3072 => MaterialSpec::Pair(PairSpec::Rsa3072),
        KeySpec::Rsa4096 => MaterialSpec::Pair(PairSpec::Rsa4096),
        KeySpec::EccNistP256 => MaterialSpec::Pair(PairSpec::P256),
        KeySpec::EccNistP384 => MaterialSpec::Pair(PairSpec::P384),
        KeySpec::EccNistP521 => MaterialSpec::Pair(PairSpec::P521),
        KeySpec::EccSecgP256k1 => MaterialSpec::Pair(PairSpec::Secp256k1),
        KeySpec::EccNistEdwards25519 => MaterialSpec::Pair(PairSpec::Ed25519),
        KeySpec::Sm2 => MaterialSpec::Pair(PairSpec::Sm2),
        KeySpec::MlDsa44 => MaterialSpec::Pair(PairSpec::MlDsa44),
        KeySpec::MlDsa65 => MaterialSpec::Pair(PairSpec::MlDsa65),
        KeySpec::MlDsa87 => MaterialSpec::Pair(PairSpec::MlDsa87),
        KeySpec::MlKem512 => MaterialSpec::Pair(PairSpec::MlKem512),
        KeySpec::MlKem768 => MaterialSpec::Pair(PairSpec::MlKem768),
        KeySpec::MlKem1024 => MaterialSpec::Pair(PairSpec::MlKem1024),
    }
}

/// Whether it takes more than milliseconds to make a key pair of a spec.
pub(crate) fn is_slow_to_make(spec: KeySpec) -> bool {
    matches!(spec, KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096)
}

/// Whether what is done with private keys of a spec takes about a millisecond or more. Setting it aside costs tens of microseconds.
pub(crate) fn is_slow_to_use(spec: KeySpec) -> bool {
    matches!(spec, KeySpec::Rsa3072 | KeySpec::Rsa4096)
}

/// The algorithm as the keys themselves know it.
pub(crate) fn signature(algorithm: SigningAlgorithmSpec) -> SignatureAlgorithm {
    match algorithm {
        SigningAlgorithmSpec::RsassaPssSha256 => SignatureAlgorithm::RsaPss(Hash::Sha256),
        SigningAlgorithmSpec::RsassaPssSha384 => SignatureAlgorithm::RsaPss(Hash::Sha384),
        SigningAlgorithmSpec::RsassaPssSha512 => SignatureAlgorithm::RsaPss(Hash::Sha512),
        SigningAlgorithmSpec::RsassaPkcs1V15Sha256 => SignatureAlgorithm::RsaPkcs1(Hash::Sha256),
        SigningAlgorithmSpec::RsassaPkcs1V15Sha384 => SignatureAlgorithm::RsaPkcs1(Hash::Sha384),
        SigningAlgorithmSpec::RsassaPkcs1V15Sha512 => SignatureAlgorithm::RsaPkcs1(Hash::Sha512),
        SigningAlgorithmSpec::EcdsaSha256 => SignatureAlgorithm::Ecdsa(Hash::Sha256),
        SigningAlgorithmSpec::EcdsaSha384 => SignatureAlgorithm::Ecdsa(Hash::Sha384),
        SigningAlgorithmSpec::EcdsaSha512 => SignatureAlgorithm::Ecdsa(Hash::Sha512),
        SigningAlgorithmSpec::Sm2dsa => SignatureAlgorithm::Sm2Dsa,
        SigningAlgorithmSpec::MlDsaShake256 => SignatureAlgorithm::MlDsa,
        SigningAlgorithmSpec::Ed25519Sha512 => SignatureAlgorithm::Ed25519,
        SigningAlgorithmSpec::Ed25519PhSha512 => SignatureAlgorithm::Ed25519Ph,
    }
}

/// The algorithm as key pairs know it; none for that of symmetric keys.
pub(crate) fn encryption(algorithm: EncryptionAlgorithmSpec) -> Option<EncryptionAlgorithm> {
    match algorithm {
        EncryptionAlgorithmSpec::SymmetricDefault => None,
        EncryptionAlgorithmSpec::RsaesOaepSha1 => Some(EncryptionAlgorithm::OaepSha1),
        EncryptionAlgorithmSpec::RsaesOaepSha256 => Some(EncryptionAlgorithm::OaepSha256),
        EncryptionAlgorithmSpec::Sm2pke => Some(EncryptionAlgorithm::Sm2Pke),
    }
}

/// The longest plaintext that a key pair encrypts, in bytes (API Reference, Encrypt: `Plaintext`).
pub(crate) fn plaintext_max(spec: KeySpec, algorithm: EncryptionAlgorithm) -> usize {
    match (spec, algorithm) {
        (KeySpec::Rsa2048, EncryptionAlgorithm::OaepSha1) => 214,
        (KeySpec::Rsa2048, EncryptionAlgorithm::OaepSha256) => 190,
        (KeySpec::Rsa3072, EncryptionAlgorithm::OaepSha1) => 342,
        (KeySpec::Rsa3072, EncryptionAlgorithm::OaepSha256) => 318,
        (KeySpec::Rsa4096, EncryptionAlgorithm::OaepSha1) => 470,
        (KeySpec::Rsa4096, EncryptionAlgorithm::OaepSha256) => 446,
        (KeySpec::Sm2, EncryptionAlgorithm::Sm2Pke) => 1024,
        _ => 0,
    }
}

/// One of the kinds of algorithms.
pub(crate) trait Algorithm: Copy + Display + PartialEq + 'static {
    /// What keys are for that have such algorithms.
    const USAGE: KeyUsageType;

    /// The condition key that is the algorithm (Service Authorization Reference).
    const CONDITION: Option<&'static str>;

    /// The value on the wire.
    fn text(self) -> &'static str;

    /// Those of a key, if it has any of this kind.
    fn among(algorithms: Algorithms) -> Option<&'static [Self]>;
}

macro_rules! algorithm {
    ($($type:ty, $variant:ident, $usage:ident, $condition:expr;)+) => { $(
        impl Algorithm for $type {
            const USAGE: KeyUsageType = KeyUsageType::$usage;
            const CONDITION: Option<&'static str> = $condition;

            fn text(self) -> &'static str {
                self.as_str()
            }

            fn among(algorithms: Algorithms) -> Option<&'static [Self]> {
                match algorithms {
                    Algorithms::$variant(list) => Some(list),
                    _ => None,
                }
            }
        }
    )+ };
}

algorithm! {
    EncryptionAlgorithmSpec, Encryption, EncryptDecrypt, Some("kms:EncryptionAlgorithm");
    SigningAlgorithmSpec, Signing, SignVerify, Some("kms:SigningAlgorithm");
    MacAlgorithmSpec, Mac, GenerateVerifyMac, Some("kms:MacAlgorithm");
    KeyAgreementAlgorithmSpec, Agreement, KeyAgreement, Some("kms:KeyAgreementAlgorithm");
    EncapsulationAlgorithmSpec, Encapsulation, EncapsulateDecapsulate, None;
}

impl Key {
    /// The algorithms of one kind that it can be used with, if it has any of that kind.
    pub(crate) fn algorithms<A: Algorithm>(&self) -> Option<&'static [A]> {
        algorithms(self.spec.0, self.usage.0).and_then(A::among)
    }

    /// Whether it is a key pair.
    pub(crate) fn is_pair(&self) -> bool {
        matches!(material(self.spec.0), MaterialSpec::Pair(_))
    }

    /// Requires that its state, usage and spec permit a cryptographic operation, and notes the use.
    pub(crate) fn require<A: Algorithm>(
        &self,
        cx: &mut Cx<'_>,
        operation: &str,
        algorithm: A,
    ) -> Result<(), Fault> {
        quotas::count_use(cx, self, operation)?;
        state::USE.require(self)?;
        let (usage, spec) = (self.usage.0, self.spec.0);
        let message = if usage != A::USAGE {
            format!("{} key usage is {usage} which is not valid for {operation}.", self.arn)
        } else if !self.algorithms().is_some_and(|list: &[A]| list.contains(&algorithm)) {
            format!("Algorithm {algorithm} is incompatible with key spec {spec}.")
        } else {
            return last_usage::note(cx, self, operation);
        };
        Err(Fault::new("InvalidKeyUsageException", message))
    }
}
