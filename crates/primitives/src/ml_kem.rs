//! ML-KEM (FIPS 203). Keys are kept as their seeds: 64 bytes, d and z.

use crate::pair::{Encapsulated, Private, Public};
use crate::random::random;
use crate::{Error, PairSpec, der};
use ::ml_kem::kem::KeyExport as _;
use ::ml_kem::{DecapsulationKey512, DecapsulationKey768, DecapsulationKey1024};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::kem::{self, DecapsulationKey, EncapsulationKey};
use pkcs8::ObjectIdentifier;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{Decode as _, Reader as _, SliceReader};
use zeroize::Zeroizing;

/// How many bytes a seed has.
const SEED_BYTES: usize = 64;

/// How a seed begins in PKCS#8: `seed [0] OCTET STRING (SIZE (64))` (RFC 9935, section 6).
const SEED_TAG: [u8; 2] = [0x80, 64];

/// What goes with a parameter set.
struct Parameters {
    oid: ObjectIdentifier,
    algorithm: &'static kem::Algorithm,
    ciphertext_bytes: usize,
    expand: fn(&[u8; SEED_BYTES]) -> Expanded,
}

/// A key pair as FIPS 203 writes it.
struct Expanded {
    decapsulation_key: Zeroizing<Vec<u8>>,
    encapsulation_key: Vec<u8>,
}

/// aws-lc-rs makes no keys from seeds. A macro, as no trait is public that all three have in common.
macro_rules! expand {
    ($key:ty) => {
        |seed| {
            let key = <$key>::from_seed((*seed).into());
            Expanded {
                decapsulation_key: expanded(&key),
                encapsulation_key: key.encapsulation_key().to_bytes().to_vec(),
            }
        }
    };
}

#[expect(deprecated, reason = "the expanded form goes to aws-lc-rs, which takes no other, and nowhere else")]
fn expanded(key: &impl ::ml_kem::ExpandedKeyEncoding) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Zeroizing::new(key.to_expanded_bytes()).to_vec())
}

static P512: Parameters = Parameters {
    oid: der::ML_KEM_512,
    algorithm: &kem::ML_KEM_512,
    ciphertext_bytes: 768,
    expand: expand!(DecapsulationKey512),
};

static P768: Parameters = Parameters {
    oid: der::ML_KEM_768,
    algorithm: &kem::ML_KEM_768,
    ciphertext_bytes: 1088,
    expand: expand!(DecapsulationKey768),
};

static P1024: Parameters = Parameters {
    oid: der::ML_KEM_1024,
    algorithm: &kem::ML_KEM_1024,
    ciphertext_bytes: 1568,
    expand: expand!(DecapsulationKey1024),
};

fn parameters(spec: PairSpec) -> &'static Parameters {
    match spec {
        PairSpec::MlKem512 => &P512,
        PairSpec::MlKem768 => &P768,
        _ => &P1024,
    }
}

pub(crate) struct MlKem {
    parameters: &'static Parameters,
    key: DecapsulationKey,
    encapsulation_key: Vec<u8>,
    seed: Zeroizing<[u8; SEED_BYTES]>,
}

impl MlKem {
    pub(crate) fn generate(spec: PairSpec) -> Result<Self, Error> {
        Self::from_seed(spec, &random(SEED_BYTES)?)
    }

    pub(crate) fn from_seed(spec: PairSpec, seed: &[u8]) -> Result<Self, Error> {
        let parameters = parameters(spec);
        let seed = Zeroizing::new(seed.try_into().map_err(|_| Error::Key)?);
        let Expanded { decapsulation_key, encapsulation_key } = (parameters.expand)(&seed);
        let key =
            DecapsulationKey::new(parameters.algorithm, &decapsulation_key).map_err(|_| Error::Library)?;
        Ok(Self { parameters, key, encapsulation_key, seed })
    }

    /// Takes the forms with a seed; an expanded key beside it has to be the seed's.
    pub(crate) fn from_pkcs8(spec: PairSpec, pkcs8: &[u8]) -> Result<Self, Error> {
        let parameters = parameters(spec);
        let inner = der::private_key(parameters.oid, pkcs8)?;
        if let Some(seed) = inner.strip_prefix(&SEED_TAG) {
            return Self::from_seed(spec, seed);
        }
        let (seed, expanded) = both(inner).map_err(|_| Error::Key)?;
        let key = Self::from_seed(spec, seed)?;
        let belongs = (parameters.expand)(&key.seed).decapsulation_key;
        verify_slices_are_equal(&belongs, expanded).map_err(|_| Error::Key)?;
        Ok(key)
    }
}

/// `SEQUENCE { seed OCTET STRING, expandedKey OCTET STRING }`
fn both(der: &[u8]) -> pkcs8::der::Result<(&[u8], &[u8])> {
    let mut reader = SliceReader::new(der)?;
    let parts = reader.sequence(|parts| {
        let seed = <&OctetStringRef>::decode(parts)?;
        let expanded = <&OctetStringRef>::decode(parts)?;
        Ok::<_, pkcs8::der::Error>((seed.as_bytes(), expanded.as_bytes()))
    })?;
    reader.finish()?;
    Ok(parts)
}

impl Private for MlKem {
    fn encode(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        Ok(Zeroizing::new(self.seed.to_vec()))
    }

    fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut inner = Zeroizing::new(Vec::with_capacity(SEED_TAG.len() + SEED_BYTES));
        inner.extend_from_slice(&SEED_TAG);
        inner.extend_from_slice(self.seed.as_slice());
        der::pkcs8(self.parameters.oid, &inner)
    }

    fn spki(&self) -> Result<Vec<u8>, Error> {
        der::spki(self.parameters.oid, &self.encapsulation_key)
    }

    fn decapsulate(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        if ciphertext.len() != self.parameters.ciphertext_bytes {
            return Err(Error::Ciphertext);
        }
        let secret = self.key.decapsulate(ciphertext.into())?;
        Ok(Zeroizing::new(secret.as_ref().to_vec()))
    }
}

pub(crate) struct Encapsulator(EncapsulationKey);

impl Encapsulator {
    pub(crate) fn new(spec: PairSpec, spki: &[u8]) -> Result<Self, Error> {
        let Parameters { oid, algorithm, .. } = parameters(spec);
        let raw = der::public_key(*oid, spki)?;
        EncapsulationKey::new(algorithm, raw).map(Self).map_err(|_| Error::PublicKey)
    }
}

impl Public for Encapsulator {
    fn encapsulate(&self) -> Result<Encapsulated, Error> {
        let (ciphertext, secret) = self.0.encapsulate()?;
        Ok((ciphertext.as_ref().to_vec(), Zeroizing::new(secret.as_ref().to_vec())))
    }
}
