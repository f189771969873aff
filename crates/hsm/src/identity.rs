//! The key by which a token is known, and certificates kept in it. They are there before the token has a user, so they belong to nobody:
//! public objects in the sense of PKCS#11, though the private key is sensitive and cannot be extracted.

use crate::{HsmError, Token};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, CertificateType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

/// What the objects are called.
const LABEL: &str = "cluster-identity";

/// Bits of the RSA key: those of AWS CloudHSM's clusters.
const MODULUS_BITS: u64 = 2048;

/// An RSA public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Big endian.
    pub modulus: Vec<u8>,
    /// Big endian.
    pub exponent: Vec<u8>,
}

/// A token's identity, while its security officer is logged in.
#[derive(Debug)]
pub struct Identity<'a> {
    session: &'a Session,
    private: ObjectHandle,
    public: PublicKey,
}

impl Token {
    /// Does work with the token's identity, which is made if there is none yet.
    ///
    /// # Errors
    /// The PIN of the security officer is another, or the device refuses.
    pub fn with_identity<T>(
        &self,
        so_pin: &str,
        work: impl FnOnce(&Identity<'_>) -> Result<T, HsmError>,
    ) -> Result<T, HsmError> {
        self.as_officer(so_pin, |session| {
            let private = match found(session, ObjectClass::PRIVATE_KEY)? {
                Some(private) => private,
                None => make(session)?,
            };
            let public = found(session, ObjectClass::PUBLIC_KEY)?.ok_or(HsmError::Nonsense)?;
            let public = read(session, public)?;
            work(&Identity { session, private, public })
        })
    }

    /// Keeps a certificate (DER) beside the identity.
    ///
    /// # Errors
    /// The PIN of the security officer is another, or the device refuses.
    pub fn keep_certificate(&self, so_pin: &str, subject: &[u8], der: &[u8]) -> Result<(), HsmError> {
        self.as_officer(so_pin, |session| {
            if let Some(old) = found(session, ObjectClass::CERTIFICATE)? {
                session.destroy_object(old)?;
            }
            session.create_object(&[
                Attribute::Class(ObjectClass::CERTIFICATE),
                Attribute::CertificateType(CertificateType::X_509),
                Attribute::Label(LABEL.as_bytes().to_vec()),
                Attribute::Token(true),
                Attribute::Private(false),
                Attribute::Subject(subject.to_vec()),
                Attribute::Value(der.to_vec()),
            ])?;
            Ok(())
        })
    }
}

impl Identity<'_> {
    /// The public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs with RSASSA-PKCS1-v1_5 and SHA-256, inside the token.
    ///
    /// # Errors
    /// The device refuses.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, HsmError> {
        Ok(self.session.sign(&Mechanism::Sha256RsaPkcs, self.private, message)?)
    }
}

fn found(session: &Session, class: ObjectClass) -> Result<Option<ObjectHandle>, HsmError> {
    let template =
        [Attribute::Class(class), Attribute::Token(true), Attribute::Label(LABEL.as_bytes().to_vec())];
    Ok(session.find_objects(&template)?.first().copied())
}

fn make(session: &Session) -> Result<ObjectHandle, HsmError> {
    let label = || Attribute::Label(LABEL.as_bytes().to_vec());
    let public = [
        Attribute::Token(true),
        Attribute::Private(false),
        label(),
        Attribute::KeyType(KeyType::RSA),
        Attribute::ModulusBits(MODULUS_BITS.into()),
        Attribute::PublicExponent(vec![1, 0, 1]),
        Attribute::Verify(true),
    ];
    let private = [
        Attribute::Token(true),
        Attribute::Private(false),
        label(),
        Attribute::KeyType(KeyType::RSA),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Decrypt(false),
        Attribute::Unwrap(false),
    ];
    let (_, private) = session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private)?;
    Ok(private)
}

fn read(session: &Session, key: ObjectHandle) -> Result<PublicKey, HsmError> {
    let attributes = session.get_attributes(key, &[AttributeType::Modulus, AttributeType::PublicExponent])?;
    let (mut modulus, mut exponent) = (None, None);
    for attribute in attributes {
        match attribute {
            Attribute::Modulus(bytes) => modulus = Some(bytes),
            Attribute::PublicExponent(bytes) => exponent = Some(bytes),
            _ => {}
        }
    }
    match (modulus, exponent) {
        (Some(modulus), Some(exponent)) => Ok(PublicKey { modulus, exponent }),
        _ => Err(HsmError::Nonsense),
    }
}
