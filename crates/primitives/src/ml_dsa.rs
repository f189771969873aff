//! ML-DSA (FIPS 204). Keys are kept as their seeds.

use crate::pair::{Private, Public};
use crate::random::{AwsLc, random};
use crate::{Error, Message, PairSpec, SignatureAlgorithm, der};
use ::ml_dsa::{ExpandedSigningKey, MlDsa44, MlDsa65, MlDsa87, MlDsaParams, Signature, VerifyingKey};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{
    KeyPair as _, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING, ML_DSA_87, ML_DSA_87_SIGNING,
    ParsedPublicKey, PqdsaKeyPair, PqdsaSigningAlgorithm, PqdsaVerificationAlgorithm,
};
use pkcs8::ObjectIdentifier;
use zeroize::Zeroizing;

/// How many bytes a seed has.
const SEED_BYTES: usize = 32;

/// How a seed begins in PKCS#8: `seed [0] OCTET STRING (SIZE (32))` (RFC 9881, section 6).
const SEED_TAG: [u8; 2] = [0x80, 32];

/// Signs an external mu with the key of a seed.
type SignMu = fn(seed: &[u8; SEED_BYTES], mu: &[u8; 64]) -> Result<Vec<u8>, Error>;

/// Verifies the signature of an external mu with a public key.
type VerifyMu = fn(key: &[u8], mu: &[u8; 64], signature: &[u8]) -> Result<bool, Error>;

/// What goes with a parameter set.
struct Parameters {
    oid: ObjectIdentifier,
    signing: &'static PqdsaSigningAlgorithm,
    verifying: &'static PqdsaVerificationAlgorithm,
    sign_mu: SignMu,
    verify_mu: VerifyMu,
}

static P44: Parameters = Parameters {
    oid: der::ML_DSA_44,
    signing: &ML_DSA_44_SIGNING,
    verifying: &ML_DSA_44,
    sign_mu: sign_mu::<MlDsa44>,
    verify_mu: verify_mu::<MlDsa44>,
};

static P65: Parameters = Parameters {
    oid: der::ML_DSA_65,
    signing: &ML_DSA_65_SIGNING,
    verifying: &ML_DSA_65,
    sign_mu: sign_mu::<MlDsa65>,
    verify_mu: verify_mu::<MlDsa65>,
};

static P87: Parameters = Parameters {
    oid: der::ML_DSA_87,
    signing: &ML_DSA_87_SIGNING,
    verifying: &ML_DSA_87,
    sign_mu: sign_mu::<MlDsa87>,
    verify_mu: verify_mu::<MlDsa87>,
};

fn parameters(spec: PairSpec) -> &'static Parameters {
    match spec {
        PairSpec::MlDsa44 => &P44,
        PairSpec::MlDsa65 => &P65,
        _ => &P87,
    }
}

pub(crate) struct MlDsa {
    parameters: &'static Parameters,
    pair: PqdsaKeyPair,
    seed: Zeroizing<[u8; SEED_BYTES]>,
}

impl MlDsa {
    pub(crate) fn generate(spec: PairSpec) -> Result<Self, Error> {
        Self::from_seed(spec, &random(SEED_BYTES)?)
    }

    pub(crate) fn from_seed(spec: PairSpec, seed: &[u8]) -> Result<Self, Error> {
        let parameters = parameters(spec);
        let seed: [u8; SEED_BYTES] = seed.try_into().map_err(|_| Error::Key)?;
        let seed = Zeroizing::new(seed);
        let pair = PqdsaKeyPair::from_seed(parameters.signing, seed.as_slice()).map_err(|_| Error::Key)?;
        Ok(Self { parameters, pair, seed })
    }

    /// The library sees to it that a seed and an expanded key beside it belong together.
    pub(crate) fn from_pkcs8(spec: PairSpec, pkcs8: &[u8]) -> Result<Self, Error> {
        let Parameters { oid, signing, .. } = parameters(spec);
        let pair = PqdsaKeyPair::from_pkcs8(signing, pkcs8).map_err(|_| Error::Key)?;
        let canonical = pair.to_pkcs8v1().map_err(|_| Error::Key)?;
        let seed = der::private_key(*oid, canonical.as_ref())?.strip_prefix(&SEED_TAG).ok_or(Error::Key)?;
        Self::from_seed(spec, seed)
    }
}

impl Private for MlDsa {
    fn encode(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        Ok(Zeroizing::new(self.seed.to_vec()))
    }

    fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        Ok(Zeroizing::new(self.pair.to_pkcs8v1()?.as_ref().to_vec()))
    }

    fn spki(&self) -> Result<Vec<u8>, Error> {
        let der: PublicKeyX509Der<'_> = self.pair.public_key().as_der()?;
        Ok(der.as_ref().to_vec())
    }

    fn sign(&self, algorithm: SignatureAlgorithm, message: Message<'_>) -> Result<Vec<u8>, Error> {
        match (algorithm, message) {
            (SignatureAlgorithm::MlDsa, Message::Raw(message)) => {
                let mut signature = vec![0; self.parameters.signing.signature_len()];
                let length = self.pair.sign(message, &mut signature)?;
                signature.truncate(length);
                Ok(signature)
            }
            (SignatureAlgorithm::MlDsa, Message::ExternalMu(mu)) => {
                (self.parameters.sign_mu)(&self.seed, mu.try_into().map_err(|_| Error::DigestLength)?)
            }
            _ => Err(Error::Algorithm),
        }
    }
}

pub(crate) struct Verifier {
    parameters: &'static Parameters,
    key: ParsedPublicKey,
    raw: Vec<u8>,
}

impl Verifier {
    pub(crate) fn new(spec: PairSpec, spki: &[u8]) -> Result<Self, Error> {
        let parameters = parameters(spec);
        let raw = der::public_key(parameters.oid, spki)?.to_vec();
        let key = ParsedPublicKey::new(parameters.verifying, spki).map_err(|_| Error::PublicKey)?;
        Ok(Self { parameters, key, raw })
    }
}

impl Public for Verifier {
    fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: Message<'_>,
        signature: &[u8],
    ) -> Result<bool, Error> {
        match (algorithm, message) {
            (SignatureAlgorithm::MlDsa, Message::Raw(message)) => {
                Ok(self.key.verify_sig(message, signature).is_ok())
            }
            (SignatureAlgorithm::MlDsa, Message::ExternalMu(mu)) => {
                let mu = mu.try_into().map_err(|_| Error::DigestLength)?;
                (self.parameters.verify_mu)(&self.raw, mu, signature)
            }
            _ => Err(Error::Algorithm),
        }
    }
}

fn sign_mu<P: MlDsaParams>(seed: &[u8; SEED_BYTES], mu: &[u8; 64]) -> Result<Vec<u8>, Error> {
    let key = Box::new(ExpandedSigningKey::<P>::from_seed(seed.into()));
    let signature = key.sign_mu_randomized(mu.into(), &mut AwsLc).map_err(|_| Error::Library)?;
    Ok(signature.encode().to_vec())
}

fn verify_mu<P: MlDsaParams>(key: &[u8], mu: &[u8; 64], signature: &[u8]) -> Result<bool, Error> {
    let key = Box::new(VerifyingKey::<P>::decode(key.try_into().map_err(|_| Error::PublicKey)?));
    let signature = Signature::<P>::try_from(signature);
    Ok(signature.is_ok_and(|signature| key.verify_mu(mu.into(), &signature)))
}
