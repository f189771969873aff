//! ECDSA (FIPS 186-5) on the NIST curves and secp256k1, and ECDH (NIST SP 800-56A) on the former.

use crate::pair::{Private, Public};
use crate::{Error, Hash, Message, PairSpec, SignatureAlgorithm};
use aws_lc_rs::agreement;
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_ASN1,
    ECDSA_P256K1_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING,
    ECDSA_P521_SHA512_ASN1, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    EcdsaVerificationAlgorithm, KeyPair as _, ParsedPublicKey,
};
use pkcs8::der::Decode as _;
use pkcs8::spki::SubjectPublicKeyInfoRef;
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// What goes with a curve. Each has one hash function, the one of its size.
struct Curve {
    hash: Hash,
    signing: &'static EcdsaSigningAlgorithm,
    verifying: &'static EcdsaVerificationAlgorithm,
    agreeing: Option<&'static agreement::Algorithm>,
}

static P256: Curve = Curve {
    hash: Hash::Sha256,
    signing: &ECDSA_P256_SHA256_ASN1_SIGNING,
    verifying: &ECDSA_P256_SHA256_ASN1,
    agreeing: Some(&agreement::ECDH_P256),
};

static P384: Curve = Curve {
    hash: Hash::Sha384,
    signing: &ECDSA_P384_SHA384_ASN1_SIGNING,
    verifying: &ECDSA_P384_SHA384_ASN1,
    agreeing: Some(&agreement::ECDH_P384),
};

static P521: Curve = Curve {
    hash: Hash::Sha512,
    signing: &ECDSA_P521_SHA512_ASN1_SIGNING,
    verifying: &ECDSA_P521_SHA512_ASN1,
    agreeing: Some(&agreement::ECDH_P521),
};

static SECP256K1: Curve = Curve {
    hash: Hash::Sha256,
    signing: &ECDSA_P256K1_SHA256_ASN1_SIGNING,
    verifying: &ECDSA_P256K1_SHA256_ASN1,
    agreeing: None,
};

fn curve(spec: PairSpec) -> &'static Curve {
    match spec {
        PairSpec::P256 => &P256,
        PairSpec::P384 => &P384,
        PairSpec::P521 => &P521,
        _ => &SECP256K1,
    }
}

pub(crate) struct Ec {
    curve: &'static Curve,
    pair: EcdsaKeyPair,
    /// The same key once more, as the library takes it to agree: made when it is first wanted.
    agreeing: OnceLock<agreement::PrivateKey>,
}

impl Ec {
    pub(crate) fn generate(spec: PairSpec) -> Result<Self, Error> {
        let curve = curve(spec);
        Ok(Self { curve, pair: EcdsaKeyPair::generate(curve.signing)?, agreeing: OnceLock::new() })
    }

    pub(crate) fn from_pkcs8(spec: PairSpec, pkcs8: &[u8]) -> Result<Self, Error> {
        let curve = curve(spec);
        let pair = EcdsaKeyPair::from_pkcs8(curve.signing, pkcs8).map_err(|_| Error::Key)?;
        Ok(Self { curve, pair, agreeing: OnceLock::new() })
    }

    fn agreeing(&self, algorithm: &'static agreement::Algorithm) -> Result<&agreement::PrivateKey, Error> {
        if let Some(key) = self.agreeing.get() {
            return Ok(key);
        }
        let key = agreement::PrivateKey::from_private_key_der(algorithm, &self.pkcs8()?)
            .map_err(|_| Error::Library)?;
        Ok(self.agreeing.get_or_init(|| key))
    }
}

impl Private for Ec {
    fn encode(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.pkcs8()
    }

    fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        Ok(Zeroizing::new(self.pair.to_pkcs8v1()?.as_ref().to_vec()))
    }

    fn spki(&self) -> Result<Vec<u8>, Error> {
        let der: PublicKeyX509Der<'_> = self.pair.public_key().as_der()?;
        Ok(der.as_ref().to_vec())
    }

    fn sign(&self, algorithm: SignatureAlgorithm, message: Message<'_>) -> Result<Vec<u8>, Error> {
        if algorithm != SignatureAlgorithm::Ecdsa(self.curve.hash) {
            return Err(Error::Algorithm);
        }
        let signature = match message {
            Message::Raw(message) => self.pair.sign(&SystemRandom::new(), message)?,
            Message::Digest(digest) => self.pair.sign_digest(&self.curve.hash.import(digest)?)?,
            Message::ExternalMu(_) => return Err(Error::Algorithm),
        };
        Ok(signature.as_ref().to_vec())
    }

    fn agree(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let algorithm = self.curve.agreeing.ok_or(Error::Algorithm)?;
        require_same_curve(&self.spki()?, peer)?;
        let peer = agreement::UnparsedPublicKey::new(algorithm, peer);
        let copy = |secret: &[u8]| Ok(Zeroizing::new(secret.to_vec()));
        agreement::agree(self.agreeing(algorithm)?, peer, Error::PublicKey, copy)
    }
}

/// Requires that the peer's key names the same curve. The library takes bare points and spelled-out parameters as well, which RFC 5480
/// forbids (section 2.1.1).
fn require_same_curve(own: &[u8], peer: &[u8]) -> Result<(), Error> {
    let parse = |spki| SubjectPublicKeyInfoRef::from_der(spki).map_err(|_| Error::PublicKey);
    if parse(own)?.algorithm == parse(peer)?.algorithm { Ok(()) } else { Err(Error::PublicKey) }
}

pub(crate) struct Verifier {
    hash: Hash,
    key: ParsedPublicKey,
}

impl Verifier {
    pub(crate) fn new(spec: PairSpec, spki: &[u8]) -> Result<Self, Error> {
        let Curve { hash, verifying, .. } = *curve(spec);
        let key = ParsedPublicKey::new(verifying, spki).map_err(|_| Error::PublicKey)?;
        Ok(Self { hash, key })
    }
}

impl Public for Verifier {
    fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: Message<'_>,
        signature: &[u8],
    ) -> Result<bool, Error> {
        if algorithm != SignatureAlgorithm::Ecdsa(self.hash) {
            return Err(Error::Algorithm);
        }
        Ok(match message {
            Message::Raw(message) => self.key.verify_sig(message, signature),
            Message::Digest(digest) => self.key.verify_digest_sig(&self.hash.import(digest)?, signature),
            Message::ExternalMu(_) => return Err(Error::Algorithm),
        }
        .is_ok())
    }
}
