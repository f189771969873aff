//! SM2 (GB/T 32918): signatures, encryption, and plain ECDH on its curve.

use crate::pair::{Private, Public};
use crate::random::AwsLc;
use crate::{EncryptionAlgorithm, Error, Message, SignatureAlgorithm};
use ::sm2::dsa::signature::hazmat::{PrehashVerifier as _, RandomizedPrehashSigner as _};
use ::sm2::dsa::signature::{RandomizedSigner as _, Verifier as _};
use ::sm2::dsa::{Signature, SigningKey, VerifyingKey};
use ::sm2::elliptic_curve::Generate as _;
use ::sm2::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
};
use ::sm2::pke::{DecryptingKey, EncryptingKey};
use ::sm2::{PublicKey, SecretKey};
use zeroize::Zeroizing;

/// The distinguishing id of whoever has none (GB/T 35276), which AWS KMS uses (KMS Developer Guide, "Offline verification with SM2
/// key pairs").
const DISTINGUISHING_ID: &str = "1234567812345678";

pub(crate) struct Sm2(SecretKey);

impl Sm2 {
    pub(crate) fn generate() -> Result<Self, Error> {
        SecretKey::try_generate_from_rng(&mut AwsLc).map(Self).map_err(|_| Error::Library)
    }

    pub(crate) fn from_scalar(scalar: &[u8]) -> Result<Self, Error> {
        SecretKey::from_slice(scalar).map(Self).map_err(|_| Error::Key)
    }

    pub(crate) fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, Error> {
        SecretKey::from_pkcs8_der(pkcs8).map(Self).map_err(|_| Error::Key)
    }
}

impl Private for Sm2 {
    fn encode(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        Ok(Zeroizing::new(Zeroizing::new(self.0.to_bytes()).to_vec()))
    }

    fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.0.to_pkcs8_der().map(|der| der.to_bytes()).map_err(|_| Error::Library)
    }

    fn spki(&self) -> Result<Vec<u8>, Error> {
        let der = self.0.public_key().to_public_key_der().map_err(|_| Error::Library)?;
        Ok(der.into_vec())
    }

    fn sign(&self, algorithm: SignatureAlgorithm, message: Message<'_>) -> Result<Vec<u8>, Error> {
        require_sm2(algorithm)?;
        let key = SigningKey::new(DISTINGUISHING_ID, &self.0).map_err(|_| Error::Library)?;
        let signature = match message {
            Message::Raw(message) => key.try_sign_with_rng(&mut AwsLc, message),
            Message::Digest(digest) => key.sign_prehash_with_rng(&mut AwsLc, require_digest(digest)?),
            Message::ExternalMu(_) => return Err(Error::Algorithm),
        };
        Ok(signature.map_err(|_| Error::Library)?.to_der().to_vec())
    }

    fn decrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        require_sm2_pke(algorithm)?;
        let plaintext = DecryptingKey::new(self.0.clone()).decrypt_der(ciphertext);
        plaintext.map(Zeroizing::new).map_err(|_| Error::Ciphertext)
    }

    fn agree(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let peer = PublicKey::from_public_key_der(peer).map_err(|_| Error::PublicKey)?;
        let secret = elliptic_curve::ecdh::diffie_hellman(self.0.to_nonzero_scalar(), peer.as_affine());
        Ok(Zeroizing::new(secret.raw_secret_bytes().to_vec()))
    }
}

pub(crate) struct Verifier(PublicKey);

impl Verifier {
    pub(crate) fn new(spki: &[u8]) -> Result<Self, Error> {
        PublicKey::from_public_key_der(spki).map(Self).map_err(|_| Error::PublicKey)
    }
}

impl Public for Verifier {
    fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: Message<'_>,
        signature: &[u8],
    ) -> Result<bool, Error> {
        require_sm2(algorithm)?;
        let key = VerifyingKey::new(DISTINGUISHING_ID, self.0).map_err(|_| Error::Library)?;
        let signature = Signature::from_der(signature);
        let verify = |signature: &Signature| {
            Ok(match message {
                Message::Raw(message) => key.verify(message, signature),
                Message::Digest(digest) => key.verify_prehash(require_digest(digest)?, signature),
                Message::ExternalMu(_) => return Err(Error::Algorithm),
            }
            .is_ok())
        };
        signature.as_ref().map_or(Ok(false), verify)
    }

    fn encrypt(&self, algorithm: EncryptionAlgorithm, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        require_sm2_pke(algorithm)?;
        EncryptingKey::new(self.0).encrypt_der(&mut AwsLc, plaintext).map_err(|_| Error::Library)
    }
}

fn require_sm2(algorithm: SignatureAlgorithm) -> Result<(), Error> {
    if algorithm == SignatureAlgorithm::Sm2Dsa { Ok(()) } else { Err(Error::Algorithm) }
}

fn require_sm2_pke(algorithm: EncryptionAlgorithm) -> Result<(), Error> {
    if algorithm == EncryptionAlgorithm::Sm2Pke { Ok(()) } else { Err(Error::Algorithm) }
}

fn require_digest(digest: &[u8]) -> Result<&[u8], Error> {
    let fits = Some(digest.len()) == SignatureAlgorithm::Sm2Dsa.digest_bytes();
    if fits { Ok(digest) } else { Err(Error::DigestLength) }
}
