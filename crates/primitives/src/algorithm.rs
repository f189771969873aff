//! What keys are used with.

use aws_lc_rs::digest;

/// A hash function of SHA-2 (FIPS 180-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// A digest that somebody made with this function, as the library takes it.
    pub(crate) fn import(self, digest: &[u8]) -> Result<digest::Digest, crate::Error> {
        digest::Digest::import_less_safe(digest, self.algorithm()).map_err(|_| crate::Error::DigestLength)
    }

    /// The digest of a message.
    pub fn digest(self, message: &[u8]) -> Vec<u8> {
        digest::digest(self.algorithm(), message).as_ref().to_vec()
    }

    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

/// How to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// RSASSA-PSS (RFC 8017), MGF1 with the same hash function, and a salt as long as its digest.
    RsaPss(Hash),
    /// RSASSA-PKCS1-v1_5 (RFC 8017).
    RsaPkcs1(Hash),
    /// ECDSA (FIPS 186-5), signatures in DER.
    Ecdsa(Hash),
    /// Pure Ed25519 (RFC 8032).
    Ed25519,
    /// Ed25519ph (RFC 8032) of a digest by SHA-512, which is hashed once more.
    Ed25519Ph,
    /// SM2 with SM3 and the default distinguishing id (GB/T 32918.2), signatures in DER.
    Sm2Dsa,
    /// ML-DSA (FIPS 204) with an empty context, hedged.
    MlDsa,
}

impl SignatureAlgorithm {
    /// How many bytes the digest has that is signed in place of a message; none, if messages must be given whole.
    pub const fn digest_bytes(self) -> Option<usize> {
        match self {
            Self::RsaPss(hash) | Self::RsaPkcs1(hash) | Self::Ecdsa(hash) => Some(hash.bytes()),
            Self::Ed25519Ph => Some(64),
            Self::Sm2Dsa => Some(32),
            Self::Ed25519 | Self::MlDsa => None,
        }
    }
}

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// A message.
    Raw(&'a [u8]),
    /// The digest of a message by the algorithm's hash function.
    Digest(&'a [u8]),
    /// The message representative of ML-DSA (FIPS 204, algorithm 7, line 6): 64 bytes.
    ExternalMu(&'a [u8]),
}

/// How to encrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EncryptionAlgorithm {
    /// RSAES-OAEP (RFC 8017) with SHA-1, and MGF1 with it.
    OaepSha1,
    /// RSAES-OAEP with SHA-256, and MGF1 with it.
    OaepSha256,
    /// SM2 (GB/T 32918.4), ciphertexts in the DER of GM/T 0009.
    Sm2Pke,
}
