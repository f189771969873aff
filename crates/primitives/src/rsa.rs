//! RSA: RSASSA-PSS, RSASSA-PKCS1-v1_5 and RSAES-OAEP (RFC 8017).

use crate::pair::{Private, Public};
use crate::{EncryptionAlgorithm, Error, Hash, Message, PairSpec, SignatureAlgorithm};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey, PublicKeyComponents,
};
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaParameters, RsaSignatureEncoding,
};
use std::sync::OnceLock;
use zeroize::Zeroizing;

pub(crate) struct Rsa {
    pair: KeyPair,
    /// The same key once more, as the library takes it to decrypt: made when it is first wanted.
    decrypting: OnceLock<OaepPrivateDecryptingKey>,
}

impl Rsa {
    pub(crate) fn generate(spec: PairSpec) -> Result<Self, Error> {
        let size = match spec {
            PairSpec::Rsa2048 => KeySize::Rsa2048,
            PairSpec::Rsa3072 => KeySize::Rsa3072,
            _ => KeySize::Rsa4096,
        };
        Ok(Self { pair: KeyPair::generate(size)?, decrypting: OnceLock::new() })
    }

    pub(crate) fn from_pkcs8(spec: PairSpec, pkcs8: &[u8]) -> Result<Self, Error> {
        let pair = KeyPair::from_pkcs8(pkcs8).map_err(|_| Error::Key)?;
        if pair.public_modulus_len() != modulus_bytes(spec) {
            return Err(Error::Key);
        }
        Ok(Self { pair, decrypting: OnceLock::new() })
    }

    fn decrypting(&self) -> Result<&OaepPrivateDecryptingKey, Error> {
        if let Some(key) = self.decrypting.get() {
            return Ok(key);
        }
        let key = PrivateDecryptingKey::from_pkcs8(&self.pkcs8()?).map_err(|_| Error::Library)?;
        let key = OaepPrivateDecryptingKey::new(key)?;
        Ok(self.decrypting.get_or_init(|| key))
    }
}

impl Private for Rsa {
    fn encode(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.pkcs8()
    }

    fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der()?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    fn spki(&self) -> Result<Vec<u8>, Error> {
        let der: PublicKeyX509Der<'_> = self.pair.public_key().as_der()?;
        Ok(der.as_ref().to_vec())
    }

    fn sign(&self, algorithm: SignatureAlgorithm, message: Message<'_>) -> Result<Vec<u8>, Error> {
        let (encoding, hash) = encoding(algorithm)?;
        let mut signature = vec![0; self.pair.public_modulus_len()];
        match message {
            Message::Raw(message) => {
                self.pair.sign(encoding, &SystemRandom::new(), message, &mut signature)?;
            }
            Message::Digest(digest) => {
                self.pair.sign_digest(encoding, &hash.import(digest)?, &mut signature)?;
            }
            Message::ExternalMu(_) => return Err(Error::Algorithm),
        }
        Ok(signature)
    }

    fn decrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let padding = oaep(algorithm)?;
        let key = self.decrypting()?;
        let mut out = Zeroizing::new(vec![0; key.min_output_size()]);
        let length = key.decrypt(padding, ciphertext, &mut out, None).map_err(|_| Error::Ciphertext)?.len();
        out.truncate(length);
        Ok(out)
    }
}

pub(crate) struct Verifier {
    spki: Vec<u8>,
    encrypting: OaepPublicEncryptingKey,
}

impl Verifier {
    pub(crate) fn new(spec: PairSpec, spki: &[u8]) -> Result<Self, Error> {
        let key = PublicEncryptingKey::from_der(spki).map_err(|_| Error::PublicKey)?;
        if key.key_size_bytes() != modulus_bytes(spec) {
            return Err(Error::PublicKey);
        }
        Ok(Self { spki: spki.to_vec(), encrypting: OaepPublicEncryptingKey::new(key)? })
    }
}

impl Public for Verifier {
    fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: Message<'_>,
        signature: &[u8],
    ) -> Result<bool, Error> {
        let (parameters, hash) = parameters(algorithm)?;
        let key = ParsedPublicKey::new(parameters, &self.spki).map_err(|_| Error::Library)?;
        Ok(match message {
            Message::Raw(message) => key.verify_sig(message, signature),
            Message::Digest(digest) => key.verify_digest_sig(&hash.import(digest)?, signature),
            Message::ExternalMu(_) => return Err(Error::Algorithm),
        }
        .is_ok())
    }

    fn encrypt(&self, algorithm: EncryptionAlgorithm, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let padding = oaep(algorithm)?;
        if plaintext.len() > self.encrypting.max_plaintext_size(padding) {
            return Err(Error::TooLong);
        }
        let mut out = vec![0; self.encrypting.ciphertext_size()];
        let length = self.encrypting.encrypt(padding, plaintext, &mut out, None)?.len();
        out.truncate(length);
        Ok(out)
    }
}

/// A public key of RSA from its modulus and exponent, big-endian without leading zeros, as `SubjectPublicKeyInfo` (RFC 5280).
///
/// # Errors
/// [`Error::PublicKey`], if they are none, or the modulus has fewer than 2048 or more than 8192 bits.
pub fn public_key(modulus: &[u8], exponent: &[u8]) -> Result<Vec<u8>, Error> {
    let components = PublicKeyComponents { n: modulus, e: exponent };
    let key: PublicEncryptingKey = components.try_into().map_err(|_| Error::PublicKey)?;
    let der: PublicKeyX509Der<'_> = key.as_der()?;
    Ok(der.as_ref().to_vec())
}

/// How many bytes the modulus has, and with it each ciphertext and signature.
pub(crate) fn modulus_bytes(spec: PairSpec) -> usize {
    match spec {
        PairSpec::Rsa2048 => 256,
        PairSpec::Rsa3072 => 384,
        _ => 512,
    }
}

fn encoding(algorithm: SignatureAlgorithm) -> Result<(&'static RsaSignatureEncoding, Hash), Error> {
    match algorithm {
        SignatureAlgorithm::RsaPss(hash) => Ok(match hash {
            Hash::Sha256 => (&RSA_PSS_SHA256, hash),
            Hash::Sha384 => (&RSA_PSS_SHA384, hash),
            Hash::Sha512 => (&RSA_PSS_SHA512, hash),
        }),
        SignatureAlgorithm::RsaPkcs1(hash) => Ok(match hash {
            Hash::Sha256 => (&RSA_PKCS1_SHA256, hash),
            Hash::Sha384 => (&RSA_PKCS1_SHA384, hash),
            Hash::Sha512 => (&RSA_PKCS1_SHA512, hash),
        }),
        _ => Err(Error::Algorithm),
    }
}

fn parameters(algorithm: SignatureAlgorithm) -> Result<(&'static RsaParameters, Hash), Error> {
    match algorithm {
        SignatureAlgorithm::RsaPss(hash) => Ok(match hash {
            Hash::Sha256 => (&RSA_PSS_2048_8192_SHA256, hash),
            Hash::Sha384 => (&RSA_PSS_2048_8192_SHA384, hash),
            Hash::Sha512 => (&RSA_PSS_2048_8192_SHA512, hash),
        }),
        SignatureAlgorithm::RsaPkcs1(hash) => Ok(match hash {
            Hash::Sha256 => (&RSA_PKCS1_2048_8192_SHA256, hash),
            Hash::Sha384 => (&RSA_PKCS1_2048_8192_SHA384, hash),
            Hash::Sha512 => (&RSA_PKCS1_2048_8192_SHA512, hash),
        }),
        _ => Err(Error::Algorithm),
    }
}

fn oaep(algorithm: EncryptionAlgorithm) -> Result<&'static OaepAlgorithm, Error> {
    match algorithm {
        EncryptionAlgorithm::OaepSha1 => Ok(&OAEP_SHA1_MGF1SHA1),
        EncryptionAlgorithm::OaepSha256 => Ok(&OAEP_SHA256_MGF1SHA256),
        EncryptionAlgorithm::Sm2Pke => Err(Error::Algorithm),
    }
}
