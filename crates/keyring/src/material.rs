//! The material of KMS keys, of every kind: sealed by a barrier of its own, of use at its own place only, and kept open for a while
//! once used.
//!
//! What is sealed of a symmetric key are its 32 bytes; of any other, a byte for its spec, and then what [`primitives`] makes of it,
//! which never are 32 bytes together.

use crate::barrier::Barrier;
use crate::secret::{KEY_BYTES, Secret};
use crate::shreds::{ID_BYTES as SHRED_ID_BYTES, Shreds};
use crate::{BackingKey, KeyringError, Random};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use primitives::{KeyPair, KeyWrapping, MacKey, MacSpec, PairSpec};
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};
use std::sync::Arc;
use zeroize::Zeroizing;

/// How much material stays open, in units of [`Material::weight`].
const OPEN_WEIGHT_MAX: u64 = 16_384;

/// What kind of material.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MaterialSpec {
    /// 256 bits, from which the keys of messages are derived.
    Symmetric,
    /// A key of HMAC.
    Mac(MacSpec),
    /// A key pair.
    Pair(PairSpec),
}

/// Material as it may be stored: sealed, and of use at its own place only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedKey(pub Vec<u8>);

/// One version of a KMS key's material, open for use. What it consists of is wiped when it is dropped.
#[derive(Debug)]
pub enum Material {
    /// Of a symmetric key.
    Symmetric(BackingKey),
    /// Of a key for message authentication codes.
    Mac(MacKey),
    /// Of an asymmetric key.
    Pair(KeyPair),
}

impl Material {
    /// The backing key of a symmetric key.
    ///
    /// # Errors
    /// [`KeyringError::OtherKind`]
    pub fn symmetric(&self) -> Result<&BackingKey, KeyringError> {
        if let Self::Symmetric(key) = self { Ok(key) } else { Err(KeyringError::OtherKind) }
    }

    /// The key of HMAC.
    ///
    /// # Errors
    /// [`KeyringError::OtherKind`]
    pub fn mac(&self) -> Result<&MacKey, KeyringError> {
        if let Self::Mac(key) = self { Ok(key) } else { Err(KeyringError::OtherKind) }
    }

    /// The key pair.
    ///
    /// # Errors
    /// [`KeyringError::OtherKind`]
    pub fn pair(&self) -> Result<&KeyPair, KeyringError> {
        if let Self::Pair(pair) = self { Ok(pair) } else { Err(KeyringError::OtherKind) }
    }

    /// Reads what was sealed.
    fn read(plaintext: &[u8]) -> Result<Self, KeyringError> {
        if let Some(secret) = Secret::copy_of(plaintext) {
            return Ok(Self::Symmetric(BackingKey::new(secret)));
        }
        let (&tag, encoded) = plaintext.split_first().ok_or(KeyringError::Refused)?;
        match untag(tag).ok_or(KeyringError::Refused)? {
            MaterialSpec::Symmetric => return Err(KeyringError::Refused),
            MaterialSpec::Mac(spec) => MacKey::read(spec, encoded).map(Self::Mac),
            MaterialSpec::Pair(spec) => KeyPair::read(spec, encoded).map(Self::Pair),
        }
        .map_err(|_| KeyringError::Refused)
    }

    /// About how much memory it takes, in units of 4 KiB, with what libraries keep beside a key.
    fn weight(&self) -> u64 {
        match self {
            Self::Symmetric(_) | Self::Mac(_) => 1,
            Self::Pair(pair) => match pair.public_key().spec() {
                PairSpec::P256
                | PairSpec::P384
                | PairSpec::P521
                | PairSpec::Secp256k1
                | PairSpec::Ed25519
                | PairSpec::Sm2 => 1,
                PairSpec::Rsa2048 | PairSpec::MlKem512 | PairSpec::MlKem768 => 2,
                _ => 4,
            },
        }
    }
}

/// What is sealed of material that is not symmetric.
fn tagged(spec: MaterialSpec, encoded: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
    let mut plaintext = Zeroizing::new(Vec::with_capacity(1 + encoded.len()));
    plaintext.push(tag(spec).ok_or(KeyringError::Cryptography)?);
    plaintext.extend_from_slice(encoded);
    // It would be taken for a symmetric key.
    if plaintext.len() == KEY_BYTES { Err(KeyringError::Cryptography) } else { Ok(plaintext) }
}

/// The byte that stands for a spec, if it has one.
fn tag(spec: MaterialSpec) -> Option<u8> {
    TAGS.iter().find(|(_, tagged)| *tagged == spec).map(|(tag, _)| *tag)
}

fn untag(tag: u8) -> Option<MaterialSpec> {
    TAGS.iter().find(|(byte, _)| *byte == tag).map(|(_, spec)| *spec)
}

/// They are stored: a number is never given to another spec.
const TAGS: [(u8, MaterialSpec); 19] = [
    (1, MaterialSpec::Mac(MacSpec::Hmac224)),
    (2, MaterialSpec::Mac(MacSpec::Hmac256)),
    (3, MaterialSpec::Mac(MacSpec::Hmac384)),
    (4, MaterialSpec::Mac(MacSpec::Hmac512)),
    (5, MaterialSpec::Pair(PairSpec::Rsa2048)),
    (6, MaterialSpec::Pair(PairSpec::Rsa3072)),
    (7, MaterialSpec::Pair(PairSpec::Rsa4096)),
    (8, MaterialSpec::Pair(PairSpec::P256)),
    (9, MaterialSpec::Pair(PairSpec::P384)),
    (10, MaterialSpec::Pair(PairSpec::P521)),
    (11, MaterialSpec::Pair(PairSpec::Secp256k1)),
    (12, MaterialSpec::Pair(PairSpec::Ed25519)),
    (13, MaterialSpec::Pair(PairSpec::Sm2)),
    (14, MaterialSpec::Pair(PairSpec::MlDsa44)),
    (15, MaterialSpec::Pair(PairSpec::MlDsa65)),
    (16, MaterialSpec::Pair(PairSpec::MlDsa87)),
    (17, MaterialSpec::Pair(PairSpec::MlKem512)),
    (18, MaterialSpec::Pair(PairSpec::MlKem768)),
    (19, MaterialSpec::Pair(PairSpec::MlKem1024)),
];

/// The material of a keyring.
pub(crate) struct Materials {
    barrier: Barrier,
    pub(crate) shreds: Shreds,
    open: Cache<Location<Vec<u8>>, Arc<Material>, Weight>,
}

/// Which material is meant: the very bytes it is sealed in, at their place, so that what is open cannot be had for less than what
/// opened it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Location<T> {
    place: T,
    sealed: T,
}

impl Equivalent<Location<Vec<u8>>> for Location<&[u8]> {
    fn equivalent(&self, other: &Location<Vec<u8>>) -> bool {
        self.place == other.place && self.sealed == other.sealed
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<Location<Vec<u8>>, Arc<Material>> for Weight {
    fn weight(&self, _: &Location<Vec<u8>>, material: &Arc<Material>) -> u64 {
        material.weight()
    }
}

impl Materials {
    pub(crate) fn new(barrier: Barrier, shreds: Shreds) -> Self {
        let estimated = usize::try_from(OPEN_WEIGHT_MAX).unwrap_or(usize::MAX);
        Self { barrier, shreds, open: Cache::with_weighter(estimated, OPEN_WEIGHT_MAX, Weight) }
    }

    pub(crate) fn generate(
        &self,
        place: &[u8],
        spec: MaterialSpec,
        random: &dyn Random,
    ) -> Result<SealedKey, KeyringError> {
        let encoded = match spec {
            MaterialSpec::Symmetric => {
                return self.seal(place, Secret::random(random).bytes());
            }
            MaterialSpec::Mac(spec) => {
                let mut key = Zeroizing::new(vec![0; spec.bytes()]);
                random.fill(&mut key);
                key
            }
            MaterialSpec::Pair(spec) => KeyPair::generate(spec)
                .and_then(|pair| pair.encode())
                .map_err(|_| KeyringError::Cryptography)?,
        };
        self.seal(place, &tagged(spec, &encoded)?)
    }

    /// Symmetric keys and those of HMAC are raw bytes, private keys PKCS#8.
    pub(crate) fn import(
        &self,
        place: &[u8],
        spec: MaterialSpec,
        bytes: &[u8],
    ) -> Result<SealedKey, KeyringError> {
        let encoded = match spec {
            MaterialSpec::Symmetric => {
                let secret = Secret::copy_of(bytes).ok_or(KeyringError::NotMaterial)?;
                return self.seal(place, secret.bytes());
            }
            MaterialSpec::Mac(spec) => {
                MacKey::read(spec, bytes).map_err(|_| KeyringError::NotMaterial)?;
                Zeroizing::new(bytes.to_vec())
            }
            MaterialSpec::Pair(spec) => KeyPair::from_pkcs8(spec, bytes)
                .and_then(|pair| pair.encode())
                .map_err(|_| KeyringError::NotMaterial)?,
        };
        self.seal(place, &tagged(spec, &encoded)?)
    }

    pub(crate) fn import_wrapped(
        &self,
        place: &[u8],
        spec: MaterialSpec,
        unwrapping: &KeyPair,
        wrapping: KeyWrapping,
        wrapped: &[u8],
    ) -> Result<SealedKey, KeyringError> {
        let bytes =
            primitives::unwrap(unwrapping, wrapping, wrapped).map_err(|_| KeyringError::NotUnwrapped)?;
        self.import(place, spec, &bytes)
    }

    pub(crate) fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Arc<Material>, KeyringError> {
        if let Some(material) = self.open.get(&Location { place, sealed }) {
            return Ok(material);
        }
        let material = Arc::new(Material::read(&self.unseal(place, sealed)?)?);
        self.open.insert(Location { place: place.to_vec(), sealed: sealed.to_vec() }, material.clone());
        Ok(material)
    }

    pub(crate) fn reseal(&self, from: &[u8], sealed: &[u8], to: &[u8]) -> Result<SealedKey, KeyringError> {
        self.seal(to, &self.unseal(from, sealed)?)
    }

    pub(crate) fn fingerprint(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyringError> {
        let digest = digest(&SHA256, &self.unseal(place, sealed)?);
        self.barrier.seal(&fingerprint_place(place), digest.as_ref())
    }

    pub(crate) fn has_fingerprint(
        &self,
        place: &[u8],
        sealed: &[u8],
        of: &[u8],
        fingerprint: &[u8],
    ) -> Result<bool, KeyringError> {
        let digest = digest(&SHA256, &self.unseal(place, sealed)?);
        let expected = self.barrier.open(&fingerprint_place(of), fingerprint)?;
        Ok(verify_slices_are_equal(digest.as_ref(), &expected).is_ok())
    }

    /// Closes what is open of the material sealed here.
    pub(crate) fn forget(&self, place: &[u8], sealed: &[u8]) {
        self.open.remove(&Location { place, sealed });
    }

    /// Seals twice: under the owner's shred, and what that gives by the barrier, so that neither is enough without the other.
    fn seal(&self, place: &[u8], plaintext: &[u8]) -> Result<SealedKey, KeyringError> {
        let shredded = self.shreds.seal(owner(place)?, place, plaintext)?;
        let (id, rest) = shredded.split_first_chunk::<SHRED_ID_BYTES>().ok_or(KeyringError::Cryptography)?;
        Ok(SealedKey([&id[..], &self.barrier.seal(place, rest)?].concat()))
    }

    fn unseal(&self, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        let (id, rest) = sealed.split_first_chunk::<SHRED_ID_BYTES>().ok_or(KeyringError::Refused)?;
        let shredded = [&id[..], &self.barrier.open(place, rest)?].concat();
        self.shreds.open_sealed(owner(place)?, place, &shredded)
    }

    /// Nothing stays open, as the owner of something may have been destroyed.
    pub(crate) fn close(&self) {
        self.open.clear();
    }

    pub(crate) fn renew(&self) -> Result<(), KeyringError> {
        self.barrier.renew()
    }
}

/// Whose material is, by its place: of `kind NUL owner NUL …` the second part, of a place without parts all of it.
fn owner(place: &[u8]) -> Result<&str, KeyringError> {
    let mut parts = place.split(|byte| *byte == 0);
    let first = parts.next().unwrap_or_default();
    str::from_utf8(parts.next().unwrap_or(first)).map_err(|_| KeyringError::Refused)
}

/// Where the fingerprint of the material at a place opens, which is no place of material.
fn fingerprint_place(place: &[u8]) -> Vec<u8> {
    [b"fingerprint\0", place].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spec_has_a_tag_of_its_own() {
        let specs = MacSpec::ALL.into_iter().map(MaterialSpec::Mac);
        let specs: Vec<_> = specs.chain(PairSpec::ALL.into_iter().map(MaterialSpec::Pair)).collect();
        assert_eq!(TAGS.map(|(_, spec)| spec).to_vec(), specs);
        assert!(TAGS.iter().zip(1..).all(|((tag, _), number)| *tag == number));
        assert!(specs.iter().all(|spec| untag(tag(*spec).unwrap()) == Some(*spec)));
        assert_eq!(tag(MaterialSpec::Symmetric), None);
    }
}
