//! Key pairs, whatever their spec.

use crate::ec::{self, Ec};
use crate::ed25519::{self, Ed25519};
use crate::ml_dsa::{self, MlDsa};
use crate::ml_kem::{self, MlKem};
use crate::rsa::{self, Rsa};
use crate::sm2::{self, Sm2};
use crate::{EncryptionAlgorithm, Error, Message, PairSpec, SignatureAlgorithm};
use std::fmt;
use zeroize::Zeroizing;

/// What a family of private keys can do. What it cannot is [`Error::Algorithm`].
pub(crate) trait Private: Send + Sync {
    fn encode(&self) -> Result<Zeroizing<Vec<u8>>, Error>;

    fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error>;

    fn spki(&self) -> Result<Vec<u8>, Error>;

    fn sign(&self, _: SignatureAlgorithm, _: Message<'_>) -> Result<Vec<u8>, Error> {
        Err(Error::Algorithm)
    }

    fn decrypt(&self, _: EncryptionAlgorithm, _: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        Err(Error::Algorithm)
    }

    fn agree(&self, _: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        Err(Error::Algorithm)
    }

    fn decapsulate(&self, _: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        Err(Error::Algorithm)
    }
}

/// What a family of public keys can do.
pub(crate) trait Public: Send + Sync {
    fn verify(&self, _: SignatureAlgorithm, _: Message<'_>, _: &[u8]) -> Result<bool, Error> {
        Err(Error::Algorithm)
    }

    fn encrypt(&self, _: EncryptionAlgorithm, _: &[u8]) -> Result<Vec<u8>, Error> {
        Err(Error::Algorithm)
    }

    fn encapsulate(&self) -> Result<Encapsulated, Error> {
        Err(Error::Algorithm)
    }
}

/// A ciphertext, and the secret within.
pub type Encapsulated = (Vec<u8>, Zeroizing<Vec<u8>>);

/// A key pair. Whatever holds its private key wipes it when dropped.
pub struct KeyPair {
    private: Box<dyn Private>,
    public: PublicKey,
}

impl KeyPair {
    /// Makes a new key pair. RSA takes long: a tenth of a second, or some.
    ///
    /// # Errors
    /// Those of the library.
    pub fn generate(spec: PairSpec) -> Result<Self, Error> {
        Self::new(
            spec,
            match family(spec) {
                Family::Rsa => Box::new(Rsa::generate(spec)?),
                Family::Ec => Box::new(Ec::generate(spec)?),
                Family::Ed25519 => Box::new(Ed25519::generate()?),
                Family::Sm2 => Box::new(Sm2::generate()?),
                Family::MlDsa => Box::new(MlDsa::generate(spec)?),
                Family::MlKem => Box::new(MlKem::generate(spec)?),
            },
        )
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`Error::Key`]
    pub fn read(spec: PairSpec, encoded: &[u8]) -> Result<Self, Error> {
        Self::new(
            spec,
            match family(spec) {
                Family::Rsa => Box::new(Rsa::from_pkcs8(spec, encoded)?),
                Family::Ec => Box::new(Ec::from_pkcs8(spec, encoded)?),
                Family::Ed25519 => Box::new(Ed25519::from_seed(encoded)?),
                Family::Sm2 => Box::new(Sm2::from_scalar(encoded)?),
                Family::MlDsa => Box::new(MlDsa::from_seed(spec, encoded)?),
                Family::MlKem => Box::new(MlKem::from_seed(spec, encoded)?),
            },
        )
    }

    /// Takes over a key pair from elsewhere: a private key in PKCS#8 (RFC 5958), ML-DSA's and ML-KEM's with their seed.
    ///
    /// # Errors
    /// [`Error::Key`], if it is not valid or of another spec.
    pub fn from_pkcs8(spec: PairSpec, pkcs8: &[u8]) -> Result<Self, Error> {
        let pair = Self::new(
            spec,
            match family(spec) {
                Family::Rsa => Box::new(Rsa::from_pkcs8(spec, pkcs8)?),
                Family::Ec => Box::new(Ec::from_pkcs8(spec, pkcs8)?),
                Family::Ed25519 => Box::new(Ed25519::from_pkcs8(pkcs8)?),
                Family::Sm2 => Box::new(Sm2::from_pkcs8(pkcs8)?),
                Family::MlDsa => Box::new(MlDsa::from_pkcs8(spec, pkcs8)?),
                Family::MlKem => Box::new(MlKem::from_pkcs8(spec, pkcs8)?),
            },
        )?;
        Ok(pair)
    }

    fn new(spec: PairSpec, private: Box<dyn Private>) -> Result<Self, Error> {
        let public = PublicKey::from_spki(spec, private.spki()?).map_err(|_| Error::Key)?;
        Ok(Self { private, public })
    }

    /// The shortest form, always the same for the same key.
    ///
    /// # Errors
    /// Those of the library.
    pub fn encode(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.private.encode()
    }

    /// The private key in PKCS#8, ML-DSA's and ML-KEM's as their seed.
    ///
    /// # Errors
    /// Those of the library.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.private.pkcs8()
    }

    /// The public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a message.
    ///
    /// # Errors
    /// [`Error::Algorithm`], [`Error::DigestLength`], and those of the library.
    pub fn sign(&self, algorithm: SignatureAlgorithm, message: Message<'_>) -> Result<Vec<u8>, Error> {
        self.private.sign(algorithm, message)
    }

    /// Decrypts what was encrypted to the public key.
    ///
    /// # Errors
    /// [`Error::Algorithm`], and else [`Error::Ciphertext`] whatever is wrong.
    pub fn decrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.private.decrypt(algorithm, ciphertext)
    }

    /// Agrees on a secret with the holder of another key pair on the same curve: the x-coordinate that ECDH gives (NIST SP 800-56A,
    /// section 5.7.1.2), which is no key before it went through a key derivation function. The peer's is a `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// [`Error::Algorithm`], and [`Error::PublicKey`] if the peer's key is not valid or on another curve.
    pub fn agree(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.private.agree(peer)
    }

    /// The secret that was encapsulated to the public key. A ciphertext of the right length always gives one (FIPS 203: implicit
    /// rejection).
    ///
    /// # Errors
    /// [`Error::Algorithm`], and [`Error::Ciphertext`] if its length is another than that of the spec.
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.private.decapsulate(ciphertext)
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("spec", &self.public.spec).finish_non_exhaustive()
    }
}

/// A public key.
pub struct PublicKey {
    spec: PairSpec,
    spki: Vec<u8>,
    key: Box<dyn Public>,
}

impl PublicKey {
    /// A public key from its `SubjectPublicKeyInfo` (RFC 5280) in DER.
    ///
    /// # Errors
    /// [`Error::PublicKey`], if it is not valid or of another spec.
    pub fn from_spki(spec: PairSpec, spki: Vec<u8>) -> Result<Self, Error> {
        let key: Box<dyn Public> = match family(spec) {
            Family::Rsa => Box::new(rsa::Verifier::new(spec, &spki)?),
            Family::Ec => Box::new(ec::Verifier::new(spec, &spki)?),
            Family::Ed25519 => Box::new(ed25519::Verifier::new(&spki)?),
            Family::Sm2 => Box::new(sm2::Verifier::new(&spki)?),
            Family::MlDsa => Box::new(ml_dsa::Verifier::new(spec, &spki)?),
            Family::MlKem => Box::new(ml_kem::Encapsulator::new(spec, &spki)?),
        };
        Ok(Self { spec, spki, key })
    }

    /// What kind of key it is.
    pub fn spec(&self) -> PairSpec {
        self.spec
    }

    /// Its `SubjectPublicKeyInfo`.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Whether the signature is one of the message by the private key.
    ///
    /// # Errors
    /// [`Error::Algorithm`], [`Error::DigestLength`]
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: Message<'_>,
        signature: &[u8],
    ) -> Result<bool, Error> {
        self.key.verify(algorithm, message, signature)
    }

    /// Encrypts to the holder of the private key.
    ///
    /// # Errors
    /// [`Error::Algorithm`], [`Error::TooLong`], and those of the library.
    pub fn encrypt(&self, algorithm: EncryptionAlgorithm, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        self.key.encrypt(algorithm, plaintext)
    }

    /// Makes a secret and tells it to the holder of the private key: the ciphertext, and the secret of 32 bytes.
    ///
    /// # Errors
    /// [`Error::Algorithm`], and those of the library.
    pub fn encapsulate(&self) -> Result<Encapsulated, Error> {
        self.key.encapsulate()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// Specs whose keys work alike.
enum Family {
    Rsa,
    Ec,
    Ed25519,
    Sm2,
    MlDsa,
    MlKem,
}

fn family(spec: PairSpec) -> Family {
    match spec {
        PairSpec::Rsa2048 | PairSpec::Rsa3072 | PairSpec::Rsa4096 => Family::Rsa,
        PairSpec::P256 | PairSpec::P384 | PairSpec::P521 | PairSpec::Secp256k1 => Family::Ec,
        PairSpec::Ed25519 => Family::Ed25519,
        PairSpec::Sm2 => Family::Sm2,
        PairSpec::MlDsa44 | PairSpec::MlDsa65 | PairSpec::MlDsa87 => Family::MlDsa,
        PairSpec::MlKem512 | PairSpec::MlKem768 | PairSpec::MlKem1024 => Family::MlKem,
    }
}
