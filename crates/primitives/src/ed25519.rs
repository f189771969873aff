//! Ed25519 and Ed25519ph (RFC 8032).

use crate::pair::{Private, Public};
use crate::{Error, Message, SignatureAlgorithm, der};
use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _, Curve25519SeedBin, PublicKeyX509Der};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey};
use ed25519_dalek::{Digest as _, Sha512, Signature, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

pub(crate) struct Ed25519(Ed25519KeyPair);

impl Ed25519 {
    pub(crate) fn generate() -> Result<Self, Error> {
        Ok(Self(Ed25519KeyPair::generate()?))
    }

    pub(crate) fn from_seed(seed: &[u8]) -> Result<Self, Error> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self).map_err(|_| Error::Key)
    }

    pub(crate) fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, Error> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map(Self).map_err(|_| Error::Key)
    }
}

impl Private for Ed25519 {
    fn encode(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let seed: Curve25519SeedBin<'_> = self.0.seed()?.as_be_bytes()?;
        Ok(Zeroizing::new(seed.as_ref().to_vec()))
    }

    fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        Ok(Zeroizing::new(self.0.to_pkcs8v1()?.as_ref().to_vec()))
    }

    fn spki(&self) -> Result<Vec<u8>, Error> {
        let der: PublicKeyX509Der<'_> = self.0.public_key().as_der()?;
        Ok(der.as_ref().to_vec())
    }

    fn sign(&self, algorithm: SignatureAlgorithm, message: Message<'_>) -> Result<Vec<u8>, Error> {
        match (algorithm, message) {
            (SignatureAlgorithm::Ed25519, Message::Raw(message)) => {
                Ok(self.0.try_sign(message)?.as_ref().to_vec())
            }
            (SignatureAlgorithm::Ed25519Ph, Message::Digest(digest)) => {
                let hash = prehash(digest)?;
                let seed = Zeroizing::new(self.encode()?.as_slice().try_into().map_err(|_| Error::Library)?);
                let signature = SigningKey::from_bytes(&seed).sign_prehashed(hash, None);
                Ok(signature.map_err(|_| Error::Library)?.to_vec())
            }
            _ => Err(Error::Algorithm),
        }
    }
}

pub(crate) struct Verifier {
    key: ParsedPublicKey,
    point: [u8; 32],
}

impl Verifier {
    pub(crate) fn new(spki: &[u8]) -> Result<Self, Error> {
        let point = der::public_key(der::ED25519, spki)?.try_into().map_err(|_| Error::PublicKey)?;
        let key = ParsedPublicKey::new(&ED25519, spki).map_err(|_| Error::PublicKey)?;
        Ok(Self { key, point })
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
            (SignatureAlgorithm::Ed25519, Message::Raw(message)) => {
                Ok(self.key.verify_sig(message, signature).is_ok())
            }
            (SignatureAlgorithm::Ed25519Ph, Message::Digest(digest)) => {
                let hash = prehash(digest)?;
                let key = VerifyingKey::from_bytes(&self.point).map_err(|_| Error::PublicKey)?;
                let signature = Signature::from_slice(signature);
                Ok(signature.is_ok_and(|signature| key.verify_prehashed(hash, None, &signature).is_ok()))
            }
            _ => Err(Error::Algorithm),
        }
    }
}

/// The first step of Ed25519ph, of what is a digest already.
fn prehash(digest: &[u8]) -> Result<Sha512, Error> {
    if Some(digest.len()) != SignatureAlgorithm::Ed25519Ph.digest_bytes() {
        return Err(Error::DigestLength);
    }
    Ok(Sha512::new_with_prefix(digest))
}
